"""How hasty callers are slowed down (amoCRM contract §16): so many requests a second, then refusals, then a block.

Owns `Pace`. The documentation holds no number; the switches give it. A sliding window of one second per key.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["go", "slow_down", "blocked"]
_EXCESS_WINDOW_S = 60.0


@dataclass(slots=True)
class _Caller:
    recent: deque[float] = field(default_factory=deque)
    refused: deque[float] = field(default_factory=deque)
    blocked_until: float = 0.0


class Pace:
    """One limiter for many keys; memory is bounded by the rate and by the block threshold."""

    def __init__(self) -> None:
        self._callers: dict[object, _Caller] = {}

    def admit(
        self, key: object, now: float, *, rate: float | None, block_after: int | None = None, block_s: float = 0.0
    ) -> Verdict:
        """Counts this request and says what becomes of it. `rate` None admits everything."""
        if rate is None:
            return "go"
        caller = self._callers.setdefault(key, _Caller())
        if now < caller.blocked_until:
            return "blocked"
        while caller.recent and caller.recent[0] <= now - 1.0:
            caller.recent.popleft()
        if len(caller.recent) < rate:
            caller.recent.append(now)
            return "go"
        while caller.refused and caller.refused[0] <= now - _EXCESS_WINDOW_S:
            caller.refused.popleft()
        caller.refused.append(now)
        if block_after is not None and len(caller.refused) >= block_after:
            caller.refused.clear()
            caller.blocked_until = now + block_s
            return "blocked"
        return "slow_down"
