"""The Telegram gateway over a loopback server: every request against the documentation, errors, unknown outcomes."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
import trio

from dealgram.gateways.errors import (
    GatewayError,
    Interrupted,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceFailed,
    Unauthorised,
)
from dealgram.gateways.telegram import (
    AskReply,
    BotBlocked,
    ChatGone,
    ChatMigrated,
    IntakeConflict,
    Key,
    Keyboard,
    TelegramGateway,
    bot_id_of,
)
from dealgram.gateways.telegram.bot import TransportRequest, TrioBot
from dealgram.runtime import Permanent, Transient

TOKEN = "7000001:AAsecretSecretSecret-secret_Secret"
API = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "telegram-bot-api" / "api.json"
MESSAGE = {"message_id": 77, "date": 1, "chat": {"id": -1001, "type": "supergroup", "title": "Группа"}}
USER = {"id": 9001, "is_bot": False, "first_name": "Анна"}


@pytest.fixture
def gateway(transport, server):
    return TelegramGateway(transport, server.base_url + "/", deadline_s=5.0)


@pytest.fixture
def bot(gateway):
    return gateway.bot(TOKEN)


def ok(server, result):
    server.reply({"ok": True, "result": result})


def refuse(server, status, description, **parameters):
    body = {"ok": False, "error_code": status, "description": description}
    server.reply({**body, **({"parameters": parameters} if parameters else {})}, status=status)


KEYBOARD = Keyboard(
    rows=((Key(text="Связать", data="link"), Key(text="Сайт", url="https://x.ru/")), (Key(text="Ещё", data="n"),))
)

CALLS = {
    "getMe": (
        lambda b: b.get_me(),
        {**USER, "is_bot": True, "username": "b_bot", "can_read_all_group_messages": True},
        {},
    ),
    "sendMessage": (
        lambda b: b.send_text(
            -1001, "Привет 👋", reply_to=55, thread=4, silent=True, link_preview=False, reply_markup=KEYBOARD
        ),
        MESSAGE,
        {
            "chat_id": -1001,
            "text": "Привет 👋",
            "reply_parameters": {"message_id": 55, "allow_sending_without_reply": True},
            "message_thread_id": 4,
            "disable_notification": True,
            "link_preview_options": {"is_disabled": True},
            "reply_markup": {
                "inline_keyboard": [
                    [{"text": "Связать", "callback_data": "link"}, {"text": "Сайт", "url": "https://x.ru/"}],
                    [{"text": "Ещё", "callback_data": "n"}],
                ]
            },
        },
    ),
    "editMessageText": (
        lambda b: b.edit_text(-1001, 77, "Новый", reply_markup=Keyboard()),
        MESSAGE,
        {"chat_id": -1001, "message_id": 77, "text": "Новый"},
    ),
    "editMessageReplyMarkup": (
        lambda b: b.edit_keyboard(-1001, 77, Keyboard(rows=((Key(text="Сайт", url="https://x.ru/"),),))),
        MESSAGE,
        {
            "chat_id": -1001,
            "message_id": 77,
            "reply_markup": {"inline_keyboard": [[{"text": "Сайт", "url": "https://x.ru/"}]]},
        },
    ),
    "setMessageReaction": (
        lambda b: b.set_reaction(-1001, 77, "🔥"),
        True,
        {"chat_id": -1001, "message_id": 77, "reaction": [{"type": "emoji", "emoji": "🔥"}]},
    ),
    "sendChatAction": (
        lambda b: b.send_chat_action(-1001, "typing", thread=1),
        True,
        {"chat_id": -1001, "action": "typing", "message_thread_id": 1},
    ),
    "getCustomEmojiStickers": (
        lambda b: b.get_custom_emoji("5368324170671202286"),
        [{"file_id": "f", "type": "custom_emoji", "emoji": "👍"}],
        {"custom_emoji_ids": ["5368324170671202286"]},
    ),
    "deleteMessage": (lambda b: b.delete_message(-1001, 77), True, {"chat_id": -1001, "message_id": 77}),
    "answerCallbackQuery": (
        lambda b: b.answer_callback("5", "Готово", alert=True),
        True,
        {"callback_query_id": "5", "text": "Готово", "show_alert": True},
    ),
    "getChat": (
        lambda b: b.get_chat(-1001),
        {"id": -1001, "type": "supergroup", "title": "Группа", "accent_color_id": 1, "max_reaction_count": 1},
        {"chat_id": -1001},
    ),
    "getChatMember": (
        lambda b: b.get_chat_member(-1001, 9001),
        {"status": "member", "user": USER},
        {"chat_id": -1001, "user_id": 9001},
    ),
    "getChatAdministrators": (
        lambda b: b.get_chat_administrators(-1001),
        [{"status": "creator", "user": USER, "is_anonymous": True}],
        {"chat_id": -1001},
    ),
    "setMyCommands": (
        lambda b: b.set_commands([("menu", "Меню")], scope="groups"),
        True,
        {"commands": [{"command": "menu", "description": "Меню"}], "scope": {"type": "all_group_chats"}},
    ),
    "setMyDescription": (lambda b: b.set_description("Описание"), True, {"description": "Описание"}),
    "setMyShortDescription": (lambda b: b.set_short_description("Бот"), True, {"short_description": "Бот"}),
    "setWebhook": (
        lambda b: b.set_webhook("https://svc/telegram/k", secret_token="s3cret", allowed_updates=["message"]),
        True,
        {
            "url": "https://svc/telegram/k",
            "secret_token": "s3cret",
            "allowed_updates": ["message"],
            "max_connections": 40,
        },
    ),
    "deleteWebhook": (lambda b: b.delete_webhook(drop_pending_updates=True), True, {"drop_pending_updates": True}),
    "getWebhookInfo": (
        lambda b: b.get_webhook_info(),
        {"url": "https://other/", "has_custom_certificate": False, "pending_update_count": 3},
        {},
    ),
    "leaveChat": (lambda b: b.leave_chat(-1001), True, {"chat_id": -1001}),
}

REPEATABLE = set(CALLS) - {"sendMessage"}


@pytest.mark.parametrize("method", CALLS)
async def test_every_call_is_what_the_documentation_says(server, bot, method):
    make, result, body = CALLS[method]
    ok(server, result)
    await make(bot)
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("POST", f"/bot{TOKEN}/{method}")
    assert seen.headers["content-type"] == "application/json"
    assert seen.json == body


@pytest.mark.skipif(not API.exists(), reason="the description of the Bot API is not beside the repository")
@pytest.mark.parametrize("method", CALLS)
def test_every_field_is_documented(method):
    fields = {field["name"]: field for field in json.loads(API.read_text())["methods"][method].get("fields", [])}
    body = CALLS[method][2]
    assert set(body) <= set(fields)
    assert {name for name, field in fields.items() if field["required"]} <= set(body)


async def test_answers_are_typed(server, bot):
    results = {}
    for method, (make, result, _) in CALLS.items():
        ok(server, result)
        results[method] = await make(bot)
    assert (results["getMe"].username, results["getMe"].can_read_all_group_messages) == ("b_bot", True)
    assert results["sendMessage"] == 77
    assert (results["getChat"].title, results["getChat"].type) == ("Группа", "supergroup")
    assert (results["getChatMember"].is_present, results["getChatMember"].is_admin) == (True, False)
    assert [one.is_admin for one in results["getChatAdministrators"]] == [True]
    assert (results["getWebhookInfo"].url, results["getWebhookInfo"].pending_update_count) == ("https://other/", 3)
    assert results["leaveChat"] is None
    assert results["getCustomEmojiStickers"] == "👍"


async def test_a_reaction_is_taken_off_with_an_empty_list(server, bot):
    ok(server, True)
    await bot.set_reaction(-1001, 77, None)
    assert server.seen[0].json == {"chat_id": -1001, "message_id": 77, "reaction": []}


async def test_an_action_outside_of_topics_names_none(server, bot):
    ok(server, True)
    await bot.send_chat_action(9001, "typing")
    assert server.seen[0].json == {"chat_id": 9001, "action": "typing"}


async def test_a_custom_emoji_that_telegram_does_not_know_stands_for_none(server, bot):
    ok(server, [])
    assert await bot.get_custom_emoji("1") is None


async def test_a_plain_text_carries_nothing_else(server, bot):
    ok(server, MESSAGE)
    assert await bot.send_text(9001, "x") == 77
    assert server.seen[0].json == {"chat_id": 9001, "text": "x"}


async def test_the_general_topic_is_no_thread(server, bot):
    ok(server, MESSAGE)
    await bot.send_text(-1001, "x", thread=1)
    assert "message_thread_id" not in server.seen[0].json


async def test_asking_for_a_reply(server, bot):
    ok(server, MESSAGE)
    await bot.send_text(-1001, "ID?", reply_to=55, reply_markup=AskReply(placeholder="Номер сделки"))
    markup = server.seen[0].json["reply_markup"]
    assert markup == {"force_reply": True, "selective": True, "input_field_placeholder": "Номер сделки"}


@pytest.mark.parametrize(
    "make", [lambda: Key(text="x"), lambda: Key(text="x", data="a", url="b"), lambda: Key(text="x", data="я" * 33)]
)
def test_buttons_that_telegram_would_refuse_are_not_even_made(make):
    with pytest.raises(ValueError, match="button"):
        make()


FORBIDDEN = "Forbidden: bot was kicked from the supergroup chat"


@pytest.mark.parametrize(
    ("status", "description", "kind", "reason"),
    [
        (403, "Forbidden: bot was blocked by the user", BotBlocked, "blocked"),
        (403, "Forbidden: bot can't initiate conversation with a user", BotBlocked, "never_started"),
        (403, "Forbidden: user is deactivated", ChatGone, "deactivated"),
        (403, FORBIDDEN, ChatGone, "kicked"),
        (403, "Forbidden: bot is not a member of the channel chat", ChatGone, "not_member"),
        (403, "Forbidden: the group chat was deleted", ChatGone, "chat_deleted"),
        (403, "Forbidden: something new", ChatGone, "forbidden"),
        (400, "Bad Request: chat not found", ChatGone, "chat_not_found"),
        (400, "Bad Request: group chat was upgraded to a supergroup chat", ChatGone, "upgraded"),
        (400, "Bad Request: message thread not found", Refused, "thread_not_found"),
        (400, "Bad Request: message to be replied not found", Refused, "reply_not_found"),
        (400, "Bad Request: message is too long", Refused, "too_long"),
        (400, "Bad Request: not enough rights to send text messages to the chat", Refused, "no_right_text"),
        (400, "Bad Request: TOPIC_CLOSED", Refused, "topic_closed"),
        (400, "Bad Request: CHAT_RESTRICTED", Refused, "chat_restricted"),
        (400, "Bad Request: can't parse entities: x", Refused, "bad_entities"),
        (400, "Bad Request: REACTION_INVALID", Refused, "reaction_invalid"),
        (400, "Bad Request: message to react not found", Refused, "message_not_found"),
        (400, "Bad Request: something new", Refused, ""),
        (413, "Request Entity Too Large", Refused, "file_too_big"),
        (401, "Unauthorized", Unauthorised, None),
        (404, "Not Found", Unauthorised, None),
        (409, "Conflict: terminated by other getUpdates request", IntakeConflict, "other_poller"),
        (500, "Internal Server Error: restart", ServiceFailed, None),
        (502, "Bad Gateway", ServiceFailed, None),
        (504, "Gateway Timeout", OutcomeUnknown, None),
    ],
)
async def test_refusals(server, bot, status, description, kind, reason):
    refuse(server, status, description)
    with pytest.raises(kind) as caught:
        await bot.send_text(-1001, "x")
    assert type(caught.value) is kind
    if reason is not None:
        assert caught.value.reason == reason
    assert description in str(caught.value)
    assert str(caught.value).startswith("telegram sendMessage: ")
    if isinstance(caught.value, Refused):
        assert isinstance(caught.value, Permanent)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"description":5}', b"\xff"])
@pytest.mark.parametrize(("status", "kind"), [(400, Refused), (403, ChatGone), (502, ServiceFailed)])
async def test_refusals_without_a_readable_body(server, bot, status, kind, body):
    server.reply(body, status=status)
    with pytest.raises(kind, match=f"HTTP {status}"):
        await bot.send_text(-1001, "x")


async def test_a_group_that_became_a_supergroup(server, bot):
    refuse(server, 400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1001234)
    with pytest.raises(ChatMigrated) as caught:
        await bot.send_text(-55, "x")
    assert caught.value.new_chat_id == -1001234
    assert not isinstance(caught.value, Transient | Permanent), "the caller decides: same text, other chat"


async def test_a_flood_names_its_wait(server, bot):
    refuse(server, 429, "Too Many Requests: retry after 35", retry_after=35)
    with pytest.raises(RateLimited) as caught:
        await bot.send_text(-1001, "x")
    assert caught.value.retry_after_s == 35
    server.reply(b"", status=429, headers={"Retry-After": "5"})
    with pytest.raises(RateLimited) as caught:
        await bot.send_text(-1001, "x")
    assert caught.value.retry_after_s == 5


async def test_a_send_that_broke_off_is_unknown_and_everything_else_may_be_repeated(server, bot):
    for method, (make, _, _) in CALLS.items():
        server.close()
        with pytest.raises(OutcomeUnknown) as caught:
            await make(bot)
        assert isinstance(caught.value, Interrupted) == (method in REPEATABLE), method


async def test_nobody_there_is_not_sent(transport, dead_url):
    with pytest.raises(NotSent):
        await TelegramGateway(transport, dead_url).bot(TOKEN).send_text(1, "x")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"ok":true}', b'{"ok":true,"result":{"chat":1}}', b"\xff"])
async def test_a_send_answered_with_nonsense_is_unknown(server, bot, body):
    server.reply(body)
    with pytest.raises(OutcomeUnknown) as caught:
        await bot.send_text(1, "x")
    assert not isinstance(caught.value, Transient)
    server.reply(body)
    with pytest.raises(ServiceFailed):
        await bot.get_me()


async def test_a_refusal_inside_a_success_is_a_refusal(server, bot):
    server.reply({"ok": False, "error_code": 400, "description": "Bad Request: chat not found"})
    with pytest.raises(ChatGone):
        await bot.send_text(1, "x")


@pytest.mark.parametrize(
    "result",
    [
        {"message_id": 77},
        {"message_id": 77, "date": "soon", "chat": {}},
        {"message_id": 77, "date": 10**15, "chat": {"id": 1, "type": "x"}},
        {"message_id": 77, "date": 1, "chat": {"id": 1, "type": "private"}, "photo": 5},
    ],
)
async def test_a_sent_message_counts_as_sent_whatever_else_is_in_the_answer(server, bot, result):
    ok(server, result)
    assert await bot.send_text(1, "x") == 77


@pytest.mark.parametrize(
    ("make", "description"),
    [
        (lambda b: b.edit_text(1, 2, "x"), "Bad Request: message is not modified: specified new message content"),
        (lambda b: b.delete_message(1, 2), "Bad Request: message to delete not found"),
        (lambda b: b.answer_callback("5"), "Bad Request: query is too old and response timeout expired"),
    ],
)
async def test_what_is_done_already_is_no_error(server, bot, make, description):
    refuse(server, 400, description)
    await make(bot)
    refuse(server, 400, "Bad Request: something else")
    with pytest.raises(Refused):
        await make(bot)


@pytest.mark.parametrize("token", ["", "x", "7:", ":x", "7:a/b", "7:a b", "7:a\n", "٧:abc", "7:" + "a" * 300])
def test_what_is_no_token_is_refused_unquoted(token):
    with pytest.raises(Unauthorised) as caught:
        bot_id_of(token)
    assert not token or token not in str(caught.value)


def test_the_bots_id_is_in_its_token():
    assert bot_id_of(TOKEN) == 7000001


async def test_bots_share_one_transport(server, gateway, transport):
    for number in range(5):
        ok(server, USER)
        await gateway.bot(f"{number}:token").get_me()
    assert server.connections == 1
    assert [seen.path for seen in server.seen] == [f"/bot{number}:token/getMe" for number in range(5)]


async def test_results_do_not_mix_between_tasks(server, gateway):
    """Each call reads its own result, however they are interleaved."""
    from_both = trio.Event()

    async def crossed(seen):
        chat = seen.json["chat_id"]
        if len(server.seen) == 2:
            from_both.set()
        await from_both.wait()
        ok(server, {**MESSAGE, "message_id": chat * 10})
        return server.queue.pop()

    server.answer = crossed
    sent = {}

    async def send(chat):
        sent[chat] = await gateway.bot(TOKEN).send_text(chat, "x")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, 1)
        nursery.start_soon(send, 2)
    assert sent == {1: 10, 2: 20}


async def test_the_bot_itself_runs_on_trio(server, transport):
    request = TransportRequest(transport, 5.0)
    bot = TrioBot(TOKEN, server.base_url, request)
    async with bot:
        assert server.seen == [], "starting a bot calls nothing"
        ok(server, {**USER, "is_bot": True})
        assert (await bot.get_me()).id == 9001
    async with bot:
        ok(server, MESSAGE)
        await bot.send_document(1, b"\x00\x01bytes", filename="a.bin", caption="файл")
    seen = server.seen[1]
    assert seen.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b"\x00\x01bytes" in seen.body
    assert b'filename="a.bin"' in seen.body
    assert seen.headers["content-length"] == str(len(seen.body))


async def test_the_token_never_shows(server, gateway, bot, caplog, told, dead_url, transport):
    caplog.set_level(logging.DEBUG)
    shown = [repr(bot), str(bot), repr(gateway), repr(bot._bot), f"{bot._bot}"]
    ok(server, MESSAGE)
    await bot.send_text(1, "x")
    refuse(server, 401, "Unauthorized")
    refuse(server, 400, "Bad Request: chat not found")
    server.reply(b"<html>")
    server.close()
    for _ in range(4):
        with pytest.raises(GatewayError) as caught:
            await bot.send_text(1, "x")
        shown.append(told(caught.value))
    with pytest.raises(NotSent) as caught:
        await TelegramGateway(transport, dead_url).bot(TOKEN).get_me()
    shown.append(told(caught.value))
    assert TOKEN in server.seen[0].target
    assert TOKEN not in "\n".join(shown)
    assert TOKEN not in caplog.text


async def test_a_bold_beginning_is_an_entity_whatever_characters_it_is_made_of(server, bot):
    ok(server, MESSAGE)
    await bot.send_text(-1001, "<b>&_*👋: привет", bold=9)
    sent = server.seen[0].json
    assert sent["text"] == "<b>&_*👋: привет"
    assert sent["entities"] == [{"type": "bold", "offset": 0, "length": 9}]
    assert "parse_mode" not in sent


async def test_buttons_taken_off_twice_are_no_error(server, bot):
    refuse(server, 400, "Bad Request: message is not modified: specified new message content and reply markup are same")
    await bot.edit_keyboard(-1001, 77, None)
    assert "reply_markup" not in server.seen[0].json


@pytest.mark.parametrize(
    "description",
    [
        "Bad Request: inline keyboard button URL 'http://x' is invalid: Wrong HTTP URL",
        "Bad Request: BUTTON_URL_INVALID",
        "Bad Request: REPLY_MARKUP_TOO_LONG",
    ],
)
async def test_refused_buttons_are_told_apart(server, bot, description):
    refuse(server, 400, description)
    with pytest.raises(Refused) as caught:
        await bot.send_text(-1001, "x")
    assert caught.value.reason == "bad_buttons"
