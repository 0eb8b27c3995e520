"""Connecting bots: what is refused and how, what is set up, and that nothing is ever half connected."""

from __future__ import annotations

import dataclasses

import pytest
import trio

from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.bots.bot_connection import BotRefusedError
from dealgram.persistence import bots
from dealgram.sandbox.amocrm import Switches as AmoSwitches


@pytest.fixture
def fresh(stage):
    """A bot at Telegram that is connected nowhere."""
    return stage.telegram.add_bot("Север Склад", "sever_store_bot")


@pytest.fixture
async def neighbour(stage):
    """A second account of the same service."""
    account = stage.amo.add_account("yug", "Агентство „Юг“")
    row = await stage.playground.connect_account(stage.service, account)
    return account, row


@pytest.fixture
def connect(stage):
    async def connect(bot, row=None, **more):
        token = more.pop("token", bot.token if bot else "")
        return await stage.service.connector.connect(row or stage.account, token, **more)

    return connect


def sources(account, bot):
    return [one for one in account.sources.values() if one.external_id == f"tgb-{bot.id}"]


async def untouched(stage, bot) -> None:
    """Nothing of the bot is anywhere."""
    assert await bots.get(stage.service.services.db, bot.id) is None
    for account in stage.amo.accounts:
        assert sources(account, bot) == []
    assert bot.commands == {}
    assert bot.profile == {}


async def test_a_connected_bot_has_a_source_in_its_pipeline_and_speaks_russian(stage, fresh, connect):
    row = await connect(fresh, pipeline_id=stage.world.service.id)
    assert (row.status, row.intake, row.username) == ("active", "polling", "sever_store_bot")
    assert row.troubles == {}
    assert row.checked_at is not None
    (source,) = sources(stage.world.account, fresh)
    assert (source.id, source.name, source.pipeline_id) == (row.source_id, "Север Склад", stage.world.service.id)
    assert len(source.external_id) <= 36
    languages = {language for _, language in fresh.commands}
    scopes = {scope for scope, _ in fresh.commands}
    assert languages == {"", "ru"}
    assert len(scopes) == 3
    for (scope, _), commands in fresh.commands.items():
        assert [one["command"] for one in commands] == (["start"] if "private" in scope else ["menu"])
    for language in ("", "ru"):
        assert fresh.profile["description", language] == bot_texts.DESCRIPTION
        assert fresh.profile["short_description", language] == bot_texts.SHORT_DESCRIPTION
    stage.assert_clean()


async def test_without_a_pipeline_it_is_the_main_one(stage, fresh, connect):
    row = await connect(fresh)
    assert row.pipeline_id == stage.world.account.main_pipeline.id


@pytest.mark.parametrize(
    "pasted",
    [
        "{}",
        "  {}\n",
        "Done! Congratulations on your new bot.\nUse this token to access the HTTP API:\n{}\nKeep it safe",
    ],
    ids=["alone", "with blanks", "BotFather's message"],
)
async def test_a_token_is_found_in_what_people_paste(fresh, connect, pasted):
    row = await connect(None, token=pasted.format(fresh.token))
    assert row.bot_id == fresh.id


@pytest.mark.parametrize("pasted", ["", "@sever_store_bot", "123:short", "{}x{}", "{} {other}"])
async def test_what_is_no_token_is_refused_before_anybody_is_asked(stage, fresh, connect, pasted, caplog):
    token = pasted.format(fresh.token, fresh.token, other=stage.world.sales_bot.token)
    calls = len(stage.telegram.requests)
    with pytest.raises(BotRefusedError, match="не похоже на токен") as refused:
        await connect(None, token=token)
    assert refused.value.code == "token_malformed"
    assert fresh.token not in str(refused.value)
    assert [call for call in list(stage.telegram.requests)[calls:] if call.method == "getMe"] == []


async def test_a_token_that_telegram_refuses_is_refused_without_being_shown(stage, fresh, connect, capfd):
    old = fresh.token
    stage.telegram.revoke_token(fresh)
    with pytest.raises(BotRefusedError) as refused:
        await connect(None, token=old)
    assert refused.value.code == "token_refused"
    assert str(refused.value) == bot_texts.REFUSED
    seen = capfd.readouterr()
    assert old.partition(":")[2] not in seen.out + seen.err + repr(refused.value.__context__)
    await untouched(stage, fresh)


