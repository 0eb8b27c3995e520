"""GET /health/accounts: what operators see of the accounts, and who may see it."""

from __future__ import annotations

import datetime as dt

import pytest

from dealgram.http.account_ports import (
    AccountFigures,
    AccountHealth,
    AccountsPage,
    BotHealth,
    FailedInstallation,
    StepHealth,
    SubscriptionHealth,
)
from dealgram.runtime import Transient

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
PAGE = AccountsPage(
    total=1,
    by_status={"reauthorise": 1},
    with_trouble=1,
    by_subscription={"lapsed": 1},
    accounts=(
        AccountHealth(
            account_id=7,
            name="Кухни",
            subdomain="kuhni",
            status="reauthorise",
            status_text="Нужна повторная авторизация",
            steps=(StepHealth(step="users", title="Пользователи", state="failed", detail="нет прав", updated_at=AT),),
            bots=(BotHealth(bot_id=3, username="bot", status="active", intake="polling", troubles={"privacy": {}}),),
            trouble="unpaid",
            trouble_detail="не оплачен",
            trouble_since=AT,
            reauthorise_since=AT,
            uninstalled_at=None,
            subscription=SubscriptionHealth(state="lapsed", until=AT, days_left=0, dropped=3),
        ),
    ),
    failed_installations=(FailedInstallation(host="https://a.amocrm.ru", detail="код устарел", at=AT),),
    authorise_url="https://dealgram.example/oauth/start",
)


async def test_an_account_is_shown_with_its_steps_troubles_bots_and_the_way_out(world):
    world.accounts.page = PAGE
    answer = (await world.client.get("/health/accounts", params={"status": "reauthorise", "q": "кух"})).json()
    assert world.accounts.asked == {"status": "reauthorise", "text": "кух", "limit": 100, "offset": 0}
    assert answer["summary"] == {
        "by_status": {"reauthorise": 1},
        "with_trouble": 1,
        "by_subscription": {"lapsed": 1},
    }
    assert answer["accounts"][0]["subscription"] == {
        "state": "lapsed",
        "until": "2026-01-01T00:00:00.000Z",
        "days_left": 0,
        "dropped": 3,
    }
    (account,) = answer["accounts"]
    assert account["reauthorise_url"] == "https://dealgram.example/oauth/start"
    assert account["trouble"] == {"code": "unpaid", "detail": "не оплачен", "since": "2026-01-01T00:00:00.000Z"}
    assert account["setup"][0]["detail"] == "нет прав"
    assert account["bots"][0]["troubles"] == {"privacy": {}}
    assert answer["failed_installations"][0]["detail"] == "код устарел"


async def test_the_page_is_behind_the_operators_token(serve_world, services):
    world = await serve_world(services, ops_token="a-long-token")
    assert (await world.client.get("/health/accounts")).status_code == 401
    headers = {"Authorization": "Bearer a-long-token"}
    assert (await world.client.get("/health/accounts", headers=headers)).status_code == 200


@pytest.mark.parametrize("query", ["status=good", "limit=0", "offset=-1", "status=", "page=2", "q=a&q=b"])
async def test_wrong_filters_are_refused(world, query):
    assert (await world.client.get(f"/health/accounts?{query}")).status_code == 400


async def test_without_the_database_the_page_says_so(world):
    async def fail() -> None:
        raise Transient("no connection")

    world.accounts.commit = fail
    assert (await world.client.get("/health/accounts")).status_code == 503


async def test_the_metrics_count_accounts_and_failed_steps(world):
    world.accounts.figures = AccountFigures(
        by_status={"active": 2, "reauthorise": 1},
        with_trouble=1,
        failed_steps=3,
        by_subscription={"trial": 4, "lapsed": 5},
    )
    text = await world.scrape()
    assert 'dealgram_accounts{status="active"} 2.0' in text
    assert 'dealgram_accounts{status="uninstalled"} 0.0' in text
    assert "dealgram_accounts_in_trouble 1.0" in text
    assert 'dealgram_subscriptions{state="trial"} 4.0' in text
    assert 'dealgram_subscriptions{state="active"} 0.0' in text
    assert 'dealgram_subscriptions{state="lapsed"} 5.0' in text
    assert "dealgram_setup_steps_failed 3.0" in text
