"""Connecting a bot to an amoCRM account, changing it and disconnecting it.

Order of a connection: everything that only reads (token, webhook, pipelines) → the claim in the database, which decides
between those who come at the same moment → source, webhook → the bot is connected → menus and texts. A refusal on the
way takes back what was done, so nothing is half connected; repeating is always safe. Administrators read the refusals:
they are Russian and carry a code. The token is never part of one.
"""

from __future__ import annotations

import dataclasses
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
import trio

from dealgram.actors.accounts.installation import InstallationError, StoredToken
from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.bots.bot_picture import note_picture
from dealgram.actors.bots.bot_profile import set_profile
from dealgram.actors.bots.bot_removal import clean_up
from dealgram.actors.bots.bot_sources import Found, SourceLimitError, archived_or_open, ensure_source
from dealgram.actors.bots.bot_webhook import foreign_host, webhook_url
from dealgram.actors.commands import BotRemoved, encode_command
from dealgram.actors.names import source_external_id
from dealgram.gateways.amocrm import AmoCrmClient, TokenProvider
from dealgram.gateways.errors import Forbidden, GatewayError, Refused, Unauthorised
from dealgram.gateways.telegram import ALLOWED_UPDATES, BotCalls, Me, TelegramGateway
from dealgram.persistence import accounts, bots
from dealgram.persistence.database import Database
from dealgram.persistence.errors import DatabaseUnavailable
from dealgram.persistence.records import Account, Bot
from dealgram.persistence.secret_box import SecretBox
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

TAKE_BACK_S = 15.0
PROFILE_S = 15.0
"""How long somebody who connects a bot waits for its menus; the check-ups go on with them."""
_TOKEN = re.compile(r"(?<![\w:-])\d{5,19}:[A-Za-z0-9_-]{20,200}(?![\w:-])")


