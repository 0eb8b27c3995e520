"""Noticing that hooks may have been missed.

Owns the heartbeat: as long as hooks are taken in, that is written down, every sweep. A gap is what lies between the
last heartbeat and now, when a life of the service begins, when the process stood still, or when a hook was refused
because it could not be committed. The accounts' actors are told of it before the heart beats again, under a key made of
the gap's beginning: a crash in between finds the same gap, and tells of it once.

After a gap that is longer than Telegram keeps updates (24 hours, telegram-facts §1.2), the linked groups are told too:
what was written in its first part is lost, and nobody but people can look it up.
"""

from __future__ import annotations

import structlog

from dealgram.actors.accounts.account_repair import RepairOrder, repair_entry
from dealgram.actors.commands import MessagesLost, command_entry
from dealgram.actors.names import group_address
from dealgram.actors.registry import Registry
from dealgram.persistence import links, repairs
from dealgram.persistence.database import Database
from dealgram.persistence.journal import Journal

log = structlog.get_logger(__name__)

STANDSTILL_S = 60.0
TELEGRAM_KEEPS_S = 86_400.0
_AT_ONCE = 500


class GapWatch:
    """See the module. ``after_s``: a new life is a gap when the last heartbeat is older than this (seconds)."""

    def __init__(self, db: Database, journal: Journal, registry: Registry, *, after_s: float, sweep_s: float) -> None:
        self._db = db
        self._journal = journal
        self._registry = registry
        self._limit_s = after_s
        self._standstill_s = max(STANDSTILL_S, 4 * sweep_s)
        self._refused = 0

    def hook_refused(self) -> None:
        """A hook could not be committed: amoCRM will not send it again."""
        self._refused += 1

    async def beat(self) -> None:
        """Look for a gap, tell of it, and note that hooks are taken in.

        Raises:
            DatabaseUnavailable: nothing is noted; what is missing by then belongs to the gap.
        """
        refused = self._refused
        seen = await repairs.heartbeat(self._db)
        if seen.good_at is not None:
            away_s = (seen.now - seen.good_at).total_seconds()
            if refused or away_s > self._limit_s:
                since, until = (int(moment.timestamp() * 1000) for moment in (seen.good_at, seen.now))
                order = RepairOrder(since_ms=since, until_ms=until)
                accounts = [info.account_id for info in self._registry.accounts() if info.scope_id]
                log.warning(
                    "hooks may have been missed", away_s=round(away_s, 1), refused=refused, accounts=len(accounts)
                )
                key = f"gap-{since}"
                await self._journal.accept([repair_entry(account_id, order, key=key) for account_id in accounts])
                if away_s > TELEGRAM_KEEPS_S:
                    await self._tell_groups(since, until - int(TELEGRAM_KEEPS_S * 1000), key)
        await repairs.beat(self._db, seen.now)
        self._refused -= refused
        self._limit_s = self._standstill_s

    async def _tell_groups(self, since_ms: int, until_ms: int, key: str) -> None:
        lost = MessagesLost(since_ms=since_ms, until_ms=until_ms)
        linked = await links.linked_groups(self._db)
        log.warning("Telegram no longer had what was written at the beginning of the gap", groups=len(linked))
        for first in range(0, len(linked), _AT_ONCE):
            await self._journal.accept(
                [
                    command_entry(account_id, group_address(group_id), lost, key=f"{key}:{group_id}")
                    for account_id, group_id in linked[first : first + _AT_ONCE]
                ]
            )
