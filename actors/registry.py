"""The accounts and bots that this node serves, kept in memory.

Owns nothing durable: it is a copy of two small tables, read at start, refreshed on a change notice and, since notices
are hints, at every sweep. Intake and actors ask it synchronously; a secret leaves it only towards a gateway.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog
import trio

from dealgram.actors.choices import AccountSettings, BotSettings, read_settings
from dealgram.actors.subscriptions.state import Subscription
from dealgram.persistence import accounts as account_rows
from dealgram.persistence import bots as bot_rows
from dealgram.persistence import employees as employee_rows
from dealgram.persistence import subscriptions as subscription_rows
from dealgram.persistence.database import Database
from dealgram.persistence.records import Account, Bot
from dealgram.persistence.secret_box import SecretBox, SecretError

log = structlog.get_logger(__name__)

_NEVER_MET = Subscription(trial_until=dt.datetime(9999, 1, 1, tzinfo=dt.UTC))
"""Of an account without a row: the upkeep begins its trial within a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountInfo:
    """An amoCRM account as the actors need it."""

    row: Account
    settings: AccountSettings
    subscription: Subscription = _NEVER_MET

    @property
    def account_id(self) -> int:
        return self.row.account_id

    @property
    def is_usable(self) -> bool:
        """Authorised, connected, and without a trouble at amoCRM as far as is known."""
        return self.row.status == "active" and bool(self.scope_id) and self.row.trouble is None

    @property
    def has_subscription(self) -> bool:
        """Whether its trial ever began."""
        return self.subscription is not _NEVER_MET

    def is_lapsed(self, now: dt.datetime) -> bool:
        """Whether nobody has paid for the time that it is: nothing goes to its amoCRM or comes from there."""
        return self.subscription.is_lapsed(now)

    @property
    def scope_id(self) -> str:
        """The Chats API scope; empty until the account is connected."""
        return self.row.scope_id or ""

    def contact_link(self, contact_id: int) -> str:
        """The address of a contact card."""
        return f"{self.row.host}/contacts/detail/{contact_id}"

    def deal_link(self, deal_id: int) -> str:
        """The address of a deal card."""
        return f"{self.row.host}/leads/detail/{deal_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotInfo:
    """A connected bot. ``token`` and ``webhook_secret`` never show in its representation."""

    row: Bot
    settings: BotSettings = field(default_factory=BotSettings)
    token: str = field(repr=False)
    webhook_secret: str = field(repr=False)

    @classmethod
    def of_the_past(cls, row: Bot) -> BotInfo:
        """A bot that may be disconnected by now: enough to post what it was still given, nothing to send with."""
        return cls(row=row, settings=read_settings(row.settings, BotSettings), token="", webhook_secret="")

    @property
    def bot_id(self) -> int:
        return self.row.bot_id

    @property
    def account_id(self) -> int:
        return self.row.account_id

    @property
    def username(self) -> str:
        return self.row.username or ""

    @property
    def name(self) -> str:
        return self.row.name or self.username

    @property
    def source(self) -> str | None:
        """The external id of the bot's amoCRM source, once there is one."""
        return self.row.external_id


CHANGES_CHANNEL = "dealgram_changes"
"""NOTIFY here after changing accounts or bots from outside their actors."""


async def announce(db: Database) -> None:
    """Tell every running service that accounts, bots, links or employees changed. A hint: its sweep finds them."""
    await db.execute("SELECT pg_notify($1, '')", CHANGES_CHANNEL)


