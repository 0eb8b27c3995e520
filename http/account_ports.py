"""What the HTTP edge needs to connect amoCRM accounts and to show how they are.

The composition root implements it, the tests fake it. As in `ports`: when an `accept_*` returns, what it was given is
committed; `Transient` means that nothing is known to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from dealgram.http.ports import HookOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHealth:
    """One step of an account's setup; `title` and `detail` are for people."""

    step: str
    title: str
    state: str  # pending, done or failed
    detail: str | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an installation has come. `failure` says why it came to nothing."""

    account_name: str | None = None  # None until the account is known
    steps: tuple[StepHealth, ...] = ()
    failure: str | None = None


class Installations(Protocol):
    """Connecting and removing accounts."""

    @property
    def client_id(self) -> str | None:
        """The integration's id; None where none is configured."""

    def consent_url(self, state: str) -> str | None:
        """amoCRM's page where an administrator allows access. None without an integration."""

    def base_url(self, referer: str) -> str | None:
        """The base URL of the account that a redirect names; None for a host that is none of amoCRM's."""

    def key_of(self, code: str) -> str:
        """What an installation is known by afterwards; tells nothing of the code."""

    async def accept_code(self, base_url: str, code: str) -> HookOutcome:
        """Commit the code of an installation, sealed. Raises `Transient`."""

    async def progress(self, key: str) -> Progress:
        """How far the installation of a code is. Raises `Transient`."""

    def verify_removal(self, client_id: str, account_id: str, signature: str) -> bool:
        """Whether amoCRM itself signed the removal, in constant time (amoCRM contract §2)."""

    async def accept_removal(self, account_id: int) -> HookOutcome:
        """Commit that the integration is said to be removed; ignored for an account that is not ours. Raises
        `Transient`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotHealth:
    """A bot of an account. `troubles` by code: what is wrong with its connection."""

    bot_id: int
    username: str
    status: str
    intake: str
    troubles: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionHealth:
    """Until when an account is served. `dropped`: messages that the present or latest lapse has cost."""

    state: str  # trial, active or lapsed
    until: datetime
    days_left: int
    dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountHealth:
    """How one account is."""

    account_id: int
    name: str
    subdomain: str
    status: str
    status_text: str
    steps: tuple[StepHealth, ...]
    bots: tuple[BotHealth, ...]
    trouble: str | None
    trouble_detail: str | None
    trouble_since: datetime | None
    reauthorise_since: datetime | None
    uninstalled_at: datetime | None
    repair: str | None = None
    """How far the comparison of chats after an outage is, for people; None when there was none."""
    subscription: SubscriptionHealth | None = None
    """None until its trial has begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedInstallation:
    """An installation that came to nothing."""

    host: str
    detail: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountsPage:
    """A page of the accounts that match, with counts of all that match."""

    total: int
    by_status: Mapping[str, int]
    with_trouble: int
    by_subscription: Mapping[str, int]  # of accounts that are not removed
    accounts: tuple[AccountHealth, ...]
    failed_installations: tuple[FailedInstallation, ...]
    authorise_url: str | None  # where an administrator connects an account, or authorises it anew


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFigures:
    """Counts for the metrics. `failed_steps` is None when the database does not answer."""

    by_status: Mapping[str, int]
    with_trouble: int
    failed_steps: int | None
    by_subscription: Mapping[str, int] = field(default_factory=dict)


class AccountsSource(Protocol):
    """What is shown of the accounts."""

    async def accounts(self, *, status: str | None, text: str | None, limit: int, offset: int) -> AccountsPage:
        """A page of the accounts, by id. Raises `Transient`."""

    async def account_figures(self) -> AccountFigures:
        """Counts, within a short deadline of its own."""


STATUSES: Sequence[str] = ("new", "active", "reauthorise", "uninstalled")
SUBSCRIPTION_STATES: Sequence[str] = ("trial", "active", "lapsed")


class AccountPorts(Installations, AccountsSource, Protocol):
    """Both together, as the composition root has them."""
