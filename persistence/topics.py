"""Forum topics of groups and who writes in them, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Topic, TopicPerson
from dealgram.persistence.tables import row_of


async def for_group(db: Database, account_id: int, group_id: int) -> list[Topic]:
    """The topics of a group that were heard of, by their ids."""
    records = await db.fetch(
        Topic.table.select("WHERE account_id = $1 AND group_id = $2 ORDER BY thread_id"), account_id, group_id
    )
    return [row_of(Topic, record) for record in records]


async def people(db: Database, account_id: int, group_id: int) -> list[TopicPerson]:
    """Who has written in which topic of a group."""
    records = await db.fetch(
        TopicPerson.table.select("WHERE account_id = $1 AND group_id = $2 ORDER BY thread_id, user_id"),
        account_id,
        group_id,
    )
    return [row_of(TopicPerson, record) for record in records]
