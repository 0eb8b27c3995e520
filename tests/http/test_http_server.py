"""The listening side: the bound address, a taken port, errors of routing, and an end that comes."""

from __future__ import annotations

import logging
import socket

import pytest
import trio

from dealgram.http import connections
from dealgram.http.app import create_app
from dealgram.http.listening import Bound, ListenError, bind
from dealgram.http.server import serve

SLOW = b"POST /telegram/key-of-bot-700 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"


async def test_the_bound_port_is_reported_and_answers(world):
    assert world.port > 0
    assert (await world.client.get("/health/live")).status_code == 200


def test_the_address_to_open_is_one_that_can_be_opened():
    assert Bound(host="127.0.0.1", port=8080).url == "http://127.0.0.1:8080"
    assert Bound(host="0.0.0.0", port=8080).url == "http://127.0.0.1:8080"
    assert Bound(host="::", port=8080).url == "http://[::1]:8080"
    assert Bound(host="::1", port=8080).url == "http://[::1]:8080"


async def test_a_taken_port_is_one_clear_error(world, services):
    with pytest.raises(ListenError, match=rf"^Cannot listen on 127\.0\.0\.1:{world.port}: Address already in use\.$"):
        await serve(create_app(services), "127.0.0.1", world.port, shutdown_trigger=trio.sleep_forever)


def test_an_unknown_host_is_one_clear_error():
    with pytest.raises(ListenError, match="Cannot listen on no such host:0"):
        bind("no such host", 0)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/health", 404, "not_found"),
        ("POST", "/telegram/", 404, "not_found"),
        ("POST", "/telegram/a/b", 404, "not_found"),
        ("POST", "/health/live", 405, "method_not_allowed"),
        ("DELETE", "/amojo/x", 405, "method_not_allowed"),
    ],
)
async def test_errors_of_routing_have_the_one_shape(world, method, path, status, code):
    answer = await world.client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["message"].endswith(".")


async def test_what_is_no_http_is_refused(world, read_answer):
    async with await world.connect() as stream:
        await stream.send_all(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await read_answer(stream)).startswith(b"HTTP/1.1 400")


UPGRADES = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: !!!\r\n",
    "h2c without settings": b"Connection: close\r\nUpgrade: h2c\r\n",
    "websocket": (
        b"Connection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    ),
    "half a websocket": b"Connection: Upgrade, close\r\nUpgrade: websocket\r\n",
}


@pytest.mark.parametrize("headers", UPGRADES.values(), ids=UPGRADES.keys())
async def test_an_upgrade_is_not_taken_up(world, read_answer, headers):
    async with await world.connect() as stream:
        await stream.send_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")
        assert (await read_answer(stream)).startswith(b"HTTP/1.1 200")


async def test_one_clients_broken_bytes_end_no_other_connection(world, read_answer):
    """Broken HTTP/2 in Hypercorn's own worker ends the whole server."""
    assert (await world.client.get("/health/live")).status_code == 200
    async with await world.connect() as stream:
        await stream.send_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 40)
        assert b" 400 " in await read_answer(stream)
    assert (await world.client.get("/health/live")).status_code == 200


async def test_a_defect_below_the_application_ends_its_own_connection_alone(world, monkeypatch, read_answer, caplog):
    async def fail(self, event) -> None:
        raise KeyError("a secret of the client")

    monkeypatch.setattr(connections._Http11, "_check_protocol", fail)
    async with await world.connect() as stream:
        await stream.send_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await read_answer(stream) == b""
    monkeypatch.undo()
    assert (await world.client.get("/health/live")).status_code == 200
    assert "a connection was broken off: KeyError" in caplog.text
    assert "secret" not in caplog.text


async def test_endless_headers_are_refused(world, read_answer):
    async with await world.connect() as stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000)
        assert (await read_answer(stream)).startswith(b"HTTP/1.1 431")


async def test_the_server_does_not_say_what_it_is(world):
    assert "server" not in (await world.client.get("/health/live")).headers


async def test_a_defect_is_logged_by_its_route_and_not_by_its_path(world, caplog):
    async def fail() -> None:
        raise RuntimeError("the defect")

    world.intake.look_up = fail
    with caplog.at_level(logging.ERROR, logger="dealgram.http"):
        answer = await world.client.post("/telegram/very-secret-key", content=b"{}")
    assert answer.status_code == 500
    assert "POST /telegram/<key>" in caplog.text
    assert "the defect" in caplog.text
    assert "very-secret-key" not in caplog.text


async def test_stopping_ends_idle_connections_and_frees_the_port(serve_world, services):
    world = await serve_world(services, graceful_s=3600.0)
    assert (await world.client.get("/health/live")).status_code == 200  # its connection stays, idle
    world.stop.set()
    with trio.fail_after(10):
        await world.stopped.wait()
    bind("127.0.0.1", world.port).close()


async def test_stopping_cuts_off_what_does_not_end(serve_world, services):
    world = await serve_world(services, graceful_s=0.05, body_deadline_s=3600.0)
    with trio.fail_after(10):
        async with await world.connect() as stream:
            await stream.send_all(SLOW)
            world.stop.set()
            assert await stream.receive_some(65536) == b""
        await world.stopped.wait()


async def test_accepted_connections_break_when_their_client_stops_reading():
    """The kernel's timeout is inherited from the listener, since nothing above can interrupt Hypercorn's sends."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        pytest.skip("this system has no TCP_USER_TIMEOUT")
    with bind("127.0.0.1", 0) as listener:
        listener.listen()
        with socket.create_connection(listener.getsockname()):
            await trio.lowlevel.wait_readable(listener)
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 20_000
