"""Installing and removing the integration from amoCRM's side: calls of its server, the consent page."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.amocrm.answers import Refused
from dealgram.sandbox.serve import serve


@dataclass
class Service:
    """The integration's side: keeps the queries that come, answers as told."""

    url: str = ""
    got: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    status: int = 200
    hang: bool = False

    def app(self) -> QuartTrio:
        app = QuartTrio(__name__)

        @app.get("/<path:path>")
        async def take(path: str) -> Response:
            self.got.append((path, dict(request.args)))
            if self.hang:
                await trio.sleep_forever()
            return Response(b"", status=self.status)

        return app


@pytest.fixture
async def service(amo: Any, nursery: trio.Nursery) -> AsyncIterator[Service]:
    found = Service()
    port = await nursery.start(serve, found.app())
    found.url = f"http://127.0.0.1:{port}"
    amo.sim.redirect_url = f"{found.url}/callback"
    amo.sim.uninstall_url = f"{found.url}/gone"
    yield found
    nursery.cancel_scope.cancel()


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


async def test_the_widget_asks_the_redirect_uri_once(amo: Any, service: Service) -> None:
    service.status = 500
    call = await amo.sim.install(amo.account)
    assert (call.kind, call.outcome, call.status) == ("install", "answered", 500)
    [(path, query)] = service.got
    assert path == "callback"
    assert query == {"code": query["code"], "referer": "romashka.amocrm.ru", "from_widget": "1", "platform": "1"}
    body = {"client_id": "client", "client_secret": "client-secret", "redirect_uri": "https://example.com/cb"}
    body |= {"grant_type": "authorization_code", "code": query["code"]}
    assert (await amo.client.post("/oauth2/access_token", json=body)).status_code == 200
    assert list(amo.sim.server_calls) == [call]
    amo.sim.assert_clean()


async def test_the_referer_is_the_accounts_own_host(amo: Any, service: Service) -> None:
    amo.sim.serve_at(amo.account, "127.0.0.1:7001")
    amo.switch(redirect_client_id=True)
    await amo.sim.install(amo.account, from_widget=False)
    [(_, query)] = service.got
    assert (query["referer"], query["client_id"]) == ("127.0.0.1:7001", "client")
    assert "from_widget" not in query


@pytest.mark.parametrize("multiple", [True, False])
async def test_without_multiple_sources_amocrm_makes_one(amo: Any, service: Service, multiple: bool) -> None:
    amo.sim.world.integration = replace(amo.sim.integration, multiple_sources=multiple)
    for _ in range(2):
        await amo.sim.install(amo.account)
    sources = [(one.external_id, one.is_default) for one in amo.sim.sources(amo.account)]
    assert sources == ([] if multiple else [("dealgram", True)])


async def test_faults_of_tokens_can_be_meant_for_one_account(amo: Any) -> None:
    amo.sim.serve_at(amo.account, "127.0.0.1:7001")
    amo.sim.faults.answer("oauth.access_token", status=503, when=lambda facts: facts["account_id"] == amo.account.id)
    for host, status in (("127.0.0.1:7002", 400), ("127.0.0.1:7001", 503), ("127.0.0.1:7001", 400)):
        answer = await amo.client.post("/oauth2/access_token", json={}, headers={"Host": host})
        assert answer.status_code == status


async def test_only_administrators_install(amo: Any, service: Service) -> None:
    plain = amo.sim.add_user(amo.account, "Пётр")
    with pytest.raises(ValueError, match="Пётр"):
        await amo.sim.install(amo.account, plain)
    assert service.got == []


async def test_a_redirect_that_takes_longer_is_left(amo: Any, service: Service, monkeypatch: Any) -> None:
    monkeypatch.setattr("dealgram.sandbox.amocrm.server_calls.REDIRECT_LIMIT_S", 0.05)
    service.hang = True
    call = await amo.sim.install(amo.account)
    assert (call.outcome, call.status, len(service.got)) == ("timeout", None, 1)
    amo.sim.redirect_url = None
    assert (await amo.sim.install(amo.account)).outcome == "undeliverable"


