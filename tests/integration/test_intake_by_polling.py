"""Long polling as operators meet it: revoked tokens, foreign webhooks, a second poller, and how health shows them."""

from __future__ import annotations

import dataclasses
import json
import urllib.request

import trio

from dealgram.persistence import bots, records
from dealgram.ports import ServicePorts
from dealgram.runtime import ActorState


def pollers(stage) -> dict[str, ActorState]:
    return {actor.address.key: actor.state for actor in ServicePorts(stage.service).actors(kind="poller").actors}


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


async def test_a_webhook_that_somebody_set_is_taken_off_and_nothing_is_lost(stage):
    bot = stage.world.sales_bot
    await eventually(lambda: len(pollers(stage)) == 2)
    url = f"http://127.0.0.1:{stage.playground.telegram_port}/bot{bot.token}/setWebhook"

    def set_webhook() -> None:
        body = json.dumps({"url": "http://127.0.0.1:9/elsewhere"}).encode()
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    await trio.to_thread.run_sync(set_webhook)
    stage.telegram.write(stage.world.igor, bot, "Не потеряйте меня")
    await stage.in_card(stage.world.igor, "Не потеряйте меня", bot)
    assert pollers(stage)[str(bot.id)] is ActorState.RUNNING


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
