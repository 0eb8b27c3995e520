"""A manager's answer from a deal card, as what goes to Telegram.

Owns how an answer becomes rows of the outbox: its text in parts that Telegram accepts, its file, its buttons. A text
that fits stays under its file; a longer one follows it whole, because a text that breaks off under a picture and goes
on below reads badly. What a robot says (Salesbot, a mass sending) waits behind what people say: it goes through a lane
of its own in the background, in order among itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from dealgram.actors import texts
from dealgram.actors.answering.answer_buttons import as_lines, lay_out
from dealgram.actors.answering.answer_quotes import Answered
from dealgram.actors.answering.attachment_texts import KINDS, REASON_UNKNOWN_KIND, forwarded_text
from dealgram.actors.answering.split_text import CAPTION_LIMIT, TEXT_LIMIT, split_text, utf16_length
from dealgram.actors.bodies import ReportStatus, SendAnswer
from dealgram.actors.body_parts import AmoFile, Button, FileType
from dealgram.actors.outbox import NewBody, background
from dealgram.actors.services import Services
from dealgram.gateways.amojo import MessageHook
from dealgram.persistence import users

NAME_LIMIT = 64

_GROUPED: frozenset[FileType] = frozenset({"picture", "video", "file", "audio"})
"""What Telegram shows as an album."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who wrote an answer. ``is_person``: a user of the account; else a robot, such as Salesbot."""

    name: str
    is_person: bool


def file_of(hook: MessageHook) -> AmoFile | None:
    """What is attached to an answer, or to the message that it forwards."""
    content = hook.content
    one = content if content.media else next((one for one in hook.forwarded if one.media), None)
    if one is None:
        return None
    kind: FileType = one.type if one.type in KINDS else "file"  # type: ignore[assignment]  # these are its names
    return AmoFile(type=kind, url=one.media, name=one.file_name, size=one.file_size or None)


def answer_text(hook: MessageHook, text: str | None = None, lines: tuple[str, ...] = ()) -> str:
    """The whole text of an answer: what was written (``text`` in its place), what was forwarded, further ``lines``."""
    parts = [hook.content.text.strip() if text is None else text]
    has_own_file = bool(hook.content.media)
    for one in hook.forwarded:
        parts.append(forwarded_text(one, with_file=not has_own_file))
        has_own_file = has_own_file or bool(one.media)
    parts.append("\n".join(lines))
    return "\n\n".join(part for part in parts if part)


async def read_writer(services: Services, account_id: int, hook: MessageHook) -> Writer:
    """Who answered: hooks seldom carry a name (amoCRM contract §9), the account's users do."""
    if hook.sender.id:
        user = await users.by_amojo(services.db, account_id, hook.sender.id)
        if user is not None:
            return Writer(name=user.name or hook.sender.name or texts.MANAGER, is_person=True)
    return Writer(name=hook.sender.name or texts.MANAGER, is_person=False)


def shown_name(name: str) -> str:
    """A name as it can stand before a text: one line, printable, of a sensible length; maybe empty."""
    return texts.short("".join(char if char.isprintable() else " " for char in name), NAME_LIMIT)


