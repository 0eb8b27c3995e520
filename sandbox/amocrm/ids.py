"""Ids that look like amoCRM's and are the same in every run with the same seed.

Owns `Ids`. Numbers never repeat across accounts, so an id of a wrong account is found nowhere.
"""

from __future__ import annotations

import random
from typing import Literal

Kind = Literal[
    "account",
    "user",
    "pipeline",
    "status",
    "lead",
    "contact",
    "field",
    "enum",
    "source",
    "tag",
    "note",
    "talk",
    "link",
    "webhook",
    "event",
    "template",
    "task",
]

_FIRST: dict[Kind, int] = {
    "account": 31_000_001,
    "user": 9_000_001,
    "pipeline": 7_000_001,
    "status": 60_000_001,
    "lead": 20_001,
    "contact": 5_000_001,
    "field": 400_001,
    "enum": 600_001,
    "source": 19_000_001,
    "tag": 300_001,
    "note": 80_000_001,
    "talk": 101,
    "link": 26_001,
    "webhook": 1_000_001,
    "event": 1,
    "template": 7_001,
    "task": 215_001,
}


class Ids:
    """Counters and seeded uuids."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._next = dict(_FIRST)

    def number(self, kind: Kind) -> int:
        value = self._next[kind]
        self._next[kind] = value + 1
        return value

    def uuid(self) -> str:
        """A version 4 uuid; written by hand because `uuid.UUID` costs three times as much."""
        digits = f"{self._rng.getrandbits(128):032x}"
        variant = "89ab"[int(digits[16], 16) & 3]
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"

    def secret(self, length: int = 64) -> str:
        return f"{self._rng.getrandbits(length * 4):0{length}x}"
