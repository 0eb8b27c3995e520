"""The steps of accounts' installations, as stored."""

from __future__ import annotations

from collections.abc import Sequence

from dealgram.persistence.database import Database
from dealgram.persistence.records import SetupStep
from dealgram.persistence.tables import row_of


async def for_account(db: Database, account_id: int) -> list[SetupStep]:
    """The account's steps, by name."""
    records = await db.fetch(SetupStep.table.select("WHERE account_id = $1 ORDER BY step"), account_id)
    return [row_of(SetupStep, record) for record in records]


async def for_accounts(db: Database, account_ids: Sequence[int]) -> list[SetupStep]:
    """The steps of some accounts, by account and name: for a page of the health page."""
    records = await db.fetch(
        SetupStep.table.select("WHERE account_id = ANY($1::bigint[]) ORDER BY account_id, step"), list(account_ids)
    )
    return [row_of(SetupStep, record) for record in records]


async def note_wait(db: Database, account_id: int, step: str, detail: str) -> None:
    """Say why a pending step is waiting. A step that has ended keeps what is said of it."""
    await db.execute(
        "UPDATE setup_steps SET detail = $3, updated_at = now()"
        " WHERE account_id = $1 AND step = $2 AND state = 'pending' AND detail IS DISTINCT FROM $3",
        account_id,
        step,
        detail,
    )


async def failed(db: Database) -> int:
    """How many steps have failed in accounts that are connected: for the metrics."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM setup_steps AS s JOIN accounts AS a USING (account_id)"
        " WHERE s.state = 'failed' AND a.status <> 'uninstalled'"
    )
    return count
