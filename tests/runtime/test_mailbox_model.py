"""The mailbox against a plain model: in any order of deliveries, refills and takes, ids come once and in order."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import trio
import trio.testing
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from dealgram.runtime import Address, Admission
from dealgram.runtime.mailbox import PASSIVATE, STOP, Held, Mailbox

ADDRESS = Address("a", "1")


@dataclass(frozen=True)
class Entry:
    id: int
    address: Address = ADDRESS
    attempts: int = 0


class MailboxMachine(RuleBasedStateMachine):
    """A journal, a mailbox as its window, one reader. Reading the journal is split in two: deliveries come between."""

    @initialize(size=st.integers(1, 4))
    def start(self, size: int) -> None:
        self.mailbox = Mailbox(size, journaled=True)
        self.size = size
        self.next_id = 1
        self.journal: list[int] = []  # not done, in order
        self.undelivered: list[int] = []  # committed, but the mailbox has not been told yet
        self.in_hand: int | None = None
        self.reading: list[int] | None = None
        self.handled: list[int] = []
        self.told: list[int] = []
        self.heard: list[int] = []
        self.number = 0

    @rule()
    def commit(self) -> None:
        self.journal.append(self.next_id)
        self.undelivered.append(self.next_id)
        self.next_id += 1

    @precondition(lambda self: self.undelivered)
    @rule()
    def deliver(self) -> None:
        self.mailbox.put_entry(Entry(self.undelivered.pop(0)))

    @rule()
    def tell(self) -> None:
        self.number += 1
        if self.mailbox.put(self.number) is Admission.ACCEPTED:
            self.told.append(self.number)
        else:
            assert self.mailbox.direct >= self.size

    @precondition(lambda self: self.reading is None and self.in_hand is None and self.mailbox.needs_refill)
    @rule()
    def begin_refill(self) -> None:
        self.mailbox.begin_refill()
        self.reading = self.journal[: self.size]

    @precondition(lambda self: self.reading is not None)
    @rule()
    def end_refill(self) -> None:
        self.mailbox.end_refill([Entry(i) for i in self.reading], more=len(self.reading) >= self.size)
        self.reading = None

    @precondition(lambda self: self.in_hand is None and self.reading is None and len(self.mailbox))
    @rule()
    def take(self) -> None:
        item = self.mailbox.take()
        if isinstance(item, Held):
            self.in_hand = item.entry.id
        else:
            self.heard.append(item)

    @precondition(lambda self: self.in_hand is not None)
    @rule(success=st.booleans())
    def finish(self, success: bool) -> None:
        if success:
            self.journal.remove(self.in_hand)
            self.handled.append(self.in_hand)
        else:
            self.mailbox.put_back(Held(Entry(self.in_hand)))
        self.in_hand = None

    @precondition(lambda self: self.reading is None)
    @rule()
    def restart(self) -> None:
        self.in_hand = None
        self.mailbox.close_window()

    @invariant()
    def handled_once_and_in_order(self) -> None:
        assert self.handled == list(range(1, len(self.handled) + 1))
        assert self.heard == self.told[: len(self.heard)]

    @invariant()
    def nothing_is_forgotten(self) -> None:
        """Every entry that is not done is held, in hand, told of later, or covered by the backlog flag."""
        if not self.mailbox.backlog and self.reading is None:
            held = [item.entry.id for item in self.mailbox._items if isinstance(item, Held)]
            known = {*held, *self.undelivered, *([self.in_hand] if self.in_hand else [])}
            assert set(self.journal) <= known
        self.mailbox.check_invariants()


TestMailboxMachine = MailboxMachine.TestCase
TestMailboxMachine.settings = settings(max_examples=150, stateful_step_count=40)


async def test_the_reader_wakes_for_what_it_waits_for(autojump_clock):
    mailbox = Mailbox(4, journaled=True)
    mailbox.backlog = False
    woken = []

    async def read(*, control_only: bool) -> None:
        await mailbox.wait(control_only=control_only)
        woken.append(control_only)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: read(control_only=True))
        await trio.testing.wait_all_tasks_blocked()
        mailbox.put("m")
        mailbox.mark_backlog()
        await trio.testing.wait_all_tasks_blocked()
        assert woken == []
        mailbox.check_invariants()
        mailbox.request(PASSIVATE)
        await trio.testing.wait_all_tasks_blocked()
        assert woken == [True]
        mailbox.control = 0
        await mailbox.wait()  # there is a message: no parking
        assert mailbox.drain() == ["m"]


async def test_a_cancelled_reader_leaves_no_trace(autojump_clock):
    mailbox = Mailbox(4, journaled=False)
    with trio.move_on_after(1):
        await mailbox.wait()
    mailbox.check_invariants()
    mailbox.put("m")
    mailbox.request(STOP)
    with trio.move_on_after(1) as scope:
        await mailbox.wait()
    assert not scope.cancelled_caught
    assert mailbox.take() == "m"
    with pytest.raises(IndexError):
        mailbox.take()


async def test_waiting_is_a_checkpoint_even_when_there_is_something(autojump_clock):
    mailbox = Mailbox(4, journaled=False)
    mailbox.put("m")
    with trio.testing.assert_checkpoints():
        await mailbox.wait()
