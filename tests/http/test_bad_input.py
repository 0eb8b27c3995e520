"""Every route with everything that can be wrong with a request: a clear refusal, and nothing changed.

The table names every route of the application; a new one without a row fails. Requests go over raw sockets, since a
client library refuses to send most of what strangers do send.
"""

from __future__ import annotations

import json
import logging
import random
import re
import string
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from urllib.parse import quote_from_bytes

import h11
import pytest
import trio

from dealgram.actors.files.media_files import MediaRefusedError
from dealgram.actors.files.media_links import BadLinkError, MediaLink, MediaLinks
from dealgram.gateways.amo_hosts import AmoHosts, ForeignHostError
from dealgram.http import hooks
from dealgram.http.app import create_app

DEADLINE_S = 5.0
BOT_SECRET = "the-secret-token"
HOOK_KEY, BOT_KEY = "key-of-account-1", "key-of-bot-700"
CODE = "def50200" + "a1" * 100
FORM = (b"Content-Type", b"application/x-www-form-urlencoded")
JSON = (b"Content-Type", b"application/json")
LINKS = MediaLinks.of(["a key of the service"], lambda: "https://us.example")
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row: where it is, what it accepts, and a body that only lacks what proves its sender."""

    methods: frozenset[str]
    target: str
    value: str | None = None  # what stands for the rule's variable in `target`
    body: bytes = b""
    headers: Headers = ()
    unproven: int = 401  # the answer to `body` without its proof
    is_operators: bool = False
    is_shut: bool = False  # who proves nothing is refused before a body is looked at

    def with_value(self, value: str) -> str:
        assert self.value is not None
        return self.target.replace(self.value, value, 1)


GET = frozenset({"GET", "HEAD", "OPTIONS"})
POST = frozenset({"POST", "OPTIONS"})


def of_the_api(methods: str, target: str, value: str | None = None) -> Route:
    """A row of the widget's API: without a token nothing is looked at, least of all the body."""
    named = set(methods.split()) | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return Route(
        methods=frozenset(named),
        target=f"/api/v1{target}",
        value=value,
        body=b'{"token":"the message text"}' if "POST" in named else b"",
        headers=(JSON,),
        unproven=401 if {"GET", "POST"} & named else 405,
    )


