"""Group commit: one task that writes what everybody waits for, one transaction at a time.

The writer takes whatever is queued (up to a cap), does it in one transaction and answers all callers; while it writes,
the next batch gathers. No artificial delay: alone, a commit goes out at once; under load, batches form by themselves.

Promises:

- Operations take effect in the order they were submitted, and ``on_written`` sees each batch right after its commit.
- A submitted operation happens whether or not its caller still waits. The one exception is `withdraw`.
- A batch refused because of its data is halved until the guilty operation stands alone: that one fails, its neighbours
  do not. A batch met by connection trouble is repeated until the database is back (see `batch` for why this is safe).
- Stopping flushes the queue within a deadline; what cannot be flushed fails with `DatabaseUnavailable`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import trio

from dealgram.persistence.batch import Operation, write_batch
from dealgram.persistence.database import Database
from dealgram.persistence.errors import DatabaseUnavailable, summary

_log = logging.getLogger("dealgram.persistence")

BATCH_OPERATIONS = 512
BATCH_ROWS = 8192
# Operations that may wait; with the database down, more would only be memory. Far above what one batch takes.
QUEUE_OPERATIONS = 20_000
_RETRY_MIN_S = 0.05
_RETRY_MAX_S = 2.0
_RECENT_BATCHES = 128


@dataclass(frozen=True, slots=True)
class WriterStatistics:
    """Counters since the start; times in seconds."""

    commits: int
    operations: int
    entries: int
    deliveries: int
    failed_operations: int
    repeated_batches: int
    queue_depth: int
    last_batch: int
    recent_mean_batch: float
    largest_batch: int
    last_commit_s: float
    unavailable: bool


class Writer:
    """The queue and the one task that empties it."""

    # Invariants: an operation is in `_queue`, in `_current`, or its `finished` is set; never two of these.

    def __init__(self, db: Database, on_written: Callable[[Sequence[Operation]], None]) -> None:
        self._connection = db.held_connection("dealgram-journal")
        self._on_written = on_written
        self._queue: deque[Operation] = deque()
        self._current: list[Operation] = []
        self._signal = trio.Event()
        self._closed = False
        self._unavailable = False
        self._commits = self._operations = self._entries = self._deliveries = 0
        self._failed = self._repeated = self._largest = 0
        self._recent: deque[int] = deque(maxlen=_RECENT_BATCHES)
        self._last_commit_s = 0.0
        self._scope = trio.CancelScope(shield=True)  # its deadline is set by `close`

    # --- callers --------------------------------------------------------------------------------------------------

    def submit(self, operation: Operation) -> None:
        """Queue an operation; synchronous. Raises `DatabaseUnavailable` when closed or when too much waits already."""
        if self._closed:
            raise DatabaseUnavailable("the journal is closed")
        if len(self._queue) >= QUEUE_OPERATIONS:
            raise DatabaseUnavailable("the journal's queue is full")
        self._queue.append(operation)
        self._signal.set()

    def withdraw(self, operation: Operation) -> bool:
        """Take a queued operation back; False when it is being written already, so that it may still happen."""
        try:
            self._queue.remove(operation)
        except ValueError:
            return False
        return True

    def last(self) -> Operation | None:
        """The youngest operation that has not ended; when it ends, all before it have."""
        if self._queue:
            return self._queue[-1]
        return self._current[-1] if self._current else None

    # --- the task -------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write until closed and empty. Not cancelled from outside: only `close` sets its deadline."""
        try:
            with self._scope:
                while True:
                    if not self._queue:
                        if self._closed:
                            break
                        await self._signal.wait()
                        self._signal = trio.Event()
                        continue
                    self._current = self._take()
                    await self._write(self._current)
                    self._current = []
            if self._scope.cancelled_caught:
                _log.error("the journal stopped with %d operations unwritten", len(self._current) + len(self._queue))
        finally:
            self._closed = True
            left = [operation for operation in (*self._current, *self._queue) if not operation.finished.is_set()]
            self._current = []
            self._queue.clear()
            for operation in left:
                self._fail(operation, DatabaseUnavailable("the journal stopped before this was written"))
            await self._connection.close()

    def close(self, deadline_s: float) -> None:
        """Take nothing new and end when the queue is empty, or after ``deadline_s`` at the latest. Synchronous."""
        self._closed = True
        self._scope.deadline = trio.current_time() + deadline_s
        self._signal.set()

    def _take(self) -> list[Operation]:
        batch: list[Operation] = []
        rows = 0
        while self._queue and len(batch) < BATCH_OPERATIONS:
            rows += self._queue[0].weight
            if batch and rows > BATCH_ROWS:
                break
            batch.append(self._queue.popleft())
        return batch

    async def _write(self, batch: Sequence[Operation]) -> None:
        """Bring every operation of the batch to its end, in order."""
        try:
            await self._commit(batch)
        except Exception as error:  # noqa: BLE001 - the data's fault, whatever it is; it must not end the writer
            if len(batch) == 1:
                _log.warning("a commit was refused: %s", summary(error))
                self._fail(batch[0], error)
                return
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
            return
        self._publish(batch)

    async def _commit(self, batch: Sequence[Operation]) -> None:
        """One transaction, repeated for as long as the database is unavailable."""
        delay_s = _RETRY_MIN_S
        while True:
            started = trio.current_time()
            attempt = partial(write_batch, operations=batch)
            try:
                await self._connection.run(attempt)
            except DatabaseUnavailable as error:
                self._repeated += 1
                if not self._unavailable:
                    self._unavailable = True
                    _log.warning("the journal waits for the database: %s", error)
                await trio.sleep(delay_s)
                delay_s = min(_RETRY_MAX_S, delay_s * 2)
                continue
            if self._unavailable:
                self._unavailable = False
                _log.info("the journal writes again")
            self._last_commit_s = trio.current_time() - started
            return

    def _publish(self, batch: Sequence[Operation]) -> None:
        """Right after a commit and before anything else: tell of what is new, then answer the callers."""
        self._commits += 1
        self._operations += len(batch)
        self._largest = max(self._largest, len(batch))
        self._recent.append(len(batch))
        for operation in batch:
            self._entries += sum(entry is not None for entry in operation.accepted)
            self._deliveries += len(operation.delivered)
        try:
            self._on_written(batch)
        except Exception:  # noqa: BLE001 - the entries are committed: a sweep finds them
            _log.exception("the journal's listener failed")
        for operation in batch:
            operation.finished.set()

    def _fail(self, operation: Operation, error: Exception) -> None:
        self._failed += 1
        operation.error = error
        operation.finished.set()

    def statistics(self) -> WriterStatistics:
        """A frozen view of the counters."""
        return WriterStatistics(
            commits=self._commits,
            operations=self._operations,
            entries=self._entries,
            deliveries=self._deliveries,
            failed_operations=self._failed,
            repeated_batches=self._repeated,
            queue_depth=len(self._queue) + len(self._current),
            last_batch=self._recent[-1] if self._recent else 0,
            recent_mean_batch=sum(self._recent) / len(self._recent) if self._recent else 0.0,
            largest_batch=self._largest,
            last_commit_s=self._last_commit_s,
            unavailable=self._unavailable,
        )
