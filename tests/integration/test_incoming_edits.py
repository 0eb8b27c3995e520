"""Edits change what stands in the cards, in place; the first version is kept; what changed nothing changes nothing."""

from __future__ import annotations

import pytest

from dealgram.persistence import originals
from dealgram.sandbox import samples

POLICIES = ["deal_participant", "deal", "participant"]


@pytest.fixture
def play(hall):
    return hall


def edits(stage) -> int:
    """How many edits amoCRM was sent."""
    return sum(b'"edit_message"' in request.body for request in stage.amo.requests)


async def kept(stage, chat, message):
    found = await originals.get(
        stage.service.services.db, stage.account.account_id, stage.world.sales_bot.id, chat.id, message["message_id"]
    )
    assert found is not None
    return found


async def edited(stage, chat, message, count: int = 1) -> list:
    """Wait until all that stands for a message is edited."""

    def complete():
        items = list(stage.standing(chat, message["message_id"]).values())
        return len(items) == count and all(item.is_edited for item in items) and items

    return await stage.until(complete, f"message {message['message_id']} edited in {count} conversations")


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_caption_changes_and_its_photo_stays(play, choose, policy):
    """Complaint 10: chatwoot/chatwoot#10760."""
    world, stage = play.stage.world, play.stage
    await choose(policy=policy)
    await play.link(world.cafe)
    await play.link(world.office)
    count, name = (1 if policy == "participant" else 2), (f"{world.igor.name}: " if policy == "deal" else "")
    message = stage.telegram.send_media(world.igor, play.chat, "photo", samples.jpeg(), caption="Фасат")
    await stage.stands(play.chat, message, count)
    stage.telegram.edit(world.igor, play.chat, message["message_id"], "Фасад")
    for item in await edited(stage, play.chat, message, count):
        assert (item.type, item.text, item.data) == ("picture", f"{name}Фасад", samples.jpeg())
    row = await kept(stage, play.chat, message)
    assert (row.first_text, row.text, row.edits) == ("🖼 Фотография\nФасат", "🖼 Фотография\nФасад", 1)
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_another_file_takes_the_place_of_the_first(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    message = stage.telegram.send_media(world.igor, play.chat, "photo", samples.jpeg(), caption="Фасад")
    (before,) = await stage.stands(play.chat, message)
    stage.telegram.edit_media(world.igor, play.chat, message["message_id"], "photo", samples.jpeg(seed=1))
    (after,) = await edited(stage, play.chat, message)
    assert (after.amo_id, after.text) == (before.amo_id, "Фасад")
    (shown,) = await stage.stands(play.chat, message)
    await stage.until(
        lambda: stage.standing(play.chat, message["message_id"])[shown.conversation].data == samples.jpeg(seed=1),
        "bytes",
    )
    assert (await kept(stage, play.chat, message)).edits == 1
    stage.assert_clean()


async def test_edits_that_change_nothing_are_no_edits(play):
    """Complaint 11: tdlib/telegram-bot-api#388, #773."""
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    text = stage.telegram.write(world.igor, play.chat, "Привет")
    photo = stage.telegram.send_media(world.igor, play.chat, "photo", samples.jpeg(), caption="Фасад")
    await stage.stands(play.chat, photo)
    for message in (text, photo):
        stage.telegram.touch(play.chat, message["message_id"])
        stage.telegram.touch(play.chat, message["message_id"])
    await play.words(world.igor, "Дальше", world.cafe)
    assert edits(stage) == 0
    assert (await kept(stage, play.chat, text)).edits == 0
    stage.telegram.edit(world.igor, play.chat, text["message_id"], "Привет!")
    stage.telegram.touch(play.chat, text["message_id"])
    (item,) = await edited(stage, play.chat, text)
    await stage.settled()
    assert (item.text, edits(stage)) == ("Привет!", 1)
    stage.assert_clean()


async def test_edits_in_private_keep_the_first_text(stage):
    world = stage.world
    chat = stage.telegram.private_chat(world.anna, world.sales_bot)
    message = stage.telegram.write(world.anna, world.sales_bot, "Раз")
    await stage.in_card(world.anna, "Раз")
    for text in ("Два", "Три"):
        stage.telegram.edit(world.anna, world.sales_bot, message["message_id"], text)
    item = await stage.in_card(world.anna, "Три")
    assert item.is_edited
    await stage.quiet()
    row = await kept(stage, chat, message)
    assert (row.first_text, row.text, row.edits) == ("Раз", "Три", 2)
    assert stage.card_texts(world.anna) == ["Три"]
    stage.assert_clean()
    await stage.assert_undisturbed()


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_edit_that_amocrm_refuses_is_a_line_under_the_message(play, choose, policy):
    world, stage = play.stage.world, play.stage
    await choose(policy=policy)
    await play.link(world.cafe)
    message = stage.telegram.write(world.igor, play.chat, "Встреча в 10")
    await stage.stands(play.chat, message)
    await stage.settled()
    order = stage.amo.faults.answer("amojo.send", status=400, body={"error": "no"}, times=1)
    stage.telegram.edit(world.igor, play.chat, message["message_id"], "Встреча в 11")
    await stage.taken(order)
    name = f"{world.igor.name}: " if policy == "deal" else ""
    line = f"✏️ Изменено: {name}Встреча в 11"
    await stage.until(lambda: line in stage.texts(world.cafe), "the line")
    await stage.settled()
    said = [item for item in stage.feed(world.cafe) if "Встреча" in item.text]
    assert [item.text for item in said] == [f"{name}Встреча в 10", line]
    assert said[1].quote == f"{name}Встреча в 10"
    assert said[1].conversation == said[0].conversation
    await stage.assert_undisturbed()


async def test_an_edit_of_something_that_stands_nowhere_is_let_be(play):
    world, stage = play.stage.world, play.stage
    before = stage.telegram.write(world.igor, play.chat, "До связи")
    await stage.settled()
    await play.link(world.cafe)
    stage.telegram.edit(world.igor, play.chat, before["message_id"], "Всё ещё до связи")
    await play.words(world.igor, "После", world.cafe)
    assert edits(stage) == 0
    assert await stage.count("SELECT count(*) FROM originals WHERE text LIKE '%связи'") == 0
    await stage.assert_undisturbed()


async def test_an_edit_that_comes_while_the_message_still_waits_is_its_last_word(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    await play.words(world.igor, "Начало", world.cafe)
    order = stage.amo.faults.answer("amojo.send", status=503, times=2)
    message = stage.telegram.write(world.igor, play.chat, "Раз")
    await stage.taken(order)
    stage.telegram.edit(world.igor, play.chat, message["message_id"], "Два")
    (item,) = await edited(stage, play.chat, message)
    assert item.text == "Два"
    await stage.assert_undisturbed()
