"""The pipelines of accounts for the settings page, asked of amoCRM once a minute at most.

Owns the memory of them. Whoever asks while amoCRM is being asked waits for the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
import trio

from dealgram.actors.latest import Latest
from dealgram.actors.services import KeyedLocks, Services
from dealgram.gateways.amocrm import Pipeline
from dealgram.gateways.errors import GatewayError
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

GOOD_FOR_S = 60.0
PATIENCE_S = 4.0
"""How long a page waits for amoCRM: its bots are shown without the names of their pipelines then."""
_REMEMBERED = 5000


@dataclass(frozen=True, slots=True)
class _Known:
    pipelines: Sequence[Pipeline]
    asked_at: float


class PipelineBook:
    """See the module."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: Latest[int, _Known] = Latest(_REMEMBERED)
        self._locks = KeyedLocks()

    async def of(self, account_id: int, *, fresh: bool = False) -> Sequence[Pipeline]:
        """The account's pipelines, archived ones too if amoCRM names them. ``fresh``: as they are at this moment.

        Raises:
            GatewayError, Transient: amoCRM does not say.
        """
        asked_at = trio.current_time()
        if not fresh and (known := self._good(account_id)) is not None:
            await trio.lowlevel.checkpoint()
            return known
        async with self._locks(account_id):
            # Somebody else may have been told while this one waited.
            latest = self._known.get(account_id)
            if latest is not None and latest.asked_at >= (asked_at if fresh else trio.current_time() - GOOD_FOR_S):
                return latest.pipelines
            begun_at = trio.current_time()
            pipelines = await self._services.amocrm(account_id).pipelines()
            self._known[account_id] = _Known(tuple(pipelines), begun_at)
            return tuple(pipelines)

    async def soon(self, account_id: int) -> Sequence[Pipeline] | None:
        """The account's pipelines if amoCRM says so within `PATIENCE_S`, else as they were last; None: never heard."""
        try:
            with trio.fail_after(PATIENCE_S):
                return await self.of(account_id)
        except (GatewayError, Transient, trio.TooSlowError) as error:
            log.info("the pipelines are not known now", account=account_id, error=str(error) or type(error).__name__)
        known = self._known.get(account_id)
        return None if known is None else known.pipelines

    def _good(self, account_id: int) -> Sequence[Pipeline] | None:
        known = self._known.get(account_id)
        return known.pipelines if known is not None and trio.current_time() - known.asked_at < GOOD_FOR_S else None
