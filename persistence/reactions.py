"""Reactions of people in amoCRM to messages in Telegram, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Reaction
from dealgram.persistence.tables import row_of


async def for_message(db: Database, account_id: int, bot_id: int, chat_id: int, message_id: int) -> list[Reaction]:
    """The reactions to a message, the latest first; also what is left of those that were taken back."""
    records = await db.fetch(
        Reaction.table.select(
            "WHERE account_id = $1 AND bot_id = $2 AND chat_id = $3 AND message_id = $4"
            " ORDER BY at_s DESC, entry_id DESC"
        ),
        account_id,
        bot_id,
        chat_id,
        message_id,
    )
    return [row_of(Reaction, record) for record in records]
