"""The Telegram webhooks of an account's bots, as the account comes and goes.

While an account is removed, nobody answers for its bots, so Telegram is told to stop calling; when it is back, the bots
that take their updates by webhook get it again. Polled bots need neither: their pollers follow the registry.
"""

from __future__ import annotations

import structlog

from dealgram.actors.bots import bot_texts
from dealgram.actors.bots.bot_troubles import OF_WEBHOOK
from dealgram.actors.bots.bot_webhook import is_ours, keep_webhook
from dealgram.actors.bots.polling import note_revoked
from dealgram.actors.services import Services
from dealgram.gateways.errors import Unauthorised
from dealgram.persistence import bots
from dealgram.persistence.records import Bot

log = structlog.get_logger(__name__)


async def hooked(services: Services, account_id: int) -> list[Bot]:
    """The account's connected bots that take their updates by webhook."""
    found = await bots.for_account(services.db, account_id)
    return [bot for bot in found if bot.status == "active" and bot.intake == "webhook"]


async def restore_webhooks(services: Services, account_id: int) -> str:
    """Give every such bot its webhook (again), unless another service has taken the bot; says how many bots there are.

    Raises:
        GatewayError: Telegram did not do it; call again.
    """
    for bot in await hooked(services, account_id):
        calls, secret = services.telegram.bot(services.box.open(bot.token)), services.box.open(bot.webhook_secret)
        try:
            troubles = await keep_webhook(services.db, calls, bot, secret=secret, public_url=services.public_url)
        except Unauthorised:
            log.warning("Telegram refuses the token of a bot", bot=bot.bot_id)
            await note_revoked(services.db, bot)
        else:
            await bots.note_troubles(services.db, account_id, bot.bot_id, troubles, OF_WEBHOOK)
    connected = [bot for bot in await bots.for_account(services.db, account_id) if bot.status == "active"]
    return f"Проверено ботов: {len(connected)}." if connected else bot_texts.NO_BOTS_YET


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
            calls = services.telegram.bot(services.box.open(bot.token))
            if is_ours((await calls.get_webhook_info()).url, (bot.webhook_key,)):
                await calls.delete_webhook()
        except Unauthorised:
            log.info("the token of a bot is no longer good, so it has no webhook", bot=bot_id)
