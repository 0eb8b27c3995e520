"""People seen in groups, as stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dealgram.persistence.database import Database
from dealgram.persistence.records import Participant
from dealgram.persistence.tables import row_of


async def by_username(db: Database, account_id: int, username: str) -> list[Participant]:
    """People of any of the account's groups who go by a username, whatever its case; the one seen last first."""
    records = await db.fetch(
        Participant.table.select(
            "WHERE account_id = $1 AND lower(username) = lower($2) ORDER BY seen_at DESC, user_id"
        ),
        account_id,
        username,
    )
    return [row_of(Participant, record) for record in records]


async def for_group(db: Database, account_id: int, group_id: int) -> list[Participant]:
    """The group's participants, those who left too, by user id."""
    records = await db.fetch(
        Participant.table.select("WHERE account_id = $1 AND group_id = $2 ORDER BY user_id"), account_id, group_id
    )
    return [row_of(Participant, record) for record in records]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A person, with the titles of the groups in which they are."""

    user_id: int
    name: str
    username: str | None
    groups: tuple[str, ...]


async def search(db: Database, account_id: int, text: str, limit: int) -> list[Seen]:
    """People who are in the account's groups, whose name or username holds a text or whose id it is; the one seen last
    first."""
    records = await db.fetch(
        "SELECT p.user_id, (array_agg(p.name ORDER BY p.seen_at DESC))[1] AS name,"
        " (array_agg(p.username ORDER BY p.seen_at DESC))[1] AS username,"
        " array_agg(g.title ORDER BY p.seen_at DESC) AS titles"
        " FROM participants AS p JOIN groups AS g ON g.group_id = p.group_id AND g.account_id = p.account_id"
        " WHERE p.account_id = $1 AND p.is_present AND ($2 = '' OR position(lower($2) IN lower(p.name)) > 0"
        " OR position(lower($2) IN lower(p.username)) > 0 OR p.user_id::text = $2)"
        " GROUP BY p.user_id ORDER BY max(p.seen_at) DESC, p.user_id LIMIT $3",
        account_id,
        text,
        limit,
    )
    return [
        Seen(
            user_id=record["user_id"],
            name=record["name"],
            username=record["username"],
            groups=tuple(record["titles"]),
        )
        for record in records
    ]


async def names(db: Database, account_id: int, user_ids: Sequence[int]) -> dict[int, tuple[str, str | None]]:
    """Name and username of people seen in the account's groups or in private, by id, as they were seen last."""
    records = await db.fetch(
        "SELECT DISTINCT ON (user_id) user_id, name, username FROM"
        " (SELECT user_id, name, username, seen_at FROM participants WHERE account_id = $1"
        " UNION ALL SELECT user_id, name, username, seen_at FROM persons WHERE account_id = $1) AS seen"
        " WHERE user_id = ANY($2::bigint[]) ORDER BY user_id, seen_at DESC",
        account_id,
        list(user_ids),
    )
    return {record["user_id"]: (record["name"], record["username"]) for record in records}
