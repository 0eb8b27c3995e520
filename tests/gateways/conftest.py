"""A loopback HTTP server that does exactly what a test tells it, and keeps every request byte for byte."""

from __future__ import annotations

import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import h11
import orjson
import pytest
import trio

from dealgram.gateways.transport import HttpTransport, Upstream


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int = 200
    body: bytes = b"{}"
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False  # close in the middle of the body


CLOSE = object()
"""Instead of a Reply: close the connection without a word."""

HANG = object()
"""Instead of a Reply: read the request and never answer."""

Answerer = Callable[[Seen], "Reply | object | Awaitable[Reply | object]"]


class LoopbackServer:
    """Serves on 127.0.0.1. `answer` decides; queue fixed replies with `reply`."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.queue: list[Reply | object] = []
        self.answer: Answerer = self._next_reply
        self.close_at_once = False
        self.connections = 0
        self.running = 0
        self.most_running = 0
        self.base_url = ""
        self._came = trio.Event()

    def reply(self, body: Any = None, status: int = 200, **more: Any) -> None:
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        self.queue.append(Reply(status=status, body=raw, **more))

    def close(self) -> None:
        self.queue.append(CLOSE)

    async def arrived(self, count: int) -> None:
        """Waits until so many requests have been read, in all."""
        while len(self.seen) < count:
            self._came = trio.Event()
            await self._came.wait()

    def hang(self) -> None:
        self.queue.append(HANG)

    def _next_reply(self, seen: Seen) -> Reply | object:
        assert self.queue, f"no reply is queued for {seen.method} {seen.path}"
        return self.queue.pop(0)

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        try:
            async with stream:
                if not self.close_at_once:
                    await self._converse(stream)
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            pass  # the client went away: tests of cancellation mean it to

    async def _converse(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        while True:
            seen = await self._read(stream, connection)
            if seen is None:
                return
            self.seen.append(seen)
            self._came.set()
            self.running += 1
            self.most_running = max(self.most_running, self.running)
            try:
                reply = self.answer(seen)
                if isinstance(reply, Awaitable):
                    reply = await reply
                if reply is HANG:
                    await trio.sleep_forever()
            finally:
                self.running -= 1
            if not isinstance(reply, Reply):
                return
            headers = {"Content-Length": str(len(reply.body)), "Content-Type": reply.content_type, **reply.headers}
            if reply.status == 204:
                headers.pop("Content-Length")
            head = connection.send(h11.Response(status_code=reply.status, headers=list(headers.items())))
            assert head is not None
            if reply.cut:
                await stream.send_all(head + reply.body[: len(reply.body) // 2])
                return
            body = b"" if reply.status == 204 else connection.send(h11.Data(data=reply.body)) or b""
            await stream.send_all(head + body + (connection.send(h11.EndOfMessage()) or b""))
            if connection.our_state is not h11.DONE:
                return
            connection.start_next_cycle()

    async def _read(self, stream: trio.SocketStream, connection: h11.Connection) -> Seen | None:
        request: h11.Request | None = None
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some())
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                assert request is not None
                headers = {name.decode().lower(): value.decode() for name, value in request.headers}
                return Seen(method=request.method.decode(), target=request.target.decode(), headers=headers, body=body)
            else:
                return None


@pytest.fixture
async def server() -> AsyncIterator[LoopbackServer]:
    loopback = LoopbackServer()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, loopback.serve, 0, host="127.0.0.1"))
        loopback.base_url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield loopback
        nursery.cancel_scope.cancel()


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with HttpTransport.open(Upstream(name="upstream", max_connections=4)) as opened:
        yield opened


@pytest.fixture
def told() -> Callable[[BaseException], str]:
    """Everything that an exception and all that led to it can put into a log."""

    def everything(error: BaseException) -> str:
        texts = ["".join(traceback.format_exception(error))]
        chain: list[BaseException | None] = [error]
        told_already: set[int] = set()
        while chain:
            one = chain.pop()
            if one is not None:
                assert id(one) not in told_already, "the chain of causes has a loop"
                told_already.add(id(one))
                texts += [repr(one), str(one), repr(one.args), repr(vars(one))]
                chain += [one.__cause__, one.__context__ if one.__context__ is not one.__cause__ else None]
        return "\n".join(texts)

    return everything


@pytest.fixture
def dead_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"http://127.0.0.1:{port}"
