"""An asyncio event loop in a thread of its own, called from trio.

asyncpg speaks asyncio only. `AsyncioThread` runs one asyncio loop in one thread; `run(fn, *args)` runs the coroutine
function there and waits for it in trio.

One rule makes it safe: **when the waiting trio task is cancelled, the asyncio task is cancelled too, we wait until it
has really ended, and only then raise.** So when `run` returns or raises, nothing of the call is still running, and
whatever the coroutine held (a pool connection, a transaction) has been given back. A coroutine that finishes in spite
of the cancellation is not lost: its value is returned, and trio raises Cancelled at the caller's next checkpoint.

Invariants: `_running` counts the calls whose asyncio task has not ended; it is 0 when the thread stops.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, TypeVarTuple

import outcome
import trio

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class BridgeClosedError(RuntimeError):
    """The asyncio thread has stopped; the call was not made or was cut off."""


class AsyncioThread:
    """One asyncio loop in one thread. Open it with `AsyncioThread.open()`; all calls come from the same trio run."""

    def __init__(self, loop: asyncio.AbstractEventLoop, token: trio.lowlevel.TrioToken) -> None:
        self._loop = loop
        self._token = token
        self._running = 0
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(cls, name: str = "asyncio") -> AsyncIterator[AsyncioThread]:
        """Start the thread; on exit cancel what is left in it and wait for its end."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=_run_loop, args=(loop,), name=name, daemon=True)
        thread.start()
        bridge = cls(loop, trio.lowlevel.current_trio_token())
        try:
            yield bridge
        finally:
            bridge._closed = True
            loop.call_soon_threadsafe(loop.stop)
            # The loop ends within its own clean-up; the join is short and must not be skipped by a cancellation.
            with trio.move_on_after(10, shield=True):
                await trio.to_thread.run_sync(thread.join, 10.0)

    @property
    def running(self) -> int:
        """Calls whose asyncio task has not ended yet."""
        return self._running

    async def run(self, fn: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
        """Run ``fn(*args)`` in the asyncio thread and wait for it.

        A checkpoint on every path. Cancellation: see the module's rule. Raises what the coroutine raises;
        `BridgeClosedError` when the thread has stopped.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise BridgeClosedError("the asyncio thread has stopped")
        waiter = trio.lowlevel.current_task()
        task: asyncio.Task[T] | None = None
        raise_cancel: Callable[[], Any] | None = None

        def start() -> None:  # in the asyncio thread
            nonlocal task
            task = self._loop.create_task(_as_coroutine(fn, args))
            task.add_done_callback(finish)

        def finish(done: asyncio.Task[T]) -> None:  # in the asyncio thread
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(wake, _outcome_of(done))

        def wake(result: outcome.Outcome[T]) -> None:  # in trio's thread
            self._running -= 1
            if isinstance(result, outcome.Error) and isinstance(result.error, asyncio.CancelledError):
                cut_off = raise_cancel if raise_cancel is not None else _raise_cut_off
                result = outcome.capture(cut_off)
            trio.lowlevel.reschedule(waiter, result)

        def cancel() -> None:  # in the asyncio thread; `start` was queued before, so the task exists
            assert task is not None
            task.cancel()

        def abort(raise_cancelled: Callable[[], Any]) -> trio.lowlevel.Abort:
            nonlocal raise_cancel
            raise_cancel = raise_cancelled
            with suppress(RuntimeError):  # the loop has just closed: its last act was to end our task
                self._loop.call_soon_threadsafe(cancel)
            return trio.lowlevel.Abort.FAILED  # keep waiting: `wake` comes when the asyncio task has ended

        self._running += 1
        self._loop.call_soon_threadsafe(start)
        result: T = await trio.lowlevel.wait_task_rescheduled(abort)
        return result

    def call_soon(self, fn: Callable[[*Ts], object], *args: *Ts) -> None:
        """Run a synchronous function in the asyncio thread, soon. Not a checkpoint; safe from any thread."""
        self._loop.call_soon_threadsafe(fn, *args)


async def _as_coroutine(fn: Callable[[*Ts], Awaitable[T]], args: tuple[*Ts]) -> T:
    return await fn(*args)


def _outcome_of(task: asyncio.Task[T]) -> outcome.Outcome[T]:
    if task.cancelled():
        return outcome.Error(asyncio.CancelledError())
    error = task.exception()
    return outcome.Error(error) if error is not None else outcome.Value(task.result())


def _raise_cut_off() -> Any:
    raise BridgeClosedError("the asyncio thread stopped during the call")


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        asyncio.set_event_loop(None)
        loop.close()
