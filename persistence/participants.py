"""People seen in groups, as stored."""

from __future__ import annotations

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
