"""What dealgram says around the messages that it carries into deal cards: sizes and lengths, where something comes
from, what is answered, what was changed. Plain text, all in Russian."""

from __future__ import annotations

import datetime as dt

from dealgram.actors.texts import plural, quoted, short

FOREVER_S = 0x7FFFFFFF
"""The period of a live location without an end (Bot API: sendLocation)."""
PICKED_LIMIT = 1024
"""Characters of a picked stretch (Bot API: TextQuote, ReplyParameters)."""

LIVE_ENDED = "📍 Трансляция геопозиции завершена"
EDITED = "✏️ Изменено"
STORY = "📖 История"
TO_OPEN = "откройте его в Telegram"
OTHER_TOPIC = "другая тема"


def human_size(size: int) -> str:
    """«35,2 МБ»: bytes as people say them."""
    if size < 1024:
        return plural(size, "байт", "байта", "байт")
    value, unit = size / 1024, "КБ"
    for larger in ("МБ", "ГБ"):
        if value < 1023.95:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}".rstrip("0").rstrip(".").replace(".", ",") + f" {unit}"


def clock(duration_s: int) -> str:
    """«1:07», «1:02:03»: a length in seconds."""
    minutes, seconds = divmod(duration_s, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def period(seconds: int) -> str:
    """«15 минут», «8 часов»: how long something is going to last."""
    if seconds >= FOREVER_S:
        return "пока не остановят"
    hours, minutes = divmod(max(seconds, 60) // 60, 60)
    parts = [plural(hours, "час", "часа", "часов")] if hours else []
    parts += [plural(minutes, "минута", "минуты", "минут")] if minutes else []
    return " ".join(parts)


def named(label: str, name: str | None) -> str:
    """«📎 Файл: Договор.pdf», or the label alone."""
    return f"{label}: {name}" if name else label


def file_in_words(line: str, size: int | None, link: str | None) -> str:
    """A file that amoCRM cannot have, by kind, name and size."""
    told = f"{line}, {human_size(size)}" if size else line
    return f"{told}. Открыть в Telegram: {link}" if link else f"{told}. Откройте его в Telegram"


def forwarded_line(whence: str, date: int | None, link: str | None) -> str:
    """Where a message was forwarded from; ``date`` (Unix seconds) where it is an old one."""
    line = named("↪️ Переслано", whence)
    if date is not None:
        line += f", {dt.datetime.fromtimestamp(date, dt.UTC):%d.%m.%Y}"
    return f"{line} {link}" if link else line


def posted_line(link: str | None) -> str:
    """A channel's post that Telegram put into the group of its discussion."""
    return f"📢 Запись в канале {link}" if link else "📢 Запись в канале"


def via_line(username: str) -> str:
    """A message that a person sent through an inline bot."""
    return f"🤖 Через бота @{username}"


def chat_name(kind: str, title: str) -> str:
    """A chat that speaks itself: «Канал «Новости»»."""
    word = {"channel": "Канал", "group": "Группа", "supergroup": "Группа"}.get(kind, "")
    return " ".join(part for part in (word, quoted(title)) if part) if title else word or "Telegram"


def whence_chat(kind: str, title: str, signature: str) -> str:
    """«канал «Новости» (Редактор)»: a chat as the origin of something."""
    name = chat_name(kind, title)
    name = name[0].lower() + name[1:] if title else name
    return f"{name} ({signature})" if signature else name


def elsewhere(author: str, where: str) -> str:
    """The author of a message of another chat."""
    return f"{author} ({where})" if author and where else author or where


def picked_line(words: str) -> str:
    """The stretch of the answered message that somebody picked out."""
    return f"↩️ «{short(words, PICKED_LIMIT)}»"


def quoted_line(author: str, words: str, *, picked: bool) -> str:
    """What is answered, where amoCRM cannot show it as a quotation; either part may be unknown. Picked words are given
    in full."""
    told = f"«{short(words, PICKED_LIMIT)}»" if picked and words else short(words, 100)
    return "↩️ " + ": ".join(part for part in (short(author, 60), told) if part)


def edited_line(words: str) -> str:
    """A message that amoCRM does not let change."""
    return f"{EDITED}: {words}"


def with_bot_sign(name: str) -> str:
    """Another bot as the author of its words."""
    return f"🤖 {name}"
