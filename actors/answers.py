"""A manager's answer from a deal card, as what goes to Telegram.

Text messages in full; for a message of another kind its caption and a line that says what it is and where it lies, so
that nothing is silently missing.
"""

from __future__ import annotations

from dealgram.actors import texts
from dealgram.actors.bodies import ReportStatus, SendAnswer
from dealgram.actors.outbox import NewBody
from dealgram.actors.services import Services
from dealgram.actors.split_text import split_text
from dealgram.gateways.amojo import MessageHook
from dealgram.persistence import messages, users

_KINDS = {
    "picture": "🖼 Изображение",
    "video": "🎬 Видео",
    "voice": "🎤 Голосовое сообщение",
    "audio": "🎵 Аудио",
    "sticker": "🙂 Стикер",
    "file": "📎 Файл",
}


def answer_text(hook: MessageHook) -> str:
    """The whole text of an answer: what was written, then what was attached, then the links of its buttons."""
    content = hook.content
    lines = [content.text.strip()]
    if content.media:
        name = f": {content.file_name}" if content.file_name else ""
        lines.append(f"{_KINDS.get(content.type, _KINDS['file'])}{name}\n{content.media}")
    buttons = [button for row in hook.buttons for button in row]
    if buttons:
        lines.append("\n".join(f"▫️ {button.text}" + (f": {button.url}" if button.url else "") for button in buttons))
    return "\n\n".join(line for line in lines if line)


async def manager_name(services: Services, account_id: int, hook: MessageHook) -> str:
    """The name of whoever answered: hooks seldom carry it (amoCRM contract §9), the account's users do."""
    if hook.sender.id:
        user = await users.by_amojo(services.db, account_id, hook.sender.id)
        if user is not None and user.name:
            return user.name
    return hook.sender.name or texts.MANAGER


async def replied_message(services: Services, account_id: int, hook: MessageHook, chat_id: int) -> int | None:
    """The Telegram message that the manager answers, if it stands in the chat the answer goes to."""
    quoted = hook.quoted
    if quoted is None:
        return None
    found = await messages.by_amo(services.db, account_id, quoted.id) if quoted.id else None
    if found is None and quoted.msgid and hook.conversation.client_id:
        found = await messages.by_msgid(services.db, account_id, hook.conversation.client_id, quoted.msgid)
    return found.message_id if found is not None and found.chat_id == chat_id else None


def send_answer(
    hook: MessageHook,
    *,
    chat_id: int,
    lane: str,
    manager_name: str,
    reply_to_message_id: int | None,
    deals: tuple[int, ...] = (),
) -> tuple[NewBody, ...]:
    """The rows that carry an answer to a chat, one per part of a long text; an empty answer is reported as such."""
    parts = split_text(answer_text(hook))
    if not parts:
        return (refuse(hook.content.id, texts.REASON_EMPTY),)
    return tuple(
        NewBody(
            lane=lane,
            body=SendAnswer(
                chat_id=chat_id,
                conversation=hook.conversation.client_id or "",
                amo_id=hook.content.id,
                text=part,
                sent_at_ms=hook.sent_at_ms,
                manager=hook.sender.id or "",
                manager_name=manager_name,
                reply_to_message_id=reply_to_message_id if number == 1 else None,
                part=number,
                parts=len(parts),
                deals=deals,
            ),
        )
        for number, part in enumerate(parts, 1)
    )


def refuse(amo_id: str, reason: str, error_code: int | None = None) -> NewBody:
    """Tell the manager that an answer was not delivered, and why."""
    return report(ReportStatus(amo_id=amo_id, delivered=False, error_code=error_code, reason=reason))


def report(status: ReportStatus) -> NewBody:
    """A status in a lane of its own: one that amoCRM does not know yet holds up no other."""
    return NewBody(lane=f"status-{status.amo_id}", body=status)
