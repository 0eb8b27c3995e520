"""A file in a message as the page shows it: what kind, where its bytes are, what it is called. Pure."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

_FIELDS = ("animation", "video", "video_note", "voice", "audio", "document", "sticker")
_IMAGES = frozenset({"photo", "picture", "sticker"})
_SOUNDS = frozenset({"voice", "audio"})
_FILMS = frozenset({"video", "animation", "video_note"})


def media_of(message: Json) -> Json | None:
    """The file of a Telegram message; None without one."""
    if message.get("photo"):
        return _media("photo", message["photo"][-1])
    for field in _FIELDS:
        if field in message:
            return _media(field, message[field])
    return None


def _media(kind: str, file: Json) -> Json:
    is_still = kind != "sticker" or not (file.get("is_animated") or file.get("is_video"))
    is_film = kind in _FILMS or (kind == "sticker" and bool(file.get("is_video")))
    return {
        "kind": kind,
        "show": _show(kind, is_picture=kind in _IMAGES and is_still, is_film=is_film),
        "url": f"/files/telegram/{file['file_id']}",
        "name": file.get("file_name") or file.get("title") or "",
        "size": file.get("file_size"),
        "duration": file.get("duration"),
        "emoji": file.get("emoji", ""),
    }


def media_of_item(account_id: int, amo_id: str, *, kind: str, name: str, size: int | None, has_bytes: bool) -> Json:
    """The file of a message in amoCRM; without bytes (too large, or not fetched yet) only its facts."""
    show = _show(kind, is_picture=kind in _IMAGES, is_film=kind in _FILMS)
    return {
        "kind": kind,
        "show": show if has_bytes else "file",
        "url": f"/files/amocrm/{account_id}/{amo_id}" if has_bytes else None,
        "name": name,
        "size": size,
        "duration": None,
        "emoji": "",
    }


def _show(kind: str, *, is_picture: bool, is_film: bool) -> str:
    """How a browser shows it."""
    return "image" if is_picture else "video" if is_film else "audio" if kind in _SOUNDS else "file"
