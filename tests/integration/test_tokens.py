"""Access tokens of an account: rotated by its actor alone, stored before use, and what happens when that fails."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
import trio

from dealgram.actors.accounts.account_orders import SetUp, order_entry
from dealgram.actors.asking import AccessToken, ask_account
from dealgram.gateways.errors import NotFound
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


@pytest.mark.parametrize("sign", ["401", "404", "redirect", "nobody"])
async def test_a_move_is_noticed_before_the_tokens_rotate(stage, sign):
    """The documented sign is a 401; whatever else says that nobody is there leads to the new address as well."""
    world, account = stage.world, stage.world.account
    stage.telegram.write(world.igor, world.sales_bot, "До переезда")
    await stage.in_card(world.igor, "До переезда")
    await stage.quiet()
    old = await stored(stage)
    if sign in ("401", "404"):
        stage.amo.switches = dataclasses.replace(stage.amo.switches, foreign_host_status=int(sign))
    host = await stage.playground.rename_subdomain(account, "pereezd")
    if sign == "redirect":
        stage.amo.faults.answer(status=302, body=b"<html>", when=lambda call: call["path"].startswith("/api/v4/"))
    if sign == "nobody":
        # The name is gone from the DNS: what is left of the old address is a port where nobody listens.
        await accounts.move(stage.service.services.db, account.id, host="http://127.0.0.1:9", subdomain=old.subdomain)
        await stage.service.refresh()
    stage.telegram.write(world.anna, world.sales_bot, "После переезда")
    await stage.in_card(world.anna, "После переезда")
    await stage.quiet()
    row = await stored(stage)
    assert (row.host, row.subdomain, row.status) == (host, "pereezd", "active")
    assert await stage.count("SELECT count(*) FROM dead_letters") == 0
    if sign != "401":  # a 401 is about the token first
        assert row.refresh_token == old.refresh_token
        assert len([call for call in stage.amo.requests if call.operation == "oauth.subdomain"]) == 1


async def test_an_account_that_did_not_move_is_asked_about_once_in_a_while(stage):
    services, account_id = stage.service.services, stage.world.account.id
    stage.amo.faults.answer("users.list", status=404, body={"title": "Not Found"}, times=None)
    for _ in range(5):
        with pytest.raises(NotFound):
            await services.amocrm(account_id).users()
    assert len([call for call in stage.amo.requests if call.operation == "oauth.subdomain"]) == 1
    assert (await stored(stage)).host == f"http://{stage.world.account.host}"


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
