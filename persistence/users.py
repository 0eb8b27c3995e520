"""amoCRM users of an account, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import User
from dealgram.persistence.tables import row_of


async def for_account(db: Database, account_id: int) -> list[User]:
    """Every user of the account, by id."""
    records = await db.fetch(User.table.select("WHERE account_id = $1 ORDER BY user_id"), account_id)
    return [row_of(User, record) for record in records]


async def by_amojo(db: Database, account_id: int, amojo_id: str) -> User | None:
    """The user whom a chat hook names by the amojo id."""
    record = await db.fetchrow(
        User.table.select("WHERE account_id = $1 AND amojo_id = $2 ORDER BY user_id LIMIT 1"), account_id, amojo_id
    )
    return None if record is None else row_of(User, record)
