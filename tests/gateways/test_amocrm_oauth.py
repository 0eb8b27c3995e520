"""OAuth of amoCRM: grants, a moved account, the uninstall signature; secrets stay hidden."""

from __future__ import annotations

import logging

import pytest

from dealgram.gateways.amocrm import GrantRefused, OAuthClient, Tokens, verify_uninstall
from dealgram.gateways.errors import GatewayError, NotSent, OutcomeUnknown, RateLimited, ServiceFailed

CODE, REFRESH = "the-code", "old-refresh"
SECRETS = ("the-client-secret", CODE, REFRESH, "new-access", "new-refresh")
ANSWER = {"token_type": "Bearer", "expires_in": 86400, "access_token": "new-access", "refresh_token": "new-refresh"}


@pytest.fixture
def oauth(transport):
    return OAuthClient(transport, "client-uuid", "the-client-secret", "https://svc/oauth/callback")


async def test_exchange(server, oauth):
    server.reply({**ANSWER, "server_time": 1})
    tokens = await oauth.exchange(server.base_url + "/", "the-code")
    assert tokens == Tokens(access_token="new-access", refresh_token="new-refresh", expires_in_s=86400)
    (seen,) = server.seen
    assert (seen.method, seen.path, seen.headers["content-type"]) == (
        "POST",
        "/oauth2/access_token",
        "application/json",
    )
    assert seen.json == {
        "client_id": "client-uuid",
        "client_secret": "the-client-secret",
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": "https://svc/oauth/callback",
    }


async def test_refresh(server, oauth):
    server.reply(ANSWER)
    tokens = await oauth.refresh(server.base_url, "old-refresh")
    assert tokens.refresh_token == "new-refresh"
    assert server.seen[0].json["grant_type"] == "refresh_token"
    assert server.seen[0].json["refresh_token"] == "old-refresh"
    assert "code" not in server.seen[0].json


@pytest.mark.parametrize("status", [400, 401, 404])
async def test_a_dead_grant(server, oauth, status):
    server.reply({"hint": "Token has been revoked", "title": "Bad", "status": status}, status=status)
    with pytest.raises(GrantRefused, match="revoked") as caught:
        await oauth.refresh(server.base_url, "old-refresh")
    assert caught.value.code == status


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (429, b"", RateLimited),
        (500, b"<html>", ServiceFailed),
        (504, b"", OutcomeUnknown),
        (200, b"<html>", OutcomeUnknown),
        (200, {"access_token": "new-access"}, OutcomeUnknown),
    ],
)
async def test_trouble(server, oauth, status, body, kind):
    server.reply(body, status=status)
    with pytest.raises(kind):
        await oauth.refresh(server.base_url, "old-refresh")


async def test_a_broken_refresh_may_have_used_up_the_token(server, oauth, dead_url):
    server.close()
    with pytest.raises(OutcomeUnknown):
        await oauth.refresh(server.base_url, "old-refresh")
    with pytest.raises(NotSent):
        await oauth.refresh(dead_url, "old-refresh")


async def test_a_moved_account(server, oauth):
    server.reply({"id": 12345678, "subdomain": "new", "domain": "new.amocrm.ru", "top_level_domain": "ru"})
    found = await oauth.find_subdomain(server.base_url, "old-refresh")
    assert (found.account_id, found.subdomain, found.domain) == (12345678, "new", "new.amocrm.ru")
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("GET", "/oauth2/account/current/subdomain")
    assert seen.headers["x-refresh-token"] == "old-refresh"


async def test_a_moved_account_that_nobody_knows(server, oauth):
    server.reply({"id": None})
    server.reply(status=401)
    with pytest.raises(ServiceFailed):
        await oauth.find_subdomain(server.base_url, "old-refresh")
    with pytest.raises(GrantRefused):
        await oauth.find_subdomain(server.base_url, "old-refresh")


async def test_secrets_stay_hidden(server, oauth, caplog, told):
    caplog.set_level(logging.DEBUG)
    server.reply(ANSWER)
    tokens = await oauth.exchange(server.base_url, CODE)
    texts = [repr(tokens), str(tokens)]
    for trouble in (lambda: server.reply({"detail": "no"}, status=400), server.close, lambda: server.reply(b"x")):
        trouble()
        with pytest.raises(GatewayError) as caught:
            await oauth.refresh(server.base_url, REFRESH)
        texts.append(told(caught.value))
    for secret in SECRETS:
        assert secret not in "\n".join(texts)
        assert secret not in caplog.text


CLIENT = "11111111-2222-3333-4444-555555555555"
UNINSTALL = "7043be2568d31fa59599a47411fbd3e427288254b5e75d8f75a04850fe3db624"


def test_the_uninstall_signature():
    assert verify_uninstall("client-secret", CLIENT, "12345678", UNINSTALL)


@pytest.mark.parametrize(
    ("secret", "client", "account", "signature"),
    [
        ("other", CLIENT, "12345678", UNINSTALL),
        ("client-secret", CLIENT, "12345679", UNINSTALL),
        ("client-secret", "", "12345678", UNINSTALL),
        ("client-secret", CLIENT, "12345678", ""),
        ("client-secret", CLIENT, "12345678", "подпись"),
    ],
)
def test_a_wrong_uninstall_signature(secret, client, account, signature):
    assert not verify_uninstall(secret, client, account, signature)
