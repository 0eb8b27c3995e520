"""Bots that leave: what ends, what stays, and that the same bot can come back, here or in another account."""

from __future__ import annotations

import pytest
import trio

from dealgram.actors import texts
from dealgram.actors.accounts.source_sync import sync_sources
from dealgram.actors.bots.bot_connection import BotRefusedError
from dealgram.actors.cards import deal_texts
from dealgram.persistence import bots, groups, links
from dealgram.ports import ServicePorts


@pytest.fixture
def bot(stage):
    return stage.world.sales_bot


@pytest.fixture
async def two_groups(stage, play, play_in, bot):
    """Two groups with links: the sample one to two deals, another to one of them."""
    other = stage.telegram.create_group("Склад", stage.world.anna, kind="supergroup")
    stage.telegram.add_member(other, stage.world.igor)
    stage.telegram.add_member(other, bot)
    second = play_in(other, bot)
    await second.says("Здравствуйте!")
    for deal in (stage.world.cafe, stage.world.office):
        await play.link(deal)
    await second.link(stage.world.office)
    return play, second


def notes(stage, deal) -> list[str]:
    return [note.params.get("text") for note in stage.world.account.notes.get(("leads", deal), ())]


async def remove(stage, bot) -> bool:
    is_clean = await stage.service.connector.remove(bot.id)
    await stage.service.refresh()
    await stage.quiet()
    return is_clean


async def test_removal_ends_the_links_of_every_group_and_leaves_groups_in_peace(stage, two_groups, bot):
    world, service = stage.world, stage.service
    said = [len(play.said("")) for play in two_groups]
    assert await remove(stage, bot)

    for play, deals in zip(two_groups, ((world.cafe, world.office), (world.office,)), strict=True):
        group = await groups.by_chat(service.services.db, stage.account.account_id, bot.id, play.chat.id)
        ended = await links.for_group(service.services.db, group.account_id, group.group_id, unlinked=True)
        assert sorted(link.deal_id for link in ended) == sorted(deals)
        assert {(link.status, link.reason) for link in ended} == {("unlinked", "bot_removed")}
        assert all(link.unlinked_at is not None for link in ended)
        for deal in deals:
            assert play.own_chats(deal) == [], "the group's own contact has left the deal"
            assert stage.texts(deal).count(texts.bot_disconnected_line(play.chat.title)) == 1
            note = deal_texts.bot_disconnected_note(play.chat.title, bot.username)
            assert notes(stage, deal).count(note) == 1
    assert [len(play.said("")) for play in two_groups] == said

    row = await bots.of_account(service.services.db, stage.account.account_id, bot.id)
    assert (row.status, row.source_id, row.token, row.webhook_secret) == ("removed", None, b"", b"")
    assert row.removed_at is not None
    assert f"tgb-{bot.id}" not in world.account.sources_by_external
    pollers = {actor.address.key for actor in ServicePorts(service).actors(kind="poller").actors}
    assert str(bot.id) not in pollers
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_after_removal_nothing_is_fetched_and_managers_are_told_why(stage, bot):
    world = stage.world
    stage.telegram.write(world.igor, bot, "Раз")
    await stage.in_card(world.igor, "Раз", bot)
    await remove(stage, bot)
    stage.telegram.write(world.igor, bot, "Два")
    answer = stage.answer(world.igor, "Вы ещё здесь?", bot)
    assert (await stage.status(answer)).status == texts.REASON_BOT_REMOVED
    assert "Два" not in stage.card_texts(world.igor, bot)
    assert len(stage.telegram.pending(bot)) == 1
    with pytest.raises(BotRefusedError) as refused:
        await stage.service.connector.remove(bot.id)
    assert refused.value.code == "not_connected"


async def test_a_removed_bots_pace_is_forgotten_and_no_other_bots(stage, bot):
    limits = stage.service.services.limits
    other = stage.world.service_bot
    for one in (bot, other):
        for chat in (1, 2):  # so many chats at once mean the bot itself
            limits.pause(one.id, chat, 20)
    assert limits.pause_left_s(bot.id, 3) > 0
    await remove(stage, bot)
    assert limits.pause_left_s(bot.id, 3) == 0
    assert limits.pause_left_s(other.id, 3) > 0


