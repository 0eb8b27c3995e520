"""Telegram makes chats wait: they are parked, their managers are told once, the other chats go on, nothing is lost."""

from __future__ import annotations

import dataclasses
import random
import re

import pytest
import trio

from dealgram.actors import texts
from dealgram.actors.answering import answer_texts
from dealgram.sandbox.amocrm import Switches as AmoSwitches

SOON = re.compile(r"Telegram просит подождать до (\d\d:\d\d|\d{1,2} [а-я]+, \d\d:\d\d)\. Сообщение уйдёт само\.")


@pytest.fixture
async def parking(empty_stage, connected):
    """A stage on which a wait of a fifth of a second parks its chat; Anna and Maria have started the bot."""
    empty_stage.limits = dataclasses.replace(empty_stage.limits, park_from_s=0.2)
    async with connected(empty_stage):
        await begin(empty_stage)
        yield empty_stage


async def begin(stage) -> None:
    await stage.settled()
    for person in (stage.world.anna, stage.world.maria):
        stage.telegram.write(person, stage.world.sales_bot, "/start")
    for person in (stage.world.anna, stage.world.maria):
        await stage.until(lambda person=person: texts.GREETING in stage.private_texts(person), "the greeting")
    await stage.quiet()


def flood(stage, chat_id: int, wait_s: float, *, method="sendMessage", times=1):
    """Telegram answers 429 to the next messages for a chat."""
    words = f"Too Many Requests: retry after {wait_s:g}"
    to_chat = lambda facts: int(facts["chat_id"] or 0) == chat_id  # noqa: E731
    return stage.telegram.refuse(method, 429, words, when=to_chat, times=times, retry_after=wait_s)


def seen(stage, amo_id: str):
    return stage.amo.message(stage.world.account, amo_id)


def heard(stage, amo_id: str) -> list[str]:
    """What the manager was told of an answer, one after the other."""
    return [status for status in seen(stage, amo_id).statuses if status != "sent"]


def answers(stage, person) -> list[str]:
    return stage.private_texts(person)[1:]


async def told(stage, amo_id: str) -> str:
    status = (await stage.status(amo_id)).status
    assert SOON.fullmatch(status), status
    assert seen(stage, amo_id).error_code == 905
    return status


async def test_a_flood_wait_of_hours_parks_its_chat_and_the_others_go_on(parking):
    stage, world = parking, parking.world
    order = flood(stage, world.anna.id, 30_000, times=None)
    first = stage.answer(world.anna, "Первый")
    await told(stage, first)
    second = stage.answer(world.anna, "Второй")
    await told(stage, second)
    other = stage.answer(world.maria, "Мария, добрый день")
    assert (await stage.status(other)).status == "delivered"

    assert order.hits == 1, "a parked chat is not knocked at"
    assert answers(stage, world.anna) == []
    assert [len(heard(stage, one)) for one in (first, second)] == [1, 1]
    assert await stage.count("SELECT chat_id FROM pauses") == world.anna.id
    assert await stage.count("SELECT count(*) FROM outbox WHERE kind = 'tg.answer' AND state = 'pending'") == 2
    (actor,) = stage.service.system.snapshot(kind="bot", key_contains=str(world.sales_bot.id)).actors
    assert re.fullmatch(r"Telegram's limits until \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", actor.waiting_for)
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_what_waited_goes_in_order_and_is_reported_as_delivered(parking):
    stage, world = parking, parking.world
    flood(stage, world.anna.id, 1)
    sent = [stage.answer(world.anna, f"Ответ {number}") for number in range(4)]
    for one in sent:
        await stage.until(lambda one=one: seen(stage, one).status == "delivered", "delivered in the end")
        assert [SOON.fullmatch(status) is not None for status in heard(stage, one)] == [True, False]
    assert answers(stage, world.anna) == [f"Ответ {number}" for number in range(4)]
    (actor,) = stage.service.system.snapshot(kind="bot", key_contains=str(world.sales_bot.id)).actors
    assert actor.waiting_for is None
    await stage.assert_undisturbed()


async def test_a_long_answer_that_waits_is_told_of_once(parking):
    stage, world = parking, parking.world
    flood(stage, world.anna.id, 1)
    answer = stage.answer(world.anna, "слово " * 1500)
    await stage.until(lambda: seen(stage, answer).status == "delivered", "delivered in the end")
    assert len(heard(stage, answer)) == 2
    assert len(answers(stage, world.anna)) == 3