async def test_telegram_that_does_not_answer_is_said_so_and_nothing_is_done(stage, fresh, connect):
    stage.telegram.refuse("getMe", 502, "Bad Gateway", times=None)
    with pytest.raises(BotRefusedError) as refused:
        await connect(fresh)
    assert refused.value.code == "telegram_unavailable"
    await untouched(stage, fresh)


async def test_a_connected_bot_is_refused_here_and_elsewhere_in_different_words(stage, connect, neighbour):
    bot = stage.world.sales_bot
    with pytest.raises(BotRefusedError) as here:
        await connect(bot)
    with pytest.raises(BotRefusedError) as elsewhere:
        await connect(bot, neighbour[1])
    assert (here.value.code, elsewhere.value.code) == ("connected_here", "connected_elsewhere")
    assert str(here.value) != str(elsewhere.value)
    assert "Север" not in str(elsewhere.value)
    assert sources(neighbour[0], bot) == []


@pytest.mark.parametrize("where", ["the same account", "two accounts"])
async def test_of_two_who_connect_a_bot_at_the_same_moment_one_wins(stage, fresh, connect, neighbour, where):
    rows = [stage.account, stage.account if where == "the same account" else neighbour[1]]
    ends = []

    async def attempt(row):
        try:
            ends.append(await connect(fresh, row))
        except BotRefusedError as refused:
            ends.append(refused.code)

    async with trio.open_nursery() as nursery:
        for row in rows * 3:
            nursery.start_soon(attempt, row)
    (winner,) = [end for end in ends if not isinstance(end, str)]
    assert {end for end in ends if isinstance(end, str)} <= {
        "connected_here",
        "connected_elsewhere",
        "being_connected",
    }
    assert await stage.count("SELECT count(*) FROM bots WHERE bot_id = $1", fresh.id) == 1
    owners = [account for account in stage.amo.accounts if sources(account, fresh)]
    assert [account.id for account in owners] == [winner.account_id]
    assert len(sources(owners[0], fresh)) == 1
    stage.assert_clean()


async def test_a_connection_that_was_never_finished_stands_in_nobodys_way_for_ever(stage, fresh, connect, neighbour):
    db = stage.service.services.db
    known = await bots.get(db, stage.world.sales_bot.id)
    begun = dataclasses.replace(known, bot_id=fresh.id, webhook_key="begun", source_id=None, troubles={})
    assert await bots.claim(db, begun) is None
    with pytest.raises(BotRefusedError) as refused:
        await connect(fresh)
    assert refused.value.code == "being_connected"
    await db.execute("UPDATE bots SET updated_at = now() - interval '1 hour' WHERE bot_id = $1", fresh.id)
    row = await connect(fresh, neighbour[1])
    assert row.account_id == neighbour[1].account_id
    assert not await bots.finish(db, begun), "the claim that ended cannot be finished any more"


async def test_another_services_webhook_is_named_by_its_host_and_taken_only_when_asked_to(stage, fresh, connect):
    stage.telegram.take_bot(fresh, "https://amo-tg.example.com:8443/hook/very-secret-path?key=1")
    with pytest.raises(BotRefusedError) as refused:
        await connect(fresh)
    assert refused.value.code == "foreign_webhook"
    assert "(amo-tg.example.com)" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert stage.telegram.webhook_of(fresh).startswith("https://amo-tg.example.com")
    await untouched(stage, fresh)
    row = await connect(fresh, take_over=True)
    assert row.status == "active"
    assert stage.telegram.webhook_of(fresh) == ""


async def test_privacy_mode_and_forbidden_groups_are_warnings_that_say_what_to_do(stage, connect):
    private = stage.telegram.add_bot("Молчун", "quiet_bot", privacy_mode=True)
    row = await connect(private)
    assert row.status == "active"
    assert list(row.troubles) == [bot_troubles.PRIVACY_MODE]
    sentence = row.troubles[bot_troubles.PRIVACY_MODE]["detail"]
    for part in ("/setprivacy", "добавьте снова", "администратором"):
        assert part in sentence
    assert row.troubles[bot_troubles.PRIVACY_MODE]["since"]
    homebody = stage.telegram.add_bot("Домосед", "home_bot")
    stage.telegram.set_joins(homebody, allowed=False)
    row = await connect(homebody)
    assert list(row.troubles) == [bot_troubles.CANNOT_JOIN_GROUPS]
    assert "/setjoingroups" in row.troubles[bot_troubles.CANNOT_JOIN_GROUPS]["detail"]


