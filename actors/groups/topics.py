"""Forum topics of a group: which topic a message stands in, what topics are called, who writes in which.

Telegram lists no topics to bots. They are known from what happens in them: the notes of their making, renaming, closing
and reopening, and the first note of a topic, which every message that answers nothing else carries along
(telegram-facts §1.6). That note keeps the topic's first name for ever, so it names only topics that nothing is known
of yet. Owns no I/O; changes return the rows to be written.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

from dealgram.gateways.telegram import Message
from dealgram.persistence.records import Topic, TopicPerson
from dealgram.persistence.tables import Row

GENERAL = 1
"""The topic that every forum has: its messages carry no thread, and none may be named in a send."""


TOPIC_REASONS = frozenset({"thread_not_found", "topic_closed"})
"""Why Telegram refuses to send into a topic: it was deleted, or closed for all but administrators."""


class TopicGoneError(Exception):
    """The topic that an answer was for is no more; nothing was sent. A topic is deleted without a word to the bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicHeard:
    """What a message says about the topic that it stands in. ``name``: its new name; ``first_name``: the one that it
    began with; ``is_closed``: that it was closed or reopened."""

    name: str = ""
    first_name: str = ""
    is_closed: bool | None = None


def thread_of(message: Message) -> int | None:
    """The topic that a message stands in, `GENERAL` for the one without a number; None where there is no forum.

    In a group without topics a thread is a chain of answers (Bot API: message_thread_id), which is none of ours.
    """
    if not message.chat.is_group or not message.chat.is_forum:
        return None
    return message.message_thread_id if message.is_topic_message and message.message_thread_id else GENERAL


def topic_heard(message: Message) -> TopicHeard | None:
    """What a message says about its topic, if anything."""
    if thread_of(message) in (None, GENERAL):
        return None
    answered = message.reply_to_message
    first = answered.forum_topic_created if answered is not None else None
    named = message.forum_topic_created or message.forum_topic_edited
    closed = {"forum_topic_created": False, "forum_topic_closed": True, "forum_topic_reopened": False}
    heard = TopicHeard(
        name=named.name.strip() if named is not None else "",
        first_name=first.name.strip() if first is not None else "",
        is_closed=closed.get(message.kind),
    )
    return None if heard == TopicHeard() else heard


def labelled(label: str, text: str) -> str:
    """A text with the label of its topic before it (`GroupState.topic_label`); either may be empty."""
    return f"{label}{text}".rstrip() if label else text


@dataclass(slots=True)
class Topics:
    """The topics of one group."""

    group_id: int
    account_id: int
    known: dict[int, Topic] = field(default_factory=dict)
    writers: dict[int, set[int]] = field(default_factory=dict)
    """Who has written in which topic. The General topic is everybody's."""

    @classmethod
    def of(cls, group_id: int, account_id: int, known: Iterable[Topic], people: Iterable[TopicPerson]) -> Topics:
        """The topics as the repositories gave them."""
        topics = cls(group_id, account_id, {topic.thread_id: topic for topic in known})
        for person in people:
            topics.writers.setdefault(person.thread_id, set()).add(person.user_id)
        return topics

    def name(self, thread: int | None) -> str | None:
        """What to call a topic; one whose name was never heard goes by its number. None for the General topic, which is
        the group itself, and where there is no forum."""
        if thread is None or thread == GENERAL:
            return None
        topic = self.known.get(thread)
        return topic.name if topic is not None and topic.name else f"Тема № {thread}"

    def is_known(self, thread: int) -> bool:
        """Whether anything was ever heard from a topic."""
        return thread in self.known

    def hear(self, thread: int | None, heard: TopicHeard | None) -> tuple[Row, ...]:
        """Something was written in a topic, and says something about it."""
        if thread is None or thread == GENERAL:
            return ()
        before = self.known.get(thread)
        now = before or Topic(group_id=self.group_id, thread_id=thread, account_id=self.account_id)
        if heard is not None:
            now = dataclasses.replace(
                now,
                name=heard.name or now.name or heard.first_name,
                is_closed=now.is_closed if heard.is_closed is None else heard.is_closed,
            )
        if now == before:
            return ()
        self.known[thread] = now
        return (now,)

    def saw(self, thread: int | None, user_id: int) -> tuple[Row, ...]:
        """A person wrote in a topic; rows only for the first time."""
        if thread is None or thread == GENERAL or user_id in self.writers.get(thread, ()):
            return ()
        self.writers.setdefault(thread, set()).add(user_id)
        return (TopicPerson(group_id=self.group_id, thread_id=thread, user_id=user_id, account_id=self.account_id),)