class BotRefusedError(InstallationError):
    """The bot cannot be connected or changed as asked. The text is Russian, for the administrator; ``code`` names the
    case for programs."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a token opens. ``conflict``: what a connection would be refused for at this moment."""

    me: Me
    warnings: Mapping[str, str]
    conflict: BotRefusedError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BotConnector:
    """Connects bots. ``client(base_url, tokens)`` makes a REST client."""

    db: Database
    box: SecretBox
    telegram: TelegramGateway
    client: Callable[[str, TokenProvider], AmoCrmClient]

    async def look(self, account_id: int, token: str) -> Looked:
        """What would come of connecting a bot to this account. Changes nothing anywhere.

        Raises:
            BotRefusedError: ``token_malformed``, ``token_refused``, ``telegram_unavailable``.
        """
        calls = self._calls(read_token(token))
        me = await self._me(calls)
        conflict: BotRefusedError | None = None
        try:
            await self._refuse_connected(account_id, me)
            await self._refuse_foreign_webhook(calls, me)
        except BotRefusedError as refusal:
            if refusal.code == "telegram_unavailable":
                raise
            conflict = refusal
        return Looked(me=me, warnings=profile_troubles(me), conflict=conflict)

    async def connect(
        self,
        account: Account,
        token: str,
        *,
        pipeline_id: int | None = None,
        public_url: str | None = None,
        tokens: TokenProvider | None = None,
        take_over: bool = False,
        choices: Mapping[str, Any] | None = None,
    ) -> Bot:
        """Connect a bot; with ``public_url`` its updates come by webhook, else it is polled.

        A bot whose token was revoked, or that was disconnected, takes up what the account has of it. Without a
        pipeline it keeps its own, else it gets the main one. What the bot cannot do as it stands (privacy mode, say) is
        in ``troubles`` of the row that is returned.

        Args:
            take_over: another service has a webhook for the bot; take the bot from it.
            choices: settings of the bot (`choices.BotSettings`), good from its first message on.

        Raises:
            BotRefusedError: see the codes in its places; nothing was changed.
            DatabaseUnavailable: unknown; call again.
        """
        calls = self._calls(read_token(token))
        me = await self._me(calls)
        known = await bots.of_account(self.db, account.account_id, me.id)
        await self._refuse_connected(account.account_id, me)
        if not take_over:
            await self._refuse_foreign_webhook(calls, me)
        client = self.client(account.host, tokens or StoredToken(self.db, self.box, account.account_id))
        if pipeline_id is not None:
            await self._check_pipeline(client, pipeline_id)
        secret = secrets.token_urlsafe(32)
        row = Bot(
            bot_id=me.id,
            account_id=account.account_id,
            token=self.box.seal(read_token(token)),
            username=me.username,
            name=me.first_name,
            pipeline_id=pipeline_id,
            external_id=source_external_id(me.id),
            webhook_key=secrets.token_urlsafe(24),
            webhook_secret=self.box.seal(secret),
            intake="webhook" if public_url else "polling",
            can_read_all_group_messages=me.can_read_all_group_messages,
            settings=choices or {},
        )
        if (holder := await bots.claim(self.db, row, command=encode_command(BotRemoved()))) is not None:
            raise _connected(holder, account.account_id, me.username)
        found: Found | None = None
        try:
            found = await self._source(client, row)
            row = dataclasses.replace(
                row,
                source_id=found.source.id,
                pipeline_id=pipeline_id if pipeline_id is not None else found.source.pipeline_id,
            )
            await self._direct_updates(calls, row, secret, public_url)
            # Noted before it is tried: whoever dies in between leaves it to the check-up.
            await bots.note_troubles(
                self.db, account.account_id, me.id, {bot_troubles.PROFILE: bot_texts.profile_unset()}
            )
            if not await bots.finish(self.db, row):
                raise BotRefusedError("being_connected", bot_texts.being_connected(me.username))
        except (Exception, trio.Cancelled):
            with trio.CancelScope(shield=True, deadline=trio.current_time() + TAKE_BACK_S):
                await self._take_back(calls, client, row, found, known.status if known is not None else None)
            raise
        log.info("bot connected", account=account.account_id, bot=me.id, intake=row.intake)
        troubles = profile_troubles(me)
        is_set = False
        with trio.move_on_after(PROFILE_S):
            is_set = await set_profile(calls)
        if not is_set:
            troubles[bot_troubles.PROFILE] = bot_texts.profile_unset()
        await note_picture(self.db, calls, account.account_id)
        every = bot_troubles.OF_CHECKUP | bot_troubles.OF_SOURCES | {bot_troubles.OTHER_POLLER}
        await bots.note_troubles(self.db, account.account_id, me.id, troubles, every)
        connected = await bots.of_account(self.db, account.account_id, me.id)
        assert connected is not None, "rows of bots are not deleted once they were connected"
        return connected

    # In what follows, ``account_id`` names the account that the bot must be connected to; None leaves it to the bot.

    async def move(
        self,
        bot_id: int,
        pipeline_id: int,
        *,
        account_id: int | None = None,
        tokens: TokenProvider | None = None,
    ) -> Bot:
        """Let the bot's new deals appear in another pipeline.

        Raises:
            BotRefusedError: ``not_connected``, ``pipeline_unknown``, ``pipeline_archived``, and those of amoCRM.
        """
        row = await self._row(bot_id, account_id)
        client = await self._client(row.account_id, tokens)
        await self._check_pipeline(client, pipeline_id)
        found = await self._source(client, dataclasses.replace(row, pipeline_id=pipeline_id))
        await bots.set_source(self.db, row.account_id, bot_id, source_id=found.source.id, pipeline_id=pipeline_id)
        await bots.note_troubles(self.db, row.account_id, bot_id, {}, bot_troubles.OF_SOURCES)
        return dataclasses.replace(row, source_id=found.source.id, pipeline_id=pipeline_id)

    async def replace_token(
        self,
        bot_id: int,
        token: str,
        *,
        account_id: int | None = None,
        public_url: str | None = None,
        tokens: TokenProvider | None = None,
    ) -> Bot:
        """Go on with another token of the same bot, whether Telegram still takes the old one or not.

        Raises:
            BotRefusedError: ``not_connected``, ``other_bot``, ``token_malformed``, ``token_refused``,
                ``telegram_unavailable``; of a revoked bot, whatever `connect` refuses.
            DatabaseUnavailable: unknown; call again.
        """
        row = await self._row(bot_id, account_id)
        token = read_token(token)
        calls = self._calls(token)
        if (await self._me(calls)).id != bot_id:
            raise BotRefusedError("other_bot", bot_texts.other_bot(row.username))
        if row.status == "active" and self.box.open(row.token) == token:
            return row
        if row.status == "active":
            # What it is polled or posted with follows the token in the table; a webhook outlives its token.
            await self._direct_updates(calls, row, self.box.open(row.webhook_secret), _hook_of(row, public_url))
            sealed = self.box.seal(token)
            if await bots.set_token(self.db, row.account_id, bot_id, old=row.token, new=sealed):
                ended = {bot_troubles.TOKEN_REVOKED, bot_troubles.OTHER_POLLER, *bot_troubles.OF_WEBHOOK}
                await bots.note_troubles(self.db, row.account_id, bot_id, {}, ended)
                log.info("bot has a new token", account=row.account_id, bot=bot_id)
                return dataclasses.replace(row, token=sealed)
            row = await self._row(bot_id, row.account_id)  # Telegram refused the old token a moment ago
        account = await accounts.get(self.db, row.account_id)
        if account is None:
            raise BotRefusedError("not_connected", bot_texts.NOT_CONNECTED)
        return await self.connect(account, token, public_url=public_url, tokens=tokens, take_over=True)

    async def take_back(self, bot_id: int, *, account_id: int | None = None, public_url: str | None = None) -> Bot:
        """Take a connected bot's updates back from another service that has set its own webhook.

        Raises:
            BotRefusedError: ``not_connected``, ``token_refused``, ``telegram_unavailable``.
        """
        row = await self._row(bot_id, account_id)
        calls = self.telegram.bot(self.box.open(row.token))
        secret = self.box.open(row.webhook_secret)
        await self._direct_updates(calls, row, secret, _hook_of(row, public_url))
        cleared = (bot_troubles.FOREIGN_WEBHOOK, bot_troubles.WEBHOOK_UNSET)
        await bots.note_troubles(self.db, row.account_id, bot_id, {}, cleared)
        return row

    async def remove(self, bot_id: int, *, account_id: int | None = None, tokens: TokenProvider | None = None) -> bool:
        """Disconnect the bot: no more updates, the links of its groups end, the history stays.

        Source and webhook go at once if amoCRM and Telegram answer, else at the account's next check-up: False says so.

        Raises:
            BotRefusedError: ``not_connected``.
        """
        row = await self._row(bot_id, account_id)
        command = encode_command(BotRemoved())
        groups = await bots.retire(self.db, row.account_id, bot_id, command=command)
        if groups is None:
            raise BotRefusedError("not_connected", bot_texts.NOT_CONNECTED)
        log.info("bot disconnected", account=row.account_id, bot=bot_id, groups=len(groups))

        async def client() -> AmoCrmClient:
            return await self._client(row.account_id, tokens)

        try:
            await clean_up(self.db, self.box, self.telegram, client, row)
        except (GatewayError, Transient, InstallationError) as error:
            log.warning("the bot's source or webhook stands still", bot=bot_id, error=str(error))
            return False
        return True

    # Steps

    def _calls(self, token: str) -> BotCalls:
        try:
            return self.telegram.bot(token)
        except Unauthorised:
            raise BotRefusedError("token_malformed", bot_texts.MALFORMED) from None

    async def _me(self, calls: BotCalls) -> Me:
        with _telegram_errors():
            return await calls.get_me()

    async def _refuse_connected(self, account_id: int, me: Me) -> None:
        """The early answer; what counts is the claim."""
        holder = await bots.get(self.db, me.id)
        if holder is None or holder.status in ("removed", "connecting"):
            return
        owner = await accounts.get(self.db, holder.account_id)
        if holder.account_id != account_id and (owner is None or owner.status == "uninstalled"):
            return
        if holder.status == "active" or holder.account_id != account_id:
            raise _connected(holder, account_id, me.username)

    async def _refuse_foreign_webhook(self, calls: BotCalls, me: Me) -> None:
        with _telegram_errors():
            info = await calls.get_webhook_info()
        host = foreign_host(info.url, await bots.webhook_keys(self.db, me.id))
        if host is not None:
            raise BotRefusedError("foreign_webhook", bot_texts.foreign_webhook(me.username, host))

    async def _check_pipeline(self, client: AmoCrmClient, pipeline_id: int) -> None:
        with _amocrm_errors():
            pipeline = archived_or_open(await client.pipelines(), pipeline_id)
        if pipeline is None:
            raise BotRefusedError("pipeline_unknown", bot_texts.PIPELINE_UNKNOWN)
        if pipeline.is_archive:
            raise BotRefusedError("pipeline_archived", bot_texts.pipeline_archived(pipeline.name))

    async def _source(self, client: AmoCrmClient, row: Bot) -> Found:
        with _amocrm_errors():
            found = await ensure_source(client, row.name or row.username, row.external_id, row.pipeline_id)
            if row.pipeline_id is not None and found.source.pipeline_id != row.pipeline_id:
                await client.update_source(found.source.id, pipeline_id=row.pipeline_id)
        return found

    async def _direct_updates(self, calls: BotCalls, row: Bot, secret: str, public_url: str | None) -> None:
        with _telegram_errors():
            if public_url:
                url = webhook_url(public_url, row.webhook_key)
                await calls.set_webhook(url, secret_token=secret, allowed_updates=ALLOWED_UPDATES)
            else:
                await calls.delete_webhook()

    async def _take_back(
        self, calls: BotCalls, client: AmoCrmClient, row: Bot, found: Found | None, earlier: str | None
    ) -> None:
        """Undo a connection that failed halfway. What cannot be undone now does no harm: a source without a bot."""
        try:
            if row.intake == "webhook" and found is not None:
                await calls.delete_webhook()
            if found is not None and found.made:
                await client.delete_source(found.source.id)
        except (GatewayError, Transient) as error:
            log.warning("a connection that failed could not be taken back whole", bot=row.bot_id, error=str(error))
        try:
            await bots.release(self.db, row, earlier=earlier)
        except Transient as error:
            log.warning("the claim on a bot ends by itself", bot=row.bot_id, error=str(error))

    async def _row(self, bot_id: int, account_id: int | None) -> Bot:
        row = await (bots.get(self.db, bot_id) if account_id is None else bots.of_account(self.db, account_id, bot_id))
        if row is None or row.status in ("removed", "connecting"):
            raise BotRefusedError("not_connected", bot_texts.NOT_CONNECTED)
        return row

    async def _client(self, account_id: int, tokens: TokenProvider | None) -> AmoCrmClient:
        account = await accounts.get(self.db, account_id)
        if account is None:
            raise BotRefusedError("not_connected", bot_texts.NOT_CONNECTED)
        return self.client(account.host, tokens or StoredToken(self.db, self.box, account_id))


