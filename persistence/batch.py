"""One batch of the journal as one transaction of a few array statements.

`Operation` is what a caller asked for, with the ids it will get. Ids are drawn in the first attempt and kept over
repetitions; together with ON CONFLICT DO NOTHING and conditional updates this makes **every statement idempotent**:
when the connection breaks during COMMIT, the batch is simply run again, and a row under our key with our id is ours.

Kept ids need care, because a crash of the server can take a sequence back to before everything that was drawn and not
committed (PostgreSQL documentation, sequence functions): then the same ids are drawn again, by us or by another
process. So a repetition moves the sequence past its ids first, and draws new ones when somebody has them already.

Within a batch the operations count as done in their order: the first of equal entries is the new one, the first of
equal deliveries makes the row, the last write of a row wins, the first end of a delivery counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from dealgram.persistence.entries import Completed, Delivery, InboxEntry, NewDelivery, NewEntry
from dealgram.persistence.errors import DatabaseUnavailable
from dealgram.persistence.sharding import shard_of
from dealgram.persistence.tables import Row, upsert_rows
from dealgram.persistence.text import clean, clean_or_none
from dealgram.runtime import Address

if TYPE_CHECKING:
    import asyncpg

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]

Key: TypeAlias = tuple[str, str]


@dataclass(slots=True, eq=False)
class Operation:
    """One caller's request on its way through the writer."""

    entries: Sequence[NewEntry] = ()
    deliveries: Sequence[NewDelivery] = ()
    rows: Sequence[Row] = ()
    completed: Sequence[Completed] = ()
    entry_id: int | None = None
    result: str | None = None
    mark: tuple[int, Literal["begun", "not_sent"]] | None = None
    # filled by the writer
    entry_ids: list[int] = field(default_factory=list)
    delivery_ids: list[int] = field(default_factory=list)
    accepted: list[InboxEntry | None] = field(default_factory=list)
    delivered: tuple[Delivery, ...] = ()
    marked: Delivery | None = None
    error: Exception | None = None
    finished: trio.Event = field(default_factory=trio.Event)

    @property
    def weight(self) -> int:
        """Rows it touches, for the size of batches."""
        return 1 + len(self.entries) + len(self.deliveries) + len(self.rows) + len(self.completed)


class IdTakenError(DatabaseUnavailable):
    """An id that we drew belongs to another row. The batch is to be written again; it then draws other ids."""


async def write_batch(connection: Connection, operations: Sequence[Operation]) -> None:
    """Do all operations in one transaction and fill in their results. Runs in the asyncio thread.

    May be run again with the same operations. Any exception means: none of it is done, except when the connection
    broke, which leaves it open. Results may be read only after a normal return.
    """
    async with connection.transaction():
        await _secure_kept_ids(connection, operations)
        await _draw_ids(connection, operations)
        await _insert_entries(connection, operations)
        await upsert_rows(connection, [row for operation in operations for row in operation.rows])
        await _insert_deliveries(connection, operations)
        await _mark_deliveries(connection, operations)
        await _complete_deliveries(connection, [end for operation in operations for end in operation.completed])
        await _finish_entries(connection, operations)


async def _secure_kept_ids(connection: Connection, operations: Sequence[Operation]) -> None:
    """Make ids of an earlier attempt ours again, or drop them; see the module."""
    entries = [
        (entry_id, clean(entry.source), clean(entry.source_key))
        for operation in operations
        for entry_id, entry in zip(operation.entry_ids, operation.entries, strict=bool(operation.entry_ids))
    ]
    deliveries = [
        (delivery_id, delivery.account_id, clean(delivery.dedupe))
        for operation in operations
        for delivery_id, delivery in zip(
            operation.delivery_ids, operation.deliveries, strict=bool(operation.delivery_ids)
        )
    ]
    if entries:
        await _advance(connection, "inbox_id_seq", max(entry_id for entry_id, _, _ in entries))
        if await connection.fetchval(
            "SELECT EXISTS (SELECT FROM unnest($1::bigint[], $2::text[], $3::text[]) AS e(id, source, source_key)"
            " JOIN inbox AS i USING (id) WHERE (i.source, i.source_key) <> (e.source, e.source_key))",
            *_columns(entries),
        ):
            for operation in operations:
                operation.entry_ids = []
    if deliveries:
        await _advance(connection, "outbox_id_seq", max(delivery_id for delivery_id, _, _ in deliveries))
        if await connection.fetchval(
            "SELECT EXISTS (SELECT FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS e(id, account_id, dedupe)"
            " JOIN outbox AS o USING (id) WHERE (o.account_id, o.dedupe) <> (e.account_id, e.dedupe))",
            *_columns(deliveries),
        ):
            for operation in operations:
                operation.delivery_ids = []


