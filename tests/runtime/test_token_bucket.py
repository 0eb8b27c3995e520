"""Token buckets: the rate is kept over every window, in order of arrival, urgent before background."""

from __future__ import annotations

import random
from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from dealgram.runtime import TokenBucket
from dealgram.runtime.rate_limit import BACKGROUND_PATIENCE


async def test_a_burst_then_the_rate(autojump_clock):
    bucket = TokenBucket(2, 3)
    times = []
    for _ in range(6):
        await bucket.acquire()
        times.append(trio.current_time())
    assert times == pytest.approx([0, 0, 0, 0.5, 1.0, 1.5])
    await trio.sleep(1000)
    assert bucket.statistics().available == 3
    assert bucket.statistics().acquired == 6


async def test_try_acquire_neither_waits_nor_overtakes(autojump_clock):
    bucket = TokenBucket(1, 2)
    assert bucket.try_acquire(2)
    assert not bucket.try_acquire()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bucket.acquire, 2)
        await trio.sleep(1.5)
        assert not bucket.try_acquire()  # one token is there, but somebody waits
        assert bucket.statistics().waiting == 1
    assert trio.current_time() == 2


async def test_more_than_the_burst_is_owed_and_paid_by_whoever_comes_next(autojump_clock):
    bucket = TokenBucket(1, 5)
    await bucket.acquire()
    await bucket.acquire(8, owing=True)
    assert trio.current_time() == 1, "a full bucket is waited for, and no more"
    assert not bucket.try_acquire()
    await bucket.acquire()
    assert trio.current_time() == 5
    with pytest.raises(ValueError, match="cannot take"):
        await bucket.acquire(8)


async def test_waiters_are_served_in_order_of_arrival(autojump_clock):
    bucket = TokenBucket(1, 5)
    assert bucket.try_acquire(5)
    served = []

    async def take(name: str, tokens: float) -> None:
        await bucket.acquire(tokens)
        served.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        for name, tokens in (("big", 4), ("small", 1), ("last", 2)):
            nursery.start_soon(take, name, tokens)
            await trio.testing.wait_all_tasks_blocked()
    assert served == [("big", 4), ("small", 5), ("last", 7)]


async def test_a_cancelled_waiter_takes_nothing_and_holds_nobody_up(autojump_clock):
    bucket = TokenBucket(1, 10)
    assert bucket.try_acquire(10)
    async with trio.open_nursery() as nursery:

        async def give_up() -> None:
            with trio.move_on_after(2):
                await bucket.acquire(10)

        nursery.start_soon(give_up)
        await trio.testing.wait_all_tasks_blocked()
        await bucket.acquire(3)
    assert trio.current_time() == 3
    assert bucket.statistics().waiting == 0


async def test_a_pause_stops_everybody_until_its_end(autojump_clock):
    bucket = TokenBucket(1, 2)
    bucket.pause_for(10)
    assert not bucket.try_acquire()
    assert bucket.statistics().pause_left_s == 10
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bucket.acquire)
        await trio.sleep(5)
        bucket.pause_until(20)
        bucket.pause_until(1)  # an earlier end changes nothing
    assert trio.current_time() == 20


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (-1, 1)])
def test_senseless_buckets_are_refused(rate, burst):
    with pytest.raises(ValueError, match="positive"):
        TokenBucket(rate, burst)


async def test_more_than_the_bucket_holds_is_refused(autojump_clock):
    for tokens in (3, 0, -1):
        with pytest.raises(ValueError, match="tokens"):
            await TokenBucket(1, 2).acquire(tokens)


@given(
    st.floats(0.5, 20),
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 3), st.booleans()), min_size=1, max_size=30),
    st.integers(),
)
def test_no_window_ever_holds_more_than_burst_plus_rate(rate, burst, arrivals, seed):
    taken: list[float] = []

    async def main() -> None:
        bucket = TokenBucket(rate, burst)
        rng = random.Random(seed)

        async def take(patience_s: float) -> None:
            with trio.move_on_after(patience_s):
                await bucket.acquire()
                taken.append(trio.current_time())

        async with trio.open_nursery() as nursery:
            for gap, patient in arrivals:
                await trio.sleep(gap)
                nursery.start_soon(take, 1e6 if patient else rng.random())
                bucket._check_invariants()
        assert bucket.statistics().waiting == 0

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    for i, start in enumerate(taken):
        for j in range(i, len(taken)):
            assert j - i + 1 <= burst + rate * (taken[j] - start) + 1e-6


