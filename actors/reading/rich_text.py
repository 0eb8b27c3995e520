"""Formatted Telegram text as the plain text that amoCRM shows. Pure.

amoCRM has no formatting, so only what would change the meaning is kept, and in the signs that Telegram's own apps use
for typing it: where a link leads, who is mentioned, what is struck out (``~~1000~~ 800``) or hidden (``||…||``), and
what is a quotation (``> ``). Bold, italics, code and the like are plain words. Signs are only ever added: no character
of the text is lost or moved (tests/actors/test_rich_text.py).

Entities may be nested, overlap, or point beside the text; offsets count UTF-16 units (Bot API: MessageEntity).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from dealgram.gateways.telegram import Entity

_WRAPPED = {"strikethrough": "~~", "spoiler": "||"}
_QUOTES = frozenset({"blockquote", "expandable_blockquote"})
_SCHEMES = ("https://", "http://", "tg://", "mailto:", "tel:")


class _Sign(NamedTuple):
    """Something to put in before the character ``at``. Of signs at one place, the ends of inner stretches come first,
    then the ends of outer ones, then the beginnings of outer and of inner ones."""

    at: int
    is_beginning: bool
    order: int
    text: str


def plain(text: str, entities: Sequence[Entity]) -> str:
    """The text with its formatting as signs."""
    if not entities:
        return text
    units = _units(text)
    signs: list[_Sign] = []
    quoted: set[int] = set()
    for entity in entities:
        start, end = _place(units, entity, len(text))
        if entity.type in _QUOTES:
            quoted.update(range(start, end))
            continue
        start, end = _trimmed(text, start, end)
        if start == end:
            continue
        before, after = _signs(entity, text[start:end])
        if before:
            signs.append(_Sign(start, True, -end, before))
        if after:
            signs.append(_Sign(end, False, -start, after))
    signs += _quote_signs(text, quoted)
    return _with_signs(text, signs)


def _units(text: str) -> list[int]:
    """For each character, and for the end, the UTF-16 unit at which it begins."""
    found, unit = [], 0
    for char in text:
        found.append(unit)
        unit += 2 if ord(char) > 0xFFFF else 1
    found.append(unit)
    return found


def _place(units: Sequence[int], entity: Entity, size: int) -> tuple[int, int]:
    """First character of an entity and the one behind its last; an offset within a character means the next one."""
    start = bisect_left(units, max(entity.offset, 0))
    end = bisect_left(units, max(entity.offset, 0) + max(entity.length, 0))
    return min(start, size), min(max(start, end), size)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Signs stand at words and not at the blanks around them."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _signs(entity: Entity, words: str) -> tuple[str, str]:
    """What stands before and after a stretch."""
    if (wrap := _WRAPPED.get(entity.type)) is not None:
        return wrap, wrap
    if entity.type == "text_link" and entity.url and not _is_address(words, entity.url):
        return "", f" ({entity.url})"
    if entity.type == "text_mention":
        name = entity.user.full_name if entity.user is not None else ""
        known = not name or name.casefold() in words.casefold() or words.casefold().lstrip("@") in name.casefold()
        return "" if words.startswith("@") else "@", "" if known else f" ({name})"
    return "", ""


def _is_address(words: str, url: str) -> bool:
    """Whether the words of a link are its address already, written out or without its scheme."""
    return _bare(words) == _bare(url)


def _bare(address: str) -> str:
    address = address.strip().casefold()
    for scheme in _SCHEMES:
        address = address.removeprefix(scheme)
    return address.rstrip("/")


def _quote_signs(text: str, quoted: set[int]) -> Iterable[_Sign]:
    """Quotations stand on lines of their own, each line with its sign."""
    for at in sorted(quoted):
        is_first = at - 1 not in quoted
        if is_first and at > 0 and text[at - 1] != "\n":
            yield _Sign(at, True, -len(text) - 2, "\n")
        if is_first or text[at - 1] == "\n":
            yield _Sign(at, True, -len(text) - 1, "> ")
        if at + 1 not in quoted and at + 1 < len(text) and text[at] != "\n" and text[at + 1] != "\n":
            yield _Sign(at + 1, False, 1, "\n")


def _with_signs(text: str, signs: Sequence[_Sign]) -> str:
    parts: list[str] = []
    done = 0
    for sign in sorted(signs):
        parts += (text[done : sign.at], sign.text)
        done = sign.at
    return "".join((*parts, text[done:]))
