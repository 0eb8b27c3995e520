"""Forgetting an account that was uninstalled long ago: everything of it, in every table, and nothing of anybody else.

Which tables those are is asked of the database, so that a new table cannot be left out. Kept is the paid life alone
(`subscriptions`), so that a new installation begins no second trial. The account's own row goes last: it holds when
the account was uninstalled, so a purge that is cut short is continued by the next. Each batch looks again whether the
account still is uninstalled, for an administrator may install it anew meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass

from dealgram.persistence.database import Database
from dealgram.runtime import Address

_ACCOUNTS = "accounts"
_KEPT = ("subscriptions", "subscription_changes", "subscription_notes")
_STILL_DUE = (
    "EXISTS (SELECT FROM accounts AS a WHERE a.account_id = $1 AND a.status = 'uninstalled'"
    " AND a.uninstalled_at < now() - make_interval(secs => $2))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """A purge: ``rows`` deleted in all tables; ``addresses`` of actors that had work of the account in memory."""

    rows: int
    addresses: tuple[Address, ...]


async def due(db: Database, grace_s: float) -> list[int]:
    """Accounts that were uninstalled longer ago than so many seconds."""
    records = await db.fetch(
        "SELECT account_id FROM accounts WHERE status = 'uninstalled'"
        " AND uninstalled_at < now() - make_interval(secs => $1) ORDER BY account_id",
        grace_s,
    )
    return [record["account_id"] for record in records]


async def forget(db: Database, account_id: int, *, grace_s: float, batch: int = 1000) -> Forgotten:
    """Delete everything of an account that is due; of one that is not, nothing.

    Raises:
        DatabaseUnavailable: call again; what is deleted stays deleted.
    """
    records = await db.fetch(
        "SELECT address_kind, address_key FROM inbox WHERE account_id = $1 AND done_at IS NULL"
        " UNION SELECT address_kind, address_key FROM outbox WHERE account_id = $1 AND state = 'pending'",
        account_id,
    )
    rows = 0
    for table in await _tables(db):
        rows += await _delete(db, f"{table} AS t WHERE t.account_id = $1", account_id, grace_s, batch)
    rows += await _delete(db, "installations AS t WHERE t.installed_id = $1", account_id, grace_s, batch)
    rows += await _delete(db, f"{_ACCOUNTS} AS t WHERE t.account_id = $1", account_id, grace_s, batch)
    addresses = tuple(Address(record["address_kind"], record["address_key"]) for record in records)
    return Forgotten(rows=rows, addresses=addresses)


async def _tables(db: Database) -> list[str]:
    """Every table whose rows belong to accounts, except that of the accounts themselves and those that outlive them."""
    records = await db.fetch(
        "SELECT c.relname AS name FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
        " WHERE a.attname = 'account_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p')"
        " AND c.relnamespace = current_schema()::regnamespace AND c.relname <> ALL($1) ORDER BY c.relname",
        [_ACCOUNTS, *_KEPT],
    )
    return [record["name"] for record in records]


async def _delete(db: Database, rows: str, account_id: int, grace_s: float, batch: int) -> int:
    table, _, _ = rows.partition(" ")
    deleted = 0
    while True:
        tag = await db.execute(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM {rows} AND {_STILL_DUE}"
            " LIMIT $3 FOR UPDATE OF t))",
            account_id,
            grace_s,
            batch,
        )
        count = int(tag.rpartition(" ")[2])
        deleted += count
        if count < batch:
            return deleted
