"""The journal: nothing accepted is lost, nothing decided is done twice.

Three tables: ``inbox`` (what came in), ``outbox`` (what must go out), ``dead_letters`` (what could not be done). An
entry is *accepted* (durable before the sender is answered), *decided* by one `Commit` (state rows, outbox rows and
"entry done" in one transaction) and its deliveries are *completed* by later commits.

All writes of the running service go through the one `Writer` (group commit); only the rare attempt_failed and bury are
statements of their own. Reads use the pool. `Journal` implements `dealgram.runtime.EntrySource`.

Order: ids ascend in the order in which accept and commit were called, and per address that is the order of handling.
``on_accepted`` gets new entries in id order, synchronously, right after their commit and before any caller resumes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from dealgram.persistence.batch import DELIVERY_COLUMNS, Operation, delivery_of
from dealgram.persistence.database import Database
from dealgram.persistence.entries import Commit, Delivery, InboxEntry, NewEntry
from dealgram.persistence.errors import DatabaseUnavailable
from dealgram.persistence.text import clean
from dealgram.persistence.writer import Writer, WriterStatistics
from dealgram.runtime import Address

if TYPE_CHECKING:
    from dealgram.persistence.database import Record
    from dealgram.runtime import Entry, EntrySource, Failure

ACCEPT_DEADLINE_S = 5.0
FLUSH_DEADLINE_S = 10.0


class DeliveryEndedError(Exception):
    """The delivery is not pending any more: somebody completed it."""


class Journal:
    """Open it with ``async with Journal.open(db, on_accepted=…) as journal``; it owns the writer task."""

    def __init__(
        self, db: Database, on_accepted: Callable[[Sequence[InboxEntry]], None], accept_deadline_s: float
    ) -> None:
        self._db = db
        self._on_accepted = on_accepted
        self._accept_deadline_s = accept_deadline_s
        self._writer = Writer(db, self._announce)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        db: Database,
        *,
        on_accepted: Callable[[Sequence[InboxEntry]], None],
        accept_deadline_s: float = ACCEPT_DEADLINE_S,
        flush_deadline_s: float = FLUSH_DEADLINE_S,
    ) -> AsyncIterator[Journal]:
        """Start the writer; on exit, also by cancellation, write what waits within ``flush_deadline_s``.

        Args:
            db: an open, migrated database that outlives the journal.
            on_accepted: called by the writer with the new entries of each batch, in id order. Synchronous; must not
                raise (an exception is logged, the entries stay accepted).
            accept_deadline_s: how long `accept` waits for its commit before it raises `DatabaseUnavailable`.
            flush_deadline_s: how long closing may take with the database away.
        """
        journal = cls(db, on_accepted, accept_deadline_s)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal._writer.run)
            try:
                yield journal
            finally:
                journal._writer.close(flush_deadline_s)

    # --- writing --------------------------------------------------------------------------------------------------

    async def accept(self, entries: Sequence[NewEntry]) -> Sequence[int | None]:
        """Make entries durable: committed when this returns. One id per entry, None for a duplicate.

        All or nothing. Cancelling the caller does not undo it. Raises `DatabaseUnavailable` when it cannot be committed
        within the accept deadline: answer 503, the sender repeats; should it have been committed after all, the
        repetition is a duplicate.
        """
        if not entries:
            await trio.lowlevel.checkpoint()
            return ()
        operation = Operation(entries=tuple(entries))
        await trio.lowlevel.checkpoint_if_cancelled()
        self._writer.submit(operation)
        with trio.move_on_after(self._accept_deadline_s):
            await operation.finished.wait()
        if not operation.finished.is_set():
            self._writer.withdraw(operation)
            raise DatabaseUnavailable(f"not committed within {self._accept_deadline_s} s")
        _raise_error(operation)
        return [None if entry is None else entry.id for entry in operation.accepted]

    async def commit(self, commit: Commit) -> tuple[Delivery, ...]:
        """Do a decision atomically; returns its outbox rows in the order given, with ids.

        Waits for as long as the database is away; cancelling the caller does not undo it (`settled` waits for such).
        A delivery whose ``dedupe`` exists already yields the existing row, whatever its state.

        Raises:
            asyncpg.PostgresError, ForeignRowError, …: the data of this very commit is refused; nothing of it is done.
            DatabaseUnavailable: the journal is closed, or closed before this was written.
        """
        operation = Operation(
            entries=commit.entries,
            deliveries=commit.deliveries,
            rows=commit.rows,
            completed=commit.completed,
            entry_id=commit.entry_id,
            result=commit.result,
        )
        await self._submit(operation)
        return operation.delivered

    async def begin_delivery(self, delivery: Delivery) -> Delivery:
        """Mark durably that a call which must not be repeated blindly is about to be made; counts an attempt.

        A pending delivery found with ``started_at`` at activation has an unknown outcome. Raises `DeliveryEndedError`.
        """
        operation = Operation(mark=(delivery.id, "begun"))
        await self._submit(operation)
        return _marked(operation, delivery)

    async def delivery_not_sent(self, delivery: Delivery) -> Delivery:
        """Take `begin_delivery` back: the call certainly did not happen and may be made again.

        Raises `DeliveryEndedError`.
        """
        operation = Operation(mark=(delivery.id, "not_sent"))
        await self._submit(operation)
        return _marked(operation, delivery)

    async def settled(self) -> None:
        """Wait until everything submitted so far is written or refused.

        For an activation that follows a cancelled one: the commit of a cancelled handler may still be on its way, and
        state read before it lands would be old.
        """
        operation = self._writer.last()
        if operation is None:
            await trio.lowlevel.checkpoint()
        else:
            await operation.finished.wait()

    async def _submit(self, operation: Operation) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._writer.submit(operation)
        await operation.finished.wait()
        _raise_error(operation)

    def _announce(self, written: Sequence[Operation]) -> None:
        accepted = [entry for operation in written for entry in operation.accepted if entry is not None]
        if accepted:
            self._on_accepted(accepted)

    # --- the runtime's entry source -------------------------------------------------------------------------------

    async def pending(self, address: Address, limit: int) -> Sequence[InboxEntry]:
        """Entries of the address that are not done, oldest first."""
        records = await self._db.fetch(
            "SELECT id, account_id, address_kind, address_key, source, source_key, payload, attempts, received_at"
            " FROM inbox WHERE address_kind = $1 AND address_key = $2 AND done_at IS NULL ORDER BY id LIMIT $3",
            clean(address.kind),
            clean(address.key),
            limit,
        )
        return [_entry_of(record) for record in records]

    async def attempt_failed(self, entry: Entry, failure: Failure) -> int:
        """Count a failed handling durably; returns how many there are now (0 when the entry is gone)."""
        attempts = await self._db.fetchval(
            "UPDATE inbox SET attempts = attempts + 1, error = $2 WHERE id = $1 RETURNING attempts",
            entry.id,
            _error_text(failure),
        )
        return int(attempts or 0)

    async def bury(self, entry: Entry, failure: Failure) -> None:
        """Move the entry to the dead letters and mark it done, at once. Burying twice leaves one dead letter."""
        await self._db.execute(
            "WITH buried AS (UPDATE inbox SET done_at = now(), result = 'dead', error = $2"
            " WHERE id = $1 AND done_at IS NULL RETURNING *)"
            " INSERT INTO dead_letters (account_id, shard, origin, origin_id, address_kind, address_key, kind, body,"
            " attempts, error, traceback) SELECT account_id, shard, 'inbox', id, address_kind, address_key, source,"
            " payload, attempts, $2, $3 FROM buried ON CONFLICT DO NOTHING",
            entry.id,
            _error_text(failure),
            clean(failure.traceback),
        )

    # --- reading the outbox ---------------------------------------------------------------------------------------

    async def pending_lanes(self, address: Address) -> Sequence[str]:
        """Lanes of the address with pending deliveries, the one with the oldest first."""
        records = await self._db.fetch(
            "SELECT lane FROM outbox WHERE address_kind = $1 AND address_key = $2 AND state = 'pending'"
            " GROUP BY lane ORDER BY min(id)",
            clean(address.kind),
            clean(address.key),
        )
        return [record["lane"] for record in records]

    async def pending_deliveries(self, address: Address, lane: str, after_id: int, limit: int) -> Sequence[Delivery]:
        """Pending deliveries of a lane with ids above ``after_id``, oldest first."""
        records = await self._db.fetch(
            f"SELECT {DELIVERY_COLUMNS} FROM outbox WHERE address_kind = $1 AND address_key = $2 AND lane = $3"
            " AND state = 'pending' AND id > $4 ORDER BY id LIMIT $5",
            clean(address.kind),
            clean(address.key),
            clean(lane),
            after_id,
            limit,
        )
        return [delivery_of(record) for record in records]

    async def addresses_with_work(self) -> Sequence[Address]:
        """Addresses with pending entries or deliveries, the longest waiting first: for the start and the sweep."""
        records = await self._db.fetch(
            "SELECT address_kind, address_key FROM ("
            " SELECT address_kind, address_key, received_at AS since FROM inbox WHERE done_at IS NULL"
            " UNION ALL SELECT address_kind, address_key, created_at FROM outbox WHERE state = 'pending') AS work"
            " GROUP BY address_kind, address_key ORDER BY min(since), address_kind, address_key"
        )
        return [Address(record["address_kind"], record["address_key"]) for record in records]

    def statistics(self) -> WriterStatistics:
        """Counters of the writer; free of I/O."""
        return self._writer.statistics()


def _as_source(journal: Journal) -> EntrySource:
    return journal  # the type checker holds the runtime's contract here


def _raise_error(operation: Operation) -> None:
    if operation.error is not None:
        raise operation.error


def _marked(operation: Operation, delivery: Delivery) -> Delivery:
    if operation.marked is None:
        raise DeliveryEndedError(f"delivery {delivery.id} is not pending")
    return operation.marked


def _error_text(failure: Failure) -> str:
    return clean(f"{failure.kind}: {failure.message}")


def _entry_of(record: Record) -> InboxEntry:
    return InboxEntry(
        id=record["id"],
        account_id=record["account_id"],
        address=Address(record["address_kind"], record["address_key"]),
        source=record["source"],
        source_key=record["source_key"],
        payload=record["payload"],
        attempts=record["attempts"],
        received_at=record["received_at"],
    )