ROUTES = {
    "/api/v1/account": of_the_api("GET", "/account"),
    "/api/v1/settings": of_the_api("PATCH", "/settings"),
    "/api/v1/setup/retry": of_the_api("POST", "/setup/retry"),
    "/api/v1/pipelines": of_the_api("GET", "/pipelines"),
    "/api/v1/users": of_the_api("GET", "/users"),
    "/api/v1/people": of_the_api("GET", "/people"),
    "/api/v1/employees": of_the_api("GET POST", "/employees"),
    "/api/v1/employees/<id:user_id>": of_the_api("DELETE", "/employees/4242", "4242"),
    "/api/v1/changes": of_the_api("GET", "/changes"),
    "/api/v1/bots": of_the_api("GET POST", "/bots"),
    "/api/v1/bots/check": of_the_api("POST", "/bots/check"),
    "/api/v1/bots/<id:bot_id>": of_the_api("PATCH DELETE", "/bots/4242", "4242"),
    "/api/v1/bots/<id:bot_id>/check": of_the_api("POST", "/bots/4242/check", "4242"),
    "/api/v1/bots/<id:bot_id>/take-back": of_the_api("POST", "/bots/4242/take-back", "4242"),
    "/api/v1/bots/<id:bot_id>/groups": of_the_api("GET", "/bots/4242/groups", "4242"),
    "/api/v1/groups": of_the_api("GET", "/groups"),
    "/api/v1/groups/<id:group_id>/deals": of_the_api("POST", "/groups/4242/deals", "4242"),
    "/api/v1/groups/<id:group_id>/deals/<id:deal_id>": of_the_api("DELETE", "/groups/4242/deals/1", "4242"),
    "/api/v1/openapi.json": Route(methods=frozenset({"GET", "HEAD"}), target="/api/v1/openapi.json"),
    "/telegram/<key>": Route(
        methods=POST,
        target=f"/telegram/{BOT_KEY}",
        value=BOT_KEY,
        body=b'{"update_id":1,"message":{"text":"the message text"}}',
        headers=(JSON,),
    ),
    "/amojo/<scope_id>": Route(
        methods=POST,
        target="/amojo/channel_account",
        value="channel_account",
        body=b'{"account_id":"a","message":{"message":{"id":"1","text":"the message text"}}}',
        headers=(JSON,),
    ),
    "/amocrm/hooks/<key>": Route(
        methods=POST,
        target=f"/amocrm/hooks/{HOOK_KEY}",
        value=HOOK_KEY,
        body=b'{"leads":"the message text"}',
        headers=(JSON,),
        unproven=415,
    ),
    "/amocrm/hooks/<key>/": Route(
        methods=POST,
        target=f"/amocrm/hooks/{HOOK_KEY}/",
        value=HOOK_KEY,
        body=b'{"leads":"the message text"}',
        headers=(JSON,),
        unproven=415,
    ),
    "/media/<name>": Route(methods=frozenset({"GET", "HEAD"}), target="/media/signed", value="signed"),
    "/oauth/start": Route(methods=GET, target="/oauth/start"),
    "/oauth/callback": Route(methods=GET, target="/oauth/callback"),
    "/oauth/progress/<note>": Route(methods=GET, target="/oauth/progress/note", value="note"),
    "/oauth/uninstalled": Route(methods=GET, target="/oauth/uninstalled"),
    "/widget_controller/informer": Route(
        methods=POST,
        target="/widget_controller/informer",
        body=b'{"userName":"the message text","userPhone":"79991234567","widgetStatus":"Y"}',
        headers=(JSON,),
        unproven=403,
        is_shut=True,
    ),
    "/billing/v1/accounts/<account_id>/subscription": Route(
        methods=frozenset({"GET", "HEAD", "POST"}),
        target="/billing/v1/accounts/30528166/subscription",
        value="30528166",
        body=b'{"extend_days":30,"request_id":"0b9b1c2e-9c1c-4c1e-8d57-4d1c1c6a7f10"}',
        headers=(JSON,),
        is_shut=True,
    ),
    "/health/live": Route(methods=GET, target="/health/live"),
    "/health/ready": Route(methods=GET, target="/health/ready"),
    "/health/actors": Route(methods=GET, target="/health/actors", is_operators=True),
    "/health/accounts": Route(methods=GET, target="/health/accounts", is_operators=True),
    "/metrics": Route(methods=GET, target="/metrics", is_operators=True),
}
HOOK_ROUTES = [rule for rule, route in ROUTES.items() if "POST" in route.methods and not rule.startswith("/api/")]
VALUED = [rule for rule, route in ROUTES.items() if route.value is not None]

SECRETS = (
    BOT_SECRET,
    BOT_KEY,
    HOOK_KEY,
    CODE,
    "the-operators-token",
    "the-token-of-the-billing",
    "the message text",
    "client-secret",
)


@dataclass
class NoMedia:
    """Opens nothing, as the real one does for names that we did not sign."""

    async def find(self, name: str):
        await trio.lowlevel.checkpoint()
        try:
            LINKS.verify(name, time.time())
        except BadLinkError as error:
            raise MediaRefusedError(error.reason) from None
        raise AssertionError("a bad link was opened")


class Untouched:
    """A port that no bad request may reach."""

    def __getattr__(self, name: str):
        raise AssertionError(f"{name} was reached")


SELLERS = {"registrations": Untouched(), "billing": Untouched(), "billing_token": "the-token-of-the-billing"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    informational: list[int] = field(default_factory=list)


@pytest.fixture
async def world(serve_world, services, widget_api):
    services = replace(services, media=NoMedia(), ops_token="the-operators-token", widget_api=widget_api, **SELLERS)
    return await serve_world(services)


async def exchange(world, raw: bytes, method: str = "GET", *, close: bool = False) -> Answer:
    """Send bytes and read one answer; `close` ends our side afterwards."""
    reader = h11.Connection(h11.CLIENT)
    # h11 wants to know what was asked for, or it would not know whether the answer has a body.
    reader.send(h11.Request(method="HEAD" if method == "HEAD" else "GET", target="/", headers=[("Host", "x")]))
    reader.send(h11.EndOfMessage())
    answer, body, early = None, b"", []
    with trio.fail_after(DEADLINE_S):
        async with await world.connect() as stream:
            try:
                await stream.send_all(raw)
                if close:
                    await stream.send_eof()
            except trio.BrokenResourceError:
                pass  # it was refused before it was whole; the answer is there to be read
            while True:
                event = reader.next_event()
                if event is h11.NEED_DATA:
                    reader.receive_data(await stream.receive_some(65536))
                elif isinstance(event, h11.InformationalResponse):
                    early.append(event.status_code)
                elif isinstance(event, h11.Response):
                    answer = event
                elif isinstance(event, h11.Data):
                    body += bytes(event.data)
                else:
                    break
    assert answer is not None
    named = {name.decode(): value.decode() for name, value in answer.headers}
    assert len(named) == len(list(answer.headers)), "a header came twice"
    return Answer(status=answer.status_code, headers=named, body=body, informational=early)


def written(method: str, target: str, headers: Headers = (), body: bytes = b"", *, sized: bool = True) -> bytes:
    lines = [b"%s %s HTTP/1.1" % (method.encode("latin-1"), target.encode("latin-1")), b"Host: us.example"]
    lines += [name + b": " + value for name, value in headers]
    if sized and (body or method == "POST"):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"Connection: close"]) + b"\r\n\r\n" + body


