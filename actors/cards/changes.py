"""What an edit comes to, told from what the message said before; and the memory of what it said first. Pure.

Telegram sends edits that change nothing a person could see (the first reaction, a link's preview, a restart of its
server; telegram-facts §1.6): what would be shown and the file are compared, not the fact. A live location is edited
with every step; only its end is told.
"""

from __future__ import annotations

import dataclasses
import enum

from dealgram.actors.reading.incoming import Incoming
from dealgram.persistence.records import Original


class Change(enum.Enum):
    """What became of a message."""

    NOTHING = "nothing"
    CONTENT = "content"
    LIVE_ENDED = "live location ended"


def first_version(incoming: Incoming, account_id: int, bot_id: int) -> Original:
    """A message as it was written."""
    return Original(
        account_id=account_id,
        bot_id=bot_id,
        chat_id=incoming.chat_id,
        message_id=incoming.message_id,
        first_text=incoming.line,
        text=incoming.line,
        file_id=incoming.file_key,
        is_live=incoming.live == "moves",
        album=incoming.album,
    )


def compare(known: Original | None, edited: Incoming) -> Change:
    """What an edit changes. Of a message whose earlier text was never kept, everything may be new."""
    if edited.live == "moves":
        return Change.NOTHING
    if known is None:
        return Change.CONTENT
    if known.is_live:
        return Change.LIVE_ENDED
    return Change.NOTHING if (known.text, known.file_id) == (edited.line, edited.file_key) else Change.CONTENT


def next_version(known: Original | None, edited: Incoming, account_id: int, bot_id: int) -> Original:
    """The memory after an edit that changed something. What a message said first stays; of one that was never kept,
    that is empty."""
    if known is None:
        known = dataclasses.replace(first_version(edited, account_id, bot_id), first_text="")
    is_edit = not known.is_live
    return dataclasses.replace(
        known, text=edited.line, file_id=edited.file_key, is_live=False, edits=known.edits + is_edit
    )
