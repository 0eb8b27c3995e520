"""OAuth: codes, rotation, expiry; what a bearer token opens; the pace; faults of requests."""

from __future__ import annotations

from typing import Any

import httpx
import jwt
import pytest


def exchange(**changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "client_id": "client",
        "client_secret": "client-secret",
        "grant_type": "authorization_code",
        "redirect_uri": "https://example.com/cb",
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


async def ask(amo: Any, **changes: Any) -> httpx.Response:
    answer: httpx.Response = await amo.client.post("/oauth2/access_token", json=exchange(**changes))
    return answer


async def test_a_code_works_once(amo: Any) -> None:
    code = amo.sim.issue_code(amo.account)
    answer = await ask(amo, code=code)
    assert answer.status_code == 200
    pair = answer.json()
    assert (pair["token_type"], pair["expires_in"], pair["server_time"]) == ("Bearer", 86_400, int(amo.time))
    claims = jwt.decode(pair["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["sub"]) == ("client", str(amo.account.owner.id))
    assert (claims["iat"], claims["exp"]) == (int(amo.time), int(amo.time) + 86_400)
    assert (claims["account_id"], claims["base_domain"], claims["api_domain"]) == (
        amo.account.id,
        "amocrm.ru",
        "api-b.amocrm.ru",
    )
    account = await amo.rest("GET", "account", token=pair["access_token"])
    assert account.json()["id"] == amo.account.id
    again = await ask(amo, code=code)
    assert again.status_code == 400
    assert again.headers["content-type"].startswith("application/problem+json")


async def test_a_code_lives_twenty_minutes(amo: Any) -> None:
    code = amo.sim.issue_code(amo.account)
    amo.time += 1201
    assert (await ask(amo, code=code)).status_code == 400
    assert "expired" in amo.last_violation()


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"client_secret": "other"},
        {"redirect_uri": "https://example.com/cb/"},
        {"redirect_uri": None},
        {"grant_type": "password"},
        {"code": None},
        {"code": 5},
        {"extra": 1},
    ],
)
async def test_a_wrong_exchange_does_not_use_the_code(amo: Any, changes: dict[str, Any]) -> None:
    code = amo.sim.issue_code(amo.account)
    assert (await ask(amo, **{"code": code, **changes})).status_code == 400
    assert (await ask(amo, code=code)).status_code == 200


async def test_refresh_tokens_rotate_and_access_tokens_expire(amo: Any) -> None:
    first = (await ask(amo, code=amo.sim.issue_code(amo.account))).json()
    second = (await ask(amo, grant_type="refresh_token", refresh_token=first["refresh_token"])).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert (await ask(amo, grant_type="refresh_token", refresh_token=first["refresh_token"])).status_code == 400
    assert (await amo.rest("GET", "account", token=first["access_token"])).status_code == 200
    amo.time += 86_401
    expired = await amo.rest("GET", "account", token=second["access_token"])
    assert expired.status_code == 401
    assert expired.headers["content-type"].startswith("application/problem+json")
    assert expired.json()["title"] == "Unauthorized"
    third = await ask(amo, grant_type="refresh_token", refresh_token=second["refresh_token"])
    assert (await amo.rest("GET", "account", token=third.json()["access_token"])).status_code == 200
    amo.time += 91 * 86_400
    late = await ask(amo, grant_type="refresh_token", refresh_token=third.json()["refresh_token"])
    assert late.status_code == 400


async def test_uninstalling_revokes_everything(amo: Any) -> None:
    access, refresh = amo.sim.issue_tokens(amo.account)
    code = amo.sim.issue_code(amo.account)
    stranger = amo.sim.add_account("vasilek", "Василёк")
    other = amo.sim.issue_tokens(stranger)[0]
    amo.sim.uninstall(amo.account)
    assert (await amo.rest("GET", "account", token=access)).status_code == 401
    assert (await ask(amo, grant_type="refresh_token", refresh_token=refresh)).status_code == 400
    assert (await ask(amo, code=code)).status_code == 400
    assert (await amo.event(amo.payload())).status_code == 404
    assert (await amo.rest("GET", "account", token=other)).json()["subdomain"] == "vasilek"


@pytest.mark.parametrize("position", ["kept", "forgotten"])
async def test_what_a_reinstallation_finds_is_a_switch(amo: Any, position: str) -> None:
    amo.switch(after_uninstall=position)
    await amo.rest("POST", "sources", [{"name": "Бот", "external_id": "tgb-1"}])
    before = await amo.send(msgid="m1")
    scope = amo.scope
    amo.sim.uninstall(amo.account)
    amo.token = amo.sim.issue_tokens(amo.account)[0]
    connect = {"account_id": amo.account.amojo_id, "hook_api_version": "v2"}
    again = await amo.signed("POST", f"{amo.sim.channel.id}/connect", connect)
    assert again.json()["scope_id"] == scope
    after = await amo.send(msgid="m1")
    assert (after == before) is (position == "kept")
    assert (await amo.rest("GET", "sources")).status_code == (200 if position == "kept" else 204)


