"""How late the event loop is: the one number that tells an overloaded or blocked process from a healthy one."""

from __future__ import annotations

import trio


class LoopLag:
    """Sleeps `interval_s` again and again and measures by how much it oversleeps."""

    def __init__(self, interval_s: float = 1.0) -> None:
        self.interval_s = interval_s
        self.last_s = 0.0
        self.max_s = 0.0
        self.probes = 0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due = trio.current_time() + self.interval_s
            await trio.sleep_until(due)
            self.last_s = max(0.0, trio.current_time() - due)
            self.max_s = max(self.max_s, self.last_s)
            self.probes += 1

    def take_max_s(self) -> float:
        """Return the largest lag since the last call of this method, and begin anew."""
        largest, self.max_s = self.max_s, self.last_s
        return largest
