"""Links between groups and deals, as stored."""

from __future__ import annotations

from collections.abc import Sequence

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


async def groups_of_deals(db: Database, account_id: int, deal_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Which groups care about which of these deals, as (deal, group): those that are linked, and those whose link was
    ended by what happened to the deal, which may be undone."""
    records = await db.fetch(
        "SELECT deal_id, group_id FROM links WHERE account_id = $1 AND deal_id = ANY($2::bigint[])"
        " AND (status = 'linked' OR reason IS NOT NULL) ORDER BY deal_id, group_id",
        account_id,
        list(deal_ids),
    )
    return [(record["deal_id"], record["group_id"]) for record in records]


async def lost_lately(db: Database, account_id: int, reason: str, within_s: float) -> list[tuple[int, int]]:
    """Links that ended for this reason within so many seconds, as (deal, group)."""
    records = await db.fetch(
        "SELECT deal_id, group_id FROM links WHERE account_id = $1 AND status = 'unlinked' AND reason = $2"
        " AND unlinked_at > now() - make_interval(secs => $3) ORDER BY deal_id, group_id",
        account_id,
        reason,
        within_s,
    )
    return [(record["deal_id"], record["group_id"]) for record in records]


async def to_review(db: Database, account_id: int, ended_within_s: float) -> list[Link]:
    """The account's links, and those that ended within so many seconds because of what happened to their deals."""
    records = await db.fetch(
        Link.table.select(
            "WHERE account_id = $1 AND (status = 'linked' OR (reason IS NOT NULL"
            " AND unlinked_at > now() - make_interval(secs => $2))) ORDER BY deal_id, group_id"
        ),
        account_id,
        ended_within_s,
    )
    return [row_of(Link, record) for record in records]


async def linked_groups(db: Database) -> list[tuple[int, int]]:
    """Every group of every account that is linked to a deal, as (account id, group id)."""
    records = await db.fetch(
        "SELECT DISTINCT l.account_id, l.group_id FROM links AS l JOIN accounts AS a USING (account_id)"
        " WHERE l.status = 'linked' AND a.status <> 'uninstalled' ORDER BY l.account_id, l.group_id"
    )
    return [(record["account_id"], record["group_id"]) for record in records]
