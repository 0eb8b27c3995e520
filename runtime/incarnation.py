"""One instance of an actor, from its activation to its end: the loop that takes one message at a time.

The loop reads the control lane first, refills the window when it is empty, and works off messages in batches of some
dozens, with one cancel scope and one checkpoint per batch. A nursery is open only while lanes need one: an actor that
is parked owns neither a nursery nor a scope. Whatever ends an instance is returned as an `End`; nothing but
cancellation (and faults of the runtime itself) is raised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import trio

from dealgram.runtime.actor import Actor, ActorContext
from dealgram.runtime.address import Address
from dealgram.runtime.dead_letter import DeadLetter, Loss
from dealgram.runtime.errors import BURY, CRASH, EntryNotDone, HandlerStuck, judge
from dealgram.runtime.failure import Failure
from dealgram.runtime.gate import Ticket
from dealgram.runtime.guard import guarded, hidden_by, log_hidden, split, verdict_of
from dealgram.runtime.lanes import AnyLanes, LaneCounts, LaneOptions, Lanes
from dealgram.runtime.mailbox import IDLE, LANES, LEAVE, PASSIVATE, RESTART, STOP, Held
from dealgram.runtime.outcome import LEFT, End, Trouble
from dealgram.runtime.question import Question
from dealgram.runtime.services import Services
from dealgram.runtime.state import ActorState
from dealgram.runtime.stuck import Dependency, Watch, lane_watch

if TYPE_CHECKING:
    from dealgram.runtime.cell import Cell

T = TypeVar("T")

BATCH: Final = 64  # messages between two checkpoints


class Incarnation:
    """Owned by its cell, which starts the next one.

    # Invariants:
    #   in_hand is the item whose handler runs, and None between handlers
    """

    __slots__ = (
        "_last_handled_id",
        "_nursery",
        "_opened",
        "_waits",
        "actor",
        "address",
        "cell",
        "in_hand",
        "services",
        "shown_waiting",
        "started_at",
        "ticket",
        "trouble",
        "watch",
    )

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.address: Address = cell.address
        self.services: Services = cell.services
        self.started_at = trio.current_time()
        self.watch = self.new_watch()
        self.actor: Actor | None = None
        self.ticket: Ticket | None = None  # held while activating
        self.trouble: Trouble | None = None  # what it crashed of
        self.in_hand: object | None = None
        self.shown_waiting: str | None = None  # what the actor itself says that it waits for
        self._opened: list[AnyLanes] | None = None
        self._nursery: trio.Nursery | None = None  # open while lanes need it
        self._waits = 0  # Transient failures in a row
        self._last_handled_id = -1

    # --- for the context and the lanes

    def new_watch(self, *, soft_s: float | None = None, hard_s: float | None = None) -> Watch:
        """Make the watch of one task of this actor, by default with the limits of its kind."""
        kind = self.cell.kind
        soft_s = kind.soft_limit_s if soft_s is None else soft_s
        hard_s = kind.hard_limit_s if hard_s is None else hard_s
        return Watch(self.address, self.services.alarms, soft_s=soft_s, hard_s=hard_s)

    def dependency(self, name: str) -> Dependency:
        """Suspend the limits of the calling lane item or, outside lanes, of the handler."""
        watch = lane_watch.get()
        if watch is None or watch.address != self.address:
            watch = self.watch
        return Dependency(watch, name, self.ticket if watch is self.watch else None)

    def open_lanes(self, options: LaneOptions[T]) -> Lanes[T]:
        """Add lanes to this instance."""
        lanes = Lanes(self, options)
        if self._opened is None:
            self._opened = []
        self._opened.append(lanes)
        if self._nursery is not None:
            lanes.attach(self._nursery)
        return lanes

    def lanes_changed(self) -> None:
        """Lanes want a nursery, or want none any more: look at them."""
        self.cell.touch()
        self.cell.mailbox.request(LANES)

    def lane_failed(self, failure: Failure) -> None:
        """Show a lane's failure in health; it concerns the lane only."""
        self.cell.note_failure(failure)

    def lane_counts(self) -> LaneCounts:
        """Return the counts over all lanes."""
        return sum((lanes.counts() for lanes in self._opened or ()), LaneCounts())

    @property
    def lanes_idle(self) -> bool:
        """Is no lane item anywhere?"""
        return all(lanes.idle for lanes in self._opened or ())

    @property
    def _lanes_quiet(self) -> bool:
        return all(lanes.quiet for lanes in self._opened or ())

    # --- for the cell

    async def activate(self) -> Trouble | None:
        """Make the actor and let it load its state, as one of not too many at a time."""
        self.ticket = Ticket(self.services.gate)
        await self.ticket.enter()
        try:
            self.started_at = trio.current_time()
            if self.cell.mailbox.control & LEAVE:
                return None
            actor = self.cell.kind.factory(self.address)
            actor.context = ActorContext(self)
            outcome = await guarded(self.watch, actor.activate)
            if outcome.error is not None:
                return self._judged(None, outcome.error)
            self.actor = actor
            return None
        except Exception as error:  # noqa: BLE001 - supervision: a factory that fails is a crash of the actor
            return self._judged(None, error)
        finally:
            self.ticket.leave()
            self.ticket = None

    async def serve(self) -> End:
        """Handle messages until something ends this instance. Its lanes have ended too when this returns."""
        mailbox = self.cell.mailbox
        while True:
            end = await (self._serve_with_lanes() if self._opened else self._serve(None))
            if end is not None:
                return end
            await mailbox.wait()

    async def deactivate(self) -> None:
        """Let the actor say good-bye, within its hard limit. A failure is logged and changes nothing."""
        assert self.actor is not None
        if type(self.actor).deactivate is Actor.deactivate:
            return  # it has nothing to say: two scopes per actor saved when all of them stop
        error: Exception | None = HandlerStuck(
            f"deactivate() of {self.address} passed its hard limit and was cancelled"
        )
        with trio.move_on_after(self.cell.kind.hard_limit_s):  # here, waiting for a dependency counts too
            error = (await guarded(self.watch, self.actor.deactivate)).error
        if error is not None:
            self.cell.note_failure(Failure.of(error))
            log_hidden(self.watch, error)

    # --- the loop

    async def _serve_with_lanes(self) -> End | None:
        assert self._opened is not None
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                for lanes in self._opened:
                    lanes.attach(nursery)
                end = None
                try:
                    end = await self._serve(nursery)
                finally:
                    # Before the nursery closes: a lane whose wait ends while it does must not find it any more.
                    if end is None:
                        self._detach_lanes()
                if end is not None:
                    self.cell.move(ActorState.DRAINING)
                    for lanes in self._opened:
                        lanes.close()
                    nursery.cancel_scope.deadline = trio.current_time() + self.cell.kind.lane_grace_s
        finally:
            self._detach_lanes()
        return end

    def _detach_lanes(self) -> None:
        self._nursery = None
        for lanes in self._opened or ():
            lanes.detach()

    async def _serve(self, nursery: trio.Nursery | None) -> End | None:
        """Return an End, or None when there is nothing to do but to wait (or lanes were opened meanwhile)."""
        mailbox = self.cell.mailbox
        while True:
            if mailbox.control:
                end = self._obey(mailbox.control)
                if end is not None:
                    return end
            if mailbox.needs_refill:
                trouble = await self._refill()
            elif mailbox:
                trouble = await self._batch()
            elif nursery is None or self._lanes_quiet:
                return None
            else:
                await mailbox.wait()
                continue
            if trouble is not None and not await self._deal_with(trouble):
                self.trouble = trouble
                return End.CRASHED
            if mailbox.has_work:
                await trio.lowlevel.checkpoint()
            if nursery is None and self._opened and not mailbox.control & LEAVE:
                return None

    def _obey(self, control: int) -> End | None:
        mailbox = self.cell.mailbox
        mailbox.control &= STOP
        if control & STOP:
            return End.STOPPED
        if control & RESTART:
            return End.RESTARTED
        if control & PASSIVATE:
            return End.PASSIVATED
        if control & IDLE and self._may_passivate():
            return End.PASSIVATED
        return None

    def _may_passivate(self) -> bool:
        assert self.actor is not None
        if self.cell.is_idle(trio.current_time()) and self.actor.idle():
            return True
        self.cell.arm_idle()
        return False

    async def _batch(self) -> Trouble | None:
        """Handle up to BATCH messages. The window rule holds: a batch never reaches past what is held."""
        assert self.actor is not None
        mailbox, watch, handle, counters = self.cell.mailbox, self.watch, self.actor.handle, self.services.counters
        message: object = None
        error: Exception | None = None
        with trio.CancelScope() as scope:
            watch.enter(scope)
            try:
                for _ in range(BATCH):
                    if mailbox.control or not mailbox:
                        break
                    self.in_hand = item = mailbox.take()
                    if type(item) is Held:
                        message = item.entry
                    elif type(item) is Question:
                        if not item.reply.open:  # the asker has gone: nobody wants the answer
                            continue
                        item.reply.taken = True
                        message = item
                    else:
                        message = item
                    watch.start()
                    await handle(message)
                    counters.handled += 1
                    if type(item) is Held:
                        self._last_handled_id = item.entry.id
                    self._waits = 0
                    if watch.stuck:  # cancelled too late to matter, but the scope is used up
                        break
                self.in_hand = None
            except trio.Cancelled as cancelled:
                if (hidden := hidden_by(cancelled)) is not None:
                    log_hidden(watch, hidden)
                raise
            except Exception as failure:  # noqa: BLE001 - supervision
                error = failure
            except BaseExceptionGroup as group:
                error, others = split(group)
                if others is not None:
                    if error is not None:
                        log_hidden(watch, error)
                    raise others from None
            finally:
                watch.leave()
                self.cell.touch()
        item, self.in_hand = self.in_hand, None
        if item is None:
            return None
        error = verdict_of(watch, error)
        assert error is not None
        return self._judged(item, error)

    def _judged(self, item: object | None, error: Exception) -> Trouble:
        verdict = judge(error)
        failure = Failure.of(error)
        self.cell.note_failure(failure)
        if isinstance(item, Question) and item.reply.open and verdict.action == BURY:
            item.reply.fail(error)
        return Trouble(item, failure, verdict.action, verdict.retry_after_s)

    async def _refill(self) -> Trouble | None:
        """Read the window from the journal. A journal that fails is waited for."""
        cell = self.cell
        source, mailbox = cell.kind.source, cell.mailbox
        assert source is not None
        mailbox.begin_refill()
        limit = cell.kind.mailbox_size
        entries = await cell.call_source(source.pending, cell.address, limit)
        if entries is LEFT:
            mailbox.mark_backlog()
            return None
        for entry in entries:
            if entry.id == self._last_handled_id:
                mailbox.mark_backlog()
                error = EntryNotDone(f"handle() returned, but entry {entry.id} of {self.address} is still pending")
                return self._judged(Held(entry), error)
        mailbox.end_refill(entries, more=len(entries) >= limit)
        return None

    # --- failures that do not end the instance

    async def _deal_with(self, trouble: Trouble) -> bool:
        """Wait or bury. Returns False if the instance has to end."""
        if trouble.action == CRASH:
            self.cell.lose(trouble.item, trouble.failure, Loss.CRASHED)
            return False
        if trouble.action == BURY:
            await self.cell.bury(trouble.item, trouble.failure, Loss.PERMANENT)
        else:
            await self._wait_in_place(trouble)
        return True

    async def _wait_in_place(self, trouble: Trouble) -> None:
        """A dependency fails: keep the message and its place, wait, look whether it is still to be handled."""
        cell, mailbox = self.cell, self.cell.mailbox
        assert trouble.item is not None
        mailbox.put_back(trouble.item)
        if isinstance(trouble.item, Question):
            trouble.item.reply.taken = False
        cell.note_waiting(self.watch.failed_dependency)
        delay_s = cell.delay_s(trouble.retry_after_s, self._waits)
        self._waits += 1
        await cell.pause(delay_s)
        item = trouble.item
        if not mailbox.control & LEAVE and isinstance(item, Held):
            # The handler may have failed after its commit: a done entry must not be handled again.
            source = cell.kind.source
            if source is not None:
                first = await cell.call_source(source.pending, cell.address, 1)
                if first is not LEFT and (not first or first[0].id != item.entry.id):
                    mailbox.close_window()
        if not mailbox.control & LEAVE:
            cell.move(ActorState.RUNNING)

    def end_lanes(self) -> None:
        """What only the lanes' memory held becomes dead letters."""
        for lanes in self._opened or ():
            lanes.abandon()

    def lose_in_hand(self) -> None:
        """The task was cancelled in the middle of a handler: a message that lived in memory only is lost."""
        item, self.in_hand = self.in_hand, None
        if item is None or isinstance(item, Held | Question):
            return
        self.services.dead_letter(DeadLetter(address=self.address, message=item, reason=Loss.CANCELLED))

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        self.watch.check_invariants()
        for lanes in self._opened or ():
            lanes.check_invariants()
