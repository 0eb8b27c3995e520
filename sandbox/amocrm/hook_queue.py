"""What waits to be sent to the service, and the connections that it is sent over.

Owns `HookQueue`, which the senders of chat hooks and of CRM webhooks share. Promises: it never grows past 20,000; what
is put in before anybody drains it waits; connections are made when the first hook comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx
import trio

from dealgram.sandbox.tls import trusted

SIDE_BY_SIDE = 16
"""Hooks on their way at the same time."""
_LIMIT = 20_000

Hook = TypeVar("Hook")


class HookQueue(Generic[Hook]):
    """See the module. `what` names the hooks in the error that says nobody sends them."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._waiting: deque[Hook] = deque()
        self._added = trio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def check_room(self) -> None:
        """Raises RuntimeError when 20,000 wait."""
        if len(self._waiting) >= _LIMIT:
            raise RuntimeError(f"{_LIMIT:,} {self._what} wait: is the simulator's run() running?")

    def put(self, hook: Hook) -> None:
        self._waiting.append(hook)
        self._added.set()

    async def drain(self, dispatch: Callable[[Hook, httpx.AsyncClient, trio.Nursery], None]) -> None:
        """Hands hooks out, in order, until cancelled; what `dispatch` starts in the nursery ends with it."""
        limits = httpx.Limits(max_connections=SIDE_BY_SIDE * 2, max_keepalive_connections=SIDE_BY_SIDE * 2)
        await self._added.wait()  # a client takes a tenth of a second to make; many a simulator never needs one
        async with (
            httpx.AsyncClient(verify=trusted(), timeout=None, limits=limits) as client,  # noqa: S113
            trio.open_nursery() as nursery,
        ):
            while True:
                while self._waiting:
                    dispatch(self._waiting.popleft(), client, nursery)
                self._added = trio.Event()
                await self._added.wait()
