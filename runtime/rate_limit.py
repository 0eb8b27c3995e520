"""Token buckets on trio's clock: the other side's limits, kept by us before the other side has to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import trio

_EPSILON = 1e-9  # rounding of the clock must not cost a waiter another round

BACKGROUND_PATIENCE: Final = 16
"""Urgent waiters, one after the other, that a background waiter lets pass."""


@dataclass(frozen=True, slots=True)
class TokenBucketStatistics:
    """`waiting` tasks, `available` tokens, `acquired` tokens so far, seconds of the pause that is left."""

    waiting: int
    available: float
    acquired: float
    pause_left_s: float


class _Waiter:
    """A task in line. A wake-up while it does not sleep is not missed: it looks whether it is the head first."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event: trio.Event | None = None

    async def sleep(self) -> None:
        self._event = trio.Event()
        await self._event.wait()

    def wake(self) -> None:
        if self._event is not None:
            self._event.set()


class TokenBucket:
    """At most `burst` tokens at once, refilled with `rate_per_s`.

    Waiters are served in order of arrival, urgent ones before background ones. So that these never starve, one of them
    is served after `BACKGROUND_PATIENCE` urgent waiters that passed it. A cancelled waiter takes nothing and holds
    nobody up. A pause (the other side said "not before ...") stops everybody until its end; tokens go on collecting
    meanwhile.

    # Invariants:
    #   available <= burst, and 0 <= available unless somebody took more than the burst (`owing`)
    #   the head sleeps until its tokens are there, the others until whoever leaves wakes the new head
    """

    __slots__ = (
        "_acquired",
        "_background",
        "_burst",
        "_passed",
        "_paused_until",
        "_rate_per_s",
        "_seen_at",
        "_tokens",
        "_urgent",
    )

    def __init__(self, rate_per_s: float, burst: float) -> None:
        if rate_per_s <= 0 or burst <= 0:
            raise ValueError("a token bucket needs a positive rate and a positive burst")
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._seen_at: float | None = None
        self._paused_until = 0.0
        # Lists, since idle buckets are many and waiters few: an empty deque weighs 700 bytes.
        self._urgent: list[_Waiter] = []
        self._background: list[_Waiter] = []
        self._passed = 0  # urgent waiters served, one after the other, while a background one waited
        self._acquired = 0.0

    async def acquire(self, tokens: float = 1.0, *, background: bool = False, owing: bool = False) -> None:
        """Wait for `tokens` and take them. Raises ValueError for more than the bucket can ever hold.

        `owing`: more than that may be taken at once from a full bucket, which is in debt then: whoever comes next waits
        until it is paid.
        """
        self._check(min(tokens, self._burst) if owing else tokens)
        line = self._background if background else self._urgent
        waiter = _Waiter()
        line.append(waiter)
        slept = False
        try:
            await trio.lowlevel.checkpoint_if_cancelled()
            while True:
                if self._head() is not waiter:
                    await waiter.sleep()
                elif (wait_s := self.wait_s(tokens)) > 0:
                    await trio.sleep(wait_s)  # time passes, or a pause is prolonged, or an urgent waiter comes
                else:
                    break
                slept = True
            self._take(tokens)
            self._passed = self._passed + 1 if not background and self._background else 0
        finally:
            line.remove(waiter)
            if not self._background:
                self._passed = 0
            if (head := self._head()) is not None:
                head.wake()
        if not slept:
            await trio.lowlevel.cancel_shielded_checkpoint()

    def try_acquire(self, tokens: float = 1.0) -> bool:
        """Take `tokens` if that needs no waiting and overtakes nobody; else return False."""
        self._check(tokens)
        if self._urgent or self._background or self.wait_s(tokens) > 0:
            return False
        self._take(tokens)
        return True

    def wait_s(self, tokens: float = 1.0) -> float:
        """Return the seconds until `tokens` are there and no pause holds them; 0 for now. Says nothing of waiters."""
        now = self._refill()
        missing = min(tokens, self._burst) - self._tokens
        wait_s = missing / self._rate_per_s if missing > _EPSILON else 0.0
        return max(wait_s, self._paused_until - now)

    def pause_until(self, at: float) -> None:
        """Give out nothing before trio time `at`. An earlier end than that of a running pause changes nothing."""
        self._paused_until = max(self._paused_until, at)

    def pause_for(self, seconds: float) -> None:
        """Give out nothing for the next `seconds`."""
        self.pause_until(trio.current_time() + seconds)

    def statistics(self) -> TokenBucketStatistics:
        """Return the present figures."""
        now = self._refill()
        waiting = len(self._urgent) + len(self._background)
        return TokenBucketStatistics(waiting, self._tokens, self._acquired, max(0.0, self._paused_until - now))

    def _head(self) -> _Waiter | None:
        """Whose turn it is."""
        if self._background and (not self._urgent or self._passed >= BACKGROUND_PATIENCE):
            return self._background[0]
        return self._urgent[0] if self._urgent else None

    def _check(self, tokens: float) -> None:
        if not 0 < tokens <= self._burst:
            raise ValueError(f"cannot take {tokens} tokens from a bucket of {self._burst}")

    def _refill(self) -> float:
        now = trio.current_time()
        if self._seen_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._seen_at) * self._rate_per_s)
        self._seen_at = now
        return now

    def _take(self, tokens: float) -> None:
        left = self._tokens - tokens
        self._tokens = left if tokens > self._burst else max(0.0, left)
        self._acquired += tokens

    def _check_invariants(self) -> None:
        assert self._tokens <= self._burst
        assert self._passed <= BACKGROUND_PATIENCE
