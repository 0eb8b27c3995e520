"""The place of one address in the system: its mailbox, its restarts, and one instance after the other.

A cell is one task for as long as its address is active. It outlives the instances it starts, so that restart and
passivation lose nothing that waits in the mailbox, and two activations of an address cannot exist: the cell enters the
registry before its task starts and leaves it in the same step in which it finds nothing left to do.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import trio

from dealgram.runtime.actor import ActorKind
from dealgram.runtime.address import Address
from dealgram.runtime.dead_letter import DeadLetter, Loss
from dealgram.runtime.errors import RETRY, ActorCrashed, ActorStopped, HandlerStuck, judge
from dealgram.runtime.failure import Failure
from dealgram.runtime.guard import split
from dealgram.runtime.incarnation import Incarnation
from dealgram.runtime.lanes import LaneCounts
from dealgram.runtime.mailbox import IDLE, LEAVE, PASSIVATE, RESTART, STOP, Held, Mailbox
from dealgram.runtime.outcome import LEFT, End, Left, Trouble
from dealgram.runtime.question import Question, Reply
from dealgram.runtime.restart import RestartWindow
from dealgram.runtime.services import Services
from dealgram.runtime.snapshot import ActorSnapshot
from dealgram.runtime.state import ActorState

if TYPE_CHECKING:
    from dealgram.runtime.registry import Registry
    from dealgram.runtime.system import ActorSystem

_log = logging.getLogger("dealgram.runtime")

T = TypeVar("T")

_MIN_RETRY_S: Final = 0.001  # "retry after 0 seconds" must not become a busy loop within one tick of the clock


class Cell:
    """Owned by the registry of its kind; `run` is its one task.

    # Invariants:
    #   state is RUNNING implies that `instance` is there and has been activated
    """

    __slots__ = (
        "_activations",
        "_asks",
        "_changed",
        "_idle_armed",
        "_last_activity",
        "_last_error",
        "_last_error_at",
        "_restarts",
        "_waiting_for",
        "_waits",
        "_window",
        "address",
        "instance",
        "kind",
        "mailbox",
        "registry",
        "services",
        "state",
        "system",
        "task",
    )

    def __init__(self, address: Address, registry: Registry, system: ActorSystem) -> None:
        self.address = address
        self.registry = registry
        self.kind: ActorKind = registry.kind
        self.system = system
        self.services: Services = system.services
        self.mailbox = Mailbox(self.kind.mailbox_size, journaled=self.kind.source is not None, last_id=registry.last_id)
        self.state = ActorState.STARTING
        self.instance: Incarnation | None = None
        self.task: trio.lowlevel.Task | None = None
        self._window: RestartWindow | None = None
        self._asks: set[Reply[Any]] | None = None  # everybody who waits for an answer of this address
        self._changed: trio.Event | None = None  # set when an instance has ended
        self._activations = 0
        self._restarts = 0
        self._waits = 0  # activations in a row that failed because of a dependency
        self._last_error: Failure | None = None
        self._last_error_at: float | None = None
        self._last_activity = trio.current_time()
        self._idle_armed = False
        self._waiting_for: str | None = None

    # --- the life

    async def run(self) -> None:
        """Be the actor of this address until it is passivated with nothing left to do, or stopped."""
        self.task = trio.lowlevel.current_task()
        try:
            while await self._survive():
                self.move(ActorState.STARTING)
        finally:
            self._leave()

    async def _survive(self) -> bool:
        """Live; a fault of the runtime or of the journal's code fails this actor alone. Returns as `_live`."""
        try:
            return await self._live()
        except Exception as error:  # noqa: BLE001 - one actor must not take the others with it
            _log.exception("a fault in the runtime, met by %s", self.address)
            self.note_failure(Failure.of(error))
        except BaseExceptionGroup as group:
            failures, _ = split(group)
            if failures is not None:
                _log.error("a fault in the runtime, met by %s", self.address, exc_info=failures)
            raise
        if self.instance is not None:
            self.instance.lose_in_hand()
            self._end(self.instance)
        await self.pause(self.kind.restart.failed_retry_s, ActorState.FAILED)
        return self._next()

    async def _live(self) -> bool:
        """Live through one instance and what follows it. Returns whether there is to be another one."""
        self.instance = instance = Incarnation(self)
        self.mailbox.close_window()
        trouble, end = await instance.activate(), None
        if instance.actor is not None:
            self._activated()
            end = await instance.serve()
            trouble = instance.trouble
        if trouble is not None:
            self._end(instance)
            await self._after_trouble(instance, trouble)
            return self._next()
        if end is None:  # told to leave before it was activated
            return self._next()
        self.move(ActorState.DRAINING)
        await instance.deactivate()
        self._end(instance)
        if self.mailbox.control & STOP:
            return False
        if end is End.PASSIVATED:
            self.services.counters.passivations += 1
            return self.mailbox.has_work
        return end is End.RESTARTED

    def _activated(self) -> None:
        self.move(ActorState.RUNNING)
        self.services.counters.activations += 1
        self._activations += 1
        self._waits = 0
        self.touch()
        self.arm_idle()

    async def _after_trouble(self, instance: Incarnation, trouble: Trouble) -> None:
        """The instance crashed, or could not be activated: wait, as its restart budget says."""
        self.move(ActorState.BACKING_OFF)
        self.mailbox.close_window()
        if trouble.item is None and trouble.action == RETRY:
            self.note_waiting(instance.watch.failed_dependency)
            delay_s = self.delay_s(trouble.retry_after_s, self._waits)
            self._waits += 1
            await self.pause(delay_s)
            return
        _log.error("%s crashed: %s\n%s", self.address, trouble.failure, trouble.failure.traceback)
        if isinstance(trouble.item, Held):
            await self._count_attempt(trouble.item, trouble.failure)
        if self._window is None:
            self._window = RestartWindow(self.kind.restart)
        decision = self._window.crashed(trio.current_time(), started_at=instance.started_at, rng=self.services.rng)
        self._restarts += 1
        self.services.counters.restarts += 1
        await self.pause(decision.delay_s, ActorState.FAILED if decision.failed else ActorState.BACKING_OFF)

    def _next(self) -> bool:
        """Without an instance: obey the control lane. Returns whether there is to be another instance."""
        control, self.mailbox.control = self.mailbox.control, self.mailbox.control & STOP
        if control & LEAVE:
            self._announce()
        if control & STOP:
            return False
        if control & RESTART:
            if self._window is not None:
                self._window.forgive()
            return True
        return self.mailbox.has_work if control & PASSIVATE else True

    def _end(self, instance: Incarnation) -> None:
        """The instance is over: nobody answers what it has taken, and requests for its end are fulfilled."""
        instance.end_lanes()
        for reply in list(self._asks or ()):
            if reply.taken and reply.open:
                reply.fail(ActorStopped(f"the instance of {self.address} that had taken the question is gone"))
        self.mailbox.control &= STOP
        self._announce()

    def _leave(self) -> None:
        """Leave the registry and answer for everything that lived in memory only. Synchronous."""
        instance, self.instance = self.instance, None
        if instance is not None:
            instance.lose_in_hand()
            instance.end_lanes()
        self.registry.forget(self)
        for item in self.mailbox.drain():
            if not isinstance(item, Question):
                self.services.dead_letter(DeadLetter(address=self.address, message=item, reason=Loss.STOPPED))
        for reply in list(self._asks or ()):
            if reply.open:
                reply.fail(ActorStopped(f"{self.address} has stopped"))
        self.move(ActorState.STOPPED)
        self._announce()

    # --- waiting

    async def pause(self, delay_s: float, state: ActorState = ActorState.BACKING_OFF) -> None:
        """Wait in `state`, until the time is over or the control lane says to leave."""
        self.move(state)
        with trio.move_on_after(delay_s):
            while not self.mailbox.control & LEAVE:
                self.mailbox.control &= LEAVE
                await self.mailbox.wait(control_only=True)

    def delay_s(self, retry_after_s: float | None, n: int) -> float:
        """Return how long to wait for a dependency: as long as it said, else by the back-off."""
        self.services.counters.transient_waits += 1
        if retry_after_s is not None:
            return max(retry_after_s, _MIN_RETRY_S)
        return self.kind.restart.backoff.delay_s(n, self.services.rng)

    async def call_source(self, call: Callable[..., Awaitable[T]], *args: Any) -> T | Literal[Left.LEFT]:
        """Call the journal until it succeeds: whatever it raises is waited for. LEFT when told to leave meanwhile."""
        before, n = self.state, 0
        while True:
            self._waiting_for = "journal"
            try:
                result = await call(*args)
            except Exception as error:  # noqa: BLE001 - a failing journal is a failing dependency
                self.note_failure(Failure.of(error))
                delay_s = self.delay_s(judge(error).retry_after_s, n)
            else:
                self._waiting_for = None
                self.move(before)
                return result
            n += 1
            await self.pause(delay_s)
            if self.mailbox.control & LEAVE:
                return LEFT

    # --- messages that will not be handled

    async def _count_attempt(self, item: Held, failure: Failure) -> None:
        source = self.kind.source
        assert source is not None
        attempts = await self.call_source(source.attempt_failed, item.entry, failure)
        if attempts is not LEFT and attempts >= self.kind.poison_after:
            await self.bury(item, failure, Loss.POISON)

    async def bury(self, item: object, failure: Failure, reason: Loss) -> None:
        """Give a message up for good: an entry in the journal, a direct message at the sink."""
        if not isinstance(item, Held):
            self.lose(item, failure, reason)
            return
        source = self.kind.source
        assert source is not None
        if await self.call_source(source.bury, item.entry, failure) is not LEFT:
            self.services.dead_letter(
                DeadLetter(address=self.address, message=item.entry, reason=reason, failure=failure, durable=True)
            )

    def lose(self, item: object, failure: Failure, reason: Loss) -> None:
        """Answer for a message in memory whose handler failed. Entries are safe in the journal."""
        if isinstance(item, Question):
            if item.reply.open:
                item.reply.fail(ActorCrashed(f"{self.address} crashed on the question: {failure}"))
        elif item is not None and not isinstance(item, Held):
            self.services.dead_letter(DeadLetter(address=self.address, message=item, reason=reason, failure=failure))

    def note_waiting(self, name: str | None) -> None:
        """Show in health what the actor waits for."""
        self._waiting_for = name

    def note_failure(self, failure: Failure) -> None:
        """Show a failure in health."""
        if failure.kind == HandlerStuck.__name__:
            self.services.counters.stuck_handlers += 1
        self._last_error = failure
        self._last_error_at = self.services.wall()

    # --- for the system

    def move(self, state: ActorState) -> None:
        """Change the state, along the legal moves only."""
        if state is not self.state:
            before, self.state = self.state, state
            if state is ActorState.RUNNING:
                self._waiting_for = None
            self.services.moved(self.address, before, state)

    def expect(self, reply: Reply[Any]) -> None:
        """Somebody waits for this answer."""
        if self._asks is None:
            self._asks = set()
        self._asks.add(reply)

    def settle(self, reply: Reply[Any]) -> None:
        """Nobody waits for this answer any more."""
        if self._asks is not None:
            self._asks.discard(reply)
            if not self._asks:
                self._asks = None

    async def ended(self) -> None:
        """Wait until the present instance, or the wait for the next one, has ended."""
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    def _announce(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    # --- idle time

    def touch(self) -> None:
        """Something was worked on: the idle time begins anew."""
        self._last_activity = trio.current_time()

    def is_idle(self, now: float) -> bool:
        """Is there nothing to do, and has there been nothing for the idle time?"""
        return (
            now >= self._last_activity + self.kind.idle_after_s
            and self.state is ActorState.RUNNING
            and not self.mailbox.has_work
            and not self._asks
            and self.instance is not None
            and self.instance.lanes_idle
        )

    def arm_idle(self) -> None:
        """See to it that idleness is looked at again. At most one alarm is set, however often this is called."""
        if self._idle_armed or self.kind.idle_after_s == math.inf:
            return
        self._idle_armed = True
        now = trio.current_time()
        at = self._last_activity + self.kind.idle_after_s
        self.services.alarms.set(at if at > now else now + self.kind.idle_after_s, self._idle_ring)

    def _idle_ring(self) -> None:
        self._idle_armed = False
        if self.state is ActorState.STOPPED:
            return
        if self.is_idle(trio.current_time()):
            self.mailbox.request(IDLE)
        else:
            self.arm_idle()

    # --- health

    def snapshot(self, now: float, wall: float) -> ActorSnapshot:
        """Return a picture of this actor; `now` on trio's clock is the same moment as `wall` in Unix seconds."""
        instance = self.instance
        watch = instance.watch if instance is not None else None
        return ActorSnapshot(
            address=self.address,
            state=self.state,
            mailbox=len(self.mailbox),
            backlog=self.mailbox.backlog,
            lanes=instance.lane_counts() if instance is not None else LaneCounts(),
            restarts=self._restarts,
            last_error=self._last_error,
            last_error_at=self._last_error_at,
            last_activity_at=wall - (now - self._last_activity),
            handling_s=watch.handling_s(now) if watch is not None else None,
            waiting_for=(watch.waiting_for if watch is not None else None)
            or self._waiting_for
            or (instance.shown_waiting if instance is not None else None),
            activations=self._activations,
        )

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        self.mailbox.check_invariants()
        assert self.registry.cells.get(self.address.key) is self
        if self.state is ActorState.RUNNING:
            assert self.instance is not None
            assert self.instance.actor is not None
        if self.instance is not None:
            self.instance.check_invariants()
