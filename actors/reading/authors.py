"""Who speaks in a Telegram message: a person, or one of the identities that are no persons and never get a contact.

``sender_chat`` comes first (telegram-facts §1.6): an anonymous administrator is the group itself, a channel is a
channel, whatever stands in ``from``. Another bot is a bot, under its own name. Pure.
"""

from __future__ import annotations

from dealgram.actors import texts
from dealgram.actors.body_parts import Author
from dealgram.actors.names import person_id
from dealgram.actors.reading.media_texts import chat_name, with_bot_sign
from dealgram.gateways.telegram import Chat, Message, Origin, User

GROUP_ANONYMOUS_BOT = 1087968824
"""An administrator who acts as the group (telegram-facts §1.6)."""

TELEGRAM_ITSELF = frozenset({777000, 136817688, GROUP_ANONYMOUS_BOT})
"""Telegram's own senders: automatic forwards, «a channel», «an anonymous administrator»."""


def person_name(user: User) -> str:
    """The name to show for a person; never empty."""
    return user.full_name or (f"@{user.username}" if user.username else f"Пользователь {user.id}")


def chat_author_id(chat_id: int) -> str:
    """The chat participant in amoCRM for a chat that speaks itself: a channel, or a group by its administrators."""
    return f"tgc-{chat_id}"


def author_of(message: Message) -> Author:
    """Who wrote a message. Without ``user_id`` it is nobody who could have a contact."""
    sender, chat = message.from_user, message.sender_chat
    if chat is not None and (sender is None or sender.id in TELEGRAM_ITSELF or chat.id != message.chat.id):
        if chat.id == message.chat.id and not message.chat.is_private:
            return Author(id=chat_author_id(chat.id), name=message.author_signature or texts.ADMINISTRATOR_OF_GROUP)
        return Author(id=chat_author_id(chat.id), name=_called(chat))
    if sender is None or sender.id in TELEGRAM_ITSELF:
        return Author(id=chat_author_id(message.chat.id), name=message.chat.title or "Telegram")
    if sender.is_bot:
        return Author(id=f"tgb-{sender.id}", name=with_bot_sign(person_name(sender)))
    return Author(
        id=person_id(sender.id), name=person_name(sender), user_id=sender.id, username=sender.username or None
    )


def bot_of(message: Message) -> int | None:
    """The bot that wrote a message or caused an event; None for persons and for Telegram's own identities."""
    sender = message.from_user
    if sender is None or not sender.is_bot or message.sender_chat is not None or sender.id in TELEGRAM_ITSELF:
        return None
    return sender.id


def origin_name(origin: Origin | None) -> str:
    """The author of a message of elsewhere; empty if it is not told."""
    if origin is None:
        return ""
    if origin.sender_user is not None:
        return person_name(origin.sender_user)
    chat = origin.sender_chat or origin.chat
    return _called(chat) if chat is not None else origin.sender_user_name


def _called(chat: Chat) -> str:
    name = chat.title or f"{chat.first_name} {chat.last_name}".strip() or chat.username
    return chat_name(chat.type, name)