async def test_subdomain_by_refresh_token(amo: Any) -> None:
    _, refresh = amo.sim.issue_tokens(amo.account)
    path = "/oauth2/account/current/subdomain"
    answer = await amo.client.get(path, headers={"X-Refresh-Token": refresh})
    assert answer.json() == {
        "id": amo.account.id,
        "subdomain": "romashka",
        "domain": "romashka.amocrm.ru",
        "top_level_domain": "ru",
    }
    assert (await ask(amo, grant_type="refresh_token", refresh_token=refresh)).status_code == 200
    assert (await amo.client.get(path, headers={"X-Refresh-Token": refresh})).status_code == 401
    assert (await amo.client.get(path)).status_code == 401


HERE = {"Host": "127.0.0.1:7001"}
THERE = {"Host": "127.0.0.1:7002"}


async def refresh_at(amo: Any, host: dict[str, str], token: str) -> httpx.Response:
    body = exchange(grant_type="refresh_token", refresh_token=token)
    answer: httpx.Response = await amo.client.post("/oauth2/access_token", json=body, headers=host)
    return answer


async def test_a_host_serves_its_own_account_only(amo: Any) -> None:
    stranger = amo.sim.add_account("vasilek", "Василёк")
    amo.sim.serve_at(amo.account, HERE["Host"])
    amo.sim.serve_at(stranger, THERE["Host"])
    with pytest.raises(ValueError, match="taken"):
        amo.sim.serve_at(stranger, HERE["Host"])
    at_home = await amo.rest("GET", "account", headers=HERE)
    assert at_home.json()["_links"]["self"]["href"] == "http://127.0.0.1:7001/api/v4/account"
    assert (await amo.rest("GET", "account", headers=THERE)).status_code == 401
    assert (await amo.rest("GET", "account")).status_code == 200  # the test's port is nobody's own
    code = amo.sim.issue_code(amo.account)
    wrong = await amo.client.post("/oauth2/access_token", json=exchange(code=code), headers=THERE)
    assert wrong.status_code == 400
    right = await amo.client.post("/oauth2/access_token", json=exchange(code=code), headers=HERE)
    assert right.status_code == 200


@pytest.mark.parametrize("status", [401, 404])
async def test_an_account_that_moved_is_found_by_its_refresh_token(amo: Any, status: int) -> None:
    amo.switch(foreign_host_status=status)
    amo.sim.api_host = "127.0.0.1:7000"
    amo.sim.serve_at(amo.account, HERE["Host"])
    access, refresh = amo.sim.issue_tokens(amo.account)
    assert jwt.decode(access, options={"verify_signature": False})["api_domain"] == "127.0.0.1:7000"
    amo.sim.rename_subdomain(amo.account, "lutik", THERE["Host"])
    assert (await refresh_at(amo, HERE, refresh)).status_code == status
    assert (await amo.rest("GET", "account", headers=HERE, token=access)).status_code == status
    path, asking = "/oauth2/account/current/subdomain", {"X-Refresh-Token": refresh}
    assert (await amo.client.get(path, headers={**asking, **THERE})).status_code == 404
    found = await amo.client.get(path, headers={**asking, "Host": "127.0.0.1:7000"})
    assert (found.json()["subdomain"], found.json()["domain"]) == ("lutik", THERE["Host"])
    assert (await amo.rest("GET", "account", headers=THERE, token=access)).json()["subdomain"] == "lutik"
    assert (await refresh_at(amo, THERE, refresh)).status_code == 200


async def test_two_administrators_have_two_pairs(amo: Any) -> None:
    second = amo.sim.add_user(amo.account, "Пётр", is_admin=True)
    pairs = [amo.sim.issue_tokens(amo.account), amo.sim.issue_tokens(amo.account, second)]
    assert len({len(refresh) for _, refresh in pairs}) == 2, "the length of a refresh token is not to be relied on"
    amo.time += 60
    assert (await ask(amo, grant_type="refresh_token", refresh_token=pairs[0][1])).status_code == 200
    for access, _ in pairs:
        assert (await amo.rest("GET", "account", token=access)).status_code == 200
    assert (await ask(amo, grant_type="refresh_token", refresh_token=pairs[1][1])).status_code == 200
    amo.sim.revoke_tokens(amo.account)
    for access, _ in pairs:
        assert (await amo.rest("GET", "account", token=access)).status_code == 401