async def test_a_wait_that_is_prolonged_is_told_anew(parking):
    stage, world = parking, parking.world
    flood(stage, world.anna.id, 1)
    flood(stage, world.anna.id, 7_000)
    answer = stage.answer(world.anna, "Ответ")
    await stage.until(lambda: len(heard(stage, answer)) == 2, "the new time")
    first, second = heard(stage, answer)
    assert SOON.fullmatch(first)
    assert SOON.fullmatch(second)
    assert first != second


@pytest.mark.parametrize("amo_switches", [AmoSwitches(rest_rate_per_s=None, status_after_error="final")])
async def test_where_an_error_is_final_the_words_are_still_true(parking):
    stage, world = parking, parking.world
    flood(stage, world.anna.id, 1)
    answer = stage.answer(world.anna, "Ответ")
    await stage.until(lambda: answers(stage, world.anna) == ["Ответ"], "it went by itself")
    await stage.quiet()
    assert SOON.fullmatch(seen(stage, answer).status)


async def test_a_short_wait_is_waited_out_in_silence(stage):
    await begin(stage)
    world = stage.world
    flood(stage, world.anna.id, 1)
    sent = [stage.answer(world.anna, f"Ответ {number}") for number in range(3)]
    for one in sent:
        assert (await stage.status(one)).status == "delivered"
        assert len(heard(stage, one)) == 1
    assert answers(stage, world.anna) == [f"Ответ {number}" for number in range(3)]
    assert await stage.count("SELECT count(*) FROM pauses") == 0


async def test_a_restart_does_not_knock_again_and_tells_nobody_twice(empty_stage, connected, running):
    stage, world = empty_stage, empty_stage.world
    stage.limits = dataclasses.replace(stage.limits, park_from_s=0.2)
    async with connected(stage):
        await begin(stage)
        order = flood(stage, world.anna.id, 30_000, times=None)
        first = stage.answer(world.anna, "До перезапуска")
        words = await told(stage, first)
    async with running(stage):
        second = stage.answer(world.anna, "После перезапуска")
        assert await told(stage, second) == words
        third = stage.answer(world.maria, "Мария, добрый день")
        assert (await stage.status(third)).status == "delivered"
        assert order.hits == 1
        assert heard(stage, first) == [words]
        await stage.assert_undisturbed()


async def test_what_waited_through_a_restart_goes_when_its_time_has_come(empty_stage, connected, running):
    stage, world = empty_stage, empty_stage.world
    stage.limits = dataclasses.replace(stage.limits, park_from_s=0.2)
    async with connected(stage):
        await begin(stage)
        order = flood(stage, world.anna.id, 3)
        sent = [stage.answer(world.anna, f"Ответ {number}") for number in range(3)]
        for one in sent:
            await told(stage, one)
    async with running(stage) as service:
        for one in sent:
            await stage.until(lambda one=one: seen(stage, one).status == "delivered", "delivered in the next life")
            assert len(heard(stage, one)) == 2
        until = await stage.count("SELECT until FROM pauses")
        assert service.services.now() >= until
        assert answers(stage, world.anna) == [f"Ответ {number}" for number in range(3)]
        assert order.hits == 1
        await stage.assert_undisturbed()
    stage.assert_clean()


async def test_a_group_that_moves_does_not_wait_for_the_old_chats_time(parking, play_of):
    stage, world = parking, parking.world
    play = play_of(stage, world.group, world.sales_bot)
    await play.link(world.cafe)
    await stage.settled()
    flood(stage, world.group.id, 30_000, times=None)
    answer = stage.amo.answer(world.account, stage.chat_of_group(world.cafe), world.olga, "Макет готов")
    await told(stage, answer)
    moved = stage.telegram.upgrade_to_supergroup(world.group)
    await stage.until(lambda: seen(stage, answer).status == "delivered", "delivered into the new chat")
    assert "Макет готов" in [message.get("text") for message in stage.telegram.history(moved)]
    await stage.assert_undisturbed()


