"""Access tokens of an account: rotated by its actor alone, stored before use, and what happens when that fails."""

from __future__ import annotations

import datetime as dt

import pytest
import trio

from dealgram.actors.account_orders import SetUp, order_entry
from dealgram.actors.asking import AccessToken, ask_account
from dealgram.persistence import accounts
from dealgram.runtime import Transient


async def stored(stage):
    row = await accounts.get(stage.service.services.db, stage.world.account.id)
    assert row is not None
    return row


async def expire(stage) -> None:
    """Let the stored access token be too old, as if a day had passed."""
    row = await stored(stage)
    services = stage.service.services
    await accounts.store_tokens(
        services.db,
        row.account_id,
        access_token=row.access_token,
        refresh_token=row.refresh_token,
        expires_at=services.now() - dt.timedelta(minutes=1),
    )
    await services.registry.refresh()


async def test_an_old_token_is_rotated_once_for_all_who_ask(stage):
    await expire(stage)
    before = await stored(stage)
    tokens: list[object] = []

    async def ask() -> None:
        tokens.append(await ask_account(stage.service.system, before.account_id, AccessToken()))

    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask)
    after = await stored(stage)
    assert len(set(tokens)) == 1
    assert stage.service.services.box.open(after.access_token) == tokens[0]
    assert after.refresh_token != before.refresh_token
    assert after.status == "active"
    refreshes = [call for call in stage.amo.requests if "oauth2/access_token" in call.path]
    assert len(refreshes) == 2  # the installation and one rotation
    stage.assert_clean()


async def test_a_message_written_with_an_old_token_arrives(stage):
    await expire(stage)
    stage.telegram.write(stage.world.igor, stage.world.sales_bot, "Токен устарел, а я дойду")
    await stage.in_card(stage.world.igor, "Токен устарел, а я дойду")
    stage.assert_clean()


async def test_a_refused_refresh_token_asks_for_authorisation_and_loses_nothing(stage):
    world = stage.world
    row = await stored(stage)
    services = stage.service.services
    await accounts.store_tokens(
        services.db,
        row.account_id,
        access_token=row.access_token,
        refresh_token=services.box.seal("never-issued"),
        expires_at=services.now() - dt.timedelta(minutes=1),
    )
    await services.registry.refresh()
    with pytest.raises(Transient):
        await ask_account(stage.service.system, row.account_id, AccessToken())
    assert (await stored(stage)).status == "reauthorise"

    stage.telegram.write(world.igor, world.sales_bot, "Подожду")
    with trio.fail_after(30):
        while not await stage.count("SELECT count(*) FROM outbox WHERE state = 'pending'"):  # noqa: ASYNC110
            await trio.sleep(0.02)
    assert await stage.count("SELECT count(*) FROM dead_letters") == 0
    # An administrator authorises the integration anew: what waited goes out at once, not at the end of its wait.
    await stage.playground.connect_account(stage.service, world.account)
    await stage.in_card(world.igor, "Подожду")


async def test_an_account_that_moved_is_found_at_its_new_address(stage):
    world = stage.world
    old = await stored(stage)
    await stage.playground.rename_subdomain(world.account, "pereezd")
    await expire(stage)
    stage.telegram.write(world.igor, world.sales_bot, "Где вы теперь?")
    await stage.in_card(world.igor, "Где вы теперь?")
    row = await stored(stage)
    assert (row.host, row.subdomain, row.status) == (f"http://{world.account.host}", "pereezd", "active")
    assert row.host != old.host
    await stage.quiet()
    assert await stage.count("SELECT count(*) FROM dead_letters") == 0


async def test_a_refresh_whose_outcome_is_lost_asks_for_authorisation_and_the_check_up_tries_once_more(stage):
    await expire(stage)
    lost = stage.amo.faults.drop_after("oauth.access_token")
    with pytest.raises(Transient):
        await ask_account(stage.service.system, stage.world.account.id, AccessToken())
    assert lost.hits == 1
    assert (await stored(stage)).status == "reauthorise"
    services = stage.service.services
    await services.journal.accept([order_entry(stage.world.account.id, SetUp(reason="check_up"), key="now")])
    await stage.quiet()
    assert (await stored(stage)).status == "reauthorise"  # amoCRM still refuses
    row = await stage.playground.connect_account(stage.service, stage.world.account)
    assert row.status == "active"
    assert row.reauthorise_since is None


async def test_a_refresh_that_was_not_answered_but_not_done_either_is_repeated(stage):
    await expire(stage)
    stage.amo.faults.drop_before("oauth.access_token")
    token = await ask_account(stage.service.system, stage.world.account.id, AccessToken())
    assert isinstance(token, str)
    assert (await stored(stage)).status == "active"


async def test_tokens_rotate_again_and_again_while_people_write(stage):
    world = stage.world
    for number in range(5):
        await expire(stage)
        for person in (world.igor, world.anna):
            stage.telegram.write(person, world.sales_bot, f"Сообщение {number}")
        for person in (world.igor, world.anna):
            await stage.in_card(person, f"Сообщение {number}")
    await stage.quiet()
    assert (await stored(stage)).status == "active"
    assert await stage.count("SELECT count(*) FROM dead_letters") == 0
    stage.assert_clean()


async def test_an_installation_during_a_rotation_is_not_overwritten(stage):
    await expire(stage)
    before = await stored(stage)
    services = stage.service.services
    assert not await accounts.ask_for_authorisation(services.db, before.account_id, refused=b"another pair")
    assert not await accounts.store_tokens(
        services.db,
        before.account_id,
        access_token=b"a",
        refresh_token=b"r",
        expires_at=services.now(),
        replaces=b"another pair",
    )
    assert not await accounts.uninstall(services.db, before.account_id, had=b"another pair")
    assert await stored(stage) == before
