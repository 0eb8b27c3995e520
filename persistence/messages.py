"""The message map: which Telegram message is which amoCRM message, as stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dealgram.persistence.database import Database
from dealgram.persistence.records import Message
from dealgram.persistence.tables import row_of
from dealgram.persistence.text import clean
from dealgram.runtime import Address

INCOMING = "amo.message"
POSTS = (INCOMING, "amo.mirror", "amo.employee")
"""The kinds of outbox rows that bring a Telegram message into a conversation; all but the first are outgoing."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a Telegram message stands in amoCRM, or is about to."""

    conversation_id: str
    msgid: str
    is_outgoing: bool = False


async def places(
    db: Database, account_id: int, address: Address, bot_id: int, refs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], set[Place]]:
    """Where messages, given as (chat id, message id), stand: what is posted, and what waits in the actor's outbox.

    One statement and so one snapshot: a row that is being completed is seen in one of the two tables.
    """
    records = await db.fetch(
        "WITH wanted AS (SELECT DISTINCT * FROM unnest($3::bigint[], $4::bigint[]) AS w(chat_id, message_id))"
        " SELECT chat_id, message_id, m.conversation_id, m.msgid, m.direction = 'out' AS is_outgoing"
        " FROM wanted JOIN messages AS m USING (chat_id, message_id) WHERE m.account_id = $1 AND m.bot_id = $2"
        " UNION SELECT chat_id, message_id, p.body ->> 'conversation', p.body ->> 'msgid', p.is_outgoing"
        # json and not jsonb, which refuses texts with a NUL
        " FROM (SELECT convert_from(o.body, 'UTF8')::json AS body, o.kind <> $8 AS is_outgoing FROM outbox AS o"
        "  WHERE o.address_kind = $5 AND o.address_key = $6 AND o.state = 'pending' AND o.kind = ANY($7::text[])) AS p"
        " JOIN wanted ON chat_id = (p.body ->> 'chat_id')::bigint AND message_id = (p.body ->> 'message_id')::bigint",
        account_id,
        bot_id,
        [chat_id for chat_id, _ in refs],
        [message_id for _, message_id in refs],
        clean(address.kind),
        clean(address.key),
        list(POSTS),
        INCOMING,
    )
    found: dict[tuple[int, int], set[Place]] = {}
    for record in records:
        place = Place(record["conversation_id"], record["msgid"], record["is_outgoing"])
        found.setdefault((record["chat_id"], record["message_id"]), set()).add(place)
    return found


async def message_ids(
    db: Database, account_id: int, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], int | None]:
    """Telegram's ids of messages, given as (conversation, our id)."""
    records = await db.fetch(
        "SELECT conversation_id, msgid, message_id FROM messages WHERE account_id = $1"
        " AND (conversation_id, msgid) IN (SELECT * FROM unnest($2::text[], $3::text[]))",
        account_id,
        [clean(conversation_id) for conversation_id, _ in keys],
        [clean(msgid) for _, msgid in keys],
    )
    return {(record["conversation_id"], record["msgid"]): record["message_id"] for record in records}


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


async def is_passed(db: Database, account_id: int, bot_id: int, chat_id: int, message_id: int) -> bool:
    """Whether a later message of the chat is known. Telegram counts a chat's messages upwards and brings them in order,
    so one that is passed has been seen, and shown if it was to be shown."""
    passed: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM messages WHERE account_id = $1 AND bot_id = $2 AND chat_id = $3"
        " AND message_id > $4)",
        account_id,
        bot_id,
        chat_id,
        message_id,
    )
    return passed


async def by_amo(db: Database, account_id: int, amo_id: str) -> Message | None:
    """The message by amojo's id of it."""
    record = await db.fetchrow(
        Message.table.select("WHERE account_id = $1 AND amo_id = $2 ORDER BY created_at LIMIT 1"), account_id, amo_id
    )
    return None if record is None else row_of(Message, record)


async def last_thread(db: Database, account_id: int, conversation_id: str) -> int | None:
    """The forum topic in which the latest message of a conversation stands (1: the General topic); None: no forum."""
    thread: int | None = await db.fetchval(
        "SELECT thread_id FROM messages WHERE account_id = $1 AND conversation_id = $2 AND thread_id IS NOT NULL"
        " ORDER BY created_at DESC, message_id DESC NULLS LAST LIMIT 1",
        account_id,
        clean(conversation_id),
    )
    return thread


async def by_msgid(db: Database, account_id: int, conversation_id: str, msgid: str) -> Message | None:
    """The message by our own id of it within a conversation."""
    record = await db.fetchrow(
        Message.table.select("WHERE account_id = $1 AND conversation_id = $2 AND msgid = $3"),
        account_id,
        conversation_id,
        msgid,
    )
    return None if record is None else row_of(Message, record)
