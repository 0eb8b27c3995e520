"""Dead letters: what could not be done, for an operator to read, retry or discard.

A dead letter is open until it is resolved, once: *retried* (its entry or delivery is pending again, with no attempts
counted, as the **youngest** of its address or lane: those after it went on long ago) or *discarded* (marked only). A
retry sends a NOTIFY on `WAKE_CHANNEL` with the address; that is a hint for the running service, its sweep is the truth.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from dealgram.persistence.database import Database
from dealgram.runtime import Address

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection, Record

WAKE_CHANNEL = "dealgram_wake"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """One dead letter. ``body`` is the entry's payload or the delivery's body; ``kind`` its source or kind."""

    id: int
    account_id: int
    origin: Literal["inbox", "outbox"]
    origin_id: int
    address: Address
    lane: str | None
    kind: str
    body: bytes
    attempts: int
    error: str
    traceback: str
    created_at: datetime
    resolved_at: datetime | None
    resolution: Literal["retried", "discarded"] | None


async def list_open(
    db: Database, *, account_id: int | None = None, after_id: int = 0, limit: int = 100
) -> list[DeadLetterRow]:
    """Open dead letters with ids above ``after_id``, oldest first; of one account or of all (the operator's view)."""
    records = await db.fetch(
        "SELECT * FROM dead_letters WHERE resolved_at IS NULL AND ($1::bigint IS NULL OR account_id = $1) AND id > $2"
        " ORDER BY id LIMIT $3",
        account_id,
        after_id,
        limit,
    )
    return [_row(record) for record in records]


async def count_open(db: Database) -> int:
    """How many wait for an operator."""
    return int(await db.fetchval("SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL"))


async def show(db: Database, dead_letter_id: int) -> DeadLetterRow | None:
    """One dead letter, open or resolved."""
    record = await db.fetchrow("SELECT * FROM dead_letters WHERE id = $1", dead_letter_id)
    return None if record is None else _row(record)


async def retry(db: Database, dead_letter_id: int) -> Address | None:
    """Make it pending again; returns the address to wake, or None when there is no such open dead letter."""

    async def in_transaction(connection: Connection) -> Address | None:
        record = await _resolve(connection, dead_letter_id, "retried")
        if record is None:
            return None
        if record["origin"] == "inbox":
            await connection.execute(
                "UPDATE inbox SET id = nextval('inbox_id_seq'), done_at = NULL, result = NULL, error = NULL,"
                " attempts = 0 WHERE id = $1",
                record["origin_id"],
            )
        else:
            await connection.execute(
                "UPDATE outbox SET id = nextval('outbox_id_seq'), state = 'pending', attempts = 0, error = NULL,"
                " started_at = NULL, finished_at = NULL WHERE id = $1 AND state = 'dead'",
                record["origin_id"],
            )
        address = Address(record["address_kind"], record["address_key"])
        await connection.execute("SELECT pg_notify($1, $2)", WAKE_CHANNEL, wake_payload(address))
        return address

    return await db.transaction(in_transaction)


async def discard(db: Database, dead_letter_id: int) -> bool:
    """Mark it as not to be done; False when there is no such open dead letter."""

    async def in_transaction(connection: Connection) -> bool:
        return await _resolve(connection, dead_letter_id, "discarded") is not None

    return await db.transaction(in_transaction)


def wake_payload(address: Address) -> str:
    """The payload of a notification on `WAKE_CHANNEL`."""
    return f"{address.kind}:{address.key}"


def woken_address(payload: str) -> Address | None:
    """The address of a notification on `WAKE_CHANNEL`; None for anything that is not one."""
    kind, colon, key = payload.partition(":")
    return Address(kind, key) if colon and kind and key else None


async def _resolve(connection: Connection, dead_letter_id: int, resolution: str) -> Record | None:
    return await connection.fetchrow(
        "UPDATE dead_letters SET resolved_at = now(), resolution = $2 WHERE id = $1 AND resolved_at IS NULL"
        " RETURNING origin, origin_id, address_kind, address_key",
        dead_letter_id,
        resolution,
    )


def _row(record: Record) -> DeadLetterRow:
    return DeadLetterRow(
        id=record["id"],
        account_id=record["account_id"],
        origin=record["origin"],
        origin_id=record["origin_id"],
        address=Address(record["address_kind"], record["address_key"]),
        lane=record["lane"],
        kind=record["kind"],
        body=record["body"],
        attempts=record["attempts"],
        error=record["error"],
        traceback=record["traceback"],
        created_at=record["created_at"],
        resolved_at=record["resolved_at"],
        resolution=record["resolution"],
    )
