"""Small sealed notes that go through somebody's browser and come back: nobody can read, change or make one.

Owns their form: a purpose, a value and an end, sealed with the service's keys. A note of one purpose is none of
another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from dealgram.persistence import SecretBox, SecretError

_NOTE = re.compile(r"[0-9a-f]{8}\.[A-Za-z0-9_-]{1,1000}={0,2}")


class Seals:
    """Makes and reads notes. `now` gives Unix seconds."""

    def __init__(self, box: SecretBox, now: Callable[[], float]) -> None:
        self._box = box
        self._now = now

    def make(self, purpose: str, value: str, *, life_s: float) -> str:
        """A note that is good for so many seconds; safe in a path or a query."""
        note = json.dumps([purpose, value, self._now() + life_s])
        return self._box.seal(note).decode("ascii").replace(":", ".", 1)

    def read(self, purpose: str, note: str) -> str | None:
        """The note's value; None if it is not ours, of another purpose, or past its end."""
        if not _NOTE.fullmatch(note):
            return None
        try:
            said, value, end = json.loads(self._box.open(note.replace(".", ":", 1).encode("ascii")))
        except SecretError:
            return None
        return str(value) if said == purpose and self._now() < end else None
