"""The tables of the Chats API as shapes (amoCRM contract §6, §7, §8), and the rules that tables cannot say.

Owns what a well-formed request is. Promises: no lookups here; whether an id exists is decided where the chats are.
"""

from __future__ import annotations

import re
from typing import Any

from dealgram.sandbox.amocrm.shapes import (
    BAD_VALUE,
    MISSING,
    Check,
    Problem,
    Shape,
    anything,
    boolean,
    integer,
    items,
    join,
    nullable,
    number,
    optional_url,
    text,
    url,
)
from dealgram.sandbox.amocrm.switches import Switches

MESSAGE_TYPES = ("text", "contact", "file", "video", "picture", "voice", "audio", "sticker", "location")
_REQUIRED_BY_TYPE: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "picture": ("media", "file_name", "file_size"),
    "video": ("media", "file_name", "file_size"),
    "file": ("media", "file_name", "file_size"),
    "voice": ("media",),
    "audio": ("media",),
    "sticker": ("media",),
    "location": ("location",),
    "contact": ("contact",),
}
_KEPT_BY_EDIT = ("media", "file_name", "file_size")
ERROR_CODES = (901, 902, 903, 904, 905)

_FILLED = text(least=1)
_ASCII = re.compile(r"[\x20-\x7e]+")
_PROFILE = Shape(optional={"phone": text(), "email": text()})
_SOURCE = Shape(optional={"external_id": text(least=1, most=40, pattern=_ASCII)})
_LOCATION = Shape({"lon": number, "lat": number})
_CONTACT = Shape({"name": _FILLED, "phone": _FILLED})
_POST = Shape(
    {"id": _FILLED, "url": url},
    {"preview_url": url, "preview_permalink": url, "username": text(), "caption": text()},
)
_SHARED_POST = Shape(
    {"url": url}, {"preview_link": url, "preview_permalink": url, "type": text(one_of=("post",)), "site_name": text()}
)
_DELIVERY_FIELDS: dict[str, Check] = {
    "error_code": nullable(integer()),
    "error_сode": nullable(integer()),  # the table spells it with a Cyrillic letter
    "error": nullable(text()),
}
_DELIVERY_IN_EDIT = Shape({"status_code": integer(one_of=(1, 2, -1))}, _DELIVERY_FIELDS)
_MESSAGE_FIELDS: dict[str, Check] = {
    "text": text(),
    "media": optional_url,
    "file_name": text(),
    "file_size": integer(least=0),
    "sticker_id": text(),
    "location": _LOCATION,
    "contact": _CONTACT,
    "callback_data": text(),
    "media_duration": integer(least=0),
    "shared_post": _SHARED_POST,
    "post": _POST,
}
_TYPE: dict[str, Check] = {"type": text(one_of=MESSAGE_TYPES)}
_NEW_MESSAGE = Shape(_TYPE, _MESSAGE_FIELDS)
_EDITED_MESSAGE = Shape(_TYPE, {**_MESSAGE_FIELDS, "delivery_status": _DELIVERY_IN_EDIT})
_QUOTED = Shape(
    optional={
        "id": _FILLED,
        "msgid": _FILLED,
        "type": text(one_of=MESSAGE_TYPES),
        "text": text(),
        "file_name": text(),
        "file_size": integer(least=0),
        "media_duration": integer(least=0),
        "location": _LOCATION,
        "contact": _CONTACT,
        "timestamp": integer(least=0),
        "msec_timestamp": integer(least=0),
        "sender": Shape(optional={"id": _FILLED, "ref_id": _FILLED, "name": _FILLED}),
    }
)
_PERSON_MORE: dict[str, Check] = {"avatar": optional_url, "profile": _PROFILE, "profile_link": text()}
_STRICT_PERSON = Shape({"id": _FILLED, "name": _FILLED}, {"ref_id": _FILLED, **_PERSON_MORE})
_LOOSE_PERSON = Shape(optional={"id": _FILLED, "name": _FILLED, "ref_id": _FILLED, **_PERSON_MORE})
_PAYLOAD_MORE: dict[str, Check] = {
    "conversation_id": _FILLED,
    "conversation_ref_id": _FILLED,
    "source": _SOURCE,
    "reply_to": Shape({"message": _QUOTED}),
    "forwards": Shape(
        {"messages": items(_QUOTED, least=1, most=1)}, {"conversation_ref_id": _FILLED, "conversation_id": _FILLED}
    ),
}


