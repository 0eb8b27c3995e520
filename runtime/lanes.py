"""Lanes: keyed serial execution inside one actor.

Strict order within a lane, independence between lanes, bounded concurrency. Like a mailbox, a lane holds a window of
its items in memory and reads the rest from its source when the window is empty. A lane that waits (its dependency
fails for now) holds no task and no place: a timer puts it back. Workers are tasks in the actor's own nursery, started
when there is work and gone when there is none, so that an actor whose lanes are quiet pays for no task.

A lane may be a background lane (mass sending beside what people wait for): urgent lanes go first whenever a place is
free, and background lanes never hold more than their share of the places. So that they never starve either, one of
them goes after `BACKGROUND_PATIENCE` urgent turns. With a source, a background lane holds nothing in memory but its
name and the item in work, so ten thousand of them weigh little; nor does any lane that waits for long.

    idle ──put/wake──> ready ──worker──> running ──item done──> ready or idle
                         ^                  |
                         └──── waiting <────┘ Transient, or one of the first failures
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Generic, Protocol, TypeVar

import trio

from dealgram.runtime.address import Address
from dealgram.runtime.backoff import Backoff
from dealgram.runtime.dead_letter import DeadLetter, Loss
from dealgram.runtime.errors import BURY, CRASH, ActorStopped, MailboxFull, judge
from dealgram.runtime.failure import Failure
from dealgram.runtime.guard import guarded
from dealgram.runtime.services import Services
from dealgram.runtime.stuck import Watch, lane_watch

_log = logging.getLogger("dealgram.runtime")

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_NOTHING: Final = 0
_MORE: Final = 1  # the source has items after the last one that was held
_ALL: Final = 2  # read the source from its beginning

BACKGROUND_PATIENCE: Final = 16
"""Urgent turns, one after the other, that a background lane which could run lets pass."""

LONG_WAIT_S: Final = 60.0
"""A lane with a source that waits for so long holds nothing in memory meanwhile."""


class LaneSource(Protocol[T]):
    """Where the items of lanes live. Whatever it raises counts as a failing dependency."""

    async def pending(self, lane: str, after: T | None, limit: int) -> Sequence[T]:
        """Return the lane's items that are not done, in order, after the item `after`, at most `limit`."""
        ...


class LaneHost(Protocol):
    """The actor that lanes belong to, as lanes see it."""

    @property
    def address(self) -> Address: ...
    @property
    def services(self) -> Services: ...
    def new_watch(self, *, soft_s: float | None, hard_s: float | None) -> Watch: ...
    def lanes_changed(self) -> None: ...
    def lane_failed(self, failure: Failure) -> None: ...


class _Lane(Generic[T]):
    __slots__ = (
        "background",
        "buried_for",
        "emptied",
        "failures",
        "items",
        "last",
        "name",
        "queued",
        "reading",
        "running",
        "unread",
        "waiting",
        "waits",
    )

    def __init__(self, name: str, *, background: bool) -> None:
        self.name = name
        self.background = background
        self.items: list[T] = []  # at most `bound`; the first one is in work while `running`
        self.last: T | None = None  # the item held last, after which the source is read on
        self.unread = _NOTHING
        self.reading = False
        self.emptied = False  # its items were let go of for the length of a wait; what it waited for may still be away
        self.queued = False
        self.running = False
        self.waiting = False
        self.waits = 0  # Transient failures in a row
        self.failures = 0  # other failures of the first item
        self.buried_for: Failure | None = None  # the first item is lost for this; on_dead has still to be told

    @property
    def has_work(self) -> bool:
        return bool(self.items) or self.unread != _NOTHING


