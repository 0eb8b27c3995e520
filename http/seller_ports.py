"""What the HTTP edge needs to take registrations in, and to let the seller's billing look and change.

The composition root implements it, the tests fake it. When a method that changes something returns, that is committed;
`Transient` means that nothing is known to be.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal, Protocol

from dealgram.http.ports import HookOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Registrant:
    """Where a registration comes from. ``host``: the base URL of the account. ``account_id``: whose token came along;
    None where anybody may have sent it."""

    host: str
    subdomain: str
    account_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRegistration:
    """What a registration says, checked. ``phone``: digits only. What is left out is empty."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    has_consent: bool
    status: Literal["Y", "N"]
    account: int | None
    subdomain: str
    client_uuid: str
    widget_name: str
    enum_id: str


class Registrations(Protocol):
    """The durable way in for registrations."""

    @property
    def client_uuid(self) -> str | None:
        """The integration's id; None where none is configured."""

    async def register(self, who: Registrant, said: NewRegistration) -> HookOutcome:
        """Commit a registration, and begin the trial of an account that is registered for the first time; a duplicate
        changes nothing. Raises `Transient`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionChange:
    """One line of what was changed."""

    at: dt.datetime
    by: str
    change: str
    request_id: str | None
    old_until: dt.datetime | None
    new_until: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledSubscription:
    """Until when an account is served, and the latest changes of that, newest first."""

    account_id: int
    state: Literal["trial", "active", "lapsed"]
    until: dt.datetime
    days_left: int
    trial_until: dt.datetime
    paid_until: dt.datetime | None
    changes: tuple[SubscriptionChange, ...]


class RequestIdReusedError(Exception):
    """The id of a request was used before, for another change."""


class Billing(Protocol):
    """What the seller's billing sees and does."""

    async def subscription(self, account_id: int) -> BilledSubscription | None:
        """The account's subscription; None for an account that never was one of ours. Raises `Transient`."""

    async def extend(self, account_id: int, days: int, request_id: str) -> BilledSubscription | None:
        """Add days; the same request id again changes nothing. Raises `RequestIdReusedError`, `Transient`."""

    async def set_until(self, account_id: int, until: dt.datetime, request_id: str) -> BilledSubscription | None:
        """Let the access end at a moment. Raises as :meth:`extend`."""