async def ask(world, method: str, target: str, headers: Headers = (), body: bytes = b"", **more) -> Answer:
    return await exchange(world, written(method, target, headers, body), method, **more)


def check_shape(answer: Answer, *sent: str) -> None:
    """The answer is one of ours: dressed, and silent about the inside and about the request."""
    text = answer.body.decode()
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff", answer
    assert "server" not in headers
    assert not [name for name in headers if name.startswith("x-injected")]
    assert "Traceback" not in text
    assert 'File "' not in text
    for word in (*SECRETS, *sent):
        assert word not in text + str(headers), word


def check_refused(answer: Answer, *sent: str) -> None:
    """A clear refusal: JSON for programs, or the Russian page for people."""
    assert 400 <= answer.status < 500, answer
    check_shape(answer, *sent)
    if not answer.body:  # HEAD
        return
    if headers_type(answer) == "text/html":
        text = answer.body.decode()
        assert '<html lang="ru">' in text
        assert re.search(r"<h1>[А-Я][^<]+</h1><p>[^<]+\.</p>", text)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
    else:
        error = json.loads(answer.body)["error"]
        assert set(error) - {"request_id", "field"} == {"code", "message"}
        assert error["message"].endswith(".")
    assert answer.headers["cache-control"] == "no-store"


def headers_type(answer: Answer) -> str:
    return answer.headers["content-type"].partition(";")[0]


def check_unchanged(world) -> None:
    assert world.intake.committed == []
    assert world.intake.commits_begun == 0
    assert world.accounts.codes == []
    assert world.accounts.removals == []


async def check_alive(world) -> None:
    assert (await ask(world, "GET", "/health/live")).status == 200


@pytest.fixture(autouse=True)
async def _nothing_is_changed_and_nothing_is_told(caplog, world, widget_api):
    """After every test: nothing was committed, and neither log nor figures hold a secret or a defect."""
    caplog.set_level(logging.DEBUG)
    yield
    check_unchanged(world)
    assert widget_api.account.changes == []
    assert widget_api.bots.changes == []
    assert widget_api.gatekeeper.tokens == set()
    logged = "\n".join(
        f"{record.levelname} {record.name} {record.getMessage()} {record.exc_text or ''}" for record in caplog.records
    )
    assert "ERROR" not in logged
    token = ((b"Authorization", b"Bearer the-operators-token"),)
    figures = (await ask(world, "GET", "/metrics", token)).body.decode()
    assert "dealgram_http_requests_total" in figures
    for word in SECRETS:
        assert word not in logged, word
        assert word not in figures, word


# Routes


async def test_every_route_has_its_row(services, widget_api):
    await trio.lowlevel.checkpoint()
    app = create_app(replace(services, media=NoMedia(), widget_api=widget_api, **SELLERS))
    found: dict[str, frozenset[str]] = {}
    for rule in app.url_map.iter_rules():
        found[rule.rule] = found.get(rule.rule, frozenset()) | frozenset(rule.methods or ())
    assert found == {rule: route.methods for rule, route in ROUTES.items()}
    assert not any(rule.websocket for rule in app.url_map.iter_rules())


@pytest.mark.parametrize("rule", ROUTES)
async def test_another_method_is_refused(world, rule):
    route = ROUTES[rule]
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND", "get", "BREW"):
        answer = await ask(world, method, f"{route.target}?code={CODE}", route.headers, route.body)
        if method == "OPTIONS" and "OPTIONS" in route.methods:
            assert answer.status == (204 if "/api/" in rule or "informer" in rule else 200)
            assert set(answer.headers["allow"].split(", ")) == route.methods
            assert answer.body == b""
            check_shape(answer)
        elif method.upper() not in route.methods:
            assert answer.status == 405, method
            check_refused(answer)
            assert set(answer.headers["allow"].split(", ")) == route.methods