@dataclass(frozen=True, slots=True)
class LaneCounts:
    """Lanes by what they do: an item is running, work is queued for a place, or the lane waits to try again."""

    running: int = 0
    queued: int = 0
    waiting: int = 0

    def __add__(self, other: LaneCounts) -> LaneCounts:
        return LaneCounts(self.running + other.running, self.queued + other.queued, self.waiting + other.waiting)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOptions(Generic[T]):
    """How lanes behave; see `ActorContext.lanes`."""

    run: Callable[[str, T], Awaitable[object]]
    source: LaneSource[T] | None = None
    on_dead: Callable[[str, T, Failure], Awaitable[object]] | None = None
    concurrency: int = 16
    bound: int = 64
    attempts: int = 3
    is_background: Callable[[str], bool] | None = None
    background_concurrency: int | None = None
    backoff: Backoff = field(default_factory=Backoff)
    soft_limit_s: float | None = None
    hard_limit_s: float | None = None


class Lanes(Generic[T]):
    """The lanes of one actor instance. All methods are synchronous and belong to the actor and its lane items.

    `run(lane, item)` makes its item not pending in the source before it returns; so does `on_dead`. A `Transient`
    failure repeats the item after a wait; `Permanent`, or the `attempts`-th other failure, gives it to `on_dead`
    (without one: to the dead letters) and the lane goes on with the next item.

    # Invariants:
    #   a lane is in `_lanes` iff it has work, runs or waits; at most one of ready, running, waiting holds for it
    #   items in memory <= bound per lane, all before those that are unread; running lanes <= workers <= concurrency
    #   running background lanes <= their share; with a source, a background lane holds at most one item
    #   while a lane that may run is ready, all workers are busy or one of them is about to look
    """

    def __init__(self, host: LaneHost, options: LaneOptions[T]) -> None:
        if options.concurrency < 1 or options.bound < 1 or options.attempts < 1:
            raise ValueError("lanes need a concurrency, a bound and attempts of at least 1")
        share = options.background_concurrency
        if share is not None and not 1 <= share <= options.concurrency:
            raise ValueError("background lanes need a share of the concurrency of at least 1")
        self._host = host
        self._options = options
        self._share = share if share is not None else max(1, options.concurrency // 2)
        self._lanes: dict[str, _Lane[T]] = {}
        self._ready: list[_Lane[T]] = []  # first come, first served; a list, since an idle deque weighs 700 bytes
        self._background: list[_Lane[T]] = []  # the same for background lanes
        self._passed = 0  # urgent turns since a background lane could have run
        self._running_background = 0
        self._nursery: trio.Nursery | None = None
        self._workers = 0
        self._running = 0
        self._closed = False

    # --- for the actor

    def put(self, lane: str, item: T) -> None:
        """Append an item to a lane. It starts, at the earliest, when the actor's handler next waits or returns.

        With a source, an item that does not fit is read from there later. Without one, raises MailboxFull, and
        ActorStopped once the actor ends.
        """
        if self._closed:
            if self._options.source is None:
                raise ActorStopped(f"the lanes of {self._host.address} take no more items")
            return
        line = self._line(lane)
        has_source = self._options.source is not None
        full = len(line.items) >= self._options.bound
        if line.unread != _NOTHING or line.reading or full or (line.background and has_source):
            if not has_source:
                raise MailboxFull(f"lane {lane!r} of {self._host.address} holds {self._options.bound} items")
            line.unread = max(line.unread, _MORE)
        else:
            line.items.append(item)
            line.last = item
        self._schedule(line)

    def wake(self, lane: str) -> None:
        """Read the lane's pending items from the source, after those that it holds are done."""
        if self._options.source is None:
            raise ValueError("these lanes have no source to read from")
        if self._closed:
            return
        line = self._line(lane)
        line.unread = _ALL
        self._schedule(line)

    def hurry(self) -> None:
        """What the waiting lanes wait for is said to be there: they try again now, and not when their wait is over."""
        for line in list(self._lanes.values()):
            self._wait_is_over(line)

    @property
    def idle(self) -> bool:
        """Is there no item at all, neither running nor queued nor waiting?"""
        return not self._lanes

    def counts(self) -> LaneCounts:
        """Return how many lanes run, are queued and wait."""
        waiting = sum(lane.waiting for lane in self._lanes.values())
        return LaneCounts(self._running, len(self._ready) + len(self._background), waiting)

    # --- for the runtime

    @property
    def quiet(self) -> bool:
        """Is there no need of a nursery now?"""
        return self._workers == 0 and not self._ready and not self._background

    def attach(self, nursery: trio.Nursery) -> None:
        """Run workers in `nursery` until `detach`."""
        self._nursery = nursery
        background = min(len(self._background), self._share)
        for _ in range(min(len(self._ready) + background, self._options.concurrency)):
            self._start_worker()

    def detach(self) -> None:
        """The nursery is gone, and the workers with it."""
        self._nursery = None

    def close(self) -> None:
        """Start nothing more; running items go on."""
        self._closed = True
        self._ready.clear()
        self._background.clear()

    def abandon(self) -> None:
        """The instance is gone: what only this memory held becomes dead letters."""
        self._closed = True
        if self._options.source is None:
            for line in self._lanes.values():
                for item in line.items:
                    self._dead_letter(line, item, Loss.STOPPED, line.buried_for)
        self._lanes.clear()
        self._ready.clear()
        self._background.clear()

    # --- inside

    def _line(self, name: str) -> _Lane[T]:
        line = self._lanes.get(name)
        if line is None:
            is_background = self._options.is_background
            line = _Lane(name, background=is_background is not None and is_background(name))
            self._lanes[name] = line
        return line

    def _schedule(self, line: _Lane[T]) -> None:
        if line.running or line.waiting or line.queued:
            return
        self._queue(line)
        if self._nursery is None:
            self._host.lanes_changed()
        else:
            self._start_worker_if_needed()

    def _queue(self, line: _Lane[T]) -> None:
        line.queued = True
        (self._background if line.background else self._ready).append(line)

    def _next(self) -> _Lane[T] | None:
        """Take the lane whose turn it is from its queue; None while nothing may run."""
        may_background = bool(self._background) and self._running_background < self._share
        if self._ready and not (may_background and self._passed >= BACKGROUND_PATIENCE):
            self._passed = self._passed + 1 if may_background else 0
            return self._ready.pop(0)
        if not may_background:
            return None
        self._passed = 0
        return self._background.pop(0)

    def _start_worker_if_needed(self) -> None:
        may_run = bool(self._ready) or (bool(self._background) and self._running_background < self._share)
        if may_run and self._nursery is not None and self._workers < self._options.concurrency:
            self._start_worker()

    def _start_worker(self) -> None:
        assert self._nursery is not None
        self._workers += 1
        self._nursery.start_soon(self._work)

    async def _work(self) -> None:
        watch = self._host.new_watch(soft_s=self._options.soft_limit_s, hard_s=self._options.hard_limit_s)
        lane_watch.set(watch)
        try:
            while (line := self._next()) is not None:
                line.queued, line.running = False, True
                self._running += 1
                self._running_background += line.background
                # A worker that turns from a background lane to an urgent one leaves a place of their share free.
                self._start_worker_if_needed()
                try:
                    wait_s = await self._turn(line, watch)
                finally:
                    line.running = False
                    self._running -= 1
                    self._running_background -= line.background
                self._after_turn(line, wait_s)
                await trio.lowlevel.checkpoint()
        finally:
            self._workers -= 1
            if self.quiet:
                self._host.lanes_changed()

    def _after_turn(self, line: _Lane[T], wait_s: float) -> None:
        if self._closed:
            return
        if not line.has_work:
            del self._lanes[line.name]
        elif wait_s > 0:
            is_light = self._options.source is not None and (line.background or wait_s >= LONG_WAIT_S)
            if is_light and line.items and not line.failures and line.buried_for is None:
                line.items.clear()  # while it waits it holds nothing: it is read again
                line.unread, line.emptied = _ALL, True
            line.waiting = True
            self._host.services.alarms.set(trio.current_time() + wait_s, partial(self._wait_is_over, line))
        else:
            self._queue(line)

    def _wait_is_over(self, line: _Lane[T]) -> None:
        # After `hurry` the alarm of the wait still rings: the lane may run by then, or be gone.
        if line.waiting and not self._closed:
            line.waiting = False
            self._schedule(line)

    async def _turn(self, line: _Lane[T], watch: Watch) -> float:
        """Work off one item, read from the source if need be. Returns the seconds that the lane has to wait."""
        if not line.items:
            wait_s = await self._read(line, watch)
            if wait_s > 0 or not line.items or self._closed:
                return wait_s
        item = line.items[0]
        if line.buried_for is not None:
            return await self._bury(line, item, line.buried_for, watch)
        outcome = await guarded(watch, self._options.run, line.name, item)
        if outcome.error is None:
            self._host.services.counters.lane_items += 1
            self._finish(line)
            return 0.0
        failure = Failure.of(outcome.error)
        self._host.lane_failed(failure)
        verdict = judge(outcome.error)
        if verdict.action == CRASH:
            line.failures += 1
            _log.error("lane %s of %s failed: %s\n%s", line.name, self._host.address, failure, failure.traceback)
        if verdict.action == BURY or line.failures >= self._options.attempts:
            return await self._bury(line, item, failure, watch)
        return self._pause_s(line, verdict.retry_after_s)

    async def _bury(self, line: _Lane[T], item: T, failure: Failure, watch: Watch) -> float:
        line.buried_for = failure
        if self._options.on_dead is not None:
            outcome = await guarded(watch, self._options.on_dead, line.name, item, failure)
            if outcome.error is not None:
                self._host.lane_failed(Failure.of(outcome.error))
                return self._pause_s(line, judge(outcome.error).retry_after_s)
        reason = Loss.POISON if line.failures >= self._options.attempts else Loss.PERMANENT
        self._finish(line)
        self._dead_letter(line, item, reason, failure)
        return 0.0

    async def _read(self, line: _Lane[T], watch: Watch) -> float:
        source, bound = self._options.source, self._options.bound
        assert source is not None
        unread, line.unread = line.unread, _NOTHING
        after = line.last if unread == _MORE else None
        # One more than a background lane holds tells whether there are more.
        limit = 2 if line.background else bound
        found: list[T] = []

        async def read() -> None:
            found.extend(await source.pending(line.name, after, limit))

        line.reading = True
        try:
            outcome = await guarded(watch, read)
        finally:
            line.reading = False
        if outcome.error is not None:
            line.unread = max(line.unread, unread)
            self._host.lane_failed(Failure.of(outcome.error))
            return self._pause_s(line, judge(outcome.error).retry_after_s)
        if not line.emptied or not found:
            line.waits = 0  # else the waits are those of its first item, which is only being read again
        line.emptied = False
        if len(found) >= limit:
            line.unread = max(line.unread, _MORE)
        if line.background:
            del found[1:]
        if found:
            line.items.extend(found)
            line.last = found[-1]
        return 0.0

    def _finish(self, line: _Lane[T]) -> None:
        del line.items[0]
        line.waits = line.failures = 0
        line.buried_for = None

    def _pause_s(self, line: _Lane[T], retry_after_s: float | None) -> float:
        self._host.services.counters.transient_waits += 1
        n = line.waits
        line.waits += 1
        if retry_after_s is not None:
            return max(retry_after_s, 0.001)
        return self._options.backoff.delay_s(n, self._host.services.rng)

    def _dead_letter(self, line: _Lane[T], item: T, reason: Loss, failure: Failure | None) -> None:
        durable, address = self._options.source is not None, self._host.address
        self._host.services.dead_letter(
            DeadLetter(address=address, message=item, reason=reason, failure=failure, durable=durable, lane=line.name)
        )

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        assert 0 <= self._running <= self._workers <= self._options.concurrency
        assert self._running == sum(line.running for line in self._lanes.values())
        background = sum(line.running and line.background for line in self._lanes.values())
        assert self._running_background == background <= self._share
        for line in self._lanes.values():
            held = 1 if line.background and self._options.source is not None else self._options.bound
            assert len(line.items) <= held
            if not self._closed:
                assert line.queued == any(other is line for other in (*self._ready, *self._background))
                assert line.queued + line.running + line.waiting == 1


AnyLanes = Lanes[Any]
