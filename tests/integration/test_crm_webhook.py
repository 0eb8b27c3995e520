"""The account's subscription to CRM events when our public address changes, and when the account is full of others'."""

from __future__ import annotations

import pytest

from dealgram.actors.accounts import setup_texts
from dealgram.actors.accounts.account_setup import carry_out
from dealgram.actors.accounts.crm_webhook import MOST, hook_address
from dealgram.persistence import accounts


@pytest.fixture
async def subscribed(stage):
    """The stage, its account's webhooks, and the address of ours among them."""
    account = stage.world.account
    row = await accounts.get(stage.service.services.db, account.id)
    ours = hook_address(stage.service.services.public_url, row.hook_key)
    assert list(account.webhooks) == [ours]
    return stage, account, ours, row.hook_key


async def test_subscriptions_to_former_addresses_of_ours_are_ended_and_no_others(subscribed):
    stage, account, ours, key = subscribed
    former = f"https://old.example/amocrm/hooks/{key}"
    others = [
        "https://old.example/amocrm/hooks/of-another-account",
        "https://crm.example/hook",
        f"https://crm.example/watch?what=/amocrm/hooks/{key}",
    ]
    for destination in (former, *others):
        stage.amo.add_webhook(account, destination, "update_lead")
    step = await carry_out(stage.service.services, account.id, "webhooks")
    assert step.state == "done"
    assert sorted(account.webhooks) == sorted([ours, *others])
    stage.assert_clean()


async def test_an_account_that_is_full_of_webhooks_is_told_so(subscribed):
    stage, account, ours, key = subscribed
    del account.webhooks[ours]
    for number in range(MOST):
        stage.amo.add_webhook(account, f"https://crm.example/{number}", "update_lead")
    step = await carry_out(stage.service.services, account.id, "webhooks")
    assert (step.state, step.detail) == ("failed", setup_texts.TOO_MANY_HOOKS)
    assert len(account.webhooks) == MOST

    # One of the hundred is a former one of ours: it makes room.
    del account.webhooks["https://crm.example/7"]
    stage.amo.add_webhook(account, f"https://old.example/amocrm/hooks/{key}", "update_lead")
    step = await carry_out(stage.service.services, account.id, "webhooks")
    assert step.state == "done"
    assert ours in account.webhooks
    assert len(account.webhooks) == MOST
    assert all("old.example" not in destination for destination in account.webhooks)
    stage.assert_clean()


async def test_another_refusal_is_not_blamed_on_the_number(subscribed):
    stage, account, _, _ = subscribed
    problem = {"title": "Unprocessable", "status": 422, "detail": "the address is not reachable"}
    stage.amo.faults.answer("webhooks.subscribe", status=422, body=problem)
    step = await carry_out(stage.service.services, account.id, "webhooks")
    assert step.state == "failed"
    assert "the address is not reachable" in step.detail
