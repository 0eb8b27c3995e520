"""The service is stopped in the middle of opening a private chat, at every step: the next life finishes it once."""

from __future__ import annotations

import pytest

from dealgram.sandbox.amocrm import Switches as AmoSwitches

STEPS = ("amojo.chats", "contacts.chats", "contacts.create", "leads.create", "contacts.link_chats", "amojo.send")


@pytest.fixture
def amo_switches() -> AmoSwitches:
    # What was made a moment ago is not found: neither by a restarted service nor by another bot.
    return AmoSwitches(rest_rate_per_s=None, search_lag_s=3600.0)


@pytest.mark.parametrize("step", STEPS)
async def test_one_deal_and_one_contact_whenever_it_stops(empty_stage, connected, running, step):
    stage, world = empty_stage, empty_stage.world
    stage.settings = stage.settings.model_copy(update={"drain_s": 0.1})
    async with connected(stage):
        await stage.settled()
        order = stage.amo.faults.delay(step, seconds=3600, after_work=True)
        stage.telegram.write(world.anna, world.sales_bot, "Добрый день")
        await stage.taken(order)
    stage.amo.faults.clear()
    async with running(stage):
        stage.telegram.write(world.anna, world.service_bot, "И в сервис")
        await stage.in_card(world.anna, "Добрый день")
        await stage.in_card(world.anna, "И в сервис", world.service_bot)
        await stage.quiet()
        account = world.account
        mine = [one for one in account.contacts if stage.amo.contact_value(account, one, "TELEGRAM_ID")]
        values = [stage.amo.contact_value(account, one, "TELEGRAM_ID") for one in mine]
        assert values == [str(world.anna.id)]
        (deal,) = [lead for lead in account.leads.values() if lead.id not in world.deals]
        assert sorted(stage.texts(deal.id)) == ["Добрый день", "И в сервис"]
        assert stage.amo.unsorted(account) == []
        await stage.assert_undisturbed()
