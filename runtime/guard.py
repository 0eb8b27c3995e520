"""Running code that may fail in any way, without losing a failure.

A handler's exception can come plainly, inside an exception group, beside a cancellation in one group, or hidden
behind a cancellation that hit its cleanup (python-trio/trio#455). Here each of these becomes either the returned
error or a log line, and cancellation itself always passes through.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import trio

from dealgram.runtime.errors import HandlerStuck
from dealgram.runtime.stuck import Watch

_log = logging.getLogger("dealgram.runtime")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How guarded code ended: normally (no error), or with an error."""

    error: Exception | None = None


_FINE = Outcome()


def split(group: BaseExceptionGroup[Any]) -> tuple[Exception | None, BaseException | None]:
    """Part a group into what is a failure and what must pass on (cancellation, interrupts)."""
    failures, others = group.split(Exception)
    assert failures is None or isinstance(failures, Exception)
    return failures, others


def hidden_by(cancelled: BaseException) -> Exception | None:
    """Return the failure that was being handled when a cancellation came, if any."""
    seen = cancelled.__context__
    while isinstance(seen, trio.Cancelled):
        seen = seen.__context__
    return seen if isinstance(seen, Exception) else None


def log_hidden(watch: Watch, error: Exception) -> None:
    """Log a failure that nobody can act upon: its task is being cancelled, or its actor says good-bye."""
    _log.error("failure in %s while it ends", watch.address, exc_info=error)


def verdict_of(watch: Watch, error: Exception | None) -> Exception | None:
    """Return the error to act upon: past the hard limit, whatever came out is a stuck handler."""
    if not watch.stuck:
        return error
    stuck = HandlerStuck(f"the handler of {watch.address} passed its hard limit and was cancelled")
    stuck.__cause__ = error
    return stuck


async def guarded(watch: Watch, call: Callable[..., Awaitable[object]], *args: Any) -> Outcome:
    """Run `call(*args)` under the limits of `watch` and return how it ended. Only cancellation is raised."""
    error: Exception | None = None
    with trio.CancelScope() as scope:
        watch.enter(scope)
        watch.start()
        try:
            await call(*args)
        except trio.Cancelled as cancelled:
            if (hidden := hidden_by(cancelled)) is not None:
                log_hidden(watch, hidden)
            raise
        except Exception as failure:  # noqa: BLE001 - supervision: the caller decides about it
            error = failure
        except BaseExceptionGroup as group:
            error, others = split(group)
            if others is not None:
                if error is not None:
                    log_hidden(watch, error)
                raise others from None
        finally:
            watch.leave()
    if scope.cancelled_caught or (watch.stuck and error is not None):
        error = verdict_of(watch, error)
    return Outcome(error) if error is not None else _FINE
