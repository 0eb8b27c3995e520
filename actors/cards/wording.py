"""How a message is put into a conversation: the words beside what is shown, and the words where nothing can be. Pure.

Owns what stands before the words: the topic's label, the author's name where several people share the conversation,
the lines about where the message comes from. In an album these stand with the first message only; in words, which have
nothing of an album, the name stands with each.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from dealgram.actors.body_parts import Shown
from dealgram.actors.groups.topics import labelled
from dealgram.actors.reading.incoming import Incoming


@dataclass(frozen=True, slots=True)
class Wording:
    """``text`` stands beside ``shown``, if there is anything shown, and may be empty then."""

    text: str
    shown: Shown | None = None


def worded(incoming: Incoming, *, name: str = "", label: str = "") -> Wording:
    """The message as one conversation shows it.

    Args:
        name: the author's, where the conversation is not theirs alone.
        label: of the topic, see `GroupState.topic_label`.
    """
    if incoming.shown is None:
        return Wording(_said(incoming.above, incoming.line, name, label))
    follows = incoming.follows_in_album
    text = incoming.said if follows else _said(incoming.above, incoming.said, name, label)
    instead = _said(incoming.above, incoming.shown.instead or incoming.line, name, label)
    return Wording(text, msgspec.structs.replace(incoming.shown, instead=instead))


def _said(above: tuple[str, ...], words: str, name: str, label: str) -> str:
    text = "\n".join(part for part in (*above, words) if part)
    return labelled(label, f"{name}: {text}".rstrip() if name else text)
