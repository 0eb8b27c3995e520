"""What all acts of people have in common: where they may write, which message they mean, what they answer.

Owns `Hands`, the base of the control methods. A place is a group, or a bot for the private chat with it. Message ids
are those that people see (in a basic group a bot calls the same message differently). Impossible acts raise ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.messages import Stored, find
from dealgram.sandbox.telegram.text import finish, utf16_length
from dealgram.sandbox.telegram.world import GENERAL, Json, Party, SimBot, SimChat, SimUser

Place = SimChat | SimBot


@dataclass(frozen=True, slots=True)
class Target:
    """What a message answers: the message, the part of it, the topic that the answer goes to."""

    message: Stored | None = None
    quote: Json | None = None
    topic: Stored | None = None


class Hands:
    _cloud: Cloud

    def _writable(self, person: Party, place: Place) -> SimChat:
        """The chat of a place, if the person may write there."""
        if isinstance(place, SimBot):
            if not isinstance(person, SimUser):
                raise ValueError("bots do not write to each other in private")
            place = self._cloud.world.open_private(place, person)
        if place.blocked:
            raise ValueError(f"{person.name} has blocked the bot")
        if place.migrated_to is not None:
            raise ValueError(f"«{place.title}» became the supergroup {place.migrated_to.id}")
        if place.deleted or not place.is_present(person):
            raise ValueError(f"{person.name} is not in «{place.title}»")
        return place

    def _message(self, chat: SimChat, message_id: int) -> Stored:
        message = find(chat, None, message_id)
        if message is None:
            raise ValueError(f"there is no message {message_id} in chat {chat.id}")
        return message

    def _target(
        self,
        person: Party,
        chat: SimChat,
        *,
        reply_to: int | None = None,
        quote: str | None = None,
        thread: int | None = None,
    ) -> Target:
        """Raises ValueError for a message, a quote or a topic that is not there, or a topic closed to the person."""
        answered = self._message(chat, reply_to) if reply_to is not None else None
        topic = answered.topic if answered is not None else None
        if thread is not None and not (thread == GENERAL and chat.is_forum):
            if thread not in chat.topics:
                raise ValueError(f"«{chat.title}» has no topic {thread}")
            topic = chat.topics[thread]
        goes_to = topic.number if topic is not None else GENERAL
        if chat.is_forum and goes_to in chat.closed_topics and not chat.is_admin(person):
            raise ValueError(f"the topic {goes_to} of «{chat.title}» is closed")
        return Target(answered, quoted(answered, quote), topic)


def quoted(answered: Stored | None, quote: str | None) -> Json | None:
    """TextQuote of a part that a person chose."""
    if quote is None:
        return None
    start = answered.text.find(quote) if answered is not None else -1
    if answered is None or start < 0:
        raise ValueError(f"the message that is answered does not say {quote!r}")
    return {"text": quote, "position": utf16_length(answered.text[:start]), "is_manual": True}


def captioned(caption: str | None, entities: Sequence[Json] | None = None) -> Json:
    """The fields of a caption; empty without one."""
    if not caption:
        return {}
    found = finish(caption, list(entities or ()))
    shown: Json = {"caption": found.text}
    if found.entities:
        shown["caption_entities"] = list(found.entities)
    return shown
