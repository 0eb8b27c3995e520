"""What the HTTP edge needs from the rest of the service, and nothing more.

The application is built over these ports, so that it runs in tests without actors, gateways or a database. The
composition root implements them. Everything here is read by one request at a time; nothing keeps state.

Promise asked of `Intake`: when `accept_*` returns, the body is committed. `Transient` (of which "the database is
unavailable" is one) means "ask the sender to repeat"; `Permanent` means "this body can never be taken in".
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from dealgram.actors.files.media_files import FoundFile
from dealgram.gateways.gates import GatesFigures
from dealgram.gateways.telegram import Download
from dealgram.persistence import WriterStatistics
from dealgram.runtime import LoopLag, SystemSnapshot

if TYPE_CHECKING:
    from dealgram.http.account_ports import AccountPorts
    from dealgram.http.api.ports import WidgetApi
    from dealgram.http.seals import Seals
    from dealgram.http.seller_ports import Billing, Registrations


class HookOutcome(enum.Enum):
    """What became of a genuine hook that was answered 200."""

    ACCEPTED = "accepted"  # committed, will be handled
    DUPLICATE = "duplicate"  # was committed before; nothing to do
    IGNORED = "ignored"  # a kind this version does not know; counted, not stored


@dataclass(frozen=True, slots=True, kw_only=True)
class HookBot:
    """The bot behind a webhook path."""

    bot_id: int
    account_id: int
    secret: str  # expected in X-Telegram-Bot-Api-Secret-Token

    def __repr__(self) -> str:
        return f"HookBot(bot_id={self.bot_id}, account_id={self.account_id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookScope:
    """The amoCRM account behind a chat channel's scope id."""

    scope_id: str
    account_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookAccount:
    """The amoCRM account behind the address of its CRM webhooks."""

    account_id: int


class Intake(Protocol):
    """The durable way in for hooks."""

    async def telegram_bot(self, key: str) -> HookBot | None:
        """Find the active bot whose webhook path ends in this key. Raises `Transient` when it cannot be known."""

    async def accept_telegram(self, bot: HookBot, raw: bytes) -> HookOutcome:
        """Commit one raw update. Raises `Transient` or `Permanent`."""

    def verify_amojo(self, raw: bytes, signature: str) -> bool:
        """Compare X-Signature over the raw body in constant time (amoCRM contract §9). False without a channel."""

    async def amojo_scope(self, scope_id: str) -> HookScope | None:
        """Find the account of a scope id. Raises `Transient` when it cannot be known."""

    async def accept_amojo(self, scope: HookScope, raw: bytes) -> HookOutcome:
        """Commit one verified chat hook. Raises `Transient`, or `Permanent` when it is not a chat hook at all."""

    async def crm_account(self, key: str) -> HookAccount | None:
        """Find the account whose CRM webhooks come to this key. Raises `Transient` when it cannot be known."""

    async def accept_crm(self, account: HookAccount, raw: bytes) -> HookOutcome:
        """Commit one CRM hook. Raises `Transient`, or `Permanent` when it is none, or another account's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotReady:
    """One reason why this process should get no traffic now."""

    code: str  # stable, for machines: "database", "draining", "journal"
    message: str


class HealthSource(Protocol):
    """What the health pages show."""

    def loop_lag(self) -> LoopLag:
        """Return the event loop's lag. Never waits: liveness depends on nothing else."""

    async def not_ready(self) -> Sequence[NotReady]:
        """Check the database, the journal's writer and draining; empty means ready. Bounded by its own deadline."""

    def actors(
        self, *, kind: str | None = None, state: str | None = None, key_contains: str | None = None
    ) -> SystemSnapshot:
        """Take a snapshot of the actors that match, without waiting. `state` is the value of an `ActorState`."""


class MediaSource(Protocol):
    """Files behind signed links."""

    async def find(self, name: str) -> FoundFile:
        """Look up what a signed name opens. Raises `MediaRefusedError`."""

    async def open(self, found: FoundFile, start: int = 0) -> Download:
        """Begin to fetch a file, from byte ``start`` on where that is possible. Raises `MediaRefusedError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxFigures:
    """What waits to be delivered, as the database knows it."""

    pending: int
    oldest_age_s: float  # 0 when nothing waits
    dead_letters: int  # unresolved
    kept: int = 0
    """What waits until somebody pays for its account; `pending` and `oldest_age_s` are of the others."""


class MetricsSource(Protocol):
    """Figures that are not in the actors' snapshot."""

    def journal(self) -> WriterStatistics | None:
        """Return the journal writer's statistics; None when there is no journal (yet)."""

    def gates(self) -> GatesFigures | None:
        """Return the figures of the gates in front of amoCRM; None where there are none."""

    async def outbox(self) -> OutboxFigures | None:
        """Ask the database, within a short deadline of its own; None when it does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpServices:
    """Everything the application is built over."""

    intake: Intake
    health: HealthSource
    metrics: MetricsSource
    accounts: AccountPorts
    seals: Seals  # for what goes through a browser and comes back
    media: MediaSource | None = None  # without it there is no /media
    widget_api: WidgetApi | None = None  # without it there is no /api/v1
    registrations: Registrations | None = None  # without it, or without the API, there is no /widget_controller
    billing: Billing | None = None
    billing_token: str | None = None  # without it there is no /billing
    ops_token: str | None = None  # guards /health/actors and /metrics
    trusted_proxies: int = 0  # how many of our own stand in front, so many X-Forwarded-For are believed
    commit_deadline_s: float = 10.0  # longest wait of a hook for its commit, also past a hung-up sender
    body_deadline_s: float = 10.0  # longest wait for a body
    live_lag_limit_s: float = 10.0  # a loop that wakes later than this is not alive

    def __repr__(self) -> str:
        return "HttpServices(...)"  # holds tokens
