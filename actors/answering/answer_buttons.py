"""The buttons of an answer (Salesbot, templates): as an inline keyboard under it, and as what a press of one means.

Owns what fits under a Telegram message; what does not, and a link that nobody should be led to, becomes a line of the
text, so that nothing is silently missing. A text button's callback data holds its number and the conversation it came
from; what it says is read from the pressed message itself, whose buttons only our bot can have written. The data never
reads as a press of the group menu, nor the other way round.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from dealgram.actors.body_parts import Button
from dealgram.actors.names import Conversation, parse_conversation
from dealgram.gateways.amojo import Button as HookButton
from dealgram.gateways.telegram import CallbackQuery, InlineKeyboard

MAX_BUTTONS = 100
MAX_PER_ROW = 8
MAX_TEXT = 256
MAX_URL = 1024
MAX_BYTES = 8000
"""Of all texts and addresses together: Telegram refuses keyboards of some 10 KB (REPLY_MARKUP_TOO_LONG)."""

_DATA_BYTES = 64
_SAY = re.compile(r"say:(\d{1,3})(?::([a-z0-9-]{1,58}))?")
_TG_URL = re.compile(r"tg://[a-z_]{2,32}(?:\?[^\s]*)?", re.IGNORECASE)
_HOST = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)+[^\W\d_][\w-]{1,62}\.?|\d{1,3}(?:\.\d{1,3}){3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """Buttons laid out: ``rows`` under the message, ``lines`` for its text."""

    rows: tuple[tuple[Button, ...], ...] = ()
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """A text button of an answer was pressed. ``conversation``: where the answer came from, if the data could hold it;
    ``links``: the buttons of the message that are no answers."""

    index: int
    text: str
    conversation: Conversation | None
    links: tuple[tuple[Button, ...], ...]


def lay_out(buttons: Sequence[Sequence[HookButton]], conversation: str) -> Laid:
    """Lay the buttons of a hook out under a message of ``conversation``."""
    rows: list[tuple[Button, ...]] = []
    lines: list[str] = []
    count = used = 0
    for row in buttons:
        keys: list[Button] = []
        for button in row:
            text = _one_line(button.text)
            url = button.url.strip() if button.url else ""
            if not text and not url:
                continue
            size = len(text.encode()) + len(url.encode())
            fits = text and len(text) <= MAX_TEXT and count < MAX_BUTTONS and used + size <= MAX_BYTES
            if not fits or (url and not is_safe_url(url)):
                lines.append(as_line(text, url))
                continue
            keys.append(Button(text=text, url=url) if url else Button(text=text, data=_data(count, conversation)))
            count += 1
            used += size
        rows += [tuple(keys[start : start + MAX_PER_ROW]) for start in range(0, len(keys), MAX_PER_ROW)]
    return Laid(rows=tuple(rows), lines=tuple(lines))


def as_line(text: str, url: str | None) -> str:
    """A button as a line of text."""
    return f"▫️ {text or url}" + (f": {url}" if url and text else "")


def as_lines(rows: Sequence[Sequence[Button]]) -> tuple[str, ...]:
    """A whole keyboard as lines of text."""
    return tuple(as_line(button.text, button.url) for row in rows for button in row)


def is_safe_url(url: str) -> bool:
    """Whether an address may stand on a button: http, https or tg, whole, and showing whom it leads to."""
    if len(url) > MAX_URL or any(char.isspace() or unicodedata.category(char)[0] == "C" for char in url):
        return False
    if url.lower().startswith("tg://"):
        return _TG_URL.fullmatch(url) is not None
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and _HOST.fullmatch(host) is not None


def is_answer_press(data: str) -> bool:
    """Whether callback data is of a button that came with an answer."""
    return _SAY.fullmatch(data) is not None


def read_pressed(query: CallbackQuery, bot_id: int) -> Pressed | None:
    """What a press says; ``None`` when the message under it is not ours or too old for Telegram to show its buttons."""
    match = _SAY.fullmatch(query.data)
    message = query.message
    if match is None or message is None or message.reply_markup is None:
        return None
    if message.from_user is None or message.from_user.id != bot_id:
        return None
    keys = [key for row in message.reply_markup.inline_keyboard for key in row]
    text = next((key.text for key in keys if key.callback_data == query.data), "")
    if not text:
        return None
    return Pressed(
        index=int(match[1]),
        text=text,
        conversation=parse_conversation(match[2]) if match[2] else None,
        links=_links(message.reply_markup),
    )


def _links(keyboard: InlineKeyboard) -> tuple[tuple[Button, ...], ...]:
    rows = (tuple(Button(text=key.text, url=key.url) for key in row if key.url) for row in keyboard.inline_keyboard)
    return tuple(row for row in rows if row)


def _data(index: int, conversation: str) -> str:
    data = f"say:{index}:{conversation}"
    return data if conversation and len(data.encode()) <= _DATA_BYTES else f"say:{index}"


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