def read_token(pasted: str) -> str:
    """The token out of what a person pasted: alone, or within BotFather's whole message.

    Raises:
        BotRefusedError: ``token_malformed``: there is none, or more than one.
    """
    found = set(_TOKEN.findall(pasted))
    if len(found) != 1:
        raise BotRefusedError("token_malformed", bot_texts.MALFORMED)
    return str(found.pop())


def _hook_of(row: Bot, public_url: str | None) -> str | None:
    """Where a connected bot's webhook leads; None for one that is polled."""
    return public_url if row.intake == "webhook" else None


def profile_troubles(me: Me) -> dict[str, str]:
    """What the bot's settings at BotFather keep it from."""
    troubles = {}
    if not me.can_join_groups:
        troubles[bot_troubles.CANNOT_JOIN_GROUPS] = bot_texts.cannot_join_groups(me.username)
    elif not me.can_read_all_group_messages:
        troubles[bot_troubles.PRIVACY_MODE] = bot_texts.privacy_mode(me.username)
    return troubles


def _connected(holder: Bot, account_id: int, username: str) -> BotRefusedError:
    if holder.account_id != account_id:
        return BotRefusedError("connected_elsewhere", bot_texts.connected_elsewhere(username))
    if holder.status == "connecting":
        return BotRefusedError("being_connected", bot_texts.being_connected(username))
    return BotRefusedError("connected_here", bot_texts.connected_here(username))


