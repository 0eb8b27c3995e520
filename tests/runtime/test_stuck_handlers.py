"""Soft and hard limits of handlers, and what suspends them."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from dealgram.runtime import Loss

LIMITS = {"soft_limit_s": 30.0, "hard_limit_s": 120.0}


async def forever(_actor, _message) -> None:
    await trio.sleep_forever()


async def test_the_soft_limit_warns_once_with_the_stack(lab, address, autojump_clock, caplog):
    async def slow(_actor, _message):
        await trio.sleep(100)

    lab.script("handle", slow)
    async with lab.open(lab.kind(**LIMITS)) as system:
        system.tell(address, 1)
        await trio.sleep(29.9)
        assert caplog.text == ""
        await trio.sleep(0.2)
        assert caplog.text.count("stuck handler of a:1") == 1
        assert "in slow" in caplog.text  # the stack reaches the very line that waits
        await trio.sleep(100)
        assert caplog.text.count("stuck handler of a:1") == 1
        assert lab.letters == []


async def test_the_hard_limit_cancels_the_handler_and_counts_as_a_failure(lab, address, autojump_clock, caplog):
    lab.script("handle", forever, forever, forever)
    async with lab.open(lab.kind(journaled=True, **LIMITS)) as system:
        lab.give(address, 1)
        lab.give(address, 2)
        await trio.sleep(119.9)
        assert lab.actor(address).state == "running"
        assert lab.handled == [1]  # the next message never runs beside a stuck one
        await trio.sleep(0.2)
        assert lab.actor(address).state == "backing_off"
        assert lab.journal.entries[1].attempts == 1
        await trio.sleep(400)
        assert lab.handled == [1, 1, 1, 2]
        assert lab.journal.buried[1].kind == "HandlerStuck"
        assert system.snapshot().counters.stuck_handlers == 3


async def test_waiting_inside_dependency_suspends_the_limits(lab, address, autojump_clock, caplog):
    async def wait(actor, _message):
        await trio.sleep(20)
        with actor.context.dependency("amojo"):
            await trio.sleep(10_000)
            with actor.context.dependency("database"):
                await trio.sleep(10_000)
        await trio.sleep(9)  # 29 seconds of its own

    lab.script("handle", wait)
    async with lab.open(lab.kind(**LIMITS)) as system:
        system.tell(address, 1)
        await trio.sleep(25)
        assert lab.actor(address).waiting_for == "amojo"
        await trio.sleep(20_100)
        assert caplog.text == ""
        assert lab.actor(address).restarts == 0


async def test_time_outside_dependency_still_counts(lab, address, autojump_clock):
    async def wait_and_hang(actor, _message):
        await trio.sleep(100)
        with actor.context.dependency("amojo"):
            await trio.sleep(1_000)
        await trio.sleep_forever()

    lab.script("handle", wait_and_hang)
    async with lab.open(lab.kind(**LIMITS)) as system:
        system.tell(address, 1)
        await trio.sleep(1_119)
        assert lab.actor(address).state == "running"
        await trio.sleep(2)
        assert lab.letters[0].reason is Loss.CRASHED


async def test_a_handler_that_does_not_react_to_its_cancellation_is_reported_again(
    lab, address, autojump_clock, caplog
):
    async def shielded(_actor, _message):
        with trio.CancelScope(shield=True):
            await trio.sleep(300)

    async def nap(_actor, _message):
        await trio.sleep(1)
        lab.log.append("the next one has slept well")

    lab.script("handle", shielded, nap)
    async with lab.open(lab.kind(**LIMITS)) as system:
        system.tell(address, 1)
        system.tell(address, 2)
        await trio.sleep(299)
        assert "does not react to its cancellation" in caplog.text
        assert lab.handled == [1]
        await trio.sleep(3)
        assert lab.handled == [1, 2]  # it ended normally, if late
        assert lab.log[-1] == "the next one has slept well"  # and does not take the next one with it
        assert lab.letters == []


@pytest.mark.parametrize("error", [ValueError("own"), None])
async def test_a_stuck_handler_that_turns_its_cancellation_into_an_error(lab, address, autojump_clock, error):
    async def turn(_actor, _message):
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            if error is None:
                raise
            raise error from None

    lab.script("handle", turn)
    async with lab.open(lab.kind(**LIMITS)) as system:
        system.tell(address, 1)
        await trio.sleep(125)
        (letter,) = lab.letters
        assert letter.failure.kind == "HandlerStuck"
        assert ("ValueError: own" in letter.failure.traceback) == (error is not None)


async def test_many_quick_handlers_arm_one_alarm(lab, address, autojump_clock):
    async with lab.open(lab.kind(**LIMITS)) as system:
        for n in range(2_000):
            system.tell(address, n)
            if n % 100 == 0:
                await trio.testing.wait_all_tasks_blocked()
        await trio.testing.wait_all_tasks_blocked()
        assert len(system.services.alarms) == 2  # the limits and the idle time
        await trio.sleep(31)
        assert len(system.services.alarms) == 1


async def test_limits_of_a_question_inside_a_nursery_of_the_handler(lab, address, autojump_clock):
    async def fan_out(actor, question):
        async def call():
            with actor.context.dependency("amocrm"):
                await trio.sleep(1_000)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            nursery.start_soon(call)
        question.reply.resolve("done")

    lab.script("handle", fan_out)
    async with lab.open(lab.kind(**LIMITS)) as system:
        assert await system.ask(address, "?", timeout_s=2_000) == "done"
