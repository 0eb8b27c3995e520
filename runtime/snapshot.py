"""What health shows: frozen pictures of an actor system, made synchronously, without touching an actor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dealgram.runtime.address import Address
from dealgram.runtime.counters import Counters
from dealgram.runtime.failure import Failure
from dealgram.runtime.lanes import LaneCounts
from dealgram.runtime.state import ActorState


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorSnapshot:
    """One active address.

    `mailbox` counts messages in memory; `backlog` says that the journal has (or may have) more. Times ending in `_at`
    are Unix seconds; `handling_s` is for how long the present message has been worked on. `waiting_for` names the
    dependency it waits for, inside a handler or backing off. `activations` and `restarts` count since the address
    was activated last.
    """

    address: Address
    state: ActorState
    mailbox: int
    backlog: bool
    lanes: LaneCounts
    restarts: int
    last_error: Failure | None
    last_error_at: float | None
    last_activity_at: float
    handling_s: float | None
    waiting_for: str | None
    activations: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemSnapshot:
    """The whole system at `at` (Unix seconds). Counts are of all actors; `actors` holds those that were asked for."""

    at: float
    stopping: bool
    by_state: Mapping[ActorState, int]
    by_kind: Mapping[str, int]
    counters: Counters
    actors: tuple[ActorSnapshot, ...]
