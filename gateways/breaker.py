"""A circuit breaker: after too many failures nothing is asked for a while, then one single call finds out.

    closed ──failures in a row, or a trip──> open ──its time is over, admit()──> half-open (one probe)
      ^                                        ^                                     |
      └────────────── the probe succeeded ─────┼─────────────────────────────────────┤
                                               └── it failed: a longer pause ────────┘

Decides synchronously on trio's clock and waits for nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

import trio

from dealgram.gateways.trouble import TroubleKind

PROBE_PATIENCE_S = 1.0
"""When those who meet a probe in flight are told to come again."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """How long a trouble keeps the breaker open: doubling from `first_s` to `most_s`, lengthened by up to the share
    `jitter`, so that accounts do not come back in step."""

    first_s: float
    most_s: float
    jitter: float = 0.2

    def length_s(self, n: int, rng: random.Random) -> float:
        """Seconds of the pause number `n` in a row (the first is 0)."""
        return min(self.most_s, self.first_s * 2.0 ** min(n, 30)) * (1.0 + self.jitter * rng.random())


@dataclass(frozen=True, slots=True)
class Pass:
    """What an admitted call brings back with its verdict."""

    epoch: int
    is_probe: bool


class Breaker:
    """One breaker; every admitted call ends in exactly one of `succeeded`, `failed`, `trip`, `abandoned`.

    A verdict from before the last opening says nothing about now: it neither closes nor counts.

    # Invariants:
    #   kind is None iff closed; half-open iff exactly one probe is out
    """

    __slots__ = ("_epoch", "_failures", "_open_after", "_rng", "_streak", "kind", "state", "until")

    def __init__(self, rng: random.Random, *, open_after: int = 1) -> None:
        self._rng = rng
        self._open_after = open_after
        self._epoch = 0
        self._failures = 0
        self._streak = 0  # openings in a row
        self.state = BreakerState.CLOSED
        self.until = 0.0
        self.kind: TroubleKind | None = None

    def left_s(self) -> float:
        """Seconds until the next call may be admitted; 0 for now. An estimate while a probe is out."""
        if self.state is BreakerState.CLOSED:
            return 0.0
        if self.state is BreakerState.HALF_OPEN:
            return PROBE_PATIENCE_S
        return max(0.0, self.until - trio.current_time())

    def admit(self) -> Pass:
        """Let one call through, as the probe if the pause is over. Only when `left_s()` is 0."""
        assert self.left_s() == 0, "ask left_s() first"
        is_probe = self.state is BreakerState.OPEN
        if is_probe:
            self.state = BreakerState.HALF_OPEN
        return Pass(self._epoch, is_probe)

    def glance(self) -> Pass:
        """For a call that goes its own way and is no probe: its failures count here, like anybody's."""
        return Pass(self._epoch, is_probe=False)

    def succeeded(self, admitted: Pass) -> None:
        """The other side answered as it should."""
        if admitted.epoch != self._epoch:
            return
        self._failures = self._streak = 0
        if self.state is not BreakerState.CLOSED:
            self._epoch += 1
            self.state, self.kind = BreakerState.CLOSED, None

    def failed(self, admitted: Pass, kind: TroubleKind, pauses: Pauses, *, at_least_s: float = 0.0) -> None:
        """One failure; the last of `open_after` in a row, or that of a probe, opens."""
        if admitted.epoch != self._epoch:
            return
        self._failures += 1
        if admitted.is_probe or self._failures >= self._open_after:
            self._open(kind, pauses, at_least_s)

    def trip(self, admitted: Pass, kind: TroubleKind, pauses: Pauses) -> None:
        """An answer that opens at once. Met from before the opening, it can make the running pause longer."""
        if admitted.epoch == self._epoch:
            self._open(kind, pauses, 0.0)
        elif self.state is BreakerState.OPEN and self.kind is not kind:
            until = trio.current_time() + pauses.length_s(0, self._rng)
            if until > self.until:
                self.until, self.kind = until, kind

    def abandoned(self, admitted: Pass) -> None:
        """The call ended without a verdict (cancelled): the next one may try in its place."""
        if admitted.epoch == self._epoch and admitted.is_probe:
            self.state = BreakerState.OPEN

    def retry_now(self) -> None:
        """The pause is over: the next call is the probe."""
        self.until = min(self.until, trio.current_time())

    def _open(self, kind: TroubleKind, pauses: Pauses, at_least_s: float) -> None:
        streak = self._streak if kind is self.kind or self.kind is None else 0
        pause_s = max(at_least_s, pauses.length_s(streak, self._rng))
        self.state, self.kind = BreakerState.OPEN, kind
        self.until = trio.current_time() + pause_s
        self._streak = streak + 1
        self._failures = 0
        self._epoch += 1

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        assert (self.kind is None) == (self.state is BreakerState.CLOSED)
        assert self._failures < self._open_after
