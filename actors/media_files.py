"""Telegram files behind signed links: which file a link opens now, and the file itself on its way.

Owns the way from a link to a download: the link is verified, its bot must still be connected to the link's account,
getFile tells where the file is (remembered for less than the hour that Telegram promises), and the bytes pass through.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import trio

from dealgram.actors.media_links import BadLinkError, MediaLink, MediaLinks
from dealgram.actors.registry import BotInfo, Registry
from dealgram.gateways.errors import GatewayError, NotFound, Refused
from dealgram.gateways.telegram import Download, FileLimits, TelegramFiles, TelegramGateway

PATH_GOOD_FOR_S = 1800.0
_REMEMBERED = 5000

Reason = Literal["unknown", "forged", "expired", "disconnected", "gone", "too_large", "unavailable"]


class MediaRefusedError(Exception):
    """A link that opens no file, or not now (``unavailable``)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """A file that a link opens. ``download`` is None where only its facts were asked for."""

    link: MediaLink
    size: int | None
    download: Download | None


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    size: int | None
    until: float


class MediaFiles:
    """See the module."""

    def __init__(
        self,
        links: MediaLinks,
        registry: Registry,
        telegram: TelegramGateway,
        files: TelegramFiles,
        limits: FileLimits,
        now_s: Callable[[], float],
    ) -> None:
        self._links = links
        self._registry = registry
        self._telegram = telegram
        self._files = files
        self._limits = limits
        self._now_s = now_s
        self._places: OrderedDict[tuple[int, str], _Place] = OrderedDict()

    async def open_media(self, name: str, *, head: bool = False) -> OpenFile:
        """The file of a signed name.

        Raises:
            MediaRefusedError: with the reason.
        """
        try:
            link = self._links.verify(name, self._now_s())
        except BadLinkError as error:
            raise MediaRefusedError(error.reason) from None
        bot = self._registry.bot(link.bot_id)
        if bot is None or bot.account_id != link.account_id:
            raise MediaRefusedError("disconnected")
        try:
            return await self._open(bot, link, head=head)
        except Refused as error:
            raise MediaRefusedError("too_large" if error.reason == "file_too_big" else "gone") from error
        except GatewayError as error:
            raise MediaRefusedError("unavailable") from error

    async def _open(self, bot: BotInfo, link: MediaLink, *, head: bool) -> OpenFile:
        place = await self._place(bot, link)
        if head:
            return OpenFile(link=link, size=place.size, download=None)
        try:
            download = await self._files.download(bot.token, place.path)
        except NotFound:
            # Telegram moved it before the hour was over.
            del self._places[bot.bot_id, link.file_id]
            place = await self._place(bot, link)
            download = await self._files.download(bot.token, place.path)
        size = download.size if download.size is not None else place.size
        if size is not None and size > self._limits.download:
            download.close()
            raise MediaRefusedError("too_large")
        return OpenFile(link=link, size=size, download=download)

    async def _place(self, bot: BotInfo, link: MediaLink) -> _Place:
        key = (bot.bot_id, link.file_id)
        known = self._places.get(key)
        if known is not None and known.until > trio.current_time():
            return known
        file = await self._telegram.bot(bot.token).get_file(link.file_id)
        if file.file_path is None:
            raise MediaRefusedError("gone")
        if file.file_size is not None and file.file_size > self._limits.download:
            raise MediaRefusedError("too_large")
        place = _Place(file.file_path, file.file_size, trio.current_time() + PATH_GOOD_FOR_S)
        self._places[key] = place
        self._places.move_to_end(key)
        if len(self._places) > _REMEMBERED:
            self._places.popitem(last=False)
        return place
