"""The Chats API (amoCRM contract §5, §6): routes, signatures, channels, chats, history, typing, reactions, statuses.

Owns everything below `/v2/origin/custom` but the acceptance of messages, which is `messages.py`. Order of checks:
the channel exists, the request is signed, the account is connected, the JSON is well-formed, the ids exist.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

import orjson

from dealgram.sandbox.amocrm import avatars, cards, messages, payloads, quotes
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import JSON, NO_CONTENT, Answer, Refused, refuse_amojo
from dealgram.sandbox.amocrm.conversations import Author, SimChat, SimMessage
from dealgram.sandbox.amocrm.shapes import BAD_VALUE, Check, Problem
from dealgram.sandbox.amocrm.signing import why_refused
from dealgram.sandbox.amocrm.world import RawRequest, World

PREFIX = "/v2/origin/custom/"
HISTORY_LIMIT = 50

_EMPTY = Answer(status=200, content_type=JSON)
_Handler = Callable[[World, SimAccount, RawRequest, list[str]], Answer]


def operation(request: RawRequest) -> str:
    """The name of the operation, for faults and the request log; "amojo.unknown" where there is none."""
    return _route(request)[0]


def _route(request: RawRequest) -> tuple[str, list[str]]:
    parts = request.path.removeprefix(PREFIX).split("/")
    match (request.method, *parts):
        case ("POST", _, "connect"):
            return "amojo.connect", parts
        case ("DELETE", _, "disconnect"):
            return "amojo.disconnect", parts
        case ("POST", scope) if scope:
            return "amojo.send", parts
        case ("POST", _, "chats"):
            return "amojo.chats", parts
        case ("POST", _, "typing"):
            return "amojo.typing", parts
        case ("POST", _, "react"):
            return "amojo.react", parts
        case ("POST", _, _, "delivery_status"):
            return "amojo.delivery_status", parts
        case ("GET", _, "chats", _, "history"):
            return "amojo.history", parts
        case _:
            return "amojo.unknown", parts


def account_of(world: World, request: RawRequest) -> SimAccount | None:
    """The account whose scope the path names."""
    scope = request.path.removeprefix(PREFIX).split("/", 1)[0]
    return world.accounts_by_amojo.get(scope.partition("_")[2])


def handle(world: World, request: RawRequest) -> Answer:
    """Answers one request; raises Refused."""
    name, parts = _route(request)
    empty = world.switches.error_body == "empty"
    channel_id, _, amojo_id = parts[0].partition("_")
    if name == "amojo.unknown":
        raise refuse_amojo(404, "NOT_FOUND", f"{request.method} {request.path} is no method", empty=empty)
    if channel_id != world.channel.id:
        raise refuse_amojo(404, "ORIGIN_NOT_REGISTERED", f"no channel {channel_id}", empty=empty)
    reason = why_refused(
        world.channel.secret,
        method=request.method,
        path=request.path,
        headers=request.headers,
        body=request.body,
        now=world.now(),
    )
    if reason is not None:
        raise refuse_amojo(403, "ORIGIN_INVALID_SIGNATURE", reason, empty=empty)
    if world.chat_pace.admit(parts[0], world.now(), rate=world.switches.chat_rate_per_s) != "go":
        raise refuse_amojo(429, "TOO_MANY_REQUESTS", "too many requests", empty=empty)
    if name in ("amojo.connect", "amojo.disconnect"):
        if amojo_id:
            raise refuse_amojo(404, "ORIGIN_NOT_REGISTERED", f"{parts[0]} is a scope, not a channel", empty=empty)
        return (_connect if name == "amojo.connect" else _disconnect)(world, request)
    account = world.accounts_by_amojo.get(amojo_id)
    if account is None or not account.is_connected:
        raise refuse_amojo(404, "ORIGIN_NOT_REGISTERED", f"the scope {parts[0]} is not connected", empty=empty)
    return _HANDLERS[name](world, account, request, parts)


def refuse_problems(world: World, problems: Sequence[Problem]) -> Refused:
    """400 with what is wrong; its body is undocumented, so a switch empties it."""
    listed = "; ".join(str(one) for one in problems)
    return refuse_amojo(400, "BAD_REQUEST", listed, empty=world.switches.error_body == "empty")


def _not_found(world: World, what: str) -> Refused:
    return refuse_amojo(404, "NOT_FOUND", what, empty=world.switches.error_body == "empty")


def decode(world: World, request: RawRequest) -> dict[str, Any]:
    """The body as an object; which fields it has is another question."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise refuse_problems(world, [Problem(BAD_VALUE, "", f"not JSON: {error}")]) from None
    if not isinstance(body, dict):
        raise refuse_problems(world, [Problem(BAD_VALUE, "", "an object is expected")])
    return body


