"""The bot's own picture at Telegram, for the settings page: found when the bot is connected and at every check-up.

Only the name of the file is kept, so that a page with many bots asks Telegram nothing. Promises: a picture is never
worth a connection or a check-up; one that cannot be looked for now is looked for at the next check-up.
"""

from __future__ import annotations

import structlog
import trio

from dealgram.actors.cards.avatars import fitting
from dealgram.actors.files.media_links import MediaLink, MediaLinks
from dealgram.gateways.errors import GatewayError
from dealgram.gateways.telegram import BotCalls
from dealgram.persistence import bots
from dealgram.persistence.database import Database
from dealgram.persistence.records import Bot

log = structlog.get_logger(__name__)

LOOK_UP_DEADLINE_S = 3.0


async def note_picture(db: Database, calls: BotCalls, account_id: int) -> None:
    """Look for the bot's picture and keep its name.

    Raises:
        DatabaseUnavailable: nothing is kept.
    """
    try:
        with trio.fail_after(LOOK_UP_DEADLINE_S):
            found = fitting(await calls.get_profile_photos(calls.bot_id))
    except (GatewayError, trio.TooSlowError) as error:
        log.info("the picture of a bot is not known", bot=calls.bot_id, error=str(error) or type(error).__name__)
        return
    if found is None:
        await bots.set_picture(db, account_id, calls.bot_id, None, None)
    else:
        await bots.set_picture(db, account_id, calls.bot_id, found.file_id, found.file_unique_id or found.file_id)


def picture_url(links: MediaLinks, row: Bot) -> str | None:
    """The address of a bot's picture; None without one, and for a bot that can fetch it no more."""
    if row.picture is None or row.status != "active":
        return None
    return links.url(
        MediaLink(account_id=row.account_id, bot_id=row.bot_id, file_id=row.picture, content_type="image/jpeg")
    )
