"""A group becomes a supergroup: three signals in any order, before and after other updates, by polling and by webhook.

Whatever comes first, links are kept, what was written before and after stands in every deal once, and answers reach the
new chat.
"""

from __future__ import annotations

import dataclasses

import orjson
import pytest
import trio

from dealgram.actors import texts
from dealgram.persistence import records

ORDERS = [
    "to from words",
    "from to words",
    "to words",
    "from words",
    "from words to",
    "to left entered from words",
    "left to entered from words",
    "left entered to from words",
    "entered to from words",
    "entered from to words",
    "entered left from words",
    "answer words",
    "answer to from words",
    "to answer from words",
    "entered answer words from to",
    "words answer",
    "entered words answer to from",
    "words from to",
]
"""``to`` and ``from`` are the two service messages, ``left`` and ``entered`` the bot's memberships in both chats,
``words`` a message in the new chat, ``answer`` a manager's answer, which Telegram refuses with the new chat's id."""


@pytest.fixture(params=["polling", "webhook"])
async def intake(request):
    return request.param


@pytest.fixture
async def linked(empty_stage, running, play_of, intake):
    """A group that is linked to two deals, on a service that gets its updates in one of the two ways."""
    stage = empty_stage
    async with running(stage) as service:
        stage.account = await stage.playground.connect_account(service, stage.world.account)
        url = stage.amo.hook_url.partition("/amojo")[0] if intake == "webhook" else None
        await service.connector.connect(
            stage.account, stage.world.sales_bot.token, pipeline_id=stage.world.sales.id, public_url=url
        )
        await service.refresh()
        yield await prepared(play_of(stage, stage.world.group, stage.world.sales_bot))


async def prepared(play):
    await play.says("Здравствуйте!")
    for deal in (play.stage.world.cafe, play.stage.world.office):
        await play.link(deal)
    await play.words(play.stage.world.igor, "До", play.stage.world.cafe, play.stage.world.office)
    return play


async def assert_moved(
    play, old, said: list[str], *, elsewhere: list[str] | None = None, answers: list[str] | None = None
) -> None:
    """Both deals hold ``said`` (the second ``elsewhere``, if it shows it in another way), the group is one and lives in
    the new chat, with the ``answers`` in it."""
    stage, world = play.stage, play.stage.world
    await stage.quiet()
    upgraded = texts.group_upgraded_line(play.chat.title)
    for deal, written in ((world.cafe, said), (world.office, elsewhere or said)):
        # Telegram dates messages by whole seconds, amoCRM by milliseconds: only their number is certain here.
        assert sorted(play.written(deal)) == sorted(written)
        assert stage.texts(deal).count(upgraded) == 1
        assert len(play.own_chats(deal)) == 1
    rows = await stage.service.services.db.fetch("SELECT chat_id, status, kind FROM groups WHERE status <> 'merged'")
    assert [(row["chat_id"], row["kind"]) for row in rows] == [(play.chat.id, "supergroup")]
    assert rows[0]["status"] != "left"
    assert await stage.count("SELECT count(*) FROM links WHERE status = 'linked'") == 2
    answers = answers or [text for text in said if text.startswith("Ответ")]
    assert [message["text"] for message in play.messages() if message.get("text") in answers] == answers
    assert not [message for message in stage.telegram.history(old) if message.get("text") in answers]
    await stage.assert_undisturbed()


@pytest.mark.parametrize("announced", [False, True], ids=["quiet", "announced"])
async def test_the_group_goes_on_as_a_supergroup(linked, announced, intake):
    play, stage, world = linked, linked.stage, linked.stage.world
    stage.telegram.switches.migration_announces_membership = announced
    old = play.chat
    play.write(world.maria, "В последний миг")
    play.chat = stage.telegram.upgrade_to_supergroup(old)
    play.write(world.igor, "После")
    await stage.until(lambda: "После" in stage.texts(world.office), "words in the new chat")
    answer = play.answer(world.cafe, "Ответ")
    assert (await stage.status(answer)).status == "delivered"
    await stage.quiet()
    # The upgrade outlives the actor's memory.
    group = next(one.address for one in stage.service.system.snapshot().actors if one.address.kind == "group")
    await stage.service.system.passivate(group)
    await play.words(world.igor, "И снова", world.cafe, world.office)
    again = play.answer(world.office, "Ответ второй")
    assert (await stage.status(again)).status == "delivered"
    await assert_moved(play, old, ["До", "В последний миг", "После", "Ответ", "И снова", "Ответ второй"])
    if intake == "polling" or not announced:
        # On webhooks, leaving the old chat may overtake the message that says why (telegram-facts §1.2).
        assert not any("Бота удалили" in text for text in stage.texts(world.cafe))
    stage.amo.assert_clean()


