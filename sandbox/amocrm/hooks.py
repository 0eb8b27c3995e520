"""Hooks of the Chats API, version 2 (amoCRM contract §9): made, signed, sent once.

Owns the queue and the record of every hook. Promises: a hook is sent at most once (but for the fault that
duplicates it); success is exactly 200 within five seconds; nothing is ever repeated; an integration that did not make
it in time is noted and from then on gets its hooks one at a time. Hooks of one chat go in order, chats side by side.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import trio

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.hook_faults import HookFaults
from dealgram.sandbox.amocrm.hook_queue import SIDE_BY_SIDE, HookQueue
from dealgram.sandbox.amocrm.signing import body_signature
from dealgram.sandbox.amocrm.world import World
from dealgram.sandbox.post import post_whole

USER_AGENT = "amoCRM amoJo/1.0"
_HOOKS_KEPT = 20_000

HookUrl = Callable[[str], str] | str


@dataclass(slots=True, eq=False, kw_only=True)
class HookRecord:
    """One hook. `outcome`: waiting, delivered, refused (another status than 200), timeout, failed (no connection),
    dropped (by a fault), undeliverable (no address or the channel is not connected)."""

    number: int
    account_id: int
    scope_id: str
    chat_uuid: str
    kind: str
    subject: str
    body: bytes
    outcome: str = "waiting"
    status: int | None = None
    detail: str = ""
    attempts: int = 0
    took_s: float = 0.0
    tried: trio.Event = field(default_factory=trio.Event)


@dataclass(slots=True)
class _Lane:
    waiting: deque[HookRecord] = field(default_factory=deque)


class HookSender:
    """Sends what was queued, while `run` runs; what is queued before waits for it."""

    # Invariants: a lane exists exactly while a task drains it; `held` has at most one hook per account.

    def __init__(self, world: World, url: HookUrl | None) -> None:
        self._world = world
        self.url = url
        self.faults: HookFaults[HookRecord] = HookFaults()
        self.log: deque[HookRecord] = deque(maxlen=_HOOKS_KEPT)
        self.slow: dict[str, int] = {}
        self._queue: HookQueue[HookRecord] = HookQueue("hooks")
        self._lanes: dict[str, _Lane] = {}
        self._held: dict[int, HookRecord] = {}
        self._limit = trio.CapacityLimiter(SIDE_BY_SIDE)
        self._slow_turn: dict[str, trio.Lock] = {}
        self._numbers = 0
        self._busy = 0

    @property
    def pending(self) -> int:
        """Hooks that are queued, held or on their way."""
        return len(self._queue) + len(self._held) + self._busy

    def queue(self, account: SimAccount, *, kind: str, subject: str, chat_uuid: str, content: dict[str, Any]) -> None:
        """Queues one hook; `content` is all but `account_id` and `time`. Raises RuntimeError when 20,000 wait."""
        self._queue.check_room()
        world = self._world
        self._numbers += 1
        hook = HookRecord(
            number=self._numbers,
            account_id=account.id,
            scope_id=world.scope_of(account),
            chat_uuid=chat_uuid,
            kind=kind,
            subject=subject,
            body=orjson.dumps({"account_id": account.amojo_id, "time": world.seconds, **content}),
        )
        self.log.append(hook)
        if not account.is_connected or self.url is None:
            hook.outcome = "undeliverable"
            hook.detail = "no address for hooks" if account.is_connected else "the channel is not connected"
            return
        self._queue.put(hook)

    async def run(self) -> None:
        """Sends hooks until cancelled."""
        await self._queue.drain(self._dispatch)

    def _dispatch(self, hook: HookRecord, client: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        order = self.faults.take(hook)
        trouble = order.trouble if order is not None else None
        if trouble == "drop":
            hook.outcome, hook.detail = "dropped", "by an ordered fault"
            self._note(hook)
            return
        if trouble == "reorder" and hook.account_id not in self._held:
            self._held[hook.account_id] = hook
            return
        self._busy += 1
        if trouble == "delay" and order is not None:
            nursery.start_soon(self._delayed, hook, order.delay_s, client)
            return
        if trouble == "duplicate":
            self._busy += 1
            self._into_lane(hook, client, nursery)
        self._into_lane(hook, client, nursery)
        held = self._held.pop(hook.account_id, None)
        if held is not None:
            self._busy += 1
            nursery.start_soon(self._after, hook, held, client)

    def _into_lane(self, hook: HookRecord, client: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        lane = self._lanes.get(hook.chat_uuid)
        if lane is None:
            lane = self._lanes[hook.chat_uuid] = _Lane()
            nursery.start_soon(self._drain, hook.chat_uuid, lane, client)
        lane.waiting.append(hook)

    async def _drain(self, key: str, lane: _Lane, client: httpx.AsyncClient) -> None:
        while lane.waiting:
            await self._send(lane.waiting.popleft(), client)
        del self._lanes[key]

    async def _delayed(self, hook: HookRecord, delay_s: float, client: httpx.AsyncClient) -> None:
        await trio.sleep(delay_s)
        await self._send(hook, client)

    async def _after(self, first: HookRecord, held: HookRecord, client: httpx.AsyncClient) -> None:
        await first.tried.wait()
        await self._send(held, client)

    async def _send(self, hook: HookRecord, client: httpx.AsyncClient) -> None:
        try:
            turn = self._slow_turn.get(hook.scope_id)
            if turn is None:
                async with self._limit:
                    await self._post(hook, client)
            else:
                async with turn:
                    await self._post(hook, client)
        finally:
            self._busy -= 1

    async def _post(self, hook: HookRecord, client: httpx.AsyncClient) -> None:
        world = self._world
        url = self.url
        assert url is not None
        address = url(hook.scope_id) if callable(url) else url.format(scope_id=hook.scope_id)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "X-Signature": body_signature(world.channel.secret, hook.body),
        }
        sent = hook.body + b"\n" if world.switches.hook_newline else hook.body
        hook.attempts += 1
        started = trio.current_time()
        outcome, status, detail = "timeout", None, f"no answer within {world.switches.hook_timeout_s:g} s"
        try:
            with trio.move_on_after(world.switches.hook_timeout_s):
                answer = await post_whole(client, address, sent, headers)
                status = answer.status_code
                outcome, detail = ("delivered", "") if status == 200 else ("refused", answer.text[:200])
        except (httpx.HTTPError, OSError) as error:
            outcome, detail = "failed", f"{type(error).__name__}: {error}"
        hook.outcome, hook.status, hook.detail = outcome, status, detail
        hook.took_s = trio.current_time() - started
        if outcome == "timeout":
            self.slow[hook.scope_id] = self.slow.get(hook.scope_id, 0) + 1
            self._slow_turn.setdefault(hook.scope_id, trio.Lock())
        self._note(hook)

    def _note(self, hook: HookRecord) -> None:
        hook.tried.set()
        self._world.events.publish("hook", account_id=hook.account_id, chat_uuid=hook.chat_uuid)
