"""Telegram bots as stored."""

from __future__ import annotations

from collections.abc import Sequence

from dealgram.persistence.database import Database
from dealgram.persistence.records import Bot
from dealgram.persistence.tables import row_of


async def get(db: Database, bot_id: int) -> Bot | None:
    """The bot where it is connected, else where it was last; whoever acts for an account takes `of_account`."""
    record = await db.fetchrow(
        Bot.table.select("WHERE bot_id = $1 ORDER BY status = 'removed', updated_at DESC LIMIT 1"), bot_id
    )
    return None if record is None else row_of(Bot, record)


async def of_account(db: Database, account_id: int, bot_id: int) -> Bot | None:
    """The bot as the account has it, or had it."""
    record = await db.fetchrow(Bot.table.select("WHERE account_id = $1 AND bot_id = $2"), account_id, bot_id)
    return None if record is None else row_of(Bot, record)


async def by_webhook_key(db: Database, webhook_key: str) -> Bot | None:
    """The bot of a webhook path."""
    record = await db.fetchrow(Bot.table.select("WHERE webhook_key = $1"), webhook_key)
    return None if record is None else row_of(Bot, record)


async def for_account(db: Database, account_id: int) -> list[Bot]:
    """The account's bots in every state, by id."""
    records = await db.fetch(Bot.table.select("WHERE account_id = $1 ORDER BY bot_id"), account_id)
    return [row_of(Bot, record) for record in records]


async def all_active(db: Database) -> list[Bot]:
    """Active bots of accounts that are not uninstalled, by id: those whose updates are fetched."""
    records = await db.fetch(
        Bot.table.select(
            "JOIN accounts AS a ON a.account_id = t.account_id"
            " WHERE t.status = 'active' AND a.status <> 'uninstalled' ORDER BY t.bot_id"
        )
    )
    return [row_of(Bot, record) for record in records]


async def for_accounts(db: Database, account_ids: Sequence[int]) -> list[Bot]:
    """The bots of some accounts in every state, by account and id."""
    records = await db.fetch(
        Bot.table.select("WHERE account_id = ANY($1::bigint[]) ORDER BY account_id, bot_id"), list(account_ids)
    )
    return [row_of(Bot, record) for record in records]
