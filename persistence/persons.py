"""People who wrote to bots in private, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Person
from dealgram.persistence.tables import row_of


async def get(db: Database, account_id: int, bot_id: int, user_id: int) -> Person | None:
    """The person as the bot knows them, or None."""
    record = await db.fetchrow(
        Person.table.select("WHERE account_id = $1 AND bot_id = $2 AND user_id = $3"), account_id, bot_id, user_id
    )
    return None if record is None else row_of(Person, record)
