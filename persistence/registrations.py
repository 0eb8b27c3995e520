"""Registrations: who switched the widget on, with their name, phone and consent, as stored.

Personal data. It goes with the account (`account_purge`), and where the account never was connected, after a month
(`retention`). Nothing of it is logged, and it stands nowhere else: what waits in the journal names the registration.

An account has at most two: the one that amoCRM's token vouched for, under the account's id, and one that anybody could
have sent, under the host that it came from. The second never changes the first.
"""

from __future__ import annotations

from typing import Literal

from dealgram.persistence.database import Database
from dealgram.persistence.records import Registration
from dealgram.persistence.sharding import shard_of
from dealgram.persistence.tables import row_of
from dealgram.persistence.text import clean


def key_of_account(account_id: int) -> str:
    """The key of the registration that was verified to be an account's."""
    return f"account:{account_id}"


def key_of_host(host: str) -> str:
    """The key of the registration that was sent from a host without a proof."""
    return f"host:{host}"


async def get(db: Database, registration_key: str) -> Registration | None:
    """One registration by its key."""
    record = await db.fetchrow(Registration.table.select("WHERE registration_key = $1"), clean(registration_key))
    return None if record is None else row_of(Registration, record)


async def for_account(db: Database, account_id: int) -> list[Registration]:
    """The registrations of an account, the verified one first."""
    records = await db.fetch(
        Registration.table.select("WHERE account_id = $1 ORDER BY is_verified DESC, registration_key"), account_id
    )
    return [row_of(Registration, record) for record in records]


async def attach(db: Database, registration_key: str, account_id: int) -> bool:
    """Note whose registration it is; False when there is none, or none without an account."""
    tag = await db.execute(
        "UPDATE registrations SET account_id = $2, shard = $3 WHERE registration_key = $1 AND account_id = 0",
        clean(registration_key),
        account_id,
        shard_of(account_id),
    )
    return tag.endswith(" 1")


async def note_forwarded(db: Database, registration_key: str, revision: int, state: Literal["done", "failed"]) -> None:
    """Note what became of passing a revision on; of one that has been replaced since, nothing is noted."""
    await db.execute(
        "UPDATE registrations SET forward_state = $3,"
        " forwarded_at = CASE WHEN $3 = 'done' THEN now() ELSE forwarded_at END"
        " WHERE registration_key = $1 AND revision = $2",
        clean(registration_key),
        revision,
        state,
    )


async def forget(db: Database, registration_key: str) -> None:
    """Delete a registration."""
    await db.execute("DELETE FROM registrations WHERE registration_key = $1", clean(registration_key))
