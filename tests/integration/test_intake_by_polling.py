"""Long polling as operators meet it: revoked tokens, foreign webhooks, a second poller, and how health shows them."""

from __future__ import annotations

import dataclasses
import json

import trio

from dealgram.actors.bots import bot_troubles
from dealgram.persistence import bots, records
from dealgram.ports import ServicePorts
from dealgram.runtime import ActorState
from dealgram.sandbox.telegram.errors import OTHER_POLL


def pollers(stage) -> dict[str, ActorState]:
    return {actor.address.key: actor.state for actor in ServicePorts(stage.service).actors(kind="poller").actors}


async def stored(stage, bot):
    return await bots.get(stage.service.services.db, bot.id)


async def eventually(condition) -> None:
    """Wait for something that neither simulator tells of."""
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110 - a poller has no event for tests
            await trio.sleep(0.02)


async def test_every_polled_bot_is_shown_beside_the_actors(stage):
    await eventually(lambda: len(pollers(stage)) == 2)
    assert pollers(stage) == {str(bot.id): ActorState.RUNNING for bot, _ in stage.world.bots}
    shown = ServicePorts(stage.service).actors(key_contains=str(stage.world.sales_bot.id)).actors
    assert [actor.address.kind for actor in shown if actor.address.kind == "poller"] == ["poller"]


async def test_a_revoked_token_ends_the_polling_of_that_bot_alone_and_stays_in_sight(stage):
    revoked, other = stage.world.sales_bot, stage.world.service_bot
    await eventually(lambda: len(pollers(stage)) == 2)
    stage.telegram.write(stage.world.igor, revoked, "Последнее")  # ends the poll that waits; the next one is refused
    stage.telegram.revoke_token(revoked)
    stage.telegram.write(stage.world.igor, other, "Слышно?")
    await eventually(lambda: pollers(stage).get(str(revoked.id)) is ActorState.FAILED)
    with trio.fail_after(30):
        while (await bots.get(stage.service.services.db, revoked.id)).status != "revoked":  # noqa: ASYNC110
            await trio.sleep(0.02)
    await stage.in_card(stage.world.igor, "Слышно?", other)
    assert pollers(stage)[str(other.id)] is ActorState.RUNNING
    await stage.service.refresh()
    assert pollers(stage)[str(revoked.id)] is ActorState.FAILED


async def test_a_webhook_that_somebody_set_is_shown_waited_for_and_nothing_is_lost(stage):
    bot = stage.world.sales_bot
    await eventually(lambda: len(pollers(stage)) == 2)
    stage.telegram.take_bot(bot, "https://elsewhere.example/hook/secret")
    await eventually(lambda: pollers(stage)[str(bot.id)] is ActorState.BACKING_OFF)
    with trio.fail_after(30):
        while bot_troubles.FOREIGN_WEBHOOK not in (await stored(stage, bot)).troubles:  # noqa: ASYNC110
            await trio.sleep(0.02)
    (shown,) = ServicePorts(stage.service).actors(key_contains=str(bot.id), kind="poller").actors
    assert "elsewhere.example" in shown.last_error.message
    assert "secret" not in shown.last_error.message
    stage.telegram.write(stage.world.igor, bot, "Не потеряйте меня")
    assert stage.telegram.webhook_of(bot) == "https://elsewhere.example/hook/secret"
    stage.telegram.take_bot(bot, "")
    # Any change of the tables lets the poller look again before its minute is over.
    await stage.service.services.db.execute("UPDATE bots SET updated_at = now() WHERE bot_id = $1", bot.id)
    await stage.service.refresh()
    await stage.in_card(stage.world.igor, "Не потеряйте меня", bot)
    assert pollers(stage)[str(bot.id)] is ActorState.RUNNING
    with trio.fail_after(30):
        while (await stored(stage, bot)).troubles:  # noqa: ASYNC110
            await trio.sleep(0.02)


async def test_a_webhook_of_our_own_that_was_left_behind_is_taken_off(stage):
    bot = stage.world.sales_bot
    row = await stored(stage, bot)
    await eventually(lambda: len(pollers(stage)) == 2)
    stage.telegram.take_bot(bot, f"https://before.example/telegram/{row.webhook_key}")
    stage.telegram.write(stage.world.igor, bot, "Не потеряйте меня")
    await stage.in_card(stage.world.igor, "Не потеряйте меня", bot)
    assert stage.telegram.webhook_of(bot) == ""
    assert (await stored(stage, bot)).troubles == {}


async def test_another_poller_is_shown_as_trouble_until_it_is_gone(stage, monkeypatch):
    bot = stage.world.sales_bot
    monkeypatch.setattr("dealgram.actors.bots.polling.OTHER_POLLER_PAUSE_S", 0.05)
    order = stage.telegram.refuse("getUpdates", 409, OTHER_POLL, when=lambda facts: facts["bot"] is bot, times=None)
    stage.telegram.write(stage.world.igor, bot, "Раз")  # ends the poll that waits
    with trio.fail_after(30):
        while bot_troubles.OTHER_POLLER not in (await stored(stage, bot)).troubles:  # noqa: ASYNC110
            await trio.sleep(0.02)
    assert pollers(stage)[str(bot.id)] is ActorState.BACKING_OFF
    order.cancel()
    with trio.fail_after(30):
        while (await stored(stage, bot)).troubles:
            stage.telegram.write(stage.world.igor, bot, "Ещё")  # a poll that gets something ends at once
            await trio.sleep(0.1)


async def test_what_a_bot_was_given_before_it_was_disconnected_is_still_posted(stage):
    bot, igor = stage.world.sales_bot, stage.world.igor
    stage.telegram.write(igor, bot, "Раз")
    await stage.in_card(igor, "Раз")
    services = stage.service.services
    connected = services.registry.bot(bot.id)
    stage.amo.faults.answer("amojo.send", status=502, body=b"", times=2)
    row = await bots.get(services.db, bot.id)
    await records.upsert(services.db, dataclasses.replace(row, status="removed"))
    await services.registry.refresh()
    assert services.registry.bot(bot.id) is None
    update = {"update_id": 77, "message": {**stage.telegram.write(igor, bot, "Два")}}
    await stage.service.intake.accept_updates(connected, [json.dumps(update).encode()])
    await stage.in_card(igor, "Два")
