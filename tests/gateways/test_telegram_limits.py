"""Telegram's limits on a clock that tests own."""

from __future__ import annotations

import itertools
import random

import pytest
import trio
import trio.testing

from dealgram.gateways.errors import RateLimited
from dealgram.gateways.telegram import LimitSettings, TelegramLimits

BOT, OTHER_BOT = 700, 701
PERSON, GROUP = 9001, -1001


async def send_times(limits, count, chat, bot=BOT):
    times = []
    for _ in range(count):
        await limits.acquire(bot, chat)
        times.append(trio.current_time())
    return times


def busiest(times, window_s):
    return max(sum(1 for other in times if start <= other < start + window_s) for start in times)


async def test_a_person_gets_a_burst_and_then_one_a_second(autojump_clock):
    started = trio.current_time()
    times = [time - started for time in await send_times(TelegramLimits(), 6, PERSON)]
    assert times == pytest.approx([0, 0, 0, 1, 2, 3])


async def test_no_minute_holds_more_than_twenty_messages_for_a_group(autojump_clock):
    times = await send_times(TelegramLimits(), 100, GROUP)
    assert busiest(times, 60) <= 20
    assert len(times) / (times[-1] - times[0]) > 0.2, "and no fewer than twelve a minute"


async def test_no_second_holds_more_than_thirty_messages_of_a_bot(autojump_clock):
    limits = TelegramLimits()
    times = []

    async def one(chat):
        times.extend(await send_times(limits, 3, chat))

    async with trio.open_nursery() as nursery:
        for chat in range(1, 101):
            nursery.start_soon(one, chat)
    assert busiest(sorted(times), 1.0) <= 30
    assert max(times) - min(times) < 300 / 20


async def test_chats_and_bots_do_not_wait_for_each_other(autojump_clock):
    limits = TelegramLimits()
    while limits.try_acquire(BOT, GROUP):
        pass
    assert limits.try_acquire(BOT, PERSON)
    assert limits.try_acquire(BOT, GROUP - 1)
    assert limits.try_acquire(OTHER_BOT, GROUP)


async def test_whoever_waits_for_a_slow_chat_does_not_hold_up_the_bot(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, GROUP, 50)
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(limits.acquire, BOT, GROUP)
        await trio.testing.wait_all_tasks_blocked()
        now = trio.current_time()
        await limits.acquire(BOT, PERSON)
        assert trio.current_time() == now
        nursery.cancel_scope.cancel()


async def test_within_a_chat_the_order_is_that_of_arrival(autojump_clock):
    limits, order = TelegramLimits(), []

    async def one(number):
        await limits.acquire(BOT, GROUP)
        order.append(number)

    async with trio.open_nursery() as nursery:
        for number in range(12):
            nursery.start_soon(one, number)
            await trio.testing.wait_all_tasks_blocked()
    assert order == list(range(12))


async def test_trying_takes_all_or_nothing(autojump_clock):
    limits = TelegramLimits(LimitSettings(bot_burst=1, bot_rate_per_s=1))
    assert limits.try_acquire(BOT, 1)
    assert not limits.try_acquire(BOT, 2)  # the bot's bucket is empty
    await trio.sleep(1)
    assert limits.try_acquire(BOT, 2)
    for _ in range(2):  # chat 2 had three tokens, and the failed try took none
        await trio.sleep(1)
        assert limits.try_acquire(BOT, 2)


async def test_a_429_pauses_its_chat_only(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, GROUP, 35)
    assert limits.pause_left_s(BOT, GROUP) == pytest.approx(35)
    assert not limits.try_acquire(BOT, GROUP)
    assert limits.try_acquire(BOT, PERSON)
    started = trio.current_time()
    await limits.acquire(BOT, GROUP)
    assert trio.current_time() - started == pytest.approx(35)
    assert limits.pause_left_s(BOT, GROUP) == 0


async def test_a_second_paused_chat_pauses_the_bot_but_never_for_long(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, GROUP, 10)
    limits.pause(BOT, PERSON, 86_400)
    assert not limits.try_acquire(BOT, 5)
    assert limits.pause_left_s(BOT, 5) == pytest.approx(30)
    assert limits.try_acquire(OTHER_BOT, PERSON)
    await trio.sleep(31)
    assert limits.try_acquire(BOT, 5)
    assert limits.pause_left_s(BOT, PERSON) > 80_000


async def test_the_same_chat_twice_is_one_chat(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, GROUP, 10)
    limits.pause(BOT, GROUP, 20)
    assert limits.try_acquire(BOT, PERSON)


async def test_pauses_that_are_over_do_not_count(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, GROUP, 5)
    await trio.sleep(6)
    limits.pause(BOT, PERSON, 5)
    assert limits.try_acquire(BOT, 5)


async def test_a_long_pause_is_told_and_not_waited_for(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, GROUP, 10_000)
    started = trio.current_time()
    with pytest.raises(RateLimited) as caught:
        await limits.acquire(BOT, GROUP, max_wait_s=60)
    assert caught.value.retry_after_s == pytest.approx(10_000)
    assert trio.current_time() == started


