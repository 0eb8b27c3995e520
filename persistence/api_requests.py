"""Requests of the API that carried an id of their own, as stored: who carries them out, and what they were answered."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from dealgram.persistence.database import Database
from dealgram.persistence.sharding import shard_of

STALE_S = 120.0
"""A claim that is older is of a process that has died: no call may take so long."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The request is ours to carry out."""

    number: int


@dataclass(frozen=True, slots=True)
class Kept:
    """The answer that it got."""

    status: int
    answer: bytes


async def begin(
    db: Database, account_id: int, request_id: str, digest: bytes, *, stale_s: float = STALE_S
) -> Claim | Kept | Literal["running", "different"]:
    """Claim a request, unless it was carried out (`Kept`), somebody holds it, or its id is another request's.

    ``digest``: of everything that makes it this request.
    """
    number = await db.fetchval(
        "INSERT INTO api_requests AS t (account_id, request_id, shard, digest, claim)"
        " VALUES ($1, $2::text::uuid, $3, $4, $5) ON CONFLICT (account_id, request_id)"
        " DO UPDATE SET claim = excluded.claim, claimed_at = now() WHERE t.status IS NULL"
        " AND t.digest = excluded.digest AND t.claimed_at < now() - make_interval(secs => $6) RETURNING t.claim",
        account_id,
        request_id,
        shard_of(account_id),
        digest,
        secrets.randbits(62),
        stale_s,
    )
    if number is not None:
        return Claim(number)
    row = await db.fetchrow(
        "SELECT digest, status, answer FROM api_requests WHERE account_id = $1 AND request_id = $2::text::uuid",
        account_id,
        request_id,
    )
    if row is None:  # it was released between the two statements
        return "running"
    if row["digest"] != digest:
        return "different"
    return "running" if row["status"] is None else Kept(row["status"], row["answer"])


async def finish(db: Database, account_id: int, request_id: str, claim: int, status: int, answer: bytes) -> None:
    """Keep the answer, unless the claim has passed to somebody else."""
    await db.execute(
        "UPDATE api_requests SET status = $4, answer = $5"
        " WHERE account_id = $1 AND request_id = $2::text::uuid AND claim = $3 AND status IS NULL",
        account_id,
        request_id,
        claim,
        status,
        answer,
    )


async def release(db: Database, account_id: int, request_id: str, claim: int) -> None:
    """Forget a request that came to nothing."""
    await db.execute(
        "DELETE FROM api_requests"
        " WHERE account_id = $1 AND request_id = $2::text::uuid AND claim = $3 AND status IS NULL",
        account_id,
        request_id,
        claim,
    )
