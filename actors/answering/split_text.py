"""Cutting a long answer into messages that Telegram accepts.

Telegram counts text in UTF-16 code units, 4096 at most (Bot API: sendMessage). Cuts fall on paragraphs, else lines,
else sentences, else words, else between characters; never inside a surrogate pair.
"""

from __future__ import annotations

TEXT_LIMIT = 4096
CAPTION_LIMIT = 1024
"""The same under a file (Bot API: sendPhoto)."""

_SEPARATORS = (("\n\n",), ("\n",), (". ", "! ", "? ", "… "), (" ",))


def utf16_length(text: str) -> int:
    """The length that Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def split_text(text: str, limit: int = TEXT_LIMIT, *, first_limit: int | None = None) -> list[str]:
    """Split ``text`` into parts of at most ``limit`` UTF-16 units, the first of at most ``first_limit`` if given.
    Nothing but white space at the cuts is dropped.

    A text without anything visible gives an empty list: Telegram refuses such messages.
    """
    parts: list[str] = []
    rest = text.strip()
    while rest:
        room = limit if parts or first_limit is None else first_limit
        if utf16_length(rest) <= room:
            break
        head = _longest_prefix(rest, room)
        cut = _cut(head)
        part, rest = rest[:cut].rstrip(), rest[cut:].lstrip()
        if part:
            parts.append(part)
    if rest:
        parts.append(rest)
    return parts


def _longest_prefix(text: str, limit: int) -> str:
    units = 0
    for index, char in enumerate(text):
        units += 2 if ord(char) > 0xFFFF else 1
        if units > limit:
            return text[:index]
    return text


def _cut(head: str) -> int:
    for separators in _SEPARATORS:
        position = max(head.rfind(separator) for separator in separators)
        if position > len(head) // 4:
            return position + len(separators[0])
    return len(head)
