"""Connected bots over the years: tokens, names, webhooks, sources and pipelines that change behind dealgram's back."""

from __future__ import annotations

import dataclasses

import pytest
import trio

from dealgram.actors.accounts.source_sync import sync_sources
from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.bots.bot_connection import BotRefusedError
from dealgram.persistence import bots
from dealgram.sandbox.amocrm import Switches as AmoSwitches


@pytest.fixture
def bot(stage):
    return stage.world.sales_bot


@pytest.fixture
def stored(stage, bot):
    async def stored():
        return await bots.of_account(stage.service.services.db, stage.account.account_id, bot.id)

    return stored


@pytest.fixture
def check(stage, bot):
    """A check-up, as it comes by itself every hour."""

    async def check():
        await stage.service.refresh()
        await stage.service.checkups.check(bot.id)

    return check


@pytest.fixture
def sync(stage):
    async def sync():
        return await sync_sources(stage.service.services, stage.account.account_id)

    return sync


def source_of(stage, bot):
    return stage.world.account.sources_by_external.get(f"tgb-{bot.id}")


# Telegram


async def test_a_check_up_of_a_healthy_bot_finds_nothing_and_is_noted(stage, bot, stored, check):
    before = await stored()
    await check()
    after = await stored()
    assert after.troubles == {}
    assert after.checked_at > before.checked_at
    assert dataclasses.replace(after, checked_at=None) == dataclasses.replace(before, checked_at=None)
    stage.assert_clean()


async def test_bots_are_looked_at_when_they_are_due_and_no_more_often(stage, bot, stored):
    asked = lambda: [call.bot for call in stage.telegram.requests if call.method == "getMe"]  # noqa: E731
    count = len(asked())
    await stage.service.checkups.check_due()
    assert len(asked()) == count
    await stage.service.services.db.execute(
        "UPDATE bots SET checked_at = now() - interval '2 hours' WHERE bot_id = $1", bot.id
    )
    await stage.service.checkups.check_due()
    assert asked()[count:] == [bot]
    await stage.service.checkups.check_due()
    assert asked()[count:] == [bot]


async def test_a_revoked_token_is_shown_and_a_new_one_takes_everything_up_again(play, bot, stored, check):
    stage, world = play.stage, play.stage.world
    await play.link(world.cafe)
    new = stage.telegram.revoke_token(bot)
    await check()
    row = await stored()
    assert row.status == "revoked"
    assert row.troubles[bot_troubles.TOKEN_REVOKED]["detail"] == bot_texts.token_revoked(bot.username)
    answer = play.answer(world.cafe, "Слышно?")
    await stage.until(lambda: stage.amo.message(world.account, answer).status != "sent", "the status")

    stage.telegram.write(world.igor, play.chat, "Пока токен не поменяли")
    row = await stage.service.connector.connect(stage.account, new)
    await stage.service.refresh()
    assert (row.status, row.troubles) == ("active", {})
    assert row.pipeline_id == stage.world.sales.id
    await stage.until(lambda: "Пока токен не поменяли" in play.written(world.cafe), "what was written meanwhile")
    await play.words(world.igor, "И снова", world.cafe)
    assert (await stage.status(play.answer(world.cafe, "Слышно"))).status == "delivered"
    assert [one.external_id for one in world.account.sources.values()].count(f"tgb-{bot.id}") == 1


async def test_a_new_name_and_privacy_mode_are_taken_over_and_the_source_follows(stage, bot, stored, check):
    stage.telegram.rename_bot(bot, "Север Отдел продаж")
    stage.telegram.set_privacy(bot, on=True)
    await check()
    row = await stored()
    assert (row.name, row.can_read_all_group_messages) == ("Север Отдел продаж", False)
    assert list(row.troubles) == [bot_troubles.PRIVACY_MODE]
    assert source_of(stage, bot).name == "Север Отдел продаж"
    since = row.troubles[bot_troubles.PRIVACY_MODE]["since"]

    source_of(stage, bot).name = "Продажи из Telegram"
    stage.telegram.rename_bot(bot, "Север")
    await check()
    row = await stored()
    assert source_of(stage, bot).name == "Продажи из Telegram", "people's own name for it stays"
    assert row.troubles[bot_troubles.PRIVACY_MODE]["since"] == since
    stage.telegram.set_privacy(bot, on=False)
    await check()
    assert (await stored()).troubles == {}


async def test_a_webhook_that_somebody_sets_is_shown_and_left_alone_until_it_is_taken_back(stage, bot, stored, check):
    stage.telegram.take_bot(bot, "https://amojo.example.com/telegram/hook/1")
    await check()
    trouble = (await stored()).troubles[bot_troubles.FOREIGN_WEBHOOK]
    assert "(amojo.example.com)" in trouble["detail"]
    assert "hook/1" not in trouble["detail"]
    stage.telegram.write(stage.world.igor, bot, "Не потеряйте меня")
    await check()
    assert stage.telegram.webhook_of(bot) == "https://amojo.example.com/telegram/hook/1"
    changes = [call.method for call in stage.telegram.requests if call.bot is bot and "etWebhook" in call.method]
    assert "setWebhook" not in changes

    await stage.service.connector.take_back(bot.id)
    await stage.service.refresh()
    assert (await stored()).troubles == {}
    await stage.in_card(stage.world.igor, "Не потеряйте меня", bot)


