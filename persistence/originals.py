"""What Telegram messages said first, and what they say now, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Original
from dealgram.persistence.tables import row_of


async def get(db: Database, account_id: int, bot_id: int, chat_id: int, message_id: int) -> Original | None:
    """The message as it is known, or None."""
    record = await db.fetchrow(
        Original.table.select("WHERE account_id = $1 AND bot_id = $2 AND chat_id = $3 AND message_id = $4"),
        account_id,
        bot_id,
        chat_id,
        message_id,
    )
    return None if record is None else row_of(Original, record)
