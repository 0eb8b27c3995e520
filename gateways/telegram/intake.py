"""Long polling: getUpdates over connections of its own, so that waiting polls never hold up a send.

A poll holds a connection for almost a minute, and one httpx client is good for about a hundred connections
(telegram-facts §4.3). So the pool is a row of clients that grows with the number of polls: a poll goes through the
first client with a free connection. All connections lead to the same host, so it matters not which bot uses which.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Self

import msgspec

from dealgram.gateways.errors import BadPayload
from dealgram.gateways.refusals import unreadable
from dealgram.gateways.telegram.errors import SERVICE, telegram_refusal
from dealgram.gateways.telegram.gateway import bot_id_of
from dealgram.gateways.telegram.updates import ALLOWED_UPDATES, split_updates
from dealgram.gateways.transport import HttpTransport, TransportStatistics, Upstream

LONGEST_TIMEOUT_S = 50  # Bot API: getUpdates
_MARGIN_S = 15.0  # for the way there and back, beyond the poll's own timeout


class PollingPool:
    """Fetches updates for any number of bots. Open it with `PollingPool.open`.

    Args:
        upstream: settings of one client; its `max_connections` (at most 100) is the size of one client.
        api_url: e.g. `https://api.telegram.org`.
    """

    def __init__(self, upstream: Upstream, api_url: str) -> None:
        self._upstream = upstream
        self._api_url = api_url.rstrip("/")
        self._shards: list[HttpTransport] = []

    @classmethod
    @asynccontextmanager
    async def open(cls, upstream: Upstream, api_url: str) -> AsyncIterator[Self]:
        """Opens the pool; closes its connections on leaving."""
        pool = cls(upstream, api_url)
        try:
            yield pool
        finally:
            await pool.aclose()

    async def aclose(self) -> None:
        """Closes all connections."""
        for shard in self._shards:
            await shard.aclose()

    async def get_updates(
        self,
        token: str,
        offset: int | None,
        *,
        timeout_s: int = LONGEST_TIMEOUT_S,
        allowed_updates: Sequence[str] = ALLOWED_UPDATES,
        limit: int = 100,
    ) -> list[bytes]:
        """Waits for updates and returns them raw, oldest first; empty after `timeout_s` without any.

        `offset` (last update id + 1) confirms everything before it: commit those updates first. None confirms nothing.

        Raises:
            IntakeConflict: a webhook is set, or somebody else polls this bot.
            Unauthorised: the token is revoked.
            NotSent, Interrupted, RateLimited, ServiceFailed: nothing is lost, poll again.
        """
        bot_id_of(token)
        body: dict[str, object] = {
            "timeout": min(int(timeout_s), LONGEST_TIMEOUT_S),
            "limit": limit,
            "allowed_updates": list(allowed_updates),
        }
        if offset is not None:
            body["offset"] = offset
        answer = await self._free_shard().request(
            "getUpdates",
            "POST",
            f"{self._api_url}/bot{token}/getUpdates",
            headers={"Content-Type": "application/json"},
            content=msgspec.json.encode(body),
            deadline_s=timeout_s + _MARGIN_S,
            repeatable=True,
        )
        if not answer.ok:
            raise telegram_refusal(answer, operation="getUpdates", repeatable=True)
        try:
            return split_updates(answer.body)
        except BadPayload:
            raise unreadable(answer, service=SERVICE, operation="getUpdates", repeatable=True) from None

    def statistics(self) -> list[TransportStatistics]:
        """Figures of every client."""
        return [shard.statistics() for shard in self._shards]

    def _free_shard(self) -> HttpTransport:
        for shard in self._shards:
            if shard.free > 0:
                return shard
        name = f"{self._upstream.name}-{len(self._shards) + 1}"
        self._shards.append(HttpTransport(replace(self._upstream, name=name)))
        return self._shards[-1]
