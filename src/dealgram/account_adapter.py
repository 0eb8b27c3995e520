"""amoCRM accounts as the HTTP layer sees them: the adapter between its account ports, the journal and the tables."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable
from urllib.parse import urlencode

import trio

from dealgram.actors.accounts import account_setup, setup_texts
from dealgram.actors.accounts.account_orders import Removed, order_entry
from dealgram.actors.accounts.installing import install_key, installation_entry
from dealgram.actors.accounts.missed import repair_line
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import Services
from dealgram.gateways.amo_hosts import ForeignHostError
from dealgram.gateways.amocrm import verify_uninstall
from dealgram.http.account_ports import (
    AccountFigures,
    AccountHealth,
    AccountsPage,
    BotHealth,
    FailedInstallation,
    Progress,
    StepHealth,
    SubscriptionHealth,
)
from dealgram.http.ports import HookOutcome
from dealgram.persistence import accounts, bots, installations, repairs, setup_steps
from dealgram.persistence.entries import NewEntry
from dealgram.persistence.records import Account, Bot, SetupStep
from dealgram.runtime import Transient
from dealgram.settings import Settings

FIGURES_DEADLINE_S = 2.0
FAILED_SHOWN = 20
MINUTE_S = 60


class AccountAdapter:
    """Implements `dealgram.http.account_ports.AccountPorts`."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._settings = settings
        self._services = services

    # Installations

    @property
    def client_id(self) -> str | None:
        return self._settings.amocrm_client_id

    def consent_url(self, state: str) -> str | None:
        if self.client_id is None:
            return None
        return f"{self._settings.amocrm_oauth_url}?{urlencode({'client_id': self.client_id, 'state': state})}"

    def base_url(self, referer: str) -> str | None:
        try:
            return self._services.hosts.base_url(referer)
        except ForeignHostError:
            return None

    def key_of(self, code: str) -> str:
        return install_key(code)

    async def accept_code(self, base_url: str, code: str) -> HookOutcome:
        return await self._accept(installation_entry(self._services.box, base_url, code))

    async def progress(self, key: str) -> Progress:
        db = self._services.db
        found = await installations.get(db, key)
        if found is None or found.state == "pending":
            return Progress()
        if found.state == "failed" or found.installed_id is None:
            return Progress(failure=found.detail or setup_texts.INSTALLATION_BROKEN)
        row = await accounts.get(db, found.installed_id)
        steps = await setup_steps.for_account(db, found.installed_id)
        return Progress(account_name=(row.name or row.subdomain) if row else "", steps=in_order(steps))

    def verify_removal(self, client_id: str, account_id: str, signature: str) -> bool:
        secret = self._settings.amocrm_client_secret
        return secret is not None and verify_uninstall(secret.get_secret_value(), client_id, account_id, signature)

    async def accept_removal(self, account_id: int) -> HookOutcome:
        row = await accounts.get(self._services.db, account_id)
        if row is None or row.status == "uninstalled":
            return HookOutcome.IGNORED
        minute = int(self._services.now().timestamp()) // MINUTE_S
        return await self._accept(order_entry(account_id, Removed(reason="told"), key=f"told:{minute}"))

    async def _accept(self, entry: NewEntry) -> HookOutcome:
        (entry_id,) = await self._services.journal.accept([entry])
        return HookOutcome.DUPLICATE if entry_id is None else HookOutcome.ACCEPTED

    # What is shown

    @property
    def authorise_url(self) -> str | None:
        """Where an administrator connects an account, or authorises it anew."""
        base = self._services.public_url
        return f"{base}/oauth/start" if base is not None and self.client_id is not None else None

    async def accounts(self, *, status: str | None, text: str | None, limit: int, offset: int) -> AccountsPage:
        db = self._services.db
        found = [row for row in await accounts.all_accounts(db) if _matches(row, status, text)]
        rows = found[offset : offset + limit]
        ids = [row.account_id for row in rows]
        steps: defaultdict[int, list[SetupStep]] = defaultdict(list)
        for step in await setup_steps.for_accounts(db, ids):
            steps[step.account_id].append(step)
        connected: defaultdict[int, list[Bot]] = defaultdict(list)
        for bot in await bots.for_accounts(db, ids):
            connected[bot.account_id].append(bot)
        states = {
            info.account_id: _subscription(info, self._services.now()) for info in self._services.registry.accounts()
        }
        compared = {row.account_id: repair_line(row) for row in await repairs.for_accounts(db, ids)}
        return AccountsPage(
            total=len(found),
            by_status=dict(sorted(Counter(row.status for row in found).items())),
            with_trouble=sum(row.trouble is not None for row in found),
            by_subscription=_counts(
                state for row in found if row.status != "uninstalled" and (state := states.get(row.account_id))
            ),
            accounts=tuple(
                _health(
                    row,
                    steps[row.account_id],
                    connected[row.account_id],
                    compared.get(row.account_id),
                    states.get(row.account_id),
                )
                for row in rows
            ),
            failed_installations=tuple(
                FailedInstallation(host=one.host, detail=one.detail, at=one.updated_at)
                for one in await installations.latest_failed(db, FAILED_SHOWN)
            ),
            authorise_url=self.authorise_url,
        )

    async def account_figures(self) -> AccountFigures:
        known, now = self._services.registry.accounts(), self._services.now()
        rows = [info.row for info in known]
        failed: int | None = None
        with trio.move_on_after(FIGURES_DEADLINE_S):
            try:
                failed = await setup_steps.failed(self._services.db)
            except Transient:
                failed = None
        return AccountFigures(
            by_status=Counter(row.status for row in rows),
            with_trouble=sum(row.trouble is not None for row in rows),
            failed_steps=failed,
            by_subscription=_counts(
                state for info in known if info.row.status != "uninstalled" and (state := _subscription(info, now))
            ),
        )


