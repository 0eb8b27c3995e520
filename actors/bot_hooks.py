"""The Telegram webhooks of an account's bots, as the account comes and goes.

While an account is removed, nobody answers for its bots, so Telegram is told to stop calling; when it is back, the bots
that take their updates by webhook get it again. Polled bots need neither: their pollers follow the registry.
"""

from __future__ import annotations

import structlog

from dealgram.actors.services import Services
from dealgram.gateways.errors import Unauthorised
from dealgram.gateways.telegram import ALLOWED_UPDATES
from dealgram.persistence import bots
from dealgram.persistence.records import Bot

log = structlog.get_logger(__name__)


async def hooked(services: Services, account_id: int) -> list[Bot]:
    """The account's connected bots that take their updates by webhook."""
    found = await bots.for_account(services.db, account_id)
    return [bot for bot in found if bot.status == "active" and bot.intake == "webhook"]


async def restore_webhooks(services: Services, account_id: int) -> str:
    """Give every such bot its webhook (again); says how many bots there are.

    Raises:
        GatewayError: Telegram did not do it; call again.
    """
    for bot in await hooked(services, account_id):
        if services.public_url is None:
            break
        try:
            await services.telegram.bot(services.box.open(bot.token)).set_webhook(
                f"{services.public_url}/telegram/{bot.webhook_key}",
                secret_token=services.box.open(bot.webhook_secret),
                allowed_updates=ALLOWED_UPDATES,
            )
        except Unauthorised:
            log.warning("Telegram refuses the token of a bot", bot=bot.bot_id)
    connected = [bot for bot in await bots.for_account(services.db, account_id) if bot.status == "active"]
    return f"Подключено ботов: {len(connected)}."


async def drop_webhook(services: Services, account_id: int, bot_id: int) -> None:
    """Take off the webhook of one bot, if its account still is removed.

    Raises:
        GatewayError: Telegram did not do it; call again.
    """
    for bot in await hooked(services, account_id):
        account = services.registry.account(account_id)
        if bot.bot_id != bot_id or (account is not None and account.row.status != "uninstalled"):
            continue
        try:
            await services.telegram.bot(services.box.open(bot.token)).delete_webhook()
        except Unauthorised:
            log.info("the token of a bot is no longer good, so it has no webhook", bot=bot_id)
