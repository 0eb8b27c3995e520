"""Addresses of Telegram messages, for people who are to open them in Telegram. Pure.

Only messages of supergroups and channels have addresses; those of basic groups and private chats have none.
"""

from __future__ import annotations

from dealgram.gateways.telegram import Chat

_OFFSET = 10**12
"""Ids of supergroups and channels are written as −100…; the address holds the rest."""


def message_link(chat: Chat | None, message_id: int | None) -> str | None:
    """``https://t.me/<name>/<id>`` for public chats, ``https://t.me/c/<chat>/<id>`` for members of others; None where
    there is no address."""
    if chat is None or not message_id or chat.type not in ("supergroup", "channel"):
        return None
    if chat.username:
        return f"https://t.me/{chat.username}/{message_id}"
    number = -chat.id - _OFFSET
    return f"https://t.me/c/{number}/{message_id}" if number > 0 else None


def story_link(chat: Chat | None, story_id: int) -> str | None:
    """The address of a story of somebody with a public name."""
    return f"https://t.me/{chat.username}/s/{story_id}" if chat is not None and chat.username and story_id else None
