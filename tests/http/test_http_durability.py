"""A body that arrived whole is committed, whatever its sender or the server does meanwhile."""

from __future__ import annotations

import socket
import struct

import pytest
import trio

from dealgram.http.app import create_app

HEAD = (
    b"POST /telegram/key-of-bot-700 HTTP/1.1\r\nHost: x\r\n"
    b"X-Telegram-Bot-Api-Secret-Token: the-secret-token\r\nContent-Length: %d\r\n\r\n"
)
UPDATE = b'{"update_id": 10}'
REQUEST = HEAD % len(UPDATE) + UPDATE


def hang_up(stream: trio.SocketStream, *, hard: bool) -> None:
    """Close at once; hard means with a reset, as a crashed or impatient sender does."""
    if hard:
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


async def gone(world) -> None:
    """Wait until the server has noticed the end of all connections but the client's own."""
    # A later request on another connection passes the same event loop after the disconnect was read from its socket.
    for _ in range(3):
        await world.client.get("/health/live")


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("moment", ["look_up", "commit"])
async def test_a_sender_that_hangs_up_in_the_middle_of_the_commit(world, moment, hard):
    reached, proceed = trio.Event(), trio.Event()

    async def wait() -> None:
        reached.set()
        await proceed.wait()

    setattr(world.intake, moment, wait)
    stream = await world.connect()
    await stream.send_all(REQUEST)
    with trio.fail_after(10):
        await reached.wait()
        hang_up(stream, hard=hard)
        await gone(world)
        proceed.set()
        await world.intake.done.wait()
    assert world.intake.committed == [UPDATE]


async def test_a_sender_that_does_not_wait_for_the_answer_at_all(world):
    for _ in range(20):
        stream = await world.connect()
        await stream.send_all(REQUEST)
        hang_up(stream, hard=False)
    with trio.fail_after(10):
        while len(world.intake.committed) < 20:
            await world.client.get("/health/live")
    assert world.intake.committed == [UPDATE] * 20


async def test_a_disconnect_that_is_read_together_with_the_body(services):
    """The server may hand over the body and the disconnect before the handler ran at all, in either order of tasks."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/telegram/key-of-bot-700",
        "raw_path": b"/telegram/key-of-bot-700",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"x"), (b"x-telegram-bot-api-secret-token", b"the-secret-token")],
        "extensions": {},
    }
    app = create_app(services)
    for _ in range(40):  # trio shuffles the tasks of one batch
        messages = [{"type": "http.request", "body": UPDATE, "more_body": False}, {"type": "http.disconnect"}]

        async def receive(messages=messages):
            return messages.pop(0)  # no checkpoint in between

        async def send(message):
            await trio.lowlevel.checkpoint()

        await app(scope, receive, send)
    assert services.intake.committed == [UPDATE] * 40


async def test_half_a_body_is_never_committed_and_its_request_ends_with_the_sender(serve_world, services):
    world = await serve_world(services, graceful_s=3600.0, body_deadline_s=3600.0)
    stream = await world.connect()
    await stream.send_all(REQUEST[:-1])
    await gone(world)
    hang_up(stream, hard=False)
    await world.client.aclose()
    world.stop.set()
    with trio.fail_after(10):
        await world.stopped.wait()  # no request waits for the rest of that body
    assert world.intake.commits_begun == 0


async def test_a_stopping_server_lets_a_commit_finish(serve_world, services):
    world = await serve_world(services, graceful_s=0.05, commit_deadline_s=30.0)
    proceed = trio.Event()
    world.intake.commit = proceed.wait
    with trio.fail_after(20):
        async with await world.connect() as sender, await world.connect() as slow:
            await sender.send_all(REQUEST)
            await world.intake.begun.wait()
            await slow.send_all(REQUEST[:-1])
            await gone(world)
            await world.client.aclose()
            world.stop.set()
            assert await slow.receive_some(65536) == b""  # the graceful time is over: every request is cancelled
            assert world.intake.committed == []
            proceed.set()
            await world.stopped.wait()
    assert world.intake.committed == [UPDATE]
