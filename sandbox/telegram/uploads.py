"""What a bot gives as a file, and what Telegram makes of it.

Owns the rules of "Sending files" and of the sending methods: file ids are the bot's own and a photo stays a photo;
sizes (photos 10 MB, others 50 MB, in local mode 2000 MB); sides of photos (sum 10000, ratio 20); which formats a kind
takes and as what everything else arrives, since Telegram looks at the bytes and not at the method. Nothing is fetched
from URLs.

Where the documentation only says that other formats "may be sent as" something else, they become documents here. A
video note that is no square or longer than a minute becomes a video; that is how the service behaves, but it is not
written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from dealgram.sandbox.schema import Upload
from dealgram.sandbox.telegram.errors import MisuseError, bad_request, misuse
from dealgram.sandbox.telegram.file_store import FileStore
from dealgram.sandbox.telegram.media import COVERABLE, Kind, Media, make
from dealgram.sandbox.telegram.sniffing import Look, look
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.world import Json, SimBot

PHOTO_BYTES = 10 * 1024 * 1024
FILE_BYTES = 50 * 1024 * 1024
LOCAL_FILE_BYTES = 2000 * 1024 * 1024
PHOTO_SIDES = 10_000
PHOTO_RATIO = 20
VIDEO_NOTE_S = 60
_NO_PICTURE = "IMAGE_PROCESS_FAILED"
_WRONG_SIDES = "PHOTO_INVALID_DIMENSIONS"
REFUSED_PICTURES = frozenset({_NO_PICTURE, _WRONG_SIDES})
"""What Telegram says of a picture that it cannot take."""
_THUMBNAIL_BYTES = 200 * 1024
_THUMBNAIL_SIDE = 320
_STICKER_SIDE = 512
_STICKERS = frozenset({"image/webp", "application/x-tgsticker", "video/webm"})
_MUSIC = frozenset({"audio/mpeg", "audio/mp4"})
_TYPES = {"video_note": "VideoNote", "voice": "VoiceNote"}


class Uploads:
    def __init__(self, store: FileStore, switches: Switches) -> None:
        self._store = store
        self._switches = switches

    def media(self, bot: SimBot, kind: Kind, given: Any, facts: Json, *, sure: bool = False) -> Media:
        """The file of a message. `facts` are the method's fields about it (duration, has_spoiler, thumbnail, …).

        `sure`: the kind is not questioned (`disable_content_type_detection`, documents of an album).
        """
        spoiler = bool(facts.get("has_spoiler"))
        upload = self._local(given) if isinstance(given, str) else given
        if not isinstance(upload, Upload):
            known = self._known(bot, kind, upload)
            return known.uncovered(spoiler=spoiler and known.kind in COVERABLE)
        self._check_size(kind, upload)
        seen = look(upload.data)
        if kind == "photo":
            _check_photo(seen)
        elif not sure:
            kind = _really(kind, seen, facts)
        return make(
            self._store,
            kind,
            upload.data,
            file_name=upload.name,
            mime_type=None,
            duration=facts.get("duration") or None,
            width=facts.get("width") or facts.get("length") or None,
            height=facts.get("height") or None,
            emoji=facts.get("emoji"),
            performer=facts.get("performer"),
            title=facts.get("title"),
            thumbnail=_thumbnail(facts.get("thumbnail")),
            spoiler=spoiler and kind in COVERABLE,
        )

    def _local(self, given: str) -> Upload | str:
        """A file on the server's own disk, which only a server in local mode reads."""
        if self._switches.local_files is None or not given.startswith("file:/"):
            return given
        path = Path(unquote(urlsplit(given).path))
        if not path.is_file():
            raise misuse("wrong file identifier/HTTP URL specified")
        data = path.read_bytes()
        return Upload(path.name, len(data), data)

    def _known(self, bot: SimBot, kind: Kind, given: object) -> Media:
        if not isinstance(given, str) or given.startswith("attach://"):
            raise misuse(f"there is no {kind.replace('_', ' ')} in the request")
        if given.startswith(("http://", "https://")):
            raise MisuseError(400, "Bad Request: failed to get HTTP URL content (nothing is fetched here)")
        file = self._store.named(bot, given)
        if file is None and self._store.known_to_anybody(given) is not None:
            raise misuse("wrong file identifier/HTTP URL specified")  # another bot's
        if file is None or file.media is None:
            raise bad_request("wrong file identifier/HTTP URL specified")
        if (file.media.kind == "photo") != (kind == "photo"):
            raise misuse(f"can't use file of type {_type(file.media.kind)} as {_type(kind)}")
        return file.media

    def _check_size(self, kind: Kind, upload: Upload) -> None:
        if not upload.size:
            raise misuse("file must be non-empty")
        if upload.size > (FILE_BYTES if self._switches.local_files is None else LOCAL_FILE_BYTES):
            raise MisuseError(413, "Request Entity Too Large")
        if kind == "photo" and upload.size > PHOTO_BYTES:
            raise misuse(
                f"file of size {upload.size} bytes is too big for a photo; the maximum size is {PHOTO_BYTES} bytes"
            )


def _check_photo(seen: Look) -> None:
    if not seen.is_picture:
        raise bad_request(_NO_PICTURE)
    short, long = sorted((seen.width, seen.height))
    if seen.width + seen.height > PHOTO_SIDES or long > short * PHOTO_RATIO:
        raise bad_request(_WRONG_SIDES)


def _really(kind: Kind, seen: Look, facts: Json) -> Kind:
    """As what a file arrives that was sent as `kind`."""
    match kind:
        case "voice":
            return "voice" if seen.mime == "audio/ogg" or seen.mime in _MUSIC else "document"
        case "audio":
            return "audio" if seen.mime in _MUSIC else "document"
        case "video":
            return "video" if seen.mime == "video/mp4" else "document"
        case "animation":
            return _moving(seen) or "document"
        case "video_note":
            return _round(seen, facts)
        case "sticker":
            return "sticker" if seen.mime in _STICKERS else "document"
        case "document":
            return "document" if facts.get("disable_content_type_detection") else _recognized(seen)
        case _:
            return kind


def _moving(seen: Look) -> Kind | None:
    if seen.mime == "image/gif":
        return "animation"
    if seen.mime == "video/mp4":
        return "video" if seen.has_sound else "animation"
    return None


def _round(seen: Look, facts: Json) -> Kind:
    if seen.mime != "video/mp4":
        return "document"
    square = seen.width == seen.height
    return "video_note" if square and (facts.get("duration") or seen.duration) <= VIDEO_NOTE_S else "video"


def _recognized(seen: Look) -> Kind:
    if seen.mime in _MUSIC:
        return "audio"
    if seen.mime == "image/webp" and max(seen.width, seen.height) == _STICKER_SIDE:
        return "sticker"
    return _moving(seen) or "document"


def _thumbnail(given: object) -> bytes | None:
    """The bytes of a usable thumbnail; others are ignored, as those are that came without an upload."""
    if not isinstance(given, Upload) or given.size > _THUMBNAIL_BYTES:
        return None
    seen = look(given.data)
    fits = seen.mime == "image/jpeg" and max(seen.width, seen.height) <= _THUMBNAIL_SIDE
    return given.data if fits else None


def _type(kind: Kind) -> str:
    """As TDLib calls it."""
    return _TYPES.get(kind, kind.title())
