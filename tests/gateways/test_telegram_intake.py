"""Long polling: raw updates, connections of its own that grow with the bots, errors that lose nothing."""

from __future__ import annotations

import logging
from functools import partial

import pytest
import trio

from dealgram.gateways.errors import GatewayError, Interrupted, NotSent, RateLimited, ServiceFailed, Unauthorised
from dealgram.gateways.telegram import ALLOWED_UPDATES, IntakeConflict, PollingPool, TelegramGateway
from dealgram.gateways.transport import Upstream
from dealgram.runtime import Transient

TOKEN = "7000001:AAsecretSecretSecret-secret_Secret"


@pytest.fixture
async def pool(server):
    async with PollingPool.open(Upstream(name="poll", max_connections=3), server.base_url + "/") as opened:
        yield opened


async def test_updates_come_as_they_are(server, pool):
    server.reply(b'{"ok":true,"result":[{"update_id":1, "odd":[1 ,2]},{"update_id":2,"message":{}}]}')
    raw = await pool.get_updates(TOKEN, 1, timeout_s=50)
    assert raw == [b'{"update_id":1, "odd":[1 ,2]}', b'{"update_id":2,"message":{}}']
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("POST", f"/bot{TOKEN}/getUpdates")
    assert seen.json == {"timeout": 50, "limit": 100, "allowed_updates": ALLOWED_UPDATES, "offset": 1}


async def test_without_an_offset_nothing_is_confirmed(server, pool):
    server.reply(b'{"ok":true,"result":[]}')
    assert await pool.get_updates(TOKEN, None, timeout_s=500, allowed_updates=["message"]) == []
    assert server.seen[0].json == {"timeout": 50, "limit": 100, "allowed_updates": ["message"]}


async def test_polls_never_wait_for_each_other(server, pool):
    all_there = trio.Event()
    server.reply(b'{"ok":true,"result":[]}')
    nothing = server.queue.pop()

    async def held(seen):
        if len(server.seen) == 8:
            all_there.set()
        await all_there.wait()
        return nothing

    server.answer = held
    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(pool.get_updates, f"{number}:token", None)
    assert [one.name for one in pool.statistics()] == ["poll-1", "poll-2", "poll-3"]
    await pool.get_updates(TOKEN, None)
    assert len(pool.statistics()) == 3, "freed connections are used again"


async def test_waiting_polls_do_not_hold_up_a_send(server, transport, pool):
    never = trio.Event()
    server.reply({"ok": True, "result": {"message_id": 5}})
    sent = server.queue.pop()

    async def answer(seen):
        if seen.path.endswith("getUpdates"):
            await never.wait()
        return sent

    server.answer = answer
    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(pool.get_updates, f"{number}:token", None)
        await server.arrived(6)
        assert await TelegramGateway(transport, server.base_url).bot(TOKEN).send_text(1, "x") == 5
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"ok": False, "description": "Unauthorized"}, Unauthorised),
        (404, {"ok": False, "description": "Not Found"}, Unauthorised),
        (429, {"ok": False, "parameters": {"retry_after": 7}}, RateLimited),
        (500, {"ok": False}, ServiceFailed),
        (504, b"", ServiceFailed),
        (200, b"<html>", ServiceFailed),
        (200, {"ok": False, "result": []}, ServiceFailed),
        (200, {"ok": True, "result": {}}, ServiceFailed),
    ],
)
async def test_errors(server, pool, status, body, kind):
    server.reply(body, status=status)
    with pytest.raises(kind) as caught:
        await pool.get_updates(TOKEN, 1)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("description", "reason"),
    [
        ("Conflict: can't use getUpdates method while webhook is active", "webhook_active"),
        ("Conflict: terminated by other getUpdates request", "other_poller"),
    ],
)
async def test_a_conflict_names_its_reason(server, pool, description, reason):
    server.reply({"ok": False, "error_code": 409, "description": description}, status=409)
    with pytest.raises(IntakeConflict) as caught:
        await pool.get_updates(TOKEN, 1)
    assert caught.value.reason == reason
    assert isinstance(caught.value, Transient)


async def test_a_broken_poll_may_be_repeated(server, pool, dead_url):
    server.close()
    with pytest.raises(Interrupted):
        await pool.get_updates(TOKEN, 1)
    async with PollingPool.open(Upstream(name="dead"), dead_url) as dead:
        with pytest.raises(NotSent):
            await dead.get_updates(TOKEN, 1)


async def test_cancelled_polls_leave_the_pool_whole(server, pool):
    for _ in range(5):
        for _ in range(3):
            server.hang()
        arrived = len(server.seen) + 3
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(partial(pool.get_updates, f"{number}:token", None))
            await server.arrived(arrived)
            nursery.cancel_scope.cancel()
    assert [(one.running, one.name) for one in pool.statistics()] == [(0, "poll-1")]
    server.reply(b'{"ok":true,"result":[]}')
    assert await pool.get_updates(TOKEN, None) == []


async def test_the_token_never_shows(server, pool, caplog, told):
    caplog.set_level(logging.DEBUG)
    server.reply(status=500)
    server.close()
    for _ in range(2):
        with pytest.raises(GatewayError) as caught:
            await pool.get_updates(TOKEN, 1)
        assert TOKEN not in told(caught.value)
    assert TOKEN not in caplog.text


async def test_no_token_no_poll(server, pool):
    with pytest.raises(Unauthorised):
        await pool.get_updates("../x", 1)
    assert server.seen == []