async def test_a_mere_look_uses_up_no_code_and_removes_nothing(world, services):
    query = f"code={CODE}&referer=sub.amocrm.ru&state={services.seals.make('oauth state', 'x', life_s=60)}"
    for target in (f"/oauth/callback?{query}", "/oauth/uninstalled?account_id=1"):
        answer = await ask(world, "HEAD", target, ((b"Accept", b"text/html"),))
        assert answer.status == 405
        assert answer.headers["allow"] == "GET"
    assert (await ask(world, "HEAD", "/oauth/callback")).status == 200  # whether anybody answers here


# What stands in a path

VALUES = {
    "nothing": "",
    "NUL": "%00",
    "NUL inside": "a%00b",
    "no UTF-8": "%ff%fe",
    "half a character": "%d0",
    "a surrogate": "%ed%a0%80",
    "another script": "%D0%BA%D0%BB%D1%8E%D1%87",
    "a full-width digit": "%EF%BC%91",
    "broken escapes": "%zz%1%",
    "an escaped slash": "a%2fb",
    "up": "..",
    "up, escaped": "%2e%2e",
    "up and away": "..%2f..%2f..%2fetc%2fpasswd",
    "up and away, twice escaped": "..%252f..%252fetc%252fpasswd",
    "a backslash": "..%5c..%5cwindows",
    "a header": "%0d%0aX-Injected:%201",
    "a tag": "%3Cscript%3Ealert(1)%3C/script%3E",
    "a statement": "'%20OR%20'1'='1",
    "a template": "%7B%7B7*7%7D%7D",
    "a format": "%25s%25n{0.__class__}",
    "a space": "%20",
    "a colon": ":",
    "a semicolon": ";jsessionid=1",
    "just too long": "a" * 129,
    "very long": "a" * 8000,
    "a guess": "key-of-bot-7000",
    "in other letters": "KEY-OF-BOT-700",
}


@pytest.mark.parametrize("rule", VALUED)
async def test_a_value_in_the_path_that_is_none_of_ours_is_not_found(world, rule):
    route = ROUTES[rule]
    method = "POST" if "POST" in route.methods else "GET"
    for name, value in VALUES.items():
        answer = await ask(world, method, route.with_value(value), route.headers, route.body)
        # Who signs nothing, or has no token, is not told what there is.
        assert answer.status in (
            (401, 404, 405) if "amojo" in rule or "/api/" in rule or route.is_shut else (404, 405)
        ), (name, answer)
        check_refused(answer, "passwd", "<script>", "windows")


@pytest.mark.parametrize("rule", VALUED)
async def test_a_path_that_only_resembles_one_is_not_redirected(world, rule):
    route = ROUTES[rule]
    method = "POST" if "POST" in route.methods else "GET"
    doubled = route.target.replace("/", "//")
    for target in (doubled, f"/{route.target}", f"{route.target}//", f"/x/..{route.target}", f"{route.target}/x"):
        answer = await ask(world, method, target, route.headers, route.body)
        # Slashes at the beginning count as one, and CRM hooks may end in any; nothing is taken in without its proof.
        tolerated = target.startswith("//") or "/amocrm/hooks/" in target
        assert answer.status in (404, route.unproven if tolerated else 404), (target, answer)
        assert "location" not in answer.headers
        check_refused(answer)


async def test_media_links_that_nobody_signed_open_nothing(world):
    link = MediaLink(account_id=1, bot_id=700, file_id="file", file_name="a.jpg")
    good = LINKS.sign(link)
    foreign = MediaLinks.of(["another key"], lambda: None).sign(link)
    expired = LINKS.sign(MediaLink(account_id=1, bot_id=700, file_id="file", expires_at=1))
    changed = good[:40] + ("A" if good[40] != "A" else "B") + good[41:]
    unsigned, none_of_ours = {403}, {403, 404}
    cases = {
        foreign: unsigned,
        expired: {410},
        changed: unsigned,
        good[:-4]: none_of_ours,
        good[:-1]: none_of_ours,
        good + "A": none_of_ours,
        good + "=": {404},
        good.swapcase(): none_of_ours,
        "AQ": {404},
        "A" * 2048: {404},
        "A" * 2049: {404},
    }
    for name, expected in cases.items():
        for method in ("GET", "HEAD"):
            answer = await ask(world, method, f"/media/{name}", ((b"Range", b"bytes=--1"),))
            assert answer.status in expected, name
            check_refused(answer, name)


