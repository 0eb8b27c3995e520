"""/widget_controller/informer over fakes: who may register, at which pace, and who may read the answer."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import jwt
import pytest
import trio

from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.http.api.ports import WidgetApi
from dealgram.http.api.tokens import Verifier
from dealgram.http.ports import HookOutcome
from dealgram.http.seller_ports import NewRegistration, Registrant
from dealgram.runtime import Transient

CLIENT = "5a9db0c5-0000-4000-8000-00000000c11e"
SECRET = "the secret of the integration, long enough"
ORIGIN = "https://sub.amocrm.ru"
NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
URL = "/widget_controller/informer"
FORM = {
    "userName": "Анна Ким",
    "userPhone": "+7 999 123-45-67",
    "account": 7,
    "accountSubdomain": "sub",
    "widgetName": "dealgram",
    "termsOfUse": True,
    "widgetStatus": "Y",
    "client_uuid": CLIENT,
    "enumId": 1307,
}


async def _at_once() -> None:
    await trio.lowlevel.checkpoint()


@dataclass
class FakeRegistrations:
    client_uuid: str | None = CLIENT
    taken: list[tuple[Registrant, NewRegistration]] = field(default_factory=list)
    commit: Callable[[], Awaitable[None]] = _at_once
    outcome: HookOutcome = HookOutcome.ACCEPTED

    async def register(self, who: Registrant, said: NewRegistration) -> HookOutcome:
        await self.commit()
        self.taken.append((who, said))
        return self.outcome


@dataclass
class FakeKeeper:
    used: set[str] = field(default_factory=set)

    async def use_token(self, account_id: int, jti: str, expires_at: dt.datetime) -> bool:
        await trio.lowlevel.checkpoint()
        is_new = jti not in self.used
        self.used.add(jti)
        return is_new


@pytest.fixture
def registrations():
    return FakeRegistrations()


@pytest.fixture
async def informer(serve_world, services, registrations):
    api = WidgetApi(
        gatekeeper=FakeKeeper(),
        account=None,
        bots=None,
        verifier=Verifier(
            client_id=CLIENT,
            secret=SECRET,
            audience=frozenset({"https://us.example"}),
            hosts=AmoHosts(("amocrm.ru",)),
        ),
        hosts=AmoHosts(("amocrm.ru",)),
        now=lambda: NOW,
    )
    return await serve_world(
        services, widget_api=api, registrations=registrations, trusted_proxies=1, commit_deadline_s=0.2
    )


def token(jti: str = "one", *, iss: str = ORIGIN, key: str = SECRET, account: int = 7, **more) -> dict[str, str]:
    at_s = int(NOW.timestamp())
    said = {
        "iss": iss,
        "aud": "https://us.example",
        "jti": jti,
        "iat": at_s,
        "nbf": at_s,
        "exp": at_s + 1800,
        "account_id": account,
        "user_id": 3,
        "subdomain": "sub",
        "client_uuid": CLIENT,
    }
    return {"X-Auth-Token": jwt.encode(said | more, key, algorithm="HS256"), "Origin": iss}


def stranger(origin: str = ORIGIN, address: str = "93.184.216.34") -> dict[str, str]:
    return {"Origin": origin, "X-Forwarded-For": address}


def error_of(answer) -> dict[str, str]:
    error = answer.json()["error"]
    assert re.search(r"[а-я]", error["message"])
    assert error["request_id"] == answer.headers["x-request-id"]
    return error


async def test_with_a_token_the_account_is_the_tokens(informer, registrations):
    answer = await informer.client.post(URL, json=FORM | {"account": 8, "accountSubdomain": "other"}, headers=token())
    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["cache-control"] == "no-store"
    ((who, said),) = registrations.taken
    assert who == Registrant(host=ORIGIN, subdomain="sub", account_id=7)
    assert (said.name, said.phone) == ("Анна Ким", "79991234567")


async def test_without_one_the_page_says_where_it_comes_from_and_nothing_is_proved(informer, registrations):
    answer = await informer.client.post(URL, json=FORM, headers=stranger())
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    ((who, said),) = registrations.taken
    assert who == Registrant(host=ORIGIN, subdomain="sub", account_id=None)
    assert said.account == 7


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 403, "foreign_origin"),
        ({"Origin": "https://evil.example"}, 403, "foreign_origin"),
        ({"Origin": "https://amocrm.ru.evil.example"}, 403, "foreign_origin"),
        ({"Origin": "http://sub.amocrm.ru"}, 403, "foreign_origin"),
        ({"Origin": "null"}, 403, "foreign_origin"),
        ({"Origin": "https://other.amocrm.ru"}, 403, "foreign_origin"),
        ({**token(), "Origin": "https://other.amocrm.ru"}, 403, "foreign_origin"),
        ({**token(key="x" * 32)}, 401, "token_invalid"),
        ({**token(exp=int(NOW.timestamp()) - 3600)}, 401, "token_expired"),
        ({**token(client_uuid="another")}, 401, "token_invalid"),
        ({"Origin": ORIGIN, "X-Auth-Token": ""}, 401, "token_missing"),
    ],
)
async def test_who_is_not_let_in(informer, registrations, headers, status, code):
    answer = await informer.client.post(URL, json=FORM, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (status, code)
    assert registrations.taken == []
    if "amocrm.ru" not in headers.get("Origin", "").removesuffix(".evil.example"):
        assert "access-control-allow-origin" not in answer.headers


async def test_a_token_is_good_for_one_registration(informer, registrations):
    assert (await informer.client.post(URL, json=FORM, headers=token())).status_code == 200
    again = await informer.client.post(URL, json=FORM, headers=token())
    assert (again.status_code, error_of(again)["code"]) == (401, "token_used")
    assert len(registrations.taken) == 1


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"userName": " "}, "userName"),
        ({"userPhone": "123"}, "userPhone"),
        ({"termsOfUse": False}, "termsOfUse"),
        ({"widgetStatus": "S"}, "widgetStatus"),
        ({"client_uuid": "5a9db0c5-0000-4000-8000-000000000000"}, "client_uuid"),
        ({"account": None}, "account"),
        ({"accountSubdomain": None}, "accountSubdomain"),
    ],
)
async def test_what_is_wrong_with_the_form_is_said(informer, registrations, change, name):
    answer = await informer.client.post(URL, json=FORM | change, headers=stranger())
    error = error_of(answer)
    assert (answer.status_code, error["code"], error["field"]) == (422, "invalid", name)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert registrations.taken == []


async def test_bodies_are_limited_and_json(informer, registrations):
    large = await informer.client.post(URL, json=FORM | {"more": "x" * 20_000}, headers=token("a"))
    assert (large.status_code, error_of(large)["code"]) == (413, "invalid")
    form = await informer.client.post(URL, data={"userName": "Анна"}, headers=token("b"))
    assert form.status_code == 415
    assert registrations.taken == []


async def test_strangers_are_paced_by_address_and_by_account_and_others_are_not(informer, registrations):
    answers = [
        await informer.client.post(
            URL,
            json=FORM | {"accountSubdomain": f"sub{number}"},
            headers=stranger(f"https://sub{number}.amocrm.ru"),
        )
        for number in range(11)
    ]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert error_of(answers[-1])["code"] == "too_many"
    assert int(answers[-1].headers["retry-after"]) >= 1
    # From elsewhere, but always the same account:
    answers = [
        await informer.client.post(URL, json=FORM, headers=stranger(address=f"93.184.217.{number}"))
        for number in range(6)
    ]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    # Whoever proves who they are does not wait for them.
    proved = await informer.client.post(URL, json=FORM, headers=token() | {"X-Forwarded-For": "93.184.216.34"})
    assert proved.status_code == 200
    assert len(registrations.taken) == 16


async def test_an_account_is_paced_too(informer, registrations):
    answers = [await informer.client.post(URL, json=FORM, headers=token(str(number))) for number in range(21)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [429]


async def test_a_browser_may_ask_from_amocrms_pages_only(informer):
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-auth-token,content-type"}
    answer = await informer.client.options(URL, headers=asked | {"Origin": ORIGIN})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["access-control-allow-headers"] == "X-Auth-Token, Content-Type"
    assert "Origin" in answer.headers["vary"]
    foreign = await informer.client.options(URL, headers=asked | {"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in foreign.headers
    assert "access-control-allow-methods" not in foreign.headers


async def test_it_is_answered_when_it_is_committed_and_not_before(informer, registrations):
    async def never() -> None:
        await trio.sleep_forever()

    async def broken() -> None:
        await trio.lowlevel.checkpoint()
        raise Transient("no database")

    for commit, jti in ((never, "a"), (broken, "b")):
        registrations.commit = commit
        answer = await informer.client.post(URL, json=FORM, headers=token(jti))
        assert (answer.status_code, error_of(answer)["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
    registrations.commit = _at_once
    assert (await informer.client.post(URL, json=FORM, headers=token("c"))).status_code == 200


async def test_a_sender_that_hangs_up_does_not_undo_it(informer, registrations):
    committing, go_on, done = trio.Event(), trio.Event(), trio.Event()

    async def slowly() -> None:
        committing.set()
        await go_on.wait()
        done.set()

    registrations.commit = slowly
    request = informer.client.build_request("POST", URL, json=FORM, headers=token())
    raw = b"POST %s HTTP/1.1\r\n" % URL.encode()
    raw += b"".join(b"%s: %s\r\n" % (name, value) for name, value in request.headers.raw)
    with trio.fail_after(5):
        stream = await informer.connect()
        await stream.send_all(raw + b"\r\n" + request.content)
        await committing.wait()
        await stream.aclose()
        go_on.set()
        await done.wait()
        while not registrations.taken:  # noqa: ASYNC110 - the last step of a request that nobody waits for
            await trio.sleep(0.001)


async def test_a_mistake_of_ours_has_the_same_shape_and_tells_nothing(informer, registrations, caplog):
    async def wrong() -> None:
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    registrations.commit = wrong
    answer = await informer.client.post(URL, json=FORM, headers=token())
    assert (answer.status_code, error_of(answer)["code"]) == (500, "internal")
    assert "ZeroDivision" in caplog.text


async def test_names_and_phones_are_in_no_log_and_no_figure(informer, caplog):
    caplog.set_level(logging.DEBUG)
    for headers in (token("a"), token("a"), stranger(), stranger("https://evil.example"), {}):
        await informer.client.post(URL, json=FORM, headers=headers)
    await informer.client.post(URL, json=FORM | {"userPhone": "999123456"}, headers=token("b"))
    figures = (await informer.client.get("/metrics")).text
    for word in ("Анна", "Ким", "9991234567", "999123456", "999 123", "eyJ"):
        assert word not in caplog.text, word
        assert word not in figures, word
    assert 'dealgram_hooks_accepted_total{hook="informer",outcome="accepted"} 2.0' in figures


async def test_without_an_integration_or_a_port_there_is_no_such_address(world):
    assert (await world.client.post(URL, json=FORM)).status_code == 404
