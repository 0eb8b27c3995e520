"""The methods that send files: one for each kind, and sendMediaGroup for albums.

What a kind takes is in `uploads.py`, what they share with other messages in `posting.py`.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.errors import ApiError, MisuseError, bad_request, misuse
from dealgram.sandbox.telegram.media import KINDS, Kind, Media
from dealgram.sandbox.telegram.methods import Method
from dealgram.sandbox.telegram.posting import Posting, SendCall, caption
from dealgram.sandbox.telegram.uploads import REFUSED_PICTURES, Uploads
from dealgram.sandbox.telegram.world import Json, SimBot

ALBUM = range(2, 11)
_ALONE = frozenset({"document", "audio"})


class _SendFile(SendCall, kw_only=True):
    caption: str = ""
    parse_mode: str = ""
    caption_entities: list[dict[str, Any]] | None = None
    show_caption_above_media: bool = False
    has_spoiler: bool = False
    duration: int = 0
    width: int = 0
    height: int = 0
    length: int = 0
    emoji: str | None = None
    performer: str | None = None
    title: str | None = None
    thumbnail: Any = None
    disable_content_type_detection: bool = False


class SendPhoto(_SendFile, kw_only=True):
    photo: Any


class SendVideo(_SendFile, kw_only=True):
    video: Any


class SendAnimation(_SendFile, kw_only=True):
    animation: Any


class SendDocument(_SendFile, kw_only=True):
    document: Any


class SendAudio(_SendFile, kw_only=True):
    audio: Any


class SendVoice(_SendFile, kw_only=True):
    voice: Any


class SendVideoNote(_SendFile, kw_only=True):
    video_note: Any


class SendSticker(_SendFile, kw_only=True):
    sticker: Any


class SendMediaGroup(SendCall, kw_only=True):
    media: list[dict[str, Any]]


_KINDS: dict[type[_SendFile], Kind] = {
    SendPhoto: "photo",
    SendVideo: "video",
    SendAnimation: "animation",
    SendDocument: "document",
    SendAudio: "audio",
    SendVoice: "voice",
    SendVideoNote: "video_note",
    SendSticker: "sticker",
}


class MediaMethods:
    def __init__(self, cloud: Cloud, posting: Posting, uploads: Uploads) -> None:
        self._cloud = cloud
        self._posting = posting
        self._uploads = uploads

    def methods(self) -> dict[str, Method]:
        methods = {call.__name__[0].lower() + call.__name__[1:]: Method(call, self.send_file) for call in _KINDS}
        return methods | {"sendMediaGroup": Method(SendMediaGroup, self.send_album)}

    def send_file(self, bot: SimBot, call: _SendFile) -> Json:
        kind = _KINDS[type(call)]
        words = caption(call.caption, call.parse_mode, call.caption_entities, kind, above=call.show_caption_above_media)
        media = self._uploads.media(bot, kind, getattr(call, kind), msgspec.structs.asdict(call))
        spot = self._posting.spot(bot, call, (media.kind,))
        return self._posting.post(bot, spot, words, media=media)

    def send_album(self, bot: SimBot, call: SendMediaGroup) -> list[Json]:
        """All or nothing; a file that Telegram refuses is named by its place in the album."""
        if len(call.media) not in ALBUM:
            raise misuse("too many messages to send as an album" if call.media else "there are no messages to send")
        kinds = [kind_of(item) for item in call.media]
        for alone in sorted(_ALONE & set(kinds)):
            if len(set(kinds)) > 1:
                raise misuse(f"{alone} can't be mixed with other media types")
        items = [self._item(bot, number, item) for number, item in enumerate(call.media, start=1)]
        spot = self._posting.spot(bot, call, [media.kind for media, _ in items], count=len(items))
        album = self._cloud.new_album()
        return [self._posting.post(bot, spot, words, media=media, album=album) for media, words in items]

    def _item(self, bot: SimBot, number: int, item: Json) -> tuple[Media, Json]:
        kind = kind_of(item)
        words = words_of(item)
        try:
            media = self._uploads.media(bot, kind, item.get("media"), item, sure=kind == "document")
        except ApiError as error:
            reason = error.description.removeprefix("Bad Request: ")
            if reason in REFUSED_PICTURES:
                raise bad_request(f'failed to send message #{number} with the error message "{reason}"') from None
            raise
        if media.kind != kind:
            raise bad_request("can't use the media of the specified type in the album")
        return media, words


def kind_of(item: Json) -> Kind:
    """The kind that an InputMedia names; live photos are not simulated."""
    kind = item.get("type")
    if kind == "live_photo":
        raise MisuseError(501, "Not Implemented: the simulator does not have live photos")
    if kind not in KINDS:
        raise misuse(f'can\'t parse InputMedia: type "{kind}" is unsupported')
    return cast("Kind", kind)


def words_of(item: Json) -> Json:
    """The caption of an InputMedia."""
    return caption(
        item.get("caption", ""),
        item.get("parse_mode", ""),
        item.get("caption_entities"),
        kind_of(item),
        above=bool(item.get("show_caption_above_media")),
    )