# What stands in a query

QUERIES = [
    "%ff=%fe",
    "%00",
    "&" * 3000,
    "a=1&" * 2000,
    "a[" * 1000,
    "a[b][c][]=1",
    "=",
    "a" * 10_000,
    "a=%0d%0aX-Injected:%201",
    "code=%3Cscript%3E",
    "__proto__[x]=1",
    "%F0%9F%98%80=%ED%A0%80",
    ";".join("ab"),
]


@pytest.mark.parametrize("rule", ROUTES)
async def test_a_strange_query_does_no_harm(world, rule):
    route = ROUTES[rule]
    method = "POST" if "POST" in route.methods else "GET"
    token = ((b"Authorization", b"Bearer the-operators-token"),) if route.is_operators else ()
    for query in QUERIES:
        answer = await ask(world, method, f"{route.target}?{query}", (*route.headers, *token), route.body)
        assert answer.status < 500, query
        check_shape(answer, "<script>")
        if answer.status >= 400:
            check_refused(answer)


GOOD_REDIRECT = {"code": CODE, "referer": "sub.amocrm.ru", "platform": "1", "from_widget": "1"}
BAD_VALUES = ("", "%20", "%00", "%ff", "%0d%0aX-Injected:1", "..", "%3Cb%3E", "%D0%BA%D0%BE%D0%B4", "a" * 5000, "-1")


@pytest.mark.parametrize("name", GOOD_REDIRECT)
async def test_each_parameter_of_the_redirect_is_checked(world, name):
    others = "&".join(f"{key}={value}" for key, value in GOOD_REDIRECT.items() if key != name)
    given = [f"{name}={value}" for value in BAD_VALUES if (name, value) != ("from_widget", "")]
    given += [f"{name}={GOOD_REDIRECT[name]}&{name}={GOOD_REDIRECT[name]}", f"{name}[]={GOOD_REDIRECT[name]}"]
    if name in ("code", "referer"):
        given.append("")
    else:
        given.pop()  # an unknown parameter beside good ones is amoCRM's own affair
    for parameter in given:
        for accept in (b"*/*", b"text/html"):
            answer = await ask(world, "GET", f"/oauth/callback?{others}&{parameter}", ((b"Accept", accept),))
            assert answer.status == 400, parameter
            assert headers_type(answer) == ("text/html" if accept == b"text/html" else "application/json")
            check_refused(answer, "<b>", "sub.amocrm.ru")


REFERERS = [
    "evil.example",
    "amocrm.ru.evil.example",
    "evil.example/.amocrm.ru",
    "evil.example%2f.amocrm.ru",
    "evil.example%23.amocrm.ru",
    "evil.example%3f.amocrm.ru",
    "evil.example%5c.amocrm.ru",
    "evil.example%00.amocrm.ru",
    "evil.example%0d%0a.amocrm.ru",
    "evil.example%20.amocrm.ru",
    "evil.example@sub.amocrm.ru",
    "sub.amocrm.ru@evil.example",
    "sub.amocrm.ru:pass@evil.example",
    "https://sub.amocrm.ru",
    "//sub.amocrm.ru",
    "sub.amocrm.ru:443",
    "sub.amocrm.ru:22",
    "sub.amocrm.ru.",
    ".amocrm.ru",
    "..amocrm.ru",
    "sub..amocrm.ru",
    "-.amocrm.ru",
    "*.amocrm.ru",
    "notamocrm.ru",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "::1",
    "127.0.0.1",
    "localhost",
    "2130706433",
    "0x7f.1",
    "169.254.169.254",
    "sub.amocrm.ru%E3%80%82evil.example",
    "%EF%BD%81mocrm.ru",
    "sub.amocrm%E2%80%8B.ru",
    "a" * 250 + ".amocrm.ru",
    "a" * 64 + ".amocrm.ru",
    "a." * 200 + "amocrm.ru",
]