async def test_slow_mode_is_named_and_what_helps_against_it(parking, play_of):
    stage, world = parking, parking.world
    group = stage.telegram.create_group("Кофейня, рабочая", world.anna)
    stage.telegram.add_member(group, world.sales_bot, by=world.anna)
    play = play_of(stage, group, world.sales_bot)
    await play.link(world.cafe)
    await stage.settled()
    stage.telegram.set_slow_mode(group, 3600)
    chat = stage.chat_of_group(world.cafe)
    first, *others = [stage.amo.answer(world.account, chat, world.olga, text) for text in ("Раз", "Два", "Три")]
    assert (await stage.status(first)).status == "delivered"
    pattern = re.escape(answer_texts.slow_mode_line("@")).replace("@", ".+")
    for one in others:
        assert re.fullmatch(pattern, (await stage.status(one)).status)
    stage.telegram.set_slow_mode(group, 0)
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_a_short_slow_mode_is_waited_out_in_order(stage, play_in):
    world = stage.world
    group = stage.telegram.create_group("Кофейня, рабочая", world.anna)
    stage.telegram.add_member(group, world.sales_bot, by=world.anna)
    play = play_in(group)
    await play.link(world.cafe)
    await stage.settled()
    stage.telegram.set_slow_mode(group, 1)
    sent = [
        stage.amo.answer(world.account, stage.chat_of_group(world.cafe), world.olga, f"Ответ {number}")
        for number in range(3)
    ]
    for one in sent:
        assert (await stage.status(one)).status == "delivered"
        assert len(heard(stage, one)) == 1
    assert [message["text"] for message in play.said("Ответ")] == [f"Ответ {number}" for number in range(3)]


@pytest.mark.parametrize(("wait_s", "is_told"), [(3_000, False), (9_000, True)])
async def test_robots_are_told_of_waits_of_hours_only(parking, wait_s, is_told):
    stage, world = parking, parking.world
    flood(stage, world.anna.id, wait_s, times=None)
    chat = stage.amo.chat(world.account, f"p{world.sales_bot.id}-{world.anna.id}")
    robot = stage.amo.salesbot(world.account, chat.uuid, "Я робот")
    person = stage.answer(world.anna, "Я человек")
    await told(stage, person)
    if is_told:
        await told(stage, robot)
    else:
        await stage.until(lambda: stage.service.system.snapshot(kind="mailing").actors, "the robot's actor")
        assert seen(stage, robot).status == "sent"


async def test_menus_wait_with_their_chat(parking, play_of):
    stage, world = parking, parking.world
    play = play_of(stage, world.group, world.sales_bot)
    await play.link(world.cafe)
    menu = await play.menu(world.anna)
    flood(stage, world.group.id, 1)
    answer = stage.amo.answer(world.account, stage.chat_of_group(world.cafe), world.olga, "Макет готов")
    await told(stage, answer)
    play.begin_press(world.anna, menu, "Список связанных")
    await stage.until(
        lambda: "связан" in play.shown(menu)["text"].lower() and seen(stage, answer).status == "delivered"
    )
    edits = [call for call in stage.telegram.requests if call.method == "editMessageText"]
    assert len(edits) == 1
    await stage.assert_undisturbed()


@pytest.mark.parametrize("seed", range(4))
async def test_any_mix_of_waits_refusals_and_successes_keeps_the_order_and_loses_nothing(parking, seed):
    """Law: of what is sent to a chat, everything that was not refused stands there once and in order; every answer has
    a last status that says which of the two it is."""
    stage, world, rng = parking, parking.world, random.Random(seed)
    people = (world.anna, world.maria)
    refused = set()

    def fate(facts) -> bool:
        text = facts["params"].get("text", "")
        if text.startswith("Нельзя"):
            refused.add(text)
            return True
        return False

    stage.telegram.refuse("sendMessage", 400, "Bad Request: STRANGE", when=fate, times=None)
    sent = []
    for number in range(30):
        person = rng.choice(people)
        chance = rng.random()
        if chance < 0.2:
            flood(stage, person.id, rng.choice([0.05, 0.1, 0.3, 0.5]))
        elif chance < 0.3:
            stage.telegram.refuse("sendMessage", 500, "Internal Server Error: restart")
        text = f"{'Нельзя' if rng.random() < 0.2 else 'Можно'} {number}"
        sent.append((person, text, stage.answer(person, text)))
        if rng.random() < 0.3:
            await trio.sleep(rng.uniform(0, 0.2))
    for _, text, amo_id in sent:
        expected = "STRANGE" if text.startswith("Нельзя") else "delivered"
        await stage.until(lambda a=amo_id, e=expected: e in seen(stage, a).status, f"{expected}: {text}")
    for person in people:
        assert answers(stage, person) == [text for who, text, _ in sent if who is person and "Можно" in text]
    assert refused == {text for _, text, _ in sent if text.startswith("Нельзя")}
    await stage.assert_undisturbed()
    stage.assert_clean()
