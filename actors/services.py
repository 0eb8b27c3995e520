"""What an actor needs of the world: one frozen bundle, made by the composition root."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from dealgram.actors.cards.avatars import Avatars
from dealgram.actors.committed import Committed
from dealgram.actors.files.media_links import MediaLinks
from dealgram.actors.groups.group_directory import GroupDirectory
from dealgram.actors.registry import AccountInfo, BotInfo, Registry
from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.gateways.amocrm import AmoCrmClient, OAuthClient, TokenProvider
from dealgram.gateways.amojo import AmoFiles, AmojoClient
from dealgram.gateways.gates import Gates
from dealgram.gateways.telegram import FileLimits, TelegramGateway, TelegramLimits
from dealgram.gateways.widget_controller import WidgetController
from dealgram.persistence.database import Database
from dealgram.persistence.journal import Journal
from dealgram.persistence.secret_box import SecretBox
from dealgram.persistence.subscriptions import TRIAL_DAYS
from dealgram.runtime import Transient

ACCOUNT_PAUSE_S = 30.0
"""How long something waits before it looks again whether its account is connected."""


class AccountGone(Transient):
    """The account is not connected at the moment; what waits for it goes on when it is."""


class BotGoneError(Exception):
    """The bot was disconnected from dealgram; nothing can be sent through it."""


class KeyedLocks:
    """A lock per key, kept only while somebody holds or wants it."""

    def __init__(self) -> None:
        self._locks: OrderedDict[tuple[object, ...], tuple[trio.Lock, int]] = OrderedDict()

    def __call__(self, *key: object) -> _Held:
        return _Held(self._locks, key)


class _Held:
    def __init__(self, locks: OrderedDict[tuple[object, ...], tuple[trio.Lock, int]], key: tuple[object, ...]) -> None:
        self._locks = locks
        self._key = key

    async def __aenter__(self) -> None:
        lock, users = self._locks.get(self._key, (trio.Lock(), 0))
        self._locks[self._key] = (lock, users + 1)
        try:
            await lock.acquire()
        except trio.Cancelled:
            self._leave()
            raise

    async def __aexit__(self, *_: object) -> None:
        self._locks[self._key][0].release()
        self._leave()

    def _leave(self) -> None:
        lock, users = self._locks[self._key]
        if users == 1:
            del self._locks[self._key]
        else:
            self._locks[self._key] = (lock, users - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairLimits:
    """How far the comparison of chats after an outage goes."""

    max_age_s: float = 86_400.0
    """A missed message that is older is not sent any more; the manager is told."""
    lookback_s: float = 6 * 86_400.0
    """What is older than this is not looked at: of that the journal no longer knows what was taken in."""
    active_s: float = 30 * 86_400.0
    """Only chats in which somebody wrote within this time are compared,"""
    chats: int = 500
    """and at most so many, the latest first."""
    pause_s: float = 0.2
    """Between two requests of one account's comparison."""


@dataclass(slots=True)
class Place:
    """Where the outside world reaches this service. In the sandbox that is known only when the service listens."""

    public_url: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The collaborators of the actors. Holds no state of its own."""

    db: Database
    journal: Journal
    box: SecretBox
    registry: Registry
    groups: GroupDirectory
    telegram: TelegramGateway
    limits: TelegramLimits
    attachments: AmoFiles
    """Fetches what managers attach."""
    file_limits: FileLimits
    """How large files may be, both ways."""
    gates: Gates
    """In front of amoCRM; the clients go through them by themselves."""
    amojo: AmojoClient
    oauth: OAuthClient
    amocrm: Callable[[int], AmoCrmClient]
    channel_bot_id: str
    now: Callable[[], dt.datetime]
    person_locks: KeyedLocks
    link_locks: KeyedLocks
    """Around "does another bot of ours serve this deal in this chat?" and the link itself (see `deal_room`)."""
    client: Callable[[str, TokenProvider], AmoCrmClient]
    """Makes a REST client for a base URL with tokens that are not (yet) an account's own."""
    hosts: AmoHosts
    avatars: Avatars
    media_links: MediaLinks
    """Makes the addresses under which amoCRM fetches files of messages from us: `MediaLinks.file_url`."""
    place: Place
    repair: RepairLimits = RepairLimits()
    time_zone: dt.tzinfo = dt.UTC
    """Of managers whose account names none."""
    trial_days: float = TRIAL_DAYS
    """How long an account that is met for the first time is served."""
    controller: WidgetController | None = None
    """The seller's, which is told of registrations; None where none is configured."""
    client_uuid: str = ""
    """The integration's id."""
    committed: Committed = field(default_factory=Committed)
    """Tells whoever waits for an actor that it has done something."""

    @property
    def public_url(self) -> str | None:
        """The address under which amoCRM and Telegram reach this service, without a slash at its end; None: none."""
        return self.place.public_url

    def has_lapsed(self, account_id: int) -> bool:
        """Whether nobody has paid for the time that it is; not so of an account that is unknown here."""
        account = self.registry.account(account_id)
        return account is not None and account.is_lapsed(self.now())

    def account(self, account_id: int) -> AccountInfo:
        """The connected account.

        Raises:
            AccountGone: it is not connected now; the caller's item waits.
        """
        account = self.registry.account(account_id)
        if account is None or not account.scope_id or account.row.status != "active":
            raise AccountGone(f"account {account_id} is not connected", retry_after_s=ACCOUNT_PAUSE_S)
        return account

    def bot(self, account_id: int, bot_id: int) -> BotInfo:
        """The account's connected bot.

        Raises:
            BotGoneError: it was disconnected.
            AccountGone: its account was removed; what waits for it goes on when the account is back.
        """
        account = self.registry.account(account_id)
        if account is not None and account.row.status == "uninstalled":
            raise AccountGone(f"account {account_id} was removed", retry_after_s=ACCOUNT_PAUSE_S)
        bot = self.registry.bot_of(account_id, bot_id)
        if bot is None:
            raise BotGoneError(f"bot {bot_id} is not connected")
        return bot


def now_ms(services: Services) -> int:
    """The time of a line that dealgram itself writes, in Unix milliseconds."""
    return int(services.now().timestamp() * 1000)