async def test_only_hosts_of_amocrms_are_believed(serve_world, services):
    """With the real rule in the place of the fake one."""
    hosts = AmoHosts(("amocrm.ru", "kommo.com"))

    def base_url(referer: str) -> str | None:
        try:
            return hosts.base_url(referer)
        except ForeignHostError:
            return None

    services.accounts.base_url = base_url
    world = await serve_world(services)
    for referer in REFERERS:
        answer = await ask(world, "GET", f"/oauth/callback?code={CODE}&referer={referer}")
        assert answer.status == 400, referer
        check_refused(answer, "evil", "169.254")
    check_unchanged(world)


async def test_a_state_that_is_forged_old_or_of_another_purpose_begins_nothing(world, services):
    make = services.seals.make
    good = make("oauth state", "x", life_s=60)
    states = [
        "",
        "x",
        good[:-1],
        good + "A",
        good.swapcase(),
        good.replace(".", ":"),
        good[:20] + ("B" if good[20] == "A" else "A") + good[21:],
        make("oauth state", "x", life_s=0),
        make("oauth progress", "x", life_s=60),
        "00000000.gAAAAA",
        "a" * 4000,
    ]
    for state in states:
        for rest in (f"code={CODE}&referer=sub.amocrm.ru", "error=access_denied"):
            answer = await ask(world, "GET", f"/oauth/callback?{rest}&state={state}", ((b"Accept", b"text/html"),))
            assert answer.status == 400, state
            check_refused(answer, *([state] if len(state) > 5 else []))


async def test_a_removal_without_amocrms_signature_is_refused(world):
    signature = "ab" * 32
    good = {"account_id": "1", "client_uuid": "the-client-id", "signature": signature}
    for name, right in good.items():
        others = "&".join(f"{key}={value}" for key, value in good.items() if key != name)
        given = [f"{name}={value}" for value in (*BAD_VALUES, "1" * 30, "1.5", "1e3", "0x1", "%D9%A1", "true")]
        for parameter in (*given, "", f"{name}={right}&{name}={right}", f"{name}={right}"):
            answer = await ask(world, "GET", f"/oauth/uninstalled?{others}&{parameter}")
            assert answer.status in (400, 401), parameter
            check_refused(answer, signature)


@pytest.mark.parametrize("rule", [rule for rule, route in ROUTES.items() if route.is_operators])
async def test_the_operators_pages_stay_shut(world, rule):
    tokens = (b"", b"Bearer", b"Bearer ", b"Bearer x", b"Basic dGhlOm9w", b"the-operators-token", b"Bearer \xff\xfe")
    for token in (*tokens, b"Bearer the-operators-tokeN", b"Bearer " + b"a" * 8000):
        answer = await ask(world, "GET", ROUTES[rule].target, ((b"Authorization", token),))
        assert answer.status == 401, token
        check_refused(answer)
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await ask(world, "GET", f"{ROUTES[rule].target}?token=the-operators-token")).status == 401


# Bodies

DEEP = 200_000
BODIES = {
    "nothing": b"",
    "a space": b" ",
    "NUL": b"\x00" * 100,
    "no UTF-8": b"\xff\xfe\xfd",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "half of it": b'{"update_id":1',
    "a list": b"[1]",
    "a word": b'"update_id"',
    "null": b"null",
    "NaN": b'{"update_id":NaN}',
    "deep lists": b"[" * DEEP,
    "deep lists, closed": b'{"update_id":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"a":' * DEEP,
    "many keys": b"{" + b",".join(b'"k%d":1' % n for n in range(50_000)) + b"}",
    "an endless number": b'{"update_id":' + b"9" * 100_000 + b"}",
    "a huge exponent": b'{"update_id":1e999999}',
    "a form": b"update_id=1&leads[add][0][id]=1",
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "multipart": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
    "gzip": b"\x1f\x8b\x08\x00" + b"\x00" * 50,
}
TYPES = [
    b"application/json",
    b"text/plain",
    b"application/xml",
    b"multipart/form-data",
    b"multipart/form-data; boundary=x",
    b"application/x-www-form-urlencoded; charset=unknown",
    b"a" * 2000,
    b"\xff/\xfe",
    b"/",
]


@pytest.mark.parametrize("rule", HOOK_ROUTES)
async def test_a_body_without_proof_is_refused_whatever_it_is(world, rule):
    route = ROUTES[rule]
    is_crm = route.unproven == 415
    for name, body in BODIES.items():
        if is_crm and not body.strip():
            continue  # a probe of the address
        answer = await ask(world, "POST", route.target, (JSON,), body)
        assert answer.status == route.unproven, name
        check_refused(answer, "passwd")
    for kind in TYPES:
        answer = await ask(
            world, "POST", route.target, ((b"Content-Type", kind), (b"Content-Encoding", b"gzip")), route.body
        )
        expected = (415, 400) if is_crm else (route.unproven,)
        if not (is_crm and kind.startswith(b"application/x-www-form")):
            assert answer.status in expected, kind
            check_refused(answer)
    await check_alive(world)