@contextmanager
def _telegram_errors() -> Iterator[None]:
    """What Telegram answers, as an administrator can understand it."""
    try:
        yield
    except Unauthorised:
        raise BotRefusedError("token_refused", bot_texts.REFUSED) from None
    except Refused as error:
        raise BotRefusedError("telegram_refused", bot_texts.webhook_unset(error.detail)) from error
    except GatewayError as error:
        raise BotRefusedError("telegram_unavailable", bot_texts.TELEGRAM_UNAVAILABLE) from error


@contextmanager
def _amocrm_errors() -> Iterator[None]:
    """What amoCRM answers, as an administrator can understand it."""
    try:
        yield
    except SourceLimitError as error:
        raise BotRefusedError("source_limit", bot_texts.source_limit(error.count)) from error
    except (Unauthorised, Forbidden) as error:
        raise BotRefusedError("amocrm_refuses", bot_texts.AMOCRM_REFUSES) from error
    except Refused as error:
        words = "; ".join(error.errors) or error.detail
        raise BotRefusedError("source_refused", bot_texts.source_refused(words)) from error
    except DatabaseUnavailable:
        raise
    except (GatewayError, Transient) as error:
        raise BotRefusedError("amocrm_unavailable", bot_texts.AMOCRM_UNAVAILABLE) from error
