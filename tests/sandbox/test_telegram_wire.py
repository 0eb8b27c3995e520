"""Calls of the Bot API over real HTTP: encodings, refusals, validation, the log and the faults."""

from __future__ import annotations

import json

import httpx
import pytest

from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served, wire

SCHEMA = ApiSchema.load()
needs_schema = pytest.mark.skipif(SCHEMA is None, reason="the description of the Bot API (api.json) is not at hand")


@pytest.fixture
async def telegram():
    async with served(TelegramSimulator(schema=SCHEMA)) as running:
        yield running


@pytest.fixture
def bot(telegram):
    return telegram.simulator.add_bot("Мост", "bridge_bot")


@pytest.fixture
def ann(telegram, bot):
    person = telegram.simulator.add_person("Анна")
    telegram.simulator.write(person, bot, "/start")
    return person


async def test_all_encodings_mean_the_same(telegram, bot, ann):
    url = f"{telegram.url}/bot{bot.token}/sendMessage"
    keyboard = {"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    fields = {"chat_id": str(ann.id), "text": "1", "protect_content": "true", "reply_markup": json.dumps(keyboard)}
    answers = [
        await telegram.client.get(url, params=fields),
        await telegram.client.post(url, data=fields),
        await telegram.client.post(url, files={name: (None, value) for name, value in fields.items()}),
        await telegram.client.post(url, json={**fields, "chat_id": ann.id, "reply_markup": keyboard}),
        await telegram.client.post(url.replace("sendMessage", "SENDMESSAGE"), json=fields),
    ]
    assert [answer.status_code for answer in answers] == [200] * 5
    results = [answer.json()["result"] for answer in answers]
    assert [result["message_id"] for result in results] == [2, 3, 4, 5, 6]
    for result in results:
        assert (result["text"], result["chat"]["id"], result["reply_markup"]) == ("1", ann.id, keyboard)
    telegram.simulator.assert_clean()


async def test_unknown_tokens_and_methods_are_refused(telegram, bot):
    wrong = await telegram.client.get(f"{telegram.url}/bot1:nothing/getMe")
    assert (wrong.status_code, wrong.json()) == (401, {"ok": False, "error_code": 401, "description": "Unauthorized"})
    missing = await telegram.client.get(f"{telegram.url}/bot{bot.token}/getRich")
    assert (missing.status_code, missing.json()["error_code"]) == (404, 404)
    assert telegram.simulator.violations == ["@bridge_bot: no such method: getRich"]
    token = bot.token
    telegram.simulator.revoke_token(bot)
    assert (await telegram.client.get(f"{telegram.url}/bot{token}/getMe")).status_code == 401
    assert (await telegram.call(bot, "getMe"))["result"]["username"] == "bridge_bot"


@needs_schema
async def test_a_method_that_exists_but_is_not_simulated_says_so(telegram, bot, ann):
    url = f"{telegram.url}/bot{bot.token}/sendLivePhoto"
    files = {"photo": ("a.jpg", b"..."), "live_photo": ("a.mp4", b"...")}
    refused = await telegram.client.post(url, data={"chat_id": ann.id}, files=files)
    assert (refused.status_code, refused.json()["error_code"]) == (501, 501)
    with pytest.raises(AssertionError, match="sendLivePhoto is not simulated"):
        telegram.simulator.assert_clean()


@needs_schema
@pytest.mark.parametrize(
    ("params", "description", "violation"),
    [
        ({"text": "a", "colour": "red"}, "Bad Request: colour: unknown field", "sendMessage: colour: unknown field"),
        ({}, "Bad Request: message text is empty", "sendMessage: text: required and missing"),
        (
            {"text": "a" * 4097},
            "Bad Request: message is too long",
            "sendMessage: text: 4097 characters, expected 1-4096",
        ),
        (
            {"text": "a", "reply_parameters": "{"},
            "Bad Request: can't parse reply parameters JSON object",
            "can't parse",
        ),
        ({"text": "a", "protect_content": "perhaps"}, "is no Boolean", "protect_content: 'perhaps' is no Boolean"),
    ],
)
async def test_a_call_that_breaks_the_description_changes_nothing(telegram, bot, ann, params, description, violation):
    answer = await telegram.call(bot, "sendMessage", chat_id=ann.id, **params)
    assert answer["error_code"] == 400
    assert description in answer["description"]
    assert len(telegram.simulator.violations) == 1
    assert violation in telegram.simulator.violations[0]
    assert len(telegram.simulator.history(telegram.simulator.private_chat(ann, bot))) == 1


async def test_without_the_description_types_are_still_checked():
    async with served(TelegramSimulator(schema=None)) as telegram:
        bot = telegram.simulator.add_bot("Мост", "bridge_bot")
        person = telegram.simulator.add_person("Анна")
        telegram.simulator.write(person, bot, "/start")
        assert (await telegram.call(bot, "sendMessage", chat_id=person.id, text="a"))["ok"]
        assert (await telegram.call(bot, "sendMessage", chat_id=person.id, text=["a"]))["error_code"] == 400
        assert (await telegram.call(bot, "sendLivePhoto", chat_id=person.id, photo="x"))["error_code"] == 404
        assert len(telegram.simulator.violations) == 2


async def test_the_log_keeps_the_latest_calls_with_their_outcome():
    async with served(TelegramSimulator(schema=SCHEMA, log_size=2)) as telegram:
        bot = telegram.simulator.add_bot("Мост", "bridge_bot")
        await telegram.call(bot, "getMe")
        await telegram.call(bot, "sendChatAction", chat_id=1, action="typing")
        await telegram.call(bot, "getMyCommands")
        logged = [
            (call.method, call.bot, call.params, call.status, call.description) for call in telegram.simulator.requests
        ]
        assert logged == [
            ("sendChatAction", bot, {"chat_id": 1, "action": "typing"}, 400, "Bad Request: chat not found"),
            ("getMyCommands", bot, {}, 200, None),
        ]
        telegram.simulator.assert_clean()


async def test_faults_are_per_method_and_bot(telegram, bot, ann):
    simulator = telegram.simulator
    other = simulator.add_bot("Другой", "other_bot")
    simulator.write(ann, other, "/start")
    simulator.faults.drop_after("sendMessage", when=lambda facts: facts["bot_id"] == bot.id)
    simulator.refuse("sendMessage", 429, "Too Many Requests: retry after 7", retry_after=7, times=1)
    assert (await telegram.call(bot, "getMe"))["ok"]
    with pytest.raises(httpx.RemoteProtocolError):
        await telegram.call(bot, "sendMessage", chat_id=ann.id, text="unknown outcome")
    assert [message["text"] for message in simulator.history(simulator.private_chat(ann, bot))] == [
        "/start",
        "unknown outcome",
    ]
    refused = await telegram.client.post(
        f"{telegram.url}/bot{other.token}/sendMessage", json={"chat_id": ann.id, "text": "a"}
    )
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "7")
    assert refused.json()["parameters"] == {"retry_after": 7}
    assert (await telegram.call(other, "sendMessage", chat_id=ann.id, text="b"))["ok"]
    simulator.assert_clean()


@needs_schema
def test_the_table_of_parameter_names_agrees_with_the_description():
    simulator = TelegramSimulator(schema=SCHEMA)
    kinds = {"Integer": wire.INTEGERS, "Boolean": wire.BOOLEANS, "String": frozenset(), "Float": wire.FLOATS}
    for method in simulator.simulated_methods:
        for name, types in SCHEMA.parameter_types(method).items():
            if name == "chat_id":
                assert set(types) == {"Integer", "String"}
            elif types[0] == "InputFile":
                continue
            else:
                assert name in kinds.get(types[0], wire.STRUCTURES) or types == ("String",), (method, name)
                assert all(name not in other for kind, other in kinds.items() if kind != types[0]), (method, name)
