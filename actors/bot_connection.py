"""Connecting a bot to an amoCRM account.

Every step may be repeated: what exists is found and kept. Answers of the outside world are checked before anything is
written, so a refusal leaves nothing half connected.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from dealgram.actors import texts
from dealgram.actors.installation import InstallationError, StoredToken
from dealgram.actors.names import source_external_id
from dealgram.gateways.amocrm import AmoCrmClient, TokenProvider
from dealgram.gateways.errors import Unauthorised
from dealgram.gateways.telegram import ALLOWED_UPDATES, BotCalls, TelegramGateway
from dealgram.persistence import bots, records
from dealgram.persistence.database import Database
from dealgram.persistence.records import Account, Bot
from dealgram.persistence.secret_box import SecretBox

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class BotConnector:
    """Connects bots. ``client(base_url, tokens)`` makes a REST client."""

    db: Database
    box: SecretBox
    telegram: TelegramGateway
    client: Callable[[str, TokenProvider], AmoCrmClient]

    async def connect(
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