async def test_the_same_bot_comes_back_to_its_account_with_its_groups_and_its_history(stage, two_groups, bot):
    play, _ = two_groups
    world, db = stage.world, stage.service.services.db
    before = await groups.by_chat(db, stage.account.account_id, bot.id, play.chat.id)
    await remove(stage, bot)
    stage.telegram.write(world.igor, bot, "Пока бота не было")
    await stage.playground.connect_bot(stage.service, stage.account, bot, world.sales)
    await stage.in_card(world.igor, "Пока бота не было", bot)
    play.write(world.igor, "В группу, которая ни с чем не связана")
    await stage.settled()
    assert "В группу, которая ни с чем не связана" not in play.written(world.cafe)
    await play.link(world.cafe)
    await play.words(world.igor, "Связали снова", world.cafe)
    after = await groups.by_chat(db, stage.account.account_id, bot.id, play.chat.id)
    assert after.group_id == before.group_id
    assert [link.reason for link in await links.for_group(db, after.account_id, after.group_id)] == [None]
    assert (await stage.status(play.answer(world.cafe, "И ответ"))).status == "delivered"


async def test_a_bot_moves_to_another_account_and_neither_sees_the_others(stage, two_groups, bot):
    play, _ = two_groups
    world, service = stage.world, stage.service
    db = service.services.db
    stage.telegram.write(world.igor, bot, "Для Севера")
    await stage.in_card(world.igor, "Для Севера", bot)
    south = stage.amo.add_account("yug", "Агентство „Юг“")
    deal = stage.amo.add_lead(south, "Сделка Юга")
    row = await stage.playground.connect_account(service, south)
    with pytest.raises(BotRefusedError, match="другому аккаунту"):
        await service.connector.connect(row, bot.token)
    await remove(stage, bot)
    await stage.playground.connect_bot(service, row, bot, south.main_pipeline)

    stage.telegram.write(world.igor, bot, "Для Юга")
    chat = await stage.until(lambda: stage.amo.chat(south, f"p{bot.id}-{world.igor.id}"), "the new account's chat")
    await stage.until(lambda: [m.text for m in stage.amo.history(south, chat.uuid)] == ["Для Юга"], "the message")
    assert stage.card_texts(world.igor, bot) == ["Для Севера"]

    # The group is another one there: linked to the new account's deals, with nothing of the old one's.
    since = play.last_id
    menu = await play.menu(world.anna)
    await play.press(world.anna, menu, "Связать группу")
    question = await play.says("пришлите ID", since)
    play.write(world.anna, str(deal), reply_to=question["message_id"])
    await stage.until(lambda: any("связана с этой сделкой" in m.text for m in stage.amo.feed(south, deal)), "linked")
    play.write(world.igor, "Группа у Юга")
    await stage.until(lambda: any("Группа у Юга" in m.text for m in stage.amo.feed(south, deal)), "the words")
    await stage.quiet()
    assert "Группа у Юга" not in "".join(play.written(world.cafe))
    old = await groups.by_chat(db, stage.account.account_id, bot.id, play.chat.id)
    new = await groups.by_chat(db, row.account_id, bot.id, play.chat.id)
    assert old.group_id != new.group_id

    # An answer that a manager of the old account still writes goes nowhere.
    answer = stage.answer(world.igor, "Вы ещё наш?", bot)
    assert (await stage.status(answer)).status == texts.REASON_BOT_REMOVED
    assert "Вы ещё наш?" not in stage.private_texts(world.igor, bot)

    # And back again.
    await remove(stage, bot)
    await stage.playground.connect_bot(service, stage.account, bot, world.sales)
    stage.telegram.write(world.igor, bot, "Снова Северу")
    await stage.in_card(world.igor, "Снова Северу", bot)
    assert stage.card_texts(world.igor, bot) == ["Для Севера", "Вы ещё наш?", "Снова Северу"]
    assert [m.text for m in stage.amo.history(south, chat.uuid)] == ["Для Юга"]
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_what_the_old_account_still_has_to_post_is_posted_there_after_the_move(stage, bot):
    world, service = stage.world, stage.service
    south = stage.amo.add_account("yug", "Агентство „Юг“")
    row = await stage.playground.connect_account(service, south)
    stage.telegram.write(world.igor, bot, "Раз")
    await stage.in_card(world.igor, "Раз", bot)
    stage.amo.faults.answer("amojo.send", status=502, body=b"", times=2)
    stage.telegram.write(world.igor, bot, "Ещё Северу")
    await stage.until(lambda: not stage.telegram.pending(bot), "the update is accepted")
    await service.connector.remove(bot.id)
    await stage.playground.connect_bot(service, row, bot, south.main_pipeline)
    await stage.in_card(world.igor, "Ещё Северу", bot)
    await stage.quiet()
    assert stage.amo.chat(south, f"p{bot.id}-{world.igor.id}") is None


