"""What the gates say of accounts, written where people and other processes can read it: `accounts.trouble`.

A gate tells synchronously, in the middle of a call; the row is written here, in a task of its own, the newest trouble
of an account only. The database may be away: then it is written later.
"""

from __future__ import annotations

import structlog
import trio

from dealgram.gateways.trouble import Trouble
from dealgram.persistence import accounts
from dealgram.persistence.database import Database
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

RETRY_S = 5.0


class TroubleRecorder:
    """Takes notes with `note`, writes them while `run` runs."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._noted: dict[int, Trouble | None] = {}
        self._news = trio.Event()

    def note(self, account_id: int, trouble: Trouble | None) -> None:
        """The trouble of an account has changed; None: it has none."""
        if trouble is not None:
            log.warning("amoCRM does not serve an account", account=account_id, trouble=trouble.kind)
        self._noted[account_id] = trouble
        self._news.set()

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            try:
                await self._write()
            except Transient as error:
                log.warning("an account's trouble could not be written now", error=str(error))
                await trio.sleep(RETRY_S)
                self._news.set()

    async def _write(self) -> None:
        while self._noted:
            account_id, trouble = next(iter(self._noted.items()))
            kind, detail = (None, None) if trouble is None else (trouble.kind.value, trouble.sentence)
            if await accounts.set_trouble(self._db, account_id, kind, detail) and trouble is None:
                log.info("amoCRM serves an account again", account=account_id)
            # What was noted meanwhile is newer.
            if self._noted.get(account_id) is trouble:
                del self._noted[account_id]
