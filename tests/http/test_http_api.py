"""The frame of the widget's API over faked ports: who is let in, what pages may read, errors, repeats, the document."""

from __future__ import annotations

import base64
import json
import logging
import random
import re
import uuid
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import trio
from api_document import check_documented, described
from fake_bot_desk import BOT_ID, DEAL_ID, FREE_TOKEN, GROUP_ID, OWN_TOKEN
from openapi_spec_validator import OpenAPIV31SpecValidator

from dealgram.actors.bots.bot_connection import BotRefusedError
from dealgram.actors.services import AccountGone
from dealgram.gateways.errors import Forbidden, GateClosed, NotSent, PaymentRequired, Unauthorised
from dealgram.gateways.trouble import TroubleKind
from dealgram.http.api import admission, frame, repeats
from dealgram.http.api.application import whole_document
from dealgram.http.api.ports import KnownAccount
from dealgram.runtime import Transient

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi.json"
ORIGIN = "https://sever.amocrm.ru"
ADMIN_ID, MANAGER_ID = 11, 12
AT_S = 1795348800  # the fakes' now
ID = "6f0c5c1e-8d0e-4b52-9a35-0b7c6f7a0001"


@pytest.fixture
async def api(serve_world, services, widget_api, mint_token):
    """`await api("GET", "/account")`: a call of the administrator's page; `claims`, `headers` and `body` as wanted."""
    world = await serve_world(services, widget_api=widget_api)

    async def call(method: str, path: str, body=None, *, headers=None, token=..., **claims) -> httpx.Response:
        sent = {"Origin": ORIGIN, "X-Auth-Token": mint_token(**claims) if token is ... else token}
        sent |= headers or {}
        given = {name: value for name, value in sent.items() if value is not None}
        content = {"content": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        return await world.client.request(method, f"/api/v1{path}", headers=given, **content)

    call.world = world
    return call


def error_of(answer: httpx.Response, *, repeated: bool = False) -> dict:
    assert answer.headers["content-type"] == "application/json", answer
    assert answer.headers["cache-control"] == "no-store"
    error = answer.json()["error"]
    assert set(error) <= {"code", "message", "request_id", "field", "authorise_url"}
    assert repeated or error["request_id"] == answer.headers["x-request-id"]
    assert re.match(r"[А-Я]|amoCRM|Telegram", error["message"]), error
    assert error["message"].endswith("."), error
    return error


# The document


def test_the_document_is_the_one_that_is_kept():
    renew = "renew it: python -m dealgram.http.api.application > docs/openapi.json"
    assert whole_document() == DOCUMENT.read_bytes(), renew


def test_the_document_is_valid_and_says_something_of_everything():
    described = json.loads(whole_document())
    OpenAPIV31SpecValidator(described).validate()
    names = [each["operationId"] for path in described["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))
    for path in described["paths"].values():
        for each in path.values():
            assert each["summary"], each
            assert "401" in each["responses"]


async def test_the_document_is_served_to_anybody(api):
    answer = await api("GET", "/openapi.json", token=None, headers={"Origin": None})
    assert answer.status_code == 200
    assert answer.json()["openapi"] == "3.1.0"


CALLS = {
    ("GET", "/account"): None,
    ("PATCH", "/settings"): {"notes": False},
    ("POST", "/setup/retry"): {},
    ("GET", "/pipelines"): None,
    ("GET", "/users"): None,
    ("GET", "/people"): None,
    ("GET", "/employees"): None,
    ("POST", "/employees"): {"user_id": 700, "amo_user_id": 11},
    ("DELETE", "/employees/{user_id}"): None,
    ("GET", "/changes"): None,
    ("GET", "/bots"): None,
    ("POST", "/bots/check"): {"token": FREE_TOKEN},
    ("POST", "/bots"): {"token": FREE_TOKEN, "pipeline_id": 5, "unsorted": True, "deal_tags": ["Новый"]},
    ("PATCH", "/bots/{bot_id}"): {"token": OWN_TOKEN, "deal_title": "{name} из {bot}"},
    ("POST", "/bots/{bot_id}/check"): {},
    ("POST", "/bots/{bot_id}/take-back"): {},
    ("GET", "/groups"): None,
    ("GET", "/bots/{bot_id}/groups"): None,
    ("POST", "/groups/{group_id}/deals"): {"deal": "https://sever.amocrm.ru/leads/detail/77"},
    ("DELETE", "/groups/{group_id}/deals/{deal_id}"): None,
    ("DELETE", "/bots/{bot_id}"): None,
}
"""A good call of each route; the last one ends the bot."""
IN_PATHS = {"user_id": 700, "bot_id": BOT_ID, "group_id": GROUP_ID, "deal_id": DEAL_ID}


def test_every_route_is_called():
    paths = described()["paths"]
    assert set(CALLS) == {(method.upper(), path) for path, methods in paths.items() for method in methods}


async def test_every_answer_is_as_the_document_says(api):
    for (method, path), body in CALLS.items():
        target = path.format(**IN_PATHS)
        refused = [
            await api(method, target, body, token=None),
            await api(method, target, body, account_id=999),
            await api(method, f"{target}?unknown=1", body),
        ]
        if method != "GET":
            refused.append(await api(method, target, body, user_id=MANAGER_ID))
        assert not any(answer.is_success for answer in refused), path
        good = await api(method, target, body)
        assert good.is_success, good.text
        for answer in (good, *refused):
            check_documented(answer, method, path)
        for answer in refused:
            error_of(answer)


# Who is let in

TOKENS = {
    "none at all": ({"token": None}, "token_missing", True),
    "empty": ({"token": ""}, "token_missing", True),
    "nonsense": ({"token": "a.b.c"}, "token_invalid", True),
    "too long": ({"token": "a" * 5000}, "token_invalid", True),
    "of another secret": ({"secret": "another" * 8}, "token_invalid", True),
    "of another integration": ({"client_uuid": "another"}, "token_invalid", True),
    "of no integration": ({"client_uuid": None}, "token_invalid", True),
    "signed with HS512": ({"algorithm": "HS512", "secret": "client-secret" * 6}, "token_invalid", True),
    "signed with HS384": ({"algorithm": "HS384", "secret": "client-secret" * 6}, "token_invalid", True),
    "unsigned": ({"algorithm": "none"}, "token_invalid", True),
    "for another service": ({"aud": "https://evil.example"}, "token_invalid", True),
    "for nobody": ({"aud": None}, "token_invalid", True),
    "for our address as plain HTTP": ({"aud": "http://us.example"}, "token_invalid", True),
    "expired": ({"exp": AT_S - 60}, "token_expired", True),
    "without an end": ({"exp": None}, "token_invalid", True),
    "with a strange end": ({"exp": "tomorrow"}, "token_invalid", True),
    "not yet valid": ({"nbf": AT_S + 61}, "token_invalid", True),
    "made in the future": ({"iat": AT_S + 61}, "token_invalid", True),
    "without an id": ({"jti": None}, "token_invalid", True),
    "with an empty id": ({"jti": ""}, "token_invalid", True),
    "with an endless id": ({"jti": "a" * 201}, "token_invalid", True),
    "of no account": ({"account_id": None}, "token_invalid", True),
    "of the account zero": ({"account_id": 0}, "token_invalid", True),
    "of a true account": ({"account_id": True}, "token_invalid", True),
    "of an endless account": ({"account_id": 2**63}, "token_invalid", True),
    "of no user": ({"user_id": None}, "token_invalid", True),
    "of a host that is none of amoCRM's": (
        {"iss": "https://sever.evil.example", "headers": {"Origin": "https://sever.evil.example"}},
        "token_invalid",
        False,
    ),
    "of a plain host": ({"iss": "http://sever.amocrm.ru"}, "token_invalid", True),
    "of an account that lives elsewhere": (
        {"iss": "https://yug.amocrm.ru", "headers": {"Origin": "https://yug.amocrm.ru"}},
        "token_invalid",
        True,
    ),
    "out of another account's page": ({"headers": {"Origin": "https://yug.amocrm.ru"}}, "foreign_origin", False),
    "out of a stranger's page": ({"headers": {"Origin": "https://evil.example"}}, "foreign_origin", False),
    "out of a file": ({"headers": {"Origin": "null"}}, "foreign_origin", False),
    "out of a page like ours": ({"headers": {"Origin": ORIGIN + ":443"}}, "foreign_origin", False),
    "missing, out of a stranger's page": (
        {"token": None, "headers": {"Origin": "https://evil.example"}},
        "token_missing",
        False,
    ),
    "of an account that is unknown": ({"account_id": 999}, "account_unknown", True),
}


@pytest.mark.parametrize("case", TOKENS)
async def test_a_token_that_is_not_good_opens_nothing(api, widget_api, caplog, case):
    caplog.set_level(logging.DEBUG)
    how, code, readable = TOKENS[case]
    for method, path in (("GET", "/account"), ("PATCH", "/settings")):
        answer = await api(method, path, {"notes": False} if method == "PATCH" else None, **how)
        assert error_of(answer)["code"] == code, answer.text
        assert answer.status_code == {"foreign_origin": 403, "account_unknown": 409}.get(code, 401)
        origin = how.get("headers", {}).get("Origin", ORIGIN)
        assert answer.headers.get("access-control-allow-origin") == (origin if readable else None)
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers
    assert widget_api.account.changes == []
    assert widget_api.gatekeeper.tokens == set()
    assert widget_api.gatekeeper.asked_rights == 0
    assert "eyJ" not in caplog.text


async def test_a_token_without_an_end_of_its_claims_is_taken_within_the_leeway(api):
    for claims in (
        {"exp": AT_S - 59},
        {"nbf": AT_S + 60},
        {"nbf": None, "iat": None},
        {"account_id": "1", "user_id": "11"},
        {"aud": "https://us.example:8443"},
        {"iss": ORIGIN + "/"},
        {"exp": 2**52},
    ):
        assert (await api("GET", "/account", **claims)).status_code == 200, claims
    assert (await api("GET", "/account", headers={"Origin": None})).status_code == 200, "no page at all"


async def test_a_token_is_good_once(api, widget_api, mint_token):
    token = mint_token()
    assert (await api("GET", "/account", token=token)).status_code == 200
    for _ in range(2):
        answer = await api("PATCH", "/settings", {"notes": False}, token=token)
        assert error_of(answer)["code"] == "token_used"
        assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert widget_api.account.changes == []
    two = [("X-Auth-Token", mint_token()), ("X-Auth-Token", mint_token())]
    answer = await api.world.client.get("/api/v1/account", headers=two)
    assert error_of(answer)["code"] == "token_invalid"


async def test_a_token_is_good_many_times_where_the_operator_says_so(serve_world, services, widget_api, mint_token):
    world = await serve_world(services, widget_api=replace(widget_api, one_time=False))
    token = mint_token()
    for _ in range(3):
        assert (await world.client.get("/api/v1/account", headers={"X-Auth-Token": token})).status_code == 200


async def test_an_account_that_moved_is_let_in_at_its_new_address(api, widget_api):
    new = "https://sever2.amocrm.ru"
    assert error_of(await api("GET", "/account", iss=new, headers={"Origin": new}))["code"] == "token_invalid"
    widget_api.gatekeeper.moved[1] = new
    answer = await api("GET", "/account", iss=new, headers={"Origin": new})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == new


async def test_who_has_to_authorise_gets_the_link_and_still_sees_the_account(api, widget_api):
    answer = await api("GET", "/account", account_id=999)
    assert error_of(answer)["authorise_url"] == "https://us.example/oauth/start"
    widget_api.gatekeeper.accounts[1] = KnownAccount(account_id=1, host=ORIGIN, status="reauthorise")
    for path in ("/account", "/users", "/people", "/employees", "/changes"):
        assert (await api("GET", path)).status_code == 200, path
    for method, path in (("GET", "/pipelines"), ("PATCH", "/settings"), ("POST", "/setup/retry")):
        answer = await api(method, path, {} if method == "POST" else None)
        assert error_of(answer)["code"] == "reauthorise", path
        assert error_of(answer)["authorise_url"] == "https://us.example/oauth/start"


async def test_only_administrators_change_anything(api, widget_api):
    for (method, path), body in CALLS.items():
        answer = await api(method, path.format(**IN_PATHS), body, user_id=MANAGER_ID)
        if method == "GET":
            assert answer.status_code == 200, path
        else:
            assert (answer.status_code, error_of(answer)["code"]) == (403, "not_admin"), path
    assert widget_api.account.changes == widget_api.bots.changes == []


# Pages


async def test_browsers_are_told_who_may_ask(api):
    for path in ("/account", "/employees/700", "/settings"):
        wanted = {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "x-auth-token"}
        for origin in (ORIGIN, "https://not-yet-known.amocrm.ru"):
            answer = await api("OPTIONS", path, token=None, headers=wanted | {"Origin": origin})
            assert (answer.status_code, answer.content) == (204, b"")
            assert answer.headers["access-control-allow-origin"] == origin
            assert answer.headers["access-control-allow-headers"] == "X-Auth-Token, Content-Type"
            assert answer.headers["access-control-allow-methods"] == "GET,POST,PATCH,DELETE,OPTIONS"
            assert answer.headers["access-control-max-age"] == "600"
            assert answer.headers["vary"] == "Origin"
        for origin in ("https://evil.example", "null", "http://sever.amocrm.ru", "https://amocrm.ru.evil.example", "*"):
            answer = await api("OPTIONS", path, token=None, headers=wanted | {"Origin": origin})
            assert answer.status_code == 204
            assert not [name for name in answer.headers if name.startswith("access-control")], origin


async def test_refusals_below_the_prefix_are_of_the_same_shape(api):
    for method, path, status, code in (
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "", 404, "not_found"),
        ("PUT", "/settings", 405, "method_not_allowed"),
        ("GET", "/employees/700", 405, "method_not_allowed"),
        ("DELETE", "/employees/0", 404, "not_found"),
        ("DELETE", "/employees/99999999999999999999", 404, "not_found"),
        ("DELETE", "/employees/x", 404, "not_found"),
    ):
        answer = await api(method, path)
        assert (answer.status_code, error_of(answer)["code"]) == (status, code), path
        assert answer.headers["access-control-allow-origin"] == ORIGIN, "the widget must be able to read it"
    assert set((await api("PUT", "/settings")).headers["allow"].split(", ")) == {"PATCH", "OPTIONS"}


# What is sent

DEEP = 20_000
BODIES = {
    "nothing, where something is needed": (b"", "amo_user_id"),
    "no JSON": (b"{", None),
    "a list": (b"[]", None),
    "a word": (b'"x"', None),
    "deep lists": (b"[" * DEEP, None),
    "a deep field": (b'{"user_id":' + b"[" * DEEP, "user_id"),
    "an unknown field": (b'{"user_id":7,"amo_user_id":1,"admin":true}', "admin"),
    "a strange field": (b'{"user_id":7,"amo_user_id":1,"<b>":true}', None),
    "a text for a number": (b'{"user_id":"7","amo_user_id":1}', "user_id"),
    "a broken number": (b'{"user_id":7.5,"amo_user_id":1}', "user_id"),
    "a huge number": (b'{"user_id":' + b"9" * 400 + b',"amo_user_id":1}', "user_id"),
    "below nothing": (b'{"user_id":-7,"amo_user_id":1}', "user_id"),
    "a flag for a number": (b'{"user_id":true,"amo_user_id":1}', "user_id"),
    "NUL": (b'{"username":"a\\u0000","amo_user_id":1}', "username"),
    "half a character": (b'{"username":"\\ud800","amo_user_id":1}', None),
    "no UTF-8": (b'{"username":"\xff","amo_user_id":1}', None),
    "a long name": (b'{"username":"' + b"a" * 65 + b'","amo_user_id":1}', "username"),
    "an id that is none": (b'{"user_id":7,"amo_user_id":1,"request_id":"x"}', "request_id"),
    "both": (b'{"user_id":7,"username":"a","amo_user_id":1}', "user_id"),
}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("case", BODIES)
async def test_a_body_that_is_not_right_changes_nothing(api, widget_api, case):
    body, field = BODIES[case]
    answer = await api("POST", "/employees", body, headers=JSON)
    error = error_of(answer)
    assert (answer.status_code, error["code"], error.get("field")) == (422, "invalid", field), answer.text
    assert "<b>" not in answer.text
    assert widget_api.account.changes == []


async def test_bodies_and_queries_keep_to_their_limits(api, widget_api):
    for body, headers, status in (
        (b"{" + b" " * 70_000 + b"}", JSON, 413),
        (b'{"notes":false}', {"Content-Type": "text/plain"}, 415),
        (b'{"notes":false}', {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"a" * (1024 * 1024 + 1), JSON, 413),
    ):
        answer = await api("PATCH", "/settings", body, headers=headers)
        assert (answer.status_code, error_of(answer)["code"]) == (status, "invalid")
    for query, field in (
        ("fresh=2", "fresh"),
        ("fresh=-1", "fresh"),
        ("fresh=x", "fresh"),
        ("fresh=", "fresh"),
        ("fresh=1&fresh=1", "fresh"),
        ("other=1", None),
    ):
        answer = await api("GET", f"/pipelines?{query}")
        assert (answer.status_code, error_of(answer).get("field")) == (422, field), query
    assert (await api("GET", f"/people?q={'a' * 101}")).status_code == 422
    assert (await api("GET", "/people?q=%00")).status_code == 422
    assert (await api("GET", "/users?q=1")).status_code == 422
    assert widget_api.account.changes == []


# Failures

FAILURES = {
    "the database": (Transient("x", retry_after_s=7), 503, "unavailable", "7"),
    "amoCRM": (NotSent("x", service="amocrm", operation="o", retry_after_s=9), 502, "amocrm_unavailable", "9"),
    "Telegram": (NotSent("x", service="telegram", operation="o"), 502, "telegram_unavailable", "2"),
    "an unpaid account": (PaymentRequired("x", service="amocrm", operation="o"), 502, "amocrm_unavailable", None),
    "an address": (
        GateClosed("x", kind=TroubleKind.IP_BLOCKED, service="amocrm", operation="o"),
        502,
        "amocrm_unavailable",
        None,
    ),
    "no authorisation": (AccountGone("x"), 409, "reauthorise", None),
    "dead tokens": (Unauthorised("x", service="amocrm", operation="o"), 409, "reauthorise", None),
    "missing rights": (Forbidden("x", service="amocrm", operation="o"), 409, "reauthorise", None),
    "a bot": (BotRefusedError("connected_elsewhere", "Бот занят."), 409, "connected_elsewhere", None),
    "a token": (BotRefusedError("token_malformed", "Токен неверен."), 422, "token_malformed", None),
    "a nursery": (ExceptionGroup("x", [Transient("x", retry_after_s=7)]), 503, "unavailable", "7"),
    "ourselves": (RuntimeError("the secret 123:abc"), 500, "internal", None),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_failures_are_told_in_the_one_shape(api, widget_api, caplog, case):
    error, status, code, wait = FAILURES[case]

    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise error

    widget_api.account.work = fail
    for times, body in enumerate(({}, {"request_id": ID}, {"request_id": ID})):
        answer = await api("POST", "/setup/retry", body)
        told = error_of(answer, repeated=times == 2)
        assert (answer.status_code, told["code"]) == (status, code)
        assert answer.headers.get("retry-after") == wait
        assert ("authorise_url" in told) == (code == "reauthorise")
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "secret" not in answer.text
    is_final = status in (409, 422) and code != "reauthorise"
    assert bool(widget_api.gatekeeper.requests) == is_final, "what may succeed later may be tried again under its id"


async def test_a_call_that_takes_too_long_is_given_up(api, widget_api, monkeypatch):
    monkeypatch.setattr(frame, "ANSWER_S", 0.05)
    widget_api.account.work = trio.sleep_forever
    answer = await api("POST", "/setup/retry", {"request_id": ID})
    assert (answer.status_code, error_of(answer)["code"]) == (503, "unavailable")
    assert widget_api.gatekeeper.requests == {}


async def test_a_client_that_goes_stops_no_change_and_no_reading_outlives_it(api, widget_api, mint_token):
    begun, go, done = trio.Event(), trio.Event(), trio.Event()

    async def work() -> None:
        begun.set()
        try:
            await go.wait()
        finally:
            done.set()

    widget_api.account.work = work
    for method, path in (("GET", "/account"), ("POST", "/setup/retry")):
        begun, go, done = trio.Event(), trio.Event(), trio.Event()
        raw = (
            f"{method} /api/v1{path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {mint_token()}\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
        with trio.fail_after(5):
            async with await api.world.connect() as stream:
                await stream.send_all(raw.encode())
                await begun.wait()
            if method == "POST":
                await trio.testing.wait_all_tasks_blocked(0.05)
                assert not done.is_set()
                go.set()
            await done.wait()
    await trio.testing.wait_all_tasks_blocked(0.02)
    assert widget_api.account.changes == [(1, "setup")]


# Pace


async def test_an_account_that_asks_too_often_is_told_to_wait(
    serve_world, services, widget_api, mint_token, monkeypatch
):
    monkeypatch.setitem(admission.ACCOUNT_PACE, "burst", 5.0)
    monkeypatch.setitem(admission.ACCOUNT_PACE, "rate_per_s", 0.001)
    world = await serve_world(services, widget_api=widget_api)

    async def ask(**claims) -> httpx.Response:
        return await world.client.get("/api/v1/account", headers={"X-Auth-Token": mint_token(**claims)})

    for _ in range(5):
        assert (await ask()).status_code == 200
    answer = await ask()
    assert (answer.status_code, error_of(answer)["code"]) == (429, "too_many")
    assert int(answer.headers["retry-after"]) > 100
    assert (await ask(account_id=2, user_id=21, iss="https://yug.amocrm.ru")).status_code == 200


async def test_a_sender_without_a_good_token_is_paced_too(serve_world, services, widget_api, monkeypatch):
    monkeypatch.setitem(admission.SENDER_PACE, "burst", 5.0)
    monkeypatch.setitem(admission.SENDER_PACE, "rate_per_s", 0.001)
    world = await serve_world(services, widget_api=widget_api, trusted_proxies=1)
    one, other = {"X-Forwarded-For": "8.8.8.8"}, {"X-Forwarded-For": "8.8.4.4"}
    for _ in range(5):
        assert (await world.client.get("/api/v1/account", headers=one)).status_code == 401
    assert (await world.client.get("/api/v1/account", headers=one)).status_code == 429
    assert (await world.client.get("/api/v1/account", headers=other)).status_code == 401


# Repeats


async def test_the_same_request_again_changes_nothing_again(api, widget_api):
    first = await api("POST", "/employees", {"user_id": 7, "amo_user_id": 11, "request_id": ID})
    again = await api("POST", "/employees", {"user_id": 7, "amo_user_id": 11, "request_id": ID})
    assert (first.status_code, first.content) == (again.status_code, again.content)
    assert first.status_code == 201
    for body in ({"user_id": 8, "amo_user_id": 11, "request_id": ID}, {"request_id": ID}):
        path = "/employees" if "user_id" in body else "/setup/retry"
        answer = await api("POST", path, body)
        assert (answer.status_code, error_of(answer)["code"]) == (422, "request_id_reused")
    assert widget_api.account.changes == [(1, "employee", "7")]
    refused = [
        await api("POST", "/employees", {"username": "nobody", "amo_user_id": 11, "request_id": ID[:-1] + "2"})
        for _ in range(2)
    ]
    assert refused[0].content == refused[1].content
    assert (refused[0].status_code, refused[0].json()["error"]["code"]) == (422, "unknown_person")


@pytest.mark.parametrize("seed", range(12))
async def test_however_requests_interleave_each_id_changes_things_once(widget_api, autojump_clock, seed):
    """Many at once with few ids, some of which fail or are cut off on their way."""
    chance = random.Random(seed)
    keeper = widget_api.gatekeeper
    done: dict[str, int] = {}
    answers: dict[str, set] = {}
    refusals: set[str] = set()
    ids = [str(uuid.UUID(int=number, version=4)) for number in range(3)]

    async def wait() -> None:
        await trio.sleep(chance.random())

    keeper.before = wait

    async def call(name: str) -> None:
        await trio.sleep(chance.random() * 3)
        fails, patience_s = chance.random() < 0.3, chance.choice([1.5, 60, 60])

        async def work() -> tuple[int, bytes]:
            await wait()
            if fails:
                raise Transient("not now")
            done[name] = done.get(name, 0) + 1  # from here on it has happened
            return 200, f"{name} {done[name]}".encode()

        with trio.move_on_after(patience_s):
            try:
                found = await repeats.once(keeper, 1, uuid.UUID(name), b"digest", work)
            except Transient:
                return
            except frame.ApiProblem as refusal:
                refusals.add(refusal.code)
                return
            answers.setdefault(name, set()).add(found)

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(call, chance.choice(ids))
    assert refusals <= {"in_progress"}
    assert set(done.values()) <= {1}, done
    assert all(len(found) == 1 for found in answers.values())
    assert all(row[1] is not None for row in keeper.requests.values()), "nobody holds a claim for ever"


def test_the_key_of_a_verifier_is_not_shown(widget_api):
    assert "client-secret" not in repr(widget_api.verifier)
    assert base64.b64encode(b"client-secret").decode() not in repr(widget_api)
