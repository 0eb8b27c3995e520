"""`reply_parameters`: what a bot's message answers, and the part of it that is quoted.

Source: Bot API, ReplyParameters. `allow_sending_without_reply` counts only in the same chat and topic; a quote must be
an exact substring, formatting included, else nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from dealgram.sandbox.telegram.access import chat_for
from dealgram.sandbox.telegram.errors import bad_request
from dealgram.sandbox.telegram.formatting import parse
from dealgram.sandbox.telegram.messages import Stored, find
from dealgram.sandbox.telegram.text import utf16_length
from dealgram.sandbox.telegram.world import Json, SimBot, SimChat, World

KEPT_IN_QUOTES = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler", "custom_emoji", "date_time"})
_NOT_FOUND = "message to be replied not found"


class ReplyParameters(msgspec.Struct, kw_only=True):
    message_id: int
    chat_id: int | str | None = None
    allow_sending_without_reply: bool = False
    quote: str = ""
    quote_parse_mode: str = ""
    quote_entities: list[dict[str, Any]] | None = None
    quote_position: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """`here` in the same chat and topic, `elsewhere` in another one; at most one of them."""

    here: Stored | None = None
    elsewhere: Stored | None = None
    quote: Json | None = None


def answered(
    world: World, chat: SimChat, bot: SimBot, reply: ReplyParameters | None, topic: Stored | None, *, any_topic: bool
) -> Answered:
    """What is answered; `any_topic`: no topic was named, so the answer goes where the message is."""
    if reply is None:
        return Answered()
    there = chat if reply.chat_id in (None, chat.id) else chat_for(world, bot, reply.chat_id)
    target = find(there, bot, reply.message_id)
    if target is None:
        if reply.allow_sending_without_reply and there is chat:
            return Answered()
        raise bad_request(_NOT_FOUND)
    quote = _quote(target, reply)
    if there is not chat or not (any_topic or target.topic is topic or target is topic):
        return Answered(elsewhere=target, quote=quote)
    return Answered(here=target, quote=quote)


def _quote(target: Stored, reply: ReplyParameters) -> Json | None:
    if not reply.quote:
        return None
    text, found = (
        (reply.quote, reply.quote_entities or [])
        if reply.quote_entities is not None
        else parse(reply.quote, reply.quote_parse_mode)
    )
    wanted = _kept(found, 0, utf16_length(text))
    entities = target.content.get("entities") or target.content.get("caption_entities") or []
    starts = [start for start in _starts(target.text, text) if _kept(entities, start, utf16_length(text)) == wanted]
    if not starts:
        raise bad_request("QUOTE_TEXT_INVALID")
    position = min(starts, key=lambda start: abs(start - reply.quote_position))
    quote: Json = {"text": text, "position": position, "is_manual": True}
    return quote | ({"entities": wanted} if wanted else {})


def _starts(text: str, part: str) -> list[int]:
    """Where the part stands, in UTF-16 units."""
    found, index = [], text.find(part)
    while index >= 0:
        found.append(utf16_length(text[:index]))
        index = text.find(part, index + 1)
    return found


def _kept(entities: list[Json], start: int, length: int) -> list[Json]:
    """The entities that count in quotes, cut to a stretch of the text and moved to its beginning."""
    cut = []
    for entity in entities:
        low = max(start, entity["offset"])
        high = min(start + length, entity["offset"] + entity["length"])
        if entity["type"] in KEPT_IN_QUOTES and high > low:
            cut.append({**entity, "offset": low - start, "length": high - low})
    return sorted(cut, key=lambda entity: (entity["offset"], -entity["length"], entity["type"]))
