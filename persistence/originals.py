"""What Telegram messages said first, and what they say now, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Original
from dealgram.persistence.tables import row_of
from dealgram.persistence.text import clean


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


async def album_head(
    db: Database, account_id: int, bot_id: int, chat_id: int, album: str, message_id: int
) -> int | None:
    """The first message of an album that is known, up to ``message_id``. An album has at most ten (Bot API:
    sendMediaGroup), whose ids may have others in between."""
    head = await db.fetchval(
        "SELECT min(message_id) FROM originals WHERE account_id = $1 AND bot_id = $2 AND chat_id = $3 AND album = $4"
        " AND message_id BETWEEN $5 - 100 AND $5",
        account_id,
        bot_id,
        chat_id,
        clean(album),
        message_id,
    )
    assert head is None or isinstance(head, int)
    return head
