"""Sending files: the Bot API's methods with an upload, over our own transport.

python-telegram-bot holds a whole file in memory; here the form is streamed from where the file was spooled. Uploads
have connections of their own, so that a message never waits for a file, and more time the larger they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import orjson

from dealgram.gateways.errors import OutcomeUnknown
from dealgram.gateways.multipart import FilePart, Multipart
from dealgram.gateways.spool import Spool
from dealgram.gateways.telegram.bot import read_success
from dealgram.gateways.telegram.errors import SERVICE
from dealgram.gateways.telegram.keyboards import Keyboard
from dealgram.gateways.telegram.replies import SentMessage
from dealgram.gateways.transport import HttpTransport

MediaKind = Literal["photo", "video", "animation", "audio", "voice", "sticker", "document"]

GENERAL_TOPIC = 1  # has messages with this thread id, but refuses it in a send (telegram-facts §1.6)
_BASE_DEADLINE_S = 60.0
_SLOWEST_BYTES_PER_S = 64 * 1024
_METHODS: dict[MediaKind, str] = {
    "photo": "sendPhoto",
    "video": "sendVideo",
    "animation": "sendAnimation",
    "audio": "sendAudio",
    "voice": "sendVoice",
    "sticker": "sendSticker",
    "document": "sendDocument",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OutFile:
    """A file to upload, or one that Telegram has already under ``file_id``, which is good for one bot and one kind.

    ``facts`` are the method's own further fields (width, height, duration, …)."""

    kind: MediaKind
    name: str
    data: Spool | None = None
    file_id: str = ""
    mime: str = "application/octet-stream"
    facts: Mapping[str, int | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Words under a file, at most 1024 characters; so many UTF-16 units at the beginning are bold."""

    text: str = ""
    bold: int = 0

    def fields(self) -> dict[str, Any]:
        """As the Bot API has them."""
        if not self.text:
            return {}
        bold = {"caption_entities": [{"type": "bold", "offset": 0, "length": self.bold}]} if self.bold else {}
        return {"caption": self.text, **bold}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyTo:
    """A message of the same chat that is answered.

    Attributes:
        quote: the stretch of it that is quoted, letter by letter; empty for all of it.
        must_exist: refuse (reason "reply_not_found") when it is gone, instead of sending without it.
    """

    message_id: int
    quote: str = ""
    must_exist: bool = False

    def fields(self) -> dict[str, Any]:
        """As the Bot API has them (ReplyParameters)."""
        fields: dict[str, Any] = {"message_id": self.message_id}
        if not self.must_exist:
            fields["allow_sending_without_reply"] = True
        return fields | ({"quote": self.quote} if self.quote else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that was sent, and Telegram's id of its file; empty if there is none by which it can be sent again."""

    message_id: int
    kind: MediaKind | None = None
    file_id: str = ""


class MediaCalls:
    """The uploading methods of one bot."""

    def __init__(self, base_url: str, transport: HttpTransport) -> None:
        """``base_url`` with the token: it is never shown."""
        self._base_url = base_url
        self._transport = transport

    def __repr__(self) -> str:
        """Without the address, which holds the token."""
        return "MediaCalls()"

    async def send(
        self,
        chat_id: int,
        file: OutFile,
        *,
        caption: Caption = Caption(),
        reply: ReplyTo | None = None,
        keyboard: Keyboard | None = None,
        thread: int | None = None,
        silent: bool = False,
    ) -> Sent:
        """Sends one file. Stickers have no caption.

        Raises:
            OutcomeUnknown: it may have been sent. Never repeat this blindly: there is no idempotency key.
        """
        fields = _common(chat_id, reply, thread, silent=silent) | dict(file.facts)
        if file.kind != "sticker":
            fields |= caption.fields()
        if keyboard is not None and keyboard.rows:
            fields["reply_markup"] = keyboard.to_json()
        parts = _parts(file, file.kind)
        if not parts:
            fields[file.kind] = file.file_id
        raw = await self._upload(_METHODS[file.kind], fields, parts)
        return _sent(_read(raw, SentMessage, _METHODS[file.kind]), file)

    async def send_album(
        self,
        chat_id: int,
        files: Sequence[tuple[OutFile, Caption]],
        *,
        reply: ReplyTo | None = None,
        thread: int | None = None,
        silent: bool = False,
    ) -> tuple[Sent, ...]:
        """Sends 2 to 10 files as one album; returns their messages in order. Buttons are not possible.

        Raises:
            OutcomeUnknown: as in `send`; also when Telegram answers with another number of messages.
        """
        media: list[dict[str, Any]] = []
        parts: list[FilePart] = []
        for number, (file, caption) in enumerate(files):
            name = f"file{number}"
            upload = _parts(file, name)
            source = f"attach://{name}" if upload else file.file_id
            media.append({"type": file.kind, "media": source, **file.facts, **caption.fields()})
            parts += upload
        fields = _common(chat_id, reply, thread, silent=silent) | {"media": media}
        raw = await self._upload("sendMediaGroup", fields, parts)
        sent: list[SentMessage] = _read(raw, list[SentMessage], "sendMediaGroup")
        if len(sent) != len(files):
            raise OutcomeUnknown("an album of another length came back", service=SERVICE, operation="sendMediaGroup")
        return tuple(_sent(one, file) for one, (file, _) in zip(sent, files, strict=True))

    async def _upload(self, method: str, fields: Mapping[str, Any], files: Sequence[FilePart]) -> bytes:
        form = Multipart({name: _as_text(value) for name, value in fields.items()}, files)
        answer = await self._transport.request(
            method,
            "POST",
            f"{self._base_url}/{method}",
            headers={"Content-Type": form.content_type},
            content=form,
            deadline_s=_BASE_DEADLINE_S + form.length / _SLOWEST_BYTES_PER_S,
            repeatable=False,
        )
        return read_success(answer, method, repeatable=False)


def _common(chat_id: int, reply: ReplyTo | None, thread: int | None, *, silent: bool) -> dict[str, Any]:
    fields: dict[str, Any] = {"chat_id": chat_id}
    if thread is not None and thread != GENERAL_TOPIC:
        fields["message_thread_id"] = thread
    if reply is not None:
        fields["reply_parameters"] = reply.fields()
    if silent:
        fields["disable_notification"] = True
    return fields


def _parts(file: OutFile, field: str) -> tuple[FilePart, ...]:
    if file.data is None:
        return ()
    return (FilePart(field=field, name=file.name, data=file.data, mime=file.mime),)


def _sent(message: SentMessage, file: OutFile) -> Sent:
    return Sent(message_id=message.message_id, kind=file.kind, file_id=message.file_id(file.kind))


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _read(raw: bytes, kind: type[Any], method: str) -> Any:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError):
        detail = "the result is not what the Bot API promises"
        raise OutcomeUnknown(detail, service=SERVICE, operation=method) from None
