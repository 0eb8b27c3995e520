"""Chats that Telegram makes wait, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Pause
from dealgram.persistence.tables import row_of


async def of_bot(db: Database, account_id: int, bot_id: int) -> list[Pause]:
    """The pauses of a bot's chats that have not ended, by the database's clock."""
    records = await db.fetch(
        Pause.table.select("WHERE account_id = $1 AND bot_id = $2 AND until > now() ORDER BY until"), account_id, bot_id
    )
    return [row_of(Pause, record) for record in records]
