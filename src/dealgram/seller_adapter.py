"""Registrations and billing as the HTTP layer sees them: the adapter between its ports, the journal and the tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from dealgram.actors.accounts.controller import NOBODY, registered_entry
from dealgram.actors.services import KeyedLocks, Services
from dealgram.http.ports import HookOutcome
from dealgram.http.seller_ports import NewRegistration, Registrant
from dealgram.persistence import accounts, registrations, subscriptions
from dealgram.persistence.entries import Commit
from dealgram.persistence.records import Registration
from dealgram.settings import Settings


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
            outcome = await self._write(key, who, said)
        if who.account_id is not None and said.status == "Y":
            now = services.now()
            if await subscriptions.begin_trial(services.db, who.account_id, now, by="registration"):
                await services.registry.refresh()
        return outcome

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
