"""A file inside a message: which kind of message it makes and how the Message object shows it.

Owns the wire forms of photo, video, animation, document, audio, voice, video note and sticker (Bot API: the types of
those names). File ids differ from bot to bot, so every object is made for its reader. Promises: a photo comes in
several sizes whose files differ, smallest first, as in real life; an animation is a document as well.
"""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field, replace
from mimetypes import guess_type
from typing import Literal, get_args

from dealgram.sandbox.telegram.file_store import FileStore, SimFile
from dealgram.sandbox.telegram.sniffing import Look, look
from dealgram.sandbox.telegram.world import Json, SimBot

Kind = Literal["photo", "video", "animation", "document", "audio", "voice", "video_note", "sticker"]
KINDS: frozenset[str] = frozenset(get_args(Kind))
CAPTIONED = KINDS - {"video_note", "sticker"}
COVERABLE = frozenset({"photo", "video", "animation"})
"""Kinds that can have a spoiler."""

_FOLDERS = {
    "photo": "photos",
    "video": "videos",
    "animation": "animations",
    "document": "documents",
    "audio": "music",
    "voice": "voice",
    "video_note": "video_notes",
    "sticker": "stickers",
}
_EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/gif": "gif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "audio/ogg": "oga",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "application/x-tgsticker": "tgs",
    "application/pdf": "pdf",
    "application/zip": "zip",
}
_PHOTO_SIDES = (90, 320, 800)
_BIGGEST_PHOTO_SIDE = 1280
_THUMBNAIL_SIDE = 320
# A grey JPEG of one pixel: nobody looks at thumbnails here, but they must be pictures.
_SMALL_PICTURE = b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////"
    "////////wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z"
)


@dataclass(frozen=True, slots=True)
class Size:
    """One size of a picture."""

    file: SimFile
    width: int
    height: int

    def shown(self, viewer: SimBot | None) -> Json:
        return _ids(self.file, viewer) | {"width": self.width, "height": self.height, "file_size": self.file.size}


@dataclass(frozen=True, slots=True)
class Media:
    """`facts` are the fields that are the same for every reader (sides, duration, names)."""

    kind: Kind
    file: SimFile
    facts: Json = field(default_factory=dict)
    thumbnail: Size | None = None
    sizes: tuple[Size, ...] = ()
    spoiler: bool = False

    def fields(self, viewer: SimBot | None) -> Json:
        """The fields of Message (or ExternalReplyInfo) for this reader."""
        shown: Json
        if self.kind == "photo":
            shown = {"photo": [size.shown(viewer) for size in self.sizes]}
        else:
            shown = {self.kind: self._object(viewer)}
            if self.kind == "animation":
                both = ("file_name", "mime_type", "file_id", "file_unique_id", "file_size", "thumbnail")
                shown["document"] = {name: value for name, value in shown["animation"].items() if name in both}
        if self.spoiler:
            shown["has_media_spoiler"] = True
        return shown

    def uncovered(self, *, spoiler: bool = False) -> Media:
        """The same file as a message of its own."""
        return replace(self, spoiler=spoiler)

    def _object(self, viewer: SimBot | None) -> Json:
        shown = _ids(self.file, viewer) | {"file_size": self.file.size} | self.facts
        if self.thumbnail is not None:
            shown["thumbnail"] = self.thumbnail.shown(viewer)
        return shown