def checked(world: World, request: RawRequest, shape: Check, where: str) -> dict[str, Any]:
    body = decode(world, request)
    problems = world.check(shape, body, where)
    if problems:
        raise refuse_problems(world, problems)
    return body


def _connect(world: World, request: RawRequest) -> Answer:
    shape = payloads.CONNECT_STRICT if world.switches.connect_all_required else payloads.CONNECT
    body = checked(world, request, shape, "amojo.connect")
    account = world.accounts_by_amojo.get(body["account_id"])
    if account is None:
        raise refuse_problems(world, [Problem(BAD_VALUE, "account_id", "no such account")])
    if body.get("hook_api_version", "v1") != "v2":
        text = "hooks of version v1 are deprecated and this channel has no address for them"
        raise refuse_problems(world, [Problem(BAD_VALUE, "hook_api_version", text)])
    account.is_connected = True
    account.channel_title = body.get("title", world.channel.title)
    account.is_time_window_disabled = body.get("is_time_window_disabled", False)
    world.events.publish("account", account_id=account.id)
    answer = {
        "account_id": account.amojo_id,
        "scope_id": world.scope_of(account),
        "title": account.channel_title,
        "hook_api_version": "v2",
        "is_time_window_disabled": account.is_time_window_disabled,
    }
    return Answer(status=200, body=answer, content_type=JSON)


def _disconnect(world: World, request: RawRequest) -> Answer:
    body = checked(world, request, payloads.DISCONNECT, "amojo.disconnect")
    account = world.accounts_by_amojo.get(body["account_id"])
    if account is None:
        raise refuse_problems(world, [Problem(BAD_VALUE, "account_id", "no such account")])
    account.is_connected = False
    world.events.publish("account", account_id=account.id)
    return _EMPTY


def _chats(world: World, account: SimAccount, request: RawRequest, parts: list[str]) -> Answer:
    body = checked(world, request, payloads.CHAT[world.switches.participant_id], "amojo.chats")
    user = body["user"]
    if "id" not in user and "ref_id" not in user:
        raise refuse_problems(world, [Problem(BAD_VALUE, "user.id", "a participant needs id or ref_id")])
    if "id" in user:
        person = messages.external(account, user)
        avatars.seen(world, person)
    else:
        known = account.participants_by_uuid.get(user["ref_id"])
        if known is None:
            raise refuse_problems(world, [Problem(BAD_VALUE, "user.ref_id", "no such participant")])
        person = known
    chat = account.open_chat(body["conversation_id"], person)
    chat.client = chat.client or person
    chat.title = user.get("name") or chat.title
    if "external_id" in body.get("source", {}):
        cards.take_source(account, chat, body["source"]["external_id"])
    world.events.publish("chat", account_id=account.id, chat_uuid=chat.uuid)
    if "id" not in user:
        return Answer(status=200, body={"id": chat.uuid, "user": {"id": person.uuid}}, content_type=JSON)
    shown = {"id": person.uuid, "client_id": person.client_id, "name": person.name, "avatar": person.avatar}
    shown |= {name: value for name, value in (("phone", person.phone), ("email", person.email)) if value}
    return Answer(status=200, body={"id": chat.uuid, "user": shown}, content_type=JSON)


def _send(world: World, account: SimAccount, request: RawRequest, parts: list[str]) -> Answer:
    body = decode(world, request)
    problems = world.check(payloads.event_shape(body.get("event_type"), world.switches), body, "amojo.send")
    problems = problems or payloads.event_rules(body, world.switches)
    if not problems:
        is_edit = body["event_type"] == "edit_message"
        is_new = not is_edit and body["payload"]["msgid"] not in account.messages_by_msgid
        accept = messages.edit if is_edit else messages.accept
        outcome = accept(world, account, body["payload"])
        if isinstance(outcome, SimMessage):
            if is_new and world.imported is not None:
                world.imported(account, outcome)
            return Answer(status=200, body={"new_message": messages.receipt(world, outcome)}, content_type=JSON)
        problems = outcome
    raise refuse_problems(world, problems)


def _delivery_status(world: World, account: SimAccount, request: RawRequest, parts: list[str]) -> Answer:
    body = checked(world, request, payloads.DELIVERY[world.switches.delivery_field], "amojo.delivery_status")
    problems = payloads.delivery_rules(body)
    if problems:
        raise refuse_problems(world, problems)
    message = account.messages.get(parts[1])
    if message is None or not message.visible:
        raise _not_found(world, f"no message {parts[1]}")
    if message.direction == "in":
        raise refuse_problems(world, [Problem(BAD_VALUE, "", f"the message {parts[1]} came from the client")])
    messages.set_status(world, account, message, body)
    return _EMPTY


