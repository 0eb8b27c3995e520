"""The message map: which Telegram message is which amoCRM message, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Message
from dealgram.persistence.tables import row_of


async def by_telegram(db: Database, account_id: int, bot_id: int, chat_id: int, message_id: int) -> list[Message]:
    """Every amoCRM message that stands for one Telegram message (one per conversation), oldest first."""
    records = await db.fetch(
        Message.table.select(
            "WHERE account_id = $1 AND bot_id = $2 AND chat_id = $3 AND message_id = $4"
            " ORDER BY created_at, conversation_id, msgid"
        ),
        account_id,
        bot_id,
        chat_id,
        message_id,
    )
    return [row_of(Message, record) for record in records]


async def by_amo(db: Database, account_id: int, amo_id: str) -> Message | None:
    """The message by amojo's id of it."""
    record = await db.fetchrow(
        Message.table.select("WHERE account_id = $1 AND amo_id = $2 ORDER BY created_at LIMIT 1"), account_id, amo_id
    )
    return None if record is None else row_of(Message, record)


async def by_msgid(db: Database, account_id: int, conversation_id: str, msgid: str) -> Message | None:
    """The message by our own id of it within a conversation."""
    record = await db.fetchrow(
        Message.table.select("WHERE account_id = $1 AND conversation_id = $2 AND msgid = $3"),
        account_id,
        conversation_id,
        msgid,
    )
    return None if record is None else row_of(Message, record)
