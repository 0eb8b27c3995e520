"""The tokens of one account: which one works, and the rotation of the pair.

Refresh tokens are single use (amoCRM contract §2): rotations of one account never run side by side, and a new pair is
stored before anybody uses it. Owned by the account actor alone. A new installation writes its pair past this actor, so
whatever is written here names the pair that it replaces.

A refused refresh token does not mean the end: an account that changed its address answers at its old one no more. So
amoCRM is asked where the account lives, and the rotation is repeated there. Only then an administrator is needed.
"""

from __future__ import annotations

import datetime as dt
import math

import structlog
import trio

from dealgram.actors.asking import REFRESH_EARLY
from dealgram.actors.services import AccountGone, Services
from dealgram.gateways.amo_hosts import ForeignHostError
from dealgram.gateways.amocrm import GrantRefused, Tokens
from dealgram.gateways.errors import GateClosed, GatewayError, NotSent, OutcomeUnknown, RateLimited
from dealgram.persistence import accounts
from dealgram.persistence.errors import DatabaseUnavailable
from dealgram.persistence.records import Account
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

ROTATION_S = 90.0
"""A rotation that has begun is not cut off by a stop before this: the pair would be lost on its way."""
UNAUTHORISED_PAUSE_S = 60.0
LOOK_EVERY_S = 300.0
"""How often amoCRM is asked where an account lives of which nothing but its silence says that it moved."""


class AccountTokenStore:
    """See the module."""

    def __init__(self, services: Services, account_id: int) -> None:
        self._services = services
        self._account_id = account_id
        self._refresh = trio.Lock()
        self._look_from = -math.inf

    async def access_token(self, stale: str | None) -> str:
        """A token that is not ``stale`` and not about to expire; rotates the pair if it must.

        Raises:
            AccountGone: the account must be authorised anew.
            Transient: amoCRM does not answer now.
        """
        async with self._refresh:
            while True:
                row = await self._row()
                if row.status == "reauthorise":
                    raise self._gone("must be authorised anew")
                token = self._good_one(row, stale)
                if token is None:
                    token = await self._rotate(row)
                if token is not None:
                    return token

    async def try_again(self) -> bool:
        """See whether amoCRM really refuses the refresh token of an account that waits for its authorisation; true if
        the account works again.

        Raises:
            AccountGone: there is no token to try.
            Transient: amoCRM does not answer now.
        """
        async with self._refresh:
            row = await self._row()
            if row.status != "reauthorise":
                return True
            try:
                return await self._rotate(row) is not None
            except AccountGone:
                return False

    async def has_moved(self, host: str) -> bool:
        """Whether the account lives elsewhere than at ``host``, where nobody seems to be. Uses no token up."""
        async with self._refresh:
            row = await self._row()
            if row.host != host:
                return True
            if row.status != "active" or trio.current_time() < self._look_from:
                return False
            self._look_from = trio.current_time() + LOOK_EVERY_S
            assert row.refresh_token is not None
            try:
                return await self._moved(row, self._services.box.open(row.refresh_token)) is not None
            except (GatewayError, DatabaseUnavailable) as error:
                log.info("where the account lives cannot be asked now", account=self._account_id, reason=str(error))
                return False

    async def _row(self) -> Account:
        # From the table, not from the registry's copy: an old refresh token would lock the account out.
        row = await accounts.get(self._services.db, self._account_id)
        if row is None or row.access_token is None or row.refresh_token is None:
            raise self._gone("is not authorised")
        return row

    def _good_one(self, row: Account, stale: str | None) -> str | None:
        assert row.access_token is not None
        token = self._services.box.open(row.access_token)
        expires = row.token_expires_at
        is_fresh = expires is not None and expires - self._services.now() > REFRESH_EARLY
        return token if token != stale and is_fresh else None

    async def _rotate(self, row: Account) -> str | None:
        """A new pair in the place of the row's; None if another one has come there meanwhile."""
        with trio.CancelScope(shield=True, deadline=trio.current_time() + ROTATION_S):
            assert row.refresh_token is not None
            refresh = self._services.box.open(row.refresh_token)
            pair = await self._refreshed(row, refresh)
            if pair is None:
                if not await accounts.ask_for_authorisation(
                    self._services.db, self._account_id, refused=row.refresh_token
                ):
                    return None
                log.error("amoCRM refuses the refresh token", account=self._account_id)
                await self._services.registry.refresh()
                raise self._gone("must be authorised anew")
            # Stored before use: the old refresh token died with this answer, so losing the new one would lock us out.
            is_stored = await accounts.store_tokens(
                self._services.db,
                self._account_id,
                access_token=self._services.box.seal(pair.access_token),
                refresh_token=self._services.box.seal(pair.refresh_token),
                expires_at=self._services.now() + dt.timedelta(seconds=pair.expires_in_s),
                replaces=row.refresh_token,
            )
            await self._services.registry.refresh()
            return pair.access_token if is_stored else None
        raise Transient(f"the rotation of account {self._account_id}'s tokens took too long")

    async def _refreshed(self, row: Account, refresh: str) -> Tokens | None:
        """The next pair, from wherever the account lives; None if the refresh token is dead."""
        try:
            return await self._grant(row.host, refresh)
        except GrantRefused:
            host = await self._moved(row, refresh)
            if host is None:
                return None
        except (RateLimited, GateClosed):
            raise
        except NotSent:
            # Nobody there, perhaps because it is the account's old address.
            host = await self._moved(row, refresh)
            if host is None:
                raise
        try:
            return await self._grant(host, refresh)
        except GrantRefused:
            return None

    async def _grant(self, host: str, refresh: str) -> Tokens:
        """Ask for the pair; once more if nobody knows what became of the first time.

        If amoCRM did rotate the pair then, the second time is refused and the account has to be authorised anew. If it
        cannot be known the second time either, nothing says that the pair is dead: it is tried again later.
        """
        gate = self._services.gates.of(self._account_id)
        try:
            return await self._services.oauth.refresh(host, refresh, gate)
        except OutcomeUnknown:
            log.warning("the outcome of a rotation is unknown, once more", account=self._account_id)
        try:
            return await self._services.oauth.refresh(host, refresh, gate)
        except OutcomeUnknown as error:
            raise Transient(str(error), retry_after_s=5) from error

    async def _moved(self, row: Account, refresh: str) -> str | None:
        """The account's new base URL, kept; None if it lives where it did, or amoCRM does not say."""
        services = self._services
        if row.api_domain is None:
            return None
        try:
            found = await services.oauth.find_subdomain(services.hosts.base_url(row.api_domain), refresh)
            host = services.hosts.base_url(found.domain)
        except (GrantRefused, ForeignHostError) as error:
            log.info("amoCRM names no other address", account=self._account_id, reason=str(error))
            return None
        if found.account_id != self._account_id or host == row.host:
            return None
        log.warning("the account has another address now", account=self._account_id, host=host)
        await accounts.move(services.db, self._account_id, host=host, subdomain=found.subdomain)
        await services.registry.refresh()
        return host

    def _gone(self, why: str) -> AccountGone:
        return AccountGone(f"account {self._account_id} {why}", retry_after_s=UNAUTHORISED_PAUSE_S)
