"""The end: drain in order, within a deadline, and a dead letter for all that lived in memory only."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from dealgram.runtime import Address, Admission, Loss, Transient


def sleeping(seconds: float):
    async def step(actor, message):
        await trio.sleep(seconds)
        if hasattr(message, "id"):
            await actor.lab.journal.commit(message)

    return step


async def test_stop_finishes_the_current_message_and_deactivates(lab, address, autojump_clock):
    lab.script("handle", sleeping(5))
    async with lab.open(lab.kind(journaled=True)) as system:
        for n in (1, 2):
            lab.give(address, n)
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: system.stop(deadline_s=60))
            await trio.sleep(1)
            assert lab.give(address, 3) is Admission.REJECTED
            assert system.tell(address, "late") is Admission.REJECTED
            system.wake(Address("a", "other"))
            assert system.snapshot().stopping
        assert trio.current_time() == 5
        assert system.snapshot().actors == ()
    assert lab.log == [("activate",), ("handle", 1), ("deactivate",)]
    assert lab.journal.open_entries() == [2, 3]  # safe in the journal
    assert lab.letters == []


async def test_stop_makes_dead_letters_of_direct_messages_that_wait(lab, address, autojump_clock):
    lab.script("handle", sleeping(5))
    async with lab.open() as system:
        for n in range(3):
            system.tell(address, n)
        await trio.sleep(1)
        await system.stop(deadline_s=60)
    assert lab.handled == [0]
    assert [(letter.message, letter.reason) for letter in lab.letters] == [(1, Loss.STOPPED), (2, Loss.STOPPED)]


async def test_stop_cancels_after_its_deadline(lab, address, autojump_clock):
    lab.script("handle", sleeping(1e9))
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(address, 1)
        await trio.sleep(1)
        await system.stop(deadline_s=10)
        assert trio.current_time() == 11
        assert system.snapshot().actors == ()
        assert lab.journal.open_entries() == [1]
        assert lab.journal.entries[1].attempts == 0  # being cancelled is no failure of the entry
        await trio.sleep(100)
        lab.log.append("the owner of the system goes on")
    assert lab.log[-1] == "the owner of the system goes on"


@pytest.mark.parametrize("where", ["activate", "handle"])
async def test_stop_does_not_wait_for_back_offs(lab, address, autojump_clock, where):
    lab.script(where, Transient("down", retry_after_s=1000))
    async with lab.open() as system:
        system.tell(address, "direct")
        await trio.sleep(1)
        assert lab.actor(address).state == "backing_off"
        await system.stop(deadline_s=60)
        assert trio.current_time() == 1
    assert [letter.message for letter in lab.letters] == ["direct"]


async def test_stop_ends_failed_and_backing_off_actors_at_once(lab, address, autojump_clock):
    lab.script("activate", *[ValueError("no")] * 6)
    async with lab.open() as system:
        system.tell(address, "direct")
        await trio.sleep(20)
        assert lab.actor(address).state == "failed"
        await system.stop(deadline_s=60)
        assert trio.current_time() == 20
    assert [letter.message for letter in lab.letters] == ["direct"]


async def test_kinds_are_drained_from_the_last_to_the_first(lab, autojump_clock):
    account, group = Address("account", "1"), Address("group", "1")

    async def ask_account(actor, message):
        await trio.sleep(2)
        lab.log.append(("answer", await actor.context.system.ask(account, "token", timeout_s=10)))

    async with lab.open(lab.kind("account"), lab.kind("group")) as system:
        system.tell(account, "activate")
        await trio.testing.wait_all_tasks_blocked()
        lab.script("handle", ask_account)
        system.tell(group, "message")
        await trio.sleep(1)
        await system.stop(deadline_s=10)
    assert ("answer", "token") in lab.log  # whoever is asked is still there
    assert lab.log[-2:] == [("deactivate",), ("deactivate",)]


async def test_a_stop_during_activation_waits_for_it(lab, address, autojump_clock):
    lab.script("activate", sleeping(5))
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.give(address, 1)
        await trio.sleep(1)
        await system.stop(deadline_s=60)
        assert trio.current_time() == 5
    assert lab.log == [("activate",), ("deactivate",)]


async def test_a_stop_of_many_actors_that_have_not_started_yet(lab, autojump_clock):
    async with lab.open(max_activations=2) as system:
        for n in range(50):
            system.tell(Address("a", str(n)), n)
        await system.stop(deadline_s=5)
        assert system.snapshot().actors == ()
    assert len(lab.handled) + len(lab.letters) == 50


async def test_stop_may_be_called_twice(lab, address, autojump_clock):
    lab.script("handle", sleeping(3))
    async with lab.open() as system:
        system.tell(address, 1)
        await trio.sleep(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: system.stop(deadline_s=60))
            nursery.start_soon(lambda: system.stop(deadline_s=60))
        assert trio.current_time() == 3
        await system.stop(deadline_s=1)


async def test_a_second_system_finishes_what_the_first_left(lab, address, autojump_clock):
    lab.script("handle", None, sleeping(1e9))
    async with lab.open(lab.kind(journaled=True)):
        for n in range(5):
            lab.give(address, n)
        await trio.sleep(1)
    # the block was left without a stop, as by SIGKILL
    lab.made.clear()
    async with lab.open(lab.kind(journaled=True)) as system:
        system.wake(address)
        await trio.sleep(1)
    assert lab.handled == [0, 1, 1, 2, 3, 4]
    assert lab.journal.open_entries() == []
    assert lab.letters == []


async def test_a_failing_sink_or_observer_breaks_nothing(lab, address, autojump_clock, caplog):
    def broken(_: object) -> None:
        raise OSError("sink")

    lab.letters = type("Broken", (), {"append": staticmethod(broken)})()
    lab.moves = lab.letters
    lab.script("handle", ValueError("crash"))
    async with lab.open() as system:
        system.tell(address, 1)
        system.tell(address, 2)
        await trio.sleep(5)
        assert lab.handled == [1, 2]
    assert "the sink of dead letters failed" in caplog.text
    assert "the observer of transitions failed" in caplog.text
