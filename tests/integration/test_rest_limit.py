"""amoCRM's own limit of REST requests, as the simulator enforces it: kept by default, survived when it is not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from dealgram.gateways.breaker import Pauses
from dealgram.gateways.gate_policy import GatePolicy, Service
from dealgram.sandbox.amocrm import Switches

PEOPLE = 4


def statuses(stage) -> Counter[int]:
    """How amoCRM answered REST so far."""
    return Counter(one.status for one in stage.amo.requests if one.path.startswith("/api/v4/"))


async def everybody_writes(stage) -> int:
    """The group is linked to two deals and many people write in it, and to the bot; gives the REST requests so far."""
    world, telegram = stage.world, stage.telegram
    await stage.link(world.cafe)
    await stage.link(world.office)
    people = [telegram.add_person(f"Гость {number}") for number in range(PEOPLE)]
    for person in people:
        telegram.add_member(world.group, person, by=world.anna)
    for number in range(2):
        for person in people:
            telegram.write(person, world.group, f"{person.first_name}: {number}")
    for person in people:
        telegram.write(person, world.sales_bot, "Здравствуйте")
    for deal in (world.cafe, world.office):
        for person in people:
            expected = [f"{person.first_name}: {number}" for number in range(2)]
            said = lambda deal=deal, name=person.first_name: [  # noqa: E731
                text for text in stage.texts(deal) if text.startswith(f"{name}: ")
            ]
            await stage.until(lambda said=said, expected=expected: len(said()) >= len(expected), f"{expected}")
            assert said() == expected
    for person in people:
        await stage.in_card(person, "Здравствуйте")
    await stage.quiet()
    return statuses(stage).total()


@pytest.fixture
def amo_switches() -> Switches:
    return Switches()


async def test_by_default_the_service_keeps_to_the_limit(empty_stage, connected):
    assert Switches().rest_rate_per_s == 7
    default = type(empty_stage.settings).model_fields["amocrm_rate_per_s"].default
    empty_stage.settings = empty_stage.settings.model_copy(update={"amocrm_rate_per_s": default})
    async with connected(empty_stage):
        assert await everybody_writes(empty_stage) > 3 * 7, "more than a few seconds' worth"
        assert 429 not in statuses(empty_stage)
        assert 403 not in statuses(empty_stage)
        await empty_stage.assert_undisturbed()
        empty_stage.assert_clean()


async def test_a_service_that_is_too_hasty_is_slowed_down_and_blocked_and_loses_nothing(empty_stage, connected):
    short = Pauses(first_s=0.2, most_s=0.5)
    empty_stage.gate_policy = GatePolicy(
        rest_rate_per_s=20, egress_rate_per_s=1000, most_wait_s=0.5, blocked=short, hasty=short
    )
    # The installation asks too much at once as well, so the limit comes after it.
    empty_stage.amo.switches = replace(empty_stage.amo.switches, rest_rate_per_s=None)
    async with connected(empty_stage):
        empty_stage.amo.switches = replace(
            empty_stage.amo.switches, rest_rate_per_s=7, rest_block_after=3, rest_block_s=0.5
        )
        await everybody_writes(empty_stage)
        found = statuses(empty_stage)
        assert found[429]
        assert found[403]
        assert empty_stage.service.services.gates.of(empty_stage.world.account.id).figures().services[
            Service.REST
        ].state in ("closed", "paused")
        await empty_stage.assert_undisturbed()
