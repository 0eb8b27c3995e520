"""How a bot takes its updates: getUpdates, setWebhook, deleteWebhook, getWebhookInfo (telegram-facts §1.2, §1.3).

Owns the choice between the two ways and the rules about it: one poller at a time (the older one is ended with 409),
none beside a webhook. The delivery to a webhook is in `webhooks.py`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import msgspec
import orjson
import trio

from dealgram.sandbox.schema import Upload
from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.errors import (
    OTHER_POLL,
    WEBHOOK_IS_ACTIVE,
    WEBHOOK_SET_MEANWHILE,
    ApiError,
    bad_request,
    conflict,
    too_many_requests,
)
from dealgram.sandbox.telegram.methods import Described, Method, NoParameters
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.updates import UpdateQueue
from dealgram.sandbox.telegram.world import Json, SimBot

MAX_TIMEOUT_S = 50
MAX_ANSWER_BYTES = 4 * 1024 * 1024
DEFAULT_CONNECTIONS = 40
_WEBHOOK_PORTS = (80, 88, 443, 8443)
_SECRET = re.compile(r"[A-Za-z0-9_-]*")


class GetUpdates(msgspec.Struct, kw_only=True):
    offset: int = 0
    limit: int = 100
    timeout: int = 0
    allowed_updates: list[str] | None = None


class SetWebhook(msgspec.Struct, kw_only=True):
    url: str
    certificate: Upload | str | None = None
    ip_address: str | None = None
    max_connections: int = DEFAULT_CONNECTIONS
    allowed_updates: list[str] | None = None
    drop_pending_updates: bool = False
    secret_token: str = ""


class DeleteWebhook(msgspec.Struct, kw_only=True):
    drop_pending_updates: bool = False


@dataclass(slots=True, eq=False)
class Webhook:
    """An address that updates are posted to, and how that went."""

    url: str
    secret: str
    max_connections: int
    has_certificate: bool = False
    ip_address: str | None = None
    last_error_date: int | None = None
    last_error_message: str | None = None
    gone_since: float | None = None


@dataclass(slots=True, eq=False)
class _Poll:
    ended_by: ApiError | None = None


@dataclass(slots=True, eq=False)
class Intake:
    """One bot's way of taking updates. `poll` is set while a getUpdates waits."""

    bot: SimBot
    queue: UpdateQueue
    webhook: Webhook | None = None
    poll: _Poll | None = None
    last_offset: int | None = None
    last_poll_at: float = 0.0
    webhook_changed_at: float = field(default=-1.0)

    def end_poll(self, reason: str) -> None:
        if self.poll is not None:
            self.poll.ended_by = conflict(reason)
            self.queue.signal()