@pytest.mark.parametrize("intake", ["polling"], indirect=True)
@pytest.mark.parametrize("order", ORDERS)
async def test_every_order_of_the_signals_comes_to_the_same(linked, order):
    play, stage, world = linked, linked.stage, linked.stage.world
    old = play.chat
    bot = await hold_updates(play)
    stage.telegram.switches.migration_announces_membership = True
    play.chat = stage.telegram.upgrade_to_supergroup(old)
    play.write(world.igor, "После")
    waiting = {}
    for update in stage.telegram.pending(play.bot):
        waiting.setdefault(signal_of(update, old), update)
    assert set(waiting) >= {"to", "from", "left", "entered", "words"}

    said = ["До"]
    for step in [*order.split(), *(["answer"] if "answer" not in order else [])]:
        if step == "answer":
            answer = play.answer(world.cafe, "Ответ")
            await stage.status(answer)
            said.append("Ответ")
        else:
            await stage.service.intake.accept_updates(bot, [orjson.dumps(waiting[step])])
        await stage.quiet()
    await stage.until(lambda: play.written(world.office).count("После"), "words in the new chat")
    await assert_moved(play, old, [*said, "После"])
    assert stage.amo.message(world.account, answer).status == "delivered"


@pytest.mark.parametrize("signals", ["to from", "from", ""])
@pytest.mark.parametrize("intake", ["polling"], indirect=True)
async def test_an_answer_that_waits_while_the_group_moves_reaches_the_new_chat_once(linked, signals):
    play, stage, world = linked, linked.stage, linked.stage.world
    old = play.chat
    bot = await hold_updates(play)
    asked = next(message for message in play.messages() if message.get("text") == "До")
    quoted = next(item for item in stage.feed(world.cafe) if item.text == "До")
    tried = trio.Event()
    outage = stage.telegram.faults.answer("sendMessage", status=502, times=None, when=lambda _: tried.set() is None)
    answer = stage.amo.answer(world.account, quoted.chat_uuid, world.olga, "Ответ", reply_to=quoted.amo_id)
    with trio.fail_after(30):
        await tried.wait()
    play.chat = stage.telegram.upgrade_to_supergroup(old)
    for _ in range(asked["message_id"]):
        play.write(world.maria, "Заполняю номера")  # so that the quoted id names another message of the new chat
    for update in stage.telegram.pending(play.bot):
        if signal_of(update, old) in signals.split():
            await stage.service.intake.accept_updates(bot, [orjson.dumps(update)])
    outage.cancel()
    assert (await stage.status(answer)).status == "delivered"
    await stage.quiet()
    (sent,) = play.said("Ответ")
    assert "reply_to_message" not in sent
    # In the new chat there is nothing to answer: message ids start anew. What is answered is said in words.
    in_words = f"↩️ {world.igor.name}: До\nОтвет"
    await assert_moved(play, old, ["До", "Ответ"], elsewhere=["До", in_words], answers=[in_words])


async def hold_updates(play):
    """From now on the test itself hands updates in; gives the bot they are for."""
    service = play.stage.service
    bot = service.services.registry.bot(play.bot.id)
    await records.upsert(service.services.db, dataclasses.replace(bot.row, intake="webhook"))
    await service.refresh()
    return service.services.registry.bot(play.bot.id)


def signal_of(update: dict, old) -> str:
    if "my_chat_member" in update:
        return "left" if update["my_chat_member"]["chat"]["id"] == old.id else "entered"
    message = update.get("message", {})
    if "migrate_to_chat_id" in message:
        return "to"
    if "migrate_from_chat_id" in message:
        return "from"
    return "words" if message.get("text") == "После" else "other"
