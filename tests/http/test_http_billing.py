"""/billing/v1 over a fake: who may call, what is refused, and that the document says what is served."""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import uuid
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import pytest
import trio

from dealgram.http.app import create_app
from dealgram.http.billing import SubscriptionOrder
from dealgram.http.seller_ports import BilledSubscription, RequestIdReusedError, SubscriptionChange
from dealgram.runtime import Transient

TOKEN = "the-token-of-the-billing"
URL = "/billing/v1/accounts/7/subscription"
GOOD = {"Authorization": f"Bearer {TOKEN}"}
UNTIL = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "billing.md"


def order(**change) -> dict:
    return {"request_id": str(uuid.uuid4())} | change


@dataclass
class FakeBilling:
    made: list[tuple] = field(default_factory=list)
    failure: Exception | None = None

    async def _answer(self, account_id: int) -> BilledSubscription | None:
        await trio.lowlevel.checkpoint()
        if self.failure is not None:
            raise self.failure
        if account_id != 7:
            return None
        change = SubscriptionChange(
            at=UNTIL, by="billing", change="trial", request_id=None, old_until=None, new_until=UNTIL
        )
        return BilledSubscription(
            account_id=7,
            state="trial",
            until=UNTIL,
            days_left=3,
            trial_until=UNTIL,
            paid_until=None,
            changes=(change,),
        )

    async def subscription(self, account_id: int) -> BilledSubscription | None:
        return await self._answer(account_id)

    async def extend(self, account_id: int, days: int, request_id: str) -> BilledSubscription | None:
        self.made.append((account_id, days, request_id))
        return await self._answer(account_id)

    async def set_until(self, account_id: int, until: dt.datetime, request_id: str) -> BilledSubscription | None:
        self.made.append((account_id, until, request_id))
        return await self._answer(account_id)


@pytest.fixture
def billing():
    return FakeBilling()


@pytest.fixture
async def served(serve_world, services, billing):
    return await serve_world(services, billing=billing, billing_token=TOKEN, commit_deadline_s=0.2, trusted_proxies=1)


async def test_it_shows_and_changes(served, billing):
    shown = await served.client.get(URL, headers=GOOD)
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    assert shown.json() == {
        "account_id": 7,
        "state": "trial",
        "until": "2026-01-15T00:00:00Z",
        "days_left": 3,
        "trial_until": "2026-01-15T00:00:00Z",
        "paid_until": None,
        "changes": [
            {
                "at": "2026-01-15T00:00:00Z",
                "by": "billing",
                "change": "trial",
                "request_id": None,
                "old_until": None,
                "new_until": "2026-01-15T00:00:00Z",
            }
        ],
    }
    one, two = order(extend_days=30), order(until="2026-02-01T03:00:00+03:00")
    for body in (one, two):
        assert (await served.client.post(URL, headers=GOOD, json=body)).json() == shown.json()
    february = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    assert billing.made == [(7, 30, one["request_id"]), (7, february, two["request_id"])]
    assert billing.made[1][1].tzinfo is dt.UTC


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x", "Bearer \xe9"]
)
async def test_it_needs_the_token(served, billing, authorization, caplog):
    caplog.set_level(logging.DEBUG)
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    for answer in (
        await served.client.get(URL, headers=headers),
        await served.client.post(URL, headers=headers, json=order(extend_days=1)),
        await served.client.get(URL.replace("7", "none"), headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "unauthorised"
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert billing.made == []
    assert TOKEN not in caplog.text


async def test_guessing_is_slowed_and_the_right_token_is_not(served):
    somewhere = {"X-Forwarded-For": "93.184.216.34"}
    guesses = ({"Authorization": f"Bearer {number}"} | somewhere for number in range(21))
    answers = [await served.client.get(URL, headers=headers) for headers in guesses]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await served.client.get(URL, headers=GOOD | somewhere)).status_code == 200


@pytest.mark.parametrize("account", ["8", "0", "-1", "x", "9" * 20, "7.0", "٧"])
async def test_an_account_that_nobody_knows_is_not_found(served, account):
    url = f"/billing/v1/accounts/{account}/subscription"
    for answer in (
        await served.client.get(url, headers=GOOD),
        await served.client.post(url, headers=GOOD, json=order(extend_days=1)),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


BAD = [
    {},
    {"extend_days": 1},
    order(),
    order(extend_days=1, until="2026-02-01T00:00:00Z"),
    order(extend_days=0),
    order(extend_days=-5),
    order(extend_days=3651),
    order(extend_days="30"),
    order(extend_days=1.5),
    order(extend_days=True),
    order(until="2026-02-01T00:00:00"),
    order(until="2026-02-01"),
    order(until="tomorrow"),
    order(until=1767225600),
    order(until="2201-01-01T00:00:00Z"),
    order(until="9999-12-31T23:59:59-12:00"),
    order(until="0001-01-01T00:00:00+12:00"),
    order(extend_days=1, request_id="7"),
    order(extend_days=1, account_id=8),
    [order(extend_days=1)],
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
async def test_an_order_that_makes_no_sense_is_refused(served, billing, body):
    answer = await served.client.post(URL, headers=GOOD, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (422, "invalid")
    assert re.search(r"[а-я].*\.$", error["message"])
    assert billing.made == []


async def test_what_cannot_be_done_is_said(served, billing):
    for failure, status, code in (
        (RequestIdReusedError(), 422, "request_id_reused"),
        (Transient("no database"), 503, "unavailable"),
    ):
        billing.failure = failure
        answer = await served.client.post(URL, headers=GOOD, json=order(extend_days=1))
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert "retry-after" in answer.headers


async def test_without_the_setting_there_is_no_such_address(serve_world, services, billing):
    for changes in ({"billing": billing}, {"billing_token": TOKEN}):
        world = await serve_world(services, **changes)
        assert (await world.client.get(URL, headers=GOOD)).status_code == 404


async def test_the_document_says_what_is_served(services, billing):
    await trio.lowlevel.checkpoint()
    found = re.search(r"```json\n(.*?)\n```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    document = json.loads(found[1])
    app = create_app(replace(services, billing=billing, billing_token=TOKEN))
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/billing/")]
    (path,) = document["paths"]
    assert {rule.rule.replace("<", "{").replace(">", "}") for rule in rules} == {path}
    methods = {method for rule in rules for method in rule.methods} - {"HEAD"}
    assert {method.upper() for method in document["paths"][path]} - {"PARAMETERS"} == methods
    schemas = document["components"]["schemas"]
    assert set(schemas["SubscriptionOrder"]["properties"]) == set(SubscriptionOrder.__struct_fields__)
    for kind in (BilledSubscription, SubscriptionChange):
        names = {each.name for each in fields(kind)}
        assert set(schemas[kind.__name__]["properties"]) == set(schemas[kind.__name__]["required"]) == names
