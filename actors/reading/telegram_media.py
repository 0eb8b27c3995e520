"""What of a Telegram message amoCRM can show as itself: its file, its place on the map, its contact. Pure.

Owns as what each kind is shown, under which name and type. Everything else of a message is words (`describe`); words
stand also where the thing itself cannot be shown, and are part of what is made here.

A sticker is shown as a picture: as it is if it stands still (WebP, which browsers show), else by its thumbnail
(docs/decisions/0012). An animation is a video without sound; a real GIF is a picture.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from dealgram.actors.body_parts import Card, FileType, Point, Shown, TelegramFile
from dealgram.actors.reading.describe import kind_line, place_label, rich_body, venue_name
from dealgram.actors.reading.media_texts import file_in_words
from dealgram.actors.reading.message_links import message_link
from dealgram.gateways.telegram import CLOUD, Message
from dealgram.gateways.telegram.content import Audio, Document, File, Photo, Sticker, Video

NAME_LIMIT = 120
"""Characters of a file's name."""

_UNSAFE = re.compile(r"[\x00-\x1f\x7f/\\:*?\"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
"""What no file system takes, and signs that turn a name around so that it ends in something else."""


def shown_in(message: Message, size_limit: int = CLOUD.download) -> Shown | None:
    """What of a message is shown as itself; None if all of it is words.

    Args:
        size_limit: bytes of the largest file that can be fetched; decides only between sizes of one picture.
    """
    if not message.is_known:
        return None
    kind = message.kind
    if kind in ("location", "venue"):
        return _on_the_map(message)
    if kind == "contact":
        return _card(message)
    find = _FILES.get(kind)
    file = find(message, size_limit) if find is not None else None
    if file is None:
        return None
    line = file_in_words(kind_line(message) or "", file.size, message_link(message.chat, message.message_id))
    return Shown(file=file, instead=_lines(line, rich_body(message)))


def said_with(message: Message) -> str:
    """The words that go with what is shown as itself."""
    if message.kind == "venue":
        return venue_name(message)
    if message.kind == "location" and message.location is not None and message.location.live_period:
        return place_label(message)
    if message.kind == "sticker" and message.sticker is not None and _moves(message.sticker):
        return message.sticker.emoji
    return rich_body(message)


def file_key(message: Message) -> str | None:
    """What tells whether an edit replaced a message's file; also where the file is not shown."""
    shown = shown_in(message)
    return shown.file.unique_id or shown.file.file_id if shown is not None and shown.file is not None else None


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)


def _on_the_map(message: Message) -> Shown | None:
    place = message.venue.location if message.venue is not None else message.location
    if place is None:
        return None
    point = Point(longitude=place.longitude, latitude=place.latitude)
    where = f"{place.latitude:.6f}, {place.longitude:.6f}" if message.kind == "venue" else ""
    return Shown(point=point, instead=_lines(kind_line(message) or "", where))


def _card(message: Message) -> Shown | None:
    contact = message.contact
    if contact is None or not contact.phone_number.strip():
        return None
    name = f"{contact.first_name} {contact.last_name}".strip() or contact.phone_number
    return Shown(card=Card(name=name, phone=contact.phone_number), instead=kind_line(message) or "")


def _photo(message: Message, sizes: Sequence[Photo], size_limit: int) -> TelegramFile | None:
    if not sizes:
        return None
    largest_first = sorted(sizes, key=lambda size: size.width * size.height, reverse=True)
    fitting = (size for size in largest_first if (size.file_size or 0) <= size_limit)
    chosen = next(fitting, largest_first[0])
    return _file("picture", chosen, f"photo_{message.message_id}.jpg", "image/jpeg", unique=largest_first[0])


def _video(message: Message, video: Video | None, stem: str) -> TelegramFile | None:
    if video is None:
        return None
    mime = _mime(video.mime_type, "video/mp4")
    name = video.file_name or f"{stem}_{message.message_id}{_ending(mime, '.mp4')}"
    return _file("picture" if mime == "image/gif" else "video", video, name, mime, duration_s=video.duration)


def _audio(message: Message, audio: Audio | None, file_type: FileType) -> TelegramFile | None:
    if audio is None:
        return None
    mime = _mime(audio.mime_type, "audio/ogg" if file_type == "voice" else "audio/mpeg")
    track = " — ".join(part for part in (audio.performer, audio.title) if part)
    stem = track or f"{file_type}_{message.message_id}"
    name = audio.file_name or stem + _ending(mime, ".ogg" if file_type == "voice" else ".mp3")
    return _file(file_type, audio, name, mime, duration_s=audio.duration)


def _document(message: Message, document: Document | None) -> TelegramFile | None:
    if document is None:
        return None
    mime = _mime(document.mime_type, "application/octet-stream")
    name = document.file_name or f"file_{message.message_id}{_ending(mime, '')}"
    return _file("file", document, name, mime)


def _sticker(message: Message, sticker: Sticker | None) -> TelegramFile | None:
    if sticker is None:
        return None
    if not _moves(sticker):
        return _file("picture", sticker, f"sticker_{message.message_id}.webp", "image/webp")
    if sticker.thumbnail is None:
        return None
    return _file("picture", sticker.thumbnail, f"sticker_{message.message_id}.webp", "image/webp", unique=sticker)


def _moves(sticker: Sticker) -> bool:
    return sticker.is_animated or sticker.is_video


def _live_photo(message: Message, size_limit: int) -> TelegramFile | None:
    live = message.live_photo
    return _photo(message, live.photo, size_limit) if live is not None else None


_FILES: dict[str, Callable[[Message, int], TelegramFile | None]] = {
    "photo": lambda message, limit: _photo(message, message.photo, limit),
    "live_photo": _live_photo,
    "video": lambda message, _: _video(message, message.video, "video"),
    "animation": lambda message, _: _video(message, message.animation, "animation"),
    "video_note": lambda message, _: _video(message, message.video_note, "video_note"),
    "audio": lambda message, _: _audio(message, message.audio, "audio"),
    "voice": lambda message, _: _audio(message, message.voice, "voice"),
    "document": lambda message, _: _document(message, message.document),
    "sticker": lambda message, _: _sticker(message, message.sticker),
}


def _file(
    file_type: FileType, file: File, name: str, mime: str, *, duration_s: int = 0, unique: File | None = None
) -> TelegramFile:
    """``unique``: whose id tells the file from others, if not its own."""
    return TelegramFile(
        type=file_type,
        file_id=file.file_id,
        name=_clean(name),
        size=file.file_size,
        mime=mime,
        duration_s=duration_s or None,
        unique_id=(unique or file).file_unique_id,
    )


def _clean(name: str) -> str:
    """A name as it can be kept; its ending survives a cut."""
    name = _UNSAFE.sub("_", name).strip(" .") or "file"
    if len(name) <= NAME_LIMIT:
        return name
    stem, dot, ending = name.rpartition(".")
    if not dot or len(ending) > 10:
        return name[:NAME_LIMIT]
    return f"{stem[: NAME_LIMIT - len(ending) - 1]}.{ending}"


def _mime(given: str, usual: str) -> str:
    """The type that Telegram gives, if it is one."""
    given = given.strip().lower()
    return given if re.fullmatch(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,80}", given) else usual


def _ending(mime: str, usual: str) -> str:
    return _ENDINGS.get(mime, usual)


_ENDINGS = {
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
    "video/quicktime": ".mov",
    "video/webm": ".webm",
}
"""For the few files that come without a name."""