class IntakeMethods:
    """The handlers. `changed` wakes whoever delivers to webhooks."""

    def __init__(
        self, cloud: Cloud, switches: Switches, record: Callable[[str], None], known_kinds: Collection[str] | None
    ) -> None:
        self._cloud = cloud
        self._switches = switches
        self._record = record
        self._known_kinds = known_kinds
        self._intakes: dict[int, Intake] = {}
        self._changed = trio.Event()

    def methods(self) -> dict[str, Method]:
        return {
            "getUpdates": Method(GetUpdates, self.get_updates),
            "setWebhook": Method(SetWebhook, self.set_webhook),
            "deleteWebhook": Method(DeleteWebhook, self.delete_webhook),
            "getWebhookInfo": Method(NoParameters, self.webhook_info),
        }

    def of(self, bot: SimBot) -> Intake:
        if bot.id not in self._intakes:
            self._intakes[bot.id] = Intake(bot, self._cloud.queues[bot.id])
        return self._intakes[bot.id]

    def with_webhook(self) -> list[Intake]:
        return [intake for intake in self._intakes.values() if intake.webhook is not None]

    async def wait_for_change(self) -> None:
        await self._changed.wait()

    async def get_updates(self, bot: SimBot, call: GetUpdates) -> list[Json]:
        """Long poll. Cancelled safely: nothing is taken from the queue until a later offset confirms it."""
        intake = self.of(bot)
        if intake.webhook is not None:
            await trio.sleep(self._switches.conflict_delay_s)
            raise conflict(WEBHOOK_IS_ACTIVE)
        intake.end_poll(OTHER_POLL)
        self._allow(intake, call.allowed_updates)
        limit = min(max(call.limit, 1), 100)
        timeout_s = min(max(call.timeout, 0), MAX_TIMEOUT_S)
        now = self._cloud.now()
        if self._switches.same_offset_throttle and call.offset == intake.last_offset:
            since = now - intake.last_poll_at
            timeout_s = max(timeout_s, 3) if since < 3 else timeout_s
            limit = 1 if since < 0.5 else limit
        intake.last_offset, intake.last_poll_at = call.offset, now
        if call.offset:
            intake.queue.confirm_before(call.offset)
        return await self._poll(intake, limit, timeout_s)

    async def _poll(self, intake: Intake, limit: int, timeout_s: float) -> list[Json]:
        poll = intake.poll = _Poll()
        try:
            with trio.move_on_after(timeout_s):
                while poll.ended_by is None:
                    batch = _within_size([pending.body for pending in intake.queue.head(limit)])
                    if batch:
                        return batch
                    await intake.queue.wait()
            if poll.ended_by is not None:
                await trio.sleep(self._switches.conflict_delay_s)
                raise poll.ended_by
            return []
        finally:
            if intake.poll is poll:
                intake.poll = None

    def set_webhook(self, bot: SimBot, call: SetWebhook) -> Described:
        intake = self.of(bot)
        if not call.url:
            return self._remove(intake, drop=call.drop_pending_updates)
        now = self._cloud.now()
        if self._switches.webhook_throttle and now - intake.webhook_changed_at < 1:
            raise too_many_requests(1)
        self._check_url(call.url)
        if len(call.secret_token) > 256:
            raise bad_request("secret token is too long")
        if not _SECRET.fullmatch(call.secret_token):
            raise bad_request("secret token contains unallowed characters")
        intake.webhook_changed_at = now
        self._allow(intake, call.allowed_updates)
        if call.drop_pending_updates:
            intake.queue.drop_all()
        connections = min(max(call.max_connections, 1), 100)
        before = intake.webhook
        if before is not None and (before.url, before.secret, before.max_connections) == (
            call.url,
            call.secret_token,
            connections,
        ):
            return Described(result=True, description="Webhook is already set")
        intake.end_poll(WEBHOOK_SET_MEANWHILE)
        intake.webhook = Webhook(
            call.url, call.secret_token, connections, call.certificate is not None, call.ip_address
        )
        self._signal(intake)
        return Described(result=True, description="Webhook was set")

    def set_by_hand(self, bot: SimBot, url: str) -> None:
        """Another holder of the token sets a webhook, or takes it off: nothing of it is a call of ours."""
        intake = self.of(bot)
        if not url:
            self._remove(intake, drop=False)
            return
        intake.end_poll(WEBHOOK_SET_MEANWHILE)
        intake.webhook = Webhook(url, "", DEFAULT_CONNECTIONS)
        self._signal(intake)

    def delete_webhook(self, bot: SimBot, call: DeleteWebhook) -> Described:
        return self._remove(self.of(bot), drop=call.drop_pending_updates)

    def webhook_info(self, bot: SimBot, call: NoParameters) -> Json:
        intake = self.of(bot)
        webhook = intake.webhook
        info: Json = {"url": "", "has_custom_certificate": False, "pending_update_count": len(intake.queue)}
        if webhook is not None:
            info |= {
                "url": webhook.url,
                "has_custom_certificate": webhook.has_certificate,
                "max_connections": webhook.max_connections,
            }
            for name in ("ip_address", "last_error_date", "last_error_message"):
                if getattr(webhook, name) is not None:
                    info[name] = getattr(webhook, name)
        if intake.queue.allowed:
            info["allowed_updates"] = sorted(intake.queue.allowed)
        return info

    def drop_webhook(self, intake: Intake) -> None:
        """Telegram gives an address up by itself after a day of 410."""
        intake.webhook = None
        self._signal(intake)

    def _remove(self, intake: Intake, *, drop: bool) -> Described:
        if drop:
            intake.queue.drop_all()
        if intake.webhook is None:
            return Described(result=True, description="Webhook is already deleted")
        self.drop_webhook(intake)
        return Described(result=True, description="Webhook was deleted")

    def _allow(self, intake: Intake, kinds: list[str] | None) -> None:
        unknown = sorted(set(kinds or ()) - set(self._known_kinds)) if self._known_kinds is not None else []
        if unknown:  # the real server ignores them without a word, which is how typing errors survive
            self._record(f"@{intake.bot.username}: allowed_updates names unknown kinds: {', '.join(unknown)}")
        intake.queue.allow(kinds)

    def _check_url(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme == "http" and self._switches.loopback_webhooks and _is_loopback(parts.hostname or ""):
            return
        if parts.scheme != "https" or not parts.hostname:
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if (parts.port or 443) not in _WEBHOOK_PORTS and not _is_loopback(parts.hostname):
            raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")

    def _signal(self, intake: Intake) -> None:
        intake.queue.signal()
        self._changed.set()
        self._changed = trio.Event()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _within_size(bodies: list[Json]) -> list[Json]:
    """The first bodies that fit into one answer, at least one."""
    size = 0
    for index, body in enumerate(bodies):
        size += len(orjson.dumps(body))
        if size > MAX_ANSWER_BYTES and index:
            return bodies[:index]
    return bodies
