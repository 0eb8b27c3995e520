"""Installing the integration: from the widget and from the button, killed at every step, by several administrators."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import trio

from dealgram.actors.accounts import setup_texts
from dealgram.actors.accounts.account_setup import STEPS
from dealgram.actors.accounts.installation import InstallationError
from dealgram.actors.accounts.installing import install_key
from dealgram.persistence import accounts, setup_steps, users
from dealgram.service import open_service


def test_every_step_has_its_name_for_people():
    assert set(setup_texts.STEP_TITLES) == set(STEPS)


async def states(service, account_id: int) -> dict[str, str]:
    return {step.step: step.state for step in await setup_steps.for_account(service.services.db, account_id)}


async def row_of(service, account) -> accounts.Account:
    row = await accounts.get(service.services.db, account.id)
    assert row is not None
    return row


def key_of(call) -> str:
    (code,) = parse_qs(urlsplit(call.url).query)["code"]
    return install_key(code)


async def test_a_widget_that_is_switched_on_sets_everything_up(empty_stage, running):
    account = empty_stage.world.account
    async with running(empty_stage) as service:
        row = await empty_stage.playground.connect_account(service, account)
        assert await states(service, account.id) == dict.fromkeys(STEPS, "done")
        assert (row.status, row.subdomain, row.host) == ("active", account.subdomain, f"http://{account.host}")
        assert row.api_domain == empty_stage.amo.api_host
        assert row.scope_id == empty_stage.amo.scope_id(account)
        assert row.drive_url is not None
        assert account.is_connected
        fields = {field.code: (field.id, field.type) for field in account.fields.values() if field.entity == "contacts"}
        assert fields["TELEGRAM_ID"] == (row.telegram_field_id, "text")
        assert fields["TELEGRAM_LINK"] == (row.link_field_id, "url")
        (hook,) = account.webhooks.values()
        assert hook.destination.endswith(f"/amocrm/hooks/{row.hook_key}")
        assert len(row.hook_key) >= 32
        known = await users.for_account(service.services.db, account.id)
        assert {user.user_id for user in known} == set(account.users)
    empty_stage.assert_clean()


async def test_the_button_goes_by_the_consent_page_and_its_page_shows_the_progress(empty_stage, running):
    account = empty_stage.world.account
    async with running(empty_stage) as service:
        await empty_stage.playground.open_host(account)
        base = service.services.public_url
        async with httpx.AsyncClient(headers={"Accept": "text/html"}, timeout=30) as browser:
            started = await browser.get(f"{base}/oauth/start")
            back = empty_stage.amo.consent_at(started.headers["Location"], account)
            (code,) = parse_qs(urlsplit(back).query)["code"]
            answer = await browser.get(back)
            assert answer.status_code == 303
            page = str(answer.url.join(answer.headers["Location"]))
            await empty_stage.playground.set_up(service, install_key(code))
            shown = await browser.get(page)
            assert "Всё готово" in shown.text
            assert account.name in shown.text
            assert code not in page + shown.text
            # The same address once more, say by the back button: nothing is done twice.
            assert (await browser.get(back)).status_code == 303
            await empty_stage.quiet()
            health = (await browser.get(f"{base}/health/accounts")).json()
            (shown_account,) = health["accounts"]
            assert [step["state"] for step in shown_account["setup"]] == ["done"] * len(STEPS)
            assert health["authorise_url"] == f"{base}/oauth/start"
    exchanges = [call for call in empty_stage.amo.requests if call.path == "/oauth2/access_token"]
    assert len(exchanges) == 1
    empty_stage.assert_clean()


MOMENTS = [
    "account.get",
    "users.get",
    "amojo.connect",
    "fields.contacts.list",
    "fields.contacts.create",
    "webhooks.subscribe",
    "users.list",
]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_killed_at_any_step_the_next_life_finishes_the_installation(empty_stage, running, moment):
    account = empty_stage.world.account
    await empty_stage.playground.open_host(account)
    reached = trio.Event()
    order = empty_stage.amo.faults.delay(moment, seconds=60, when=lambda _: reached.set() is None)
    with trio.CancelScope() as life:  # what is cancelled says no good-bye: no drain, no last commit
        async with open_service(empty_stage.settings) as service, trio.open_nursery() as nursery:
            bound = await nursery.start(service.run)
            empty_stage.playground.send_hooks_to(bound.url)
            call = await empty_stage.amo.install(account)
            assert call.status == 200
            with trio.fail_after(30):
                await reached.wait()
            life.cancel()
    order.cancel()
    async with running(empty_stage) as service:
        await empty_stage.playground.set_up(service, key_of(call))
        assert await states(service, account.id) == dict.fromkeys(STEPS, "done")
        assert len([field for field in account.fields.values() if field.code == "TELEGRAM_ID"]) == 1
    empty_stage.assert_clean()


async def test_a_code_whose_exchange_was_lost_ends_visibly(empty_stage, running):
    account = empty_stage.world.account
    empty_stage.amo.faults.drop_after("oauth.access_token")
    async with running(empty_stage) as service:
        with pytest.raises(InstallationError, match="Подключите аккаунт ещё раз"):
            await empty_stage.playground.connect_account(service, account)
        async with httpx.AsyncClient(timeout=30) as operator:
            health = (await operator.get(f"{service.services.public_url}/health/accounts")).json()
        assert health["accounts"] == []
        assert health["failed_installations"][0]["detail"] == setup_texts.CODE_REFUSED
        # The way out: once more.
        assert (await empty_stage.playground.connect_account(service, account)).status == "active"


async def test_a_step_that_amocrm_refuses_is_shown_and_the_others_go_on(empty_stage, running):
    account = empty_stage.world.account
    problem = {"title": "Forbidden", "status": 403, "detail": "tariff"}
    refused = empty_stage.amo.faults.answer("webhooks.subscribe", status=403, body=problem, times=None)
    async with running(empty_stage) as service:
        await empty_stage.playground.connect_account(service, account)
        assert await states(service, account.id) == dict.fromkeys(STEPS, "done") | {"webhooks": "failed"}
        steps = {step.step: step for step in await setup_steps.for_account(service.services.db, account.id)}
        assert steps["webhooks"].detail == setup_texts.HOOKS_FORBIDDEN
        refused.cancel()
        # Another installation (or a check-up) does what was left.
        await empty_stage.playground.connect_account(service, account)
        assert await states(service, account.id) == dict.fromkeys(STEPS, "done")


async def test_a_later_administrator_replaces_the_tokens_and_a_plain_user_does_not(stage):
    service, account = stage.service, stage.world.account
    before = await row_of(service, account)
    olga = stage.amo.add_user(account, "Второй администратор", is_admin=True)
    call = await stage.amo.install(account, olga)
    after = await stage.playground.set_up(service, key_of(call))
    assert after.refresh_token != before.refresh_token
    assert (after.hook_key, after.scope_id, after.settings) == (before.hook_key, before.scope_id, before.settings)

    plain = stage.amo.add_user(account, "Менеджер")
    code = stage.amo.issue_code(account, plain)
    query = {"code": code, "referer": account.host, "from_widget": "1"}
    async with httpx.AsyncClient(timeout=30) as client:
        assert (await client.get(stage.amo.redirect_url, params=query)).status_code == 200
    with pytest.raises(InstallationError, match="не администратор"):
        await stage.playground.set_up(service, install_key(code))
    assert (await row_of(service, account)).refresh_token == after.refresh_token
    stage.telegram.write(stage.world.igor, stage.world.sales_bot, "Всё работает?")
    await stage.in_card(stage.world.igor, "Всё работает?")


async def test_users_who_left_become_inactive(stage):
    service, account = stage.service, stage.world.account
    gone = stage.amo.add_user(account, "Уволенный")
    await stage.playground.connect_account(service, account)
    del account.users[gone.id]
    await stage.playground.connect_account(service, account)
    known = {user.user_id: user.is_active for user in await users.for_account(service.services.db, account.id)}
    assert known[gone.id] is False
    assert all(known[user] for user in account.users)
