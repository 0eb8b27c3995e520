"""The tokens of one account: which one works, and the rotation of the pair.

Refresh tokens are single use (amoCRM contract §2): rotations of one account never run side by side, and a new pair is
stored before anybody uses it. Owned by the account actor alone.
"""

from __future__ import annotations

import datetime as dt

import structlog
import trio

from dealgram.actors.asking import REFRESH_EARLY
from dealgram.actors.services import AccountGone, Services
from dealgram.gateways.amocrm import GrantRefused
from dealgram.persistence import accounts

log = structlog.get_logger(__name__)


class AccountTokenStore:
    """See the module."""

    def __init__(self, services: Services, account_id: int) -> None:
        self._services = services
        self._account_id = account_id
        self._refresh = trio.Lock()

    async def access_token(self, stale: str | None) -> str:
        """A token that is not ``stale`` and not about to expire; rotates the pair if it must.

        Raises:
            AccountGone: the account must be authorised anew.
        """
        async with self._refresh:
            # From the table, not from the registry's copy: an old refresh token would lock the account out.
            row = await accounts.get(self._services.db, self._account_id)
            if row is None or row.access_token is None or row.refresh_token is None:
                raise AccountGone(f"account {self._account_id} is not authorised", retry_after_s=60)
            token = self._services.box.open(row.access_token)
            expires = row.token_expires_at
            if token != stale and expires is not None and expires - self._services.now() > REFRESH_EARLY:
                return token
            return await self._rotate(row.host, self._services.box.open(row.refresh_token))

    async def _rotate(self, host: str, refresh: str) -> str:
        try:
            pair = await self._services.oauth.refresh(host, refresh)
        except GrantRefused as error:
            log.error("amoCRM refuses the refresh token", account=self._account_id)
            await accounts.set_status(self._services.db, self._account_id, "reauthorise")
            await self._services.registry.refresh()
            raise AccountGone(f"account {self._account_id} must be authorised anew", retry_after_s=60) from error
        # Stored before use: the old refresh token died with this answer, so losing the new one would lock us out.
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 30):
            await accounts.store_tokens(
                self._services.db,
                self._account_id,
                access_token=self._services.box.seal(pair.access_token),
                refresh_token=self._services.box.seal(pair.refresh_token),
                expires_at=self._services.now() + dt.timedelta(seconds=pair.expires_in_s),
            )
            await self._services.registry.refresh()
        return pair.access_token
