"""Pictures of people and groups for their chats in amoCRM.

A picture is looked up once, remembered in memory and looked up again a day later. It is never worth a message: a
look-up has a short deadline, a failure means "no picture", and after one of a bot's look-ups failed for Telegram's
sake the others are left out for a while. Many people show bots no picture at all (privacy settings).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog
import trio

from dealgram.actors.files.media_links import MediaLink, MediaLinks
from dealgram.actors.latest import Latest
from dealgram.actors.registry import BotInfo
from dealgram.gateways.errors import GatewayError, Refused
from dealgram.gateways.telegram import BotCalls, PhotoSize, TelegramGateway

log = structlog.get_logger(__name__)

LOOK_UP_DEADLINE_S = 3.0
GOOD_FOR_S = 86_400.0
PAUSE_AFTER_FAILURE_S = 120.0
LEAST_SIDE = 160
"""Pixels: the smallest picture that is at least so wide is taken."""

_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class _Found:
    url: str | None
    until: float


class Avatars:
    """See the module. Without a public address nothing is looked up, for nobody could fetch it."""

    def __init__(self, telegram: TelegramGateway, links: MediaLinks) -> None:
        self._telegram = telegram
        self._links = links
        self._found: Latest[tuple[int, int], _Found] = Latest(_REMEMBERED)
        self._paused: dict[int, float] = {}

    async def of_person(self, bot: BotInfo, user_id: int) -> str | None:
        """The address of a person's picture, or None."""
        return await self._of(bot, user_id, lambda calls: _person_file(calls, user_id))

    async def of_chat(self, bot: BotInfo, chat_id: int) -> str | None:
        """The address of a group's picture, or None."""
        return await self._of(bot, chat_id, lambda calls: _chat_file(calls, chat_id))

    async def _of(self, bot: BotInfo, key: int, look_up: Callable[[BotCalls], Awaitable[str | None]]) -> str | None:
        if self._links.address() is None or not bot.token:
            return None
        now = trio.current_time()
        known = self._found.get((bot.bot_id, key))
        if known is not None and known.until > now:
            return known.url
        stale = known.url if known is not None else None
        if self._paused.get(bot.bot_id, 0.0) > now:
            return stale
        try:
            with trio.fail_after(LOOK_UP_DEADLINE_S):
                file_id = await look_up(self._telegram.bot(bot.token))
        except Refused:
            file_id = None  # unknown to this bot, or gone
        except (GatewayError, trio.TooSlowError) as error:
            log.info("no pictures for a while", bot=bot.bot_id, error=str(error) or type(error).__name__)
            self._paused[bot.bot_id] = now + PAUSE_AFTER_FAILURE_S
            return stale
        return self._remember(bot, key, file_id, now)

    def _remember(self, bot: BotInfo, key: int, file_id: str | None, now: float) -> str | None:
        url = None
        if file_id is not None:
            # Long-lived: amoCRM says nothing about when and how often it fetches (contract §7). Another picture has
            # another file id and so another address.
            link = MediaLink(account_id=bot.account_id, bot_id=bot.bot_id, file_id=file_id, content_type="image/jpeg")
            url = self._links.url(link)
        self._found[bot.bot_id, key] = _Found(url, now + GOOD_FOR_S)
        return url


def fitting(photos: Sequence[PhotoSize]) -> PhotoSize | None:
    """The smallest size of a picture that is large enough, else the largest."""
    sizes = sorted(photos, key=lambda size: size.width)
    fits = next((size for size in sizes if min(size.width, size.height) >= LEAST_SIDE), None)
    return fits or (sizes[-1] if sizes else None)


async def _person_file(calls: BotCalls, user_id: int) -> str | None:
    chosen = fitting(await calls.get_profile_photos(user_id))
    return chosen.file_id if chosen is not None else None


async def _chat_file(calls: BotCalls, chat_id: int) -> str | None:
    return (await calls.get_chat(chat_id)).photo_file_id
