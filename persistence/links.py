"""Links between groups and deals, as stored."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Link
from dealgram.persistence.tables import row_of


async def for_group(db: Database, account_id: int, group_id: int, *, unlinked: bool = False) -> list[Link]:
    """The group's links, in the order of linking; past ones too when ``unlinked``."""
    records = await db.fetch(
        Link.table.select(
            "WHERE account_id = $1 AND group_id = $2 AND (status = 'linked' OR $3) ORDER BY linked_at, deal_id"
        ),
        account_id,
        group_id,
        unlinked,
    )
    return [row_of(Link, record) for record in records]


async def for_deal(db: Database, account_id: int, deal_id: int, *, unlinked: bool = False) -> list[Link]:
    """The deal's links, in the order of linking; past ones too when ``unlinked``."""
    records = await db.fetch(
        Link.table.select(
            "WHERE account_id = $1 AND deal_id = $2 AND (status = 'linked' OR $3) ORDER BY linked_at, group_id"
        ),
        account_id,
        deal_id,
        unlinked,
    )
    return [row_of(Link, record) for record in records]
