"""Posting a body to somebody who may die in the middle of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import httpx


class _Body(httpx.AsyncByteStream):
    """A body that is no generator, as httpx's own is: trio warns of generators that a broken write leaves behind."""

    def __init__(self, content: bytes) -> None:
        self._rest = content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if not self._rest:
            raise StopAsyncIteration
        rest, self._rest = self._rest, b""
        return rest


async def post_whole(client: httpx.AsyncClient, url: str, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
    """One POST; raises httpx.HTTPError when no answer comes."""
    request = client.build_request("POST", url, content=content, headers=headers)
    request.stream = _Body(content)
    return await client.send(request)
