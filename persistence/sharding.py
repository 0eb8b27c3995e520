"""Which of the 256 shards an account belongs to: the unit in which nodes will share the work (design, section 8)."""

from __future__ import annotations

import zlib

SHARDS = 256


def shard_of(account_id: int) -> int:
    """The account's shard, 0…255: stable for ever and on every machine, since rows carry it."""
    return zlib.crc32(str(account_id).encode()) % SHARDS