PROOFS = {
    "/telegram/<key>": [b"", b"x", b"the-secret-tokeN", b"the-secret-token-and-more", b"\xff\xfe", b"a" * 5000],
    "/amojo/<scope_id>": [b"", b"x", b"0" * 40, b"\xff" * 40, b"g" * 40, b"a" * 5000, b"0" * 64],
}


@pytest.mark.parametrize("rule", PROOFS)
async def test_a_forged_proof_is_refused(world, rule):
    route = ROUTES[rule]
    header = b"X-Signature" if "amojo" in rule else b"X-Telegram-Bot-Api-Secret-Token"
    for proof in PROOFS[rule]:
        answer = await ask(world, "POST", route.target, (JSON, (header, proof)), route.body)
        assert answer.status == 401, proof
        check_refused(answer)
    # In another place than the header it proves nothing.
    query = f"{route.target}?{header.decode()}={BOT_SECRET}"
    assert (await ask(world, "POST", query, (JSON,), route.body)).status == 401


async def test_what_is_proven_but_no_hook_is_refused(world, sign):
    for name, body in BODIES.items():
        for target, headers in (
            (ROUTES["/telegram/<key>"].target, ((b"X-Telegram-Bot-Api-Secret-Token", BOT_SECRET.encode()),)),
            (ROUTES["/amojo/<scope_id>"].target, ((b"X-Signature", sign(body).encode()),)),
        ):
            if name in ("many keys", "a huge exponent") and "amojo" in target:
                continue  # an object: whether it is a hook, is for the intake to say
            answer = await ask(world, "POST", target, headers, body)
            assert answer.status == 400, (name, target)
            check_refused(answer)


@pytest.mark.parametrize("rule", HOOK_ROUTES)
async def test_a_body_that_is_too_large_is_refused_declared_or_not(world, rule):
    route = ROUTES[rule]
    expected = route.unproven if route.is_shut else 413
    size = hooks.BODY_LIMIT + 1
    answer = await ask(world, "POST", route.target, (FORM,), b"a" * size)
    assert answer.status == expected
    check_refused(answer)
    part = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    raw = written("POST", route.target, (FORM, (b"Transfer-Encoding", b"chunked")), sized=False)
    answer = await exchange(world, raw + part * 17 + b"0\r\n\r\n")
    assert answer.status == expected
    check_refused(answer)


@pytest.mark.parametrize("rule", HOOK_ROUTES)
async def test_half_a_body_is_never_taken_in(world, rule):
    route = ROUTES[rule]
    proof = ((b"X-Telegram-Bot-Api-Secret-Token", BOT_SECRET.encode()), FORM)
    raw = written("POST", route.target, (*proof, (b"Content-Length", b"1000")), sized=False) + b'{"update_id":1}'
    with trio.fail_after(DEADLINE_S):
        async with await world.connect() as stream:
            await stream.send_all(raw)
            await stream.send_eof()
            answer = await stream.receive_some(1000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    await check_alive(world)


# The line and the headers

BELOW = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/0.9": b"GET /health/live\r\n\r\n",
    "a raw byte in the target": b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /health/live HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health/live HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "a space in a header's name": b"GET /health/live HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
    "NUL in a header": b"GET /health/live HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
    "a header without a colon": b"GET /health/live HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n",
    "a length below nothing": b"POST /telegram/a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length in words": b"POST /telegram/a HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
    "an endless length": b"POST /telegram/a HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 40 + b"\r\n\r\n",
    "two lengths": b"POST /telegram/a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "broken chunks": b"POST /telegram/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    "endless headers": b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"b" * 70_000,
    "very many headers": b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 20_000,
    "an endless target": b"GET /" + b"a" * 70_000,
}


@pytest.mark.parametrize("raw", BELOW.values(), ids=BELOW.keys())
async def test_what_is_no_request_is_refused_below_the_application(world, raw):
    answer = await exchange(world, raw)
    assert 400 <= answer.status < 500
    assert answer.body == b""
    await check_alive(world)


