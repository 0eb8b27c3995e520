"""A contact in several deals: which of them a chat is shown in when its contact is linked anew (contract §20.10)."""

from __future__ import annotations

import dataclasses

import pytest

from dealgram.sandbox.amocrm import AmoSimulator, Switches


@pytest.mark.parametrize(("position", "expected"), [("refreshes", "first"), ("keeps", "second")])
def test_a_repeated_link_makes_the_deal_the_latest_one_or_keeps_the_order(position, expected):
    amo = AmoSimulator(switches=Switches(repeated_link=position))
    account = amo.add_account("sever", "Север")
    pipeline = account.main_pipeline.id
    deals = {"first": amo.add_lead(account, "Первая", pipeline), "second": amo.add_lead(account, "Вторая", pipeline)}
    contact = amo.add_contact(account, "Анна")
    for deal in deals.values():
        amo.link(account, deal, contact)
    refresh = amo.switches.repeated_link == "refreshes"
    account.link(account.leads[deals["first"]], account.contacts[contact], refresh=refresh)
    assert list(account.contacts[contact].leads)[-1] == deals[expected]
    assert dataclasses.replace(amo.switches).repeated_link == position
