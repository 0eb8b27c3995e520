"""Messages as they are kept, and as each side sees them.

Owns message numbering and rendering. A supergroup has one numbering for everybody. In a basic group every account
counts for itself (telegram-facts §1.4), so a message has one number for people (`number`) and one per bot. A private
chat uses the bot's own counter for both sides.

Threads: a message of a topic names the topic and quotes its first message unless it answers another one; the General
topic has no number; an answer in a supergroup without topics carries the number of the message that its chain began
with, without being a topic message (the server's source: `get_forum_topic_id`, telegram-facts §1.6).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dealgram.sandbox.telegram.media import Media
from dealgram.sandbox.telegram.origins import origin_of
from dealgram.sandbox.telegram.world import (
    ANONYMOUS_ADMIN,
    CHANNEL_BOT,
    SERVICE_NOTIFICATIONS,
    Json,
    Party,
    SimBot,
    SimChat,
)

_QUOTED_KINDS = frozenset(
    {
        "paid_media", "story", "checklist", "contact", "dice", "game", "giveaway", "giveaway_winners", "invoice",
        "location", "poll", "venue", "photo", "video", "animation", "document", "audio", "voice", "video_note",
        "sticker", "has_media_spoiler", "link_preview_options",
    }
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Stored:
    """One message.

    `content` holds the fields that make up its kind and that an edit replaces (text, entities, caption, contact, …),
    `media` its file, `about` the fields that stay (media_group_id, forward_origin, …). `identity` is the chat on behalf
    of which it was sent, `elsewhere` the message of another chat or topic that it answers.
    """

    chat: SimChat
    number: int
    date: int
    sender: Party
    content: Json
    media: Media | None = None
    about: Json = field(default_factory=dict)
    identity: SimChat | None = None
    elsewhere: Stored | None = None
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

    @property
    def text(self) -> str:
        """Its words: the text or the caption."""
        return str(self.content.get("text") or self.content.get("caption") or "")

    @property
    def root(self) -> Stored:
        """The message that its chain of answers began with."""
        message = self
        while message.reply_to is not None and message.reply_to.chat is self.chat:
            message = message.reply_to
        return message

    def as_message(self, viewer: SimBot | None, *, with_reply: bool = True) -> Json:
        """The Message object for `viewer`: replies one level deep, other keyboards than inline for people only."""
        message: Json = {"message_id": self.id_for(viewer)}
        message |= self._sender()
        message["chat"] = self.chat.as_chat()
        message["date"] = self.date
        if self.edit_date is not None:
            message["edit_date"] = self.edit_date
        message |= self._thread()
        if with_reply:
            message |= self._answered(viewer)
        message |= self.about
        message |= self.content
        if self.media is not None:
            message |= self.media.fields(viewer)
        if self.markup is not None and (viewer is None or "inline_keyboard" in self.markup):
            message["reply_markup"] = self.markup
        return message

    def as_external_reply(self, viewer: SimBot | None) -> Json:
        """ExternalReplyInfo: where it is from and what it is, but not its words."""
        shown: Json = {"origin": origin_of(self)}
        if self.chat.kind in ("supergroup", "channel"):
            shown |= {"chat": self.chat.as_chat(), "message_id": self.number}
        shown |= {name: value for name, value in self.content.items() if name in _QUOTED_KINDS}
        return shown | (self.media.fields(viewer) if self.media is not None else {})

    def _sender(self) -> Json:
        if self.identity is None:
            return {"from": self.sender.as_user()}
        chat = self.identity.as_chat()
        if self.chat.kind == "channel":
            return {"sender_chat": chat}
        if self.identity is self.chat:
            return {"from": ANONYMOUS_ADMIN, "sender_chat": chat}
        stand_in = SERVICE_NOTIFICATIONS if "is_automatic_forward" in self.about else CHANNEL_BOT
        return {"from": stand_in, "sender_chat": chat}

    def _thread(self) -> Json:
        if self.topic is not None:
            return {"message_thread_id": self.topic.number, "is_topic_message": True}
        answers_here = self.reply_to is not None and self.reply_to.chat is self.chat
        if answers_here and self.chat.kind == "supergroup" and not self.chat.is_forum:
            return {"message_thread_id": self.root.number}
        return {}

    def _answered(self, viewer: SimBot | None) -> Json:
        shown: Json = {}
        if self.elsewhere is not None:
            shown["external_reply"] = self.elsewhere.as_external_reply(viewer)
        answered = self.reply_to or (self.topic if self.topic is not self else None)
        if answered is not None and not answered.deleted and answered.id_for(viewer) is not None:
            shown["reply_to_message"] = answered.as_message(viewer, with_reply=False)
        if self.quote is not None:
            shown["quote"] = self.quote
        return shown


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
