"""What an account needs as time goes by: check-ups, an end to waiting for an authorisation, and to be forgotten.

What is due is asked of the database, and done by orders to the account actors: any node may look at any time and as
often as it likes, since an order of the same period is the same order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import structlog

from dealgram.actors.accounts.account_orders import Removed, SetUp, TellAdministrators, order_entry
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import Services
from dealgram.actors.subscriptions.administrator_notes import until_of
from dealgram.persistence import account_purge, accounts, subscriptions
from dealgram.persistence.entries import NewEntry
from dealgram.persistence.sharding import SHARDS, shard_of
from dealgram.runtime import ActorSystem

log = structlog.get_logger(__name__)

DAY_S = 86_400.0
REVIEWED_WITHIN = dt.timedelta(days=1)


class Upkeep:
    """See the module. Times in seconds; check-ups of many accounts are spread over the whole period."""

    def __init__(
        self,
        services: Services,
        *,
        check_s: float,
        reauthorise_keep_s: float,
        grace_s: float,
        trial_days: float = subscriptions.TRIAL_DAYS,
    ) -> None:
        self._services = services
        self._check_s = check_s
        self._reauthorise_keep_s = reauthorise_keep_s
        self._grace_s = grace_s
        self._trial_days = trial_days
        # Account → the end of the last lapse whose review is known to be ordered.
        self._reviewed: dict[int, dt.datetime | None] = {}
        # Account → the last period whose order is known to be there: spares the journal what it has already.
        self._ordered: dict[int, int] = {}

    async def look_after(self) -> None:
        """Put the orders that are due.

        Raises:
            DatabaseUnavailable: call again.
        """
        services = self._services
        now_s = services.now().timestamp()
        orders, periods = [], {}
        for account in services.registry.accounts():
            row = account.row
            period = self._period(row.account_id, now_s)
            if row.status not in ("active", "reauthorise") or self._ordered.get(row.account_id) == period:
                continue
            periods[row.account_id] = period
            # An account is first set up by its installation: the period in which that happened needs no check-up.
            if row.created_at is None or self._period(row.account_id, row.created_at.timestamp()) < period:
                key = f"check:{self._check_s:g}:{period}"
                orders.append(order_entry(row.account_id, SetUp(reason="check_up"), key=key))
        for account_id in await accounts.overdue_authorisations(services.db, self._reauthorise_keep_s):
            key = f"silent:{int(now_s // DAY_S)}"
            orders.append(order_entry(account_id, Removed(reason="silent"), key=key))
        await services.journal.accept(orders)
        self._ordered.update(periods)

    def _period(self, account_id: int, at_s: float) -> int:
        return int((at_s + shard_of(account_id) / SHARDS * self._check_s) // self._check_s)

    async def look_after_payments(self) -> None:
        """Time passes without any event: put the orders that it brings about, and those that a payment does.

        Raises:
            DatabaseUnavailable: call again.
        """
        services, now = self._services, self._services.now()
        met = False
        for account in services.registry.accounts():
            if not account.has_subscription and account.row.status != "uninstalled":
                met |= await subscriptions.begin_trial(services.db, account.account_id, now, days=self._trial_days)
        if met:
            await services.registry.refresh()
        told = await subscriptions.notes(services.db)
        orders: list[NewEntry] = []
        for account in services.registry.accounts():
            if account.row.status != "uninstalled":
                orders += self._notes(account, now, told)
                orders += self._review(account, now)
        await services.journal.accept(orders)
        self._reviewed.update(
            {account.account_id: account.subscription.resumed_at for account in services.registry.accounts()}
        )

    def _notes(
        self, account: AccountInfo, now: dt.datetime, told: Mapping[tuple[int, str], dt.datetime]
    ) -> list[NewEntry]:
        until, phase = account.subscription.until, account.subscription.phase(now)
        if phase is None or told.get((account.account_id, phase)) == until:
            return []
        order = TellAdministrators(phase=phase, until_ms=until_of(until))
        return [order_entry(account.account_id, order, key=f"{phase}:{order.until_ms}")]

    def _review(self, account: AccountInfo, now: dt.datetime) -> list[NewEntry]:
        """What happened in amoCRM during a lapse that was ended lately is to be looked at, once."""
        resumed_at = account.subscription.resumed_at
        if resumed_at is None or self._reviewed.get(account.account_id) == resumed_at or account.is_lapsed(now):
            return []
        if now - resumed_at > REVIEWED_WITHIN:
            return []  # by the check-ups, at the latest
        return [order_entry(account.account_id, SetUp(reason="paid"), key=f"paid:{until_of(resumed_at)}")]

    async def forget_removed(self, system: ActorSystem) -> int:
        """Delete the accounts whose time of grace is over; gives how many rows that were.

        Raises:
            DatabaseUnavailable: call again; it goes on where it was.
        """
        services, rows = self._services, 0
        for account_id in await account_purge.due(services.db, self._grace_s):
            forgotten = await account_purge.forget(services.db, account_id, grace_s=self._grace_s)
            rows += forgotten.rows
            log.warning("an account that was removed long ago is forgotten", account=account_id, rows=forgotten.rows)
            await services.registry.refresh()
            services.gates.forget(account_id)
            for address in forgotten.addresses:
                # What the actor holds in memory has no row any more; a new instance reads that there is nothing to do.
                await system.restart(address)
        return rows