def _history(world: World, account: SimAccount, request: RawRequest, parts: list[str]) -> Answer:
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    numbers = {"offset": 0, "limit": HISTORY_LIMIT}
    problems: list[Problem] = []
    for name, value in query.items():
        if name not in numbers:
            problems.append(Problem(BAD_VALUE, name, "the documentation knows no such parameter"))
        elif not value.isascii() or not value.isdigit():
            problems.append(Problem(BAD_VALUE, name, f"a number is expected, not {value!r}"))
        else:
            numbers[name] = int(value)
    if not 1 <= numbers["limit"] <= HISTORY_LIMIT:
        problems.append(Problem(BAD_VALUE, "limit", f"1 to {HISTORY_LIMIT} are expected"))
    if problems:
        raise refuse_problems(world, problems)
    chat = account.chats.get(parts[2])
    shown: list[Any] = []
    if chat is not None:
        visible = [one for one in chat.messages if one.visible]
        visible.sort(key=lambda one: (one.msec_timestamp, one.seq), reverse=True)
        first = numbers["offset"]
        shown = [_history_item(account, one) for one in visible[first : first + numbers["limit"]]]
    return Answer(status=200, body={"messages": shown}, content_type=JSON) if shown else NO_CONTENT


def _history_item(account: SimAccount, message: SimMessage) -> dict[str, Any]:
    def person(author: Author) -> dict[str, Any]:
        shown: dict[str, Any] = {"id": author.uuid, "name": author.name}
        known = account.participants_by_uuid.get(author.uuid)
        if known is not None:
            more = {"client_id": known.client_id, "avatar": known.avatar, "phone": known.phone, "email": known.email}
            shown |= {name: value for name, value in more.items() if value}
        return shown

    content = message.content
    inner: dict[str, Any] = {"id": message.id}
    if message.msgid is not None:
        inner["client_id"] = message.msgid
    inner["type"] = content["type"]
    inner |= {name: content.get(name, "") for name in ("text", "media", "thumbnail", "file_name")}
    inner["file_size"] = content.get("file_size", 0)
    inner |= {name: content[name] for name in ("location", "contact", "media_group_id") if name in content}
    shown: dict[str, Any] = {
        "timestamp": message.timestamp,
        "msec_timestamp": message.msec_timestamp,
        "sender": person(message.sender),
    }
    if message.receiver is not None:
        shown["receiver"] = person(message.receiver)
    shown["message"] = inner
    return shown


def _typing(world: World, account: SimAccount, request: RawRequest, parts: list[str]) -> Answer:
    body = checked(world, request, payloads.TYPING, "amojo.typing")
    chat = account.chats_by_client.get(body["conversation_id"])
    if chat is None:
        raise refuse_problems(world, [Problem(BAD_VALUE, "conversation_id", "no such chat")])
    chat.typing[body["sender"]["id"]] = world.now() + body.get("duration_ms", 5000) / 1000
    world.events.publish("typing", account_id=account.id, chat_uuid=chat.uuid)
    return NO_CONTENT


def _react(world: World, account: SimAccount, request: RawRequest, parts: list[str]) -> Answer:
    body = checked(world, request, payloads.REACT, "amojo.react")
    problems = payloads.react_rules(body)
    if problems:
        raise refuse_problems(world, problems)
    message = quotes.find(account, body)
    chat: SimChat | None = messages.named_chat(account, body)
    if message is None or not message.visible or message.chat is not chat:
        raise _not_found(world, "no such message in this chat")
    user = body["user"]
    ref_id = user.get("ref_id")
    is_known = ref_id in account.users_by_amojo or ref_id in account.participants_by_uuid
    if ref_id is not None and not is_known and ref_id != world.channel.bot_id:
        raise refuse_problems(world, [Problem(BAD_VALUE, "user.ref_id", "nobody has this id")])
    known = account.participants.get(user["id"])
    if known is None and ref_id is None and world.switches.unknown_reactor == "refuse":
        raise refuse_problems(world, [Problem(BAD_VALUE, "user.id", "nobody in this chat has this id")])
    if body["type"] == "react" and not world.may_react(body["emoji"]):
        raise refuse_problems(world, [Problem(BAD_VALUE, "emoji", "not among the reactions of the channel")])
    who = ref_id or (known.uuid if known is not None else user["id"])
    if body["type"] == "react":
        message.reactions[who] = body["emoji"]
    else:
        message.reactions.pop(who, None)
    world.changed(account, message)
    if world.reacted is not None:
        world.reacted(account, message, who, body["emoji"] if body["type"] == "react" else None)
    return _EMPTY


_HANDLERS: dict[str, _Handler] = {
    "amojo.chats": _chats,
    "amojo.send": _send,
    "amojo.delivery_status": _delivery_status,
    "amojo.history": _history,
    "amojo.typing": _typing,
    "amojo.react": _react,
}