def _new_payload(person: Check) -> Shape:
    return Shape(
        {
            "timestamp": integer(least=1),
            "msec_timestamp": integer(least=1),
            "msgid": _FILLED,
            "silent": boolean,
            "sender": person,
            "message": _NEW_MESSAGE,
        },
        {**_PAYLOAD_MORE, "receiver": person},
    )


def _envelope(payload: Check) -> Shape:
    return Shape({"event_type": _FILLED, "payload": payload})


_NEW = {
    "required": _envelope(_new_payload(_STRICT_PERSON)),
    "id_or_ref": _envelope(_new_payload(_LOOSE_PERSON)),
}
_EDIT = _envelope(
    Shape(
        {"message": _EDITED_MESSAGE},
        {
            **dict.fromkeys(("source", "sender", "receiver", "reply_to", "forwards", "silent"), anything),
            "timestamp": integer(least=1),
            "msec_timestamp": integer(least=1),
            "conversation_id": _FILLED,
            "conversation_ref_id": _FILLED,
            "id": _FILLED,
            "msgid": _FILLED,
        },
    )
)
_CONNECT_MORE: dict[str, Check] = {
    "hook_api_version": text(one_of=("v1", "v2")),
    "title": _FILLED,
    "is_time_window_disabled": boolean,
}
CONNECT = Shape({"account_id": _FILLED}, _CONNECT_MORE)
CONNECT_STRICT = Shape({"account_id": _FILLED, **_CONNECT_MORE})
DISCONNECT = Shape({"account_id": _FILLED})
CHAT = {
    "required": Shape({"conversation_id": _FILLED, "user": _STRICT_PERSON}, {"source": _SOURCE, "account_id": _FILLED}),
    "id_or_ref": Shape({"conversation_id": _FILLED, "user": _LOOSE_PERSON}, {"source": _SOURCE, "account_id": _FILLED}),
}
TYPING = Shape({"conversation_id": _FILLED, "sender": Shape({"id": _FILLED})}, {"duration_ms": integer(least=1)})
REACT = Shape(
    {"user": Shape({"id": _FILLED}, {"ref_id": _FILLED}), "type": text(one_of=("react", "unreact"))},
    {
        "conversation_id": _FILLED,
        "conversation_ref_id": _FILLED,
        "id": _FILLED,
        "msgid": _FILLED,
        "emoji": text(),
    },
)
_STATUS = integer(one_of=(1, 2, -1))
DELIVERY = {
    "either": Shape(
        optional={"status_code": _STATUS, "delivery_status": _STATUS, "msgid": _FILLED, **_DELIVERY_FIELDS}
    ),
    "status_code": Shape({"status_code": _STATUS}, _DELIVERY_FIELDS),
    "delivery_status": Shape({"delivery_status": _STATUS, "msgid": _FILLED}, _DELIVERY_FIELDS),
}


def event_shape(event_type: object, switches: Switches) -> Check:
    """The shape of a request to `POST /{scope}`."""
    if event_type == "edit_message":
        return _EDIT
    if event_type == "new_message":
        return _NEW[switches.participant_id]
    return Shape({"event_type": text(one_of=("new_message", "edit_message")), "payload": anything})