async def test_a_wait_that_parks_its_chat_is_waited_for_by_nobody(autojump_clock):
    limits = TelegramLimits(LimitSettings(park_from_s=20))
    assert not limits.pause(BOT, PERSON, 19)
    assert limits.parked_left_s(BOT, PERSON) == 0
    assert limits.pause(BOT, GROUP, 20)
    await trio.sleep(15)
    started = trio.current_time()
    with pytest.raises(RateLimited) as caught:
        await limits.acquire(BOT, GROUP)
    assert caught.value.retry_after_s == pytest.approx(5)
    assert trio.current_time() == started
    assert limits.parked_left_s(BOT, GROUP) == pytest.approx(5)
    await trio.sleep(5)
    await limits.acquire(BOT, GROUP)
    assert limits.parked_left_s(BOT, GROUP) == 0


async def test_a_chat_that_is_parked_does_not_pause_the_bot_with_every_other_wait(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, GROUP, 86_400)
    await trio.sleep(40)
    limits.pause(BOT, PERSON, 20)
    assert limits.try_acquire(BOT, 5), "the two were not told to wait together"


async def test_a_pause_of_an_earlier_life_holds_its_chat_alone(autojump_clock):
    limits = TelegramLimits()
    limits.recall(BOT, GROUP, 500)
    limits.recall(BOT, PERSON, 7)
    with pytest.raises(RateLimited) as caught:
        await limits.acquire(BOT, PERSON)
    assert caught.value.retry_after_s == pytest.approx(7)
    assert limits.parked_left_s(BOT, GROUP) == pytest.approx(500)
    assert limits.try_acquire(BOT, 5)


async def test_an_album_goes_at_once_to_a_quiet_group_and_counts_as_its_messages(autojump_clock):
    limits = TelegramLimits()
    started = trio.current_time()
    await limits.acquire(BOT, GROUP, count=10)
    assert trio.current_time() == started
    await limits.acquire(BOT, GROUP)
    assert trio.current_time() - started > 10


@pytest.mark.parametrize("seed", range(6))
async def test_no_minute_holds_more_than_twenty_messages_also_with_albums(autojump_clock, seed):
    limits, rng, times = TelegramLimits(), random.Random(seed), []
    for _ in range(60):
        count = rng.choice([1, 1, 1, 2, 5, 10])
        await limits.acquire(BOT, GROUP, count=count)
        times += [trio.current_time()] * count
        await trio.sleep(rng.choice([0, 0, 1, 10, 40]))
    assert busiest(times, 60) <= 20
    assert len(times) / (times[-1] - times[0]) > 0.1


async def test_a_cancelled_wait_holds_nobody_up(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, PERSON, 10)
    with trio.move_on_after(1):
        await limits.acquire(BOT, PERSON)
    await trio.sleep(10)
    assert limits.try_acquire(BOT, PERSON)


async def test_old_chats_are_forgotten_but_never_a_pause_nor_a_waiter(autojump_clock):
    limits = TelegramLimits(LimitSettings(remembered_chats=10))
    limits.pause(BOT, GROUP, 100_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: limits.acquire(BOT, GROUP - 1, max_wait_s=1e9))
        limits.pause(BOT, GROUP - 1, 500)
        await trio.sleep(61)
        for chat in range(1, 200):
            limits.try_acquire(OTHER_BOT, chat)
            await trio.sleep(61)
        assert limits.pause_left_s(BOT, GROUP) > 80_000
        assert len(limits) <= 12
        nursery.cancel_scope.cancel()


async def test_what_is_held_stays_bounded(autojump_clock):
    limits = TelegramLimits(LimitSettings(remembered_chats=50))
    rng = random.Random(1)
    for number in itertools.islice(itertools.count(1), 500):
        limits.try_acquire(BOT, number)
        await trio.sleep(rng.uniform(1, 3))
    assert len(limits) <= 51


async def test_a_removed_bot_is_forgotten(autojump_clock):
    limits = TelegramLimits()
    limits.pause(BOT, 1, 20)
    limits.pause(BOT, 2, 20)
    assert not limits.try_acquire(BOT, 3)
    limits.forget_bot(BOT)
    assert limits.try_acquire(BOT, 3)


async def test_what_somebody_waits_for_goes_before_mass_sending_in_a_chat_and_for_a_bot(autojump_clock):
    limits = TelegramLimits(LimitSettings(bot_rate_per_s=1, bot_burst=1))
    order = []

    async def send(name, chat, *, background):
        await limits.acquire(BOT, chat, background=background)
        order.append(name)

    async with trio.open_nursery() as nursery:
        assert limits.try_acquire(BOT, PERSON)
        for number in range(3):
            nursery.start_soon(lambda number=number: send(f"mass {number}", 100 + number, background=True))
            await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(lambda: send("answer", PERSON, background=False))
    assert order == ["answer", "mass 0", "mass 1", "mass 2"]

    order.clear()
    limits = TelegramLimits()
    while limits.try_acquire(BOT, GROUP):
        pass
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: send("mass", GROUP, background=True))
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(lambda: send("answer", GROUP, background=False))
    assert order == ["answer", "mass"]


async def test_mass_sending_keeps_the_limits_and_uses_them(autojump_clock):
    limits, times = TelegramLimits(), []

    async def one(chat):
        await limits.acquire(BOT, chat, background=True)
        times.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for chat in range(1, 1001):
            nursery.start_soon(one, chat)
    assert busiest(sorted(times), 1.0) <= 30
    assert len(times) / (max(times) - min(times)) > 24
