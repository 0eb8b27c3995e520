"""The account as the widget's API shows and changes it: the adapter between its account port and the rest."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from dealgram.account_adapter import in_order
from dealgram.actors.accounts import preferences, setup_texts, staff
from dealgram.actors.accounts.account_orders import SetUp, order_entry
from dealgram.actors.accounts.page_watch import PageWatch
from dealgram.actors.accounts.subscription_line import subscription_line
from dealgram.actors.accounts.user_rights import UserBook, administers, user_row
from dealgram.actors.bots.bot_sources import DOCUMENTED_SOURCES
from dealgram.actors.choices import AccountSettings
from dealgram.actors.desk.bot_list import BotList
from dealgram.actors.desk.pipelines import PipelineBook
from dealgram.actors.local_time import zone_of
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import Services
from dealgram.actors.subscriptions.state import Subscription
from dealgram.gateways.errors import GatewayError
from dealgram.gateways.trouble import SENTENCES, TroubleKind
from dealgram.http.account_ports import StepHealth
from dealgram.http.api.account_port import (
    AccountView,
    EmployeeView,
    LimitsView,
    Overview,
    PersonChoice,
    PipelineChoice,
    SetupView,
    StepView,
    SubscriptionView,
    TroubleView,
    UserChoice,
    UserView,
)
from dealgram.persistence import page_state, participants, setup_steps, users
from dealgram.persistence.records import upsert
from dealgram.persistence.subscriptions import KEPT_DAYS
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

RETRY_WINDOW_S = 5
"""Orders to set up again within so many seconds are one."""


class WidgetAdapter:
    """Implements `dealgram.http.api.account_port.AccountPort`."""

    def __init__(
        self,
        services: Services,
        amo_users: UserBook,
        pipelines: PipelineBook,
        bots: BotList,
        authorise_url: Callable[[], str | None],
    ) -> None:
        self._services = services
        self._amo_users = amo_users
        self._pipelines = pipelines
        self._bots = bots
        self._authorise_url = authorise_url
        self.watch = PageWatch(self.version)

    # The account

    async def overview(self, account_id: int, user_id: int) -> Overview | None:
        # First the version: what changes while the rest is read is noticed by whoever waits for it.
        version = await self.version(account_id)
        info = self._services.registry.account(account_id)
        if info is None or info.row.status == "uninstalled":
            return None
        return Overview(
            account=self._account(info),
            user=await self._user(account_id, user_id),
            subscription=self._subscription(info),
            setup=await self._setup(info),
            settings=info.settings,
            counts=await self._bots.counts(account_id),
            limits=LimitsView(bots=DOCUMENTED_SOURCES),
            version=version,
        )

    async def version(self, account_id: int) -> str:
        """A text that is another one when anything that the settings page shows of the account has changed."""
        digest = await page_state.digest(self._services.db, account_id)
        info = self._services.registry.account(account_id)
        if info is not None:
            shown = self._subscription(info)
            digest += f" {info.row.status} {shown.state} {shown.days_left}"
        return hashlib.sha256(digest.encode()).hexdigest()[:32]

    async def changed(self, account_id: int, since: str, *, timeout_s: float) -> str:
        return await self.watch.wait(account_id, since, timeout_s=timeout_s)

    def _account(self, info: AccountInfo) -> AccountView:
        row = info.row
        assert row.status != "uninstalled", "such an account is unknown to the API"
        trouble = None
        if row.trouble is not None:
            known = SENTENCES.get(TroubleKind(row.trouble)) if row.trouble in set(TroubleKind) else None
            trouble = TroubleView(code=row.trouble, text=known or row.trouble_detail or "")
        return AccountView(
            id=row.account_id,
            name=row.name or row.subdomain,
            subdomain=row.subdomain,
            status=row.status,
            status_text=setup_texts.ACCOUNT_STATES[row.status],
            trouble=trouble,
            time_zone=row.time_zone or str(self._services.time_zone),
        )

    async def _user(self, account_id: int, user_id: int) -> UserView:
        """The page must show also while amoCRM does not answer: then nobody is known to be an administrator."""
        try:
            user = await self._amo_users.user(account_id, user_id)
        except (GatewayError, Transient) as error:
            log.info("amoCRM does not say who a user is", account=account_id, error=str(error))
            stored = await users.get(self._services.db, account_id, user_id)
            if stored is None:
                return UserView(id=user_id, name="", is_admin=False)
            return UserView(id=user_id, name=stored.name, is_admin=stored.is_admin and stored.is_active)
        return UserView(id=user_id, name=user.name if user is not None else "", is_admin=administers(user))

    def _subscription(self, info: AccountInfo) -> SubscriptionView:
        now = self._services.now()
        # Of an account that was met a moment ago: its trial is about to begin.
        begun = info.has_subscription
        paid = (
            info.subscription if begun else Subscription(trial_until=now + dt.timedelta(days=self._services.trial_days))
        )
        return SubscriptionView(
            state=paid.state(now),
            until=paid.until,
            days_left=paid.days_left(now),
            is_ending=paid.is_ending(now),
            text=subscription_line(paid, now, zone_of(self._services, info.account_id)),
            kept_days=KEPT_DAYS,
            dropped=paid.dropped_lately(now),
        )

    # Setup

    async def _setup(self, info: AccountInfo) -> SetupView:
        steps = in_order(await setup_steps.for_account(self._services.db, info.account_id))
        states = {step.state for step in steps}
        state = "running" if not steps or "pending" in states else "failed" if "failed" in states else "done"
        return self._setup_view(info, steps, state)

    def _setup_view(self, info: AccountInfo, steps: Sequence[StepHealth], state: str) -> SetupView:
        helps = state == "failed" or info.row.status == "reauthorise" or info.row.trouble == TroubleKind.NO_RIGHTS
        return SetupView(
            state=state,  # type: ignore[arg-type]  # one of the three above
            steps=tuple(
                StepView(
                    step=step.step,
                    title=step.title,
                    state=step.state,  # type: ignore[arg-type]  # as the table has it
                    detail=step.detail,
                    updated_at=step.updated_at,
                )
                for step in steps
            ),
            authorise_url=self._authorise_url() if helps else None,
        )

    async def retry_setup(self, account_id: int) -> SetupView:
        window = int(self._services.now().timestamp()) // RETRY_WINDOW_S
        order = order_entry(account_id, SetUp(reason="asked"), key=f"page:{window}")
        await self._services.journal.accept([order])
        info = self._services.registry.account(account_id)
        if info is None:
            raise Transient("the account was removed a moment ago")
        steps = in_order(await setup_steps.for_account(self._services.db, account_id))
        return self._setup_view(info, steps, "running")

    # Settings and people

    async def change_settings(self, account_id: int, changes: Mapping[str, Any]) -> AccountSettings | None:
        settings = await preferences.change(self._services.db, account_id, changes)
        await self._announce()
        return settings

    async def pipelines(self, account_id: int, *, fresh: bool) -> Sequence[PipelineChoice]:
        found = await self._pipelines.of(account_id, fresh=fresh)
        return [
            PipelineChoice(id=one.id, name=one.name, is_main=one.is_main, is_archived=one.is_archive)
            for one in sorted(found, key=lambda one: one.sort)
        ]

    async def users(self, account_id: int) -> Sequence[UserChoice]:
        found = [user for user in await users.for_account(self._services.db, account_id) if user.is_active]
        return [
            UserChoice(id=user.user_id, name=user.name, is_admin=user.is_admin, has_chats=bool(user.amojo_id))
            for user in sorted(found, key=lambda user: (user.name.casefold(), user.user_id))
        ]

    async def people(self, account_id: int, text: str, limit: int) -> Sequence[PersonChoice]:
        return [
            PersonChoice(user_id=one.user_id, name=one.name, username=one.username, groups=one.groups)
            for one in await participants.search(self._services.db, account_id, text, limit)
        ]

    async def employees(self, account_id: int) -> Sequence[EmployeeView]:
        return [_employee(one) for one in await staff.everyone(self._services.db, account_id)]

    async def add_employee(self, account_id: int, person: str, amo_user_id: int) -> EmployeeView:
        db = self._services.db
        if await users.get(db, account_id, amo_user_id) is None:
            # The users are read by and by: this one may be newer.
            user = await self._amo_users.user(account_id, amo_user_id)
            if user is not None:
                await upsert(db, user_row(account_id, user))
        added = await staff.add(db, account_id, person, amo_user_id)
        await self._announce()
        return _employee(added)

    async def remove_employee(self, account_id: int, user_id: int) -> bool:
        removed = await staff.remove(self._services.db, account_id, user_id)
        await self._announce()
        return removed

    async def _announce(self) -> None:
        """In force here at once, elsewhere soon."""
        await self._services.registry.refresh_everywhere()
        self.watch.wake()


def _employee(one: staff.StaffMember) -> EmployeeView:
    return EmployeeView(
        user_id=one.user_id,
        name=one.name,
        username=one.username,
        amo_user_id=one.amo_user_id,
        amo_user_name=one.amo_user_name,
    )
