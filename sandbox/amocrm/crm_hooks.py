"""Sending of CRM webhooks (amoCRM contract §14): the queue, two seconds, the table of retries, switching off.

Owns the record of every CRM hook. Promises: what a destination answers is recorded and is no violation; success is a
status of 100 to 299; a failed hook is tried five times at most, and the last two only after 499 or 5xx; a destination
that keeps failing is switched off. First attempts go to a destination one at a time and in order, later ones do not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
import trio

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.events import EventStream
from dealgram.sandbox.amocrm.hook_faults import HookFaults
from dealgram.sandbox.amocrm.hook_queue import SIDE_BY_SIDE, HookQueue
from dealgram.sandbox.amocrm.records import SimWebhook
from dealgram.sandbox.amocrm.switches import Switches
from dealgram.sandbox.post import post_whole

USER_AGENT = "amoCRM-Webhooks/3.0"
_HOOKS_KEPT = 5000
_INVALID_WINDOW_S = 7200.0
_INVALID_MOST = 100


@dataclass(slots=True, eq=False, kw_only=True)
class CrmHookRecord:
    """One hook for one destination. `setting` is the event subscribed to, `subject` the id it is about.

    `outcome`: waiting (for its first or next attempt), delivered, given_up (no attempt is left), dropped (by a fault),
    disabled (the destination was switched off or removed). `statuses` has one status per attempt, 0 for no answer.
    `tried` is set by the first attempt, `done` when nothing more will be sent.
    """

    number: int
    account: SimAccount
    webhook: SimWebhook
    setting: str
    subject: str
    body: bytes
    outcome: str = "waiting"
    detail: str = ""
    statuses: list[int] = field(default_factory=list)
    took_s: float = 0.0
    tried: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)

    @property
    def account_id(self) -> int:
        return self.account.id

    @property
    def status(self) -> int | None:
        """The status of the last attempt; None before the first and for no answer."""
        return (self.statuses[-1] or None) if self.statuses else None

    @property
    def attempts(self) -> int:
        return len(self.statuses)

    @property
    def destination(self) -> str:
        return self.webhook.destination


class CrmHookSender:
    """Sends what was queued, while `run` runs; what is queued before waits for it."""

    # Invariants: a lane exists exactly while a task drains it; `held` has at most one hook per account.

    def __init__(self, switches: Callable[[], Switches], events: EventStream) -> None:
        self._switches = switches
        self._events = events
        self.faults: HookFaults[CrmHookRecord] = HookFaults()
        self.log: deque[CrmHookRecord] = deque(maxlen=_HOOKS_KEPT)
        self.retrying = 0
        self._queue: HookQueue[CrmHookRecord] = HookQueue("CRM hooks")
        self._lanes: dict[int, deque[CrmHookRecord]] = {}
        self._held: dict[int, CrmHookRecord] = {}
        self._invalid: dict[int, deque[float]] = {}
        self._limit = trio.CapacityLimiter(SIDE_BY_SIDE)
        self._numbers = 0
        self._busy = 0

    @property
    def pending(self) -> int:
        """Hooks that have not had their first attempt."""
        return len(self._queue) + len(self._held) + self._busy

    def queue(self, account: SimAccount, webhook: SimWebhook, *, setting: str, subject: str, body: bytes) -> None:
        """Queues one hook. Raises RuntimeError when 20,000 wait."""
        self._queue.check_room()
        self._numbers += 1
        hook = CrmHookRecord(
            number=self._numbers, account=account, webhook=webhook, setting=setting, subject=subject, body=body
        )
        self.log.append(hook)
        self._queue.put(hook)

    def enable(self, webhook: SimWebhook) -> None:
        """An administrator switches the webhook on again."""
        webhook.disabled = False
        self._invalid.pop(webhook.id, None)

    async def run(self) -> None:
        """Sends hooks until cancelled."""
        await self._queue.drain(self._dispatch)

    def _dispatch(self, hook: CrmHookRecord, client: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        order = self.faults.take(hook)
        trouble = order.trouble if order is not None else None
        if trouble == "drop":
            self._finish(hook, "dropped", "by an ordered fault")
            return
        if trouble == "reorder" and hook.account_id not in self._held:
            self._held[hook.account_id] = hook
            return
        if trouble == "delay" and order is not None:
            self._busy += 1
            nursery.start_soon(self._delayed, hook, order.delay_s, client, nursery)
            return
        held = self._held.pop(hook.account_id, None)
        for one in [hook, *([hook] if trouble == "duplicate" else []), *([held] if held is not None else [])]:
            self._busy += 1
            self._into_lane(one, client, nursery)

    def _into_lane(self, hook: CrmHookRecord, client: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        lane = self._lanes.get(hook.webhook.id)
        if lane is None:
            lane = self._lanes[hook.webhook.id] = deque()
            nursery.start_soon(self._drain, hook.webhook.id, lane, client, nursery)
        lane.append(hook)

    async def _drain(
        self, key: int, lane: deque[CrmHookRecord], client: httpx.AsyncClient, nursery: trio.Nursery
    ) -> None:
        while lane:
            try:
                await self._attempt(lane.popleft(), client, nursery)
            finally:
                self._busy -= 1
        del self._lanes[key]

    async def _delayed(
        self, hook: CrmHookRecord, delay_s: float, client: httpx.AsyncClient, nursery: trio.Nursery
    ) -> None:
        try:
            await trio.sleep(delay_s)
            await self._attempt(hook, client, nursery)
        finally:
            self._busy -= 1

    async def _again(
        self, hook: CrmHookRecord, delay_s: float, client: httpx.AsyncClient, nursery: trio.Nursery
    ) -> None:
        self.retrying += 1
        try:
            await trio.sleep(delay_s)
        finally:
            self.retrying -= 1
        await self._attempt(hook, client, nursery)

    async def _attempt(self, hook: CrmHookRecord, client: httpx.AsyncClient, nursery: trio.Nursery) -> None:
        webhook = hook.webhook
        if webhook.disabled or hook.account.webhooks.get(webhook.destination) is not webhook:
            self._finish(hook, "disabled", "the webhook is switched off or removed")
            return
        async with self._limit:
            status = await self._post(hook, client)
        hook.statuses.append(status)
        hook.tried.set()
        if 100 <= status <= 299:
            self._finish(hook, "delivered", "")
            return
        self._count_invalid(webhook)
        delay_s = self._delay_s(len(hook.statuses), status)
        if delay_s is None or webhook.disabled:
            self._finish(hook, "given_up", hook.detail)
            return
        self._events.publish("crm_hook", account_id=hook.account_id)
        nursery.start_soon(self._again, hook, delay_s, client, nursery)

    def _delay_s(self, attempts: int, status: int) -> float | None:
        """The table of retries; None when no attempt is left."""
        delays = self._switches().crm_hook_retries_s
        if attempts > len(delays) or (attempts > 2 and status != 499 and not 500 <= status <= 599):
            return None
        return delays[attempts - 1]

    def _count_invalid(self, webhook: SimWebhook) -> None:
        now = trio.current_time()
        recent = self._invalid.setdefault(webhook.id, deque(maxlen=_INVALID_MOST + 1))
        recent.append(now)
        while recent[0] <= now - _INVALID_WINDOW_S:
            recent.popleft()
        if len(recent) > _INVALID_MOST:
            webhook.disabled = True

    async def _post(self, hook: CrmHookRecord, client: httpx.AsyncClient) -> int:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": USER_AGENT}
        limit_s = self._switches().crm_hook_timeout_s
        started = trio.current_time()
        status, hook.detail = 0, f"no answer within {limit_s:g} s"
        try:
            with trio.move_on_after(limit_s):
                answer = await post_whole(client, hook.destination, hook.body, headers)
                status, hook.detail = answer.status_code, answer.text[:200]
        except (httpx.HTTPError, OSError) as error:
            hook.detail = f"{type(error).__name__}: {error}"
        hook.took_s = trio.current_time() - started
        return status

    def _finish(self, hook: CrmHookRecord, outcome: str, detail: str) -> None:
        hook.outcome, hook.detail = outcome, detail
        hook.tried.set()
        hook.done.set()
        self._events.publish("crm_hook", account_id=hook.account_id)