def send_answer(
    hook: MessageHook,
    *,
    chat_id: int,
    lane: str,
    writer: Writer,
    answered: Answered | None = None,
    deals: tuple[int, ...] = (),
    named: bool = False,
    text: str | None = None,
) -> tuple[NewBody, ...]:
    """The rows that carry an answer to a chat, one per message that it becomes; an empty answer is reported as such.

    Args:
        answered: what the answer answers.
        named: the writer's name stands before the text, if it is a person's.
        text: what was written, if not all of it is to be shown (see `albums.AlbumTexts`).
    """
    conversation = hook.conversation.client_id or ""
    laid = lay_out(hook.buttons, conversation)
    name = shown_name(writer.name) if named and writer.is_person else ""
    answered = answered or Answered()
    pieces = _pieces(hook, answer_text(hook, text, laid.lines), _first_room(name, answered.line), laid.rows)
    if not pieces:
        known = hook.content.type == "text" or hook.content.type in KINDS
        return (refuse(hook.content.id, texts.REASON_EMPTY if known else REASON_UNKNOWN_KIND),)
    template = hook.content.template
    speaks = next((number for number, piece in enumerate(pieces, 1) if not piece.is_sticker), 1)
    return tuple(
        NewBody(
            lane=lane if writer.is_person else background(lane),
            body=SendAnswer(
                chat_id=chat_id,
                conversation=conversation,
                amo_id=hook.content.id,
                text=piece.text,
                sent_at_ms=hook.sent_at_ms,
                manager=hook.sender.id or "",
                manager_name=writer.name,
                reply_to_message_id=answered.message_id if number == speaks else None,
                part=number,
                parts=len(pieces),
                deals=deals,
                shown_name=name if number == speaks else "",
                buttons=laid.rows if number == len(pieces) else (),
                template=template.external_id if template is not None else None,
                background=not writer.is_person,
                media=piece.file,
                album=piece.album,
                quote=answered.quote if number == speaks else "",
                quoted=answered.line if number == speaks else "",
                answered=answered.amo_id if number == speaks else "",
            ),
        )
        for number, piece in enumerate(pieces, 1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """One message that an answer becomes."""

    text: str = ""
    file: AmoFile | None = None
    album: str = ""

    @property
    def is_sticker(self) -> bool:
        return self.file is not None and self.file.type == "sticker"


def _pieces(hook: MessageHook, whole: str, taken: int, buttons: tuple[tuple[Button, ...], ...]) -> tuple[_Piece, ...]:
    """The messages of an answer. ``taken``: the room that what stands before the text takes in the first of them."""
    file = file_of(hook)
    if file is None:
        whole = whole or (texts.CHOOSE if buttons else "")
        return tuple(_Piece(text=part) for part in split_text(whole, first_limit=TEXT_LIMIT - taken))
    album = (hook.content.media_group_id or "") if file.type in _GROUPED else ""
    fits = utf16_length(whole) <= CAPTION_LIMIT - taken and not (album and buttons)
    if not whole and album and buttons:
        whole = texts.CHOOSE  # an album has no buttons of its own
    if not whole or (fits and file.type != "sticker"):
        return (_Piece(text=whole, file=file, album=album),)
    first = TEXT_LIMIT - taken if file.type == "sticker" else TEXT_LIMIT
    return (
        _Piece(file=file, album=album),
        *(_Piece(text=part) for part in split_text(whole, first_limit=first)),
    )


def _first_room(name: str, line: str) -> int:
    """What the name and a line about what is answered may take of the first message."""
    return utf16_length(name_prefix(name)) + (utf16_length(line) + 1 if line else 0)


def answer_parts_again(body: SendAnswer, lane: str) -> tuple[NewBody, ...]:
    """The rows for the last part of an answer whose buttons Telegram refused: they stand in the text instead."""
    lines = "\n".join(as_lines(body.buttons))
    whole = "\n\n".join(part for part in (body.text, lines) if part)
    taken = _first_room(body.shown_name, body.quoted)
    pieces: list[tuple[str, AmoFile | None]] = []
    if body.media is not None and utf16_length(whole) <= CAPTION_LIMIT - taken and body.media.type != "sticker":
        pieces = [(whole, body.media)]
    elif body.media is not None:
        pieces = [(body.text, body.media), *((part, None) for part in split_text(lines))]
    else:
        pieces = [(part, None) for part in split_text(whole, first_limit=TEXT_LIMIT - taken)]
    return tuple(
        NewBody(
            lane=lane,
            body=msgspec.structs.replace(
                body,
                text=text,
                media=file,
                buttons=(),
                part=body.part + index,
                parts=body.part - 1 + len(pieces),
                shown_name=body.shown_name if index == 0 else "",
                reply_to_message_id=body.reply_to_message_id if index == 0 else None,
                quote=body.quote if index == 0 else "",
                quoted=body.quoted if index == 0 else "",
                answered=body.answered if index == 0 else "",
            ),
        )
        for index, (text, file) in enumerate(pieces)
    )


def name_prefix(name: str) -> str:
    """What stands before the text of an answer."""
    return f"{name}: " if name else ""


def refuse(amo_id: str, reason: str, error_code: int | None = None, *, in_background: bool = False) -> NewBody:
    """Tell the manager that an answer was not delivered, and why."""
    status = ReportStatus(amo_id=amo_id, delivered=False, error_code=error_code, reason=reason)
    return report(status, in_background=in_background)


def report(status: ReportStatus, *, in_background: bool = False) -> NewBody:
    """A status in a lane of its own: one that amoCRM does not know yet holds up no other."""
    lane = f"status-{status.amo_id}"
    return NewBody(lane=background(lane) if in_background else lane, body=status)
