"""The restart budget of one actor: a pure decision, made from the times of its crashes.

Erlang's intensity and period, per actor: more than `intensity` crashes within `period_s` seconds and the actor has
`failed`. A failed actor is tried again once every `failed_retry_s`; it is forgiven once an instance has lived for a
whole period.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from dealgram.runtime.backoff import Backoff


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often an actor may crash, how long to wait before each restart, and how often to try a failed one."""

    intensity: int = 5
    period_s: float = 60.0
    backoff: Backoff = field(default_factory=Backoff)
    failed_retry_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Restart:
    """The answer to a crash: start again after `delay_s`; `failed` when the budget is used up."""

    delay_s: float
    failed: bool


class RestartWindow:
    """The crashes of one actor that still count.

    # Invariants:
    #   the times do not decrease, and there are at most intensity + 1 of them
    """

    __slots__ = ("_crashes", "_failed", "_policy")

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._crashes: list[float] = []
        self._failed = False

    def crashed(self, now: float, *, started_at: float, rng: random.Random) -> Restart:
        """Record a crash at `now` of an instance started at `started_at` (both on one clock) and decide."""
        policy = self._policy
        if now - started_at >= policy.period_s:
            self.forgive()
        recent = [at for at in self._crashes if now - at < policy.period_s]
        self._crashes = [*recent[max(0, len(recent) - policy.intensity) :], now]
        if self._failed or len(self._crashes) > policy.intensity:
            self._failed = True
            return Restart(policy.failed_retry_s, failed=True)
        return Restart(policy.backoff.delay_s(len(self._crashes) - 1, rng), failed=False)

    def forgive(self) -> None:
        """Forget all crashes: an operator asked for a restart, or an instance has proved healthy."""
        self._crashes.clear()
        self._failed = False

    def _check_invariants(self) -> None:
        assert self._crashes == sorted(self._crashes)
        assert len(self._crashes) <= self._policy.intensity + 1