def in_order(steps: list[SetupStep]) -> tuple[StepHealth, ...]:
    """Stored steps as they are shown, in the order in which they are carried out."""
    order = list(account_setup.STEPS)
    known = sorted((step for step in steps if step.step in order), key=lambda step: order.index(step.step))
    return tuple(
        StepHealth(
            step=step.step,
            title=setup_texts.STEP_TITLES[step.step],
            state=step.state,
            detail=step.detail,
            updated_at=step.updated_at,
        )
        for step in known
    )


def _matches(row: Account, status: str | None, text: str | None) -> bool:
    if status is not None and row.status != status:
        return False
    if text is None:
        return True
    wanted = text.casefold()
    return any(wanted in each.casefold() for each in (str(row.account_id), row.name, row.subdomain))


def _subscription(account: AccountInfo, now: dt.datetime) -> SubscriptionHealth | None:
    if not account.has_subscription:
        return None
    paid = account.subscription
    return SubscriptionHealth(
        state=paid.state(now), until=paid.until, days_left=paid.days_left(now), dropped=paid.dropped_lately(now)
    )


def _counts(subscriptions: Iterable[SubscriptionHealth]) -> dict[str, int]:
    return dict(sorted(Counter(one.state for one in subscriptions).items()))


def _health(
    row: Account,
    steps: list[SetupStep],
    connected: list[Bot],
    repair: str | None,
    subscription: SubscriptionHealth | None,
) -> AccountHealth:
    return AccountHealth(
        repair=repair,
        subscription=subscription,
        account_id=row.account_id,
        name=row.name,
        subdomain=row.subdomain,
        status=row.status,
        status_text=setup_texts.ACCOUNT_STATES[row.status],
        steps=in_order(steps),
        bots=tuple(
            BotHealth(
                bot_id=bot.bot_id,
                username=bot.username,
                status=bot.status,
                intake=bot.intake,
                troubles=bot.troubles,
            )
            for bot in connected
            if bot.status != "removed"
        ),
        trouble=row.trouble,
        trouble_detail=row.trouble_detail,
        trouble_since=row.trouble_since,
        reauthorise_since=row.reauthorise_since,
        uninstalled_at=row.uninstalled_at,
    )
