"""What amoCRM's own server asks of the integration: the redirect after an installation, the hook after its removal.

Owns `ServerCalls` (amoCRM contract §2). Promises: each call is one GET, never repeated, whatever comes of it; its
answer is recorded and ignored. A browser's way to the redirect URI is `consent.py`'s, not ours.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

import httpx
import trio

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.world import World
from dealgram.sandbox.tls import trusted

REDIRECT_LIMIT_S = 3.0
_CALLS_KEPT = 1000


@dataclass(slots=True, eq=False, kw_only=True)
class ServerCall:
    """One GET. `outcome`: waiting, answered (whatever the status), timeout, failed (no connection), undeliverable (no
    address is set). `url` is as it was asked, the code included."""

    kind: Literal["install", "uninstall"]
    account_id: int
    url: str
    limit_s: float
    outcome: str = "waiting"
    status: int | None = None
    detail: str = ""
    took_s: float = 0.0
    done: trio.Event = field(default_factory=trio.Event)


class ServerCalls:
    """Makes the calls. `redirect_url` and `uninstall_url` are where the integration really listens; None is nowhere."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.redirect_url: str | None = None
        self.uninstall_url: str | None = None
        self.log: deque[ServerCall] = deque(maxlen=_CALLS_KEPT)
        self._queue: deque[ServerCall] = deque()
        self._added = trio.Event()
        self._busy = 0

    @property
    def pending(self) -> int:
        return len(self._queue) + self._busy

    async def installed(self, account: SimAccount, query: dict[str, str]) -> ServerCall:
        """Asks the redirect URI, waiting three seconds at most."""
        call = self._note("install", account, self.redirect_url, query, REDIRECT_LIMIT_S)
        await self._carry_out(call)
        return call

    def uninstalled(self, account: SimAccount) -> ServerCall | None:
        """Queues the hook of a removal; None where the integration names no address for it."""
        if self.uninstall_url is None:
            return None
        world = self._world
        client = world.integration.client_id
        signed = f"{client}|{account.id}".encode()
        signature = hmac.new(world.integration.client_secret.encode(), signed, hashlib.sha256).hexdigest()
        name = world.switches.uninstall_client
        query = {"account_id": str(account.id), name: client, "signature": signature}
        call = self._note("uninstall", account, self.uninstall_url, query, world.switches.hook_timeout_s)
        self._queue.append(call)
        self._added.set()
        return call

    async def run(self) -> None:
        """Makes the queued calls, one after the other, until cancelled."""
        while True:
            while self._queue:
                self._busy += 1
                try:
                    await self._carry_out(self._queue.popleft())
                finally:
                    self._busy -= 1
            self._added = trio.Event()
            await self._added.wait()

    def _note(
        self,
        kind: Literal["install", "uninstall"],
        account: SimAccount,
        address: str | None,
        query: dict[str, str],
        limit_s: float,
    ) -> ServerCall:
        url = with_query(address, query) if address is not None else ""
        call = ServerCall(kind=kind, account_id=account.id, url=url, limit_s=limit_s)
        self.log.append(call)
        return call

    async def _carry_out(self, call: ServerCall) -> None:
        if not call.url:
            call.outcome, call.detail = "undeliverable", "no address is set"
        else:
            started = trio.current_time()
            outcome, status, detail = "timeout", None, f"no answer within {call.limit_s:g} s"
            try:
                async with httpx.AsyncClient(verify=trusted(), timeout=None) as client:  # noqa: S113 - the limit is ours
                    with trio.move_on_after(call.limit_s):
                        answer = await client.get(call.url)
                        outcome, status, detail = "answered", answer.status_code, answer.text[:200]
            except (httpx.HTTPError, OSError) as error:
                outcome, detail = "failed", f"{type(error).__name__}: {error}"
            call.outcome, call.status, call.detail = outcome, status, detail
            call.took_s = trio.current_time() - started
        call.done.set()
        self._world.events.publish("account", account_id=call.account_id)


def with_query(address: str, query: dict[str, str]) -> str:
    """The address with more query parameters; it may have some already."""
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
