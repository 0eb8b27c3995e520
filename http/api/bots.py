"""`/api/v1/bots`: the account's Telegram bots: list, search, connect, change, check, disconnect."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dealgram.actors.bots.bot_choices import changed_choices
from dealgram.actors.cards.deal_title import TitleError
from dealgram.actors.desk.views import BotView, TokenCheck
from dealgram.http.api.bot_ports import BotsPort
from dealgram.http.api.frame import Api, Caller
from dealgram.http.api.problems import invalid
from dealgram.http.api.reading import Body, Change, Query

Search = Annotated[str, msgspec.Meta(max_length=200)]
Token = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
PipelineId = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
DealTitle = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
DealTags = Annotated[tuple[Annotated[str, msgspec.Meta(min_length=1, max_length=64)], ...], msgspec.Meta(max_length=20)]

CONNECTION_CODES = (
    "token_malformed",
    "token_refused",
    "telegram_refused",
    "connected_here",
    "connected_elsewhere",
    "being_connected",
    "foreign_webhook",
    "telegram_unavailable",
    "pipeline_unknown",
    "pipeline_archived",
    "source_limit",
    "source_refused",
    "amocrm_refuses",
)
"""What a connection is refused for (`BotConnector.connect`)."""


class BotsQuery(Query, frozen=True, kw_only=True):
    """`q`: a part of a bot's name or username, or of the title of one of its groups."""

    q: Search = ""


class BotsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Bots by name. With `q`, each says how many of its groups match."""

    bots: tuple[BotView, ...]
    total: int


class BotAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One bot, as it is now."""

    bot: BotView


class TokenToCheck(Change, frozen=True, kw_only=True):
    """A bot's token, or the whole message of BotFather's that holds it."""

    token: Token


class BotToConnect(Change, frozen=True, kw_only=True):
    """A bot to connect. Without a pipeline: its own earlier one, else the main one. `take_over`: another service gets
    its messages; take the bot from it."""

    token: Token
    pipeline_id: PipelineId | None = None
    unsorted: bool | UnsetType = UNSET
    deal_title: DealTitle | UnsetType = UNSET
    deal_tags: DealTags | UnsetType = UNSET
    take_over: bool = False


class BotChange(Body, frozen=True, kw_only=True):
    """What is to change; what is left out stays as it is. `token`: another token of the same bot."""

    pipeline_id: PipelineId | UnsetType = UNSET
    unsorted: bool | UnsetType = UNSET
    deal_title: DealTitle | UnsetType = UNSET
    deal_tags: DealTags | UnsetType = UNSET
    token: Token | UnsetType = UNSET


class BotRemovedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The bot is disconnected. `is_clean`: its source and webhook are gone too; else they go soon, by themselves.
    `groups`: so many groups lost their deals."""

    is_clean: bool
    groups: int
    removed: Literal[True] = True


def routes(api: Api, port: BotsPort) -> None:
    """Add the routes over the port of bots."""

    @api.get("/bots", without_access=True)
    async def list_bots(caller: Caller, query: BotsQuery) -> BotsAnswer:
        """The account's bots by name, or those that a search finds."""
        found = tuple(await port.bots(caller.account_id, query.q))
        return BotsAnswer(bots=found, total=len(found))

    @api.post("/bots/check", codes=("token_malformed", "token_refused", "telegram_unavailable"))
    async def check_token(caller: Caller, body: TokenToCheck) -> TokenCheck:
        """What a token opens, what to know before, and what stands in the way. Changes nothing."""
        return await port.check_token(caller.account_id, body.token)

    @api.post("/bots", status=201, codes=("lapsed", *CONNECTION_CODES))
    async def connect_bot(caller: Caller, body: BotToConnect) -> BotAnswer:
        """Connect a bot. A refusal leaves nothing behind, neither in amoCRM nor at Telegram."""
        bot = await port.add(
            caller.account_id,
            body.token,
            pipeline_id=body.pipeline_id,
            choices=_choices(body),
            take_over=body.take_over,
        )
        return BotAnswer(bot=bot)

    @api.patch("/bots/{bot_id}", codes=("not_connected", "other_bot", *CONNECTION_CODES))
    async def change_bot(caller: Caller, bot_id: int, body: BotChange) -> BotAnswer:
        """Change a bot's pipeline, its settings, or its token."""
        if not msgspec.to_builtins(body):
            raise invalid(None, "Не указано, что изменить.")
        bot = await port.edit(
            caller.account_id,
            bot_id,
            token=body.token or None,
            pipeline_id=body.pipeline_id or None,
            choices=_choices(body),
        )
        return BotAnswer(bot=bot)

    @api.delete("/bots/{bot_id}", codes=("not_connected",))
    async def disconnect_bot(caller: Caller, bot_id: int) -> BotRemovedAnswer | None:
        """Disconnect a bot: the links of its groups end, what was written stays in amoCRM. 204 for one that is
        disconnected already."""
        removal = await port.remove(caller.account_id, bot_id)
        return None if removal is None else BotRemovedAnswer(is_clean=removal.is_clean, groups=removal.groups)

    @api.post("/bots/{bot_id}/check", codes=("not_connected", *CONNECTION_CODES))
    async def check_bot(caller: Caller, bot_id: int, body: Change) -> BotAnswer:
        """Look at a bot now and mend what can be mended."""
        return BotAnswer(bot=await port.look_again(caller.account_id, bot_id))

    @api.post(
        "/bots/{bot_id}/take-back", codes=("not_connected", "telegram_unavailable", "token_refused", "telegram_refused")
    )
    async def take_bot_back(caller: Caller, bot_id: int, body: Change) -> BotAnswer:
        """Take a bot's messages back from another service that has set its own webhook."""
        return BotAnswer(bot=await port.take_back(caller.account_id, bot_id))


def _choices(body: BotToConnect | BotChange) -> dict[str, Any]:
    try:
        return changed_choices(
            unsorted=None if body.unsorted is UNSET else body.unsorted,
            deal_title=None if body.deal_title is UNSET else body.deal_title,
            deal_tags=None if body.deal_tags is UNSET else body.deal_tags,
        )
    except TitleError as error:
        raise invalid("deal_title", str(error)) from None
