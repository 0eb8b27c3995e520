"""A Telegram message as the domain sees it: who speaks, what the card shows, what it means for the group.

Identities that are no persons are told apart here, and first of all by ``sender_chat`` (telegram-facts §1.6): an
anonymous administrator is the group itself, a channel is a channel; neither ever gets a contact.
"""

from __future__ import annotations

from dataclasses import dataclass

from dealgram.actors import texts
from dealgram.actors.body_parts import Author
from dealgram.actors.describe import describe
from dealgram.actors.names import person_id
from dealgram.actors.topics import TopicHeard, thread_of, topic_heard
from dealgram.gateways.telegram import Message, User

TELEGRAM_ITSELF = frozenset({777000, 136817688, 1087968824})
"""Telegram's own senders: automatic forwards, «a channel», «an anonymous administrator»."""


@dataclass(frozen=True, slots=True)
class Someone:
    """A person named in a message."""

    user_id: int
    name: str
    username: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """See the module. ``line`` is empty for what leaves no line in the card."""

    chat_id: int
    chat_title: str
    chat_kind: str
    message_id: int
    sent_at_ms: int
    author: Author
    text: str
    line: str
    service: bool = False
    from_bot: bool = False
    reply_to: int | None = None
    reply_to_own_bot: bool = False
    quoted: str = ""
    """What is answered, in one line; empty when nothing is."""
    migrate_to: int | None = None
    migrate_from: int | None = None
    joined: tuple[Someone, ...] = ()
    left: Someone | None = None
    thread: int | None = None
    """The forum topic in which it stands (1: the General topic); None where there is no forum."""
    topic: TopicHeard | None = None
    """What it says about that topic."""


def person_name(user: User) -> str:
    """The name to show for a person; never empty."""
    return user.full_name or (f"@{user.username}" if user.username else f"Пользователь {user.id}")


def read_message(message: Message, bot_id: int) -> Incoming:
    """Read a message that bot ``bot_id`` was given."""
    answered = message.reply_to_message
    if answered is not None and answered.kind == "forum_topic_created":
        answered = None  # every message of a topic carries the topic's first note: no quote (telegram-facts §1.6)
    left = message.left_chat_member
    return Incoming(
        chat_id=message.chat.id,
        chat_title=message.chat.title,
        chat_kind=message.chat.type,
        message_id=message.message_id,
        # Telegram counts seconds, a card sorts by milliseconds: the message id keeps the order within a second.
        sent_at_ms=message.date * 1000 + message.message_id % 1000,
        author=_author(message),
        text=message.body.strip(),
        line=(describe(message) or "").strip(),
        service=message.is_service,
        from_bot=_is_bot(message),
        reply_to=answered.message_id if answered is not None else None,
        reply_to_own_bot=answered is not None and _is_from(answered, bot_id),
        quoted=_quoted(message, answered, bot_id),
        migrate_to=message.migrate_to_chat_id,
        migrate_from=message.migrate_from_chat_id,
        joined=tuple(someone(user) for user in message.new_chat_members if not user.is_bot),
        left=someone(left) if left is not None and not left.is_bot else None,
        thread=thread_of(message),
        topic=topic_heard(message),
    )


def chat_author_id(chat_id: int) -> str:
    """The chat participant in amoCRM for a chat that speaks itself: a channel, or a group by its administrators."""
    return f"tgc-{chat_id}"


def someone(user: User) -> Someone:
    """A person as the domain names them."""
    return Someone(user.id, person_name(user), user.username or None)


def _is_from(message: Message, bot_id: int) -> bool:
    return message.from_user is not None and message.from_user.id == bot_id


def _quoted(message: Message, answered: Message | None, bot_id: int) -> str:
    """A short line about the answered message. Telegram gives its author and text along with the answer; of an answer
    to another chat it gives at most the words that were picked out."""
    picked = message.quote.text if message.quote is not None else ""
    if answered is None:
        return texts.quoted_line("", picked) if picked.strip() else ""
    # What our own bot wrote is a manager's answer: nobody answers anything else of it but its menus.
    author = texts.MANAGER if _is_from(answered, bot_id) else _author(answered).name
    return texts.quoted_line(author, picked or describe(answered) or "")


def _is_bot(message: Message) -> bool:
    sender = message.from_user
    return sender is not None and sender.is_bot and message.sender_chat is None and sender.id not in TELEGRAM_ITSELF


def _author(message: Message) -> Author:
    sender, chat = message.from_user, message.sender_chat
    if chat is not None and (sender is None or sender.id in TELEGRAM_ITSELF or chat.id != message.chat.id):
        if chat.id == message.chat.id and not message.chat.is_private:
            return Author(id=chat_author_id(chat.id), name=message.author_signature or texts.ADMINISTRATOR_OF_GROUP)
        return Author(id=chat_author_id(chat.id), name=chat.title or chat.username or "Канал")
    if sender is None or sender.id in TELEGRAM_ITSELF:
        return Author(id=chat_author_id(message.chat.id), name=message.chat.title or "Telegram")
    return Author(
        id=person_id(sender.id), name=person_name(sender), user_id=sender.id, username=sender.username or None
    )
