"""How long to wait before the n-th attempt: exponential, bounded, with jitter so that siblings do not march in step."""

from __future__ import annotations

import random
from dataclasses import dataclass

_MAX_EXPONENT = 60  # 2.0 ** 60 is past every sensible max_s and far from overflowing


@dataclass(frozen=True, slots=True)
class Backoff:
    """`min(max_s, base_s * 2**n)`, lengthened by up to the share `jitter` of itself."""

    base_s: float = 0.5
    max_s: float = 60.0
    jitter: float = 0.2

    def delay_s(self, n: int, rng: random.Random) -> float:
        """Return the seconds to wait after failure number `n` (the first is 0)."""
        plain = min(self.max_s, self.base_s * 2.0 ** min(n, _MAX_EXPONENT))
        return plain * (1.0 + self.jitter * rng.random())
