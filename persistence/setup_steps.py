"""The steps of accounts' installations, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import SetupStep
from dealgram.persistence.tables import row_of


async def for_account(db: Database, account_id: int) -> list[SetupStep]:
    """The account's steps, by name."""
    records = await db.fetch(SetupStep.table.select("WHERE account_id = $1 ORDER BY step"), account_id)
    return [row_of(SetupStep, record) for record in records]


async def everywhere(db: Database) -> list[SetupStep]:
    """All accounts' steps, by account and name: for the health page."""
    return [row_of(SetupStep, record) for record in await db.fetch(SetupStep.table.select("ORDER BY account_id, step"))]
