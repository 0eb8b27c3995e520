"""The service as the HTTP layer sees it: adapters between its ports and the actors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import trio

from dealgram.actors.bots.polling import PollerSnapshot
from dealgram.actors.intake import Accepted
from dealgram.gateways.gates import GatesFigures
from dealgram.http.ports import HookAccount, HookBot, HookOutcome, HookScope, NotReady, OutboxFigures
from dealgram.persistence import accounts, bots
from dealgram.persistence.errors import DatabaseUnavailable
from dealgram.persistence.writer import WriterStatistics
from dealgram.runtime import ActorSnapshot, Address, Failure, LaneCounts, LoopLag, SystemSnapshot, Transient

if TYPE_CHECKING:
    from dealgram.service import Service

DATABASE_DEADLINE_S = 2.0

_OUTCOMES = {
    Accepted.NEW: HookOutcome.ACCEPTED,
    Accepted.DUPLICATE: HookOutcome.DUPLICATE,
    Accepted.IGNORED: HookOutcome.IGNORED,
}


def _as_actor(poller: PollerSnapshot) -> ActorSnapshot:
    """A bot's intake, shown beside the actors: an operator looks in one place."""
    error = poller.last_error
    return ActorSnapshot(
        address=Address("poller", str(poller.bot_id)),
        state=poller.state,
        mailbox=0,
        backlog=False,
        lanes=LaneCounts(),
        restarts=poller.restarts,
        last_error=Failure(kind="intake", message=error, traceback="") if error else None,
        last_error_at=poller.last_error_at,
        last_activity_at=poller.last_update_at,
        handling_s=None,
        waiting_for=None,
        activations=1,
    )


class ServicePorts:
    """Implements Intake, HealthSource and MetricsSource of dealgram.http.ports."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._registry = service.services.registry

    # Intake

    async def telegram_bot(self, key: str) -> HookBot | None:
        bot = self._registry.bot_of_webhook(key)
        # It may have been connected a moment ago; a wrong key costs one indexed look-up.
        if bot is None and await bots.by_webhook_key(self._service.services.db, key) is not None:
            await self._registry.refresh()
            bot = self._registry.bot_of_webhook(key)
        return HookBot(bot_id=bot.bot_id, account_id=bot.account_id, secret=bot.webhook_secret) if bot else None

    async def accept_telegram(self, bot: HookBot, raw: bytes) -> HookOutcome:
        known = self._registry.bot(bot.bot_id)
        if known is None:
            raise Transient("the bot was disconnected a moment ago")
        (accepted,) = await self._service.intake.accept_updates(known, [raw])
        return _OUTCOMES[accepted]

    def verify_amojo(self, raw: bytes, signature: str) -> bool:
        if self._service.settings.amojo_channel_secret is None:
            return False
        return self._service.services.amojo.verify_hook(raw, signature)

    async def amojo_scope(self, scope_id: str) -> HookScope | None:
        account = self._registry.account_of_scope(scope_id)
        if account is None and await accounts.by_scope(self._service.services.db, scope_id) is not None:
            await self._registry.refresh()
            account = self._registry.account_of_scope(scope_id)
        return HookScope(scope_id=scope_id, account_id=account.account_id) if account else None

    async def accept_amojo(self, scope: HookScope, raw: bytes) -> HookOutcome:
        account = self._registry.account(scope.account_id)
        if account is None:
            raise Transient("the account was disconnected a moment ago")
        try:
            return _OUTCOMES[await self._service.intake.accept_hook(account, raw)]
        except DatabaseUnavailable:
            self._service.gaps.hook_refused()
            raise

    async def crm_account(self, key: str) -> HookAccount | None:
        account = self._registry.account_of_crm_hook(key)
        if account is None and await accounts.by_hook_key(self._service.services.db, key) is not None:
            await self._registry.refresh()
            account = self._registry.account_of_crm_hook(key)
        return HookAccount(account_id=account.account_id) if account else None

    async def accept_crm(self, account: HookAccount, raw: bytes) -> HookOutcome:
        known = self._registry.account(account.account_id)
        if known is None:
            raise Transient("the account was disconnected a moment ago")
        return _OUTCOMES[await self._service.intake.accept_crm_hook(known, raw)]

    # Health

    def loop_lag(self) -> LoopLag:
        return self._service.lag

    async def not_ready(self) -> Sequence[NotReady]:
        reasons = []
        if self._service.draining:
            reasons.append(NotReady(code="draining", message="the service is stopping"))
        if not await self._service.services.db.ping(timeout_s=DATABASE_DEADLINE_S):
            reasons.append(NotReady(code="database", message="the database does not answer"))
        if self._service.services.journal.statistics().unavailable:
            reasons.append(NotReady(code="journal", message="the journal cannot be written"))
        return reasons

    def actors(
        self, *, kind: str | None = None, state: str | None = None, key_contains: str | None = None
    ) -> SystemSnapshot:
        snapshot = self._service.system.snapshot(kind=kind, state=state, key_contains=key_contains)
        pollers = [
            poller
            for poller in map(_as_actor, self._service.pollers.snapshot())
            if kind in (None, poller.address.kind)
            and state in (None, poller.state.value)
            and (key_contains is None or key_contains in poller.address.key)
        ]
        return dataclasses.replace(snapshot, actors=(*snapshot.actors, *pollers))

    # Metrics

    def journal(self) -> WriterStatistics | None:
        return self._service.services.journal.statistics()

    def gates(self) -> GatesFigures:
        return self._service.services.gates.figures()

    async def outbox(self) -> OutboxFigures | None:
        now = self._service.services.now()
        with trio.move_on_after(DATABASE_DEADLINE_S):
            try:
                row = await self._service.services.db.fetchrow(
                    "SELECT count(*) FILTER (WHERE NOT lapsed) AS pending, count(*) FILTER (WHERE lapsed) AS kept,"
                    " coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE NOT lapsed)), 0) AS oldest,"
                    " (SELECT count(*) FROM dead_letters WHERE resolved_at IS NULL) AS dead"
                    " FROM (SELECT created_at, account_id = ANY($1) AS lapsed"
                    " FROM outbox WHERE state = 'pending') AS waiting",
                    [account.account_id for account in self._registry.accounts() if account.is_lapsed(now)],
                )
            except Transient:
                return None
            assert row is not None, "an aggregate gives one row"
            return OutboxFigures(
                pending=row["pending"],
                oldest_age_s=float(row["oldest"]),
                dead_letters=row["dead"],
                kept=row["kept"],
            )
        return None