async def test_a_webhook_bot_gets_its_lost_webhook_again_and_a_strangers_is_left(stage, stored):
    service = stage.service
    bot = stage.telegram.add_bot("Север Склад", "sever_store_bot")
    row = await service.connector.connect(stage.account, bot.token, public_url="http://127.0.0.1:9")
    await service.refresh()
    checkups = type(service.checkups)(service.services, every_s=3600, public_url="http://127.0.0.1:9")
    ours = f"http://127.0.0.1:9/telegram/{row.webhook_key}"
    for lost in ("", f"https://before-the-move.example/telegram/{row.webhook_key}"):
        stage.telegram.take_bot(bot, lost)
        await checkups.check(bot.id)
        assert stage.telegram.webhook_of(bot) == ours
    stage.telegram.take_bot(bot, "https://other.example/telegram/abc")
    await checkups.check(bot.id)
    assert stage.telegram.webhook_of(bot) == "https://other.example/telegram/abc"
    assert list((await bots.get(service.services.db, bot.id)).troubles) == [bot_troubles.FOREIGN_WEBHOOK]
    await service.connector.take_back(bot.id, public_url="http://127.0.0.1:9")
    assert stage.telegram.webhook_of(bot) == ours
    await service.refresh()
    await checkups.check(bot.id)
    assert (await bots.get(service.services.db, bot.id)).troubles == {}


async def test_telegram_that_does_not_answer_is_no_trouble_of_the_bot(stage, bot, stored):
    await stage.service.services.db.execute("UPDATE bots SET checked_at = NULL WHERE bot_id = $1", bot.id)
    stage.telegram.refuse("getMe", 502, "Bad Gateway", times=None)
    await stage.service.checkups.check_due()
    row = await stored()
    assert (row.status, row.troubles, row.checked_at) == ("active", {}, None)


# amoCRM


async def test_a_source_deleted_in_amocrm_is_made_again_where_it_was(stage, bot, stored, sync):
    before = await stored()
    assert await sync() == "Проверено ботов: 2."
    stage.world.account.forget_sources([before.source_id])
    assert await sync() == "Проверено ботов: 2, создано источников: 1."
    row = await stored()
    assert row.source_id == source_of(stage, bot).id != before.source_id
    assert source_of(stage, bot).pipeline_id == before.pipeline_id
    assert stage.service.services.registry.bot(bot.id).row.source_id == row.source_id
    stage.assert_clean()


async def test_a_source_that_the_limit_forbids_to_make_again_is_shown(stage, bot, stored, sync):
    stage.world.account.forget_sources([(await stored()).source_id])
    stage.amo.switches = AmoSwitches(rest_rate_per_s=None, source_limit=1)
    assert "без источника: 1" in await sync()
    row = await stored()
    assert row.source_id is None
    assert row.pipeline_id == stage.world.sales.id
    assert "это предел" in row.troubles[bot_troubles.SOURCE_LIMIT]["detail"]
    stage.amo.switches = AmoSwitches(rest_rate_per_s=None)
    await sync()
    row = await stored()
    assert (row.source_id, row.troubles) == (source_of(stage, bot).id, {})


async def test_a_pipeline_changed_in_amocrm_by_hand_is_the_bots(stage, bot, stored, sync):
    source = source_of(stage, bot)
    source.pipeline_id, source.name = stage.world.service.id, "Как назвали люди"
    await sync()
    assert (await stored()).pipeline_id == stage.world.service.id
    assert source_of(stage, bot).name == "Как назвали люди"


async def test_an_archived_pipeline_is_shown_until_the_bot_has_another(stage, bot, stored, sync):
    stage.world.sales.is_archive = True
    await sync()
    row = await stored()
    assert list(row.troubles) == [bot_troubles.PIPELINE_ARCHIVED]
    assert "Выберите для бота другую воронку" in row.troubles[bot_troubles.PIPELINE_ARCHIVED]["detail"]
    await stage.service.connector.move(bot.id, stage.world.service.id)
    assert (await stored()).troubles == {}
    await sync()
    assert (await stored()).troubles == {}


async def test_more_bots_than_amocrm_promises_to_serve_are_shown(stage, sync, monkeypatch):
    monkeypatch.setattr("dealgram.actors.accounts.source_sync.DOCUMENTED_SOURCES", 1)
    await sync()
    rows = await bots.for_account(stage.service.services.db, stage.account.account_id)
    assert [list(row.troubles) for row in rows] == [[], [bot_troubles.MANY_SOURCES]]


async def test_each_writer_of_troubles_clears_only_its_own(stage, bot, stored, check, sync):
    stage.world.sales.is_archive = True
    stage.telegram.set_privacy(bot, on=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(check)
        nursery.start_soon(sync)
    assert set((await stored()).troubles) == {bot_troubles.PIPELINE_ARCHIVED, bot_troubles.PRIVACY_MODE}
    stage.telegram.set_privacy(bot, on=False)
    await check()
    assert set((await stored()).troubles) == {bot_troubles.PIPELINE_ARCHIVED}


# Changing the pipeline


async def test_after_a_move_the_source_is_in_the_other_pipeline_and_new_deals_appear_there(stage, bot, stored):
    await stage.service.connector.move(bot.id, stage.world.service.id)
    await stage.service.refresh()
    assert (await stored()).pipeline_id == stage.world.service.id
    assert source_of(stage, bot).pipeline_id == stage.world.service.id
    assert stage.service.services.registry.bot(bot.id).row.pipeline_id == stage.world.service.id


@pytest.mark.parametrize("archived", [True, False])
async def test_a_move_to_a_pipeline_that_is_not_open_is_refused(stage, bot, stored, archived):
    stage.world.service.is_archive = archived
    with pytest.raises(BotRefusedError) as refused:
        await stage.service.connector.move(bot.id, stage.world.service.id if archived else 424242)
    assert refused.value.code in ("pipeline_unknown", "pipeline_archived")
    assert (await stored()).pipeline_id == source_of(stage, bot).pipeline_id == stage.world.sales.id
