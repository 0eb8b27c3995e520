"""Updates that are not what they should be: they degrade, and nothing but BadUpdate is ever raised."""

from __future__ import annotations

import copy
import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.gateways.telegram import (
    ALLOWED_UPDATES,
    BadUpdate,
    Located,
    Message,
    chat_of,
    parse_update,
    sender_of,
    update_id,
)
from dealgram.gateways.telegram.updates import split_updates

CHAT = {"id": -1001, "type": "supergroup", "title": "Группа"}
ANNA = {"id": 9001, "is_bot": False, "first_name": "Анна", "last_name": "П.", "username": "anna"}
FILE = {"file_id": "f", "file_unique_id": "u"}


def message_update(**fields):
    return {"update_id": 7, "message": {"message_id": 55, "date": 1767225600, "chat": CHAT, "from": ANNA, **fields}}


def parse(data):
    return parse_update(orjson.dumps(data))


@pytest.mark.parametrize(
    ("fields", "broken", "known"),
    [
        ({"text": 5}, ("text",), False),
        ({"photo": "x"}, ("photo",), False),
        ({"photo": [{"width": 1}, {**FILE, "width": 2}]}, ("photo.0",), False),
        ({"text": "x", "entities": {"type": "bold"}}, ("entities",), True),
        ({"text": "x", "entities": [{"type": "bold", "offset": 0, "length": 1}, 5]}, ("entities.1",), True),
        ({"text": "x", "from": "Анна"}, ("from",), True),
        ({"text": "x", "date": "yesterday"}, ("date",), True),
        ({"text": "x", "date": 10**15}, ("date",), True),
        ({"text": "x", "media_group_id": 10**15}, ("media_group_id",), True),
        ({"text": "x", "reply_to_message": {"message_id": 1}}, ("reply_to_message",), True),
        ({"document": {"file_id": "f", "file_size": "big"}}, ("document.file_size",), False),
    ],
)
def test_a_known_field_of_an_unknown_shape_does_not_cost_the_message(fields, broken, known):
    update = parse(message_update(**fields))
    message = update.message
    assert (message.message_id, message.chat.id) == (55, -1001)
    assert (update.broken, message.broken, message.is_known) == (broken, broken, known)
    assert message.kind in ("text", "photo", "document")
    if "from" not in fields:
        assert message.from_user.id == 9001


def test_the_good_parts_of_a_half_broken_field_are_kept():
    message = parse(message_update(photo=[{"width": 1}, {**FILE, "width": 2}])).message
    assert [one.width for one in message.photo] == [2]
    message = parse(message_update(document={"file_id": "f", "file_size": "big", "file_name": "a"})).message
    assert (message.document.file_name, message.document.file_size) == ("a", None)


def test_a_broken_answered_message_is_named_in_its_place():
    reply = {"message_id": 51, "chat": CHAT, "date": 1, "text": {"new": "format"}}
    message = parse(message_update(text="x", reply_to_message=reply)).message
    assert message.broken == ("reply_to_message.text",)
    assert message.is_known
    assert (message.reply_to_message.broken, message.reply_to_message.is_known) == (("text",), False)


@pytest.mark.parametrize(
    ("content", "chat", "sender", "message_id"),
    [
        ({"message_id": 55, "chat": CHAT, "from": ANNA, "date": 1}, -1001, 9001, 55),
        ({"message_id": "first", "chat": CHAT, "from": ANNA}, -1001, 9001, None),
        ({"message_id": 2**70, "chat": CHAT, "from": ANNA}, -1001, 9001, None),
        ({"message_id": 55, "chat": "here", "from": ANNA}, None, 9001, 55),
        ({"message_id": 55, "chat": {"id": 10**30}, "from": 5}, None, None, 55),
        ({}, None, None, None),
        ([], None, None, None),
        (None, None, None, None),
    ],
)
def test_a_message_without_what_it_needs_degrades_to_what_is_there(content, chat, sender, message_id):
    update = parse_update(json.dumps({"update_id": 7, "message": content}).encode())
    assert update.kind == "message"
    found_chat, found_sender = chat_of(update), sender_of(update)
    assert (found_chat.id if found_chat else None) == chat
    assert (found_sender.id if found_sender else None) == sender
    if not (chat and message_id):
        assert isinstance(update.payload, Located)
        assert update.payload.message_id == message_id
    else:
        assert isinstance(update.payload, Message)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"5",
        b"[]",
        b"{}",
        b"{",
        b"\xff\xfe",
        b'{"update_id":"7"}',
        b'{"update_id":null}',
        b'{"update_id":true}',
        b'{"update_id":7.5}',
        b'{"update_id":1e400}',
        b'{"update_id":100000000000000000000000}',
        b'{"update_id":7,"message":NaN}',
        b"[" * 200_000,
        b'{"update_id":7,"message":' + b"[" * 200_000,
        b'{"update_id":7,"message":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    ],
)
def test_what_is_no_update_at_all(raw):
    with pytest.raises(BadUpdate):
        parse_update(raw)
    if b"message" not in raw or not raw.endswith(b"}"):
        with pytest.raises(BadUpdate):
            update_id(raw)


