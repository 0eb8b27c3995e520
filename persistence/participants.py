"""People seen in groups, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Participant
from dealgram.persistence.tables import row_of


async def for_group(db: Database, account_id: int, group_id: int) -> list[Participant]:
    """The group's participants, those who left too, by user id."""
    records = await db.fetch(
        Participant.table.select("WHERE account_id = $1 AND group_id = $2 ORDER BY user_id"), account_id, group_id
    )
    return [row_of(Participant, record) for record in records]
