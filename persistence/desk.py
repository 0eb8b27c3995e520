"""What the settings page shows of an account's groups and links: a few queries for thousands of rows, never one a row.

*Shown* groups are those of bots that are connected, in which the bot is, and those it left while a deal is still linked
to them. Every query carries the account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

from dealgram.persistence.database import Database
from dealgram.persistence.records import Group
from dealgram.persistence.tables import row_of

TITLES = 3

_SHOWN = (
    " FROM groups AS t JOIN bots AS b ON b.account_id = t.account_id AND b.bot_id = t.bot_id AND b.status <> 'removed'"
    " LEFT JOIN (SELECT DISTINCT group_id FROM links WHERE account_id = $1 AND status = 'linked') AS l"
    " ON l.group_id = t.group_id"
    " WHERE t.account_id = $1 AND t.status <> 'merged' AND (t.status <> 'left' OR l.group_id IS NOT NULL)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BotGroups:
    """The groups of a bot: how many are shown, how many of them are linked, in how many the bot is an administrator,
    and the titles of the first."""

    total: int
    linked: int
    administered: int = 0
    titles: tuple[str, ...] = ()


class Title(NamedTuple):
    """A shown group by its name."""

    group_id: int
    bot_id: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DealOfGroup:
    """A deal that a group is linked to; with the topic's name, if one topic is linked by itself and has a name."""

    group_id: int
    deal_id: int
    name: str
    state: Literal["open", "won", "lost", "deleted"]
    thread_id: int | None
    topic: str | None
    linked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandState:
    """How far a command to a group is. ``result`` is there when it was read, ``error`` when it came to nothing."""

    result: str | None
    is_ended: bool
    error: str | None


async def groups_by_bot(db: Database, account_id: int) -> dict[int, BotGroups]:
    """The shown groups of every bot that has some. Titles: of linked groups first, then of the newest."""
    records = await db.fetch(
        "SELECT t.bot_id, count(*) AS total, count(l.group_id) AS linked,"
        " count(*) FILTER (WHERE t.status = 'administrator') AS administered,"
        f" (array_agg(t.title ORDER BY l.group_id IS NULL, t.group_id DESC))[1:{TITLES}] AS titles"
        f"{_SHOWN} GROUP BY t.bot_id",
        account_id,
    )
    return {
        record["bot_id"]: BotGroups(
            total=record["total"],
            linked=record["linked"],
            administered=record["administered"],
            titles=tuple(record["titles"]),
        )
        for record in records
    }


async def titles(db: Database, account_id: int, bot_id: int | None = None) -> list[Title]:
    """The titles of the shown groups, of one bot or of all, the newest first."""
    # As three arrays: reading thousands of rows one by one would take longer than all the rest.
    found = await db.fetchrow(
        "SELECT array_agg(t.group_id ORDER BY t.group_id DESC) AS groups,"
        " array_agg(t.bot_id ORDER BY t.group_id DESC) AS bots,"
        f" array_agg(t.title ORDER BY t.group_id DESC) AS titles{_SHOWN} AND ($2::bigint IS NULL OR t.bot_id = $2)",
        account_id,
        bot_id,
    )
    if found is None or found["groups"] is None:
        return []
    return list(map(Title, found["groups"], found["bots"], found["titles"]))


async def count_groups(db: Database, account_id: int, bot_id: int | None = None) -> int:
    """How many groups are shown, of one bot or of all."""
    count = await db.fetchval(f"SELECT count(*){_SHOWN} AND ($2::bigint IS NULL OR t.bot_id = $2)", account_id, bot_id)
    return int(count)


async def page(db: Database, account_id: int, bot_id: int | None, *, limit: int, offset: int) -> list[Group]:
    """Shown groups, of one bot or of all, the newest first."""
    records = await db.fetch(
        f"SELECT {', '.join('t.' + name for name in Group.table.columns)}{_SHOWN}"
        " AND ($2::bigint IS NULL OR t.bot_id = $2) ORDER BY t.group_id DESC LIMIT $3 OFFSET $4",
        account_id,
        bot_id,
        limit,
        offset,
    )
    return [row_of(Group, record) for record in records]


async def these(db: Database, account_id: int, group_ids: Sequence[int]) -> list[Group]:
    """Groups by their ids, as far as they are the account's and not merged, of connected bots; the newest first."""
    records = await db.fetch(
        Group.table.select(
            "JOIN bots AS b ON b.account_id = t.account_id AND b.bot_id = t.bot_id AND b.status <> 'removed'"
            " WHERE t.account_id = $1 AND t.group_id = ANY($2::bigint[]) AND t.status <> 'merged'"
            " ORDER BY t.group_id DESC"
        ),
        account_id,
        list(group_ids),
    )
    return [row_of(Group, record) for record in records]


async def deals_of(db: Database, account_id: int, group_ids: Sequence[int]) -> list[DealOfGroup]:
    """The deals that groups are linked to, in the order of linking."""
    records = await db.fetch(
        "SELECT l.group_id, l.deal_id, l.deal_name AS name, l.deal_state AS state, l.thread_id, o.name AS topic,"
        " l.linked_at FROM links AS l LEFT JOIN topics AS o ON o.account_id = l.account_id"
        " AND o.group_id = l.group_id AND o.thread_id = l.thread_id"
        " WHERE l.account_id = $1 AND l.group_id = ANY($2::bigint[]) AND l.status = 'linked'"
        " ORDER BY l.linked_at, l.deal_id",
        account_id,
        list(group_ids),
    )
    return [DealOfGroup(**record) for record in records]


async def command_state(db: Database, account_id: int, entry_id: int, dedupe: str) -> CommandState:
    """How far a command is: the inbox entry, and the delivery that it led to, by that one's ``dedupe``."""
    record = await db.fetchrow(
        "SELECT i.result, o.state IS DISTINCT FROM 'pending' AND o.state IS NOT NULL AS is_ended, o.error"
        " FROM inbox AS i LEFT JOIN outbox AS o ON o.account_id = i.account_id AND o.dedupe = $3"
        " WHERE i.account_id = $1 AND i.id = $2",
        account_id,
        entry_id,
        dedupe,
    )
    if record is None:
        return CommandState(result=None, is_ended=True, error=None)
    return CommandState(result=record["result"], is_ended=bool(record["is_ended"]), error=record["error"])
