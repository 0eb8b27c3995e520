"""Delivery of updates to webhooks, as the real server does it (telegram-facts §1.2).

Promises: one update in flight per queue, queues beside each other up to `max_connections`; an update is posted again
until it is answered with any 2xx or expires: at once, then after 2, 4, 8 … s up to a random 60–120 s, or after the time
that `Retry-After` names (an hour at most). Loading stops when twice `max_connections` queues are stuck. An address that
answers 410 for 23 hours is given up. A JSON answer that names a method is executed. All waiting is on trio's clock.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import orjson
import trio

from dealgram.sandbox.post import post_whole
from dealgram.sandbox.telegram.intake import Intake, IntakeMethods, Webhook
from dealgram.sandbox.telegram.updates import Pending
from dealgram.sandbox.telegram.world import Json, SimBot

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - the name of a header
READ_TIMEOUT_S = 60.0
MAX_RETRY_AFTER_S = 3600.0
GIVE_UP_AFTER_S = 23 * 3600.0
_NOT_IN_ANSWERS = frozenset({"setwebhook", "deletewebhook", "close", "logout"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook answered. `retry_after_s` is 0 without the header."""

    status: int
    reason: str = ""
    retry_after_s: float = 0.0
    body: bytes = b""


Post = Callable[[str, dict[str, str], bytes], Awaitable[Answer]]
"""Posts a body to an address; raises OSError or httpx.HTTPError when there is no answer."""
Execute = Callable[[SimBot, str, Json], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _Failure:
    update_id: int
    delay_s: float
    again_at: float


def posting_with(client: httpx.AsyncClient) -> Post:
    async def post(url: str, headers: dict[str, str], body: bytes) -> Answer:
        response = await post_whole(client, url, body, headers)
        retry_after = response.headers.get("Retry-After", "")
        return Answer(
            response.status_code,
            response.reason_phrase,
            float(retry_after) if retry_after.isdigit() else 0.0,
            response.content,
        )

    return post


class Couriers:
    """Starts a courier for each webhook that is set, and stops it when the webhook changes."""

    def __init__(
        self,
        intakes: IntakeMethods,
        *,
        post: Post,
        execute: Execute,
        now: Callable[[], float],
        rng: random.Random,
    ) -> None:
        self._intakes = intakes
        self._post = post
        self._execute = execute
        self._now = now
        self._rng = rng

    async def run(self) -> None:
        """Until cancelled; deliveries in flight are cancelled with it and happen again later."""
        running: dict[int, tuple[Webhook, trio.CancelScope]] = {}
        async with trio.open_nursery() as nursery:
            while True:
                wanted = {intake.bot.id: intake for intake in self._intakes.with_webhook()}
                for bot_id, (webhook, scope) in list(running.items()):
                    if bot_id not in wanted or wanted[bot_id].webhook is not webhook:
                        scope.cancel()
                        del running[bot_id]
                for bot_id, intake in wanted.items():
                    if bot_id not in running and intake.webhook is not None:
                        scope = trio.CancelScope()
                        running[bot_id] = (intake.webhook, scope)
                        nursery.start_soon(self._courier, intake, intake.webhook, scope)
                await self._intakes.wait_for_change()

    async def _courier(self, intake: Intake, webhook: Webhook, scope: trio.CancelScope) -> None:
        with scope:
            await _Courier(self, intake, webhook).run()

    async def deliver(self, intake: Intake, webhook: Webhook, pending: Pending) -> Answer | str:
        """Posts one update; the answer, or why there was none."""
        headers = {"Content-Type": "application/json"}
        if webhook.secret:
            headers[SECRET_HEADER] = webhook.secret
        try:
            with trio.fail_after(READ_TIMEOUT_S):
                answer = await self._post(webhook.url, headers, orjson.dumps(pending.body))
        except trio.TooSlowError:
            return "Read timeout expired"
        except httpx.ConnectError:
            return "Connection refused"
        except (httpx.HTTPError, OSError) as error:
            return f"Connection closed: {type(error).__name__}"
        if answer.status // 100 == 2:
            await self._execute_answer(intake.bot, answer.body)
        return answer

    async def _execute_answer(self, bot: SimBot, body: bytes) -> None:
        try:
            call: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            return
        method = call.pop("method", None) if isinstance(call, dict) else None
        if isinstance(method, str) and not method.lower().startswith("get") and method.lower() not in _NOT_IN_ANSWERS:
            await self._execute(bot, method, call)

    def note(self, intake: Intake, webhook: Webhook, outcome: Answer | str) -> None:
        """Keeps what getWebhookInfo tells, and gives up an address that is gone."""
        now = self._now()
        gone = isinstance(outcome, Answer) and outcome.status == 410
        webhook.gone_since = (webhook.gone_since if webhook.gone_since is not None else now) if gone else None
        if isinstance(outcome, Answer) and outcome.status // 100 == 2:
            return
        webhook.last_error_date = int(now)
        webhook.last_error_message = (
            f"Wrong response from the webhook: {outcome.status} {outcome.reason}".rstrip()
            if isinstance(outcome, Answer)
            else outcome
        )
        if webhook.gone_since is not None and now - webhook.gone_since >= GIVE_UP_AFTER_S:
            self._intakes.drop_webhook(intake)

    def next_delay_s(self, failed: _Failure | None, outcome: Answer | str) -> tuple[float, float]:
        """How long to wait now, and the delay to double next time."""
        before = failed.delay_s if failed is not None else 1.0
        retry_after_s = outcome.retry_after_s if isinstance(outcome, Answer) else 0.0
        if retry_after_s > 0:
            return min(retry_after_s, MAX_RETRY_AFTER_S), before
        if failed is None:
            return 0.0, before
        delay_s = min(before * 2, self._rng.uniform(60, 120))
        return delay_s, delay_s


class _Courier:
    """Delivers one bot's updates to one address."""

    def __init__(self, couriers: Couriers, intake: Intake, webhook: Webhook) -> None:
        self._couriers = couriers
        self._intake = intake
        self._webhook = webhook
        self._busy: set[int] = set()
        self._failed: dict[int, _Failure] = {}

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            while True:
                wait_s = self._launch(nursery)
                with trio.move_on_after(wait_s):
                    await self._intake.queue.wait()

    def _launch(self, nursery: trio.Nursery) -> float:
        """Starts every delivery that may start now; the seconds until the next may."""
        now = trio.current_time()
        soonest = now + READ_TIMEOUT_S  # looks again for updates that expired meanwhile
        for pending in self._intake.queue.lane_heads(2 * self._webhook.max_connections):
            if pending.lane in self._busy:
                continue
            failed = self._failure_of(pending)
            if failed is not None and failed.again_at > now:
                soonest = min(soonest, failed.again_at)
                continue
            if len(self._busy) >= self._webhook.max_connections:
                break
            self._busy.add(pending.lane)
            nursery.start_soon(self._deliver, pending)
        return soonest - now

    def _failure_of(self, pending: Pending) -> _Failure | None:
        failed = self._failed.get(pending.lane)
        return failed if failed is not None and failed.update_id == pending.update_id else None

    async def _deliver(self, pending: Pending) -> None:
        outcome = await self._couriers.deliver(self._intake, self._webhook, pending)
        self._couriers.note(self._intake, self._webhook, outcome)
        if isinstance(outcome, Answer) and outcome.status // 100 == 2:
            self._failed.pop(pending.lane, None)
            self._intake.queue.remove(pending.update_id)
        else:
            wait_s, delay_s = self._couriers.next_delay_s(self._failure_of(pending), outcome)
            self._failed[pending.lane] = _Failure(pending.update_id, delay_s, trio.current_time() + wait_s)
        self._busy.discard(pending.lane)
        self._intake.queue.signal()
