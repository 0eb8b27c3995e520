"""How often something that anybody may send is taken in: from one sender, and from all together.

For `/oauth/callback`: whoever knows the form of a code can make us write rows and ask amoCRM about it. The limits are
far above what installations need, since amoCRM calls once and never again. Memory is bounded; a sender that is
forgotten begins with a full allowance, and the limit for all still holds.
"""

from __future__ import annotations

from collections import OrderedDict

from dealgram.runtime.rate_limit import TokenBucket

REMEMBERED = 4096


class Arrivals:
    """Counts on trio's clock. ``rate``: per second, after a ``burst``; of one sender and of all."""

    # Invariants:
    # - at most REMEMBERED senders are held, the least recently heard of go first;
    # - who is refused has taken nothing.

    def __init__(self, *, rate_per_s: float, burst: float, total_rate_per_s: float, total_burst: float) -> None:
        self._rate_per_s, self._burst = rate_per_s, burst
        self._total = TokenBucket(total_rate_per_s, total_burst)
        self._senders: OrderedDict[str, TokenBucket] = OrderedDict()

    def wait_s(self, sender: str | None) -> float:
        """Count an arrival and give 0; or count nothing and give the seconds after which to come again. ``None``: a
        sender that cannot be told from others; only the limit for all holds."""
        buckets = [self._total] if sender is None else [self._of(sender), self._total]
        wait_s = max(bucket.wait_s() for bucket in buckets)
        if wait_s > 0:
            return wait_s
        taken = [bucket.try_acquire() for bucket in buckets]
        assert all(taken), "a bucket that had room gave nothing"
        return 0.0

    def __len__(self) -> int:
        """Senders held."""
        return len(self._senders)

    def _of(self, sender: str) -> TokenBucket:
        bucket = self._senders.get(sender)
        if bucket is None:
            bucket = self._senders[sender] = TokenBucket(self._rate_per_s, self._burst)
            if len(self._senders) > REMEMBERED:
                self._senders.popitem(last=False)
        self._senders.move_to_end(sender)
        return bucket
