"""amoCRM users of an account, as stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dealgram.persistence.database import Database
from dealgram.persistence.records import User
from dealgram.persistence.tables import row_of, upsert_rows

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection


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


async def get(db: Database, account_id: int, user_id: int) -> User | None:
    """The user by amoCRM's id."""
    record = await db.fetchrow(User.table.select("WHERE account_id = $1 AND user_id = $2"), account_id, user_id)
    return None if record is None else row_of(User, record)


async def replace(db: Database, account_id: int, users: Sequence[User]) -> None:
    """Make these the account's users. One who is not among them stays, since old messages are theirs, but inactive."""

    async def write(connection: Connection) -> None:
        await upsert_rows(connection, users)
        await connection.execute(
            "UPDATE users SET is_active = false WHERE account_id = $1 AND is_active AND user_id <> ALL($2::bigint[])",
            account_id,
            [user.user_id for user in users],
        )

    await db.transaction(write)
