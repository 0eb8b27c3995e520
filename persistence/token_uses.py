"""Which of amoCRM's one-time tokens were used, as stored."""

from __future__ import annotations

from datetime import datetime

from dealgram.persistence.database import Database
from dealgram.persistence.sharding import shard_of


async def use(db: Database, account_id: int, jti: str, expires_at: datetime) -> bool:
    """Note that a token is used now; False if it was before, by whichever process."""
    noted = await db.fetchval(
        "INSERT INTO token_uses (account_id, jti, shard, expires_at) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING account_id",
        account_id,
        jti,
        shard_of(account_id),
        expires_at,
    )
    return noted is not None
