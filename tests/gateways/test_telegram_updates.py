"""Updates: what Telegram really sent is read, every kind of message and event comes out typed."""

from __future__ import annotations

import json
from pathlib import Path

import orjson
import pytest

from dealgram.gateways.telegram import (
    CallbackQuery,
    Located,
    MembershipChanged,
    ReactionChanged,
    ReactionsCounted,
    chat_of,
    parse_update,
    sender_of,
    update_id,
)

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
CAPTURED = sorted((SHARED / "telegram-updates").glob("*.json"))
API = SHARED / "telegram-bot-api" / "api.json"

CHAT = {"id": -1001, "type": "supergroup", "title": "Группа"}
ANNA = {"id": 9001, "is_bot": False, "first_name": "Анна", "last_name": "П.", "username": "anna"}


def message_update(**fields):
    return {"update_id": 7, "message": {"message_id": 55, "date": 1767225600, "chat": CHAT, "from": ANNA, **fields}}


def parse(data):
    return parse_update(orjson.dumps(data))


captured = pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem) for path in CAPTURED]
    or [pytest.param(None, marks=pytest.mark.skip(reason="the captured updates are not beside the repository"))],
)


@captured
def test_captured_updates_are_read(path):
    raw = path.read_bytes()
    data = json.loads(raw)
    update = parse_update(raw)
    assert update.update_id == update_id(raw) == data["update_id"]
    assert update.kind == next(key for key in data if key != "update_id")
    assert update.broken == ()
    assert update.raw == raw
    content = data[update.kind]
    if "chat" in content:
        assert chat_of(update).id == content["chat"]["id"]
    if update.message:
        assert update.message.message_id == content["message_id"]
        assert update.message.keys == tuple(content)
        assert update.message.body == content.get("text", content.get("caption", ""))


@captured
def test_the_slow_reading_agrees_with_the_fast_one(path):
    data = json.loads(path.read_bytes())
    fast = parse(data)
    # A broken field that matters to nobody forces the reading field by field.
    for content in data.values():
        if isinstance(content, dict):
            content["author_signature"] = {"not": "a text"}
            content["date"] = content.get("date", 0)
    slow = parse(data)
    if slow.message:
        assert fast.message is not None
        for name in (
            "message_id",
            "chat",
            "from_user",
            "kind",
            "body",
            "photo",
            "video",
            "sticker",
            "reply_to_message",
        ):
            assert getattr(slow.message, name) == getattr(fast.message, name), name
        assert slow.message.broken == ("author_signature",)
    else:
        assert (slow.kind, chat_of(slow)) == (fast.kind, chat_of(fast))


def test_a_text_message():
    entity = {"type": "text_mention", "offset": 0, "length": 4, "user": ANNA}
    update = parse(message_update(text="Анна, привет", entities=[entity]))
    message = update.message
    assert (update.kind, update.is_edit, message.kind, message.is_known, message.is_service) == (
        "message",
        False,
        "text",
        True,
        False,
    )
    assert (message.text, message.date, message.from_user.full_name) == ("Анна, привет", 1767225600, "Анна П.")
    assert message.body_entities[0].user.id == 9001
    assert (chat_of(update).is_group, chat_of(update).is_private, sender_of(update).id) == (True, False, 9001)


@pytest.mark.parametrize("kind", ["message", "edited_message", "channel_post", "edited_channel_post"])
def test_every_kind_of_message(kind):
    data = message_update(text="x")
    data[kind] = data.pop("message")
    update = parse(data)
    assert (update.kind, update.message.text, update.is_edit) == (kind, "x", kind.startswith("edited"))


FILE = {"file_id": "f", "file_unique_id": "u"}

