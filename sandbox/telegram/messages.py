"""Messages as they are kept, and as each side sees them.

Owns message numbering and rendering. A supergroup has one numbering for everybody. In a basic group every account
counts for itself (telegram-facts §1.4), so a message has one number for people (`number`) and one per bot. A private
chat uses the bot's own counter for both sides.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dealgram.sandbox.telegram.world import ANONYMOUS_ADMIN, Json, Party, SimBot, SimChat


@dataclass(slots=True, eq=False)
class Stored:
    """One message. `content` holds the fields that make up its kind (text, entities, photo, new_chat_members, …)."""

    chat: SimChat
    number: int
    date: int
    sender: Party
    content: Json
    anonymous: bool = False
    service: bool = False
    reply_to: Stored | None = None
    quote: Json | None = None
    topic: Stored | None = None
    markup: Json | None = None
    edit_date: int | None = None
    deleted: bool = False
    bot_ids: dict[int, int] = field(default_factory=dict)
    reactions: dict[int, list[Json]] = field(default_factory=dict)

    def id_for(self, viewer: SimBot | None) -> int | None:
        """The message's id as `viewer` knows it (None: people); None when this bot has never got it."""
        if viewer is None or self.chat.kind != "group":
            return self.number
        return self.bot_ids.get(viewer.id)

    def as_message(self, viewer: SimBot | None, *, with_reply: bool = True) -> Json:
        """The Message object for `viewer`: replies one level deep, other keyboards than inline for people only."""
        message: Json = {"message_id": self.id_for(viewer)}
        if self.topic is not None:
            message["message_thread_id"] = self.topic.number
        message["from"] = ANONYMOUS_ADMIN if self.anonymous else self.sender.as_user()
        if self.anonymous:
            message["sender_chat"] = self.chat.as_chat()
        message["chat"] = self.chat.as_chat()
        message["date"] = self.date
        if self.edit_date is not None:
            message["edit_date"] = self.edit_date
        if self.topic is not None:
            message["is_topic_message"] = True
        if with_reply:
            answered = self.reply_to or (self.topic if self.topic is not self else None)
            if answered is not None and not answered.deleted and answered.id_for(viewer) is not None:
                message["reply_to_message"] = answered.as_message(viewer, with_reply=False)
                if self.quote is not None:
                    message["quote"] = self.quote
        message |= self.content
        if self.markup is not None and (viewer is None or "inline_keyboard" in self.markup):
            message["reply_markup"] = self.markup
        return message


def store(chat: SimChat, message: Stored, history_cap: int) -> None:
    """Gives every bot of a basic group its own id for the message, and forgets the oldest past `history_cap`."""
    if chat.kind == "group":
        for member in chat.bots():
            if isinstance(member.party, SimBot):
                message.bot_ids[member.party.id] = member.party.take_message_id()
    chat.messages[message.number] = message
    while len(chat.messages) > history_cap:
        del chat.messages[next(iter(chat.messages))]


def take_number(chat: SimChat) -> int:
    if chat.bot is not None:
        return chat.bot.take_message_id()
    chat.next_number += 1
    return chat.next_number - 1


def find(chat: SimChat, viewer: SimBot | None, message_id: int) -> Stored | None:
    """The message that `viewer` calls `message_id`, unless it is deleted, forgotten or was never seen."""
    if viewer is None or chat.kind != "group":
        message = chat.messages.get(message_id)
    else:
        message = next(
            (kept for kept in reversed(chat.messages.values()) if kept.bot_ids.get(viewer.id) == message_id), None
        )
    return None if message is None or message.deleted else message