def event_rules(body: dict[str, Any], switches: Switches) -> list[Problem]:
    """The rules about a message that a table cannot say; the shape has been checked before."""
    payload = body["payload"]
    is_edit = body["event_type"] == "edit_message"
    problems = _chat_named(payload, "payload")
    problems += _content(payload["message"], is_edit, switches)
    if is_edit:
        if "id" not in payload and "msgid" not in payload:
            problems.append(Problem(MISSING, "payload.msgid", "an edit needs id or msgid"))
        delivery = payload["message"].get("delivery_status")
        return problems + (delivery_rules(delivery, "payload.message.delivery_status") if delivery else [])
    for role in ("sender", "receiver"):
        person = payload.get(role)
        if person is not None and "id" not in person and "ref_id" not in person:
            problems.append(Problem(MISSING, f"payload.{role}.id", "a participant needs id or ref_id"))
    quoted = [("payload.reply_to.message", payload["reply_to"]["message"])] if "reply_to" in payload else []
    quoted += [("payload.forwards.messages.0", one) for one in payload.get("forwards", {}).get("messages", [])]
    for path, one in quoted:
        if "id" not in one and "msgid" not in one:
            problems += [
                Problem(MISSING, join(path, name), "required of a quote without id or msgid")
                for name in ("type", "timestamp", "msec_timestamp", "sender")
                if name not in one
            ]
            problems += _quoted_content(one, path)
    return problems


def _quoted_content(quoted: dict[str, Any], path: str) -> list[Problem]:
    """What a quote must hold that names no message."""
    kind, sender = quoted.get("type", ""), quoted.get("sender")
    problems: list[Problem] = []
    if kind in ("text", "location", "contact") and not quoted.get(kind):
        problems.append(Problem(MISSING, join(path, kind), f"required of a quoted {kind}"))
    if sender is not None and not sender:
        problems.append(Problem(MISSING, join(path, "sender.name"), "required of a quoted sender without an id"))
    return problems


def react_rules(body: dict[str, Any]) -> list[Problem]:
    problems = _chat_named(body, "")
    if "id" not in body and "msgid" not in body:
        problems.append(Problem(MISSING, "msgid", "a reaction needs id or msgid"))
    if body["type"] == "react" and not body.get("emoji"):
        problems.append(Problem(MISSING, "emoji", "which reaction is meant"))
    return problems


def delivery_rules(body: dict[str, Any], path: str = "") -> list[Problem]:
    """Which status, and the error that belongs to -1 (amoCRM contract §8)."""
    given = {body[name] for name in ("status_code", "delivery_status") if name in body}
    if len(given) != 1:
        return [Problem(BAD_VALUE, join(path, "status_code"), "one status is expected, in one or both of its fields")]
    if given != {-1}:
        return []
    code = error_code(body)
    if code is None:
        return [Problem(MISSING, join(path, "error_code"), "required with -1")]
    if code not in ERROR_CODES:
        return [Problem(BAD_VALUE, join(path, "error_code"), f"{code} is not one of {ERROR_CODES}")]
    if code == 905 and not body.get("error"):
        return [Problem(MISSING, join(path, "error"), "required with 905")]
    return []


def error_code(body: dict[str, Any]) -> int | None:
    code = body.get("error_code", body.get("error_сode"))
    return code if isinstance(code, int) else None


def _chat_named(body: dict[str, Any], path: str) -> list[Problem]:
    if "conversation_id" in body or "conversation_ref_id" in body:
        return []
    return [Problem(MISSING, join(path, "conversation_id"), "conversation_id or conversation_ref_id is required")]


def _content(message: dict[str, Any], is_edit: bool, switches: Switches) -> list[Problem]:
    path, problems = "payload.message", []
    for name in _REQUIRED_BY_TYPE[message["type"]]:
        if is_edit and name in _KEPT_BY_EDIT and name not in message:
            continue
        missing = name not in message if name == "file_size" else not message.get(name)  # an empty file is a file
        if missing:
            problems.append(Problem(MISSING, join(path, name), f"required of a message of type {message['type']}"))
    if switches.file_limit is not None and message.get("file_size", 0) > switches.file_limit:
        problems.append(Problem(BAD_VALUE, join(path, "file_size"), f"more than {switches.file_limit} bytes"))
    limit = switches.text_limit
    if limit is not None and len(message.get("text", "")) > limit:
        problems.append(Problem(BAD_VALUE, join(path, "text"), f"the text is longer than {limit} characters"))
    return problems
