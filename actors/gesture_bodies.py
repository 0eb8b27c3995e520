"""The bodies of outbox rows about reactions. Who reacts to what, on which side, and what it comes to on the other.

Each direction takes two steps, each in a lane of its own. The first finds the message, which a reaction may overtake,
in a lane of that one message: it waits there without holding up anything else, and the reactions to a message keep
their order. The second carries the reaction out where the messages themselves go.
"""

from __future__ import annotations

from typing import ClassVar

from dealgram.actors.body_parts import Author, Body


class SpreadReaction(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody in Telegram changed their reaction to a message: into every conversation where it stands
    (lane: the message in Telegram).

    ``emoji`` is None for a reaction that was taken off, and empty for one that is no ordinary emoji: ``custom_id``
    names a custom one. ``replaces``: there was another reaction of theirs before.
    """

    kind: ClassVar[str] = "tg.reacted"

    chat_id: int
    message_id: int
    author: Author
    emoji: str | None
    custom_id: str = ""
    replaces: bool = False
    amo_user_id: int | None = None
    """The reaction is an employee's, who is this amoCRM user."""
    at_ms: int


class ReactInCard(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Put a reaction on a message in one conversation, or take it off (lane: the conversation; then that of the message
    there, if amoCRM does not show it yet)."""

    kind: ClassVar[str] = "amo.reaction"

    conversation: str
    msgid: str
    emoji: str | None
    words: str = ""
    """The reaction in words, for a line where it cannot be shown; empty where no line is wanted."""
    replaces: bool = False
    author: Author | None = None
    """Who reacts: somebody in Telegram,"""
    manager: str = ""
    """or somebody in amoCRM, by their amojo id."""
    chat_id: int
    message_id: int
    at_ms: int


class FindReacted(Body, frozen=True, kw_only=True, omit_defaults=True):
    """A manager changed their reaction to a message in a card (lane: the message in amoCRM)."""

    kind: ClassVar[str] = "amo.reacted"

    conversation: str
    amo_id: str
    msgid: str | None = None
    manager: str
    manager_name: str
    emoji: str | None
    at_s: int
    """When amoCRM told of it, in Unix seconds; within a second ``entry_id``, the inbox's, orders what managers do."""
    entry_id: int


class ShowReaction(Body, frozen=True, kw_only=True, omit_defaults=True):
    """Let the bot react in Telegram as the managers do in the cards (lane: the chat)."""

    kind: ClassVar[str] = "tg.reaction"

    chat_id: int
    message_id: int
    conversation: str
    manager: str
    manager_name: str
    emoji: str | None
    at_s: int
    """When amoCRM told of it, in Unix seconds; within a second ``entry_id``, the inbox's, orders what managers do."""
    entry_id: int


GestureBody = SpreadReaction | ReactInCard | FindReacted | ShowReaction