async def test_an_unknown_or_archived_pipeline_is_refused_and_nothing_is_done(stage, fresh, connect):
    with pytest.raises(BotRefusedError) as unknown:
        await connect(fresh, pipeline_id=424242)
    assert unknown.value.code == "pipeline_unknown"
    stage.world.service.is_archive = True
    with pytest.raises(BotRefusedError) as archived:
        await connect(fresh, pipeline_id=stage.world.service.id)
    assert archived.value.code in ("pipeline_unknown", "pipeline_archived")
    await untouched(stage, fresh)


async def test_amocrms_limit_of_sources_is_named_and_nothing_is_half_connected(stage, fresh, connect):
    stage.amo.switches = AmoSwitches(rest_rate_per_s=None, source_limit=2)
    with pytest.raises(BotRefusedError) as refused:
        await connect(fresh)
    assert refused.value.code == "source_limit"
    assert "уже 2" in str(refused.value)
    await untouched(stage, fresh)
    stage.amo.switches = AmoSwitches(rest_rate_per_s=None)
    assert (await connect(fresh)).status == "active"


async def test_a_source_that_amocrm_made_without_saying_so_is_found(stage, fresh, connect):
    stage.amo.faults.drop_after("sources.create")
    row = await connect(fresh)
    assert [one.id for one in sources(stage.world.account, fresh)] == [row.source_id]


async def test_telegram_asking_to_wait_with_the_profile_does_not_fail_the_connection(stage, fresh, connect):
    stage.telegram.refuse("setMyDescription", 429, "Too Many Requests: retry after 1", retry_after=1)
    assert (await connect(fresh)).troubles == {}
    assert ("description", "ru") in fresh.profile

    slow = stage.telegram.add_bot("Север Опт", "sever_bulk_bot")
    stage.telegram.refuse("setMyCommands", 429, "Too Many Requests: retry after 900", retry_after=900, times=1)
    row = await connect(slow)
    assert row.status == "active"
    assert list(row.troubles) == [bot_troubles.PROFILE]
    assert slow.commands == {}
    await stage.service.refresh()
    await stage.service.checkups.check(slow.id)
    assert len(slow.commands) == 6
    assert (await bots.get(stage.service.services.db, slow.id)).troubles == {}


async def test_by_webhook_the_address_carries_a_key_of_its_own_and_a_refused_one_leaves_nothing(stage, fresh, connect):
    stage.telegram.refuse("setWebhook", 400, "Bad Request: bad webhook: IP address is reserved")
    with pytest.raises(BotRefusedError) as refused:
        await connect(fresh, public_url="http://127.0.0.1:9")
    assert refused.value.code == "telegram_refused"
    await untouched(stage, fresh)
    row = await connect(fresh, public_url="http://127.0.0.1:9/")
    assert stage.telegram.webhook_of(fresh) == f"http://127.0.0.1:9/telegram/{row.webhook_key}"
    assert fresh.token not in stage.telegram.webhook_of(fresh)


async def test_a_webhook_follows_a_new_token_of_the_same_bot_only(stage, fresh, connect, neighbour):
    connector, db = stage.service.connector, stage.service.services.db
    row = await connect(fresh, public_url="http://127.0.0.1:9/")
    url = stage.telegram.webhook_of(fresh)
    calls = len(stage.telegram.requests)
    assert (await connector.replace_token(fresh.id, fresh.token, public_url="http://127.0.0.1:9")).token == row.token
    asked = {each.method for each in list(stage.telegram.requests)[calls:] if each.bot is fresh}
    assert asked == {"getMe"}, "the same token changes nothing"
    stage.telegram.revoke_token(fresh)
    stage.telegram.take_bot(fresh, "https://other.example/who-had-the-old-token")
    for account_id, token, code in (
        (neighbour[1].account_id, fresh.token, "not_connected"),
        (None, stage.world.sales_bot.token, "other_bot"),
        (None, row.username, "token_malformed"),
    ):
        with pytest.raises(BotRefusedError) as refused:
            await connector.replace_token(fresh.id, token, account_id=account_id, public_url="http://127.0.0.1:9")
        assert refused.value.code == code
        assert (await bots.get(db, fresh.id)).token == row.token
    await connector.replace_token(fresh.id, fresh.token, public_url="http://127.0.0.1:9")
    assert stage.telegram.webhook_of(fresh) == url
    kept = await bots.get(db, fresh.id)
    assert stage.service.services.box.open(kept.token) == fresh.token
    assert (kept.status, kept.webhook_key) == ("active", row.webhook_key)