async def test_urgent_waiters_go_before_background_ones_and_each_in_order_of_arrival(autojump_clock):
    bucket = TokenBucket(1, 1)
    assert bucket.try_acquire()
    served = []

    async def take(name: str, *, background: bool) -> None:
        await bucket.acquire(background=background)
        served.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        for name, background in (("b1", True), ("b2", True), ("u1", False), ("b3", True), ("u2", False)):
            nursery.start_soon(lambda name=name, background=background: take(name, background=background))
            await trio.testing.wait_all_tasks_blocked()
    assert served == [("u1", 1), ("u2", 2), ("b1", 3), ("b2", 4), ("b3", 5)]


async def test_a_background_waiter_is_never_passed_by_more_than_its_patience(autojump_clock):
    bucket = TokenBucket(1, 1)
    assert bucket.try_acquire()
    served = []

    async def take(name: str, *, background: bool) -> None:
        await bucket.acquire(background=background)
        served.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: take("b", background=True))
        for _ in range(3 * BACKGROUND_PATIENCE):
            nursery.start_soon(lambda: take("u", background=False))
        await trio.sleep(5)
        nursery.start_soon(lambda: take("late", background=True))
    expected = (
        ["u"] * BACKGROUND_PATIENCE + ["b"] + ["u"] * BACKGROUND_PATIENCE + ["late"] + ["u"] * BACKGROUND_PATIENCE
    )
    assert served == expected


async def test_a_background_waiter_takes_what_no_urgent_one_wants_and_gives_way_while_it_waits(autojump_clock):
    bucket = TokenBucket(1, 1)
    bucket.pause_for(10)
    served = []

    async def take(name: str, *, background: bool) -> None:
        await bucket.acquire(background=background)
        served.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: take("b", background=True))
        await trio.sleep(5)
        with trio.move_on_after(1):
            await bucket.acquire()  # it is ahead, and gives up
        nursery.start_soon(lambda: take("u", background=False))
    assert served == [("u", 10), ("b", 11)]


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.3, 1.0, 4.0]), st.booleans(), st.booleans()), min_size=1, max_size=80),
    st.integers(0, 2**32),
)
def test_priorities_keep_order_lose_nobody_and_starve_nobody(arrivals, seed):
    """Each arrival: how long after the one before, whether it is background, whether it may give up."""
    story: list[tuple[str, bool, int]] = []
    settled: set[int] = set()

    async def main() -> None:
        bucket = TokenBucket(2, 2)
        rng = random.Random(seed)

        async def take(number: int, *, background: bool, patience_s: float) -> None:
            with trio.move_on_after(patience_s) as scope:
                await bucket.acquire(background=background)
                story.append(("served", background, number))
            if scope.cancelled_caught:
                story.append(("left", background, number))
            settled.add(number)

        async with trio.open_nursery() as nursery:
            for number, (gap, background, hasty) in enumerate(arrivals):
                await trio.sleep(gap)
                patience_s = rng.random() * 3 if hasty else 1e6
                story.append(("came", background, number))
                nursery.start_soon(partial(take, number, background=background, patience_s=patience_s))
                await trio.testing.wait_all_tasks_blocked()
                bucket._check_invariants()
        assert bucket.statistics().waiting == 0

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert settled == set(range(len(arrivals)))
    waiting: dict[bool, list[int]] = {False: [], True: []}
    passed = 0
    for what, background, number in story:
        if what == "came":
            waiting[background].append(number)
            continue
        if what == "served":
            assert waiting[background][0] == number, "first come, first served within a priority"
            if background:
                assert not waiting[False] or passed >= BACKGROUND_PATIENCE, "an urgent waiter was passed"
                passed = 0
            elif waiting[True]:
                passed += 1
                assert passed <= BACKGROUND_PATIENCE, "the background starves"
        waiting[background].remove(number)
        if not waiting[True]:
            passed = 0
