"""What people do with messages, for tests, the demo and the page: write, send, edit, press, react, block.

All of it is synchronous and takes effect at once. A place is a group, or a bot for the private chat with it. Message
ids are those that people see (in a basic group a bot calls the same message differently). Impossible acts raise
ValueError.
"""

from __future__ import annotations

from collections.abc import Sequence

from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.keyboards import callback_data_of
from dealgram.sandbox.telegram.messages import Stored, find
from dealgram.sandbox.telegram.text import finish
from dealgram.sandbox.telegram.world import Json, SimBot, SimChat, SimUser

Place = SimChat | SimBot


class PeopleControls:
    _cloud: Cloud

    def write(
        self,
        person: SimUser,
        place: Place,
        text: str,
        reply_to: int | None = None,
        thread: int | None = None,
        *,
        entities: Sequence[Json] = (),
        anonymous: bool = False,
    ) -> Json:
        """A text message; @mentions, /commands and links become entities by themselves. `anonymous`: as the group."""
        content = finish(text, list(entities)).content()
        if not content["text"]:
            raise ValueError("an empty text cannot be sent")
        return self.send(person, place, reply_to=reply_to, thread=thread, anonymous=anonymous, **content)

    def send(
        self,
        person: SimUser,
        place: Place,
        *,
        reply_to: int | None = None,
        thread: int | None = None,
        anonymous: bool = False,
        **content: object,
    ) -> Json:
        """A message of any kind: `content` is the fields of Message that make it up (`photo=[…], caption="…"`)."""
        chat = self._writable(person, place)
        if anonymous and not chat.is_admin(person):
            raise ValueError("only administrators write anonymously")
        caption = content.get("caption")
        if isinstance(caption, str) and "caption_entities" not in content:
            found = finish(caption, [])
            content["caption"] = found.text
            if found.entities:
                content["caption_entities"] = list(found.entities)
        answered = self._message(chat, reply_to) if reply_to is not None else None
        topic = answered.topic if answered is not None else None
        if thread is not None:
            if thread not in chat.topics:
                raise ValueError(f"«{chat.title}» has no topic {thread}")
            topic = chat.topics[thread]
        message = self._cloud.post(chat, person, content, reply_to=answered, topic=topic, anonymous=anonymous)
        return message.as_message(None)

    def edit(self, person: SimUser, place: Place, message_id: int, text: str) -> Json:
        """Changes the text (or caption) of one's own message; the same text again counts too, as in real life."""
        chat = self._writable(person, place)
        message = self._message(chat, message_id)
        if message.sender is not person or message.service:
            raise ValueError("people edit their own messages only")
        changed = finish(text, [])
        if "text" in message.content:
            content = changed.content()
        else:
            content = {name: value for name, value in message.content.items() if not name.startswith("caption")}
            content["caption"] = changed.text
            if changed.entities:
                content["caption_entities"] = list(changed.entities)
        self._cloud.edit(message, content, message.markup)
        return message.as_message(None)

    def delete(self, place: SimChat, message_id: int) -> None:
        """A message disappears; no bot is told."""
        self._cloud.delete(self._message(place, message_id))

    def press(self, person: SimUser, place: Place, message_id: int, callback_data: str) -> str:
        """Presses an inline button; returns the id of the callback query, under which its answer will be found."""
        message = self._message(self._writable(person, place), message_id)
        if not isinstance(message.sender, SimBot) or callback_data not in callback_data_of(message.markup):
            raise ValueError(f"message {message_id} has no button with the data {callback_data!r}")
        return self._cloud.press(message, person, callback_data).id

    def react(self, person: SimUser, place: Place, message_id: int, *emoji: str) -> None:
        """Sets one's reactions to a message; none takes them away."""
        message = self._message(self._writable(person, place), message_id)
        self._cloud.react(message, person, [{"type": "emoji", "emoji": one} for one in emoji])

    def block(self, person: SimUser, bot: SimBot) -> None:
        """Blocks the bot, or deletes the chat with it: the same thing to the bot."""
        self._cloud.block(self._cloud.world.open_private(bot, person), blocked=True)

    def unblock(self, person: SimUser, bot: SimBot) -> None:
        self._cloud.block(self._cloud.world.open_private(bot, person), blocked=False)

    def deactivate(self, person: SimUser) -> None:
        """The person deletes their account."""
        person.deactivated = True

    def private_chat(self, person: SimUser, bot: SimBot) -> SimChat:
        """The chat of the two, opened if need be."""
        return self._cloud.world.open_private(bot, person)

    def history(self, chat: SimChat, viewer: SimBot | None = None) -> list[Json]:
        """The messages of a chat, oldest first, as people see them, or under the ids that a bot knows."""
        return [message.as_message(viewer) for message in chat.messages.values() if message.id_for(viewer) is not None]

    def _writable(self, person: SimUser, place: Place) -> SimChat:
        if isinstance(place, SimBot):
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
