"""What an administrator does with bots on the settings page.

Every order names the account: a bot of another one does not exist here. The work is `BotConnector`'s, with its promises
(a refusal leaves nothing behind, repeating is safe), over the account's own client, whose tokens are renewed. A token
goes to Telegram and, sealed, into the database, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from dealgram.actors.accounts.source_sync import sync_sources
from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.bots.bot_checkup import BotCheckups
from dealgram.actors.bots.bot_connection import BotConnector, BotRefusedError
from dealgram.actors.bots.bot_picture import picture_url
from dealgram.actors.desk.bot_list import BotList
from dealgram.actors.desk.views import BotCard, Remark, TokenCheck
from dealgram.actors.services import Services
from dealgram.gateways.errors import GatewayError
from dealgram.persistence import accounts, bots, desk
from dealgram.persistence.records import Account, Bot
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

TELEGRAM_PATIENCE_S = 20.0
"""How long a page waits for Telegram to say something about a bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Removal:
    """A bot was disconnected. ``is_clean``: neither amoCRM nor Telegram knows it any more; else the next check-up sees
    to it. ``groups``: how many of its groups lost their deals."""

    is_clean: bool
    groups: int


class BotOrders:
    """See the module. ``public_url``: where webhooks lead; None where bots are polled."""

    def __init__(self, services: Services, bot_list: BotList, checkups: BotCheckups, *, public_url: str | None) -> None:
        self._services = services
        self._list = bot_list
        self._checkups = checkups
        self._public_url = public_url

    async def check(self, account_id: int, token: str) -> TokenCheck:
        """What a token opens, and what stands in the way of connecting it. Changes nothing.

        Raises:
            BotRefusedError: ``token_malformed``, ``token_refused``, ``telegram_unavailable``.
        """
        with _telegram_is_awake():
            found = await self._connector(account_id).look(account_id, token)
        own = await bots.of_account(self._services.db, account_id, found.me.id)
        avatar = picture_url(self._services.media_links, own) if own is not None else None
        return TokenCheck(
            bot=BotCard(
                id=found.me.id,
                name=found.me.first_name or found.me.username,
                username=found.me.username,
                avatar_url=avatar,
            ),
            warnings=tuple(Remark(code=code, text=text) for code, text in found.warnings.items()),
            conflict=Remark(code=found.conflict.code, text=str(found.conflict)) if found.conflict is not None else None,
        )

    async def add(
        self,
        account_id: int,
        token: str,
        *,
        pipeline_id: int | None,
        choices: Mapping[str, Any],
        take_over: bool,
    ) -> int:
        """Connect a bot; gives its id.

        Raises:
            BotRefusedError: see `BotConnector.connect`.
        """
        row = await self._connector(account_id).connect(
            await self._account(account_id),
            token,
            pipeline_id=pipeline_id,
            public_url=self._public_url,
            take_over=take_over,
            choices=choices,
        )
        await self._services.registry.refresh()
        return row.bot_id

    async def edit(
        self,
        account_id: int,
        bot_id: int,
        *,
        token: str | None,
        pipeline_id: int | None,
        choices: Mapping[str, Any],
    ) -> None:
        """Change what is given; what others may refuse comes first, so that a refusal leaves the rest as it was.

        Raises:
            BotRefusedError: see `BotConnector.replace_token` and `BotConnector.move`.
        """
        row = await self._list.row(account_id, bot_id)
        connector = self._connector(account_id)
        if token is not None:
            row = await connector.replace_token(bot_id, token, account_id=account_id, public_url=self._public_url)
            await self._services.registry.refresh()  # whoever fetches with the old token stops now
        if pipeline_id is not None and (pipeline_id != row.pipeline_id or row.source_id is None):
            await connector.move(bot_id, pipeline_id, account_id=account_id)
        if choices and not await bots.change_settings(self._services.db, account_id, bot_id, choices):
            raise BotRefusedError("not_connected", bot_texts.NOT_CONNECTED)
        await self._services.registry.refresh()

    async def remove(self, account_id: int, bot_id: int) -> Removal | None:
        """Disconnect a bot; None if it is disconnected already.

        Raises:
            BotRefusedError: ``not_connected``: the account never had it.
        """
        db = self._services.db
        row = await bots.of_account(db, account_id, bot_id)
        if row is not None and row.status == "removed":
            return None
        groups = (await desk.groups_by_bot(db, account_id)).get(bot_id)
        try:
            is_clean = await self._connector(account_id).remove(bot_id, account_id=account_id)
        except BotRefusedError:
            gone = await bots.of_account(db, account_id, bot_id)
            if gone is not None and gone.status == "removed":
                return None  # somebody else did it a moment ago
            raise
        await self._services.registry.refresh()
        return Removal(is_clean=is_clean, groups=groups.linked if groups is not None else 0)

    async def look_again(self, account_id: int, bot_id: int) -> None:
        """Look at a bot now instead of at the next check-up, at Telegram and, where something was wrong there, in
        amoCRM; what can be mended is.

        Raises:
            BotRefusedError: ``not_connected``, ``telegram_unavailable``; of a bot whose token is good again, whatever
                stands in the way of connecting it.
        """
        row = await self._list.row(account_id, bot_id)
        if row.status == "revoked":
            await self._revive(row)
        elif row.status == "active":
            await self._services.registry.refresh()
            with _telegram_is_awake():
                await self._checkups.check(bot_id)
        if row.source_id is None or not bot_troubles.OF_SOURCES.isdisjoint(row.troubles):
            try:
                await sync_sources(self._services, account_id)
            except (GatewayError, Transient) as error:
                log.info("the sources are looked at later", account=account_id, error=str(error))
        await self._services.registry.refresh()

    async def take_back(self, account_id: int, bot_id: int) -> None:
        """Take the bot's updates back from another service.

        Raises:
            BotRefusedError: see `BotConnector.take_back`.
        """
        with _telegram_is_awake():
            await self._connector(account_id).take_back(bot_id, account_id=account_id, public_url=self._public_url)
        await self._services.registry.refresh()

    async def _revive(self, row: Bot) -> None:
        """Connect a bot again whose token Telegram refused, should Telegram take it again."""
        try:
            await self._connector(row.account_id).connect(
                await self._account(row.account_id),
                self._services.box.open(row.token),
                public_url=self._public_url,
            )
        except BotRefusedError as error:
            if error.code != "token_refused":
                raise
            await bots.note_troubles(self._services.db, row.account_id, row.bot_id, {}, checked=True)

    async def _account(self, account_id: int) -> Account:
        row = await accounts.get(self._services.db, account_id)
        if row is None:
            raise BotRefusedError("not_connected", bot_texts.NOT_CONNECTED)
        return row

    def _connector(self, account_id: int) -> BotConnector:
        services = self._services
        return BotConnector(
            db=services.db,
            box=services.box,
            telegram=services.telegram,
            client=lambda _host, _tokens: services.amocrm(account_id),
        )


@contextmanager
def _telegram_is_awake() -> Iterator[None]:
    """Say so where Telegram does not answer, or not while anybody waits for it."""
    try:
        with trio.fail_after(TELEGRAM_PATIENCE_S):
            yield
    except (GatewayError, trio.TooSlowError) as error:
        raise BotRefusedError("telegram_unavailable", bot_texts.TELEGRAM_SILENT) from error