async def _advance(connection: Connection, sequence: str, past: int) -> None:
    """Move a sequence past an id. By drawing, so that it never goes back whatever others draw at the same time."""
    await connection.execute(
        f"SELECT count(nextval('{sequence}')) FROM generate_series((SELECT last_value FROM {sequence}), $1::bigint)",
        past,
    )


def _columns(rows: Sequence[tuple[Any, ...]]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))


async def _draw_ids(connection: Connection, operations: Sequence[Operation]) -> None:
    """Give every new entry and delivery its id, ascending in the order of the operations."""
    entries = sum(len(operation.entries) for operation in operations if not operation.entry_ids)
    deliveries = sum(len(operation.deliveries) for operation in operations if not operation.delivery_ids)
    if not entries and not deliveries:
        return
    records = await connection.fetch(
        "SELECT 0 AS what, nextval('inbox_id_seq') AS id FROM generate_series(1, $1::int)"
        " UNION ALL SELECT 1, nextval('outbox_id_seq') FROM generate_series(1, $2::int)",
        entries,
        deliveries,
    )
    drawn: tuple[list[int], list[int]] = ([], [])
    for record in records:
        drawn[record["what"]].append(record["id"])
    entry_ids, delivery_ids = iter(sorted(drawn[0])), iter(sorted(drawn[1]))
    for operation in operations:
        if not operation.entry_ids:
            operation.entry_ids = [next(entry_ids) for _ in operation.entries]
        if not operation.delivery_ids:
            operation.delivery_ids = [next(delivery_ids) for _ in operation.deliveries]


async def _insert_entries(connection: Connection, operations: Sequence[Operation]) -> None:
    first: dict[Key, tuple[int, NewEntry]] = {}
    for operation in operations:
        for entry_id, entry in zip(operation.entry_ids, operation.entries, strict=True):
            first.setdefault((clean(entry.source), clean(entry.source_key)), (entry_id, entry))
    received: dict[int, datetime] = {}
    if first:
        ids = [entry_id for entry_id, _ in first.values()]
        entries = [entry for _, entry in first.values()]
        records = await connection.fetch(
            "INSERT INTO inbox (id, account_id, shard, address_kind, address_key, source, source_key, payload)"
            " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[],"
            " $7::text[], $8::bytea[]) ON CONFLICT DO NOTHING RETURNING id, received_at",
            ids,
            [entry.account_id for entry in entries],
            [shard_of(entry.account_id) for entry in entries],
            [clean(entry.address.kind) for entry in entries],
            [clean(entry.address.key) for entry in entries],
            [source for source, _ in first],
            [source_key for _, source_key in first],
            [entry.payload for entry in entries],
        )
        if len(records) < len(first):  # the others exist: written by an earlier attempt of ours, or duplicates
            records = await connection.fetch(
                "SELECT i.id, i.received_at, i.source, i.source_key"
                " FROM unnest($1::text[], $2::text[]) AS e(source, source_key)"
                " JOIN inbox AS i USING (source, source_key)",
                [source for source, _ in first],
                [source_key for _, source_key in first],
            )
            if len(records) < len(first):
                raise IdTakenError("an id of the inbox was taken by another entry")
            records = [record for record in records if record["id"] == first[record["source"], record["source_key"]][0]]
        received = {record["id"]: record["received_at"] for record in records}
    for operation in operations:
        operation.accepted = [
            _inbox_entry(entry_id, entry, received[entry_id]) if entry_id in received else None
            for entry_id, entry in zip(operation.entry_ids, operation.entries, strict=True)
        ]


def _inbox_entry(entry_id: int, entry: NewEntry, received_at: datetime) -> InboxEntry:
    return InboxEntry(
        id=entry_id,
        account_id=entry.account_id,
        address=Address(clean(entry.address.kind), clean(entry.address.key)),
        source=clean(entry.source),
        source_key=clean(entry.source_key),
        payload=entry.payload,
        attempts=0,
        received_at=received_at,
    )


