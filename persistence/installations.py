"""Installations: what became of the codes that amoCRM gave, as stored. Kept for support, then forgotten."""

from __future__ import annotations

from dealgram.persistence.database import Database
from dealgram.persistence.records import Installation
from dealgram.persistence.tables import row_of


async def get(db: Database, install_key: str) -> Installation | None:
    """The installation of a code, by the code's digest; None until it is taken up."""
    record = await db.fetchrow(Installation.table.select("WHERE install_key = $1"), install_key)
    return None if record is None else row_of(Installation, record)


async def latest_failed(db: Database, limit: int) -> list[Installation]:
    """The last installations that came to nothing, newest first: for the health page."""
    records = await db.fetch(
        Installation.table.select("WHERE state = 'failed' ORDER BY updated_at DESC, install_key LIMIT $1"), limit
    )
    return [row_of(Installation, record) for record in records]
