"""Quotes: answers to a message of the same chat, and messages forwarded from any chat of the integration.

Owns both directions: what a posted quote may name (amoCRM contract §7), how a hook renders one (§9), and how people see
it. An integration quotes by `id` or `msgid`, or, where it knows neither, by the message's content.
"""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import Author, Quoted, SimChat, SimMessage
from dealgram.sandbox.amocrm.shapes import BAD_VALUE, Problem


def find(account: SimAccount, body: dict[str, Any]) -> SimMessage | None:
    """The message that `id`, or else `msgid`, names."""
    if "id" in body:
        return account.messages.get(body["id"])
    return account.messages_by_msgid.get(body["msgid"])


def problems(account: SimAccount, payload: dict[str, Any], chat: SimChat | None) -> list[Problem]:
    """What is named and is not there, or not in this chat."""
    found: list[Problem] = []
    quoted = payload.get("reply_to", {}).get("message", {})
    if _is_named(quoted):
        original = find(account, quoted)
        if original is None or original.chat is not chat:
            found.append(Problem(BAD_VALUE, "payload.reply_to.message", "no such message in this chat"))
    forwards = payload.get("forwards", {})
    found += [
        Problem(BAD_VALUE, "payload.forwards.messages.0", "no such message")
        for one in forwards.get("messages", [])
        if _is_named(one) and find(account, one) is None
    ]
    chats = {"conversation_ref_id": account.chats, "conversation_id": account.chats_by_client}
    found += [
        Problem(BAD_VALUE, f"payload.forwards.{name}", "no such chat")
        for name, known in chats.items()
        if name in forwards and forwards[name] not in known
    ]
    return found


def reply(account: SimAccount, payload: dict[str, Any], chat: SimChat) -> str | Quoted | None:
    """What an accepted message answers; nothing where the message that it names is not in its chat."""
    quoted = payload.get("reply_to", {}).get("message")
    if quoted is None or not _is_named(quoted):
        return None if quoted is None else _by_content(account, quoted)
    original = find(account, quoted)
    return original.id if original is not None and original.chat is chat else None


def forward(account: SimAccount, payload: dict[str, Any]) -> str | Quoted | None:
    """What an accepted message forwards."""
    for one in payload.get("forwards", {}).get("messages", []):
        if not _is_named(one):
            return _by_content(account, one)
        original = find(account, one)
        return original.id if original is not None else None
    return None


def shown(account: SimAccount, quote: str | Quoted | None) -> Quoted | None:
    """The quote for people: a message that is known as it is now."""
    if not isinstance(quote, str):
        return quote
    message = account.messages.get(quote)
    if message is None:
        return None
    return Quoted(
        amo_id=message.id,
        msgid=message.msgid,
        author=message.sender.name,
        type=message.content["type"],
        text=message.content.get("text", ""),
    )


def in_hook(message: SimMessage) -> dict[str, Any]:
    """A quoted message in a hook."""

    def person(author: Author | None) -> dict[str, Any]:
        if author is None:
            return {}
        return {"id": author.uuid} | ({"client_id": author.client_id} if author.client_id is not None else {})

    content = message.content
    quoted: dict[str, Any] = {"id": message.id}
    if message.msgid is not None:
        quoted["msgid"] = message.msgid
    return quoted | {
        "type": content["type"],
        "text": content.get("text", ""),
        "media": content.get("media", ""),
        "thumbnail": content.get("thumbnail", ""),
        "file_name": content.get("file_name", ""),
        "file_size": content.get("file_size", 0),
        "timestamp": message.timestamp,
        "msec_timestamp": message.msec_timestamp,
        "sender": person(message.sender),
        "receiver": person(message.receiver),
    }


def _is_named(quoted: dict[str, Any]) -> bool:
    return "id" in quoted or "msgid" in quoted


def _by_content(account: SimAccount, quoted: dict[str, Any]) -> Quoted:
    sender = quoted["sender"]
    known = account.participants.get(sender.get("id", ""))
    name = sender.get("name") or (known.name if known is not None else "")
    if "ref_id" in sender and not name:
        user = account.users_by_amojo.get(sender["ref_id"])
        person = account.participants_by_uuid.get(sender["ref_id"])
        name = user.name if user is not None else person.name if person is not None else ""
    return Quoted(amo_id=None, msgid=None, author=name, type=quoted["type"], text=quoted.get("text", ""))