def make(
    store: FileStore,
    kind: Kind,
    data: bytes,
    *,
    file_name: str | None = None,
    mime_type: str | None = None,
    duration: int | None = None,
    size: int | None = None,
    width: int | None = None,
    height: int | None = None,
    emoji: str | None = None,
    performer: str | None = None,
    title: str | None = None,
    thumbnail: bytes | None = None,
    spoiler: bool = False,
) -> Media:
    """Stores the file and works out what Telegram would say of it; what is given goes before what the bytes say.

    `size` may claim more bytes than there are. Whether the kind fits the bytes is the business of whoever sends.
    """
    seen = look(data)
    mime = mime_type or _mime(kind, seen, file_name)
    extension = _extension(kind, mime, file_name)
    file = store.add(data, extension=extension, size=size, folder=_FOLDERS[kind], lasting=False)
    sides = (width or seen.width or 640, height or seen.height or 480)
    length = seen.duration if duration is None else duration
    if kind == "photo":
        picture = Media(kind, file, sizes=_sizes(store, file, *sides), spoiler=spoiler)
        for one in picture.sizes:
            one.file.media = picture
        return picture
    facts: Json = {}
    match kind:
        case "video" | "animation":
            facts = {"width": sides[0], "height": sides[1], "duration": length, "mime_type": mime}
        case "document":
            facts = {"mime_type": mime}
        case "audio":
            facts = {"duration": length, "mime_type": mime, "performer": performer, "title": title}
        case "voice":
            facts = {"duration": length, "mime_type": mime}
        case "video_note":
            facts = {"duration": length, "length": width or seen.width or 240}
        case "sticker":
            facts = _sticker(seen, emoji)
    if kind in ("video", "animation", "document", "audio"):
        facts["file_name"] = file_name
    small = _thumbnail(store, kind, seen, thumbnail)
    facts = {name: value for name, value in facts.items() if value is not None}
    file.media = Media(kind, file, facts, thumbnail=small, spoiler=spoiler)
    return file.media


def _ids(file: SimFile, viewer: SimBot | None) -> Json:
    return {"file_id": file.id_for(viewer), "file_unique_id": file.unique_id}


def _mime(kind: Kind, seen: Look, file_name: str | None) -> str:
    """A document is what its name says, everything else what its bytes say."""
    by_name = guess_type(file_name)[0] if file_name else None
    recognized = seen.mime if seen.mime != Look().mime else None
    first, second = (by_name, recognized) if kind == "document" else (recognized, by_name)
    return first or second or Look().mime


def _extension(kind: Kind, mime: str, file_name: str | None) -> str:
    if kind == "photo":
        return "jpg"
    tail = (file_name or "").rpartition(".")[2] if "." in (file_name or "") else ""
    return tail if tail.isascii() and tail.isalnum() else _EXTENSIONS.get(mime, "")


def _sizes(store: FileStore, file: SimFile, width: int, height: int) -> tuple[Size, ...]:
    """Smaller ones only, then the picture itself, no side of which is longer than Telegram keeps."""
    longest = max(width, height)
    smaller = [Size(_small(store), *_scaled(width, height, side)) for side in _PHOTO_SIDES if side < min(longest, 1280)]
    return (*smaller, Size(file, *_scaled(width, height, min(longest, _BIGGEST_PHOTO_SIDE))))


def _scaled(width: int, height: int, side: int) -> tuple[int, int]:
    longest = max(width, height)
    return max(1, width * side // longest), max(1, height * side // longest)


def _small(store: FileStore, data: bytes | None = None) -> SimFile:
    return store.add(data or _SMALL_PICTURE, folder="thumbnails", lasting=False)


def _thumbnail(store: FileStore, kind: Kind, seen: Look, given: bytes | None) -> Size | None:
    """Telegram makes one of pictures and of videos; for anything else there is one only if it was sent along."""
    if given is not None:
        shape = look(given)
        return Size(_small(store, given), shape.width or 1, shape.height or 1)
    if kind in ("video", "animation", "video_note", "sticker") or (kind == "document" and seen.width):
        return Size(_small(store), *_scaled(seen.width or 640, seen.height or 480, _THUMBNAIL_SIDE))
    return None


def _sticker(seen: Look, emoji: str | None) -> Json:
    return {
        "type": "regular",
        "width": seen.width or 512,
        "height": seen.height or 512,
        "is_animated": seen.mime == "application/x-tgsticker",
        "is_video": seen.mime == "video/webm",
        "emoji": emoji,
        "set_name": "everyday_stickers" if emoji else None,
    }
