"""Texts with entities: what the server makes of a text before it stores it.

Owns offsets (UTF-16 code units, as everywhere in the Bot API), the entities that Telegram finds by itself (mentions,
commands, links, hashtags) and the trimming and length rules. Markup is parsed in `formatting.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dealgram.sandbox.telegram.world import Json

TEXT_LIMIT = 4096
_FOUND = (
    (
        "url",
        re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]|(?<![@\w./-])(?:[a-z0-9-]+\.)+(?:ru|com|org|net|me|рф)\b\S*"),
    ),
    ("email", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
    ("mention", re.compile(r"(?<![\w@/])@[A-Za-z][A-Za-z0-9_]{2,31}(?!\w)")),
    ("bot_command", re.compile(r"(?<![\w/@<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z][A-Za-z0-9_]{2,31})?(?![\w/])")),
    ("hashtag", re.compile(r"(?<![\w#])#[^\W\d]\w{0,255}")),
)
_OPAQUE = {"code", "pre", "text_link", "text_mention"}


@dataclass(frozen=True, slots=True)
class FormattedText:
    """A text without markup and its entities, sorted as Telegram sorts them."""

    text: str
    entities: tuple[Json, ...] = ()

    def content(self) -> Json:
        """As the fields of a text message."""
        found: Json = {"text": self.text}
        if self.entities:
            found["entities"] = list(self.entities)
        return found


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def finish(text: str, entities: list[Json]) -> FormattedText:
    """Trims the text, moves the given entities accordingly and adds those that Telegram finds by itself."""
    text = text.replace("\r", "")
    trimmed = text.strip()
    shift = utf16_length(text[: len(text) - len(text.lstrip())])
    end = utf16_length(trimmed)
    kept = []
    for entity in entities:
        start = max(0, entity["offset"] - shift)
        stop = min(end, entity["offset"] + entity["length"] - shift)
        if stop > start:
            kept.append({**entity, "offset": start, "length": stop - start})
    kept.extend(_find(trimmed, kept))
    kept.sort(key=lambda entity: (entity["offset"], -entity["length"]))
    return FormattedText(trimmed, tuple(kept))


def _find(text: str, given: list[Json]) -> list[Json]:
    taken = [(e["offset"], e["offset"] + e["length"]) for e in given if e["type"] in _OPAQUE]
    found: list[Json] = []
    for kind, pattern in _FOUND:
        for match in pattern.finditer(text):
            start = utf16_length(text[: match.start()])
            stop = start + utf16_length(match[0])
            if all(stop <= low or start >= high for low, high in taken):
                taken.append((start, stop))
                found.append({"type": kind, "offset": start, "length": stop - start})
    return found
