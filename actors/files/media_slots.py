"""How many files of one account may be on their way at once: an account that fetches hundreds takes no other's turn.

Promises: whoever comes first is served first; a slot comes back when its file is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

from dealgram.gateways.telegram import Download

AT_ONCE = 8
"""An album of ten pictures is fetched nearly at once, and twelve busy accounts fit beside each other."""
PATIENCE_S = 10.0
"""How long somebody waits for a slot: amoCRM does not say whether it would come again."""


class BusyError(Exception):
    """The account has as many files on their way as it may have, and none of them came to its end in time."""


class MediaSlots:
    """See the module."""

    def __init__(self, at_once: int = AT_ONCE, patience_s: float = PATIENCE_S) -> None:
        self._at_once = at_once
        self._patience_s = patience_s
        self._limiters: dict[int, trio.CapacityLimiter] = {}

    async def take(self, account_id: int) -> MediaSlot:
        """Wait for a slot.

        Raises:
            BusyError: there was none in time.
        """
        limiter = self._limiters.setdefault(account_id, trio.CapacityLimiter(self._at_once))
        holder = object()
        try:
            with trio.fail_after(self._patience_s):
                await limiter.acquire_on_behalf_of(holder)
        except trio.TooSlowError:
            raise BusyError from None
        return MediaSlot(self, account_id, holder)

    def in_use(self, account_id: int) -> int:
        """Files of the account on their way."""
        limiter = self._limiters.get(account_id)
        return 0 if limiter is None else int(limiter.borrowed_tokens)

    def give_back(self, account_id: int, holder: object) -> None:
        """For `MediaSlot` alone."""
        limiter = self._limiters[account_id]
        limiter.release_on_behalf_of(holder)
        statistics = limiter.statistics()
        if not statistics.borrowed_tokens and not statistics.tasks_waiting:
            del self._limiters[account_id]


class MediaSlot:
    """One taken slot."""

    def __init__(self, slots: MediaSlots, account_id: int, holder: object) -> None:
        self._slots: MediaSlots | None = slots
        self._account_id = account_id
        self._holder = holder

    def give_back(self) -> None:
        """Let the next one have it; a second time does nothing."""
        slots, self._slots = self._slots, None
        if slots is not None:
            slots.give_back(self._account_id, self._holder)


class SlottedDownload:
    """A download that gives its slot back when it is closed."""

    def __init__(self, download: Download, slot: MediaSlot) -> None:
        self._download = download
        self._slot = slot

    @property
    def size(self) -> int | None:
        """See `Download`."""
        return self._download.size

    @property
    def start(self) -> int:
        """See `Download`."""
        return self._download.start

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._download.__aiter__()

    def close(self) -> None:
        """Close the download, too."""
        self._download.close()
        self._slot.give_back()
