"""One timer task for all actors of a system.

An idle actor must not carry a timeout of its own (a cancel scope costs a kilobyte), so that everything which has to
happen *later* (idle time over, handler stuck, lane ready again) is a callback on one heap. Those who need a timer
often re-arm lazily: they set one alarm, and look when it rings whether its time has really come.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from itertools import count

import trio


class Alarms:
    """Calls back at given times on trio's clock, in order of time, then of setting. Callbacks are synchronous.

    # Invariants:
    #   the heap is a heap; while the task sleeps, its deadline is not later than the first alarm
    """

    __slots__ = ("_heap", "_numbers", "_sleep")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._sleep: trio.CancelScope | None = None

    def set(self, at: float, callback: Callable[[], None]) -> None:
        """Call `callback` at trio time `at` or, if that is past, soon. `math.inf` never rings."""
        if at == math.inf:
            return
        heapq.heappush(self._heap, (at, next(self._numbers), callback))
        if self._sleep is not None and at < self._sleep.deadline:
            self._sleep.deadline = at

    async def run(self) -> None:
        """Ring the alarms until cancelled."""
        while True:
            deadline = self._heap[0][0] if self._heap else math.inf
            with trio.CancelScope(deadline=deadline) as self._sleep:
                await trio.sleep_forever()
            self._sleep = None
            now = trio.current_time()
            while self._heap and self._heap[0][0] <= now:
                heapq.heappop(self._heap)[2]()

    def __len__(self) -> int:
        return len(self._heap)

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        assert all(self._heap[(i - 1) // 2][:2] < self._heap[i][:2] for i in range(1, len(self._heap)))
        assert self._sleep is None or not self._heap or self._sleep.deadline <= self._heap[0][0]
