"""As what a manager's attachment goes to Telegram: a photo, a video, a voice message, a file, … Pure.

Owns Telegram's limits on each kind (Bot API: sendPhoto and its like; telegram-facts §1.5). What amoCRM calls the
file says what is meant, its first bytes say what it is; where the two do not fit, it goes as a file, which takes
everything and changes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from dealgram.actors.answering.image_size import image_size
from dealgram.actors.body_parts import FileType
from dealgram.gateways.telegram import FileLimits

PHOTO_SIDES = 10_000
"""Pixels of width and height together."""
PHOTO_RATIO = 20
STICKER_BYTES = {"webp": 512 * 1024, "tgs": 64 * 1024, "webm": 256 * 1024}


class Kind(Enum):
    """The value is the part of the Bot API's names: ``sendPhoto``, the field ``photo``."""

    PHOTO = "photo"
    VIDEO = "video"
    ANIMATION = "animation"
    AUDIO = "audio"
    VOICE = "voice"
    STICKER = "sticker"
    DOCUMENT = "document"

    @property
    def album(self) -> str:
        """What may stand in one album with it: equal and not empty (Bot API: sendMediaGroup)."""
        return _ALBUMS.get(self, "")


_ALBUMS = {Kind.PHOTO: "seen", Kind.VIDEO: "seen", Kind.DOCUMENT: "files", Kind.AUDIO: "audio"}
MIMES = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "opus": "audio/ogg",
    "tgs": "application/x-tgsticker",
    "pdf": "application/pdf",
}
_MARK = re.compile(r"^[A-Za-z0-9]{5}_(?=.)")  # amoCRM's own, before the name
_ENDINGS = {"jpeg": "jpg", "opus": "ogg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """What a file is: how it is sent, its name and its MIME type."""

    kind: Kind
    name: str
    mime: str = "application/octet-stream"


def sort_file(declared: FileType, name: str, head: bytes, size: int, limits: FileLimits) -> Sorted:
    """Decide how a file is sent.

    Args:
        declared: what amoCRM calls it.
        name: its original name, kept; one that is missing is made up, with the ending that its bytes ask for.
        head: its first bytes.
        size: all of its bytes.
        limits: of photos; whoever asks has seen to the limit of uploads.
    """
    form = form_of(head, name)
    kind = _kind(declared, form, head, size, limits)
    ending = _ENDINGS.get(form, form)
    if not name:
        name = f"{_STEMS.get(kind, 'file')}.{ending}" if ending else "file"
    return Sorted(kind=kind, name=name, mime=MIMES.get(form, "application/octet-stream"))


_STEMS = {
    Kind.PHOTO: "photo",
    Kind.VIDEO: "video",
    Kind.ANIMATION: "animation",
    Kind.AUDIO: "audio",
    Kind.VOICE: "voice",
}


def name_in(url: str) -> str:
    """The name that an address ends with, for a hook that tells none (amoCRM contract §9); empty if it is no name."""
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    name = _MARK.sub("", last)
    return name if PurePosixPath(name).suffix and PurePosixPath(name).stem else ""


def form_of(head: bytes, name: str = "") -> str:
    """What the first bytes are, as a key of `MIMES`; empty for everything else. The name decides between containers."""
    ending = PurePosixPath(name.lower()).suffix.lstrip(".")
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[4:8] == b"ftyp":
        return _iso_form(head[8:12], ending)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head[:128] else ""
    if head.startswith(b"OggS"):
        return "opus" if b"OpusHead" in head[:128] else ""
    if head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "mp3"  # a tag, or the frame header of MPEG layer III
    if head.startswith(b"\x1f\x8b") and ending == "tgs":
        return "tgs"
    return "pdf" if head.startswith(b"%PDF-") else ""


def _iso_form(brand: bytes, ending: str) -> str:
    if brand in (b"M4A ", b"M4B ") or ending in ("m4a", "m4b"):
        return "m4a"
    if brand in (b"qt  ", b"heic", b"heix", b"mif1", b"avif", b"crx "):
        return ""  # QuickTime, and pictures that Telegram shows as files only
    return "mp4"


def _kind(declared: FileType, form: str, head: bytes, size: int, limits: FileLimits) -> Kind:
    match declared:
        case "sticker" if size <= STICKER_BYTES.get(form, 0):
            return Kind.STICKER
        case "picture" | "video" | "sticker":
            return _seen(form, head, size, limits)
        case "voice" | "audio":
            return _heard(form, declared)
        case _:
            return Kind.DOCUMENT


def _seen(form: str, head: bytes, size: int, limits: FileLimits) -> Kind:
    if form == "gif":
        return Kind.ANIMATION
    if form == "mp4":
        return Kind.VIDEO
    if form in ("jpeg", "png", "webp") and _is_photo(head, size, limits):
        return Kind.PHOTO
    return Kind.DOCUMENT


def _is_photo(head: bytes, size: int, limits: FileLimits) -> bool:
    """Within the limits of photos; one whose header does not say is left for Telegram to judge."""
    if size > limits.photo:
        return False
    sides = image_size(head)
    if sides is None:
        return True
    longer, shorter = max(sides), min(sides)
    return shorter > 0 and sum(sides) <= PHOTO_SIDES and longer <= shorter * PHOTO_RATIO


def _heard(form: str, declared: FileType) -> Kind:
    if form == "opus":
        return Kind.VOICE  # nothing else plays it
    if form in ("mp3", "m4a", "mp4"):  # M4A is MP4 with nothing to see, and not every recorder says so
        return Kind.VOICE if declared == "voice" else Kind.AUDIO
    return Kind.DOCUMENT
