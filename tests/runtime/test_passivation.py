"""Passivation: idle actors leave, nothing that arrives meanwhile is lost, and never two activations."""

from __future__ import annotations

import math

import trio
import trio.testing

from dealgram.runtime import Address, Question, Transient


async def test_an_idle_actor_is_passivated(lab, address, autojump_clock):
    async with lab.open(lab.kind(idle_after_s=900)) as system:
        system.tell(address, 1)
        await trio.sleep(899)
        assert lab.actor(address).state == "running"
        await trio.sleep(2)
        assert system.snapshot().actors == ()
        assert lab.log == [("activate",), ("handle", 1), ("deactivate",)]
        assert lab.states == ["running", "draining", "stopped"]
        assert system.snapshot().counters.passivations == 1
        system.tell(address, 2)
        await trio.testing.wait_all_tasks_blocked()
        assert lab.handled == [1, 2]


async def test_work_puts_the_passivation_off(lab, address, autojump_clock):
    async with lab.open(lab.kind(idle_after_s=900)) as system:
        for n in range(10):
            system.tell(address, n)
            await trio.sleep(800)
        assert lab.log.count(("activate",)) == 1
        await trio.sleep(101)
        assert system.snapshot().actors == ()


async def test_an_actor_may_veto_its_passivation(lab, address, autojump_clock):
    lab.may_passivate = False
    async with lab.open(lab.kind(idle_after_s=100)) as system:
        system.tell(address, 1)
        await trio.sleep(1000)
        assert lab.actor(address).state == "running"
        lab.may_passivate = True
        await trio.sleep(101)
        assert system.snapshot().actors == ()


async def test_a_veto_that_crashes_is_a_crash(lab, address, autojump_clock):
    async with lab.open(lab.kind(idle_after_s=100)) as system:
        system.tell(address, 1)
        await trio.sleep(1)
        (cell,) = system._kinds["a"].cells.values()
        cell.instance.actor.idle = lambda: 1 / 0
        await trio.sleep(100)
        assert lab.actor(address).last_error.kind == "ZeroDivisionError"


async def test_messages_that_arrive_while_it_says_good_bye_are_kept_for_the_next_activation(
    lab, address, autojump_clock
):
    async def slow(_actor, _message):
        await trio.sleep(10)

    lab.script("deactivate", slow)
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(address, 1)
        await trio.testing.wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(system.passivate, address)
            await trio.sleep(5)
            assert lab.actor(address).state == "draining"
            lab.give(address, 2)
            system.tell(address, "direct")
            await trio.sleep(1)
            assert lab.handled == [1]
        await trio.testing.wait_all_tasks_blocked()
        assert lab.log[2:4] == [("deactivate",), ("activate",)]
        assert sorted(lab.handled, key=str) == [1, 2, "direct"]
        assert lab.letters == []


async def test_an_operator_passivates_between_two_messages(lab, address, autojump_clock):
    async def slow(_actor, _message):
        await trio.sleep(10)

    lab.script("handle", slow)
    async with lab.open() as system:
        for n in range(3):
            system.tell(address, n)
        await trio.testing.wait_all_tasks_blocked()
        await system.passivate(address)
        assert trio.current_time() == 10
        await trio.testing.wait_all_tasks_blocked()
        assert lab.log == [
            ("activate",), ("handle", 0), ("deactivate",), ("activate",), ("handle", 1), ("handle", 2),
        ]  # fmt: skip
        await system.passivate(Address("a", "inactive"))


async def test_an_actor_that_waits_for_its_dependency_can_be_passivated(lab, address, autojump_clock):
    lab.script("handle", Transient("down", retry_after_s=1000))
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(address, 1)
        await trio.sleep(1)
        system.tell(address, "direct")
        await system.passivate(address)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.current_time() == 1
        assert sorted(lab.handled, key=str) == [1, 1, "direct"]


async def test_control_is_read_before_a_full_mailbox(lab, address, autojump_clock):
    async with lab.open(lab.kind(mailbox_size=10_000)) as system:
        for n in range(10_000):
            system.tell(address, n)
        await system.passivate(address)
        assert len(lab.handled) < 200


async def test_an_actor_that_owes_an_answer_is_not_idle(lab, address, autojump_clock):
    taken: list[Question[object]] = []

    async def keep(_actor, question):
        taken.append(question)

    lab.script("handle", keep)
    async with lab.open(lab.kind(idle_after_s=10)) as system, trio.open_nursery() as nursery:

        async def ask() -> None:
            assert await system.ask(address, "?", timeout_s=100) == "at last"

        nursery.start_soon(ask)
        await trio.sleep(50)
        assert lab.actor(address).state == "running"
        taken[0].reply.resolve("at last")
        await trio.sleep(15)
        assert system.snapshot().actors == ()


async def test_a_lane_that_waits_keeps_its_actor(lab, address, autojump_clock):
    done = []

    async def run(_lane, item):
        if trio.current_time() < 500:
            raise Transient("down", retry_after_s=100)
        done.append(item)

    async def activate(actor, _message):
        actor.lanes = actor.context.lanes(run=run)

    async def handle(actor, message):
        actor.lanes.put("lane", message)

    lab.always |= {"activate": activate, "handle": handle}
    async with lab.open(lab.kind(idle_after_s=10)) as system:
        system.tell(address, "item")
        await trio.sleep(550)
        assert done == ["item"]
        assert lab.log.count(("activate",)) == 1
        assert system.snapshot().actors == ()


async def test_waiting_for_passivation_of_an_actor_that_just_starts(lab, address, autojump_clock):
    async def slow(_actor, _message):
        await trio.sleep(3)

    lab.script("activate", slow)
    async with lab.open(lab.kind(idle_after_s=math.inf)) as system:
        system.tell(address, 1)
        await trio.testing.wait_all_tasks_blocked()
        await system.passivate(address)
        assert trio.current_time() == 3
        await trio.testing.wait_all_tasks_blocked()
        assert lab.handled == [1]
