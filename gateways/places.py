"""The connections of one upstream, shared out between accounts so that no account can hold them all.

A call that hangs keeps its connection until its deadline, so an account whose amoCRM hangs would soon hold the whole
pool, and all others would wait behind it. Two bounds are set against that:

- An account holds at most `cap` places.
- And never more than a quarter of those that are free at the moment (but always one, while any is free). So the fewer
  places are left, the less any account may take, and some stay free for those that hold none (the dynamic thresholds
  of switch buffers: Choudhury and Hahne, 1998). With 90 places and a cap of 8: ten hanging accounts hold at most 65,
  thirty hold 80, and the thirty-first account is served at once. Long before that the breakers of `gateways.gate`
  have cut each hanging account down to one call.

There are fewer places than connections in the transport's pool (`HttpTransport`), so that nobody who has a place waits
there, and calls outside the lines (OAuth) find a connection.
"""

from __future__ import annotations

import trio

SHARE = 0.25
"""Of the places that are free, what one account may hold."""


class Holder:
    """One account's claim on the places of one upstream."""

    __slots__ = ("held",)

    def __init__(self) -> None:
        self.held = 0


class Places:
    """`total` places. Holders wait in turn; each waits with one call at a time (the head of its line).

    # Invariants:
    #   0 <= free; the held add up to total - free; held <= cap for every holder
    #   nobody waits who might have a place
    """

    def __init__(self, total: int, cap: int) -> None:
        if not 1 <= cap <= total:
            raise ValueError(f"a cap of {cap} in {total} places")
        self.total = total
        self.cap = cap
        self.free = total
        self._waiting: dict[Holder, trio.Event] = {}

    async def acquire(self, holder: Holder) -> None:
        """Take a place for `holder`, which must not be waiting already. Not a checkpoint if there is one."""
        assert holder not in self._waiting, "one call of a holder waits at a time"
        if not self._waiting and self._may(holder):
            self._take(holder)
            return
        turn = self._waiting[holder] = trio.Event()
        self._hand_out()
        try:
            await turn.wait()
        except BaseException:
            if self._waiting.pop(holder, None) is None:  # the place was handed over, and then the wait was cancelled
                self.release(holder)
            raise

    def release(self, holder: Holder) -> None:
        """Give a place back; those who wait get it in turn."""
        holder.held -= 1
        self.free += 1
        self._hand_out()

    @property
    def waiting(self) -> int:
        """Holders that wait."""
        return len(self._waiting)

    def _may(self, holder: Holder) -> bool:
        return self.free > 0 and holder.held < min(self.cap, max(1, int(self.free * SHARE)))

    def _take(self, holder: Holder) -> None:
        holder.held += 1
        self.free -= 1

    def _hand_out(self) -> None:
        for holder in [one for one in self._waiting if self.free]:
            if self._may(holder):
                self._take(holder)
                self._waiting.pop(holder).set()

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        assert 0 <= self.free <= self.total
        assert not any(self._may(holder) for holder in self._waiting)
