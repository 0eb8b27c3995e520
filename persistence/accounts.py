"""Accounts (tenants) as stored."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

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


# The row has several writers (installation, token rotation, administrators), so each changes its own columns only.


async def store_tokens(
    db: Database, account_id: int, *, access_token: bytes, refresh_token: bytes, expires_at: datetime
) -> None:
    """Replace the sealed token pair; the account is active again."""
    await db.execute(
        "UPDATE accounts SET access_token = $2, refresh_token = $3, token_expires_at = $4, status = 'active',"
        " updated_at = now() WHERE account_id = $1",
        account_id,
        access_token,
        refresh_token,
        expires_at,
    )


async def set_status(db: Database, account_id: int, status: str) -> None:
    """Change the account's state: new, active, reauthorise or uninstalled."""
    await db.execute("UPDATE accounts SET status = $2, updated_at = now() WHERE account_id = $1", account_id, status)


async def change_settings(db: Database, account_id: int, changes: Mapping[str, Any]) -> bool:
    """Change some settings and keep the others; False if there is no such account."""
    changed = await db.fetchval(
        "UPDATE accounts SET settings = settings || $2::jsonb, updated_at = now() WHERE account_id = $1"
        " RETURNING account_id",
        account_id,
        orjson.dumps(dict(changes)).decode(),
    )
    return changed is not None


async def finish_installation(db: Database, account_id: int, *, scope_id: str, telegram_field_id: int) -> None:
    """The account is connected: its channel's scope and its contact field are known."""
    await db.execute(
        "UPDATE accounts SET scope_id = $2, telegram_field_id = $3, status = 'active', updated_at = now()"
        " WHERE account_id = $1",
        account_id,
        scope_id,
        telegram_field_id,
    )
