"""AmojoClient over a loopback server: bodies and headers byte for byte, answers in all their forms, errors."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from dealgram.gateways.amojo import (
    AmojoClient,
    ChatUser,
    Content,
    ContentType,
    DeliveryError,
    DeliveryStatus,
    EditMessage,
    NewMessage,
    Quote,
    SentMessage,
    text,
)
from dealgram.gateways.amojo.signature import sign_request
from dealgram.gateways.errors import (
    Forbidden,
    Interrupted,
    NotFound,
    NotSent,
    RateLimited,
    Refused,
    ServiceFailed,
)

SECRET = "0123456789abcdef0123456789abcdef01234567"
CHANNEL = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
ACCOUNT = "11111111-2222-4333-8444-555555555555"
SCOPE = f"{CHANNEL}_{ACCOUNT}"
PREFIX = "/v2/origin/custom"
ANNA = ChatUser(id="tgu:9001", name="Анна П.", avatar="https://svc/f/a")


@pytest.fixture
def amojo(transport, server):
    return AmojoClient(transport, server.base_url, CHANNEL, SECRET, lambda: datetime(2026, 1, 1, tzinfo=UTC))


def message(**changes):
    fields = {
        "msgid": "tg-700-55",
        "conversation_id": "g1-d42-u9001",
        "sender": ANNA,
        "content": text("Здравствуйте 👋"),
        "sent_at_ms": 1767225600123,
    }
    return NewMessage(**{**fields, **changes})


SENT = {"new_message": {"conversation_id": "c", "sender_id": "s", "msgid": "amo-1", "ref_id": "tg-700-55"}}


def assert_signed(seen):
    """Recomputed from what came over the wire, not from what was meant to be sent."""
    md5 = hashlib.md5(seen.body).hexdigest()
    assert seen.headers["content-md5"] == md5
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["date"] == "Thu, 01 Jan 2026 00:00:00 +0000"
    expected = sign_request(SECRET, seen.method, md5, seen.headers["date"], seen.path)
    assert seen.headers["x-signature"] == expected
    assert seen.headers.get("content-length", "0") == str(len(seen.body))
    assert "authorization" not in seen.headers


CALLS = {
    "connect": (
        lambda c: c.connect(ACCOUNT, "dealgram"),
        {"scope_id": SCOPE},
        ("POST", f"/{CHANNEL}/connect"),
        {"account_id": ACCOUNT, "title": "dealgram", "hook_api_version": "v2", "is_time_window_disabled": True},
    ),
    "disconnect": (
        lambda c: c.disconnect(ACCOUNT),
        None,
        ("DELETE", f"/{CHANNEL}/disconnect"),
        {"account_id": ACCOUNT},
    ),
    "create_chat": (
        lambda c: c.create_chat(SCOPE, "p700-9001", ANNA, "tgb-700"),
        {"id": "chat-uuid", "user": {"id": "user-uuid"}},
        ("POST", f"/{SCOPE}/chats"),
        {
            "conversation_id": "p700-9001",
            "source": {"external_id": "tgb-700"},
            "user": {"id": "tgu:9001", "name": "Анна П.", "avatar": "https://svc/f/a"},
        },
    ),
    "delivery": (
        lambda c: c.delivery_status(SCOPE, "amo-1", DeliveryStatus.DELIVERED, msgid="m"),
        None,
        ("POST", f"/{SCOPE}/amo-1/delivery_status"),
        {"msgid": "m", "delivery_status": 1, "status_code": 1},
    ),
    "delivery_error": (
        lambda c: c.delivery_status(
            SCOPE, "amo-1", DeliveryStatus.ERROR, error_code=DeliveryError.OTHER, error="Бота удалили из группы"
        ),
        None,
        ("POST", f"/{SCOPE}/amo-1/delivery_status"),
        {
            "msgid": "amo-1",
            "delivery_status": -1,
            "status_code": -1,
            "error_code": 905,
            "error": "Бота удалили из группы",
        },
    ),
    "typing": (
        lambda c: c.typing(SCOPE, "p700-9001", "tgu:9001"),
        None,
        ("POST", f"/{SCOPE}/typing"),
        {"conversation_id": "p700-9001", "sender": {"id": "tgu:9001"}, "duration_ms": 5000},
    ),
    "react": (
        lambda c: c.react(SCOPE, "p700-9001", ANNA, msgid="m", emoji="👍"),
        None,
        ("POST", f"/{SCOPE}/react"),
        {"conversation_id": "p700-9001", "type": "react", "msgid": "m", "user": {"id": "tgu:9001"}, "emoji": "👍"},
    ),
    "unreact": (
        lambda c: c.react(SCOPE, "p700-9001", ChatUser(id="a", ref_id="r"), amo_id="amo-1", emoji=None),
        None,
        ("POST", f"/{SCOPE}/react"),
        {"conversation_id": "p700-9001", "type": "unreact", "id": "amo-1", "user": {"id": "a", "ref_id": "r"}},
    ),
    "edit": (
        lambda c: c.edit(
            SCOPE,
            EditMessage(conversation_id="c", msgid="m", amo_id="a", content=text("Новый"), sent_at_ms=1767225600123),
        ),
        None,
        ("POST", f"/{SCOPE}"),
        {
            "event_type": "edit_message",
            "payload": {
                "timestamp": 1767225600,
                "msec_timestamp": 1767225600123,
                "msgid": "m",
                "id": "a",
                "conversation_id": "c",
                "message": {"type": "text", "text": "Новый"},
            },
        },
    ),
}


@pytest.mark.parametrize("name", CALLS)
async def test_every_call_is_what_the_documentation_says_and_signed(server, amojo, name):
    make, answer, (method, path), body = CALLS[name]
    server.reply(answer, status=204 if name == "typing" else 200)
    await make(amojo)
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.json) == (method, PREFIX + path, body)
    assert_signed(seen)


async def test_a_group_photo_with_a_quote(server, amojo):
    server.reply(SENT)
    photo = Content(
        type=ContentType.PICTURE, text="подпись", media="https://svc/f/1", file_name="photo.jpg", file_size=48211
    )
    sent = await amojo.send(
        SCOPE, message(content=photo, source_external_id="tgb-700", reply_to=Quote(msgid="tg-700-51"))
    )
    assert server.seen[0].json == {
        "event_type": "new_message",
        "payload": {
            "timestamp": 1767225600,
            "msec_timestamp": 1767225600123,
            "msgid": "tg-700-55",
            "conversation_id": "g1-d42-u9001",
            "silent": False,
            "source": {"external_id": "tgb-700"},
            "sender": {"id": "tgu:9001", "name": "Анна П.", "avatar": "https://svc/f/a"},
            "message": {
                "type": "picture",
                "text": "подпись",
                "media": "https://svc/f/1",
                "file_name": "photo.jpg",
                "file_size": 48211,
            },
            "reply_to": {"message": {"msgid": "tg-700-51"}},
        },
    }
    assert_signed(server.seen[0])
    assert sent == SentMessage(amo_id="amo-1", ref_id="tg-700-55", conversation_id="c", sender_id="s")


async def test_an_imported_answer_of_a_manager(server, amojo):
    server.reply(SENT)
    manager = ChatUser(id="amo:5", name="Менеджер", ref_id="amojo-user")
    await amojo.send(
        SCOPE,
        message(
            sender=manager,
            receiver=ChatUser(id="g1", name="Группа", phone="+7", email="a@b"),
            silent=True,
            conversation_ref_id="chat-uuid",
            reply_to=Quote(content=text("цитата"), sender=ANNA, sent_at_ms=1767225000000),
            forward=Quote(amo_id="amo-0"),
        ),
    )
    payload = server.seen[0].json["payload"]
    assert payload["silent"] is True
    assert payload["conversation_ref_id"] == "chat-uuid"
    assert payload["sender"] == {"id": "amo:5", "ref_id": "amojo-user", "name": "Менеджер"}
    assert payload["receiver"] == {"id": "g1", "name": "Группа", "profile": {"phone": "+7", "email": "a@b"}}
    assert payload["reply_to"]["message"] == {
        "type": "text",
        "text": "цитата",
        "timestamp": 1767225000,
        "msec_timestamp": 1767225000000,
        "sender": {"id": "tgu:9001", "name": "Анна П.", "avatar": "https://svc/f/a"},
    }
    assert payload["forwards"] == {"messages": [{"id": "amo-0"}]}


async def test_location_and_contact_keep_their_types(server, amojo):
    server.reply(SENT)
    server.reply(SENT)
    await amojo.send(SCOPE, message(content=Content(type=ContentType.LOCATION, location=(37, 55.5))))
    await amojo.send(SCOPE, message(content=Content(type=ContentType.CONTACT, contact=("Анна", "+79990000000"))))
    assert server.seen[0].json["payload"]["message"] == {"type": "location", "location": {"lon": 37.0, "lat": 55.5}}
    assert b'"lon":37.0' in server.seen[0].body, "amoCRM types its JSON strictly: a float stays a float"
    assert server.seen[1].json["payload"]["message"] == {
        "type": "contact",
        "contact": {"name": "Анна", "phone": "+79990000000"},
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: Content(type=ContentType.TEXT),
        lambda: Content(type=ContentType.TEXT, text=""),
        lambda: Content(type=ContentType.PICTURE, media="u", file_name="f"),
        lambda: Content(type=ContentType.VOICE),
        lambda: Content(type=ContentType.LOCATION),
        lambda: ChatUser(name="Никто"),
        Quote,
        lambda: message(msgid=""),
        lambda: message(conversation_id=None),
        lambda: EditMessage(conversation_id="c", content=text("x"), sent_at_ms=1),
    ],
)
def test_what_amocrm_would_refuse_is_not_even_made(make):
    with pytest.raises(ValueError, match="need"):
        make()


async def test_a_base_url_with_a_path_is_signed_with_it(transport, server):
    client = AmojoClient(
        transport, server.base_url + "/amojo/", CHANNEL, SECRET, lambda: datetime(2026, 1, 1, tzinfo=UTC)
    )
    server.reply(None, status=204)
    assert await client.history(SCOPE, "chat") == []
    assert server.seen[0].path == f"/amojo{PREFIX}/{SCOPE}/chats/chat/history"
    assert_signed(server.seen[0])


async def test_connect_without_a_scope_in_the_answer(server, amojo):
    server.reply({"account_id": ACCOUNT})
    assert await amojo.connect(ACCOUNT, "dealgram") == SCOPE


@pytest.mark.parametrize(
    ("answer", "user_id"),
    [
        ({"id": "chat", "user": {"id": "u", "client_id": "x", "name": "n", "avatar": ""}}, "u"),
        ({"id": "chat", "user": {"id": "u", "profile": {"phone": ""}}, "new": 1}, "u"),
        ({"id": "chat"}, None),
        ({"id": "chat", "user": []}, None),
    ],
)
async def test_create_chat_reads_every_form(server, amojo, answer, user_id):
    server.reply(answer)
    created = await amojo.create_chat(SCOPE, "c", ANNA)
    assert (created.id, created.user_id) == ("chat", user_id)
    assert "source" not in server.seen[0].json


async def test_history_is_signed_without_its_query(server, amojo):
    server.reply(
        {
            "messages": [
                {
                    "timestamp": 1,
                    "msec_timestamp": 1000,
                    "sender": {"id": "m", "name": "Менеджер"},
                    "message": {"id": "amo-2", "type": "text", "text": "ответ", "media": None, "file_size": ""},
                },
                {"nonsense": True},
                "nonsense",
                {"message": {"id": "amo-1", "client_id": "tg-700-55"}},
            ]
        }
    )
    items = await amojo.history(SCOPE, "chat-uuid", offset=50, limit=1000)
    (seen,) = server.seen
    assert seen.query == [("offset", "50"), ("limit", "50")]
    assert_signed(seen)
    assert [item.message.id for item in items] == ["amo-2", "amo-1"]
    assert (items[0].message.text, items[0].sender.name, items[0].message.client_id) == ("ответ", "Менеджер", None)
    assert items[1].message.client_id == "tg-700-55"


@pytest.mark.parametrize(("body", "status"), [(None, 204), (None, 200), ({"messages": []}, 200), ({}, 200)])
async def test_an_empty_history(server, amojo, body, status):
    server.reply(body, status=status)
    assert await amojo.history(SCOPE, "chat") == []


def error_body(code, kind, description="x"):
    return {"status": 0, "error_code": code, "error_type": kind, "error_description": description}


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason"),
    [
        (403, error_body(403, "ORIGIN_INVALID_SIGNATURE"), Forbidden, "ORIGIN_INVALID_SIGNATURE"),
        (404, error_body(404, "ORIGIN_NOT_REGISTERED"), NotFound, "ORIGIN_NOT_REGISTERED"),
        (404, None, NotFound, ""),
        (400, {"message": {"text": ["too long"]}}, Refused, ""),
        (400, b"\xff<", Refused, ""),
        (429, None, RateLimited, None),
        (500, b"<html>", ServiceFailed, None),
        (504, None, ServiceFailed, None),
        (200, b"oops", ServiceFailed, None),
        (200, [], ServiceFailed, None),
        (200, {"new_message": {}}, ServiceFailed, None),
    ],
)
async def test_errors(server, amojo, status, body, kind, reason):
    server.reply(body, status=status)
    with pytest.raises(kind) as caught:
        await amojo.send(SCOPE, message())
    assert type(caught.value) is kind
    if reason is not None:
        assert caught.value.reason == reason
    assert SECRET not in str(caught.value)


async def test_a_refusal_quotes_amocrms_own_words(server, amojo):
    server.reply({"message": {"file_size": ["must be int"]}}, status=400)
    with pytest.raises(Refused, match="must be int"):
        await amojo.send(SCOPE, message())


@pytest.mark.parametrize(
    ("body", "repeated", "duplicate"),
    [
        (error_body(400, "DUPLICATE_MESSAGE"), False, True),
        (error_body(400, "BAD_REQUEST", "message with this msgid already accepted"), True, True),
        (None, True, True),  # refused without a word, and we know that it is a repeat
        (None, False, False),
        (error_body(400, "BAD_REQUEST", "conversation does not exist"), True, False),
    ],
)
async def test_a_refused_repeat_of_a_msgid_is_success(server, amojo, body, repeated, duplicate):
    server.reply(body, status=400)
    if duplicate:
        sent = await amojo.send(SCOPE, message(), repeated=repeated)
        assert sent == SentMessage(amo_id=None, ref_id="tg-700-55", duplicate=True)
    else:
        with pytest.raises(Refused):
            await amojo.send(SCOPE, message(), repeated=repeated)


async def test_the_form_of_a_delivery_status_that_amocrm_accepts_is_found_and_kept(server, amojo):
    server.reply(error_body(400, "BAD_REQUEST", "status_code: no such field"), status=400)
    server.reply(error_body(400, "BAD_REQUEST", "delivery_status: no such field"), status=400)
    server.reply()
    server.reply()
    await amojo.delivery_status(SCOPE, "amo-1", DeliveryStatus.DELIVERED)
    await amojo.delivery_status(SCOPE, "amo-2", DeliveryStatus.DELIVERED)
    assert [seen.json for seen in server.seen[1:]] == [
        {"msgid": "amo-1", "delivery_status": 1},
        {"status_code": 1},
        {"status_code": 1},
    ]


async def test_a_delivery_status_that_nobody_accepts_is_refused(server, amojo):
    for _ in range(3):
        server.reply(error_body(400, "BAD_REQUEST", "no"), status=400)
    with pytest.raises(Refused):
        await amojo.delivery_status(SCOPE, "amo-1", DeliveryStatus.DELIVERED)
    server.reply(error_body(404, "NOT_FOUND"), status=404)
    with pytest.raises(NotFound):
        await amojo.delivery_status(SCOPE, "amo-1", DeliveryStatus.DELIVERED)
    assert len(server.seen) == 4


async def test_every_call_may_be_repeated_after_an_unknown_outcome(server, amojo):
    for make, _, _, _ in CALLS.values():
        server.close()
        with pytest.raises(Interrupted):
            await make(amojo)


async def test_nobody_there(transport, dead_url):
    client = AmojoClient(transport, dead_url, CHANNEL, SECRET, lambda: datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(NotSent):
        await client.send(SCOPE, message())


async def test_ids_cannot_leave_their_place_in_the_path(server, amojo):
    server.reply(None, status=204)
    await amojo.history("scope/../x?y", "chat#1")
    assert server.seen[0].path == f"{PREFIX}/scope%2F..%2Fx%3Fy/chats/chat%231/history"
    assert_signed(server.seen[0])


async def test_the_client_verifies_hooks_with_its_secret(amojo):
    assert amojo.verify_hook(b'{"account_id":"x","time":1}', "d99906119092510f66a7f44f28e9dc66901345c8")
    assert not amojo.verify_hook(b'{"account_id":"x","time":2}', "d99906119092510f66a7f44f28e9dc66901345c8")
