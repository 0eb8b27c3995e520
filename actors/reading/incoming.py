"""A Telegram message as the domain sees it: who speaks, what the card shows, what it means for the group.

Put together from what reads its parts: `authors`, `describe`, `telegram_media`, `whence`, `topics`. Pure.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

from dealgram.actors.body_parts import Author, Shown
from dealgram.actors.groups.topics import TopicHeard, thread_of, topic_heard
from dealgram.actors.reading.authors import author_of, bot_of, person_name
from dealgram.actors.reading.describe import EVENTS_OF_THE_CHAT, describe
from dealgram.actors.reading.telegram_media import file_key, said_with, shown_in
from dealgram.actors.reading.whence import above, answered
from dealgram.gateways.telegram import CLOUD, Message, User


@dataclass(frozen=True, slots=True)
class Someone:
    """A person named in a message."""

    user_id: int
    name: str
    username: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """See the module. ``line`` is the message in words; it is empty for what leaves no line in the card."""

    chat_id: int
    chat_title: str
    chat_kind: str
    message_id: int
    sent_at_ms: int
    author: Author
    text: str
    line: str
    shown: Shown | None = None
    """What amoCRM shows as itself, with ``said`` beside it; where it cannot, and for everything else, the words."""
    said: str = ""
    above: tuple[str, ...] = ()
    """Lines about where the message comes from."""
    file_key: str | None = None
    """Tells one file from another across edits."""
    album: str | None = None
    """Messages that were sent together share this."""
    follows_in_album: bool = False
    """A message of the same album stands before it and says who speaks, whence and in answer to what."""
    live: Literal["no", "moves"] = "no"
    """A live location moves as long as it is one; its end is an edit that is a plain location."""
    edited_at_ms: int | None = None
    service: bool = False
    from_bot: bool = False
    bot_id: int | None = None
    """The bot that wrote this, or that caused the event."""
    reply_to: int | None = None
    reply_to_own_bot: bool = False
    quoted: str = ""
    """What is answered, in one line; empty when nothing is."""
    picked: str = ""
    """The stretch of it that was picked out, as a line for where amoCRM quotes the whole message."""
    migrate_to: int | None = None
    migrate_from: int | None = None
    joined: tuple[Someone, ...] = ()
    left: Someone | None = None
    thread: int | None = None
    """The forum topic in which it stands (1: the General topic); None where there is no forum."""
    topic: TopicHeard | None = None
    """What it says about that topic."""


def read_message(message: Message, bot_id: int, size_limit: int = CLOUD.download) -> Incoming:
    """Read a message that bot ``bot_id`` was given. ``size_limit``: see `shown_in`."""
    one = answered(message, bot_id)
    left = message.left_chat_member
    bot = bot_of(message)
    location = message.location if message.kind == "location" else None
    return Incoming(
        chat_id=message.chat.id,
        chat_title=message.chat.title,
        chat_kind=message.chat.type,
        message_id=message.message_id,
        # Telegram counts seconds, a card sorts by milliseconds: the message id keeps the order within a second.
        sent_at_ms=message.date * 1000 + message.message_id % 1000,
        author=author_of(message),
        text=message.body.strip(),
        line=(describe(message) or "").strip(),
        shown=shown_in(message, size_limit),
        said=said_with(message).strip(),
        above=above(message),
        file_key=file_key(message),
        album=message.media_group_id,
        live="moves" if location is not None and location.live_period else "no",
        # At the end of its second: what tells of an edit stands after what was edited.
        edited_at_ms=message.edit_date * 1000 + 999 if message.edit_date else None,
        service=message.is_service or message.kind in EVENTS_OF_THE_CHAT,
        from_bot=bot is not None,
        bot_id=bot,
        reply_to=one.message_id,
        reply_to_own_bot=one.message_id is not None and _is_from(message.reply_to_message, bot_id),
        quoted=one.quoted,
        picked=one.picked,
        migrate_to=message.migrate_to_chat_id,
        migrate_from=message.migrate_from_chat_id,
        joined=tuple(someone(user) for user in message.new_chat_members if not user.is_bot),
        left=someone(left) if left is not None and not left.is_bot else None,
        thread=thread_of(message),
        topic=topic_heard(message),
    )


def within_album(incoming: Incoming) -> Incoming:
    """A message of an album of which another stands before: what is said once is said already."""
    return dataclasses.replace(incoming, follows_in_album=True, above=(), reply_to=None, quoted="", picked="")


def someone(user: User) -> Someone:
    """A person as the domain names them."""
    return Someone(user.id, person_name(user), user.username or None)


def _is_from(message: Message | None, bot_id: int) -> bool:
    return message is not None and message.from_user is not None and message.from_user.id == bot_id