@pytest.mark.parametrize("name", ["client_uuid", "client_id"])
async def test_a_removal_is_told_with_a_signature(amo: Any, service: Service, name: str) -> None:
    amo.switch(uninstall_client=name)
    service.status = 503
    call = amo.sim.uninstall(amo.account)
    with trio.fail_after(10):
        await call.done.wait()
    [(path, query)] = service.got
    message = f"client|{amo.account.id}".encode()
    signature = hmac.new(b"client-secret", message, hashlib.sha256).hexdigest()
    assert (path, query) == ("gone", {"account_id": str(amo.account.id), name: "client", "signature": signature})
    assert (call.outcome, call.status, amo.sim.server_calls_pending) == ("answered", 503, 0)
    assert not amo.account.is_installed


async def test_a_removal_that_nobody_wants_to_hear_of(amo: Any) -> None:
    assert amo.sim.uninstall(amo.account) is None
    assert amo.sim.server_calls == ()


def test_the_signature_of_the_contracts_test_vector() -> None:
    message = b"11111111-2222-3333-4444-555555555555|12345678"
    signature = hmac.new(b"client-secret", message, hashlib.sha256).hexdigest()
    assert signature == "7043be2568d31fa59599a47411fbd3e427288254b5e75d8f75a04850fe3db624"


async def test_consent_by_hand(amo: Any) -> None:
    allowed = amo.sim.consent(amo.account, "s&t")
    assert allowed.startswith("https://example.com/cb?")
    query = query_of(allowed)
    assert query == {"code": query["code"], "referer": "romashka.amocrm.ru", "platform": "1", "state": "s&t"}
    assert "state" not in query_of(amo.sim.consent(amo.account))
    assert query_of(amo.sim.consent(amo.account, "x", allow=False)) == {"error": "access_denied", "state": "x"}
    assert query_of(amo.sim.consent_at(amo.sim.authorize_url("y", "popup"), amo.account))["state"] == "y"
    with pytest.raises(ValueError, match="consent page"):
        amo.sim.consent_at("https://example.com/oauth?client_id=client", amo.account)
    with pytest.raises(Refused):
        amo.sim.consent_at("https://www.amocrm.ru/oauth?client_id=other", amo.account)


async def test_the_consent_page(amo: Any, service: Service) -> None:
    amo.sim.add_account("vasilek", "Василёк & Ко")
    page = await amo.client.get("/oauth", params={"client_id": "client", "state": '"<s>', "mode": "post_message"})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Василёк &amp; Ко" in page.text
    assert "&quot;&lt;s&gt;" in page.text
    form = {"client_id": "client", "state": '"<s>', "mode": "post_message", "account": str(amo.account.id)}
    moved = await amo.client.post("/oauth/decision", data={**form, "decision": "allow"})
    assert moved.status_code == 302
    assert query_of(moved.headers["location"])["state"] == '"<s>'
    async with httpx.AsyncClient() as browser:
        await browser.get(moved.headers["location"])
    assert service.got[0][1]["referer"] == "romashka.amocrm.ru"
    denied = await amo.client.post("/oauth/decision", data={**form, "decision": "deny"})
    assert query_of(denied.headers["location"]) == {"error": "access_denied", "state": '"<s>'}
    popup = await amo.client.post("/oauth/decision", data={**form, "mode": "popup", "decision": "allow"})
    assert "window.opener.location" in popup.text
    amo.sim.assert_clean()


@pytest.mark.parametrize(
    "query", [{}, {"client_id": "other"}, {"client_id": "client", "mode": "x"}, {"client_id": "client", "more": "x"}]
)
async def test_a_wrong_address_of_the_consent_page(amo: Any, query: dict[str, str]) -> None:
    assert (await amo.client.get("/oauth", params=query)).status_code == 400
    assert len(amo.sim.violations) == 1
