"""Waiting for an actor to have done something, without looking at the database again and again.

Owns who waits for which address. Whoever waits is woken at the actor's next commit and looks whether it was theirs; a
commit that nobody waits for costs one look into an empty dictionary. A hint within one process, like every notice of
ours: who waits has a deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from dealgram.runtime import Address


class Watch:
    """One who waits. Made before the first look, so that no commit falls in between."""

    def __init__(self) -> None:
        self._event = trio.Event()

    async def next(self) -> None:
        """Return when the actor has committed something since the last call, or since the watch began."""
        await self._event.wait()
        self._event = trio.Event()

    def told(self) -> None:
        self._event.set()


class Committed:
    """See the module."""

    def __init__(self) -> None:
        self._watches: dict[Address, list[Watch]] = {}

    def tell(self, address: Address) -> None:
        """An actor has committed something. Synchronous."""
        for watch in self._watches.get(address, ()):
            watch.told()

    @contextmanager
    def watch(self, address: Address) -> Iterator[Watch]:
        """Be woken by the commits of an actor within this block."""
        watch = Watch()
        watches = self._watches.setdefault(address, [])
        watches.append(watch)
        try:
            yield watch
        finally:
            watches.remove(watch)
            if not watches:
                del self._watches[address]
