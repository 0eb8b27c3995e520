"""A deal to which amoCRM attaches no more contacts (error 330): people are told, and no message is lost."""

from __future__ import annotations

import pytest

from dealgram.actors import texts
from dealgram.sandbox.amocrm import Switches as AmoSwitches


@pytest.fixture
def amo_switches() -> AmoSwitches:
    return AmoSwitches(rest_rate_per_s=None, contacts_per_lead=1)


async def test_who_finds_no_room_in_a_deal_speaks_in_the_groups_own_chat(stage):
    world = stage.world
    for person in (world.anna, world.igor, world.maria):
        stage.telegram.write(person, world.group, "Я здесь")
    await stage.settled()
    await stage.link(world.cafe)
    await stage.until(lambda: texts.DEAL_IS_FULL_LINE in stage.texts(world.cafe), "the line about the full deal")
    for person in (world.anna, world.igor, world.maria):
        stage.telegram.write(person, world.group, f"Пишет {person.first_name}")
    await stage.settled()

    assert len(stage.amo.contacts_of_lead(world.account, world.cafe)) == 1
    shown = stage.texts(world.cafe)
    assert shown.count(texts.DEAL_IS_FULL_LINE) == 1
    for person in (world.anna, world.igor, world.maria):
        assert sum(text.endswith(f"Пишет {person.first_name}") for text in shown) == 1
    outside = [text for text in shown if ": Пишет" in text]
    assert len(outside) == 3, "the group's own contact alone fills the deal"
    await stage.assert_undisturbed()
