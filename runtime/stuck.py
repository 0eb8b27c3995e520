"""Handlers that take too long: a warning with the stack at the soft limit, cancellation at the hard one.

A `Watch` belongs to one task that runs handlers one after the other (the actor's own, or a lane's). It arms itself
lazily: at most one alarm per watch, however many handlers run. While the handler is inside `dependency()`, the
clock of the limits stands still: waiting for a database that is down is not being stuck.
"""

from __future__ import annotations

import logging
import math
import traceback
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from types import TracebackType

import trio

from dealgram.runtime.address import Address
from dealgram.runtime.alarms import Alarms
from dealgram.runtime.gate import Ticket

_log = logging.getLogger("dealgram.runtime")


class Watch:
    """The limits of the handlers of one task.

    # Invariants:
    #   depth == 0 iff paused_at is None; scope is None outside handlers
    """

    __slots__ = (
        "_alarms",
        "_armed",
        "_hard_s",
        "_soft_s",
        "_task",
        "_warned",
        "address",
        "depth",
        "failed_dependency",
        "paused_at",
        "scope",
        "since",
        "started_at",
        "stuck",
        "waiting_for",
    )

    def __init__(self, address: Address, alarms: Alarms, *, soft_s: float, hard_s: float) -> None:
        self.address = address
        self._alarms = alarms
        self._soft_s = soft_s
        self._hard_s = hard_s
        self._task: trio.lowlevel.Task | None = None
        self._armed = False
        self._warned = False
        self.scope: trio.CancelScope | None = None
        self.since = 0.0  # start of the running handler, moved forward by what it waited inside dependency()
        self.started_at = 0.0
        self.paused_at: float | None = None
        self.depth = 0
        self.stuck = False  # the hard limit was passed: the scope is cancelled
        self.waiting_for: str | None = None
        self.failed_dependency: str | None = None  # the dependency() that the last failure came out of

    def enter(self, scope: trio.CancelScope) -> None:
        """The calling task is about to run handlers inside `scope`, which the hard limit cancels."""
        self._task = trio.lowlevel.current_task()
        self.scope = scope
        self.stuck = False

    def start(self) -> None:
        """A handler begins now."""
        self.since = self.started_at = trio.current_time()
        self._warned = False
        self.failed_dependency = None
        if not self._armed:
            self._arm(self.since + min(self._soft_s, self._hard_s))

    def leave(self) -> None:
        """No handler runs any more."""
        self._task = None  # an alarm may keep this watch for a while; it must not keep the task
        self.scope = None
        self.depth = 0
        self.paused_at = None
        self.waiting_for = None

    def pause(self, name: str) -> None:
        """The handler waits for the dependency `name`; until `resume`, its time does not count."""
        self.depth += 1
        self.waiting_for = name
        if self.paused_at is None:
            self.paused_at = trio.current_time()

    def resume(self, *, failed: str | None) -> None:
        """The wait is over. `failed` names the dependency if an exception came out of it."""
        if failed is not None:
            self.failed_dependency = failed
        if self.depth == 0:  # the handler is over; a task that outlived it leaves its dependency()
            return
        self.depth -= 1
        if self.depth == 0 and self.paused_at is not None:
            self.since += trio.current_time() - self.paused_at
            self.paused_at = None
            self.waiting_for = None

    def handling_s(self, now: float) -> float | None:
        """Return for how long the running handler has been running, or None."""
        return None if self.scope is None else now - self.started_at

    def _arm(self, at: float) -> None:
        self._armed = at < math.inf
        self._alarms.set(at, self._ring)

    def _ring(self) -> None:
        self._armed = False
        if self.scope is None or self._task is None:
            return
        now = trio.current_time()
        if self.paused_at is not None:
            self._arm(now + min(self._soft_s, self._hard_s))
        elif now >= self.since + self._hard_s:
            self._report(now, "cancelled" if not self.stuck else "does not react to its cancellation")
            self.stuck = True
            self.scope.cancel(reason="the handler passed its hard limit")
            self._arm(now + self._hard_s)
        elif now >= self.since + self._soft_s:
            if not self._warned:
                self._warned = True
                self._report(now, "still running")
            self._arm(self.since + self._hard_s)
        else:
            self._arm(self.since + min(self._soft_s, self._hard_s))

    def _report(self, now: float, what: str) -> None:
        assert self._task is not None
        frames = traceback.StackSummary.extract(self._task.iter_await_frames())
        _log.warning(
            "stuck handler of %s, for %.0f s: %s\n%s",
            self.address,
            now - self.started_at,
            what,
            "".join(frames.format()),
        )

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        assert (self.depth == 0) == (self.paused_at is None)
        assert self.scope is not None or self.depth == 0


lane_watch: ContextVar[Watch | None] = ContextVar("lane_watch", default=None)
"""The watch of the lane item that the current task (or one it came from) works on."""


class Dependency:
    """`with context.dependency("amojo"):` the handler waits for somebody else; see `Watch`."""

    __slots__ = ("_left", "_name", "_ticket", "_watch")

    def __init__(self, watch: Watch, name: str, ticket: Ticket | None) -> None:
        self._watch = watch
        self._name = name
        self._ticket = ticket  # an activation that waits lets others load their state meanwhile
        self._left = False

    def __enter__(self) -> None:
        self._watch.pause(self._name)
        if self._ticket is not None:
            self._left = self._ticket.leave()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._left and self._ticket is not None:
            self._ticket.step_back_in()
        self._watch.resume(failed=self._name if isinstance(error, Exception) else None)


def waiting_for(name: str) -> AbstractContextManager[None]:
    """Suspend the limits of the lane item that this task works on, as `context.dependency()` does, for code that knows
    no actor: it waits in a line of its own. Outside lanes it does nothing."""
    watch = lane_watch.get()
    return nullcontext() if watch is None else Dependency(watch, name, None)
