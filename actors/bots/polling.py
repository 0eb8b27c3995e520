"""Long polling of every bot that takes its updates that way.

Owns one task per polled bot. A batch is committed before the offset that confirms it moves, so an outage of the
database stops the intake and loses nothing: Telegram keeps updates for a day (telegram-facts §1.3). One bot's trouble
is its own: a revoked token ends its task; a webhook of our own that was left behind is taken off; a stranger's webhook
or poller is shown as the bot's trouble and waited for, not fought; anything else is tried again with back-off.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import structlog
import trio

from dealgram.actors.bots import bot_texts, bot_troubles
from dealgram.actors.bots.bot_webhook import foreign_host
from dealgram.actors.intake import Intake
from dealgram.actors.registry import BotInfo, Registry
from dealgram.gateways.errors import GatewayError, Unauthorised
from dealgram.gateways.telegram import BadUpdate, IntakeConflict, PollingPool, TelegramGateway, update_id
from dealgram.persistence import bots
from dealgram.persistence.database import Database
from dealgram.persistence.records import Bot
from dealgram.runtime import ActorState, Backoff, Transient

log = structlog.get_logger(__name__)

POLL_TIMEOUT_S = 50
OTHER_POLLER_PAUSE_S = 5.0
FOREIGN_WEBHOOK_PAUSE_S = 60.0
CONFLICTS_SHOWN = 3
"""Conflicts in a row after which another poller is the bot's trouble. One or two are what a restart of ours leaves:
Telegram ends the older of two polls, and the older one is then our own of a moment ago."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PollerSnapshot:
    """How a bot's intake is doing."""

    bot_id: int
    state: ActorState
    last_error: str | None
    last_error_at: float | None
    last_update_at: float
    restarts: int


_OWN_TROUBLES = frozenset({bot_troubles.OTHER_POLLER, bot_troubles.FOREIGN_WEBHOOK})


@dataclass(slots=True)
class _Poller:
    bot: BotInfo
    scope: trio.CancelScope
    since: float
    state: ActorState = ActorState.STARTING
    last_error: str | None = None
    last_error_at: float | None = None
    last_update_at: float | None = None
    failures: int = 0
    conflicts: int = 0

    @property
    def is_in_trouble(self) -> bool:
        """Whether the intake's own troubles stand in the bot's row, as far as the registry's copy shows."""
        return bool(_OWN_TROUBLES & self.bot.row.troubles.keys())

    def failed(self, state: ActorState, error: Exception, at: float) -> None:
        self.state, self.last_error, self.last_error_at = state, str(error), at
        self.failures += 1


