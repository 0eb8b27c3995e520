"""The redirect URI, the button, the progress page and the uninstall hook, with everything that can be wrong in them."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from dealgram.http.account_ports import Progress, StepHealth
from dealgram.http.oauth import PACE
from dealgram.http.ports import HookOutcome
from dealgram.http.seals import Seals
from dealgram.persistence import SecretBox, generate_key
from dealgram.runtime import Transient

CODE = "def50200" + "a1" * 300
GOOD = {"code": CODE, "referer": "sub.amocrm.ru", "platform": "1", "from_widget": "1"}
CLIENT, ACCOUNT = "the-client-id", "12345678"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


def signature(account: str = ACCOUNT, client: str = CLIENT, secret: str = "client-secret") -> str:
    return hmac.new(secret.encode(), f"{client}|{account}".encode(), hashlib.sha256).hexdigest()


async def callback(world, query, **more):
    return await world.client.get("/oauth/callback", params=query, **more)


async def state_of(world) -> str:
    answer = await world.client.get("/oauth/start")
    assert answer.status_code == 302
    query = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert query["client_id"] == [CLIENT]
    (state,) = query["state"]
    return state


async def test_amocrms_own_call_is_committed_and_answered_shortly(world):
    answer = await callback(world, GOOD)
    assert (answer.status_code, answer.content) == (200, b"")
    assert world.accounts.codes == [("https://sub.amocrm.ru", CODE)]
    assert 'dealgram_hooks_accepted_total{hook="install",outcome="accepted"} 1.0' in await world.scrape()


async def test_a_second_call_with_the_same_code_does_no_harm(world):
    world.accounts.outcome = HookOutcome.DUPLICATE
    assert (await callback(world, GOOD)).status_code == 200


async def test_a_browser_with_the_state_is_sent_on_to_a_page_without_the_code(world):
    state = await state_of(world)
    query = {"code": CODE, "referer": "sub.amocrm.ru", "platform": "1", "state": state}
    answer = await callback(world, query, headers=BROWSER)
    assert answer.status_code == 303
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert CODE not in answer.headers["Location"]
    world.accounts.reached = Progress(
        account_name="Кухни & <Ко>",
        steps=(StepHealth(step="users", title="Пользователи", state="pending", detail="<b>", updated_at=None),),
    )
    page = await world.client.get(f"/oauth/{answer.headers['Location']}")
    assert page.status_code == 200
    assert world.accounts.asked["key"] == world.accounts.key_of(CODE)
    assert "Кухни &amp; &lt;Ко&gt;" in page.text
    assert "<b>" not in page.text
    assert 'http-equiv="refresh"' in page.text
    assert "можно закрыть" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("progress", "words", "reloads"),
    [
        (Progress(), "Подключаем аккаунт", True),
        (Progress(failure="amoCRM не принял код"), "amoCRM не принял код", False),
        (
            Progress(
                account_name="А", steps=(StepHealth(step="a", title="A", state="done", detail=None, updated_at=None),)
            ),
            "Всё готово",
            False,
        ),
        (
            Progress(
                account_name="А",
                steps=(StepHealth(step="a", title="A", state="failed", detail="нет", updated_at=None),),
            ),
            "не всё получилось",
            False,
        ),
    ],
)
async def test_the_page_says_how_far_it_is_and_stops_reloading_at_the_end(world, services, progress, words, reloads):
    world.accounts.reached = progress
    note = services.seals.make("oauth progress", "key", life_s=60)
    page = await world.client.get(f"/oauth/progress/{note}")
    assert words in page.text
    assert ('http-equiv="refresh"' in page.text) is reloads


async def test_a_progress_page_is_for_its_own_browser_only(world, services):
    state = services.seals.make("oauth state", "key", life_s=60)
    old = services.seals.make("oauth progress", "key", life_s=-1)
    foreign = Seals(SecretBox([generate_key()]), time.time).make("oauth progress", "key", life_s=60)
    for note in (state, old, foreign, "x", "0" * 64, "12345678.gAAA"):
        assert (await world.client.get(f"/oauth/progress/{note}")).status_code == 404
    assert "key" not in world.accounts.asked


async def test_without_parameters_there_is_a_quick_answer(world):
    answer = await callback(world, {})
    assert answer.status_code == 200
    assert world.accounts.codes == []


async def test_a_refused_consent_changes_nothing(world):
    for query in ({"error": "access_denied"}, {"error": "access_denied", "state": await state_of(world)}):
        answer = await callback(world, query, headers=BROWSER)
        assert answer.status_code == 200
        assert "не разрешён" in answer.text
    assert world.accounts.codes == []


async def test_one_address_may_not_send_codes_without_end_and_holds_up_nobody(serve_world, services):
    world = await serve_world(services, trusted_proxies=1)

    async def send(number: int, address: str, more=None, **headers):
        query = {**GOOD, "code": f"def50200{number:08}", **(more or {})}
        return await callback(world, query, headers={"X-Forwarded-For": f"8.8.8.8, {address}", **headers})

    flood = [await send(number, "93.184.216.34") for number in range(PACE["burst"])]
    assert {answer.status_code for answer in flood} == {200}
    refused = await send(1000, "93.184.216.34")
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "too_many_requests"
    assert 1 <= int(refused.headers["Retry-After"]) <= 3
    page = await send(1000, "93.184.216.34", **BROWSER)
    assert page.status_code == 429
    assert "Подождите минуту" in page.text
    assert page.headers["Retry-After"]
    assert page.headers["Cache-Control"] == "no-store"
    assert len(world.accounts.codes) == PACE["burst"]
    assert 'dealgram_hooks_refused_total{hook="install",reason="too_many"} 2.0' in await world.scrape()

    assert (await send(1001, "93.184.216.35")).status_code == 200
    # An administrator who pressed the button here has a pace of their own, even behind the same address.
    state = await state_of(world)
    assert (await send(1002, "93.184.216.34", {"state": state}, **BROWSER)).status_code == 303


async def test_behind_a_proxy_that_nobody_told_of_only_all_together_are_limited(world):
    answers = [await callback(world, {**GOOD, "code": f"def50200{number:08}"}) for number in range(PACE["burst"] + 20)]
    assert {answer.status_code for answer in answers} == {200}


BAD = {
    "no code": {"referer": "sub.amocrm.ru"},
    "empty code": {**GOOD, "code": ""},
    "short code": {**GOOD, "code": "abc"},
    "oversized code": {**GOOD, "code": "a" * 4097},
    "code with spaces": {**GOOD, "code": "a b" * 10},
    "code of another script": {**GOOD, "code": "код" * 10},
    "no referer": {"code": CODE},
    "foreign referer": {**GOOD, "referer": "sub.amocrm.ru.evil.example"},
    "referer with a path": {**GOOD, "referer": "evil.example/?.amocrm.ru/"},
    "wrong platform": {**GOOD, "platform": "one"},
    "wrong flag": {**GOOD, "from_widget": "<script>"},
    "another client": {**GOOD, "client_id": "somebody-else"},
    "forged state": {**GOOD, "state": "forged"},
    "empty state": {**GOOD, "state": ""},
    "oversized state": {**GOOD, "state": "a" * 3000},
    "code twice": [("code", CODE), ("code", CODE), ("referer", "sub.amocrm.ru")],
    "referer twice": [("code", CODE), ("referer", "sub.amocrm.ru"), ("referer", "evil.example")],
    "denied with a forged state": {"error": "access_denied", "state": "forged"},
}


@pytest.mark.parametrize("query", BAD.values(), ids=BAD.keys())
async def test_bad_parameters_are_refused_and_change_nothing(world, query, caplog):
    with caplog.at_level(logging.DEBUG):
        plain = await callback(world, query)
        page = await callback(world, query, headers=BROWSER)
    assert plain.status_code == page.status_code == 400
    assert plain.json()["error"]["code"] == "bad_request"
    assert "text/html" in page.headers["Content-Type"]
    assert "<script>" not in page.text
    assert world.accounts.codes == []
    assert not any(CODE in record.getMessage() for record in caplog.records if record.name != "httpx")


async def test_an_old_state_and_a_note_of_another_purpose_are_no_states(world, services):
    for state in (
        services.seals.make("oauth state", "x", life_s=-1),
        services.seals.make("oauth progress", "x", life_s=60),
        Seals(SecretBox([generate_key()]), time.time).make("oauth state", "x", life_s=60),
    ):
        answer = await callback(world, {**GOOD, "state": state}, headers=BROWSER)
        assert answer.status_code == 400
        assert "устарела" in answer.text
    assert world.accounts.codes == []


async def test_without_the_database_nothing_is_accepted(world):
    async def fail() -> None:
        raise Transient("no connection")

    world.accounts.commit = fail
    assert (await callback(world, GOOD)).status_code == 503
    assert (await callback(world, GOOD, headers=BROWSER)).status_code == 503
    assert world.accounts.codes == []


async def test_without_an_integration_there_is_nothing_to_connect(serve_world, services):
    accounts = replace(services.accounts, client_id=None)
    world = await serve_world(services, accounts=accounts)
    assert (await world.client.get("/oauth/start")).status_code == 503
    assert (await callback(world, GOOD)).status_code == 503


@pytest.mark.parametrize("name", ["client_uuid", "client_id"])
async def test_a_signed_removal_is_taken_note_of(world, name):
    query = {"account_id": ACCOUNT, name: CLIENT, "signature": signature()}
    answer = await world.client.get("/oauth/uninstalled", params=query)
    assert (answer.status_code, answer.content) == (200, b"")
    assert world.accounts.removals == [int(ACCOUNT)]


REMOVALS = {
    "nothing": ({}, 400),
    "no signature": ({"account_id": ACCOUNT, "client_uuid": CLIENT}, 400),
    "short signature": ({"account_id": ACCOUNT, "client_uuid": CLIENT, "signature": "ab"}, 400),
    "no client": ({"account_id": ACCOUNT, "signature": signature()}, 400),
    "account is a word": ({"account_id": "all", "client_uuid": CLIENT, "signature": signature("all")}, 400),
    "account is negative": ({"account_id": "-1", "client_uuid": CLIENT, "signature": signature("-1")}, 400),
    "account is huge": ({"account_id": "9" * 40, "client_uuid": CLIENT, "signature": signature("9" * 40)}, 400),
    "of another account": ({"account_id": "87654321", "client_uuid": CLIENT, "signature": signature()}, 401),
    "of another client": ({"account_id": ACCOUNT, "client_uuid": "other", "signature": signature(client="other")}, 401),
    "with another secret": ({"account_id": ACCOUNT, "client_uuid": CLIENT, "signature": signature(secret="x")}, 401),
    "forged": ({"account_id": ACCOUNT, "client_uuid": CLIENT, "signature": "0" * 64}, 401),
    "account twice": (
        [("account_id", ACCOUNT), ("account_id", "1"), ("client_uuid", CLIENT), ("signature", signature())],
        400,
    ),
}


@pytest.mark.parametrize(("query", "status"), REMOVALS.values(), ids=REMOVALS.keys())
async def test_a_removal_that_amocrm_did_not_sign_changes_nothing(world, query, status):
    answer = await world.client.get("/oauth/uninstalled", params=query)
    assert answer.status_code == status
    assert world.accounts.removals == []


@pytest.mark.parametrize("path", ["/oauth/callback", "/oauth/start", "/oauth/uninstalled"])
async def test_other_methods_are_refused(world, path):
    assert (await world.client.post(path, data=GOOD)).status_code == 405
