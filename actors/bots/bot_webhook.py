"""The webhook of a bot: whose it is, ours, a stranger's or nobody's, and keeping ours where it belongs.

One bot has one webhook. Who pastes the bot's token elsewhere, amoCRM's own Telegram channel included, takes the updates
away (amoCRM contract §19, #520); taking them back without being asked would begin a war that nobody sees.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

import structlog

from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.gateways.errors import Forbidden, Refused
from dealgram.gateways.telegram import ALLOWED_UPDATES, BotCalls
from dealgram.persistence import bots
from dealgram.persistence.database import Database
from dealgram.persistence.records import Bot

log = structlog.get_logger(__name__)


def webhook_url(public_url: str, key: str) -> str:
    """The address that Telegram posts a bot's updates to."""
    return f"{public_url.rstrip('/')}/telegram/{key}"


def is_ours(url: str, keys: Collection[str]) -> bool:
    """Whether an address carries one of the bot's own webhook keys, whatever the host: this service may have moved."""
    path = urlsplit(url).path
    return any(path.endswith(f"/telegram/{key}") for key in keys if key)


def foreign_host(url: str, keys: Collection[str]) -> str | None:
    """The host of somebody else's webhook; None if there is none. Nothing but the host: the rest may be a secret."""
    if not url or is_ours(url, keys):
        return None
    return urlsplit(url).hostname or "?"


async def keep_webhook(
    db: Database, calls: BotCalls, row: Bot, *, secret: str, public_url: str | None
) -> dict[str, str]:
    """See that a bot's updates come here, as far as nobody else has taken them: a webhook of ours that was lost is set
    again, one that was left behind by a bot that is polled now is taken off. Returns the troubles, by code.

    Raises:
        Unauthorised: the token was revoked.
        GatewayError: Telegram did not answer.
    """
    info = await calls.get_webhook_info()
    host = foreign_host(info.url, await bots.webhook_keys(db, row.bot_id))
    if host is not None:
        log.warning("another service took the updates of a bot", bot=row.bot_id, host=host)
        return {bot_troubles.FOREIGN_WEBHOOK: bot_texts.webhook_taken(host)}
    if row.intake == "polling":
        if info.url:
            await calls.delete_webhook()
        return {}
    if public_url is None:
        return {bot_troubles.WEBHOOK_UNSET: bot_texts.webhook_unset(bot_texts.NO_PUBLIC_URL)}
    wanted = webhook_url(public_url, row.webhook_key)
    if info.url == wanted:
        return {}
    log.warning("the webhook of a bot is set again", bot=row.bot_id)
    try:
        await calls.set_webhook(wanted, secret_token=secret, allowed_updates=ALLOWED_UPDATES)
    except (Refused, Forbidden) as error:
        return {bot_troubles.WEBHOOK_UNSET: bot_texts.webhook_unset(error.detail)}
    return {}
