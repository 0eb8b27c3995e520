"""The states of an actor and the moves between them.

starting ──> running ──> draining ──> stopped          (passivated or stopped)
   ^  |       ^   |          |
   |  v       |   v          v
   backing_off <──┴──── backing_off / failed ──> starting   (crashed; or a dependency fails, waiting in place)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dealgram.runtime.address import Address


class ActorState(StrEnum):
    """Where an actor is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing_off"
    FAILED = "failed"
    DRAINING = "draining"
    STOPPED = "stopped"


_S = ActorState

LEGAL_MOVES: dict[ActorState, frozenset[ActorState]] = {
    _S.STARTING: frozenset({_S.RUNNING, _S.BACKING_OFF, _S.FAILED, _S.STOPPED}),
    _S.RUNNING: frozenset({_S.BACKING_OFF, _S.FAILED, _S.DRAINING, _S.STOPPED}),
    _S.BACKING_OFF: frozenset({_S.STARTING, _S.RUNNING, _S.FAILED, _S.DRAINING, _S.STOPPED}),
    _S.FAILED: frozenset({_S.STARTING, _S.BACKING_OFF, _S.STOPPED}),
    _S.DRAINING: frozenset({_S.STARTING, _S.BACKING_OFF, _S.FAILED, _S.STOPPED}),
    _S.STOPPED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Transition:
    """One move of one actor, as told to the observer of the system."""

    address: Address
    before: ActorState
    after: ActorState


Observer = Callable[[Transition], None]