class Pollers:
    """See the module."""

    def __init__(
        self,
        *,
        db: Database,
        registry: Registry,
        intake: Intake,
        pool: PollingPool,
        telegram: TelegramGateway,
        rng: random.Random,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._registry = registry
        self._intake = intake
        self._pool = pool
        self._telegram = telegram
        self._rng = rng
        self._wall = wall
        self._backoff = Backoff(base_s=0.5, max_s=60.0)
        self._pollers: dict[int, _Poller] = {}
        self._changed = trio.Event()
        registry.on_change(self._wake)

    def _wake(self) -> None:
        self._changed.set()

    def snapshot(self) -> tuple[PollerSnapshot, ...]:
        """All pollers, for the health page."""
        return tuple(
            PollerSnapshot(
                bot_id=bot_id,
                state=each.state,
                last_error=each.last_error,
                last_error_at=each.last_error_at,
                last_update_at=each.last_update_at or each.since,
                restarts=each.failures,
            )
            for bot_id, each in self._pollers.items()
        )

    async def run(self) -> None:
        """Keep one poller per polled bot until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                self._changed = trio.Event()
                wanted = {bot.bot_id: bot for bot in self._registry.bots() if bot.row.intake == "polling"}
                for bot_id, poller in list(self._pollers.items()):
                    revoked = poller.state is ActorState.FAILED
                    if bot_id not in wanted and revoked:
                        continue  # stays in sight until somebody connects the bot again
                    if revoked or bot_id not in wanted or not _same_intake(wanted[bot_id], poller.bot):
                        poller.scope.cancel()
                        del self._pollers[bot_id]
                    else:
                        poller.bot = wanted[bot_id]
                for bot_id, bot in wanted.items():
                    if bot_id not in self._pollers:
                        poller = self._pollers[bot_id] = _Poller(bot, trio.CancelScope(), self._wall())
                        nursery.start_soon(self._poll, poller, name=f"poller {bot_id}")
                await self._changed.wait()

    async def _poll(self, poller: _Poller) -> None:
        with poller.scope:
            failures = 0
            offset: int | None = None
            while poller.state is not ActorState.FAILED:
                if poller.state is ActorState.STARTING:
                    poller.state = ActorState.RUNNING  # a quiet bot's first poll takes almost a minute
                try:
                    offset = await self._once(poller, offset)
                except IntakeConflict as error:
                    await self._settle_conflict(poller, error)
                except Unauthorised as error:
                    poller.failed(ActorState.FAILED, error, self._wall())
                    await self._revoked(poller.bot)
                except (Transient, GatewayError) as error:
                    failures += 1
                    poller.failed(ActorState.BACKING_OFF, error, self._wall())
                    asked_s = getattr(error, "retry_after_s", None) or 0.0
                    await trio.sleep(max(asked_s, self._backoff.delay_s(min(failures, 10), self._rng)))
                else:
                    failures = poller.conflicts = 0
                    poller.state = ActorState.RUNNING
                    if poller.is_in_trouble:
                        await self._note(poller, {}, _OWN_TROUBLES)

    async def _once(self, poller: _Poller, offset: int | None) -> int | None:
        bot = poller.bot
        batch = await self._pool.get_updates(bot.token, offset, timeout_s=POLL_TIMEOUT_S)
        if not batch:
            return offset
        await self._intake.accept_updates(bot, batch)
        poller.last_update_at = self._wall()
        return _next_offset(batch, offset)

    async def _settle_conflict(self, poller: _Poller, error: IntakeConflict) -> None:
        bot = poller.bot
        if error.reason != "webhook_active":
            poller.failed(ActorState.BACKING_OFF, error, self._wall())
            poller.conflicts += 1
            log.warning("somebody else polls this bot", bot=bot.bot_id)
            if poller.conflicts == CONFLICTS_SHOWN:
                await self._note(poller, {bot_troubles.OTHER_POLLER: bot_texts.other_poller()})
            await self._pause(OTHER_POLLER_PAUSE_S)
            return
        calls = self._telegram.bot(bot.token)
        try:
            info = await calls.get_webhook_info()
            host = foreign_host(info.url, await bots.webhook_keys(self._db, bot.bot_id))
            if host is None:
                log.warning("an old webhook of a bot that is polled is taken off", bot=bot.bot_id)
                await calls.delete_webhook()
                return
        except (GatewayError, Transient) as failure:
            poller.failed(ActorState.BACKING_OFF, failure, self._wall())
            await self._pause(OTHER_POLLER_PAUSE_S)
            return
        log.warning("another service took the updates of a bot", bot=bot.bot_id, host=host)
        taken = IntakeConflict(f"the bot's updates go to a webhook at {host}", reason=error.reason)
        poller.failed(ActorState.BACKING_OFF, taken, self._wall())
        told = bot_texts.webhook_taken(host)
        if (bot.row.troubles.get(bot_troubles.FOREIGN_WEBHOOK) or {}).get("detail") != told:
            await self._note(poller, {bot_troubles.FOREIGN_WEBHOOK: told})
        # Somebody may have taken the bot back since we looked: look once more, with the change in sight.
        changed = self._changed
        try:
            if (await calls.get_webhook_info()).url != info.url:
                return
        except GatewayError:
            pass
        with trio.move_on_after(FOREIGN_WEBHOOK_PAUSE_S):
            await changed.wait()

    async def _pause(self, seconds: float) -> None:
        """Wait, but not beyond the next change of the tables: somebody may have set the bot right."""
        with trio.move_on_after(seconds):
            await self._changed.wait()

    async def _note(self, poller: _Poller, found: Mapping[str, str], cleared: Collection[str] = ()) -> None:
        row = poller.bot.row
        try:
            await bots.note_troubles(self._db, row.account_id, row.bot_id, found, cleared)
            await self._registry.refresh()
        except Transient as error:
            log.warning("a bot's trouble could not be noted", bot=row.bot_id, error=str(error))

    async def _revoked(self, bot: BotInfo) -> None:
        log.error("Telegram refuses the token of a bot", bot=bot.bot_id)
        try:
            await note_revoked(self._db, bot.row)
            await self._registry.refresh()
        except Transient as error:
            log.warning("the bot could not be marked as revoked", bot=bot.bot_id, error=str(error))


async def note_revoked(db: Database, row: Bot) -> None:
    """Telegram refuses the bot's token: its intake ends, and everybody can see why."""
    if await bots.mark_revoked(db, row):
        trouble = {bot_troubles.TOKEN_REVOKED: bot_texts.token_revoked(row.username)}
        await bots.note_troubles(db, row.account_id, row.bot_id, trouble)


def _same_intake(one: BotInfo, other: BotInfo) -> bool:
    """Whether a poll that runs is still the right one: for the same account, with the same token."""
    return (one.account_id, one.token) == (other.account_id, other.token)


def _next_offset(batch: Sequence[bytes], offset: int | None) -> int | None:
    """The offset that confirms a batch. Update ids may restart lower after a quiet week: the last one counts."""
    for raw in reversed(batch):
        try:
            return update_id(raw) + 1
        except BadUpdate:
            continue
    return offset
