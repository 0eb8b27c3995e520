"""What we send to the Chats API, and what it answers (amoCRM contract §6 to §8).

Frozen values that know how to become the JSON of the documentation. Checked when made: amoCRM types its JSON
strictly and answers 400 without saying why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

import msgspec

from dealgram.gateways.lenient import Int64


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatUser:
    """A participant: a client (our `id`), or a manager or the channel's bot (`ref_id` is the amojo id)."""

    id: str | None = None
    name: str = ""
    ref_id: str | None = None
    avatar: str | None = None
    profile_link: str | None = None
    phone: str | None = None
    email: str | None = None

    def __post_init__(self) -> None:
        if not self.id and not self.ref_id:
            raise ValueError("a participant needs an id or a ref_id")

    def to_json(self) -> dict[str, Any]:
        """The `sender` / `receiver` / `user` object; absent fields are left out."""
        profile = _present(phone=self.phone, email=self.email)
        return _present(
            id=self.id or None,
            ref_id=self.ref_id or None,
            name=self.name or None,
            avatar=self.avatar,
            profile=profile or None,
            profile_link=self.profile_link,
        )


class ContentType(StrEnum):
    """Message types of §7."""

    TEXT = "text"
    PICTURE = "picture"
    VIDEO = "video"
    FILE = "file"
    VOICE = "voice"
    AUDIO = "audio"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"


