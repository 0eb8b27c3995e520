"""Contacts that amoCRM was asked to create: written down before the request, by the value of the «Telegram ID» field.

A claim without a contact is one of unknown outcome: amoCRM may have the contact and not find it yet (amoCRM contract
§11, search lag). A person's claim ends when the contact is in `contacts`; that of a group's own contact stays and is
the place where that contact is known. Only the account actor writes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealgram.persistence.records import Contact
from dealgram.persistence.sharding import shard_of
from dealgram.persistence.tables import upsert_rows

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection, Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A claim; ``age_s`` by the database's clock. ``contact_id`` is None while the outcome is unknown."""

    value: str
    contact_id: int | None
    age_s: float


async def get(db: Database, account_id: int, values: Sequence[str]) -> dict[str, Claim]:
    """The claims of these values."""
    if not values:
        return {}
    records = await db.fetch(
        "SELECT value, contact_id, extract(epoch FROM now() - begun_at)::float8 AS age_s FROM contact_claims"
        " WHERE account_id = $1 AND value = ANY($2::text[])",
        account_id,
        list(values),
    )
    return {
        record["value"]: Claim(value=record["value"], contact_id=record["contact_id"], age_s=record["age_s"])
        for record in records
    }


async def begin(db: Database, account_id: int, values: Sequence[str]) -> None:
    """Write down, before the request, that these contacts are about to be created; the clock starts anew."""
    await db.execute(
        "INSERT INTO contact_claims (account_id, value, shard) SELECT $1, value, $3 FROM unnest($2::text[]) AS value"
        " ON CONFLICT (account_id, value) DO UPDATE SET contact_id = NULL, begun_at = now()",
        account_id,
        sorted(set(values)),
        shard_of(account_id),
    )


async def settle(
    db: Database, account_id: int, people: Sequence[Contact] = (), groups: Mapping[str, int] | None = None
) -> None:
    """The outcome is known: people go to the index and their claims end, groups' contacts are noted in theirs.

    Raises:
        DatabaseUnavailable: the outcome is unknown; writing again is safe.
    """
    noted = groups or {}

    async def write(connection: Connection) -> None:
        if people:
            await upsert_rows(connection, people)
            await connection.execute(
                "DELETE FROM contact_claims WHERE account_id = $1 AND value = ANY($2::text[])",
                account_id,
                [str(row.user_id) for row in people],
            )
        if noted:
            await connection.execute(
                "INSERT INTO contact_claims (account_id, value, shard, contact_id)"
                " SELECT $1, n.value, $4, n.contact_id FROM unnest($2::text[], $3::bigint[]) AS n(value, contact_id)"
                " ON CONFLICT (account_id, value) DO UPDATE SET contact_id = excluded.contact_id",
                account_id,
                list(noted),
                list(noted.values()),
                shard_of(account_id),
            )

    if people or noted:
        await db.transaction(write)


async def drop(db: Database, account_id: int, values: Sequence[str]) -> None:
    """These contacts certainly were not created, or are no more."""
    await db.execute(
        "DELETE FROM contact_claims WHERE account_id = $1 AND value = ANY($2::text[])", account_id, list(values)
    )