KINDS = {
    "photo": [{**FILE, "width": 90, "height": 90}, {**FILE, "width": 900, "height": 900, "file_size": 48211}],
    "video": {**FILE, "duration": 5, "file_name": "v.mp4"},
    "audio": {**FILE, "duration": 5, "performer": "Певец", "title": "Песня"},
    "voice": {**FILE, "duration": 5},
    "video_note": {**FILE, "length": 240, "duration": 5},
    "document": {**FILE, "file_name": "д.pdf", "mime_type": "application/pdf", "file_size": 5_000_000_000},
    "sticker": {**FILE, "emoji": "👍", "is_animated": True},
    "location": {"longitude": 37, "latitude": 55.5},
    "contact": {"phone_number": "+7999", "first_name": "Анна", "user_id": 9001},
    "poll": {"id": "1", "question": "Когда?", "options": [{"text": "Сегодня", "voter_count": 0}]},
    "dice": {"emoji": "🎲", "value": 6},
    "story": {"chat": CHAT, "id": 3},
    "paid_media": {"star_count": 5, "paid_media": [{"type": "preview"}]},
    "checklist": {"title": "Дела", "tasks": [{"id": 1, "text": "Раз"}]},
    "invoice": {"title": "Счёт", "description": "", "start_parameter": "", "currency": "RUB", "total_amount": 100},
    "game": {"title": "Игра", "description": "", "photo": []},
    "new_chat_members": [ANNA],
    "left_chat_member": ANNA,
    "new_chat_title": "Новое имя",
    "new_chat_photo": [{**FILE, "width": 1, "height": 1}],
    "delete_chat_photo": True,
    "group_chat_created": True,
    "supergroup_chat_created": True,
    "channel_chat_created": True,
    "migrate_to_chat_id": -100777,
    "migrate_from_chat_id": -777,
    "pinned_message": {"message_id": 5, "date": 1, "chat": CHAT, "text": "Важно"},
    "forum_topic_created": {"name": "Тема", "icon_color": 1},
    "forum_topic_edited": {"name": "Тема 2"},
    "video_chat_scheduled": {"start_date": 1767225600},
    "video_chat_started": {},
    "video_chat_ended": {"duration": 60},
    "video_chat_participants_invited": {"users": [ANNA]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_content(kind):
    message = parse(message_update(**{kind: KINDS[kind]}, caption="подпись")).message
    assert (message.kind, message.content_kinds, message.is_known, message.broken) == (kind, (kind,), True, ())
    assert getattr(message, kind), "the content is there"
    assert message.body == "подпись"


def test_some_contents_in_detail():
    message = parse(message_update(**{name: KINDS[name] for name in KINDS})).message
    assert message.photo[-1].file_size == 48211
    assert message.document.file_size == 5_000_000_000
    assert (message.location.longitude, message.location.latitude) == (37.0, 55.5)
    assert message.poll.options[0].text == "Сегодня"
    assert message.checklist.tasks[0].text == "Раз"
    assert message.migrate_to_chat_id == -100777
    assert message.pinned_message.text == "Важно"
    assert message.pinned_message.kind == "text"
    assert message.video_chat_participants_invited.users[0].id == 9001


@pytest.mark.parametrize("kind", ["forum_topic_closed", "forum_topic_reopened", "general_forum_topic_hidden"])
def test_service_notes_without_content(kind):
    message = parse(message_update(**{kind: {}})).message
    assert (message.kind, message.is_known, message.is_service) == (kind, True, True)


def test_what_comes_with_two_names_is_called_by_the_better_one():
    animation = parse(message_update(animation={**FILE, "duration": 1}, document=FILE)).message
    assert (animation.kind, animation.content_kinds) == ("animation", ("animation", "document"))
    venue = parse(message_update(location=KINDS["location"], venue={"location": KINDS["location"], "title": "Кафе"}))
    assert (venue.message.kind, venue.message.venue.title) == ("venue", "Кафе")


def test_a_kind_to_come():
    message = parse(message_update(hologram={"depth": 3}, caption="подпись", is_holographic=True)).message
    assert (message.kind, message.is_known, message.caption) == ("hologram", False, "подпись")
    assert message.content_kinds == ("hologram", "is_holographic")


def test_an_unknown_field_beside_a_known_content():
    message = parse(message_update(text="x", brand_new=1)).message
    assert (message.kind, message.is_known, message.content_kinds) == ("text", True, ("text", "brand_new"))


def test_nothing_in_it():
    message = parse(message_update()).message
    assert (message.kind, message.is_known, message.content_kinds) == ("empty", False, ())


@pytest.mark.skipif(not API.exists(), reason="the description of the Bot API is not beside the repository")
def test_the_documentation_agrees_on_what_is_content_and_what_is_about_the_message():
    described = json.loads(API.read_text(encoding="utf-8"))["types"]["Message"]["fields"]
    always = message_update()["message"]
    others = {field["name"]: True for field in described if field["name"] not in always}
    kinds = set(parse(message_update(**others)).message.content_kinds)
    for field in described:
        if field["description"].startswith(("Optional. Service message", "Optional. Message is a")):
            assert field["name"] in kinds, field
    assert not kinds & {*always, "quote", "via_bot", "reply_markup", "sender_tag", "entities", "caption", "edit_date"}


def test_a_reply_a_quote_and_a_forward():
    origin = {
        "type": "channel",
        "date": 1,
        "chat": {**CHAT, "title": "Канал"},
        "message_id": 3,
        "author_signature": "Я",
    }
    message = parse(
        message_update(
            text="да",
            reply_to_message={
                "message_id": 51,
                "date": 1,
                "chat": CHAT,
                "from": ANNA,
                "photo": KINDS["photo"],
                "caption": "к",
            },
            quote={"text": "часть", "position": 0, "is_manual": True},
            external_reply={
                "origin": {"type": "hidden_user", "date": 1, "sender_user_name": "Кто-то"},
                "message_id": 9,
            },
            forward_origin=origin,
        )
    ).message
    assert (message.reply_to_message.message_id, message.reply_to_message.kind) == (51, "photo")
    assert message.quote.text == "часть"
    assert message.external_reply.origin.title == "Кто-то"
    assert (message.forward_origin.title, message.forward_origin.message_id) == ("Канал", 3)
    assert message.kind == "text"


def test_forwarded_from_people():
    user = parse(message_update(text="x", forward_origin={"type": "user", "date": 1, "sender_user": ANNA})).message
    assert user.forward_origin.title == "Анна П."
    chat = parse(message_update(text="x", forward_origin={"type": "chat", "date": 1, "sender_chat": CHAT})).message
    assert chat.forward_origin.title == "Группа"


def test_anonymous_administrators_topics_and_albums():
    message = parse(
        message_update(
            text="x",
            sender_chat=CHAT,
            author_signature="Админ",
            is_topic_message=True,
            message_thread_id=4,
            media_group_id="album",
            is_automatic_forward=True,
            via_bot={"id": 1, "is_bot": True, "first_name": "Б"},
            edit_date=1767225601,
            has_protected_content=True,
        )
    ).message
    assert (message.sender_chat.id, message.author_signature) == (-1001, "Админ")
    assert (message.is_topic_message, message.message_thread_id, message.media_group_id) == (True, 4, "album")
    assert (message.is_automatic_forward, message.via_bot.id, message.edit_date) == (True, 1, 1767225601)


def test_a_pressed_button():
    data = {
        "update_id": 8,
        "callback_query": {
            "id": "77",
            "from": ANNA,
            "chat_instance": "c",
            "data": "unlink:3",
            "message": {"message_id": 60, "date": 1, "chat": CHAT, "text": "меню"},
        },
    }
    update = parse(data)
    query = update.payload
    assert isinstance(query, CallbackQuery)
    assert (query.id, query.data, query.message.kind, query.message.is_accessible) == ("77", "unlink:3", "text", True)
    assert (chat_of(update).id, sender_of(update).id, update.message) == (-1001, 9001, None)
    data["callback_query"]["message"] = {"message_id": 60, "date": 0, "chat": CHAT}
    assert not parse(data).payload.message.is_accessible
    del data["callback_query"]["message"]
    assert chat_of(parse(data)) is None


@pytest.mark.parametrize("kind", ["my_chat_member", "chat_member"])
def test_membership(kind):
    bot = {"id": 700, "is_bot": True, "first_name": "Бот"}
    change = {
        "chat": CHAT,
        "from": ANNA,
        "date": 1,
        "old_chat_member": {"status": "left", "user": bot},
        "new_chat_member": {"status": "administrator", "user": bot, "can_be_edited": False},
    }
    update = parse({"update_id": 9, kind: change})
    assert isinstance(update.payload, MembershipChanged)
    assert (update.payload.old_chat_member.is_present, update.payload.new_chat_member.is_admin) == (False, True)
    assert (update.payload.new_chat_member.user.id, chat_of(update).id, sender_of(update).id) == (700, -1001, 9001)


@pytest.mark.parametrize(
    ("member", "present", "admin"),
    [
        ({"status": "creator"}, True, True),
        ({"status": "administrator"}, True, True),
        ({"status": "member"}, True, False),
        ({"status": "restricted", "is_member": True}, True, False),
        ({"status": "restricted", "is_member": False}, False, False),
        ({"status": "left"}, False, False),
        ({"status": "kicked", "until_date": 0}, False, False),
    ],
)
def test_who_is_there(member, present, admin):
    change = {"chat": CHAT, "from": ANNA, "date": 1, "new_chat_member": {**member, "user": ANNA}}
    new = parse({"update_id": 9, "chat_member": change}).payload.new_chat_member
    assert (new.is_present, new.is_admin) == (present, admin)


def test_reactions():
    change = {
        "chat": CHAT,
        "message_id": 55,
        "user": ANNA,
        "date": 1,
        "old_reaction": [],
        "new_reaction": [{"type": "emoji", "emoji": "👍"}],
    }
    update = parse({"update_id": 10, "message_reaction": change})
    assert isinstance(update.payload, ReactionChanged)
    assert (update.payload.new_reaction[0].emoji, sender_of(update).id) == ("👍", 9001)
    anonymous = parse({"update_id": 10, "message_reaction": {**change, "user": None, "actor_chat": CHAT}})
    assert (sender_of(anonymous), anonymous.payload.actor_chat.id) == (None, -1001)
    counts = {"chat": CHAT, "message_id": 55, "date": 1, "reactions": [{"type": {"type": "paid"}, "total_count": 3}]}
    counted = parse({"update_id": 11, "message_reaction_count": counts})
    assert isinstance(counted.payload, ReactionsCounted)
    assert (counted.payload.reactions[0].total_count, sender_of(counted)) == (3, None)


@pytest.mark.parametrize(
    ("kind", "content", "chat", "sender"),
    [
        ("chat_join_request", {"chat": CHAT, "from": ANNA, "date": 1}, -1001, 9001),
        ("removed_chat_boost", {"chat": CHAT, "boost_id": "x"}, -1001, None),
        ("inline_query", {"id": "1", "from": ANNA, "query": ""}, None, 9001),
        ("poll_answer", {"poll_id": "1", "voter_chat": CHAT, "option_ids": []}, -1001, None),
        ("poll", {"id": "1", "question": "?"}, None, None),
        ("brand_new", {"user": ANNA, "message": {"chat": CHAT, "message_id": 5}}, -1001, 9001),
        ("brand_new", [1, 2], None, None),
        ("brand_new", "x", None, None),
    ],
)
def test_kinds_that_are_not_mapped_keep_their_name_chat_and_sender(kind, content, chat, sender):
    update = parse({"update_id": 12, kind: content})
    assert isinstance(update.payload, Located)
    assert (update.kind, update.broken) == (kind, ())
    found_chat, found_sender = chat_of(update), sender_of(update)
    assert (found_chat.id if found_chat else None) == chat
    assert (found_sender.id if found_sender else None) == sender


def test_an_update_with_nothing_in_it():
    update = parse({"update_id": 12})
    assert (update.kind, update.payload) == ("", Located())


def test_the_buttons_under_a_pressed_message_are_read():
    keyboard = {
        "inline_keyboard": [[{"text": "Да", "callback_data": "say:0"}, {"text": "Сайт", "url": "https://x.ru"}]]
    }
    message = {"message_id": 5, "date": 1, "chat": CHAT, "text": "Удобно?", "reply_markup": keyboard}
    query = parse({"update_id": 7, "callback_query": {"id": "1", "from": ANNA, "message": message, "data": "say:0"}})
    (row,) = query.payload.message.reply_markup.inline_keyboard
    assert [(key.text, key.callback_data, key.url) for key in row] == [
        ("Да", "say:0", None),
        ("Сайт", None, "https://x.ru"),
    ]
    odd = parse({"update_id": 8, "message": {**message, "reply_markup": {"inline_keyboard": "?"}}})
    assert odd.payload.reply_markup.inline_keyboard == ()
    assert odd.payload.text == "Удобно?"
