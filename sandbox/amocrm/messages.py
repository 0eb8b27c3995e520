"""Acceptance of messages (amoCRM contract §7): who writes to whom, duplicates, quotes, edits, delivery statuses.

Owns the rules that need to look something up. Promises: a refused message changes nothing; an accepted one has its ids
at once and becomes visible now, or later by the switch; a message with a known `msgid` is never kept twice.
"""

from __future__ import annotations

from typing import Any

import trio

from dealgram.sandbox.amocrm import avatars, cards, media, payloads, quotes
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.attachments import FILE_TYPES
from dealgram.sandbox.amocrm.conversations import Author, Participant, SimChat, SimMessage
from dealgram.sandbox.amocrm.shapes import BAD_VALUE, MISSING, Problem
from dealgram.sandbox.amocrm.world import World

_OF_THE_FILE = ("media", "file_name", "file_size", "media_duration", "sticker_id", "thumbnail", "media_group_id")
_ERROR_TEXTS = {
    901: "Клиент удалил переписку",
    902: "Интеграция отключена на стороне канала",
    903: "Внутренняя ошибка сервера",
    904: "Невозможно начать переписку",
    905: "Сообщение не доставлено",
}


def external(account: SimAccount, person: dict[str, Any]) -> Participant:
    """The participant that a `user`, `sender` or `receiver` with an own id describes."""
    profile = person.get("profile", {})
    return account.participant(
        person["id"],
        person.get("name", ""),
        avatar=person.get("avatar", ""),
        phone=profile.get("phone", ""),
        email=profile.get("email", ""),
        profile_link=person.get("profile_link", ""),
    )


def named_chat(account: SimAccount, body: dict[str, Any]) -> SimChat | None:
    """The chat that a request means: the id on amoCRM's side wins over ours."""
    if "conversation_ref_id" in body:
        return account.chats.get(body["conversation_ref_id"])
    return account.chats_by_client.get(body["conversation_id"])


def accept(world: World, account: SimAccount, payload: dict[str, Any]) -> SimMessage | list[Problem]:
    """Accepts a new message, or says why not."""
    known = account.messages_by_msgid.get(payload["msgid"])
    if known is not None:
        if world.switches.duplicate_msgid == "same_ids":
            return known
        return [Problem(BAD_VALUE, "payload.msgid", f"a message {payload['msgid']!r} is known already")]
    chat = named_chat(account, payload)
    if chat is None and "conversation_ref_id" in payload:
        return [Problem(BAD_VALUE, "payload.conversation_ref_id", "no such chat")]
    problems = _people(world, account, payload)
    if world.switches.unknown_quote == "refuse":
        problems += quotes.problems(account, payload, chat)
    if problems:
        return problems
    is_out = "receiver" in payload
    client = _client(account, payload["receiver"] if is_out else payload["sender"])
    avatars.seen(world, client)
    chat = chat or account.open_chat(payload["conversation_id"], client)
    chat.client = chat.client or client
    chat.title = chat.title or client.name
    source = payload.get("source", {})
    if "external_id" in source:
        cards.take_source(account, chat, source["external_id"])
    person = Author(uuid=client.uuid, name=client.name, client_id=client.client_id)
    message = SimMessage(
        id=world.ids.uuid(),
        msgid=payload["msgid"],
        chat=chat,
        talk=None,
        seq=account.next_arrival(),
        timestamp=payload["timestamp"],
        msec_timestamp=payload["msec_timestamp"],
        direction="out" if is_out else "in",
        sender=_manager(world, account, payload["sender"]) if is_out else person,
        receiver=person if is_out else None,
        content=payload["message"],
        silent=payload["silent"],
        visible=False,
        status="imported" if is_out else "",
        quote=quotes.reply(account, payload, chat),
        forward=quotes.forward(account, payload),
    )
    if not is_out and world.switches.sender_renames_contact and chat.client is client and chat.contact_id is not None:
        contact = account.contacts[chat.contact_id]
        contact.name = chat.title = client.name
        account.index(contact)
    account.accept(message)
    media.posted(world, account, message)
    if world.switches.visibility_delay_s <= 0:
        cards.show(world, account, message)
    else:
        world.later.append((trio.current_time() + world.switches.visibility_delay_s, account, message))
        world.later_added.set()
    return message


async def show_later(world: World) -> None:
    """Makes accepted messages visible when their delay is over, in the order of acceptance. Runs until cancelled."""
    while True:
        while not world.later:
            world.later_added = trio.Event()
            await world.later_added.wait()
        due, account, message = world.later[0]
        await trio.sleep_until(due)
        world.later.popleft()
        cards.show(world, account, message)


