"""Connecting an amoCRM account, and a bot to it.

Every step may be repeated: what exists is found and kept. Answers of the outside world are checked before anything is
written, so a refusal leaves nothing half connected.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dealgram.actors import texts
from dealgram.actors.names import source_external_id
from dealgram.gateways.amocrm import AmoCrmClient, OAuthClient, TokenProvider
from dealgram.gateways.amojo import AmojoClient
from dealgram.gateways.errors import Unauthorised
from dealgram.gateways.telegram import ALLOWED_UPDATES, BotCalls, TelegramGateway
from dealgram.persistence import accounts, bots, records
from dealgram.persistence.database import Database
from dealgram.persistence.records import Account, Bot, User
from dealgram.persistence.secret_box import SecretBox
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

FIELD_NAME = "Telegram ID"
FIELD_CODE = "TELEGRAM_ID"


class InstallationError(Exception):
    """The account or bot cannot be connected as asked; the text says why, for the person who asked."""


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
    telegram: TelegramGateway
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

    async def connect_bot(
        self,
        account: Account,
        token: str,
        *,
        pipeline_id: int | None = None,
        public_url: str | None = None,
        tokens: TokenProvider | None = None,
    ) -> Bot:
        """Connect a bot; with ``public_url`` its updates come by webhook, else it is polled.

        Raises:
            InstallationError: the token is refused, the bot is connected already, or the pipeline is unknown.
            GatewayError: Telegram or amoCRM did not do a step; call again.
        """
        calls = self._calls(token)
        try:
            me = await calls.get_me()
        except Unauthorised:
            raise InstallationError("Telegram does not accept this token; copy it from BotFather again") from None
        known = await bots.get(self.db, me.id)
        if known is not None and known.status == "active":
            whose = "this account" if known.account_id == account.account_id else "another account"
            raise InstallationError(f"@{me.username} is connected to {whose} already")
        client = self.client(account.host, tokens or StoredToken(self.db, self.box, account.account_id))
        if pipeline_id is not None and pipeline_id not in {pipeline.id for pipeline in await client.pipelines()}:
            raise InstallationError(f"the account has no pipeline {pipeline_id}")
        external_id = source_external_id(me.id)
        source = next((one for one in await client.sources() if one.external_id == external_id), None)
        if source is None:
            (source,) = await client.create_sources([(me.first_name or me.username, external_id, pipeline_id)])
        elif pipeline_id is not None and source.pipeline_id != pipeline_id:
            await client.update_source(source.id, pipeline_id=pipeline_id)
        await calls.set_commands(texts.COMMANDS, scope="groups")
        await calls.set_description(texts.BOT_DESCRIPTION)
        await calls.set_short_description(texts.BOT_SHORT_DESCRIPTION)
        key, secret = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        if known is not None:
            key, secret = known.webhook_key, self.box.open(known.webhook_secret)
        row = Bot(
            bot_id=me.id,
            account_id=account.account_id,
            token=self.box.seal(token),
            username=me.username,
            name=me.first_name,
            pipeline_id=pipeline_id if pipeline_id is not None else source.pipeline_id,
            source_id=source.id,
            external_id=external_id,
            webhook_key=key,
            webhook_secret=self.box.seal(secret),
            intake="webhook" if public_url else "polling",
            status="active",
            can_read_all_group_messages=me.can_read_all_group_messages,
        )
        await records.upsert(self.db, row)
        if public_url:
            await calls.set_webhook(
                f"{public_url}/telegram/{key}", secret_token=secret, allowed_updates=ALLOWED_UPDATES
            )
        else:
            await calls.delete_webhook()
        log.info("bot connected", account=account.account_id, bot=me.id, intake=row.intake)
        return row

    def _calls(self, token: str) -> BotCalls:
        try:
            return self.telegram.bot(token)
        except Unauthorised:
            raise InstallationError("this is not the token of a bot; copy it from BotFather") from None

    async def _contact_field(self, client: AmoCrmClient) -> int:
        """The contact field «Telegram ID»: looked up by its code first, because a second one would be made."""
        for field in await client.contact_fields():
            if field.code == FIELD_CODE:
                return field.id
        return await client.create_contact_field(FIELD_NAME, FIELD_CODE)