async def _insert_deliveries(connection: Connection, operations: Sequence[Operation]) -> None:
    first: dict[tuple[int, str], tuple[int, NewDelivery]] = {}
    for operation in operations:
        for delivery_id, delivery in zip(operation.delivery_ids, operation.deliveries, strict=True):
            first.setdefault((delivery.account_id, clean(delivery.dedupe)), (delivery_id, delivery))
    if not first:
        return
    new = [delivery for _, delivery in first.values()]
    accounts = [account_id for account_id, _ in first]
    dedupes = [dedupe for _, dedupe in first]
    records = await connection.fetch(
        "INSERT INTO outbox (id, account_id, shard, address_kind, address_key, lane, kind, body, dedupe)"
        " SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::text[], $5::text[], $6::text[],"
        f" $7::text[], $8::bytea[], $9::text[]) ON CONFLICT DO NOTHING RETURNING dedupe, {DELIVERY_COLUMNS}",
        [delivery_id for delivery_id, _ in first.values()],
        accounts,
        [shard_of(account_id) for account_id in accounts],
        [clean(delivery.address.kind) for delivery in new],
        [clean(delivery.address.key) for delivery in new],
        [clean(delivery.lane) for delivery in new],
        [clean(delivery.kind) for delivery in new],
        [delivery.body for delivery in new],
        dedupes,
    )
    rows = {(record["account_id"], record["dedupe"]): delivery_of(record) for record in records}
    if len(rows) < len(first):  # the others exist: written by an earlier attempt or by an earlier commit
        records = await connection.fetch(
            f"SELECT dedupe, {DELIVERY_COLUMNS} FROM outbox"
            " WHERE (account_id, dedupe) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))",
            accounts,
            dedupes,
        )
        rows = {(record["account_id"], record["dedupe"]): delivery_of(record) for record in records}
        if len(rows) < len(first):
            raise IdTakenError("an id of the outbox was taken by another delivery")
    for operation in operations:
        operation.delivered = tuple(
            rows[delivery.account_id, clean(delivery.dedupe)] for delivery in operation.deliveries
        )


DELIVERY_COLUMNS = (
    "id, account_id, address_kind, address_key, lane, kind, body, attempts, created_at, started_at, state"
)


def delivery_of(record: Any) -> Delivery:
    """The dataclass of a record with `DELIVERY_COLUMNS`."""
    return Delivery(
        id=record["id"],
        account_id=record["account_id"],
        address=Address(record["address_kind"], record["address_key"]),
        lane=record["lane"],
        kind=record["kind"],
        body=record["body"],
        attempts=record["attempts"],
        is_ended=record["state"] != "pending",
        created_at=record["created_at"],
        started_at=record["started_at"],
    )


async def _mark_deliveries(connection: Connection, operations: Sequence[Operation]) -> None:
    marks = {operation.mark[0]: operation.mark[1] for operation in operations if operation.mark is not None}
    if not marks:
        return
    records = await connection.fetch(
        "UPDATE outbox AS o SET started_at = CASE WHEN m.begun THEN now() END,"
        # a repetition after an unknown outcome finds the mark in place and counts no second attempt
        " attempts = o.attempts + CASE WHEN m.begun AND o.started_at IS NULL THEN 1 ELSE 0 END"
        " FROM unnest($1::bigint[], $2::boolean[]) AS m(delivery_id, begun)"
        f" WHERE o.id = m.delivery_id AND o.state = 'pending' RETURNING {DELIVERY_COLUMNS}",
        list(marks),
        [mark == "begun" for mark in marks.values()],
    )
    rows = {record["id"]: delivery_of(record) for record in records}
    for operation in operations:
        if operation.mark is not None:
            operation.marked = rows.get(operation.mark[0])


async def _complete_deliveries(connection: Connection, completed: Iterable[Completed]) -> None:
    first: dict[int, Completed] = {}
    for end in completed:
        first.setdefault(end.delivery_id, end)
    if not first:
        return
    # Only rows that were still pending pass into the dead letters, so a repetition adds none.
    await connection.execute(
        "WITH ended AS (UPDATE outbox AS o SET state = e.state, error = e.error, finished_at = now()"
        " FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) AS e(delivery_id, state, error, traceback)"
        " WHERE o.id = e.delivery_id AND o.state = 'pending' RETURNING o.*, e.traceback)"
        " INSERT INTO dead_letters (account_id, shard, origin, origin_id, address_kind, address_key, lane, kind, body,"
        " attempts, error, traceback) SELECT account_id, shard, 'outbox', id, address_kind, address_key, lane, kind,"
        " body, attempts, COALESCE(error, ''), COALESCE(traceback, '') FROM ended WHERE state = 'dead'"
        " ORDER BY id ON CONFLICT DO NOTHING",
        list(first),
        [end.state for end in first.values()],
        [clean_or_none(end.error) for end in first.values()],
        [clean_or_none(end.traceback) for end in first.values()],
    )


async def _finish_entries(connection: Connection, operations: Sequence[Operation]) -> None:
    done = {operation.entry_id: operation.result for operation in operations if operation.entry_id is not None}
    if done:
        await connection.execute(
            "UPDATE inbox AS i SET done_at = now(), result = e.result"
            " FROM unnest($1::bigint[], $2::text[]) AS e(entry_id, result)"
            " WHERE i.id = e.entry_id AND i.done_at IS NULL",
            list(done),
            [clean_or_none(result) for result in done.values()],
        )
