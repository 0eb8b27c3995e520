"""What the bodies of outbox rows are made of: their base, and the values that several of them hold.

Stored in the transaction of a decision and read again after a crash, perhaps by a newer version: fields are only ever
added, with defaults.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import msgspec

FileType = Literal["picture", "video", "file", "voice", "audio", "sticker"]
"""How amoCRM shows a file (amoCRM contract §7)."""


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all bodies: encodes itself to the bytes of an outbox row."""

    kind: ClassVar[str]

    def encode(self) -> bytes:
        """The JSON bytes that are stored."""
        return msgspec.json.encode(self)


class Author(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who wrote a message in Telegram, as a chat participant in amoCRM. ``user_id`` is absent for the group itself."""

    id: str
    name: str
    user_id: int | None = None
    username: str | None = None


class Button(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An inline button: pressed (``data``) or opened (``url``)."""

    text: str
    data: str | None = None
    url: str | None = None


class TelegramFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file of a Telegram message, as amoCRM is to show it. ``size`` in bytes, ``duration_s`` in seconds.

    ``unique_id`` tells whether an edit replaced the file (Bot API: file_unique_id)."""

    type: FileType
    file_id: str
    name: str
    size: int | None = None
    mime: str = ""
    duration_s: int | None = None
    unique_id: str = ""


class AmoFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attachment of a manager's answer, where amoCRM keeps it. ``size`` in bytes."""

    type: FileType
    url: str
    name: str = ""
    size: int | None = None


class Point(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place on the map, in degrees."""

    longitude: float
    latitude: float


class Card(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A contact that was sent."""

    name: str
    phone: str


class Shown(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message has besides its text: at most one of these.

    ``instead`` is the whole message in words, the text included, for where the thing itself cannot be shown: the file
    is too large, nobody can fetch it from us, amoCRM refuses it.
    """

    file: TelegramFile | None = None
    point: Point | None = None
    card: Card | None = None
    instead: str = ""
