"""What a bot leaves behind outside when it is disconnected: its webhook at Telegram, its source in amoCRM.

Promises: each is taken away only if it is ours; repeating is safe; when both are gone, the bot's secrets go too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from dealgram.actors.bots.bot_webhook import is_ours
from dealgram.gateways.amocrm import AmoCrmClient
from dealgram.gateways.errors import Unauthorised
from dealgram.gateways.telegram import TelegramGateway
from dealgram.persistence import bots
from dealgram.persistence.database import Database
from dealgram.persistence.records import Bot
from dealgram.persistence.secret_box import SecretBox

log = structlog.get_logger(__name__)


async def clean_up(
    db: Database, box: SecretBox, telegram: TelegramGateway, client: Callable[[], Awaitable[AmoCrmClient]], row: Bot
) -> None:
    """Take a removed bot's webhook and source away.

    Raises:
        GatewayError: one of them stands still; the comparison of sources tries again.
    """
    if row.intake == "webhook":
        calls = telegram.bot(box.open(row.token))
        try:
            info = await calls.get_webhook_info()
            if is_ours(info.url, (row.webhook_key,)):
                await calls.delete_webhook()
        except Unauthorised:
            log.info("the removed bot's token was revoked; its webhook went with it", bot=row.bot_id)
    if row.source_id is not None:
        await (await client()).delete_source(row.source_id)
    await bots.cleaned_up(db, row)