async def test_bearer_tokens(amo: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Basic {amo.token}"}):
        assert (await amo.client.get("/api/v4/account", headers=headers)).status_code == 401
        assert (await amo.client.get("/api/v4/sources", headers=headers)).status_code == 403
    assert len(amo.sim.violations) == 6


async def test_unpaid_account_and_switched_off_user(amo: Any) -> None:
    amo.sim.set_paid(amo.account, False)
    assert (await amo.rest("GET", "account")).status_code == 402
    amo.sim.set_paid(amo.account, True)
    amo.account.owner.is_active = False
    answer = await amo.rest("GET", "account")
    assert (answer.status_code, answer.json()["code"]) == (401, 112)


async def test_rights(amo: Any) -> None:
    plain = amo.sim.issue_tokens(amo.account, amo.sim.add_user(amo.account, "Пётр"))[0]
    for method, path in [("GET", "users"), ("GET", "sources"), ("POST", "contacts/chats"), ("POST", "webhooks")]:
        assert (await amo.rest(method, path, token=plain)).status_code == 403
    assert (await amo.rest("GET", "leads/pipelines", token=plain)).status_code == 200
    assert (await amo.rest("POST", "contacts", [{"name": "А"}], token=plain)).status_code == 200


async def test_unknown_methods(amo: Any) -> None:
    assert (await amo.rest("GET", "companies")).status_code == 404
    lead = amo.sim.add_lead(amo.account, "Сделка")
    assert (await amo.rest("DELETE", f"leads/{lead}")).status_code == 405
    assert (await amo.client.get("/elsewhere")).status_code == 404
    assert len(amo.sim.violations) == 3
    with pytest.raises(AssertionError, match="companies"):
        amo.sim.assert_clean()


async def test_the_pace_is_a_switch(amo: Any) -> None:
    for _ in range(20):
        assert (await amo.rest("GET", "account")).status_code == 200
    amo.switch(rest_rate_per_s=7.0, rest_retry_after_s=2, rest_block_after=3)
    codes = [(await amo.rest("GET", "account")).status_code for _ in range(8)]
    assert codes == [200] * 7 + [429]
    amo.time += 1.0
    for _ in range(7):
        assert (await amo.rest("GET", "account")).status_code == 200
    slow = await amo.rest("GET", "account")
    assert (slow.status_code, slow.json()["retry_after"]) == (429, 2)
    blocked = await amo.rest("GET", "account")
    assert blocked.status_code == 403
    assert blocked.headers["content-type"].startswith("text/html")
    amo.time += 59
    assert (await amo.rest("GET", "account")).status_code == 403
    stranger = amo.sim.issue_tokens(amo.sim.add_account("vasilek", "Василёк"))[0]
    assert (await amo.rest("GET", "account", token=stranger)).status_code == 200
    amo.time += 2
    assert (await amo.rest("GET", "account")).status_code == 200


async def test_ordered_faults_are_no_violations(amo: Any) -> None:
    amo.sim.faults.answer("contacts.create", status=502, after_work=True)
    amo.sim.faults.answer("leads.get", status=429, body={"retry_after": 1})
    lead = amo.sim.add_lead(amo.account, "Сделка")
    assert (await amo.rest("POST", "contacts", [{"name": "А"}])).status_code == 502
    assert [one.name for one in amo.account.contacts.values()] == ["А"]
    assert (await amo.rest("GET", f"leads/{lead}")).json() == {"retry_after": 1}
    assert (await amo.rest("GET", f"leads/{lead}")).status_code == 200
    amo.sim.assert_clean()


async def test_a_message_is_kept_though_its_answer_is_lost(amo: Any) -> None:
    amo.sim.faults.drop_after("amojo.send", when=lambda facts: facts["account_id"] == amo.account.id)
    amo.sim.faults.drop_before("amojo.send")
    payload = amo.payload(msgid="once")
    for _ in range(2):
        with pytest.raises(httpx.TransportError):
            await amo.event(payload)
    answer = await amo.event(payload)
    assert answer.status_code == 200
    chat = amo.sim.chat(amo.account, "p1-9001").uuid
    assert [one.msgid for one in amo.sim.history(amo.account, chat)] == ["once"]
    amo.sim.assert_clean()


async def test_requests_are_logged(amo: Any) -> None:
    await amo.rest("GET", "contacts?query=x")
    last = amo.sim.requests[-1]
    assert (last.operation, last.query, last.status, last.account_id) == (
        "contacts.list",
        "query=x",
        204,
        amo.account.id,
    )
    for _ in range(3):
        await amo.rest("GET", "nowhere")
    amo.sim.world.violations_dropped = 0
    amo.sim.violations.extend("x" for _ in range(1000 - len(amo.sim.violations)))
    await amo.rest("GET", "nowhere")
    assert (len(amo.sim.violations), amo.sim.world.violations_dropped) == (1000, 1)