class Registry:
    """All accounts and active bots, by every key that something from outside names them by."""

    def __init__(self, db: Database, box: SecretBox) -> None:
        self._db = db
        self._box = box
        self._accounts: Mapping[int, AccountInfo] = {}
        self._scopes: Mapping[str, int] = {}
        self._crm_hooks: Mapping[str, int] = {}
        self._bots: Mapping[int, BotInfo] = {}
        self._webhooks: Mapping[str, int] = {}
        self._employees: Mapping[int, Mapping[int, int]] = {}
        self._listeners: list[Callable[[], None]] = []
        self._refreshing = trio.Lock()

    async def refresh(self) -> None:
        """Read the tables anew and tell the listeners if anything is different.

        Raises:
            DatabaseUnavailable: nothing was read; the copy stays as it was.
        """
        # One at a time: a refresh that read earlier must not overwrite what one that read later has seen.
        async with self._refreshing:
            await self._refresh()

    async def refresh_everywhere(self) -> None:
        """What was changed is in force here at once, and soon in every other running service. Raises as `refresh`."""
        await self.refresh()
        await announce(self._db)

    async def _refresh(self) -> None:
        account_list = await account_rows.all_accounts(self._db)
        paid = {row.account_id: Subscription.of(row) for row in await subscription_rows.everyone(self._db)}
        bot_list = await bot_rows.all_active(self._db)
        employees: dict[int, dict[int, int]] = {}
        for employee in await employee_rows.everyone(self._db):
            employees.setdefault(employee.account_id, {})[employee.user_id] = employee.amo_user_id
        found = {row.account_id: self._account(row, paid.get(row.account_id)) for row in account_list}
        bots = {bot.bot_id: bot for row in bot_list if (bot := self._bot(row)) is not None}
        changed = found != self._accounts or bots != self._bots
        self._accounts, self._bots, self._employees = found, bots, employees
        # Nobody speaks for an account that was removed: its hooks are answered as if there were none.
        there = [info for info in found.values() if info.row.status != "uninstalled"]
        self._scopes = {info.scope_id: info.account_id for info in there if info.scope_id}
        self._crm_hooks = {info.row.hook_key: info.account_id for info in there if info.row.hook_key}
        self._webhooks = {bot.row.webhook_key: bot.bot_id for bot in bots.values() if bot.row.webhook_key}
        if changed:
            for listener in self._listeners:
                listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` (synchronously) after every refresh that changed something."""
        self._listeners.append(listener)

    def account(self, account_id: int) -> AccountInfo | None:
        return self._accounts.get(account_id)

    def account_of_scope(self, scope_id: str) -> AccountInfo | None:
        account_id = self._scopes.get(scope_id)
        return None if account_id is None else self._accounts[account_id]

    def account_of_crm_hook(self, key: str) -> AccountInfo | None:
        """The account whose CRM webhooks come to an address that ends in ``key``."""
        account_id = self._crm_hooks.get(key)
        return None if account_id is None else self._accounts[account_id]

    def accounts(self) -> tuple[AccountInfo, ...]:
        return tuple(self._accounts.values())

    def bot(self, bot_id: int) -> BotInfo | None:
        return self._bots.get(bot_id)

    def bot_of(self, account_id: int, bot_id: int) -> BotInfo | None:
        """The bot, if it is this account that it is connected to."""
        bot = self._bots.get(bot_id)
        return bot if bot is not None and bot.account_id == account_id else None

    def bot_of_webhook(self, key: str) -> BotInfo | None:
        bot_id = self._webhooks.get(key)
        return None if bot_id is None else self._bots[bot_id]

    def employees(self, account_id: int) -> Mapping[int, int]:
        """The amoCRM users whom Telegram users are, by Telegram id."""
        return self._employees.get(account_id, {})

    def bots(self) -> tuple[BotInfo, ...]:
        return tuple(self._bots.values())

    def _account(self, row: Account, subscription: Subscription | None) -> AccountInfo:
        settings = read_settings(row.settings, AccountSettings)
        return AccountInfo(row=row, settings=settings, subscription=subscription or _NEVER_MET)

    def _bot(self, row: Bot) -> BotInfo | None:
        try:
            return BotInfo(
                row=row,
                settings=read_settings(row.settings, BotSettings),
                token=self._box.open(row.token),
                webhook_secret=self._box.open(row.webhook_secret) if row.webhook_secret else "",
            )
        except SecretError:
            log.error("the token of a bot was sealed with a key that is no longer configured", bot=row.bot_id)
            return None
