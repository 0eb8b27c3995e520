"""The actor system: the door through which everybody else talks to actors.

It owns every actor's task in one nursery, activates addresses on their first message, and ends them in order: kinds
are drained in the reverse of the order in which they were given, so that whoever is asked (an account) is still there
for those who ask (its groups) while they finish.
"""

from __future__ import annotations

import contextvars
import dataclasses
import logging
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial

import trio

from dealgram.runtime.actor import ActorKind
from dealgram.runtime.address import Address
from dealgram.runtime.cell import Cell
from dealgram.runtime.dead_letter import DeadLetterSink, log_dead_letter
from dealgram.runtime.entry import Admission, Entry
from dealgram.runtime.errors import ActorStopped, AskedItself, AskTimeout, MailboxFull, UnknownKind
from dealgram.runtime.gate import Gate
from dealgram.runtime.mailbox import PASSIVATE, RESTART, STOP
from dealgram.runtime.question import Question, Reply
from dealgram.runtime.registry import Registry
from dealgram.runtime.services import Services
from dealgram.runtime.snapshot import SystemSnapshot
from dealgram.runtime.state import ActorState, Observer

_log = logging.getLogger("dealgram.runtime")


class ActorSystem:
    """Made by `ActorSystem.open` only. Every method belongs to the thread of trio's loop.

    # Invariants:
    #   every cell in a registry has a task in the nursery, or one that is about to start
    """

    def __init__(self, kinds: Iterable[ActorKind], services: Services, nursery: trio.Nursery) -> None:
        self.services = services
        self._nursery = nursery
        self._kinds = {kind.name: Registry(kind) for kind in kinds}
        self._stopping = False
        # Actors outlive whoever activates them: they must not inherit the context variables of a request.
        self._context = contextvars.copy_context()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        kinds: Iterable[ActorKind],
        *,
        rng: random.Random,
        max_activations: int = 64,
        dead_letter: DeadLetterSink = log_dead_letter,
        wall: Callable[[], float] = time.time,
        observer: Observer | None = None,
    ) -> AsyncIterator[ActorSystem]:
        """Open a system for the length of a block. Leaving the block without `stop()` cancels all actors at once.

        `kinds` are drained from the last to the first: give those who are asked before those who ask. At most
        `max_activations` actors load their state at a time. `dead_letter` hears of every lost message, `observer`
        of every change of state; both are synchronous. `wall` gives Unix seconds.
        """
        services = Services(
            rng=rng, gate=Gate(max_activations), wall=wall, dead_letter_sink=dead_letter, observer=observer
        )
        async with trio.open_nursery() as outer:
            # The actors' nursery is not that of the block: cancelling the actors must not cancel their owner.
            nursery: trio.Nursery = await outer.start(cls._host, services)
            system = cls(kinds, services, nursery)
            try:
                yield system
            finally:
                system._close()
                nursery.cancel_scope.cancel(reason="the block of the actor system was left")

    @staticmethod
    async def _host(services: Services, *, task_status: trio.TaskStatus[trio.Nursery]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(services.alarms.run, name="actor alarms")
            task_status.started(nursery)

    # --- messages

    def deliver(self, entry: Entry) -> Admission:
        """Tell an actor of a committed journal entry. Never blocks, never loses: the entry is in the journal.

        BACKLOGGED: the actor reads it from there in its turn. REJECTED: the system stops, or nobody knows the kind;
        the entry stays pending. For a kind without a source, the entry is a direct message.
        """
        registry = self._kinds.get(entry.address.kind)
        if registry is None:
            _log.error("an entry for an unknown kind of actor stays in the journal: %s", entry.address)
            return Admission.REJECTED
        if self._stopping or registry.closed:
            self.services.counters.rejected += 1
            return Admission.REJECTED
        if registry.kind.source is None:
            return self.tell(entry.address, entry)
        admission = self._activate(registry, entry.address).mailbox.put_entry(entry)
        self.services.counters.deliveries += 1
        if admission is Admission.BACKLOGGED:
            self.services.counters.backlogged += 1
        return admission

    def tell(self, address: Address, message: object) -> Admission:
        """Give a message that lives in memory only. Never blocks. REJECTED: its mailbox is full or the system stops.

        Messages of one sender to one address are handled in the order told. Raises UnknownKind.
        """
        registry = self._registry(address)
        counters = self.services.counters
        if registry.closed or self._activate(registry, address).mailbox.put(message) is Admission.REJECTED:
            counters.rejected += 1
            return Admission.REJECTED
        counters.tells += 1
        return Admission.ACCEPTED

    def wake(self, address: Address) -> None:
        """Make sure that the actor is active and reads its journal (again). Raises UnknownKind."""
        registry = self._registry(address)
        if not self._stopping and not registry.closed:
            self._activate(registry, address).mailbox.mark_backlog()

    async def ask(self, address: Address, request: object, *, timeout_s: float) -> object:
        """Ask an actor and wait for its answer, at most `timeout_s` seconds.

        Raises what the actor failed the question with; AskTimeout, ActorStopped or MailboxFull (all `Transient`);
        ActorCrashed if the actor crashed on it; AskedItself within the asked actor's own handler. A question whose
        asker has gone is not handled any more; a late answer is counted and dropped.
        """
        if not 0 < timeout_s < math.inf:
            raise ValueError("an ask needs a deadline")
        registry = self._registry(address)
        if registry.closed:
            raise ActorStopped(f"{address} takes no more questions: the system stops")
        cell = self._activate(registry, address)
        if cell.task is trio.lowlevel.current_task():
            raise AskedItself(f"{address} asks itself")
        counters = self.services.counters
        reply: Reply[object] = Reply(self._count_late_answer)
        if cell.mailbox.put(Question(request, reply)) is Admission.REJECTED:
            counters.rejected += 1
            raise MailboxFull(f"the mailbox of {address} is full")
        counters.asks += 1
        cell.expect(reply)
        try:
            with trio.move_on_after(timeout_s):
                return await reply.wait()
        finally:
            cell.settle(reply)
        counters.ask_timeouts += 1
        raise AskTimeout(f"{address} did not answer within {timeout_s} s")

    # --- life

    async def passivate(self, address: Address) -> None:
        """End the present instance after its current message, whatever waits. Returns when it has ended.

        What waits in memory is handled by the next instance, which starts at once if there is something to do.
        """
        await self._end_instance(address, PASSIVATE)

    async def restart(self, address: Address) -> None:
        """Replace the present instance after its current message, or try a failed actor again now."""
        await self._end_instance(address, RESTART)

    async def stop(self, *, deadline_s: float) -> None:
        """Drain and end all actors; may be called again.

        Every actor finishes its current message, and its lanes their current items; then it is deactivated. What is
        not finished after `deadline_s` is cancelled. Returns when no actor is left.
        """
        self._stopping = True
        with trio.move_on_after(deadline_s):
            for registry in reversed(self._kinds.values()):
                registry.closed = True
                for cell in registry.cells.values():
                    cell.mailbox.request(STOP)
                await registry.wait_empty()
        self._close()
        left = sum(len(registry.cells) for registry in self._kinds.values())
        if left:
            _log.warning("the deadline of the drain has passed: %d actors are cancelled", left)
            self._nursery.cancel_scope.cancel(reason="the deadline of the drain has passed")
        for registry in self._kinds.values():
            await registry.wait_empty()

    def snapshot(
        self, *, kind: str | None = None, state: ActorState | str | None = None, key_contains: str | None = None
    ) -> SystemSnapshot:
        """Return a frozen picture of the system; the filters choose which actors it shows."""
        now, wall = trio.current_time(), self.services.wall()
        cells = [cell for registry in self._kinds.values() for cell in registry.cells.values()]
        return SystemSnapshot(
            at=wall,
            stopping=self._stopping,
            by_state=dict(Counter(cell.state for cell in cells)),
            by_kind={name: len(registry.cells) for name, registry in self._kinds.items()},
            counters=dataclasses.replace(self.services.counters),
            actors=tuple(
                cell.snapshot(now, wall)
                for cell in cells
                if (kind is None or cell.address.kind == kind)
                and (state is None or cell.state == state)
                and (key_contains is None or key_contains in cell.address.key)
            ),
        )

    # --- inside

    def _registry(self, address: Address) -> Registry:
        try:
            return self._kinds[address.kind]
        except KeyError:
            raise UnknownKind(f"no such kind of actor: {address}") from None

    def _activate(self, registry: Registry, address: Address) -> Cell:
        cell = registry.cells.get(address.key)
        if cell is None:
            cell = registry.cells[address.key] = Cell(address, registry, self)
            self._context.run(partial(self._nursery.start_soon, cell.run, name=registry.task_name))
        return cell

    async def _end_instance(self, address: Address, control: int) -> None:
        cell = self._registry(address).cells.get(address.key)
        if cell is None:
            await trio.lowlevel.checkpoint()
            return
        cell.mailbox.request(control)
        await cell.ended()

    def _close(self) -> None:
        self._stopping = True
        for registry in self._kinds.values():
            registry.closed = True

    def _count_late_answer(self) -> None:
        self.services.counters.late_answers += 1

    def _check_invariants(self) -> None:
        self.services.alarms.check_invariants()
        self.services.gate.check_invariants()
        for registry in self._kinds.values():
            for cell in registry.cells.values():
                cell.check_invariants()
