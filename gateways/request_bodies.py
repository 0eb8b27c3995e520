"""The bodies of requests: bytes that are at hand, or a stream whose length is known before.

None is a generator, as httpx's own are: trio warns of generators that a broken write leaves behind.
"""

from __future__ import annotations

from typing import Protocol, Self

import httpx


class StreamedBody(Protocol):
    """A request body that is made while it is sent. Read once, and no generator."""

    @property
    def length(self) -> int: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> bytes: ...


def as_stream(content: bytes | StreamedBody) -> httpx.AsyncByteStream:
    """A body as httpx wants it."""
    return _Whole(content) if isinstance(content, bytes) else _Streamed(content)


class _Streamed(httpx.AsyncByteStream):
    __slots__ = ("_body",)

    def __init__(self, body: StreamedBody) -> None:
        self._body = body

    def __aiter__(self) -> StreamedBody:
        return self._body


class _Whole(httpx.AsyncByteStream):
    __slots__ = ("_rest",)

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Not a checkpoint."""
        if not self._rest:
            raise StopAsyncIteration
        rest, self._rest = self._rest, b""
        return rest
