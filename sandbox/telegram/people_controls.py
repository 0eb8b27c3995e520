"""What people do with messages, for tests, the demo and the page: write, send, edit, press, block.

All of it is synchronous and takes effect at once (see `hands.py` for places and ids). Files are in `media_controls.py`,
forwards and answers to other chats in `forward_controls.py`, reactions in `reaction_controls.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from dealgram.sandbox.telegram.hands import Hands, Place, captioned
from dealgram.sandbox.telegram.keyboards import callback_data_of
from dealgram.sandbox.telegram.text import finish
from dealgram.sandbox.telegram.world import Json, SimBot, SimChat, SimUser

_ENVELOPE = frozenset(
    {
        "forward_origin",
        "is_automatic_forward",
        "via_bot",
        "author_signature",
        "sender_tag",
        "media_group_id",
        "reply_to_story",
        "reply_to_checklist_task_id",
        "reply_to_poll_option_id",
        "external_reply",
        "has_protected_content",
        "is_from_offline",
        "paid_star_count",
    }
)


class PeopleControls(Hands):
    def write(
        self,
        person: SimUser,
        place: Place,
        text: str,
        reply_to: int | None = None,
        thread: int | None = None,
        *,
        entities: Sequence[Json] = (),
        quote: str | None = None,
        anonymous: bool = False,
        identity: SimChat | None = None,
    ) -> Json:
        """A text message; @mentions, /commands and links become entities by themselves.

        `quote` is the part of the answered message that is quoted. `anonymous`: as the group; `identity`: as a channel.
        """
        content = finish(text, list(entities)).content()
        if not content["text"]:
            raise ValueError("an empty text cannot be sent")
        return self.send(
            person,
            place,
            reply_to=reply_to,
            thread=thread,
            quote_text=quote,
            anonymous=anonymous,
            identity=identity,
            **content,
        )

    def send(
        self,
        person: SimUser,
        place: Place,
        *,
        reply_to: int | None = None,
        thread: int | None = None,
        quote_text: str | None = None,
        anonymous: bool = False,
        identity: SimChat | None = None,
        **content: object,
    ) -> Json:
        """A message of any kind: `content` is the fields of Message that make it up.

        For what has no method of its own, e.g. `contact={…}`, `poll={…}`, `dice={"emoji": "🎲", "value": 3}`,
        `story={…}`, `paid_media={…}`, `checklist={…}`, `invoice={…}`; files with ids that can be fetched: `send_media`.
        """
        chat = self._writable(person, place)
        if anonymous and not chat.is_admin(person):
            raise ValueError("only administrators write anonymously")
        caption, entities = content.get("caption"), content.get("caption_entities")
        if isinstance(caption, str) and entities is None:
            content |= captioned(caption)
        target = self._target(person, chat, reply_to=reply_to, quote=quote_text, thread=thread)
        message = self._cloud.post(
            chat,
            person,
            {name: value for name, value in content.items() if name not in _ENVELOPE},
            about={name: value for name, value in content.items() if name in _ENVELOPE},
            identity=chat if anonymous else identity,
            reply_to=target.message,
            quote=target.quote,
            topic=target.topic,
        )
        return message.as_message(None)

    def edit(self, person: SimUser, place: Place, message_id: int, text: str) -> Json:
        """Changes the text or the caption of one's own message; the same text again counts too, as in real life."""
        chat = self._writable(person, place)
        message = self._message(chat, message_id)
        if message.sender is not person or message.service:
            raise ValueError("people edit their own messages only")
        if "text" in message.content:
            content = finish(text, []).content()
        else:
            kept = {name: value for name, value in message.content.items() if not name.startswith("caption")}
            content = kept | captioned(text)
        self._cloud.edit(message, content, message.markup)
        return message.as_message(None)

    def touch(self, place: SimChat, message_id: int) -> None:
        """An edited_message in which nothing has changed: a link preview, a first reaction (telegram-facts §1.6)."""
        message = self._message(place, message_id)
        self._cloud.edit(message, message.content, message.markup)

    def delete(self, place: SimChat, message_id: int) -> None:
        """A message disappears; no bot is told."""
        self._cloud.delete(self._message(place, message_id))

    def press(self, person: SimUser, place: Place, message_id: int, callback_data: str) -> str:
        """Presses an inline button; returns the id of the callback query, under which its answer will be found."""
        message = self._message(self._writable(person, place), message_id)
        if not isinstance(message.sender, SimBot) or callback_data not in callback_data_of(message.markup):
            raise ValueError(f"message {message_id} has no button with the data {callback_data!r}")
        return self._cloud.press(message, person, callback_data).id

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
