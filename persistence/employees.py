"""Telegram users who work for an account, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Employee
from dealgram.persistence.tables import row_of


async def for_account(db: Database, account_id: int) -> list[Employee]:
    """The account's employees, by Telegram id."""
    records = await db.fetch(Employee.table.select("WHERE account_id = $1 ORDER BY user_id"), account_id)
    return [row_of(Employee, record) for record in records]


async def everyone(db: Database) -> list[Employee]:
    """The employees of all accounts, by account and Telegram id."""
    records = await db.fetch(Employee.table.select("ORDER BY account_id, user_id"))
    return [row_of(Employee, record) for record in records]


async def remove(db: Database, account_id: int, user_id: int) -> bool:
    """Forget that a Telegram user works for the account; False if nobody knew."""
    removed = await db.fetchval(
        "DELETE FROM employees WHERE account_id = $1 AND user_id = $2 RETURNING user_id", account_id, user_id
    )
    return removed is not None