@pytest.mark.parametrize("odd", [b"a\\ud800b", b"a\xffb"])
def test_text_that_is_not_unicode_is_repaired(odd):
    raw = orjson.dumps(message_update(text="TEXT")).replace(b"TEXT", odd)
    update = parse_update(raw)
    assert (update.message.text, update.message.chat.id) == ("a\ufffdb", -1001)
    assert update.raw == raw
    assert update_id(raw) == 7


def test_everything_asked_for_is_mapped():
    member = {"status": "left", "user": ANNA}
    content = {"id": "1", "chat": CHAT, "message_id": 1, "from": ANNA, "new_chat_member": member}
    for kind in ALLOWED_UPDATES:
        assert not isinstance(parse({"update_id": 1, kind: content}).payload, Located), kind


def test_a_batch_is_taken_apart_without_being_looked_into():
    items = [b'{"update_id":1,"odd": [1 ,2]}', b'"not an update"', b"null"]
    assert split_updates(b'{"ok":true,"result":[' + b",".join(items) + b"]}") == items
    assert split_updates(b'{"ok":true,"result":[]}') == []


def test_one_text_that_is_not_unicode_does_not_cost_the_batch():
    good = orjson.dumps(message_update(text="x"))
    bad = orjson.dumps(message_update(text="TEXT")).replace(b"TEXT", b"\\udead")
    first, second = split_updates(b'{"ok":true,"result":[' + good + b"," + bad + b"]}")
    assert parse_update(first).message.text == "x"
    assert parse_update(second).message.text == "\ufffd"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", 2**63, -(2**63) - 1, 10**40]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["update_id", "message", "chat", "id", "from", "text", "message_id", "photo", "<keys>", "date"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def holds_update_id(value):
    number = value.get("update_id") if isinstance(value, dict) else None
    return isinstance(number, int) and not isinstance(number, bool) and -(2**63) <= number < 2**63


@given(value=json_values)
def test_any_json_is_an_update_or_refused(value):
    raw = json.dumps(value).encode()
    try:
        update = parse_update(raw)
    except BadUpdate:
        assert not holds_update_id(value)
    else:
        assert holds_update_id(value)
        chat_of(update)
        sender_of(update)


@given(raw=st.binary(max_size=60))
def test_any_bytes_are_an_update_or_refused(raw):
    try:
        parse_update(raw)
    except BadUpdate:
        return
    assert b"update_id" in raw


FULL = message_update(
    photo=[{**FILE, "width": 90, "height": 90}],
    video={**FILE, "duration": 5},
    audio={**FILE, "performer": "Певец"},
    document={**FILE, "file_size": 5_000_000_000},
    sticker={**FILE, "is_animated": True},
    location={"longitude": 37, "latitude": 55.5},
    contact={"phone_number": "+7999"},
    poll={"question": "Когда?", "options": [{"text": "Сегодня"}]},
    checklist={"title": "Дела", "tasks": [{"id": 1, "text": "Раз"}]},
    new_chat_members=[ANNA],
    left_chat_member=ANNA,
    new_chat_title="Имя",
    delete_chat_photo=True,
    migrate_to_chat_id=-100777,
    pinned_message={"message_id": 5, "date": 1, "chat": CHAT, "text": "Важно"},
    forum_topic_created={"name": "Тема"},
    video_chat_participants_invited={"users": [ANNA]},
    text="текст",
    entities=[{"type": "bold", "offset": 0, "length": 1}],
    reply_to_message={"message_id": 51, "date": 1, "chat": CHAT, "text": "x"},
    forward_origin={"type": "user", "date": 1, "sender_user": ANNA},
    quote={"text": "x"},
    external_reply={"origin": {"type": "user"}},
)["message"]


@given(data=st.data(), value=json_values)
def test_any_value_in_any_field_leaves_the_message_readable(data, value):
    name = data.draw(st.sampled_from(sorted(set(FULL) - {"message_id", "chat"})))
    content = {**copy.deepcopy(FULL), name: value}
    update = parse_update(json.dumps({"update_id": 7, "message": content}).encode())
    message = update.message
    assert (message.message_id, message.chat.id) == (55, -1001)
    assert message.keys == tuple(content)
    assert message.content_kinds
    assert all(path.split(".")[0] == name for path in update.broken)
    assert isinstance(message.kind, str)
    assert isinstance(message.body, str)
