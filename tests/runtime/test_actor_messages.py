"""tell, deliver and wake: order, windows over the journal, admission."""

from __future__ import annotations

import contextvars
import math

import pytest
import trio

from dealgram.runtime import Address, Admission, UnknownKind


async def test_messages_of_one_sender_are_handled_in_the_order_told(lab, address, blocked, autojump_clock):
    async with lab.open() as system:
        for n in range(200):
            assert system.tell(address, n) is Admission.ACCEPTED
        await blocked()
        assert lab.handled == list(range(200))
        assert lab.log[0] == ("activate",)
        assert system.snapshot().counters.handled == 200


async def test_a_full_mailbox_rejects_direct_messages_and_says_so(lab, address, blocked, autojump_clock):
    async with lab.open(lab.kind(mailbox_size=2)) as system:
        answers = [system.tell(address, n) for n in range(3)]
        assert answers == [Admission.ACCEPTED, Admission.ACCEPTED, Admission.REJECTED]
        await blocked()
        assert lab.handled == [0, 1]
        assert system.snapshot().counters.rejected == 1


async def test_what_the_journal_held_before_activation_is_handled_first(lab, address, blocked, autojump_clock):
    for body in "abc":
        lab.journal.accept(address, body)
    async with lab.open(lab.kind(journaled=True)) as system:
        assert lab.give(address, "d") is Admission.BACKLOGGED
        await blocked()
        assert lab.handled == list("abcd")
        assert lab.give(address, "e") is Admission.ACCEPTED
        await blocked()
        assert lab.handled == list("abcde")
        assert lab.journal.open_entries() == []
        assert system.snapshot().counters.backlogged == 1


async def test_a_full_window_drops_nothing_and_keeps_the_order(lab, address, blocked, autojump_clock):
    async with lab.open(lab.kind(journaled=True, mailbox_size=4)):
        lab.system.wake(address)
        await blocked()
        answers = [lab.give(address, n) for n in range(20)]
        assert answers == [Admission.ACCEPTED] * 4 + [Admission.BACKLOGGED] * 16
        assert lab.actor(address).backlog
        await blocked()
        assert lab.handled == list(range(20))
        assert not lab.actor(address).backlog


async def test_a_full_window_of_entries_leaves_room_for_direct_messages(lab, address, blocked, autojump_clock):
    async with lab.open(lab.kind(journaled=True, mailbox_size=2)) as system:
        system.wake(address)
        await blocked()
        for n in range(5):
            lab.give(address, n)
        assert system.tell(address, "direct") is Admission.ACCEPTED
        await blocked()
        assert "direct" in lab.handled
        assert [body for body in lab.handled if body != "direct"] == [0, 1, 2, 3, 4]


async def test_an_entry_delivered_twice_or_late_is_handled_once(lab, address, blocked, autojump_clock):
    async with lab.open(lab.kind(journaled=True)) as system:
        entry = lab.journal.accept(address, "x")
        system.wake(address)  # reads the entry from the journal before it is delivered
        await blocked()
        assert system.deliver(entry) is Admission.BACKLOGGED
        assert system.deliver(entry) is Admission.BACKLOGGED
        await blocked()
        await system.passivate(address)
        system.wake(address)  # a new activation, which finds nothing in the journal, must not take it either
        await blocked()
        assert system.deliver(entry) is Admission.BACKLOGGED
        await blocked()
        assert lab.handled == ["x"]


async def test_an_entry_of_a_kind_without_a_journal_is_a_direct_message(lab, address, blocked, autojump_clock):
    async with lab.open(lab.kind(mailbox_size=1)):
        assert lab.give(address, 1) is Admission.ACCEPTED
        assert lab.give(address, 2) is Admission.REJECTED
        await blocked()
        assert lab.handled == [1]


async def test_wake_activates_and_reads_again(lab, address, blocked, autojump_clock):
    async with lab.open(lab.kind(journaled=True)) as system:
        lab.journal.accept(address, 1)
        system.wake(address)
        await blocked()
        lab.journal.accept(address, 2)  # committed by another process: nobody delivers it here
        await blocked()
        assert lab.handled == [1]
        system.wake(address)
        await blocked()
        assert lab.handled == [1, 2]


async def test_one_slow_actor_holds_nobody_back(lab, blocked, autojump_clock):
    slow, quick = Address("a", "slow"), Address("a", "quick")

    async def hang(_actor: object, _message: object) -> None:
        await trio.sleep(20)

    lab.script("handle", hang)
    async with lab.open(lab.kind(journaled=True, mailbox_size=2)) as system:
        for n in range(10):
            lab.give(slow, ("slow", n))
        await blocked()
        for n in range(10):
            lab.give(quick, ("quick", n))
        await blocked()
        assert lab.handled == [("slow", 0)] + [("quick", n) for n in range(10)]
        assert system.snapshot(key_contains="slow").actors[0].handling_s == 0


async def test_an_unknown_kind_is_refused_and_its_entries_stay_in_the_journal(lab, caplog, autojump_clock):
    stranger = Address("stranger", "1")
    async with lab.open() as system:
        with pytest.raises(UnknownKind):
            system.tell(stranger, 1)
        with pytest.raises(UnknownKind):
            system.wake(stranger)
        with pytest.raises(UnknownKind):
            await system.ask(stranger, 1, timeout_s=1)
        assert lab.give(stranger) is Admission.REJECTED
    assert "stranger:1" in caplog.text


async def test_an_entry_that_its_handler_leaves_pending_ends_as_poison(lab, address, blocked, autojump_clock):
    async def forget(_actor: object, _message: object) -> None:
        """Return without having completed the entry."""

    lab.always["handle"] = forget
    async with lab.open(lab.kind(journaled=True, mailbox_size=2)) as system:
        entry = lab.journal.accept(address, "x")
        system.wake(address)
        await blocked()
        system.wake(address)
        await trio.sleep(30)
        for _ in range(4):
            system.wake(address)
            await trio.sleep(30)
        assert lab.journal.buried[entry.id].kind == "EntryNotDone"
        assert lab.handled.count("x") <= 6


async def test_a_kind_without_idle_time_is_never_passivated(lab, address, blocked, autojump_clock):
    async with lab.open(lab.kind(idle_after_s=math.inf)) as system:
        system.tell(address, 1)
        await trio.sleep(80_000)
        assert lab.actor(address).state == "running"


async def test_an_actor_does_not_inherit_the_context_of_the_one_who_activates_it(lab, address, blocked, autojump_clock):
    request = contextvars.ContextVar("request", default="none")
    seen = []

    async def look(_actor: object, _message: object) -> None:
        seen.append(request.get())

    lab.script("handle", look)
    async with lab.open() as system:
        request.set("a request that is long over")
        system.tell(address, 1)
        await blocked()
    assert seen == ["none"]


async def test_snapshot_filters_and_counts(lab, autojump_clock, blocked):
    async with lab.open(lab.kind("a"), lab.kind("b")) as system:
        for key in ("1", "12", "3"):
            system.tell(Address("a", key), 0)
        system.tell(Address("b", "1"), 0)
        await trio.sleep(5)
        picture = system.snapshot(kind="a", key_contains="1")
        assert sorted(str(a.address) for a in picture.actors) == ["a:1", "a:12"]
        assert picture.by_kind == {"a": 3, "b": 1}
        assert picture.by_state == {"running": 4}
        assert system.snapshot(state="failed").actors == ()
        assert picture.actors[0].last_activity_at == pytest.approx(picture.at - 5)
        assert picture.actors[0].activations == 1
        system._check_invariants()
