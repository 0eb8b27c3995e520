"""What may stand under a message of the bot: inline buttons, or the question for a reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from telegram import ForceReply, InlineKeyboardButton, InlineKeyboardMarkup


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """An inline button: `data` (1 to 64 bytes) comes back in a callback query; or `url` is opened."""

    text: str
    data: str | None = None
    url: str | None = None

    def __post_init__(self) -> None:
        if (self.data is None) == (self.url is None):
            raise ValueError("a button needs either data or url")
        if self.data is not None and not 1 <= len(self.data.encode()) <= 64:
            raise ValueError("button data must be 1 to 64 bytes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyboard:
    """Inline buttons in rows."""

    rows: tuple[tuple[Key, ...], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As the Bot API has it (InlineKeyboardMarkup)."""
        return {"inline_keyboard": [[_key(key) for key in row] for row in self.rows]}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskReply:
    """Opens the reply box (Bot API: ForceReply); `selective`: only for the person answered or mentioned."""

    placeholder: str | None = None
    selective: bool = True


Markup = Keyboard | AskReply


def as_markup(markup: Markup | None) -> InlineKeyboardMarkup | ForceReply | None:
    """As python-telegram-bot has it."""
    if isinstance(markup, AskReply):
        return ForceReply(selective=markup.selective, input_field_placeholder=markup.placeholder)
    return as_keyboard(markup)


def as_keyboard(keyboard: Keyboard | None) -> InlineKeyboardMarkup | None:
    """As python-telegram-bot has it."""
    if keyboard is None or not keyboard.rows:
        return None  # an edit without a keyboard takes the old one off
    rows = [
        [InlineKeyboardButton(key.text, callback_data=key.data, url=key.url) for key in row] for row in keyboard.rows
    ]
    return InlineKeyboardMarkup(rows)


def _key(key: Key) -> dict[str, str]:
    return {"text": key.text, **({"url": key.url} if key.url is not None else {"callback_data": key.data or ""})}