async def test_what_cannot_be_deleted_at_once_is_deleted_at_the_next_check_up(stage, bot):
    stage.amo.faults.answer("sources.delete", status=502, body=b"", times=1)
    assert not await remove(stage, bot)
    db = stage.service.services.db
    row = await bots.of_account(db, stage.account.account_id, bot.id)
    assert row.status == "removed"
    assert row.source_id in stage.world.account.sources
    assert await sync_sources(stage.service.services, stage.account.account_id) == "Проверено ботов: 1."
    row = await bots.of_account(db, stage.account.account_id, bot.id)
    assert (row.source_id, row.token) == (None, b"")
    assert f"tgb-{bot.id}" not in stage.world.account.sources_by_external


@pytest.mark.parametrize("revoked", [False, True])
async def test_a_removed_webhook_bot_has_no_webhook_of_ours_any_more(stage, revoked):
    connector = stage.service.connector
    bot = stage.telegram.add_bot("Север Склад", "sever_store_bot")
    await connector.connect(stage.account, bot.token, public_url="http://127.0.0.1:9")
    if revoked:
        stage.telegram.revoke_token(bot)
    assert await connector.remove(bot.id)
    assert (stage.telegram.webhook_of(bot) == "") is not revoked


async def test_a_webhook_that_is_not_ours_is_left_when_the_bot_goes(stage):
    connector = stage.service.connector
    bot = stage.telegram.add_bot("Север Склад", "sever_store_bot")
    await connector.connect(stage.account, bot.token, public_url="http://127.0.0.1:9")
    stage.telegram.take_bot(bot, "https://elsewhere.example/hook")
    assert await connector.remove(bot.id)
    assert stage.telegram.webhook_of(bot) == "https://elsewhere.example/hook"


async def test_removing_twice_at_once_tells_the_groups_once(stage, two_groups, bot):
    ends = []

    async def attempt():
        try:
            ends.append(await stage.service.connector.remove(bot.id))
        except BotRefusedError as refused:
            ends.append(refused.code)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt)
        nursery.start_soon(attempt)
    assert sorted(map(str, ends)) == ["True", "not_connected"]
    await stage.service.refresh()
    await stage.quiet()
    told = await stage.count("SELECT count(*) FROM inbox WHERE source_key LIKE 'bot-removed-%'")
    assert told == len(two_groups)


async def test_a_bot_of_an_account_that_removed_the_integration_is_free(stage, two_groups, bot):
    db = stage.service.services.db
    south = stage.amo.add_account("yug", "Агентство „Юг“")
    row = await stage.playground.connect_account(stage.service, south)
    await db.execute("UPDATE accounts SET status = 'uninstalled' WHERE account_id = $1", stage.account.account_id)
    connected = await stage.service.connector.connect(row, bot.token)
    assert (connected.account_id, connected.status) == (row.account_id, "active")
    assert (await bots.of_account(db, stage.account.account_id, bot.id)).status == "removed"
    await db.execute("UPDATE accounts SET status = 'active' WHERE account_id = $1", stage.account.account_id)
    await stage.service.refresh()
    await stage.quiet()
    assert await stage.count("SELECT count(*) FROM links WHERE status = 'linked'") == 0
