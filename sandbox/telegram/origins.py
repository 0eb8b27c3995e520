"""Where a forwarded or quoted message is from: the four forms of MessageOrigin.

Source: Bot API, MessageOrigin*. A person who hides their account when forwarded leaves a name only; what was forwarded
before keeps its first origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dealgram.sandbox.telegram.world import Json, SimUser

if TYPE_CHECKING:
    from dealgram.sandbox.telegram.messages import Stored


def origin_of(message: Stored) -> Json:
    """The origin that a forward of the message, or an answer to it from elsewhere, would show."""
    known: Json | None = message.about.get("forward_origin")
    if known is not None:
        return known
    origin: Json
    if message.chat.kind == "channel":
        origin = {"type": "channel", "chat": message.chat.as_chat(), "message_id": message.number}
    elif message.identity is not None:
        origin = {"type": "chat", "sender_chat": message.identity.as_chat()}
    elif isinstance(message.sender, SimUser) and message.sender.hides_when_forwarded:
        origin = {"type": "hidden_user", "sender_user_name": message.sender.name}
    else:
        origin = {"type": "user", "sender_user": message.sender.as_user()}
    if origin["type"] in ("chat", "channel") and "author_signature" in message.about:
        origin["author_signature"] = message.about["author_signature"]
    return origin | {"date": message.date}
