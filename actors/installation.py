"""Connecting an amoCRM account.

Every step may be repeated: what exists is found and kept. Answers of the outside world are checked before anything is
written, so a refusal leaves nothing half connected.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dealgram.gateways.amocrm import AmoCrmClient, OAuthClient, TokenProvider
from dealgram.gateways.amojo import AmojoClient
from dealgram.gateways.errors import Unauthorised
from dealgram.persistence import accounts, records
from dealgram.persistence.database import Database
from dealgram.persistence.records import Account, User
from dealgram.persistence.secret_box import SecretBox
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

FIELD_NAME = "Telegram ID"
FIELD_CODE = "TELEGRAM_ID"


class InstallationError(Exception):
    """The account or the bot cannot be connected as asked; the text says why, for the person who asked."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token provider that knows one token and cannot make another."""

    value: str

    async def token(self, stale: str | None) -> str:
        """The token, unless it has just been refused."""
        if stale == self.value:
            raise Unauthorised("the access token is no longer good")
        return self.value


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token provider outside the service: reads what the account actor stored, never rotates it itself."""

    db: Database
    box: SecretBox
    account_id: int

    async def token(self, stale: str | None) -> str:
        """The stored access token.

        Raises:
            Transient: it is expired; the running service rotates it.
        """
        row = await accounts.get(self.db, self.account_id)
        token = self.box.open(row.access_token) if row is not None and row.access_token else None
        if token is None or token == stale:
            raise Transient("the account's access token has expired; start the service, it renews tokens by itself")
        return token


@dataclass(frozen=True, slots=True, kw_only=True)
class Installer:
    """Carries out installations. ``client(base_url, tokens)`` makes a REST client."""

    db: Database
    box: SecretBox
    oauth: OAuthClient
    amojo: AmojoClient
    client: Callable[[str, TokenProvider], AmoCrmClient]
    now: Callable[[], dt.datetime]

    async def connect_account(self, host: str, code: str) -> Account:
        """Exchange an installation code and connect the account whose base URL is ``host``.

        Raises:
            GrantRefused: the code is expired or used.
            GatewayError: amoCRM did not do a step; call again with a new code.
        """
        tokens = await self.oauth.exchange(host, code)
        client = self.client(host, FixedToken(tokens.access_token))
        found = await client.account()
        if found.amojo_id is None:
            raise InstallationError("amoCRM gave the account no chat id: check the integration's rights")
        known = await accounts.get(self.db, found.id)
        row = Account(
            account_id=found.id,
            host=host.rstrip("/"),
            subdomain=found.subdomain,
            name=found.name,
            amojo_id=found.amojo_id,
            scope_id=known.scope_id if known else None,
            status="new",
            telegram_field_id=known.telegram_field_id if known else None,
            access_token=self.box.seal(tokens.access_token),
            refresh_token=self.box.seal(tokens.refresh_token),
            token_expires_at=self.now() + dt.timedelta(seconds=tokens.expires_in_s),
            settings=known.settings if known else {},
        )
        # The tokens first: the code is used up, and losing them would mean authorising again.
        await records.upsert(self.db, row)
        scope_id = await self.amojo.connect(found.amojo_id, found.name or found.subdomain)
        field_id = await self._contact_field(client)
        await records.upsert(
            self.db,
            *(
                User(
                    account_id=found.id,
                    user_id=user.id,
                    name=user.name,
                    amojo_id=user.amojo_id,
                    is_admin=user.is_admin,
                    is_active=user.is_active,
                )
                for user in await client.users()
            ),
        )
        await accounts.finish_installation(self.db, found.id, scope_id=scope_id, telegram_field_id=field_id)
        connected = await accounts.get(self.db, found.id)
        assert connected is not None, "the row was written above"
        log.info("account connected", account=found.id, subdomain=found.subdomain)
        return connected

    async def _contact_field(self, client: AmoCrmClient) -> int:
        """The contact field «Telegram ID»: looked up by its code first, because a second one would be made."""
        for field in await client.contact_fields():
            if field.code == FIELD_CODE:
                return field.id
        return await client.create_contact_field(FIELD_NAME, FIELD_CODE)
