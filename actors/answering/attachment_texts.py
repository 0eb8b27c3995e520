"""What clients and managers read about the attachments of answers and about what an answer quotes. In Russian."""

from __future__ import annotations

from dealgram.actors.body_parts import AmoFile
from dealgram.actors.reading.media_texts import human_size, named
from dealgram.gateways.amojo import QuotedMessage

KINDS = {
    "picture": "🖼 Изображение",
    "video": "🎬 Видео",
    "voice": "🎤 Голосовое сообщение",
    "audio": "🎵 Аудио",
    "sticker": "🙂 Стикер",
    "file": "📎 Файл",
}
_UNKNOWN = "📎 Вложение"

REASON_FILE_GONE = (
    "Вложение больше не хранится в amoCRM: отправлять нечего. Прикрепите файл заново и отправьте сообщение ещё раз"
)
REASON_FILE_EMPTY = "Файл пустой: отправлять нечего"
REASON_UNKNOWN_KIND = "Сообщения такого вида из amoCRM в Telegram не передаются. Напишите текст или прикрепите файл"


def link_line(file: AmoFile, size: int | None = None) -> str:
    """An attachment that cannot be sent itself: what it is, how large, and where it lies."""
    size = size or file.size
    told = named(KINDS.get(file.type, KINDS["file"]), file.name)
    return f"{told}, {human_size(size)}\n{file.url}" if size else f"{told}\n{file.url}"


def forwarded_text(message: QuotedMessage, *, with_file: bool) -> str:
    """A message that the manager forwarded, with its author where amoCRM names one.

    Args:
        with_file: its file is sent itself, so that the line need not name it.
    """
    author = message.sender.name if message.sender is not None and message.sender.name else ""
    line = named("↪️ Переслано", " ".join(author.split()))
    parts = [message.text.strip()]
    if message.media and not with_file:
        parts.append(f"{named(KINDS.get(message.type, KINDS['file']), message.file_name)}\n{message.media}")
    return "\n".join(part for part in (line, *parts) if part)


def words_of(message: QuotedMessage) -> str:
    """What is answered, in a few words: its text, or what it is."""
    words = message.text.strip()
    if words or message.type == "text":
        return words
    return named(KINDS.get(message.type, _UNKNOWN), message.file_name)
