"""The small parts: addresses, failures, verdicts, back-off, restart window, alarms, gate, loop lag, kinds."""

from __future__ import annotations

import math
import random
import time

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from dealgram.runtime import (
    ActorKind,
    ActorState,
    Address,
    Backoff,
    Failure,
    LoopLag,
    Permanent,
    RestartPolicy,
    Transient,
)
from dealgram.runtime.alarms import Alarms
from dealgram.runtime.errors import BURY, CRASH, RETRY, judge, leaves
from dealgram.runtime.gate import Gate, Ticket
from dealgram.runtime.restart import RestartWindow
from dealgram.runtime.state import LEGAL_MOVES


def test_an_address_is_a_value_with_an_order():
    assert str(Address("group", "12")) == "group:12"
    assert len({Address("a", "1"), Address("a", "1")}) == 1
    assert Address("a", "2") < Address("b", "1")


def test_a_failure_flattens_groups_and_cuts_long_texts():
    group = ExceptionGroup("two", [ValueError("x"), ExceptionGroup("in", [KeyError("y"), ValueError("z" * 5000)])])
    failure = Failure.of(group)
    assert failure.kind == "ValueError + KeyError"
    assert failure.message.startswith("x; 'y'; zzz")
    assert len(failure.message) == 2_000
    assert str(Failure.of(Permanent())) == "Permanent: Permanent"
    assert len(Failure.of(ValueError("w" * 50_000)).traceback) < 17_000


errors = st.recursive(
    st.sampled_from([Transient("t"), Transient("t", retry_after_s=3), Permanent("p"), ValueError("v")]),
    lambda inner: st.lists(inner, min_size=1, max_size=3).map(lambda some: ExceptionGroup("g", some)),
)


@given(errors)
def test_the_worst_leaf_decides(error):
    parts = leaves(error)
    verdict = judge(error)
    if any(isinstance(part, ValueError) for part in parts):
        assert verdict.action == CRASH
    elif any(isinstance(part, Permanent) for part in parts):
        assert verdict.action == BURY
    else:
        assert verdict.action == RETRY
        assert verdict.retry_after_s == (3 if any(part.retry_after_s for part in parts) else None)


@given(st.floats(0.01, 10), st.floats(10, 1000), st.floats(0, 1), st.integers(0, 10_000), st.integers())
def test_back_off_grows_to_its_bound(base_s, max_s, jitter, n, seed):
    backoff = Backoff(base_s, max_s, jitter)
    plain = min(max_s, base_s * 2.0 ** min(n, 60))
    assert plain <= backoff.delay_s(n, random.Random(seed)) <= plain * (1 + jitter)


@given(
    st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=40),
    st.integers(0, 4),
    st.floats(1, 60),
)
def test_the_restart_window_counts_what_a_naive_count_counts(steps, intensity, period_s):
    """Against a plain model: all crash times kept, the window counted each time anew."""
    policy = RestartPolicy(intensity, period_s, Backoff(1, 8, 0), failed_retry_s=99)
    window = RestartWindow(policy)
    now, crashes, failed = 0.0, [], False
    for gap, healthy in steps:
        started_at = now
        now += gap + (period_s if healthy else 0)
        if now - started_at >= period_s:
            crashes, failed = [], False
        crashes.append(now)
        recent = [at for at in crashes if now - at < period_s]
        failed = failed or len(recent) > intensity
        decision = window.crashed(now, started_at=started_at, rng=random.Random(0))
        window._check_invariants()
        assert decision.failed == failed
        assert decision.delay_s == (99 if failed else min(8, 2 ** (len(recent) - 1)))


def test_every_state_can_end_and_the_end_is_final():
    reachable = {ActorState.STARTING}
    for _ in LEGAL_MOVES:
        reachable |= {after for before in reachable for after in LEGAL_MOVES[before]}
    assert reachable == set(ActorState)
    assert LEGAL_MOVES[ActorState.STOPPED] == frozenset()
    assert all(ActorState.STOPPED in moves for state, moves in LEGAL_MOVES.items() if state != ActorState.STOPPED)


