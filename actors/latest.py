"""A mapping that remembers the latest so many keys.

Owns the bound: writing a key makes it the newest, and of too many the oldest is forgotten. For what is nice to know and
can be found again; nothing may depend on it being there.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Latest(OrderedDict[K, V]):
    """See the module. Reading a key does not renew it: ``move_to_end`` does."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        while len(self) > self._limit:
            self.popitem(last=False)
