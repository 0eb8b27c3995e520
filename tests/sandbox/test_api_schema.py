"""The checker over the published description of the Bot API: what it accepts, what it refuses and where it looks."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from dealgram.sandbox.schema import PATH_VARIABLE, ApiSchema, Upload


@pytest.fixture(scope="module")
def schema():
    loaded = ApiSchema.load()
    if loaded is None:
        pytest.skip("the description of the Bot API (api.json) is not at hand")
    return loaded


USER = {"id": 7, "is_bot": False, "first_name": "Ann"}
CHAT = {"id": -5, "type": "group", "title": "Builders"}
MESSAGE = {"message_id": 1, "date": 1_700_000_000, "chat": CHAT, "from": USER, "text": "hi"}


def test_a_correct_call_and_a_correct_update_pass(schema):
    call = {
        "chat_id": -5,
        "text": "hi",
        "reply_parameters": {"message_id": 3, "allow_sending_without_reply": True},
        "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]},
    }
    assert schema.validate_call("sendMessage", call) == []
    nested = {**MESSAGE, "reply_to_message": {**MESSAGE, "reply_to_message": MESSAGE}}
    assert schema.validate_object("Update", {"update_id": 1, "message": nested}) == []


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ({"chat_id": 1}, "text: required and missing"),
        ({"chat_id": 1, "text": "a", "colour": "red"}, "colour: unknown field"),
        ({"chat_id": 1.5, "text": "a"}, "chat_id: 1.5 is no Integer"),
        ({"chat_id": 1, "text": True}, "text: True is no String"),
        ({"chat_id": True, "text": "a"}, "chat_id: True is no Integer"),
        ({"chat_id": 1, "text": "a", "disable_notification": 1}, "disable_notification: 1 is no Boolean"),
        ({"chat_id": 1, "text": "a" * 4097}, "text: 4097 characters, expected 1-4096"),
        ({"chat_id": 1, "text": "a", "reply_parameters": {}}, "reply_parameters.message_id: required and missing"),
        (
            {"chat_id": 1, "text": "a", "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": ""}]]}},
            "reply_markup.inline_keyboard[0][0].callback_data: 0 bytes, expected 1-64",
        ),
        (
            {
                "chat_id": 1,
                "text": "a",
                "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": "я" * 33}]]},
            },
            "reply_markup.inline_keyboard[0][0].callback_data: 66 bytes, expected 1-64",
        ),
    ],
)
def test_each_kind_of_fault_is_named_with_its_path(schema, call, fault):
    assert schema.validate_call("sendMessage", call) == [fault]


def test_limits_for_numbers_and_arrays_come_from_the_prose(schema):
    assert schema.validate_call("getUpdates", {"limit": 101}) == ["limit: 101 as value, expected 1-100"]
    assert schema.validate_call("deleteMessages", {"chat_id": 1, "message_ids": []}) == [
        "message_ids: 0 items, expected 1-100"
    ]
    assert schema.validate_object("Dice", {"emoji": "🎰", "value": 64}) == []
    assert schema.validate_call("setMyName", {"name": "x", "language_code": "ru"}) == []


def test_a_limit_after_parsing_does_not_count_the_markup(schema):
    text = "<b>" + "a" * 4096 + "</b>"
    assert schema.validate_call("sendMessage", {"chat_id": 1, "text": text, "parse_mode": "HTML"}) == []
    assert schema.validate_call("sendMessage", {"chat_id": 1, "text": text}) == [
        "text: 4103 characters, expected 1-4096"
    ]
    assert schema.validate_call("sendMessage", {"chat_id": 1, "text": 5, "parse_mode": "HTML"}) == [
        "text: 5 is no String"
    ]


def test_subtypes_are_told_apart_by_their_constant_field(schema):
    assert schema.validate_object("ChatMember", {"status": "left", "user": USER}) == []
    assert schema.validate_object("ChatMember", {"status": "kicked", "user": USER}) == [
        "ChatMember.until_date: required and missing"
    ]
    assert "none of ChatMemberOwner" in schema.validate_object("ChatMember", {"status": "boss", "user": USER})[0]
    inaccessible = {"chat": CHAT, "message_id": 4, "date": 0}
    assert schema.validate_object("MaybeInaccessibleMessage", inaccessible) == []
    assert schema.validate_object("RichText", ["a", {"type": "bold", "text": "b"}]) == []


def test_results_and_files(schema):
    assert schema.validate_result("getUpdates", [{"update_id": 1}]) == []
    assert schema.validate_result("sendMessage", True) != []
    assert schema.validate_result("editMessageText", True) == []
    assert schema.validate_call("sendPhoto", {"chat_id": 1, "photo": Upload("a.jpg", 10)}) == []
    assert schema.validate_call("sendPhoto", {"chat_id": 1, "photo": {"a": 1}}) != []
    assert schema.validate_call("sendFlowers", {}) == ["no such method: sendFlowers"]


def test_real_updates_pass_except_where_they_are_older_or_newer_than_the_description(schema):
    folder = Path(__file__).resolve().parents[2].parent / "shared/data/telegram-updates"
    files = sorted(folder.glob("*.json"))
    if not files:
        pytest.skip("the captured updates are not at hand")
    faults = {path.stem: schema.validate_object("Update", orjson.loads(path.read_bytes())) for path in files}
    assert faults["19-new_update_kind"] == ["Update.new_update_kind: unknown field"]
    passed = [name for name, found in faults.items() if not found]
    assert {"01-video", "03-sticker", "05-migrate_from_chat_id", "06-forum_topic_created", "21-message_reaction"} <= {
        *passed
    }


def test_the_path_is_configurable_and_absence_is_none(tmp_path, monkeypatch):
    assert ApiSchema.load(tmp_path / "missing.json") is None
    described = {"version": "Bot API 0", "methods": {"ping": {"returns": ["Boolean"]}}, "types": {}}
    (tmp_path / "api.json").write_bytes(orjson.dumps(described))
    monkeypatch.setenv(PATH_VARIABLE, str(tmp_path / "api.json"))
    loaded = ApiSchema.load()
    assert loaded is not None
    assert loaded.version == "Bot API 0"
    assert loaded.methods == {"ping"}
    assert loaded.validate_call("ping", {"a": 1}) == ["a: unknown field"]
