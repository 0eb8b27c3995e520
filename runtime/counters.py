"""What happened in an actor system since it was opened, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Monotonic counters; the system copies them into its snapshots."""

    tells: int = 0
    deliveries: int = 0
    backlogged: int = 0
    rejected: int = 0
    asks: int = 0
    ask_timeouts: int = 0
    late_answers: int = 0
    handled: int = 0
    activations: int = 0
    restarts: int = 0
    transient_waits: int = 0
    stuck_handlers: int = 0
    passivations: int = 0
    dead_letters: int = 0
    lane_items: int = 0
