"""What the runtime asks of a journal. Any store that keeps these promises can stand behind a mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol

from dealgram.runtime.address import Address
from dealgram.runtime.failure import Failure


class Admission(Enum):
    """What became of a message at the door of a mailbox."""

    ACCEPTED = "accepted"
    """It is in the mailbox."""
    BACKLOGGED = "backlogged"
    """It is in the journal only; the actor reads it from there in its order."""
    REJECTED = "rejected"
    """Not taken: the mailbox is full or the system stops. A journal entry stays pending, a direct message is lost."""


class Entry(Protocol):
    """A journal entry. Ids grow in the order in which the entries of an address must be handled."""

    @property
    def id(self) -> int: ...
    @property
    def address(self) -> Address: ...
    @property
    def attempts(self) -> int: ...


class EntrySource(Protocol):
    """The journal behind the mailboxes of a kind. Whatever it raises counts as a failing dependency: wait, repeat."""

    async def pending(self, address: Address, limit: int) -> Sequence[Any]:
        """Return the entries of `address` that are not done, the oldest first, at most `limit`."""
        ...

    async def attempt_failed(self, entry: Any, failure: Failure) -> int:
        """Count a crash against the entry, durably, and return how many there are now."""
        ...

    async def bury(self, entry: Any, failure: Failure) -> None:
        """Make the entry a dead letter and done, in one transaction."""
        ...
