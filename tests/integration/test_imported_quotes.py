"""What a manager's answer answers, as the group's other deals show it: amoCRM's own quotation, or a line."""

from __future__ import annotations

import pytest

from dealgram.persistence import accounts
from dealgram.sandbox import samples
from dealgram.sandbox.amocrm import Switches
from dealgram.sandbox.amocrm.attachments import Attachment


@pytest.fixture
async def asked(play):
    """The sample group, linked to two deals, in which Igor asked something."""
    world = play.stage.world
    await play.link(world.cafe)
    await play.link(world.office)
    await play.words(world.igor, "Нужна доставка", world.cafe, world.office)
    return play


def answer(play, ending: str, text: str, to: str, *files: Attachment) -> str:
    """A manager answers the line ``to`` from the chat whose conversation ends so; amoCRM's id."""
    stage, account = play.stage, play.stage.world.account
    chat = next(one for name, one in account.chats_by_client.items() if name.endswith(ending))
    line = next(item for item in stage.amo.history(account, chat.uuid) if item.text == to)
    return stage.amo.answer(account, chat.uuid, stage.world.olga, text, reply_to=line.amo_id, attachments=files)


async def finish(stage, *amo_ids: str) -> None:
    for amo_id in amo_ids:
        assert (await stage.status(amo_id)).status == "delivered"
    await stage.done()
    stage.assert_clean()
    await stage.assert_undisturbed()


def imported(stage, count: int) -> list:
    """The last that was imported into the other deal, in order."""
    return [item for item in stage.feed(stage.world.office) if item.direction == "out"][-count:]


async def test_a_persons_words_that_stand_in_another_chat_are_a_line(asked):
    stage, world = asked.stage, asked.stage.world
    igors = f"-d{world.cafe}-u{world.igor.id}"
    pictures = [Attachment("picture", samples.jpeg(seed=seed), name=f"{seed}.jpg") for seed in range(3)]
    first = answer(asked, igors, "Сделаем", "Нужна доставка")
    # A second answer quotes the first while that one is still on its way.
    await finish(
        stage, first, answer(asked, igors, "Завтра", "Сделаем"), answer(asked, igors, "", "Нужна доставка", *pictures)
    )
    made, soon, *album = imported(stage, 5)
    line = f"↩️ {world.igor.name}: Нужна доставка"
    assert (made.text, made.quoted) == (f"{line}\nСделаем", None)
    assert (soon.text, soon.quoted.amo_id) == ("Завтра", made.amo_id)
    assert [item.text for item in album] == [line, "", ""], "once for an album"
    assert [item.data for item in album] == [one.data for one in pictures]


async def test_words_that_stand_in_the_same_chat_are_quoted_by_amocrm(asked):
    stage, world = asked.stage, asked.stage.world
    await accounts.change_settings(stage.service.services.db, stage.account.account_id, {"policy": "deal"})
    await stage.service.refresh()
    await asked.words(world.igor, "И сборка", world.cafe, world.office)
    shown = f"{world.igor.name}: И сборка"
    paper = Attachment("file", samples.pdf(), name="Смета.pdf")
    own = f"-d{world.cafe}"
    await finish(stage, answer(asked, own, "Конечно", shown), answer(asked, own, "", shown, paper))
    words, file = imported(stage, 2)
    (there,) = [item for item in stage.feed(world.office) if item.text == shown]
    assert (words.text, words.quoted.amo_id) == ("Конечно", there.amo_id)
    assert (file.text, file.data, file.quoted.amo_id) == ("", paper.data, there.amo_id)


@pytest.fixture
def amo_switches():
    return Switches(rest_rate_per_s=None, user_import_hook=True)


async def test_what_comes_back_of_an_import_with_a_quotation_is_no_new_answer(asked):
    stage, world = asked.stage, asked.stage.world
    igors = f"-d{world.cafe}-u{world.igor.id}"
    first = answer(asked, igors, "Сделаем", "Нужна доставка")
    await finish(stage, first, answer(asked, igors, "Завтра", "Сделаем"))
    assert [message["text"] for message in asked.messages()[-2:]] == ["Сделаем", "Завтра"]
    assert await stage.count("SELECT count(*) FROM inbox WHERE result = 'our own import'") == 2


async def test_what_amocrm_does_not_quote_is_imported_all_the_same(asked):
    stage, world = asked.stage, asked.stage.world
    igors = f"-d{world.cafe}-u{world.igor.id}"
    await finish(stage, answer(asked, igors, "Сделаем", "Нужна доставка"))
    order = stage.amo.faults.answer("amojo.send", status=400, body={"error": "reply_to"})
    sent = answer(asked, igors, "Завтра", "Сделаем")
    assert (await stage.status(sent)).status == "delivered"
    await stage.done()
    assert order.hits == 1
    (soon,) = imported(stage, 1)
    assert (soon.text, soon.quoted) == (f"↩️ {world.olga.name}: Сделаем\nЗавтра", None)
