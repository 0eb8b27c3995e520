"""Conversations (our ids for amojo chats), as stored."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dealgram.persistence.database import Database
from dealgram.persistence.records import Conversation
from dealgram.persistence.tables import row_of


async def get(db: Database, account_id: int, conversation_id: str) -> Conversation | None:
    """The conversation, or None."""
    record = await db.fetchrow(
        Conversation.table.select("WHERE account_id = $1 AND conversation_id = $2"), account_id, conversation_id
    )
    return None if record is None else row_of(Conversation, record)


async def by_chat_uuid(db: Database, account_id: int, chat_uuid: str) -> Conversation | None:
    """The conversation by the id that amojo gave its chat."""
    record = await db.fetchrow(
        Conversation.table.select("WHERE account_id = $1 AND chat_uuid = $2 ORDER BY conversation_id LIMIT 1"),
        account_id,
        chat_uuid,
    )
    return None if record is None else row_of(Conversation, record)


async def by_contact(db: Database, account_id: int, contact_id: int) -> list[Conversation]:
    """Every conversation that has this contact, by id."""
    records = await db.fetch(
        Conversation.table.select("WHERE account_id = $1 AND contact_id = $2 ORDER BY conversation_id"),
        account_id,
        contact_id,
    )
    return [row_of(Conversation, record) for record in records]


async def lost_contact(
    db: Database, account_id: int, group_id: int, deal_id: int, contact_ids: Collection[int]
) -> bool:
    """Whether an open conversation of a group in a deal has a contact that is none of the deal's contacts."""
    found = await db.fetchval(
        "SELECT EXISTS (SELECT FROM conversations WHERE account_id = $1 AND group_id = $2 AND deal_id = $3 AND ready"
        " AND contact_id <> ALL($4::bigint[]))",
        account_id,
        group_id,
        deal_id,
        list(contact_ids),
    )
    return bool(found)


async def for_deal(db: Database, account_id: int, group_id: int, deal_id: int) -> list[Conversation]:
    """The conversations of a group in one deal, by id."""
    records = await db.fetch(
        Conversation.table.select("WHERE account_id = $1 AND group_id = $2 AND deal_id = $3 ORDER BY conversation_id"),
        account_id,
        group_id,
        deal_id,
    )
    return [row_of(Conversation, record) for record in records]


async def for_group(db: Database, account_id: int, group_id: int) -> list[Conversation]:
    """Every conversation of a group, by id."""
    records = await db.fetch(
        Conversation.table.select("WHERE account_id = $1 AND group_id = $2 ORDER BY conversation_id"),
        account_id,
        group_id,
    )
    return [row_of(Conversation, record) for record in records]


async def unclaimed_of(db: Database, account_id: int, user_ids: Sequence[int]) -> list[Conversation]:
    """Those of :func:`unclaimed` that belong to some people; the latest first."""
    records = await db.fetch(
        Conversation.table.select(
            "WHERE account_id = $1 AND contact_id IS NULL AND group_id IS NULL AND ready"
            " AND chat_uuid IS NOT NULL AND user_id = ANY($2::bigint[]) ORDER BY updated_at DESC, conversation_id"
        ),
        account_id,
        list(user_ids),
    )
    return [row_of(Conversation, record) for record in records]


async def unclaimed(db: Database, account_id: int, limit: int = 1) -> list[Conversation]:
    """Private conversations that were begun and whose contact is not known: their chats wait in the unsorted."""
    records = await db.fetch(
        Conversation.table.select(
            "WHERE account_id = $1 AND contact_id IS NULL AND group_id IS NULL AND ready"
            " ORDER BY updated_at DESC, conversation_id LIMIT $2"
        ),
        account_id,
        limit,
    )
    return [row_of(Conversation, record) for record in records]
