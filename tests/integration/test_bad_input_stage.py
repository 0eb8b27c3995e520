"""Bad requests against a whole service with two accounts: no row changes, nobody is asked, no secret is logged.

The service believes real domains here besides the simulators', so that hosts that only resemble amoCRM's are tried
against the real rule; a trap on another loopback address and a resolver that knows nobody show whether it ever calls.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import pytest
import structlog
import trio

from dealgram import logs
from dealgram.actors.files.media_links import MediaLink, MediaLinks
from dealgram.http.seals import Seals
from dealgram.persistence import SecretBox, accounts, generate_key
from dealgram.playground import CHANNEL, INTEGRATION

BROWSER = {"Accept": "text/html"}
TRAP = "127.0.0.2"
WORDS = "Слова, которые никто не должен видеть"


@dataclass
class Siege:
    """A service, those who are behind it, and a stranger before it."""

    stage: Any
    other: Any
    client: httpx.AsyncClient
    logged: io.StringIO
    trapped: list[object] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    bodies: list[str] = field(default_factory=list)
    is_polite: bool = True

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        with trio.fail_after(10):
            answer = await self.client.request(method, path, **more)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Traceback" not in answer.text
        self.bodies.append(f"{answer.headers.get('Location', '')} {answer.text}")
        return answer

    async def refuse(self, statuses: int | tuple[int, ...], method: str, path: str, **more: Any) -> None:
        answer = await self.send(method, path, **more)
        expected = (statuses,) if isinstance(statuses, int) else statuses
        assert answer.status_code in expected, (method, path, answer.status_code, answer.text)
        if answer.content:
            assert '<html lang="ru">' in answer.text or set(answer.json()) == {"error"}

    async def digest(self) -> dict[str, str]:
        """Every row of every table."""
        db = self.stage.service.services.db
        tables = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        assert len(tables) > 10
        return {
            row["tablename"]: await db.fetchval(
                f"SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '')"
                f' FROM "{row["tablename"]}" AS t'
            )
            for row in tables
        }

    def calls(self) -> tuple[int, int]:
        """What the service has asked Telegram (but for polling) and amoCRM."""
        telegram = [call for call in self.stage.telegram.requests if call.method != "getUpdates"]
        return len(telegram), len(self.stage.amo.requests)

    @asynccontextmanager
    async def nothing_happens(self) -> AsyncIterator[None]:
        await self.stage.quiet()
        before, calls = await self.digest(), self.calls()
        yield
        await self.stage.quiet()
        assert await self.digest() == before
        assert self.calls() == calls
        assert self.trapped == []
        assert self.looked_up == []

    def nothing_is_told(self) -> None:
        told = {"log": self.logged.getvalue(), "answers": "\n".join(self.bodies)}
        assert '"level": "error"' not in told["log"]
        for where, text in told.items():
            for secret in self.secrets:
                assert secret not in text, (where, secret)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything that is logged, as an operator gets it who wants to see all."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in logs.QUIET}
    stream = io.StringIO()
    logs.configure(level="debug", log_format="json", stream=stream)
    yield stream
    logs.configure()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


@pytest.fixture
async def siege(empty_stage, connected, log) -> AsyncIterator[Siege]:
    stage = empty_stage
    stage.settings = stage.settings.model_copy(update={"amocrm_domains": ("127.0.0.1", "amocrm.ru", "kommo.com")})
    other = stage.amo.add_account("yug", "Агентство «Юг»")
    bot = stage.telegram.add_bot("Юг Продажи", "yug_sales_bot")
    async with connected(stage) as service, trio.open_nursery() as nursery:
        row = await stage.playground.connect(service, other, [(bot, other.main_pipeline)])
        await stage.settled()
        client = httpx.AsyncClient(base_url=service.services.public_url, timeout=10, follow_redirects=False)
        siege = Siege(stage, row, client, log)
        await nursery.start(_set_trap, siege)
        trio.socket.set_custom_hostname_resolver(_Nobody(siege.looked_up))
        async with client:
            yield siege
        nursery.cancel_scope.cancel()
        if siege.is_polite:
            stage.assert_clean()


async def _set_trap(siege: Siege, *, task_status: trio.TaskStatus[object]) -> None:
    async def caught(stream: trio.SocketStream) -> None:
        siege.trapped.append(stream.socket.getpeername())
        await stream.aclose()

    listeners = await trio.open_tcp_listeners(0, host=TRAP)
    siege.trap = f"{TRAP}:{listeners[0].socket.getsockname()[1]}"
    await trio.serve_listeners(caught, listeners, task_status=task_status)


class _Nobody(trio.abc.HostnameResolver):
    """Knows no name, and remembers who was asked for."""

    def __init__(self, asked: list[str]) -> None:
        self._asked = asked

    async def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):  # noqa: A002 - trio's name
        await trio.lowlevel.checkpoint()
        self._asked.append(host)
        raise socket.gaierror("nobody")

    async def getnameinfo(self, sockaddr, flags):
        raise socket.gaierror("nobody")


def chat_signature(body: bytes, secret: str = CHANNEL.secret) -> dict[str, str]:
    return {"X-Signature": hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()}


def removal(account_id: int | str, *, client: str = INTEGRATION.client_id, secret: str | None = None) -> dict[str, str]:
    key = (secret or INTEGRATION.client_secret).encode()
    signature = hmac.new(key, f"{client}|{account_id}".encode(), hashlib.sha256).hexdigest()
    return {"account_id": str(account_id), "client_uuid": client, "signature": signature}


async def test_no_bad_redirect_changes_anything_or_calls_anybody(siege):
    stage, code = siege.stage, "def50200" + "c0" * 60
    seals = Seals(stage.service.services.box, lambda: 0.0)
    box = SecretBox([generate_key()])
    used = [call.url for call in stage.amo.server_calls]
    codes = [parse_qs(urlsplit(url).query)["code"][0] for url in used]
    state = parse_qs(urlsplit((await siege.send("GET", "/oauth/start")).headers["Location"]).query)["state"][0]
    siege.bodies.clear()  # the state is meant for whoever asked for it
    siege.secrets |= {code, state, *codes, INTEGRATION.client_secret}
    hosts = [
        siege.trap,
        f"{TRAP}",
        f"127.0.0.1@{siege.trap}",
        f"{siege.trap}@127.0.0.1",
        f"{siege.trap}#.amocrm.ru",
        f"{siege.trap}/.amocrm.ru",
        f"{siege.trap}?.amocrm.ru",
        f"{siege.trap}\\.amocrm.ru",
        f"http://{siege.trap}",
        f"127.0.0.1.{siege.trap}",
        "[::1]",
        f"[::ffff:{TRAP}]",
        "0x7f.0.0.2",
        "2130706434",
        "127.2",
        "localhost",
        "LOCALHOST",
        "evil.example",
        "amocrm.ru.evil.example",
        "AMOCRM.RU.EVIL.EXAMPLE",
        "sub.amocrm.ru.",
        "sub.amocrm.ru:8080",
        "sub.amocrm.ru@evil.example",
        "evil.example@sub.amocrm.ru",
        "evilamocrm.ru",
        "аmocrm.ru",
        "sub。amocrm。ru",
        "sub.amocrm.ru\x00",
        "sub.amocrm.ru\r\nX-Injected: 1",
        "sub\u200b.amocrm.ru",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:80:80",
        "127.0.0.1:-1",
        "127.0.0.1:٣",
        "127.0.0.1:80/@evil.example",
        "",
    ]
    good = {"code": code, "referer": "sub.amocrm.ru"}
    async with siege.nothing_happens():
        for host in hosts:
            for headers in ({}, BROWSER):
                for more in ({}, {"state": state}):
                    await siege.refuse(
                        400, "GET", "/oauth/callback", params={**good, "referer": host, **more}, headers=headers
                    )
        for bad in (
            "",
            "forged",
            state[:-2],
            state[:30] + "AAAA" + state[34:],
            Seals(box, lambda: 1e12).make("oauth state", "x", life_s=60),
            seals.make("oauth state", "x", life_s=60),
            seals.make("oauth progress", "x", life_s=1e12),
        ):
            await siege.refuse(400, "GET", "/oauth/callback", params={**good, "state": bad}, headers=BROWSER)
        for query in (
            urlencode({"referer": "sub.amocrm.ru"}),
            urlencode({"code": code}),
            urlencode([*good.items(), ("code", code)]),
            urlencode([*good.items(), ("referer", "kommo.com")]),
            urlencode({**good, "platform": "²"}),
            urlencode({**good, "from_widget": "1" * 9}),
            urlencode({**good, "client_id": "somebody else's"}),
            urlencode({**good, "code": "c" * 4097}),
            f"code={code}%00&referer=sub.amocrm.ru",
            f"code={code}%FF&referer=sub.amocrm.ru",
        ):
            await siege.refuse(400, "GET", f"/oauth/callback?{query}")
        await siege.refuse(405, "HEAD", "/oauth/callback", params={**good, "state": state})
        await siege.refuse(405, "POST", "/oauth/callback", data=good)
        for url in used:  # a code that was used: its installation is known already
            assert (await siege.send("GET", url)).status_code == 200
        for note in ("x", state, code, f"{state[:8]}.{code}"):
            await siege.refuse(404, "GET", f"/oauth/progress/{quote(note, safe='')}")
    siege.nothing_is_told()


async def test_no_bad_removal_changes_anything(siege):
    mine, other = siege.stage.account.account_id, siege.other.account_id
    good = removal(mine)
    siege.secrets |= {good["signature"], removal(other)["signature"], INTEGRATION.client_secret}
    async with siege.nothing_happens():
        for query, status in (
            ({}, 400),
            ({**good, "signature": ""}, 400),
            ({**good, "signature": good["signature"][:-1]}, 400),
            ({**good, "signature": "0" * 64}, 401),
            ({**good, "signature": good["signature"][::-1]}, 401),
            ({**good, "account_id": str(other)}, 401),
            ({**good, "account_id": f"0{mine}"}, 400),
            ({**good, "account_id": f"{mine}.0"}, 400),
            ({**good, "account_id": f"{mine}\x00"}, 400),
            ({**good, "account_id": "9" * 19}, 400),
            ({**good, "client_uuid": "x" * 65}, 400),
            ({**good, "client_uuid": good["client_uuid"].upper()}, 401),
            (removal(mine, secret="another secret"), 401),
            (removal(mine, client="another client"), 401),
            ({**good, "client_uuid": CHANNEL.id}, 401),
        ):
            await siege.refuse(status, "GET", "/oauth/uninstalled", params=query)
        await siege.refuse(400, "GET", "/oauth/uninstalled", params=[*good.items(), ("account_id", str(other))])
        await siege.refuse(405, "HEAD", "/oauth/uninstalled", params=good)
        await siege.refuse(405, "POST", "/oauth/uninstalled", data=good)
        # Signed, but of an account that nobody knows.
        assert (await siege.send("GET", "/oauth/uninstalled", params=removal(4242))).status_code == 200
    siege.nothing_is_told()


async def test_no_bad_chat_hook_changes_anything(siege):
    stage, person = siege.stage, siege.stage.world.anna
    stage.telegram.write(person, stage.world.sales_bot, "Здравствуйте")
    await stage.in_card(person, "Здравствуйте")
    await stage.status(stage.answer(person, WORDS))
    body = next(hook.body for hook in stage.amo.hooks if hook.kind == "message")
    mine, other = stage.account.scope_id, siege.other.scope_id
    signed = chat_signature(body)
    siege.secrets |= {CHANNEL.secret, signed["X-Signature"], mine, other, WORDS}
    theirs = json.dumps({**json.loads(body), "account_id": siege.other.amojo_id}).encode()
    async with siege.nothing_happens():
        for scope, headers, content, status in (
            (mine, {}, body, 401),
            (mine, {"X-Signature": ""}, body, 401),
            (mine, {"X-Signature": "0" * 40}, body, 401),
            (mine, chat_signature(body, "another secret"), body, 401),
            (mine, chat_signature(body, INTEGRATION.client_secret), body, 401),
            (mine, signed, body + b" ", 401),
            (mine, signed, body.replace(b"message", b"massage", 1), 401),
            (mine, {"X-Signature": signed["X-Signature"][:-1]}, body, 401),
            # amoCRM signs with the channel's secret, which is the same for all accounts.
            (other, signed, body, 400),
            (mine, chat_signature(theirs), theirs, 400),
            ("somebody", signed, body, 404),
            (mine.upper(), signed, body, 404),
            (f"{mine}%00", signed, body, 404),
            (f"{mine}%20", signed, body, 404),
            (f"..%2f{mine}", signed, body, 404),
        ):
            await siege.refuse(status, "POST", f"/amojo/{scope}", headers=headers, content=content)
        for strange in (b"", b"null", b"[]", b"{", b"\xff", b"\x00", b"[" * 100_000, b'{"a":' * 100_000):
            await siege.refuse(400, "POST", f"/amojo/{mine}", headers=chat_signature(strange), content=strange)
        await siege.refuse(413, "POST", f"/amojo/{mine}", content=b" " * (1024 * 1024 + 1))
        for unheard_of in (
            b"{}",
            b'{"account_id":null}',
            b'{"account_id":{"a":1},"message":[]}',
            b'{"action":{"x":1}}',
        ):
            answer = await siege.send("POST", f"/amojo/{mine}", headers=chat_signature(unheard_of), content=unheard_of)
            assert answer.status_code == 200
        # A hook that was taken in before.
        assert (await siege.send("POST", f"/amojo/{mine}", headers=signed, content=body)).status_code == 200
    siege.nothing_is_told()
    await stage.assert_undisturbed()


async def test_no_bad_crm_hook_changes_anything(siege):
    stage = siege.stage
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    mine = await accounts.get(stage.service.services.db, stage.account.account_id)
    theirs = await accounts.get(stage.service.services.db, siege.other.account_id)
    genuine = f"leads[update][0][id]={stage.world.cafe}&leads[update][0][name]={quote(WORDS)}"
    named = f"{genuine}&account[id]={mine.account_id}&account[subdomain]={mine.subdomain}"
    siege.secrets |= {mine.hook_key, theirs.hook_key, WORDS, quote(WORDS)}
    async with siege.nothing_happens():
        for key, content, status in (
            (theirs.hook_key, named, 400),
            (mine.hook_key, f"{genuine}&account[id]={theirs.account_id}&account[subdomain]={mine.subdomain}", 400),
            (mine.hook_key, f"{genuine}&account[subdomain]={theirs.subdomain}", 400),
            (mine.hook_key, genuine, 400),
            (mine.hook_key, "a=1", 400),
            (mine.hook_key, "[]=1", 400),
            (mine.hook_key, "\x00\xff", 400),
            (mine.hook_key, "leads" + "[add]" * 100 + "=1", 400),
            (mine.hook_key, "&".join(f"a{number}=1" for number in range(60_000)), 400),
            (mine.hook_key[:-1], named, 404),
            (mine.hook_key[::-1], named, 404),
            (mine.hook_key.upper(), named, 404),
            (f"{mine.hook_key}%00", named, 404),
            (f"{mine.hook_key}/..", named, 404),
            (str(mine.account_id), named, 404),
            (mine.scope_id, named, 404),
            ("null", named, 404),
        ):
            if key in (mine.hook_key.upper(), mine.hook_key[::-1]) and key == mine.hook_key:
                continue
            await siege.refuse(status, "POST", f"/amocrm/hooks/{key}", headers=form, content=content)
        for kind in ("application/json", "text/plain", "multipart/form-data", "", "a"):
            await siege.refuse(
                415, "POST", f"/amocrm/hooks/{mine.hook_key}", headers={"Content-Type": kind}, content=named
            )
        await siege.refuse(
            413, "POST", f"/amocrm/hooks/{mine.hook_key}", headers=form, content=b"a" * (1024 * 1024 + 1)
        )
        await siege.refuse(405, "GET", f"/amocrm/hooks/{mine.hook_key}?{named}")
        for probe in (b"", b" \r\n", b"account[id]=%d" % mine.account_id):
            answer = await siege.send("POST", f"/amocrm/hooks/{mine.hook_key}", headers=form, content=probe)
            assert answer.status_code == 200
    siege.nothing_is_told()


async def test_no_bad_update_changes_anything(siege):
    stage = siege.stage
    registry = stage.service.services.registry
    mine, other = registry.bot(stage.world.sales_bot.id), registry.bot(stage.world.service_bot.id)
    stage.telegram.write(stage.world.anna, stage.world.sales_bot, WORDS)
    await stage.in_card(stage.world.anna, WORDS)
    taken = await stage.service.services.db.fetchval(
        "SELECT payload FROM inbox WHERE source = $1 ORDER BY id DESC LIMIT 1", f"telegram:{mine.bot_id}"
    )
    header = "X-Telegram-Bot-Api-Secret-Token"
    secret = {header: mine.webhook_secret}
    siege.secrets |= {
        WORDS,
        *(value for bot in (mine, other) for value in (bot.token, bot.webhook_secret, bot.row.webhook_key)),
    }
    update = json.dumps({"update_id": 2**40, "message": {"message_id": 1, "text": WORDS}}).encode()
    async with siege.nothing_happens():
        for key, headers, content, status in (
            (mine.row.webhook_key, {}, update, 401),
            (mine.row.webhook_key, {header: ""}, update, 401),
            (mine.row.webhook_key, {header: mine.webhook_secret[:-1]}, update, 401),
            (mine.row.webhook_key, {header: other.webhook_secret}, update, 401),
            (mine.row.webhook_key, {header: mine.token}, update, 401),
            (other.row.webhook_key, secret, update, 401),
            (mine.token, secret, update, 404),
            (str(mine.bot_id), secret, update, 404),
            (f"{mine.row.webhook_key}%00", secret, update, 404),
            (mine.row.webhook_key[:-1], secret, update, 404),
            (mine.row.webhook_key, secret, b"", 400),
            (mine.row.webhook_key, secret, b"{}", 400),
            (mine.row.webhook_key, secret, b"[1]", 400),
            (mine.row.webhook_key, secret, b"\xff\xfe", 400),
            (mine.row.webhook_key, secret, b'{"update_id":"1"}', 400),
            (mine.row.webhook_key, secret, b'{"update_id":true}', 400),
            (mine.row.webhook_key, secret, b'{"update_id":1.5}', 400),
            (mine.row.webhook_key, secret, b'{"update_id":9223372036854775808}', 400),
            (mine.row.webhook_key, secret, b'{"update_id":' + b"9" * 400 + b"}", 400),
            (mine.row.webhook_key, secret, b'{"update_id":1,"message":' + b"[" * 100_000, 400),
            (mine.row.webhook_key, secret, b" " * (1024 * 1024 + 1), 413),
        ):
            await siege.refuse(status, "POST", f"/telegram/{key}", headers=headers, content=content)
        again = await siege.send("POST", f"/telegram/{mine.row.webhook_key}", headers=secret, content=bytes(taken))
        assert again.status_code == 200
    siege.nothing_is_told()


async def test_no_bad_media_link_asks_telegram_for_anything(siege):
    stage = siege.stage
    links = MediaLinks.of(stage.settings.encryption_keys(), lambda: None)
    mine, theirs = stage.account.account_id, siege.other.account_id
    bot = stage.world.sales_bot.id
    good = MediaLink(account_id=mine, bot_id=bot, file_id="a-file-of-somebody", file_name="a.jpg")
    signed = links.sign(good)
    raw = bytearray(base64.urlsafe_b64decode(signed + "=" * (-len(signed) % 4)))
    raw[20] ^= 1
    tampered = base64.urlsafe_b64encode(bytes(raw)).rstrip(b"=").decode()
    foreign = MediaLinks.of([generate_key()], lambda: None).sign(good)
    elsewhere = links.sign(MediaLink(account_id=theirs, bot_id=bot, file_id="f"))
    nobody = links.sign(MediaLink(account_id=mine, bot_id=4242, file_id="f"))
    old = links.sign(MediaLink(account_id=mine, bot_id=bot, file_id="f", expires_at=1))
    siege.secrets |= {signed, tampered, foreign, elsewhere, nobody, old, "a-file-of-somebody"}
    async with siege.nothing_happens():
        for name, status in (
            (tampered, 403),
            (foreign, 403),
            (elsewhere, 410),
            (nobody, 410),
            (old, 410),
            (signed[:-5], (403, 404)),
            (f"{signed}A", (403, 404)),
            (f"{signed}=", 404),
            (f"{signed}%00", 404),
            (f"..%2f{signed}", 404),
            ("A" * 3000, 404),
        ):
            for method in ("GET", "HEAD"):
                await siege.refuse(status, method, f"/media/{name}", headers={"Range": "bytes=9-1,-0"})
        await siege.refuse(405, "POST", f"/media/{signed}")
    siege.nothing_is_told()


async def test_what_is_proven_but_absurd_does_no_harm(siege):
    """amoCRM and Telegram themselves would have to send it; even then nothing breaks and nothing else stops."""
    stage = siege.stage
    siege.is_polite = False  # it passes on what it was told: messages that amoCRM never sent, one without its time
    person = stage.world.anna
    stage.telegram.write(person, stage.world.sales_bot, "Здравствуйте")
    await stage.in_card(person, "Здравствуйте")
    conversation = f"p{stage.world.sales_bot.id}-{person.id}"
    noise = "".join(hashlib.sha512(bytes([number])).hexdigest() for number in range(100))
    for number, identity in enumerate(("\x00", "\ud800", "", " ", noise, "ы" * 4000, "../..", "an-id")):
        for client in (conversation, "\x00", noise, f"p{'9' * 30}-{'9' * 30}", f"g{'9' * 19}-d1-u1", "p-"):
            body = json.dumps(
                {
                    "account_id": stage.account.amojo_id,
                    "time": 10**30,
                    "message": {
                        "message": {"id": identity, "type": "\x00", "text": "\x00" * 10, "media": "file:///etc/passwd"},
                        "conversation": {"id": noise, "client_id": client},
                        "timestamp": -1,
                    },
                }
            ).encode()
            answer = await siege.send(
                "POST", f"/amojo/{stage.account.scope_id}", headers=chat_signature(body), content=body
            )
            expected = 200 if number >= 6 else 400
            assert answer.status_code == expected, (identity[:10], client[:10], answer.text)
    known = stage.service.services.registry.bot(stage.world.sales_bot.id)
    chat = {"id": -(2**63), "type": "supergroup", "title": "\x00\ud800" * 200}
    for number, message in enumerate(
        (
            {"message_id": 2**63 - 1, "chat": chat, "date": 10**15, "from": {"id": 2**62, "first_name": "\x00"}},
            {"message_id": 0, "chat": {**chat, "id": 0}, "text": "/menu@" + "\ud800" * 100},
            {"message_id": -1, "chat": {"id": 2**63 - 1, "type": "private"}, "text": "\x00"},
            {"chat": {"id": "1", "type": 5}, "text": []},
            {"message_id": 1, "chat": chat, "migrate_to_chat_id": -(2**63), "migrate_from_chat_id": 5},
        )
    ):
        answer = await siege.send(
            "POST",
            f"/telegram/{known.row.webhook_key}",
            headers={"X-Telegram-Bot-Api-Secret-Token": known.webhook_secret},
            content=json.dumps({"update_id": 10**12 + number, "message": message}).encode(),
        )
        assert answer.status_code == 200, answer.text
    stage.telegram.write(person, stage.world.sales_bot, "Всё ещё здесь")
    await stage.in_card(person, "Всё ещё здесь")
    stage.telegram.assert_clean()
    snapshot = stage.service.system.snapshot()
    assert [actor.address for actor in snapshot.actors if actor.restarts] == []
    assert "Traceback" not in siege.logged.getvalue()
