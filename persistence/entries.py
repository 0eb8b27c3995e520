"""What goes into the journal and what comes out of it: plain frozen data, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dealgram.persistence.tables import Row
from dealgram.runtime import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """Something to accept. (``source``, ``source_key``) is unique for ever within the dedupe window (`retention`)."""

    account_id: int
    address: Address
    source: str
    source_key: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxEntry:
    """An accepted entry. ``attempts`` counts handlings that failed; ``received_at`` is the database's clock."""

    id: int
    account_id: int
    address: Address
    source: str
    source_key: str
    payload: bytes
    attempts: int
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """Something to send. (``account_id``, ``dedupe``) is unique: asking for it again yields the row that exists."""

    account_id: int
    address: Address
    lane: str
    kind: str
    body: bytes
    dedupe: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """An outbox row. ``started_at`` is set while a call that must not be repeated blindly may have been made;
    ``is_ended``: it was carried out or given up before, and only a repeated decision names it again."""

    id: int
    account_id: int
    address: Address
    lane: str
    kind: str
    body: bytes
    attempts: int
    created_at: datetime
    started_at: datetime | None
    is_ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """The end of a delivery. ``dead`` also makes a dead letter of it; the first end counts, later ones are ignored."""

    delivery_id: int
    state: Literal["done", "unknown", "dead"]
    error: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One decision, all or nothing: the entry done, its outbox rows, state rows, ended deliveries, entries for
    others."""

    account_id: int
    entry_id: int | None = None
    result: str | None = None
    deliveries: tuple[NewDelivery, ...] = ()
    rows: tuple[Row, ...] = ()
    completed: tuple[Completed, ...] = ()
    entries: tuple[NewEntry, ...] = ()
