"""The table of supervision: {fail, hang} in {activate, handle, deactivate} x {first, within the window, over it}.

Each case asserts what is seen from outside: states, delays, dead letters. Delays are exact: jitter is off.
"""

from __future__ import annotations

import math

import pytest
import trio
import trio.testing

from dealgram.runtime import Loss, RestartPolicy
from dealgram.runtime.backoff import Backoff

POLICY = RestartPolicy(intensity=2, period_s=1000, backoff=Backoff(base_s=1, max_s=60, jitter=0), failed_retry_s=100)
HARD_S = 50.0
DELAYS = {"first": [1.0], "within": [1.0, 2.0], "over": [1.0, 2.0, 100.0]}


def failing(how: str):
    async def fail(_actor: object, _message: object) -> None:
        if how == "hang":
            await trio.sleep_forever()
        raise ValueError("no")

    return fail


@pytest.mark.parametrize("budget", ["first", "within", "over"])
@pytest.mark.parametrize("how", ["fail", "hang"])
async def test_crash_in_activate(lab, address, autojump_clock, how, budget):
    delays = DELAYS[budget]
    lab.script("activate", *[failing(how)] * len(delays))
    async with lab.open(lab.kind(restart=POLICY, hard_limit_s=HARD_S)) as system:
        system.tell(address, "kept")
        costs = HARD_S if how == "hang" else 0.0
        await trio.sleep(sum(delays) + costs * len(delays) - 0.5)
        assert lab.handled == []
        assert lab.actor(address).state == ("failed" if budget == "over" else "backing_off")
        assert lab.actor(address).last_error.kind == ("HandlerStuck" if how == "hang" else "ValueError")
        await trio.sleep(1)
        assert lab.handled == ["kept"]  # a failed activation costs no message
        assert lab.actor(address).restarts == len(delays)
        assert lab.actor(address).state == "running"
    assert ("failed" in lab.states) == (budget == "over")
    assert lab.letters == []


@pytest.mark.parametrize("budget", ["first", "within", "over"])
@pytest.mark.parametrize("how", ["fail", "hang"])
async def test_crash_in_handle(lab, address, autojump_clock, how, budget):
    delays = DELAYS[budget]
    lab.script("handle", *[failing(how)] * len(delays))
    async with lab.open(lab.kind(restart=POLICY, hard_limit_s=HARD_S)) as system:
        for n in range(len(delays) + 1):
            system.tell(address, n)
        costs = HARD_S if how == "hang" else 0.0
        await trio.sleep(sum(delays) + costs * len(delays) - 0.5)
        assert lab.handled == list(range(len(delays)))
        assert lab.actor(address).state == ("failed" if budget == "over" else "backing_off")
        await trio.sleep(1)
        assert lab.handled == list(range(len(delays) + 1))  # the next message is handled by the next instance
        assert [letter.message for letter in lab.letters] == list(range(len(delays)))  # and none is repeated
        assert {letter.reason for letter in lab.letters} == {Loss.CRASHED}
    assert ("failed" in lab.states) == (budget == "over")
    assert lab.log.count(("activate",)) == len(delays) + 1
    assert ("deactivate",) not in lab.log  # a crashed instance is not asked to say good-bye


@pytest.mark.parametrize("times", [1, 2, 3])
@pytest.mark.parametrize("how", ["fail", "hang"])
async def test_crash_in_deactivate(lab, address, autojump_clock, how, times):
    lab.script("deactivate", *[failing(how)] * times)
    async with lab.open(lab.kind(restart=POLICY, hard_limit_s=HARD_S)) as system:
        for n in range(times):
            system.tell(address, n)
            started = trio.current_time()
            await trio.testing.wait_all_tasks_blocked()
            await system.passivate(address)
            assert trio.current_time() - started == (HARD_S if how == "hang" else 0)
            assert system.snapshot().actors == ()  # best effort: the passivation goes on, no budget is touched
        assert system.snapshot().counters.restarts == 0
    assert lab.handled == list(range(times))
    assert lab.letters == []


@pytest.mark.parametrize("phase", ["activate", "handle", "deactivate"])
async def test_cancelled_in(lab, address, autojump_clock, phase):
    """The system's end in the middle of a method is no failure, and only cancellation comes out."""

    async def hang(_actor: object, _message: object) -> None:
        await trio.sleep_forever()

    lab.script(phase, hang)
    async with lab.open(lab.kind(hard_limit_s=math.inf, soft_limit_s=math.inf)) as system:
        system.tell(address, "m")
        await trio.testing.wait_all_tasks_blocked()
        await system.stop(deadline_s=5)
        assert system.snapshot().actors == ()
        assert system.snapshot().counters.restarts == 0
    lost = {"activate": [Loss.STOPPED], "handle": [Loss.CANCELLED], "deactivate": []}[phase]
    assert [letter.reason for letter in lab.letters] == lost
