"""The comparison of chats after an outage, as stored: until when hooks were taken in, and how far each comparison is.

A hook of the Chats API is sent once. While the service takes hooks in, it writes down so every few seconds (the
heartbeat); what lies between the last such moment and now may be missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dealgram.persistence.database import Database
from dealgram.persistence.records import Repair
from dealgram.persistence.sharding import shard_of
from dealgram.persistence.tables import row_of
from dealgram.runtime import Address

HOOKS = "hooks"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Until when hooks were certainly taken in, if that is known, and the present moment, both by the database."""

    good_at: datetime | None
    now: datetime


@dataclass(frozen=True, slots=True)
class ActiveChat:
    """A chat of amoCRM in which somebody wrote lately."""

    conversation_id: str
    chat_uuid: str


async def heartbeat(db: Database) -> Heartbeat:
    """The last heartbeat."""
    record = await db.fetchrow(
        "SELECT (SELECT good_at FROM heartbeats WHERE name = $1) AS good_at, now() AS now", HOOKS
    )
    assert record is not None, "a SELECT of scalars gives one row"
    return Heartbeat(record["good_at"], record["now"])


async def beat(db: Database, at: datetime) -> None:
    """Hooks were taken in until ``at``, and whatever was missing before is being seen to. It never goes back."""
    await db.execute(
        "INSERT INTO heartbeats AS h (name, account_id, shard, good_at) VALUES ($1, 0, $2, $3)"
        " ON CONFLICT (name) DO UPDATE SET good_at = greatest(h.good_at, excluded.good_at)",
        HOOKS,
        shard_of(0),
        at,
    )


async def active_chats(db: Database, account_id: int, *, within_s: float, limit: int) -> list[ActiveChat]:
    """The chats of an account in which something was written within so many seconds, the latest first.

    A group's own chat in a deal is where managers write to the group: it is as active as the group is.
    """
    records = await db.fetch(
        "WITH lately AS (SELECT conversation_id, max(created_at) AS at FROM messages"
        "  WHERE account_id = $1 AND created_at > now() - make_interval(secs => $2) GROUP BY conversation_id),"
        " chats AS (SELECT conversation_id, c.chat_uuid,"
        "  CASE WHEN c.group_id IS NOT NULL AND c.user_id IS NULL AND c.ready"
        "  THEN greatest(c.updated_at, max(l.at) OVER (PARTITION BY c.group_id)) ELSE l.at END AS at"
        "  FROM conversations AS c LEFT JOIN lately AS l USING (conversation_id)"
        "  WHERE c.account_id = $1 AND c.chat_uuid IS NOT NULL)"
        " SELECT conversation_id, chat_uuid FROM chats WHERE at > now() - make_interval(secs => $2)"
        " ORDER BY at DESC, conversation_id LIMIT $3",
        account_id,
        within_s,
        limit,
    )
    return [ActiveChat(record["conversation_id"], record["chat_uuid"]) for record in records]


async def chats_begin(db: Database, account_id: int, *, kind: str, within_s: float) -> bool:
    """Whether a chat is being begun: its first message (an outbox row of this kind, written within so many seconds) is
    on its way, and may be in amoCRM already."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM outbox AS o WHERE o.account_id = $1 AND o.state = 'pending' AND o.kind = $2"
        " AND o.created_at > now() - make_interval(secs => $3) AND NOT EXISTS (SELECT FROM messages AS m"
        " WHERE m.account_id = $1 AND m.conversation_id = o.lane))",
        account_id,
        kind,
        within_s,
    )
    return found


async def known(db: Database, account_id: int, amo_ids: Sequence[str], hook_keys: Sequence[str]) -> set[str]:
    """Those of amoCRM's message ids that we have had: posted by us, answered, or accepted as hooks (``hook_keys``, in
    the same order)."""
    records = await db.fetch(
        "SELECT w.amo_id FROM unnest($2::text[], $3::text[]) AS w(amo_id, source_key)"
        " WHERE EXISTS (SELECT FROM inbox AS i WHERE i.source = 'amojo' AND i.source_key = w.source_key)"
        " OR EXISTS (SELECT FROM messages AS m WHERE m.account_id = $1 AND m.amo_id = w.amo_id)",
        account_id,
        list(amo_ids),
        list(hook_keys),
    )
    return {record["amo_id"] for record in records}


async def is_planned_again(db: Database, address: Address, lane: str, kind: str, after_id: int) -> bool:
    """Whether another comparison than the one of this outbox row waits in the lane behind it."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM outbox WHERE address_kind = $1 AND address_key = $2 AND lane = $3"
        " AND state = 'pending' AND id > $4 AND kind = $5)",
        address.kind,
        address.key,
        lane,
        after_id,
        kind,
    )
    return found


async def get(db: Database, account_id: int) -> Repair | None:
    """The account's latest comparison."""
    record = await db.fetchrow(Repair.table.select("WHERE account_id = $1"), account_id)
    return None if record is None else row_of(Repair, record)


async def for_accounts(db: Database, account_ids: Sequence[int]) -> list[Repair]:
    """The latest comparisons of some accounts: for a page of the health page."""
    records = await db.fetch(
        Repair.table.select("WHERE account_id = ANY($1::bigint[]) ORDER BY account_id"), list(account_ids)
    )
    return [row_of(Repair, record) for record in records]
