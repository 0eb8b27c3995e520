"""What the parts of an actor system share: its timer, its gate, its dice, its counters and its sinks."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from dealgram.runtime.address import Address
from dealgram.runtime.alarms import Alarms
from dealgram.runtime.counters import Counters
from dealgram.runtime.dead_letter import DeadLetter, DeadLetterSink
from dealgram.runtime.gate import Gate
from dealgram.runtime.state import LEGAL_MOVES, ActorState, Observer, Transition

_log = logging.getLogger("dealgram.runtime")


@dataclass(slots=True, kw_only=True)
class Services:
    """Owned by the system, used by every cell. Sinks of the outside are called guarded: they cannot break an actor."""

    rng: random.Random
    gate: Gate
    wall: Callable[[], float]
    dead_letter_sink: DeadLetterSink
    observer: Observer | None
    alarms: Alarms = field(default_factory=Alarms)
    counters: Counters = field(default_factory=Counters)

    def dead_letter(self, letter: DeadLetter) -> None:
        """Count a lost message and hand it to the sink."""
        self.counters.dead_letters += 1
        try:
            self.dead_letter_sink(letter)
        except Exception:  # noqa: BLE001 - a foreign function must not break the actor
            _log.exception("the sink of dead letters failed; lost: %s for %s", letter.reason, letter.address)

    def moved(self, address: Address, before: ActorState, after: ActorState) -> None:
        """Check a move between states and tell the observer."""
        assert after in LEGAL_MOVES[before], f"{address}: {before} -> {after}"
        if self.observer is not None:
            try:
                self.observer(Transition(address, before, after))
            except Exception:  # noqa: BLE001 - a foreign function must not break the actor
                _log.exception("the observer of transitions failed")