@pytest.mark.parametrize(
    "options",
    [{"mailbox_size": 0}, {"poison_after": 0}, {"idle_after_s": 0}, {"hard_limit_s": -1}, {"lane_grace_s": -1}],
)
def test_a_kind_with_senseless_limits_is_refused(options):
    with pytest.raises(ValueError, match="kind 'x'"):
        ActorKind(name="x", factory=lambda _: None, **options)


async def test_alarms_ring_in_order_and_early_ones_shorten_the_sleep(autojump_clock):
    alarms, rung = Alarms(), []

    def ring(name: str):
        return lambda: rung.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(alarms.run)
        alarms.set(10, ring("b"))
        await trio.testing.wait_all_tasks_blocked()
        alarms.set(5, ring("a"))
        alarms.set(10, ring("c"))
        alarms.set(math.inf, ring("never"))
        alarms.check_invariants()
        await trio.sleep(7)
        alarms.set(1, lambda: alarms.set(8, ring("nested")))
        await trio.sleep(10)
        assert rung == [("a", 5), ("nested", 8), ("b", 10), ("c", 10)]
        assert len(alarms) == 0
        nursery.cancel_scope.cancel()


async def test_the_gate_is_first_come_first_served_and_survives_cancellation(autojump_clock):
    rng = random.Random(3)
    for _ in range(30):
        gate = Gate(2)
        inside, most, entered = 0, 0, []

        async def visit(n: int, scope: trio.CancelScope) -> None:
            nonlocal inside, most
            with scope:
                ticket = Ticket(gate)  # noqa: B023
                await ticket.enter()
                inside += 1
                most = max(most, inside)
                entered.append((trio.current_time(), n))  # noqa: B023
                try:
                    await trio.sleep(1)
                finally:
                    inside -= 1
                    ticket.leave()
                    assert not ticket.leave()

        async with trio.open_nursery() as nursery:
            scopes = [trio.CancelScope() for _ in range(8)]
            for n, scope in enumerate(scopes):
                nursery.start_soon(visit, n, scope)
                await trio.testing.wait_all_tasks_blocked()
            for scope in rng.sample(scopes, 3):
                await trio.sleep(rng.random())
                scope.cancel()
                gate.check_invariants()
        assert most == 2
        assert [n for _, n in sorted(entered)] == sorted(n for _, n in entered)
        assert gate._inside == 0
        assert not gate._waiting
    with pytest.raises(ValueError, match="place"):
        Gate(0)


@pytest.mark.parametrize("cancelled_first", [False, True])
async def test_a_place_given_to_a_waiter_that_is_cancelled_in_the_same_moment(autojump_clock, cancelled_first):
    gate = Gate(1)
    await gate.enter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(gate.enter)
        await trio.testing.wait_all_tasks_blocked()
        if cancelled_first:
            nursery.cancel_scope.cancel()
            gate.leave()
        else:
            gate.leave()
            nursery.cancel_scope.cancel()
    assert gate._inside == (0 if cancelled_first else 1)  # handed back, or taken before the cancellation came
    gate.check_invariants()


async def test_loop_lag_is_nothing_in_a_free_loop_and_shows_a_blocked_one():
    lag = LoopLag(interval_s=0.01)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.run)
        while lag.probes < 2:
            await trio.lowlevel.checkpoint()
        time.sleep(0.2)  # blocks the loop  # noqa: ASYNC251
        before = lag.probes
        while lag.probes == before:
            await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert lag.max_s >= 0.15
    assert lag.take_max_s() >= 0.15
    assert lag.max_s == lag.last_s


async def test_loop_lag_on_the_mock_clock_is_zero(autojump_clock):
    lag = LoopLag()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lag.run)
        await trio.sleep(100.5)
        nursery.cancel_scope.cancel()
    assert (lag.probes, lag.max_s) == (100, 0)
