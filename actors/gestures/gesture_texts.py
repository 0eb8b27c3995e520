"""What cards say about reactions where a reaction itself cannot be shown. Russian, plain text."""

from __future__ import annotations

from dealgram.actors.texts import short

PAID = "⭐"
"""The nearest emoji of a paid reaction."""
CUSTOM = "особый эмодзи"
"""A custom emoji of which nobody knows what it stands for."""

EXCERPT_LIMIT = 60

_REASONS = {
    "reaction_invalid": "в этом чате такие реакции выключены",
    "message_not_found": "сообщения в Telegram больше нет",
    "no_rights": "у бота нет права ставить реакции",
    "chat_restricted": "у бота нет права ставить реакции",
    "blocked": "клиент остановил бота",
    "never_started": "клиент остановил бота",
    "deactivated": "аккаунт клиента в Telegram удалён",
    "kicked": "бота нет в группе",
    "not_member": "бота нет в группе",
}
NOT_A_REACTION = "среди реакций Telegram её нет"
LEFT_BEHIND = "сообщение осталось в прежней группе, до её превращения в супергруппу"
TOO_LONG_A_WAIT = "Telegram просит бота подождать слишком долго"


def reacted_line(name: str, reaction: str, excerpt: str) -> str:
    """Somebody in Telegram reacted. ``name`` is empty where the card names them; ``excerpt`` where it is not known."""
    said = f"{name}: реакция {reaction}" if name else f"Реакция {reaction}"
    return said + _on(excerpt)


def not_shown_line(name: str, reaction: str, excerpt: str, reason: str) -> str:
    """A manager's reaction that does not stand in Telegram."""
    return f"⚠️ Реакция {reaction}{_on(excerpt)} ({name}) в Telegram не показана: {reason}"


def reason(code: str, detail: str) -> str:
    """Why Telegram does not take a reaction; ``detail`` is its own word for what we have none for."""
    return _REASONS.get(code) or f"Telegram ответил «{short(detail, EXCERPT_LIMIT)}»"


def _on(excerpt: str) -> str:
    flat = " ".join(excerpt.split())
    return f" на «{short(flat, EXCERPT_LIMIT)}»" if flat else ""