_NAMED_FILES = frozenset({ContentType.PICTURE, ContentType.VIDEO, ContentType.FILE})
_MEDIA = _NAMED_FILES | {ContentType.VOICE, ContentType.AUDIO, ContentType.STICKER}


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The `message` object. `media` is a URL that amoCRM downloads from us; sizes in bytes, durations in seconds."""

    type: ContentType = ContentType.TEXT
    text: str | None = None
    media: str | None = None
    file_name: str | None = None
    file_size: int | None = None
    media_duration_s: int | None = None
    sticker_id: str | None = None
    location: tuple[float, float] | None = None  # (longitude, latitude)
    contact: tuple[str, str] | None = None  # (name, phone)
    callback_data: str | None = None

    def __post_init__(self) -> None:
        missing = [name for name in self._required() if getattr(self, name) in (None, "")]
        if missing:
            raise ValueError(f"a message of type {self.type.value} needs {', '.join(missing)}")

    def _required(self) -> tuple[str, ...]:
        if self.type is ContentType.TEXT:
            return ("text",)
        if self.type in _NAMED_FILES:
            return ("media", "file_name", "file_size")
        if self.type in _MEDIA:
            return ("media",)
        return (self.type.value,)

    def to_json(self) -> dict[str, Any]:
        """The `message` object; absent fields are left out."""
        location = self.location and {"lon": float(self.location[0]), "lat": float(self.location[1])}
        contact = self.contact and {"name": self.contact[0], "phone": self.contact[1]}
        return _present(
            type=self.type.value,
            text=self.text,
            media=self.media,
            file_name=self.file_name,
            file_size=self.file_size,
            media_duration=self.media_duration_s,
            sticker_id=self.sticker_id,
            location=location,
            contact=contact,
            callback_data=self.callback_data,
        )


def text(value: str) -> Content:
    """A plain text message."""
    return Content(text=value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The message that is answered: amoCRM's `id` or our `msgid` if it is in the same chat, else its content."""

    amo_id: str | None = None
    msgid: str | None = None
    content: Content | None = None
    sender: ChatUser | None = None
    sent_at_ms: int | None = None

    def __post_init__(self) -> None:
        if not self.amo_id and not self.msgid and self.content is None:
            raise ValueError("a quote needs an amo_id, a msgid or the content")

    def to_json(self) -> dict[str, Any]:
        """The `message` inside `reply_to` or `forwards`."""
        return {
            **_present(id=self.amo_id, msgid=self.msgid),
            **(self.content.to_json() if self.content else {}),
            **_times(self.sent_at_ms),
            **_present(sender=self.sender and self.sender.to_json()),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMessage:
    """One message (§7). The participants decide the direction: no `receiver` means that the client writes.

    Attributes:
        msgid: our id; a repeat with the same one is not shown twice.
        sent_at_ms: Unix milliseconds.
        silent: no unsorted, no notification (imports).
        source_external_id: which bot, hence which pipeline.
    """

    msgid: str
    sender: ChatUser
    content: Content
    sent_at_ms: int
    conversation_id: str | None = None
    conversation_ref_id: str | None = None
    receiver: ChatUser | None = None
    silent: bool = False
    source_external_id: str | None = None
    reply_to: Quote | None = None
    forward: Quote | None = None

    def __post_init__(self) -> None:
        _need_conversation(self.conversation_id, self.conversation_ref_id)
        if not self.msgid:
            raise ValueError("a message needs a msgid: without it a retry would double it")

    def to_json(self) -> dict[str, Any]:
        """The whole request body."""
        payload: dict[str, Any] = {
            **_times(self.sent_at_ms),
            "msgid": self.msgid,
            **_present(conversation_id=self.conversation_id, conversation_ref_id=self.conversation_ref_id),
            "silent": self.silent,
            **_present(source={"external_id": self.source_external_id} if self.source_external_id else None),
            "sender": self.sender.to_json(),
            **_present(receiver=self.receiver and self.receiver.to_json()),
            "message": self.content.to_json(),
            **_present(reply_to=self.reply_to and {"message": self.reply_to.to_json()}),
            **_present(forwards=self.forward and {"messages": [self.forward.to_json()]}),
        }
        return {"event_type": "new_message", "payload": payload}


@dataclass(frozen=True, slots=True, kw_only=True)
class EditMessage:
    """New content of a message. With both ids, our `msgid` is bound to a message that was born in amoCRM."""

    content: Content
    sent_at_ms: int
    conversation_id: str | None = None
    conversation_ref_id: str | None = None
    msgid: str | None = None
    amo_id: str | None = None

    def __post_init__(self) -> None:
        _need_conversation(self.conversation_id, self.conversation_ref_id)
        if not self.msgid and not self.amo_id:
            raise ValueError("an edit needs a msgid or an amo_id")

    def to_json(self) -> dict[str, Any]:
        """The whole request body."""
        payload: dict[str, Any] = {
            **_times(self.sent_at_ms),
            **_present(msgid=self.msgid, id=self.amo_id),
            **_present(conversation_id=self.conversation_id, conversation_ref_id=self.conversation_ref_id),
            "message": self.content.to_json(),
        }
        return {"event_type": "edit_message", "payload": payload}


class DeliveryStatus(IntEnum):
    """§8. Telegram bots get no read receipts, so READ is for completeness."""

    DELIVERED = 1
    READ = 2
    ERROR = -1


class DeliveryError(IntEnum):
    """Codes that go with DeliveryStatus.ERROR; OTHER needs a text, which the manager sees."""

    CHAT_DELETED = 901
    INTEGRATION_OFF = 902
    INTERNAL = 903
    CANNOT_START = 904
    OTHER = 905


class CreatedChat(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to create_chat: the amojo uuid of the chat and of its participant."""

    id: str
    user_id: str | None = None


class SentMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Answer to send.

    Attributes:
        amo_id: amoCRM's id of the message; None only where amoCRM refused a repeat of a msgid that it already has.
        ref_id: our msgid.
        duplicate: amoCRM said that it has this msgid already.
        conversation_id: ours or an amojo uuid, depending on amoCRM's mood (§20 point 5): a hint at most.
    """

    amo_id: str | None
    ref_id: str
    duplicate: bool = False
    conversation_id: str | None = None
    sender_id: str | None = None


class HistoryUser(msgspec.Struct, frozen=True, kw_only=True):
    """A participant in the history; `client_id` is our id, absent for managers."""

    id: str | None = None
    client_id: str | None = None
    name: str | None = None


class HistoryContent(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the history; `client_id` is our msgid, absent for messages born in amoCRM."""

    id: str
    client_id: str | None = None
    type: str = "text"
    text: str = ""
    media: str = ""
    thumbnail: str = ""
    file_name: str = ""
    file_size: Int64 | None = None
    media_group_id: str | None = None


class HistoryItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a chat's history (§6); times are Unix seconds and milliseconds."""

    message: HistoryContent
    timestamp: Int64 = 0
    msec_timestamp: Int64 = 0
    sender: HistoryUser | None = None
    receiver: HistoryUser | None = None


def _times(sent_at_ms: int | None) -> dict[str, int]:
    return {} if sent_at_ms is None else {"timestamp": sent_at_ms // 1000, "msec_timestamp": sent_at_ms}


def _need_conversation(ours: str | None, theirs: str | None) -> None:
    if not ours and not theirs:
        raise ValueError("a message needs a conversation_id or a conversation_ref_id")


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
