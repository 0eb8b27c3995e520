"""Telegram files behind signed links: which file a link opens now, and the file itself on its way.

Owns the way from a link to a download: the link is verified, its bot must still be connected to the link's account and
that account be there, getFile tells where the file is (remembered for less than the hour that Telegram promises), and
the bytes pass through, for as many files of an account at once as `media_slots` allows. A server of one's own fetches a
large file before it answers getFile; if that takes too long the link is ``unavailable`` for now, and that server goes
on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import trio

from dealgram.actors.files.media_links import BadLinkError, MediaLink, MediaLinks
from dealgram.actors.files.media_slots import BusyError, MediaSlot, MediaSlots, SlottedDownload
from dealgram.actors.latest import Latest
from dealgram.actors.registry import BotInfo, Registry
from dealgram.gateways.errors import GatewayError, NotFound, Refused
from dealgram.gateways.telegram import Download, FileLimits, TelegramFiles, TelegramGateway

PATH_GOOD_FOR_S = 1800.0
_REMEMBERED = 5000

Reason = Literal["unknown", "forged", "expired", "disconnected", "gone", "too_large", "unavailable", "busy"]


class MediaRefusedError(Exception):
    """A link that opens no file, or not now (``unavailable``, ``busy``)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundFile:
    """What a link opens. ``size`` in bytes, None if Telegram does not say before the file comes."""

    link: MediaLink
    size: int | None


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
        slots: MediaSlots | None = None,
    ) -> None:
        self._links = links
        self._registry = registry
        self._telegram = telegram
        self._files = files
        self._limits = limits
        self._now_s = now_s
        self._slots = slots or MediaSlots()
        self._places: Latest[tuple[int, str], _Place] = Latest(_REMEMBERED)

    async def find(self, name: str) -> FoundFile:
        """What a signed name opens, as far as that is known without its bytes.

        Raises:
            MediaRefusedError: with the reason.
        """
        try:
            link = self._links.verify(name, self._now_s())
        except BadLinkError as error:
            raise MediaRefusedError(error.reason) from None
        bot = self._bot(link)
        place = self._known(link)
        if place is None:
            slot = await self._slot(bot.account_id)
            try:
                place = await self._look_up(bot, link)
            except GatewayError as error:
                raise _refused(error) from error
            finally:
                slot.give_back()
        return FoundFile(link=link, size=place.size)

    async def open(self, found: FoundFile, start: int = 0) -> Download:
        """The bytes of a file, from ``start`` on where the server can. Its reader closes it.

        Raises:
            MediaRefusedError: with the reason.
        """
        bot = self._bot(found.link)
        slot = await self._slot(bot.account_id)
        try:
            download = await self._download(bot, found.link, start)
            self._check(download, found, start)
        except GatewayError as error:
            slot.give_back()
            raise _refused(error) from error
        except BaseException:
            slot.give_back()
            raise
        return SlottedDownload(download, slot)

    def _bot(self, link: MediaLink) -> BotInfo:
        bot = self._registry.bot(link.bot_id)
        account = self._registry.account(link.account_id)
        if bot is None or bot.account_id != link.account_id or account is None or account.row.status == "uninstalled":
            raise MediaRefusedError("disconnected")
        return bot

    async def _slot(self, account_id: int) -> MediaSlot:
        try:
            return await self._slots.take(account_id)
        except BusyError:
            raise MediaRefusedError("busy") from None

    async def _download(self, bot: BotInfo, link: MediaLink, start: int) -> Download:
        place = self._known(link) or await self._look_up(bot, link)
        try:
            return await self._files.download(bot.token, place.path, start)
        except NotFound:
            # Telegram moved it before the hour was over.
            self._forget(link)
            place = await self._look_up(bot, link)
            return await self._files.download(bot.token, place.path, start)

    def _check(self, download: Download, found: FoundFile, start: int) -> None:
        size = download.size if download.size is not None else found.size
        if size is not None and size > self._limits.download:
            download.close()
            raise MediaRefusedError("too_large")
        if start and size != found.size:
            # The range was made for another size, so getFile is asked anew by whoever comes again.
            download.close()
            self._forget(found.link)
            raise MediaRefusedError("unavailable")

    def _known(self, link: MediaLink) -> _Place | None:
        known = self._places.get((link.bot_id, link.file_id))
        return known if known is not None and known.until > trio.current_time() else None

    async def _look_up(self, bot: BotInfo, link: MediaLink) -> _Place:
        key = (bot.bot_id, link.file_id)
        file = await self._telegram.bot(bot.token).get_file(link.file_id)
        if file.file_size is not None and file.file_size > self._limits.download:
            raise MediaRefusedError("too_large")
        if file.file_path is None:
            raise MediaRefusedError("gone")
        place = _Place(file.file_path, file.file_size, trio.current_time() + PATH_GOOD_FOR_S)
        self._places[key] = place
        return place

    def _forget(self, link: MediaLink) -> None:
        self._places.pop((link.bot_id, link.file_id), None)


def _refused(error: GatewayError) -> MediaRefusedError:
    if isinstance(error, Refused):
        return MediaRefusedError("too_large" if error.reason == "file_too_big" else "gone")
    return MediaRefusedError("unavailable")
