"""Albums keep their order and say once what belongs to all; deals that are linked later get files and quotes too."""

from __future__ import annotations

import pytest

from dealgram.persistence import accounts
from dealgram.persistence.records import Employee, upsert
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import Switches

POLICIES = ["deal_participant", "deal", "participant"]
ALBUM = [("photo", samples.jpeg(seed=number)) for number in range(4)] + [("video", samples.mp4())]


@pytest.fixture
def amo_switches():
    return Switches(rest_rate_per_s=None, history_window_s=None)


@pytest.fixture
def play(hall):
    return hall


async def arrived(stage, chat, album, count: int = 1) -> list[list]:
    """The messages of an album as each conversation shows them, in the order of the card."""
    items = [item for message in album for item in await stage.stands(chat, message, count)]
    shown = {}
    for item in sorted(items, key=lambda item: (item.at, item.arrival)):
        shown.setdefault(item.conversation, []).append(item)
    return list(shown.values())


@pytest.mark.parametrize("policy", POLICIES)
async def test_an_album_keeps_its_order_and_its_caption_stands_once(play, choose, policy):
    """Complaint 9: mautrix/telegram#451, openclaw/openclaw#114092."""
    world, stage = play.stage.world, play.stage
    await choose(policy=policy)
    await play.link(world.cafe)
    await play.link(world.office)
    album = stage.telegram.send_album(world.igor, play.chat, ALBUM, caption="Варианты")
    cards = await arrived(stage, play.chat, album, 1 if policy == "participant" else 2)
    name = f"{world.igor.name}: " if policy == "deal" else ""
    for card in cards:
        assert [(item.type, item.data) for item in card] == [
            *(("picture", samples.jpeg(seed=number)) for number in range(4)),
            ("video", samples.mp4()),
        ]
        assert [item.text for item in card] == [f"{name}Варианты", "", "", "", ""]
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_an_album_says_once_who_speaks_whence_it_is_and_what_it_answers(play, choose):
    """Complaint 15: forwarded media loses media or source (42wim/matterbridge#2116)."""
    world, stage = play.stage.world, play.stage
    await choose(policy="deal")
    await play.link(world.cafe)
    question = stage.telegram.write(world.maria, play.chat, "Покажете?")
    answered = stage.telegram.send_album(world.igor, play.chat, ALBUM[:3], reply_to=question["message_id"])
    (card,) = await arrived(stage, play.chat, answered)
    assert [(item.text, item.quote) for item in card] == [
        ("Игорь Петров:", "Мария Кузнецова: Покажете?"),
        ("", ""),
        ("", ""),
    ]
    passed = stage.telegram.forward_album(world.maria, play.chat, play.chat, [one["message_id"] for one in answered])
    (card,) = await arrived(stage, play.chat, passed)
    assert [item.text for item in card] == ["Мария Кузнецова: ↪️ Переслано: Игорь Петров", "", ""]
    assert [item.data for item in card] == [data for _, data in ALBUM[:3]]
    stage.assert_clean()


async def test_a_restart_within_an_album_repeats_nothing(empty_stage, connected, running, play_of):
    stage, world = empty_stage, empty_stage.world
    chat = stage.telegram.create_group("Полдень: сайт", world.anna, kind="supergroup")
    for person in (world.igor, world.sales_bot):
        stage.telegram.add_member(chat, person, by=world.anna)
    stage.telegram.promote(chat, world.sales_bot)
    play = play_of(stage, chat, world.sales_bot)
    async with connected(stage):
        await stage.settled()
        await accounts.change_settings(stage.service.services.db, stage.account.account_id, {"policy": "deal"})
        await stage.service.refresh()
        await play.link(world.cafe)
        first = stage.telegram.send_media(world.igor, chat, "photo", samples.jpeg(), caption="Фасад", album="7")
        await stage.stands(chat, first)
        await stage.settled()
    async with running(stage):
        second = stage.telegram.send_media(world.igor, chat, "photo", samples.jpeg(seed=1), album="7")
        (item,) = await stage.stands(chat, second)
        assert item.text == ""
        await stage.settled()


async def test_a_caption_in_the_middle_of_an_album_stays_with_its_picture(play):
    world, stage = play.stage.world, play.stage
    await play.link(world.cafe)
    album = [
        stage.telegram.send_media(world.igor, play.chat, "photo", data, caption=caption, album="7")
        for (_, data), caption in zip(ALBUM[:3], [None, "Второй", "Третий"], strict=True)
    ]
    (card,) = await arrived(stage, play.chat, album)
    assert [item.text for item in card] == ["", "Второй", "Третий"]
    stage.telegram.edit(world.igor, play.chat, album[1]["message_id"], "Второй вариант")
    await stage.until(lambda: "Второй вариант" in stage.texts(world.cafe), "the caption edited")


async def test_an_import_brings_files_quotes_and_the_latest_versions(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=100)
    row = Employee(account_id=stage.account.account_id, user_id=world.maria.id, amo_user_id=world.olga.id)
    await upsert(stage.service.services.db, row)
    await stage.service.refresh()
    photo = stage.telegram.send_media(world.igor, play.chat, "photo", samples.jpeg(), caption="Фасат")
    stage.telegram.edit(world.igor, play.chat, photo["message_id"], "Фасад")
    exchanged = stage.telegram.send_media(world.igor, play.chat, "photo", samples.jpeg(seed=1))
    stage.telegram.edit_media(world.igor, play.chat, exchanged["message_id"], "photo", samples.jpeg(seed=2))
    album = stage.telegram.send_album(world.igor, play.chat, ALBUM[:2], caption="Два")
    file = stage.telegram.send_media(
        world.maria, play.chat, "document", samples.pdf(), file_name="Смета.pdf", reply_to=photo["message_id"]
    )
    place = stage.telegram.share_location(world.igor, play.chat, 37.5, 55.75, live_period=900)
    stage.telegram.move_location(world.igor, play.chat, place["message_id"], 38.0, 55.75)
    await stage.settled()
    await play.link(world.cafe)
    expected = [
        (photo, "picture", "Фасад", samples.jpeg()),
        (exchanged, "picture", "", samples.jpeg(seed=2)),
        (album[0], "picture", "Два", ALBUM[0][1]),
        (album[1], "picture", "", ALBUM[1][1]),
        (file, "file", "↩️ Игорь Петров: 🖼 Фотография Фасад", samples.pdf()),
        (place, "location", "📍 Трансляция геопозиции (15 минут)", None),
    ]
    for message, shown, text, data in expected:
        (item,) = await stage.stands(play.chat, message)
        assert (item.type, item.text, item.data) == (shown, text, data)
        assert item.silent or item.direction == "out"
    # What was imported is edited where it stands; its first version is known from when it was written.
    stage.telegram.edit(world.igor, play.chat, photo["message_id"], "Фасад дома")
    await stage.until(lambda: "Фасад дома" in stage.texts(world.cafe), "the edit")
    await stage.quiet()
    row = await stage.count(
        "SELECT edits FROM originals WHERE message_id = $1 AND first_text LIKE '%Фасат'", photo["message_id"]
    )
    assert row == 2
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_an_import_that_begins_within_an_album_still_says_whose_it_is(play, choose):
    world, stage = play.stage.world, play.stage
    await choose(import_last_messages=2, policy="deal")
    album = stage.telegram.send_album(world.igor, play.chat, ALBUM[:3], caption="Три")
    await stage.settled()
    await play.link(world.cafe)
    (card,) = await arrived(stage, play.chat, album[1:])
    assert [item.text for item in card] == ["Игорь Петров:", ""]
    assert stage.standing(play.chat, album[0]["message_id"]) == {}