HOSTS = [
    b"",
    b"\xff",
    b"a/b@c d",
    b"x:abc",
    b"x:999999",
    b"[::1",
    b"xn--\x80",
    b"a." * 3000,
    b"<script>",
    b"evil.example",
]


async def test_the_host_that_a_request_names_is_not_believed(world):
    for host in HOSTS:
        forwarded = b"X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: javascript\r\nForwarded: host=evil.example"
        for target in (b"/health/live", b"/oauth/start", b"//oauth//start", b"/nothing"):
            raw = b"GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\nConnection: close\r\n\r\n" % (target, host, forwarded)
            answer = await exchange(world, raw)
            assert answer.status in (200, 302, 404), (host, answer)
            check_shape(answer, "evil", "javascript", "<script>")


async def test_strange_headers_do_no_harm(world):
    strange: Headers = (
        (b"Accept", b"text/html;q=\xff,,,;;;" + b"a/b," * 1000),
        (b"Accept-Encoding", b"\x80"),
        (b"Cookie", b"a=\xff;" * 1000),
        (b"If-None-Match", b'W/"' * 500),
        (b"If-Modified-Since", b"yesterday"),
        (b"Range", b"bytes=0-0," * 300 + b"\xff"),
        (b"Expect", b"magic"),
    )
    for rule, route in ROUTES.items():
        method = "POST" if "POST" in route.methods else "GET"
        answer = await ask(world, method, route.target, (*strange, *route.headers), route.body)
        assert answer.status < 500, rule
        check_shape(answer)


# Anything at all

WORDS = ["code", "referer", "state", "account_id", "signature", "client_uuid", "limit", "offset", "q", "update_id"]


def requests_at_random(chance: random.Random) -> Iterator[tuple[str, str, Headers, bytes]]:
    """Requests that look more or less like ours: any method, known paths with holes in them, any bytes."""
    while True:
        route = ROUTES[chance.choice(list(ROUTES))]
        target = route.target
        if route.value is not None and chance.random() < 0.5:
            target = route.with_value(quote_from_bytes(chance.randbytes(chance.randrange(0, 40)), safe=""))
        query = "&".join(
            f"{chance.choice(WORDS)}={quote_from_bytes(chance.randbytes(chance.randrange(0, 12)), safe='')}"
            for _ in range(chance.randrange(0, 4))
        )
        method = chance.choice([*route.methods, *route.methods, "".join(chance.choices(string.ascii_uppercase, k=5))])
        body = bytearray(route.body or chance.randbytes(chance.randrange(0, 200)))
        for _ in range(chance.randrange(0, 5)):
            if body:
                body[chance.randrange(len(body))] = chance.randrange(256)
        kind = chance.choice([FORM, JSON, (b"Content-Type", bytes(chance.choices(range(0x21, 0x7F), k=8)))])
        header = (
            chance.choice([b"X-Signature", b"X-Telegram-Bot-Api-Secret-Token", b"Authorization", b"Accept", b"Range"]),
            bytes(chance.choices([*range(0x21, 0x7F), *range(0x80, 0x100)], k=chance.randrange(1, 30))),
        )
        is_crm_form = route.unproven == 415 and kind is FORM and BOT_KEY not in target
        if not is_crm_form:  # a form of the right address is for the intake to judge; here it takes everything
            yield method, target + (f"?{query}" if query else ""), (kind, header), bytes(body)


async def test_no_request_breaks_anything(world):
    chance = random.Random(20261122)
    made = requests_at_random(chance)
    for _ in range(300):
        method, target, headers, body = next(made)
        answer = await ask(world, method, target, headers, body)
        assert answer.status < 500, (method, target, headers, body)
        check_shape(answer)
    await check_alive(world)


async def test_no_bytes_break_anything(world):
    chance = random.Random(20261123)
    good = written("POST", ROUTES["/telegram/<key>"].target, (JSON,), b'{"update_id":1}')
    for _ in range(150):
        raw = bytearray(good)
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(raw))
            raw[at : at + chance.randrange(0, 3)] = chance.randbytes(chance.randrange(0, 3))
        with trio.fail_after(DEADLINE_S):
            async with await world.connect() as stream:
                await stream.send_all(raw)
                await stream.send_eof()
                answer = b""
                while part := await stream.receive_some(65536):
                    answer += part
        assert answer == b"" or re.match(rb"HTTP/1\.1 [24]\d\d ", answer) or answer.startswith(b"HTTP/1.1 501"), raw
        assert not answer.startswith(b"HTTP/1.1 200"), raw
    await check_alive(world)
