"""Token buckets on trio's clock: the other side's limits, kept by us before the other side has to."""

from __future__ import annotations

from dataclasses import dataclass

import trio

_EPSILON = 1e-9  # rounding of the clock must not cost a waiter another round


@dataclass(frozen=True, slots=True)
class TokenBucketStatistics:
    """`waiting` tasks, `available` tokens, `acquired` tokens so far, seconds of the pause that is left."""

    waiting: int
    available: float
    acquired: float
    pause_left_s: float


class TokenBucket:
    """At most `burst` tokens at once, refilled with `rate_per_s`. Waiters are served strictly in order of arrival.

    A cancelled waiter takes nothing and holds nobody up. A pause (the other side said "not before ...") stops
    everybody until its end; tokens go on collecting meanwhile.

    # Invariants:
    #   0 <= available <= burst
    """

    __slots__ = ("_acquired", "_burst", "_paused_until", "_rate_per_s", "_seen_at", "_tokens", "_turn", "_waiting")

    def __init__(self, rate_per_s: float, burst: float) -> None:
        if rate_per_s <= 0 or burst <= 0:
            raise ValueError("a token bucket needs a positive rate and a positive burst")
        self._rate_per_s = rate_per_s
        self._burst = float(burst)
        self._tokens = float(burst)
        self._seen_at: float | None = None
        self._paused_until = 0.0
        self._turn = trio.Lock()
        self._waiting = 0
        self._acquired = 0.0

    async def acquire(self, tokens: float = 1.0) -> None:
        """Wait for `tokens` and take them. Raises ValueError for more than the bucket can ever hold."""
        self._check(tokens)
        self._waiting += 1
        try:
            async with self._turn:
                while (wait_s := self._wait_s(tokens)) > 0:  # noqa: ASYNC110 - time passes, or a pause is prolonged
                    await trio.sleep(wait_s)
                self._take(tokens)
        finally:
            self._waiting -= 1

    def try_acquire(self, tokens: float = 1.0) -> bool:
        """Take `tokens` if that needs no waiting and overtakes nobody; else return False."""
        self._check(tokens)
        if self._waiting or self._wait_s(tokens) > 0:
            return False
        self._take(tokens)
        return True

    def pause_until(self, at: float) -> None:
        """Give out nothing before trio time `at`. An earlier end than that of a running pause changes nothing."""
        self._paused_until = max(self._paused_until, at)

    def pause_for(self, seconds: float) -> None:
        """Give out nothing for the next `seconds`."""
        self.pause_until(trio.current_time() + seconds)

    def statistics(self) -> TokenBucketStatistics:
        """Return the present figures."""
        now = self._refill()
        return TokenBucketStatistics(self._waiting, self._tokens, self._acquired, max(0.0, self._paused_until - now))

    def _check(self, tokens: float) -> None:
        if not 0 < tokens <= self._burst:
            raise ValueError(f"cannot take {tokens} tokens from a bucket of {self._burst}")

    def _refill(self) -> float:
        now = trio.current_time()
        if self._seen_at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._seen_at) * self._rate_per_s)
        self._seen_at = now
        return now

    def _wait_s(self, tokens: float) -> float:
        now = self._refill()
        missing = tokens - self._tokens
        wait_s = missing / self._rate_per_s if missing > _EPSILON else 0.0
        return max(wait_s, self._paused_until - now)

    def _take(self, tokens: float) -> None:
        self._tokens = max(0.0, self._tokens - tokens)
        self._acquired += tokens

    def _check_invariants(self) -> None:
        assert 0 <= self._tokens <= self._burst
        assert self._waiting >= 0
