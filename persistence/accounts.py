"""Accounts (tenants) as stored.

The row has several writers (installations, the rotation of tokens, the setup's steps, administrators, the watch over
troubles), so nobody writes it whole: each changes its own columns only, and whoever replaces tokens says which pair it
replaces, since a new installation may have brought another one meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from dealgram.persistence.database import Database
from dealgram.persistence.records import Account
from dealgram.persistence.tables import TOUCHED, Clock, Row, row_of, stored

_NEW_HOOK_KEY = "replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '')"  # from the system's randomness


@stored(
    "accounts",
    key=("account_id",),
    status=Clock(insert="'new'", update="CASE WHEN t.status = 'active' THEN t.status ELSE 'new' END"),
    hook_key=Clock(insert=_NEW_HOOK_KEY, update=f"coalesce(t.hook_key, {_NEW_HOOK_KEY})"),
    reauthorise_since=Clock(insert="NULL::timestamptz", update="NULL"),
    uninstalled_at=Clock(insert="NULL::timestamptz", update="NULL"),
    updated_at=TOUCHED,
)
@dataclass(frozen=True, slots=True, kw_only=True)
class Grant(Row):
    """What an installation knows of an account: the columns that a grant writes. What else the row holds (settings,
    the channel's scope, the contact fields) stays as it is; the account has to be set up (again)."""

    account_id: int
    host: str
    subdomain: str
    name: str
    amojo_id: str | None
    access_token: bytes
    refresh_token: bytes
    token_expires_at: datetime
    api_domain: str | None
    drive_url: str | None
    is_technical: bool
    status: str | None = None
    hook_key: str | None = None
    reauthorise_since: datetime | None = None
    uninstalled_at: datetime | None = None
    updated_at: datetime | None = None


async def get(db: Database, account_id: int) -> Account | None:
    """The account, or None."""
    record = await db.fetchrow(Account.table.select("WHERE account_id = $1"), account_id)
    return None if record is None else row_of(Account, record)


async def by_scope(db: Database, scope_id: str) -> Account | None:
    """The account of an amojo scope (channel and account), unless it was removed: how a chat hook names its account."""
    record = await db.fetchrow(Account.table.select("WHERE scope_id = $1 AND status <> 'uninstalled'"), scope_id)
    return None if record is None else row_of(Account, record)


async def by_hook_key(db: Database, hook_key: str) -> Account | None:
    """The account whose CRM webhooks come to an address that ends in this key."""
    record = await db.fetchrow(Account.table.select("WHERE hook_key = $1 AND status <> 'uninstalled'"), hook_key)
    return None if record is None else row_of(Account, record)


async def all_accounts(db: Database) -> list[Account]:
    """Every account, by id."""
    return [row_of(Account, record) for record in await db.fetch(Account.table.select("ORDER BY account_id"))]


# Tokens


async def store_tokens(
    db: Database,
    account_id: int,
    *,
    access_token: bytes,
    refresh_token: bytes,
    expires_at: datetime,
    replaces: bytes | None = None,
) -> bool:
    """Replace the sealed token pair.

    ``replaces``: the sealed refresh token that it takes the place of. False if another pair is there by now; nothing
    is changed then.
    """
    stored_id = await db.fetchval(
        "UPDATE accounts SET access_token = $2, refresh_token = $3, token_expires_at = $4,"
        " status = CASE WHEN status <> 'reauthorise' THEN status WHEN scope_id IS NULL THEN 'new' ELSE 'active' END,"
        " reauthorise_since = NULL,"
        " updated_at = now() WHERE account_id = $1 AND ($5::bytea IS NULL OR refresh_token = $5)"
        " RETURNING account_id",
        account_id,
        access_token,
        refresh_token,
        expires_at,
        replaces,
    )
    return stored_id is not None


async def ask_for_authorisation(db: Database, account_id: int, *, refused: bytes) -> bool:
    """amoCRM refuses the sealed refresh token ``refused``: an administrator has to authorise the account anew.

    False if another pair is there by now; nothing is changed then.
    """
    changed = await db.fetchval(
        "UPDATE accounts SET status = 'reauthorise', reauthorise_since = coalesce(reauthorise_since, now()),"
        " updated_at = now() WHERE account_id = $1 AND refresh_token = $2 RETURNING account_id",
        account_id,
        refused,
    )
    return changed is not None


async def move(db: Database, account_id: int, *, host: str, subdomain: str) -> None:
    """The account has another address now."""
    await db.execute(
        "UPDATE accounts SET host = $2, subdomain = $3, updated_at = now() WHERE account_id = $1",
        account_id,
        host,
        subdomain,
    )


async def uninstall(db: Database, account_id: int, *, had: bytes | None) -> bool:
    """The integration was removed from the account: its tokens are dropped, everything else stays for a while.

    ``had``: the sealed refresh token that was found dead. False if another pair is there by now: it was installed
    again, and nothing is changed.
    """
    changed = await db.fetchval(
        "UPDATE accounts SET status = 'uninstalled', uninstalled_at = coalesce(uninstalled_at, now()),"
        " reauthorise_since = NULL, access_token = NULL, refresh_token = NULL, token_expires_at = NULL,"
        " trouble = NULL, trouble_detail = NULL, trouble_since = NULL, updated_at = now()"
        " WHERE account_id = $1 AND refresh_token IS NOT DISTINCT FROM $2 RETURNING account_id",
        account_id,
        had,
    )
    return changed is not None


# Setup and settings


async def set_scope(db: Database, account_id: int, scope_id: str) -> None:
    """The chat channel is connected: what was new is active."""
    await db.execute(
        "UPDATE accounts SET scope_id = $2, status = CASE WHEN status = 'new' THEN 'active' ELSE status END,"
        " updated_at = now() WHERE account_id = $1",
        account_id,
        scope_id,
    )


async def set_fields(db: Database, account_id: int, *, telegram_field_id: int, link_field_id: int) -> None:
    """The contact fields of the account are known: the Telegram ID, and the link to the person's profile."""
    await db.execute(
        "UPDATE accounts SET telegram_field_id = $2, link_field_id = $3, updated_at = now() WHERE account_id = $1",
        account_id,
        telegram_field_id,
        link_field_id,
    )


async def set_time_zone(db: Database, account_id: int, time_zone: str | None) -> None:
    """The time zone of the account's managers."""
    await db.execute(
        "UPDATE accounts SET time_zone = $2, updated_at = now()"
        " WHERE account_id = $1 AND time_zone IS DISTINCT FROM $2",
        account_id,
        time_zone,
    )


async def change_settings(db: Database, account_id: int, changes: Mapping[str, Any]) -> bool:
    """Change some settings and keep the others; False if there is no such account."""
    changed = await db.fetchval(
        "UPDATE accounts SET settings = settings || $2::jsonb, updated_at = now() WHERE account_id = $1"
        " RETURNING account_id",
        account_id,
        orjson.dumps(dict(changes)).decode(),
    )
    return changed is not None


# What has waited for long


async def overdue_authorisations(db: Database, keep_s: float) -> list[int]:
    """Accounts that nobody has authorised anew for so many seconds."""
    records = await db.fetch(
        "SELECT account_id FROM accounts WHERE status = 'reauthorise'"
        " AND reauthorise_since < now() - make_interval(secs => $1) ORDER BY account_id",
        keep_s,
    )
    return [record["account_id"] for record in records]


async def set_trouble(db: Database, account_id: int, kind: str | None, detail: str | None) -> bool:
    """Note what amoCRM refuses the account for, since now; None for nothing. False if that is known already."""
    changed = await db.fetchval(
        "UPDATE accounts SET trouble = $2, trouble_detail = $3, updated_at = now(),"
        " trouble_since = CASE WHEN $2::text IS NULL THEN NULL ELSE now() END"
        " WHERE account_id = $1 AND trouble IS DISTINCT FROM $2 RETURNING account_id",
        account_id,
        kind,
        detail,
    )
    return changed is not None


async def set_status(db: Database, account_id: int, status: str) -> None:
    """Change the account's state: new, active, reauthorise or uninstalled."""
    await db.execute("UPDATE accounts SET status = $2, updated_at = now() WHERE account_id = $1", account_id, status)
