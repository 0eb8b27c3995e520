"""The simulator running on a loopback port, with a plain client: what tests, the demo and the benchmarks start from."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import trio

from dealgram.sandbox.serve import serve
from dealgram.sandbox.telegram.simulator import TelegramSimulator
from dealgram.sandbox.telegram.world import Json, SimBot
from dealgram.sandbox.tls import trusted


@dataclass(frozen=True, slots=True)
class ServedTelegram:
    """`url` is what clients put where https://api.telegram.org stands (python-telegram-bot: `url + "/bot"`)."""

    simulator: TelegramSimulator
    url: str
    client: httpx.AsyncClient

    async def call(self, bot: SimBot, method: str, **params: Any) -> Json:
        """One call with a JSON body; the whole answer, refused or not."""
        response = await self.client.post(f"{self.url}/bot{bot.token}/{method}", json=params)
        answer: Json = response.json()
        return answer


@asynccontextmanager
async def served(simulator: TelegramSimulator, *, port: int = 0) -> AsyncIterator[ServedTelegram]:
    """Serves the Bot API and delivers to webhooks while the block runs."""
    async with trio.open_nursery() as nursery:
        bound = await nursery.start(_serve, simulator, port)
        await nursery.start(simulator.run)
        async with httpx.AsyncClient(verify=trusted(), timeout=None, trust_env=False) as client:  # noqa: S113 - callers set deadlines
            yield ServedTelegram(simulator, f"http://127.0.0.1:{bound}", client)
        nursery.cancel_scope.cancel()


async def _serve(simulator: TelegramSimulator, port: int, *, task_status: trio.TaskStatus[int]) -> None:
    await serve(simulator.app, port=port, task_status=task_status)
