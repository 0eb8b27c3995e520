"""Removing the integration: believed only when the tokens are dead, kept for a while, taken up again, forgotten."""

from __future__ import annotations

import httpx
import trio

from dealgram.actors.accounts import account_life
from dealgram.actors.accounts.upkeep import Upkeep
from dealgram.persistence import accounts

DAY_S = 86_400.0


async def status_of(stage) -> str:
    row = await accounts.get(stage.service.services.db, stage.world.account.id)
    assert row is not None
    return row.status


async def becomes(stage, status: str) -> None:
    with trio.fail_after(30):
        while await status_of(stage) != status:  # noqa: ASYNC110 - a database has no event
            await trio.sleep(0.02)
    await stage.service.refresh()


async def test_removed_the_account_keeps_its_links_and_back_again_it_goes_on(play):
    stage, world = play.stage, play.stage.world
    await play.link(world.cafe)
    services = stage.service.services
    call = stage.amo.uninstall(world.account)
    await becomes(stage, "uninstalled")
    assert call.status == 200
    row = await accounts.get(services.db, world.account.id)
    assert (row.access_token, row.refresh_token) == (None, None)
    assert row.uninstalled_at is not None
    assert services.registry.bots() == ()
    assert services.registry.account_of_scope(row.scope_id) is None
    assert await stage.count("SELECT count(*) FROM links WHERE status = 'linked'") == 1

    play.write(world.igor, "Пока никого нет")  # Telegram keeps it for the polled bot
    await stage.playground.connect_account(stage.service, world.account)
    assert await status_of(stage) == "active"
    assert world.account.is_connected
    await stage.until(lambda: "Пока никого нет" in str(stage.texts(world.cafe)), "what was written meanwhile")
    play.write(world.igor, "Снова здесь")
    await stage.until(lambda: "Снова здесь" in str(stage.texts(world.cafe)), "the group is linked as before")
    await stage.quiet()
    assert await stage.count("SELECT count(*) FROM dead_letters") == 0


async def test_a_removal_that_is_told_again_after_the_return_changes_nothing(stage, monkeypatch):
    monkeypatch.setattr(account_life, "DOUBT_S", 0.0)
    call = stage.amo.uninstall(stage.world.account)
    await becomes(stage, "uninstalled")
    await stage.playground.connect_account(stage.service, stage.world.account)
    async with httpx.AsyncClient(timeout=30) as somebody:
        for _ in range(2):
            assert (await somebody.get(call.url)).status_code == 200
    await stage.quiet()
    assert await status_of(stage) == "active"


async def test_one_account_is_removed_and_another_notices_nothing(stage):
    service, world = stage.service, stage.world
    other = stage.amo.add_account("yug", "Юг")
    row = await stage.playground.connect_account(service, other)
    stage.amo.uninstall(other)
    with trio.fail_after(30):
        while (await accounts.get(service.services.db, other.id)).status != "uninstalled":  # noqa: ASYNC110
            await trio.sleep(0.02)
    assert await status_of(stage) == "active"
    stage.telegram.write(world.igor, world.sales_bot, "Меня слышно?")
    await stage.in_card(world.igor, "Меня слышно?")
    assert row.account_id != world.account.id


async def test_nobody_authorises_for_long_then_it_counts_as_removed_and_is_forgotten(stage):
    service, account = stage.service, stage.world.account
    services = service.services
    other = stage.amo.add_account("yug", "Юг")
    await stage.playground.connect_account(service, other)
    await services.db.execute(
        "UPDATE accounts SET status = 'reauthorise', reauthorise_since = now() - interval '91 days'"
        " WHERE account_id = $1",
        account.id,
    )
    await services.registry.refresh()
    upkeep = Upkeep(services, check_s=21_600, reauthorise_keep_s=90 * DAY_S, grace_s=30 * DAY_S)
    await upkeep.look_after()
    await becomes(stage, "uninstalled")
    assert await upkeep.forget_removed(service.system) == 0
    await services.db.execute(
        "UPDATE accounts SET uninstalled_at = now() - interval '31 days' WHERE account_id = $1", account.id
    )
    assert await upkeep.forget_removed(service.system) > 0
    assert await accounts.get(services.db, account.id) is None
    assert await stage.count("SELECT count(*) FROM bots WHERE account_id = $1", account.id) == 0
    assert (await accounts.get(services.db, other.id)).status == "active"
    # Installed anew after that, it is a new account.
    assert (await stage.playground.connect_account(service, account)).status == "active"


async def test_a_check_up_is_ordered_once_in_a_period(stage):
    services, account = stage.service.services, stage.world.account
    await services.db.execute(
        "UPDATE accounts SET created_at = now() - interval '1 day' WHERE account_id = $1", account.id
    )
    await services.registry.refresh()
    counted = "SELECT count(*) FROM inbox WHERE source = 'account' AND source_key LIKE '%check:%'"
    for _ in range(2):
        upkeep = Upkeep(services, check_s=21_600, reauthorise_keep_s=90 * DAY_S, grace_s=30 * DAY_S)
        await upkeep.look_after()
        await upkeep.look_after()
    assert await stage.count(counted) == 1
    await stage.quiet()
    assert await stage.count("SELECT count(*) FROM setup_steps WHERE state <> 'done'") == 0
    stage.assert_clean()
