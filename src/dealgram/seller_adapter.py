"""Registrations and billing as the HTTP layer sees them: the adapter between its ports, the journal and the tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Literal

import structlog

from dealgram.actors.accounts.controller import NOBODY, registered_entry
from dealgram.actors.services import KeyedLocks, Services
from dealgram.actors.subscriptions.state import Subscription
from dealgram.http.ports import HookOutcome
from dealgram.http.seller_ports import (
    BilledSubscription,
    NewRegistration,
    Registrant,
    RequestIdReusedError,
    SubscriptionChange,
)
from dealgram.persistence import accounts, registrations, subscriptions
from dealgram.persistence.entries import Commit
from dealgram.persistence.errors import ForeignRowError
from dealgram.persistence.records import Registration
from dealgram.persistence.subscriptions import Stored
from dealgram.settings import Settings

log = structlog.get_logger(__name__)

BILLING = "billing"
TRIES = 5
"""So many processes may save one registration at the same moment."""
CHANGES_SHOWN = 20


class RegistrationAdapter:
    """Implements `dealgram.http.seller_ports.Registrations`."""

    def __init__(self, settings: Settings, services: Services) -> None:
        self._settings = settings
        self._services = services
        self._locks = KeyedLocks()

    @property
    def client_uuid(self) -> str | None:
        return self._settings.amocrm_client_id

    async def register(self, who: Registrant, said: NewRegistration) -> HookOutcome:
        services = self._services
        if who.account_id is None:
            key = registrations.key_of_host(who.host)
        else:
            key = registrations.key_of_account(who.account_id)
        async with self._locks(key):
            outcome = await self._written(key, who, said)
        if who.account_id is not None and said.status == "Y":
            now = services.now()
            if await subscriptions.begin_trial(
                services.db, who.account_id, now, days=services.trial_days, by="registration"
            ):
                await services.registry.refresh()
        return outcome

    async def _written(self, key: str, who: Registrant, said: NewRegistration) -> HookOutcome:
        for _ in range(TRIES - 1):
            try:
                return await self._write(key, who, said)
            except ForeignRowError:  # it was found to be an account's just now, or another process has changed it
                log.info("a registration was changed in between", host=who.host)
        return await self._write(key, who, said)

    async def _write(self, key: str, who: Registrant, said: NewRegistration) -> HookOutcome:
        services = self._services
        before = await registrations.get(services.db, key)
        account_id = who.account_id
        if account_id is None:
            account_id = await self._account_at(who.host, before)
        if before is not None and before.account_id not in (NOBODY, account_id):
            # The address is another account's by now: nothing of the one is the other's.
            await registrations.forget(services.db, key)
            before = None
        elif before is not None and before.account_id != account_id:
            await registrations.attach(services.db, key, account_id)
        row = self._merged(key, account_id, before, who, said)
        state: Literal["none", "pending"] = "none" if services.controller is None else "pending"
        if before is not None and _same(before, row) and _need_not_go(before, state):
            return HookOutcome.DUPLICATE
        row = replace(row, revision=before.revision + 1 if before is not None else 1, forward_state=state)
        entries = () if services.controller is None else (registered_entry(row),)
        await services.journal.commit(Commit(account_id=account_id, rows=(row,), entries=entries))
        return HookOutcome.ACCEPTED

    async def _account_at(self, host: str, before: Registration | None) -> int:
        """The account that lives at an address, as far as it is connected."""
        found = next((info for info in self._services.registry.accounts() if info.row.host == host), None)
        if found is not None:
            return found.account_id
        if before is not None and before.account_id != NOBODY:
            row = await accounts.get(self._services.db, before.account_id)  # the registry's copy may be old
            if row is not None and row.host == host:
                return row.account_id
        return NOBODY

    def _merged(
        self, key: str, account_id: int, before: Registration | None, who: Registrant, said: NewRegistration
    ) -> Registration:
        """What is to be stored: who switches the widget off says nothing new of themselves."""
        old = before or Registration(registration_key=key, account_id=account_id, host=who.host)
        now = self._services.now()
        return replace(
            old,
            account_id=account_id,
            host=who.host,
            subdomain=who.subdomain,
            claimed_account=said.account if who.account_id is None else who.account_id,
            client_name=said.name or old.client_name,
            phone=said.phone or old.phone,
            consented_at=old.consented_at or (now if said.has_consent else None),
            status=said.status,
            client_uuid=self.client_uuid or said.client_uuid,
            widget_name=said.widget_name or old.widget_name,
            enum_id=said.enum_id or old.enum_id,
            is_verified=who.account_id is not None,
        )


def _same(before: Registration, row: Registration) -> bool:
    return replace(row, revision=before.revision, forward_state=before.forward_state) == replace(
        before, account_id=row.account_id
    )


def _need_not_go(before: Registration, state: str) -> bool:
    """Whether the seller knows of it, or will: what ended as a dead letter goes out with the next save."""
    return state == "none" or before.forward_state in ("pending", "done")


class BillingAdapter:
    """Implements `dealgram.http.seller_ports.Billing`."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def subscription(self, account_id: int) -> BilledSubscription | None:
        row = await subscriptions.get(self._services.db, account_id)
        return None if row is None else await self._shown(row)

    async def extend(self, account_id: int, days: int, request_id: str) -> BilledSubscription | None:
        services = self._services

        async def change() -> Stored | None:
            return await subscriptions.extend(
                services.db, account_id, days=days, now=services.now(), by=BILLING, request_id=request_id
            )

        return await self._changed(account_id, request_id, subscriptions.extension(days), change)

    async def set_until(self, account_id: int, until: dt.datetime, request_id: str) -> BilledSubscription | None:
        services = self._services

        async def change() -> Stored | None:
            return await subscriptions.set_until(
                services.db, account_id, until, now=services.now(), by=BILLING, request_id=request_id
            )

        return await self._changed(account_id, request_id, subscriptions.new_end(until), change)

    async def _changed(
        self, account_id: int, request_id: str, change: str, work: Callable[[], Awaitable[Stored | None]]
    ) -> BilledSubscription | None:
        services = self._services
        row = await work()
        if row is None:
            return None
        made = await subscriptions.change_of(services.db, account_id, request_id)
        if made is not None and made.change != change:
            raise RequestIdReusedError
        # What waited for the payment goes on now, here and in other processes.
        await services.registry.refresh_everywhere()
        return await self._shown(row)

    async def _shown(self, row: Stored) -> BilledSubscription:
        now = self._services.now()
        subscription = Subscription.of(row)
        return BilledSubscription(
            account_id=row.account_id,
            state=subscription.state(now),
            until=subscription.until,
            days_left=subscription.days_left(now),
            trial_until=row.trial_until,
            paid_until=row.paid_until,
            changes=tuple(
                SubscriptionChange(
                    at=each.changed_at,
                    by=each.changed_by,
                    change=each.change,
                    request_id=each.request_id,
                    old_until=each.old_until,
                    new_until=each.new_until,
                )
                for each in await subscriptions.changes(self._services.db, row.account_id, CHANGES_SHOWN)
            ),
        )
