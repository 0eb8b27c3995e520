"""A manager's answer from a deal card, as what goes to Telegram.

Text messages in full; for a message of another kind its caption and a line that says what it is and where it lies, so
that nothing is silently missing. What a robot says (Salesbot, a mass sending) waits behind what people say: it goes
through a lane of its own in the background, in order among itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from dealgram.actors import texts
from dealgram.actors.answer_buttons import as_lines, lay_out
from dealgram.actors.bodies import ReportStatus, SendAnswer
from dealgram.actors.outbox import NewBody, background
from dealgram.actors.services import Services
from dealgram.actors.split_text import TEXT_LIMIT, split_text, utf16_length
from dealgram.gateways.amojo import MessageHook
from dealgram.persistence import messages, users

NAME_LIMIT = 64

_ALBUMS_REMEMBERED = 64
_KINDS = {
    "picture": "🖼 Изображение",
    "video": "🎬 Видео",
    "voice": "🎤 Голосовое сообщение",
    "audio": "🎵 Аудио",
    "sticker": "🙂 Стикер",
    "file": "📎 Файл",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Who wrote an answer. ``is_person``: a user of the account; else a robot, such as Salesbot."""

    name: str
    is_person: bool


class Albums:
    """Several attachments of one answer come as several hooks (amoCRM contract §9). A text that each of them repeats
    is shown once. Memory of the last few only: forgetting shows a text again, it never loses one."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[str, str], tuple[str, str]] = OrderedDict()

    def text_of(self, hook: MessageHook) -> str:
        """The text of an answer, empty if an earlier hook of the same album said it."""
        content = hook.content
        text = content.text.strip()
        if not content.media_group_id or not text:
            return text
        key = (hook.conversation.id, content.media_group_id)
        said, by = self._texts.setdefault(key, (text, content.id))
        self._texts.move_to_end(key)
        if len(self._texts) > _ALBUMS_REMEMBERED:
            self._texts.popitem(last=False)
        return "" if content.media and said == text and by != content.id else text


def answer_text(hook: MessageHook, text: str | None = None, lines: tuple[str, ...] = ()) -> str:
    """The whole text of an answer: what was written (``text`` in its place), what was attached, further ``lines``."""
    content = hook.content
    parts = [content.text.strip() if text is None else text]
    if content.media:
        name = f": {content.file_name}" if content.file_name else ""
        parts.append(f"{_KINDS.get(content.type, _KINDS['file'])}{name}\n{content.media}")
    parts.append("\n".join(lines))
    return "\n\n".join(part for part in parts if part)


async def read_writer(services: Services, account_id: int, hook: MessageHook) -> Writer:
    """Who answered: hooks seldom carry a name (amoCRM contract §9), the account's users do."""
    if hook.sender.id:
        user = await users.by_amojo(services.db, account_id, hook.sender.id)
        if user is not None:
            return Writer(name=user.name or hook.sender.name or texts.MANAGER, is_person=True)
    return Writer(name=hook.sender.name or texts.MANAGER, is_person=False)


async def replied_message(services: Services, account_id: int, hook: MessageHook, chat_id: int) -> int | None:
    """The Telegram message that the manager answers, if it stands in the chat the answer goes to."""
    quoted = hook.quoted
    if quoted is None:
        return None
    found = await messages.by_amo(services.db, account_id, quoted.id) if quoted.id else None
    if found is None and quoted.msgid and hook.conversation.client_id:
        found = await messages.by_msgid(services.db, account_id, hook.conversation.client_id, quoted.msgid)
    return found.message_id if found is not None and found.chat_id == chat_id else None


def shown_name(name: str) -> str:
    """A name as it can stand before a text: one line, printable, of a sensible length; maybe empty."""
    return texts.short("".join(char if char.isprintable() else " " for char in name), NAME_LIMIT)


def send_answer(
    hook: MessageHook,
    *,
    chat_id: int,
    lane: str,
    writer: Writer,
    reply_to_message_id: int | None,
    deals: tuple[int, ...] = (),
    named: bool = False,
    text: str | None = None,
) -> tuple[NewBody, ...]:
    """The rows that carry an answer to a chat, one per part of a long text; an empty answer is reported as such.

    Args:
        named: the writer's name stands before the text, if it is a person's.
        text: what was written, if not all of it is to be shown (see :class:`Albums`).
    """
    conversation = hook.conversation.client_id or ""
    laid = lay_out(hook.buttons, conversation)
    whole = answer_text(hook, text, laid.lines) or (texts.CHOOSE if laid.rows else "")
    name = shown_name(writer.name) if named and writer.is_person else ""
    parts = split_text(whole, first_limit=TEXT_LIMIT - utf16_length(name_prefix(name)))
    if not parts:
        return (refuse(hook.content.id, texts.REASON_EMPTY),)
    template = hook.content.template
    return tuple(
        NewBody(
            lane=lane if writer.is_person else background(lane),
            body=SendAnswer(
                chat_id=chat_id,
                conversation=conversation,
                amo_id=hook.content.id,
                text=part,
                sent_at_ms=hook.sent_at_ms,
                manager=hook.sender.id or "",
                manager_name=writer.name,
                reply_to_message_id=reply_to_message_id if number == 1 else None,
                part=number,
                parts=len(parts),
                deals=deals,
                shown_name=name if number == 1 else "",
                buttons=laid.rows if number == len(parts) else (),
                template=template.external_id if template is not None else None,
                background=not writer.is_person,
            ),
        )
        for number, part in enumerate(parts, 1)
    )


def answer_parts_again(body: SendAnswer, lane: str) -> tuple[NewBody, ...]:
    """The rows for the last part of an answer whose buttons Telegram refused: they stand in the text instead."""
    whole = "\n\n".join((body.text, "\n".join(as_lines(body.buttons))))
    parts = split_text(whole, first_limit=TEXT_LIMIT - utf16_length(name_prefix(body.shown_name)))
    return tuple(
        NewBody(
            lane=lane,
            body=msgspec.structs.replace(
                body,
                text=part,
                buttons=(),
                part=body.part + index,
                parts=body.part - 1 + len(parts),
                shown_name=body.shown_name if index == 0 else "",
                reply_to_message_id=body.reply_to_message_id if index == 0 else None,
            ),
        )
        for index, part in enumerate(parts)
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
