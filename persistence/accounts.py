"""Accounts (tenants) as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Account
from dealgram.persistence.tables import row_of


async def get(db: Database, account_id: int) -> Account | None:
    """The account, or None."""
    record = await db.fetchrow(Account.table.select("WHERE account_id = $1"), account_id)
    return None if record is None else row_of(Account, record)


async def by_scope(db: Database, scope_id: str) -> Account | None:
    """The account of an amojo scope (channel and account): how a chat hook names its account."""
    record = await db.fetchrow(Account.table.select("WHERE scope_id = $1"), scope_id)
    return None if record is None else row_of(Account, record)


async def all_accounts(db: Database) -> list[Account]:
    """Every account, by id."""
    return [row_of(Account, record) for record in await db.fetch(Account.table.select("ORDER BY account_id"))]
