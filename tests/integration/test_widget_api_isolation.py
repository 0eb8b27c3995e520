"""Every route of the widget's API with another account's ids and users: nothing is shown, nothing is changed.

The routes are read out of the API's own document, so that a new one without a case fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import trio

from dealgram.http.api.application import whole_document
from dealgram.persistence import groups, records
from dealgram.persistence.records import Employee, Link

NOT_THERE = (404, "not_found")
NO_BOT = (404, "not_connected")


@dataclass
class Other:
    """Another account on the same service, and everything by which it could be named."""

    account: Any
    row: Any
    bot: Any
    group_id: int
    own_group_id: int
    """A group of the account that asks."""
    deal: int
    person: Any
    version: str

    @property
    def traces(self) -> tuple[str, ...]:
        """What must not be seen from outside."""
        return ("Юг", "yug", self.bot.token, "Секретная группа", "Чужая сделка", "Чужой клиент", "stranger_of_yug")


async def open_other(stage, widget_calls) -> Other:
    telegram, amo = stage.telegram, stage.amo
    account = amo.add_account("yug", "Агентство „Юг“")
    deal = amo.add_lead(account, "Чужая сделка", account.main_pipeline.id)
    bot = telegram.add_bot("Юг Продажи", "yug_sales_bot")
    person = telegram.add_person("Чужой клиент", username="stranger_of_yug")
    group = telegram.create_group("Секретная группа", person)
    row = await stage.playground.connect(stage.service, account, [(bot, account.main_pipeline)])
    telegram.add_member(group, bot, by=person)
    telegram.promote(group, bot)
    telegram.write(person, group, "Секретный текст")
    with trio.fail_after(20):
        while telegram.pending(bot):  # noqa: ASYNC110 - polled by the service
            await trio.sleep(0.01)
    await stage.quiet()
    db = stage.service.services.db
    [known] = await groups.for_account(db, row.account_id)
    await records.upsert(
        db,
        Link(account_id=row.account_id, group_id=known.group_id, deal_id=deal, deal_name="Чужая сделка"),
        Employee(account_id=row.account_id, user_id=person.id, amo_user_id=account.owner.id),
    )
    version = (await widget_calls(account.owner, account).get("/account"))["version"]
    [own] = await groups.for_account(db, stage.account.account_id)
    return Other(account, row, bot, known.group_id, own.group_id, deal, person, version)


async def everything_of(stage, account_id: int) -> dict[str, str]:
    """Every row of the account, in every table."""
    db = stage.service.services.db
    tables = await db.fetch(
        "SELECT c.relname AS name FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid"
        " WHERE a.attname = 'account_id' AND NOT a.attisdropped AND c.relkind = 'r'"
        " AND c.relnamespace = current_schema()::regnamespace"
    )
    return {
        table["name"]: await db.fetchval(
            f"SELECT string_agg(to_jsonb(t)::text, '\n' ORDER BY to_jsonb(t)::text) FROM {table['name']} AS t"
            " WHERE account_id = $1",
            account_id,
        )
        for table in tables
    }


Case = tuple[str, Any, tuple[int, str | None]]
"""Path and query, body, and the status and the code that are expected."""

CASES: Mapping[tuple[str, str], Callable[[Other, Any], list[Case]]] = {
    ("GET", "/account"): lambda *_: [("/account", None, (200, None))],
    ("PATCH", "/settings"): lambda *_: [
        ("/settings", {"notes": False, "account_id": 1}, (422, "invalid")),
        ("/settings?account_id=1", {"notes": False}, (422, "invalid")),
    ],
    ("POST", "/setup/retry"): lambda other, _: [
        ("/setup/retry", {"account_id": other.row.account_id}, (422, "invalid")),
    ],
    ("GET", "/pipelines"): lambda *_: [("/pipelines?fresh=1", None, (200, None))],
    ("GET", "/users"): lambda *_: [("/users", None, (200, None))],
    ("GET", "/people"): lambda other, _: [
        (f"/people?q={text}", None, (200, None)) for text in ("", "stranger", "Чужой", other.person.id)
    ],
    ("GET", "/employees"): lambda *_: [("/employees", None, (200, None))],
    ("POST", "/employees"): lambda other, world: [
        (
            "/employees",
            {"user_id": other.person.id, "amo_user_id": other.account.owner.id},
            (422, "unknown_user"),
        ),
        ("/employees", {"username": "stranger_of_yug", "amo_user_id": world.olga.id}, (422, "unknown_person")),
    ],
    ("DELETE", "/employees/{user_id}"): lambda other, _: [(f"/employees/{other.person.id}", None, (204, None))],
    ("GET", "/changes"): lambda other, _: [(f"/changes?since={other.version}", None, (200, None))],
    ("GET", "/bots"): lambda *_: [
        ("/bots", None, (200, None)),
        ("/bots?q=yug", None, (200, None)),
        ("/bots?q=Секретная", None, (200, None)),
    ],
    ("POST", "/bots/check"): lambda other, _: [("/bots/check", {"token": other.bot.token}, (200, None))],
    ("POST", "/bots"): lambda other, _: [
        ("/bots", {"token": other.bot.token}, (409, "connected_elsewhere")),
        ("/bots", {"token": other.bot.token, "take_over": True}, (409, "connected_elsewhere")),
    ],
    ("PATCH", "/bots/{bot_id}"): lambda other, _: [
        (f"/bots/{other.bot.id}", {"unsorted": True}, NO_BOT),
        (f"/bots/{other.bot.id}", {"token": other.bot.token}, NO_BOT),
    ],
    ("DELETE", "/bots/{bot_id}"): lambda other, _: [(f"/bots/{other.bot.id}", None, NO_BOT)],
    ("POST", "/bots/{bot_id}/check"): lambda other, _: [(f"/bots/{other.bot.id}/check", {}, NO_BOT)],
    ("POST", "/bots/{bot_id}/take-back"): lambda other, _: [(f"/bots/{other.bot.id}/take-back", {}, NO_BOT)],
    ("GET", "/bots/{bot_id}/groups"): lambda other, _: [(f"/bots/{other.bot.id}/groups", None, NO_BOT)],
    ("GET", "/groups"): lambda *_: [("/groups", None, (200, None)), ("/groups?q=Секретная", None, (200, None))],
    ("POST", "/groups/{group_id}/deals"): lambda other, world: [
        (f"/groups/{other.group_id}/deals", {"deal": world.cafe}, NOT_THERE),
        (f"/groups/{other.group_id}/deals", {"deal": other.deal}, NOT_THERE),
        (f"/groups/{other.own_group_id}/deals", {"deal": other.deal}, (422, "deal_not_found")),
    ],
    ("DELETE", "/groups/{group_id}/deals/{deal_id}"): lambda other, _: [
        (f"/groups/{other.group_id}/deals/{other.deal}", None, NOT_THERE),
        (f"/groups/{other.own_group_id}/deals/{other.deal}", None, (204, None)),
    ],
}


async def test_nothing_of_another_account_is_shown_or_changed(stage, widget_calls):
    routes = {
        (method.upper(), path) for path, found in json.loads(whole_document())["paths"].items() for method in found
    }
    assert routes == set(CASES), "a route without a case"
    other = await open_other(stage, widget_calls)
    await stage.quiet()
    call = widget_calls()
    before = await everything_of(stage, other.row.account_id)
    assert before["links"], "there is something to hide"
    asked = len(stage.amo.requests)
    for (method, path), made in CASES.items():
        for target, body, (status, code) in made(other, stage.world):
            answer = await call(method, target, body)
            assert answer.status_code == status, (method, target, answer.text)
            if status >= 400:
                assert answer.json()["error"]["code"] == code, (method, target, answer.text)
            # What the caller has sent may come back: the name of a bot whose token they hold.
            shown = answer.text if path not in ("/bots", "/bots/check") or method == "GET" else ""
            for trace in other.traces:
                assert trace not in shown, (method, target, answer.text)
            assert str(other.row.account_id) not in answer.text, (method, target)
            # The same with a token of the other account in the hands of somebody who is none of its users.
            if method != "GET":
                stranger = widget_calls(stage.world.olga, other.account)
                refused = await stranger(method, target, body)
                assert refused.status_code == 403, (method, target, refused.text)
                assert refused.json()["error"]["code"] == "not_admin", (method, target, refused.text)
    await stage.quiet()
    after = await everything_of(stage, other.row.account_id)
    uses = after.pop("token_uses"), before.pop("token_uses")
    assert uses[0] != uses[1], "the tokens of the stranger were used"
    assert after == before
    changed = [one for one in list(stage.amo.requests)[asked:] if one.account_id == other.account.id]
    assert {one.method for one in changed} <= {"GET"}, "nothing was written to the other account's amoCRM"
    stage.assert_clean()


async def test_a_token_opens_its_own_account_only_and_only_once(stage, widget_calls):
    other = await open_other(stage, widget_calls)
    call = widget_calls()
    token = call.token()
    page = stage.playground.url_of(other.account)
    answer = await call("GET", "/account", headers={"X-Auth-Token": token, "Origin": page})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
    assert "access-control-allow-origin" not in answer.headers
    answer = await call("GET", "/account", headers={"X-Auth-Token": token})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == call.origin
    answer = await call("GET", "/account", headers={"X-Auth-Token": token})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "token_used")
    assert await stage.count("SELECT count(*) FROM token_uses WHERE account_id = $1", stage.account.account_id) == 1


async def test_an_account_that_moved_or_went_is_treated_so(stage, widget_calls):
    call, world = widget_calls(), stage.world
    old = call.origin
    await stage.playground.rename_subdomain(world.account, "sever-new")
    assert call.origin != old
    seen = await call.get("/account")
    assert seen["account"]["subdomain"] == "sever-new"
    answer = await call("PATCH", "/settings", {"notes": False})
    assert answer.status_code == 200, answer.text

    services = stage.service.services
    await services.db.execute("UPDATE accounts SET status = 'reauthorise'")
    await services.registry.refresh()
    seen = await call.get("/account")
    assert seen["account"]["status"] == "reauthorise"
    assert seen["setup"]["authorise_url"].endswith("/oauth/start")
    answer = await call("PATCH", "/settings", {"notes": True})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "reauthorise")
    await services.db.execute("UPDATE accounts SET status = 'uninstalled'")
    await services.registry.refresh()
    answer = await call("GET", "/account")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "account_unknown")
    assert answer.json()["error"]["authorise_url"].endswith("/oauth/start")

    stranger = stage.amo.add_account("unknown", "Неизвестный")
    await stage.playground.open_host(stranger)
    answer = await widget_calls(stranger.owner, stranger)("GET", "/account")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "account_unknown")
    assert answer.headers["access-control-allow-origin"] == stage.playground.url_of(stranger)
