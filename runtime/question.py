"""Asking: a message with a reply port. The reply is given exactly once: a value, a failure, or nobody waits any more.

The asker parks on the reply itself, without an event object; when its deadline passes, the reply is closed in the
same instant, so that an answer is either received or counted as late, never both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

import trio

from dealgram.runtime.errors import AlreadyAnswered

R = TypeVar("R")

_OPEN = 0
_ANSWERED = 1
_CLOSED = 2


class Reply(Generic[R]):
    """The port to which a question is answered, from the handler or later, from a lane.

    # Invariants:
    #   _task is not None implies _state == _OPEN
    #   _state leaves _OPEN once and never changes again
    """

    __slots__ = ("_error", "_late", "_state", "_task", "_value", "taken")

    def __init__(self, late: Callable[[], None] | None = None) -> None:
        self._state = _OPEN
        self._value: R | None = None
        self._error: BaseException | None = None
        self._task: trio.lowlevel.Task | None = None
        self.taken = False  # an instance of the actor has this question in its hands
        self._late = late  # called when an answer comes after the asker has gone

    @property
    def open(self) -> bool:
        """Does the asker still wait for an answer?"""
        return self._state == _OPEN

    def resolve(self, value: R) -> bool:
        """Answer with a value. Returns False if the asker has gone. Raises AlreadyAnswered the second time."""
        if not self._settle():
            return False
        self._value = value
        self._wake()
        return True

    def fail(self, error: BaseException) -> bool:
        """Answer with an exception, which is raised at the asker. Otherwise as `resolve`."""
        if not self._settle():
            return False
        self._error = error
        self._wake()
        return True

    def close(self) -> bool:
        """Stop waiting. Returns False if an answer was there first."""
        if self._state != _OPEN:
            return False
        self._state = _CLOSED
        self._task = None
        return True

    async def wait(self) -> R:
        """Wait for the answer. Cancelled while waiting, the reply is closed at that moment, not a tick later."""
        if self._state == _OPEN:
            self._task = trio.lowlevel.current_task()
            await trio.lowlevel.wait_task_rescheduled(self._abort)
        else:
            await trio.lowlevel.checkpoint()
        if self._error is not None:
            raise self._error
        return cast("R", self._value)

    def _abort(self, _raise_cancel: Any) -> trio.lowlevel.Abort:
        self.close()
        return trio.lowlevel.Abort.SUCCEEDED

    def _settle(self) -> bool:
        if self._state == _ANSWERED:
            raise AlreadyAnswered("this question has been answered before")
        if self._state == _CLOSED:
            if self._late is not None:
                self._late()
            return False
        self._state = _ANSWERED
        return True

    def _wake(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            trio.lowlevel.reschedule(task)

    def _check_invariants(self) -> None:
        assert self._task is None or self._state == _OPEN
        assert self._error is None or self._state == _ANSWERED


@dataclass(frozen=True, slots=True)
class Question(Generic[R]):
    """What an actor's `handle` receives for an `ask`: the request and the port for its answer."""

    request: object
    reply: Reply[R]
