"""Who may call the widget's API: the adapter between its frame, the registry, amoCRM and the tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from dealgram.actors.accounts.user_rights import UserBook
from dealgram.actors.asking import FindAddress, ask_account
from dealgram.actors.services import Services
from dealgram.http.api.ports import Begun, Claimed, Finished, KnownAccount
from dealgram.persistence import accounts, api_requests, token_uses
from dealgram.persistence.api_requests import Claim, Kept
from dealgram.runtime import ActorSystem


class ApiGatekeeper:
    """Implements `dealgram.http.api.ports.Gatekeeper`."""

    def __init__(
        self, services: Services, system: ActorSystem, users: UserBook, authorise_url: Callable[[], str | None]
    ) -> None:
        self._services = services
        self._system = system
        self._users = users
        self._authorise_url = authorise_url

    @property
    def authorise_url(self) -> str | None:
        return self._authorise_url()

    async def account(self, account_id: int) -> KnownAccount | None:
        registry = self._services.registry
        known = registry.account(account_id)
        if known is None or known.row.status == "uninstalled":
            # It may have been connected a moment ago, by whichever process.
            row = await accounts.get(self._services.db, account_id)
            if row is None or row.status == "uninstalled":
                return None
            await registry.refresh()
            known = registry.account(account_id)
        if known is None or known.row.status == "uninstalled":
            return None
        return KnownAccount(account_id=account_id, host=known.row.host, status=known.row.status)

    async def has_moved_to(self, account_id: int, host: str) -> bool:
        known = self._services.registry.account(account_id)
        if known is None or known.row.status == "uninstalled":
            return False
        if known.row.host != host and known.row.access_token is not None:
            await ask_account(self._system, account_id, FindAddress(host=known.row.host))
        present = await accounts.get(self._services.db, account_id)
        return present is not None and present.host == host

    async def use_token(self, account_id: int, jti: str, expires_at: dt.datetime) -> bool:
        return await token_uses.use(self._services.db, account_id, jti, expires_at)

    async def is_admin(self, account_id: int, user_id: int) -> bool:
        return await self._users.is_admin(account_id, user_id)

    async def begin(self, account_id: int, request_id: str, digest: bytes) -> Claimed:
        match await api_requests.begin(self._services.db, account_id, request_id, digest):
            case Claim(number=number):
                return Begun(number)
            case Kept(status=status, answer=answer):
                return Finished(status, answer)
            case state:
                return state

    async def finish(self, account_id: int, request_id: str, claim: int, status: int, body: bytes) -> None:
        await api_requests.finish(self._services.db, account_id, request_id, claim, status, body)

    async def release(self, account_id: int, request_id: str, claim: int) -> None:
        await api_requests.release(self._services.db, account_id, request_id, claim)
