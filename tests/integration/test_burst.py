"""Mass sending: all of it is accepted, and what people wait for goes before the rest of it."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from dealgram.actors.bots.mailing import MailingActor

PEOPLE = 40
EACH = 20
FREE = 40
"""Messages of the burst that may go before the manager's answer: the rest is held back at Telegram's limits."""


async def crowd(stage) -> list[tuple]:
    """People who have written to the sales bot, each with the chat in which they are answered."""
    world = stage.world
    people = [stage.telegram.add_person("Клиент", str(number)) for number in range(PEOPLE)]
    for person in people:
        stage.telegram.write(person, world.sales_bot, "Здравствуйте")

    def chats() -> list:
        return [stage.amo.chat(world.account, f"p{world.sales_bot.id}-{person.id}") for person in people]

    for known in (PEOPLE // 2, PEOPLE):
        await stage.until(lambda known=known: sum(bool(c and c.messages) for c in chats()) >= known, "people are known")
    await stage.quiet()
    return [(person, chat.uuid) for person, chat in zip(people, chats(), strict=True)]


async def test_a_mailing_that_is_not_decided_on_holds_up_no_manager(stage, monkeypatch):
    """What robots say has an actor of its own: nobody waits until its hooks are read."""
    world, released = stage.world, trio.Event()
    stage.telegram.write(world.anna, world.sales_bot, "Здравствуйте")
    await stage.in_card(world.anna, "Здравствуйте")
    await stage.quiet()
    look_up = MailingActor._person

    async def held_back(actor, user_id):
        with actor.context.dependency("the test"):
            await released.wait()
        return await look_up(actor, user_id)

    monkeypatch.setattr(MailingActor, "_person", held_back)
    chat = stage.amo.chat(world.account, f"p{world.sales_bot.id}-{world.anna.id}").uuid
    burst = [stage.amo.salesbot(world.account, chat, f"Акция {number}") for number in range(30)]
    answer = stage.answer(world.anna, "Ответ менеджера")
    assert (await stage.status(answer)).status == "delivered"
    assert stage.private_texts(world.anna) == ["Ответ менеджера"]
    released.set()
    for each in burst:
        assert (await stage.status(each)).status == "delivered"
    assert stage.private_texts(world.anna)[1:] == [f"Акция {number}" for number in range(30)]
    assert await stage.count("SELECT count(*) FROM inbox WHERE address_kind = 'mailing'") == 30
    await stage.quiet()
    stage.assert_clean()
    await stage.assert_undisturbed()


@pytest.mark.slow
async def test_a_managers_answer_in_the_middle_of_a_burst_comes_before_the_rest_of_it(stage, monkeypatch):
    world, limits = stage.world, stage.service.services.limits
    people = await crowd(stage)
    stage.telegram.write(world.anna, world.service_bot, "Есть кто?")
    await stage.in_card(world.anna, "Есть кто?", world.service_bot)
    acquire, released, free = limits.acquire, trio.Event(), FREE

    async def held_back(bot_id: int, chat_id: int, *, background: bool = False, **more: Any) -> None:
        """Telegram's limits as a burst meets them: after a while nothing of the background goes."""
        nonlocal free
        free -= background
        if background and free < 0:
            await released.wait()
        await acquire(bot_id, chat_id, background=background, **more)

    monkeypatch.setattr(limits, "acquire", held_back)

    chats = [stage.telegram.private_chat(person, world.sales_bot) for person, _ in people]
    before = sum(len(chat.messages) for chat in chats)

    def sent() -> int:
        return sum(len(chat.messages) for chat in chats) - before

    for number in range(EACH):
        stage.amo.broadcast(world.account, [chat for _, chat in people], f"Акция {number}")
        if number == EACH // 2:
            person, chat = people[PEOPLE // 2]
            answer = stage.amo.answer(world.account, chat, world.olga, "Ответ менеджера")
            elsewhere = stage.answer(world.anna, "Ответ другого бота", world.service_bot)
    for left in range(PEOPLE * EACH, -1, -200):
        await stage.until(lambda left=left: stage.amo.hooks_pending <= left, "every hook is accepted")
    await stage.until(lambda: "Ответ менеджера" in stage.private_texts(person), "the manager's answer")
    assert sent() == FREE + 1, "the rest of the burst still waits"
    assert (await stage.status(elsewhere)).status == "delivered"
    assert (await stage.status(answer)).status == "delivered"

    released.set()
    for count in range(FREE, PEOPLE * EACH + 2, 100):
        await stage.until(lambda count=count: sent() >= count, f"{count} are sent")
    await stage.until(lambda: sent() == PEOPLE * EACH + 1, "all are sent")
    await stage.quiet()
    for one, _ in people:
        burst = [text for text in stage.private_texts(one) if text.startswith("Акция")]
        assert burst == [f"Акция {number}" for number in range(EACH)], "each once and in order"
    states = [message.status for message in world.account.messages.values() if message.direction == "out"]
    assert states == ["delivered"] * (PEOPLE * EACH + 2), "every one is reported"
    stage.assert_clean()
    await stage.assert_undisturbed()