def receipt(world: World, message: SimMessage) -> dict[str, Any]:
    """`new_message` of the answer. Which ids it holds is point 5 of the open points."""
    ours = world.switches.message_ids == "ours"
    chat, sender, receiver = message.chat, message.sender, message.receiver
    answer: dict[str, Any] = {
        "conversation_id": chat.client_id if ours else chat.uuid,
        "sender_id": (sender.client_id or sender.uuid) if ours else sender.uuid,
        "msgid": message.id,
        "ref_id": message.msgid or "",
    }
    if receiver is not None:
        answer["receiver_id"] = receiver.uuid
    elif ours:
        answer["receiver_id"] = None
    return answer


def edit(world: World, account: SimAccount, payload: dict[str, Any]) -> SimMessage | list[Problem]:
    """Changes the content of a message; with both ids, `msgid` becomes the integration's id of it.

    An edit that names no file keeps the one that is there (amoCRM contract §7).
    """
    message = quotes.find(account, payload)
    if message is None or not message.visible or message.chat is not named_chat(account, payload):
        return [Problem(BAD_VALUE, "payload.msgid", "no such message in this chat")]
    kind = payload["message"]["type"]
    needs_file = kind in FILE_TYPES and "media" not in payload["message"]
    if needs_file and not message.content.get("media"):
        return [Problem(MISSING, "payload.message.media", f"required: the message has no file to be a {kind} of")]
    msgid = payload.get("msgid")
    if msgid is not None and msgid != message.msgid:
        if msgid in account.messages_by_msgid:
            return [Problem(BAD_VALUE, "payload.msgid", f"another message is {msgid!r} already")]
        if message.msgid is not None:
            account.messages_by_msgid.pop(message.msgid, None)
        message.msgid = msgid
        account.messages_by_msgid[msgid] = message
    content = dict(payload["message"])
    status = content.pop("delivery_status", None)
    changed_content = _kept(message, content) | content
    if changed_content != message.content:
        has_new_file = changed_content.get("media") != message.content.get("media")
        message.content = changed_content
        message.edited = True
        if has_new_file:
            media.posted(world, account, message)
    if status is not None and message.direction == "out":
        set_status(world, account, message, status)
    world.changed(account, message)
    return message


def _kept(message: SimMessage, content: dict[str, Any]) -> dict[str, Any]:
    """What an edit leaves as it is: the file, and what belongs to it, where no other file is named."""
    if content["type"] not in FILE_TYPES:
        return {}
    return {name: value for name, value in message.content.items() if name in _OF_THE_FILE and "media" not in content}


def set_status(world: World, account: SimAccount, message: SimMessage, body: dict[str, Any]) -> None:
    """Delivered, read, or an error with the text that the manager sees. "Read" is not taken back by "delivered".

    Whether a message that was not delivered can become so later is a switch.
    """
    value = body.get("status_code", body.get("delivery_status"))
    if message.status == "error" and world.switches.status_after_error == "final":
        return
    if value == -1:
        code = payloads.error_code(body) or 905
        message.status, message.error_code = "error", code
        message.error = body.get("error") or _ERROR_TEXTS[code]
    elif value == 2 or message.status != "read":
        message.status, message.error_code, message.error = ("read" if value == 2 else "delivered"), None, ""
    else:
        return
    message.statuses.append(message.error or message.status)
    world.changed(account, message)


def _people(world: World, account: SimAccount, payload: dict[str, Any]) -> list[Problem]:
    """The direction rules: incoming is a sender alone, outgoing is a known user or the bot with a receiver."""
    sender, receiver = payload["sender"], payload.get("receiver")
    ref_id = sender.get("ref_id")
    is_ours = ref_id is not None and (ref_id == world.channel.bot_id or ref_id in account.users_by_amojo)
    if receiver is None:
        if is_ours:
            return [Problem(BAD_VALUE, "payload.receiver", "a message of a user or of the bot needs a receiver")]
        return _outsider(account, sender, "payload.sender")
    if not is_ours:
        text = "an outgoing message needs the chat id of a user or of the channel's bot"
        return [Problem(BAD_VALUE, "payload.sender.ref_id", text)]
    if receiver.get("ref_id") in account.users_by_amojo or receiver.get("ref_id") == world.channel.bot_id:
        return [Problem(BAD_VALUE, "payload.receiver.ref_id", "the receiver is a client, not a user or the bot")]
    return _outsider(account, receiver, "payload.receiver")


def _outsider(account: SimAccount, person: dict[str, Any], path: str) -> list[Problem]:
    ref_id = person.get("ref_id")
    if ref_id is None:
        return []
    known = account.participants_by_uuid.get(ref_id)
    if known is None or person.get("id", known.client_id) != known.client_id:
        return [Problem(BAD_VALUE, f"{path}.ref_id", "no participant has this id")]
    return []


def _client(account: SimAccount, person: dict[str, Any]) -> Participant:
    return external(account, person) if "id" in person else account.participants_by_uuid[person["ref_id"]]


def _manager(world: World, account: SimAccount, sender: dict[str, Any]) -> Author:
    user = account.users_by_amojo.get(sender["ref_id"])
    name = user.name if user is not None else sender.get("name") or world.channel.title
    return Author(uuid=sender["ref_id"], name=name)
