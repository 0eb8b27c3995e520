"""Two bots of one account in one Telegram group: each sees a group of its own, and a deal is served by one only."""

from __future__ import annotations

import pytest

from dealgram.persistence import links


@pytest.fixture
async def both(stage, play, play_in):
    """The sample group with both bots in it, as either of them plays it."""
    stage.telegram.add_member(play.chat, stage.world.service_bot)
    stage.telegram.promote(play.chat, stage.world.service_bot)
    second = play_in(play.chat, stage.world.service_bot)
    await second.says("Здравствуйте!")
    return play, second


async def linked(stage, deal: int) -> int:
    return len(await links.for_deal(stage.service.services.db, stage.account.account_id, deal))


async def test_both_asked_for_the_same_deal_at_once_one_links_it_and_the_other_says_so(stage, both):
    world = stage.world
    questions = [await one.ask(world.anna) for one in both]
    looked = stage.amo.faults.delay("leads.get", seconds=0.3, times=None)
    for one, question in zip(both, questions, strict=True):
        one.write(world.anna, str(world.cafe), reply_to=question)
    done = await stage.until(lambda: [one for one in both if one.said("Готово: группа связана")], "linked")
    refused = await stage.until(lambda: [one for one in both if one.said("уже связана со сделкой")], "refused")
    await stage.settled()
    looked.cancel()
    assert len(done) == len(refused) == 1
    assert done != refused
    assert await linked(stage, world.cafe) == 1
    await both[0].words(world.igor, "Один раз", world.cafe)
    await stage.settled()
    assert both[0].written(world.cafe).count("Один раз") == 1
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_a_bot_that_comes_back_gives_way_to_the_one_that_took_its_deal(stage, both):
    world, (first, second) = stage.world, both
    await first.link(world.cafe)
    await first.link(world.office)
    stage.telegram.remove_member(first.chat, world.sales_bot)
    await stage.settled()
    await second.link(world.cafe)
    stage.telegram.add_member(first.chat, world.sales_bot)
    stage.telegram.promote(first.chat, world.sales_bot)
    await first.says("её ведёт другой бот этой группы")
    await stage.settled()
    assert await linked(stage, world.cafe) == await linked(stage, world.office) == 1
    first.write(world.igor, "Один раз")
    await stage.settled()
    assert first.written(world.cafe).count("Один раз") == 1
    assert first.written(world.office).count("Один раз") == 1
    assert len(second.own_chats(world.cafe)) == 1
    await stage.assert_undisturbed()
