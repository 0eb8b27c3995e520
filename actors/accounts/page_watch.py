"""Waiting for something that a settings page shows to change.

However many pages of an account wait, one task looks for them: when the registry has changed, when somebody has said
that something did (`wake`), and every two seconds, since most changes announce themselves to nobody. While nobody
waits, nobody looks. Owns those tasks: `run` is where they live, and its end lets everybody go at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
import trio

from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

LOOK_EVERY_S = 2.0
AT_MOST_EVERY_S = 0.25
"""However often it is woken."""
MOST_WAITING = 100
"""Pages of one account; more than amoCRM has seats in most."""


class TooManyWaitingError(Exception):
    """The account has enough pages waiting."""


@dataclass(slots=True)
class _Watched:
    waiting: int = 0
    begun: int = 0
    done: int = 0
    version: str = ""
    looked: trio.Event = field(default_factory=trio.Event)
    wake: trio.Event = field(default_factory=trio.Event)
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)


class PageWatch:
    """See the module. ``version(account_id)``: a text that is another one when anything that is shown has changed."""

    def __init__(self, version: Callable[[int], Awaitable[str]]) -> None:
        self._version = version
        self._watched: dict[int, _Watched] = {}
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Look for those who wait, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                task_status.started()
                await trio.sleep_forever()
        finally:
            self._nursery = None
            for watched in self._watched.values():
                watched.looked.set()

    def wake(self) -> None:
        """Something may have changed, of whichever account: look now."""
        for watched in self._watched.values():
            watched.wake.set()

    @property
    def accounts(self) -> int:
        """How many accounts are looked at."""
        return len(self._watched)

    async def wait(self, account_id: int, since: str, *, timeout_s: float) -> str:
        """The version when it is another than ``since``, or at the end of the time (seconds); at once when the service
        stops.

        Raises:
            TooManyWaitingError: come again later.
        """
        watched = self._watched.get(account_id)
        if watched is None:
            if self._nursery is None:
                await trio.lowlevel.checkpoint()
                return since
            watched = self._watched[account_id] = _Watched()
            self._nursery.start_soon(self._look, account_id, watched, name=f"page of account {account_id}")
        elif watched.waiting >= MOST_WAITING:
            raise TooManyWaitingError
        watched.waiting += 1
        # What was seen before somebody came may be older than what they have seen.
        first = watched.begun + 1
        if watched.done and watched.version != since:
            watched.wake.set()
        try:
            with trio.move_on_after(timeout_s):
                while self._nursery is not None and (watched.done < first or watched.version == since):
                    await watched.looked.wait()
            return watched.version if watched.done >= first else since
        finally:
            watched.waiting -= 1
            if watched.waiting == 0:
                watched.scope.cancel()
                if self._watched.get(account_id) is watched:
                    del self._watched[account_id]

    async def _look(self, account_id: int, watched: _Watched) -> None:
        with watched.scope:
            while True:
                watched.wake = trio.Event()
                watched.begun += 1
                try:
                    watched.version = await self._version(account_id)
                    watched.done = watched.begun
                except Transient as error:
                    log.info("a page cannot be watched now", account=account_id, error=str(error))
                except Exception:
                    # Whoever waits has their time to wait; the service has more to do than to watch a page.
                    log.exception("a page cannot be watched", account=account_id)
                looked, watched.looked = watched.looked, trio.Event()
                looked.set()
                with trio.move_on_after(LOOK_EVERY_S - AT_MOST_EVERY_S):
                    await watched.wake.wait()
                await trio.sleep(AT_MOST_EVERY_S)
