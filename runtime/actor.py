"""What an author of actors writes and sees: the actor, its kind, and the context that the runtime gives it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import trio

from dealgram.runtime.address import Address
from dealgram.runtime.backoff import Backoff
from dealgram.runtime.entry import EntrySource
from dealgram.runtime.failure import Failure
from dealgram.runtime.lanes import LaneOptions, Lanes, LaneSource
from dealgram.runtime.restart import RestartPolicy

if TYPE_CHECKING:
    from dealgram.runtime.incarnation import Incarnation
    from dealgram.runtime.system import ActorSystem

T = TypeVar("T")


class Actor:
    """One activation of an address. The runtime calls its methods one at a time, in the actor's own task.

    An exception from `activate` or `handle` is judged by the supervisor: `Transient` repeats the same thing after a
    wait, `Permanent` gives the message up, anything else ends this instance and starts a new one.
    """

    context: ActorContext  # set by the runtime before activate()

    async def activate(self) -> None:
        """Load state. A failure leaves no trace: the next attempt is made by a new instance."""

    async def handle(self, message: object) -> None:
        """Work off one message: a journal entry, a `Question`, or whatever was told directly.

        An entry is marked done by the handler itself, in the commit of its effects, before it returns.
        """
        raise NotImplementedError

    async def deactivate(self) -> None:
        """Say good-bye before passivation, an operator's restart or the stop. Not called after a crash."""

    def idle(self) -> bool:
        """May this actor be passivated now? False asks again after another idle time."""
        return True


@dataclass(frozen=True, kw_only=True)
class ActorKind:
    """A class of actors: how its instances are made and under which limits they live. Times are in seconds."""

    name: str
    factory: Callable[[Address], Actor]
    mailbox_size: int = 256
    idle_after_s: float = 900.0
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    soft_limit_s: float = 30.0
    hard_limit_s: float = 120.0
    lane_grace_s: float = 10.0
    source: EntrySource | None = None
    poison_after: int = 3

    def __post_init__(self) -> None:
        if self.mailbox_size < 1 or self.poison_after < 1:
            raise ValueError(f"kind {self.name!r}: mailbox_size and poison_after must be at least 1")
        if min(self.idle_after_s, self.soft_limit_s, self.hard_limit_s) <= 0 or self.lane_grace_s < 0:
            raise ValueError(f"kind {self.name!r}: times must be positive")


class ActorContext:
    """The runtime, as one actor instance sees it."""

    __slots__ = ("_incarnation",)

    def __init__(self, incarnation: Incarnation) -> None:
        self._incarnation = incarnation

    @property
    def address(self) -> Address:
        """The address that this actor answers to."""
        return self._incarnation.address

    @property
    def system(self) -> ActorSystem:
        """The system that the actor lives in, for `tell` and `ask`."""
        return self._incarnation.cell.system

    def now(self) -> float:
        """Return the time on trio's clock, in seconds: for durations, never to be stored."""
        return trio.current_time()

    def wall(self) -> float:
        """Return the system's wall clock in Unix seconds: for what people read, never for durations."""
        return self._incarnation.services.wall()

    def dependency(self, name: str) -> AbstractContextManager[None]:
        """While inside, the handler (or lane item) waits for `name`: its limits stand still, health shows the name."""
        return self._incarnation.dependency(name)

    def show_waiting(self, name: str | None) -> None:
        """Health shows that the actor waits for `name` until it is told None. For waits that no task waits out."""
        self._incarnation.shown_waiting = name

    def lanes(
        self,
        *,
        run: Callable[[str, T], Awaitable[object]],
        source: LaneSource[T] | None = None,
        on_dead: Callable[[str, T, Failure], Awaitable[object]] | None = None,
        concurrency: int = 16,
        bound: int = 64,
        attempts: int = 3,
        is_background: Callable[[str], bool] | None = None,
        background_concurrency: int | None = None,
        backoff: Backoff | None = None,
        soft_limit_s: float | None = None,
        hard_limit_s: float | None = None,
    ) -> Lanes[T]:
        """Open lanes that live as long as this instance. Best called once, in `activate`.

        At most `concurrency` lanes run at a time, each holds at most `bound` items in memory; `attempts` other
        failures than `Transient` make an item dead. Limits default to those of the kind. Lanes whose name
        `is_background` accepts run when no urgent one waits, at most `background_concurrency` of them at a time
        (default: half of `concurrency`).
        """
        options = LaneOptions(
            run=run,
            source=source,
            on_dead=on_dead,
            concurrency=concurrency,
            bound=bound,
            attempts=attempts,
            is_background=is_background,
            background_concurrency=background_concurrency,
            backoff=backoff or self._incarnation.cell.kind.restart.backoff,
            soft_limit_s=soft_limit_s,
            hard_limit_s=hard_limit_s,
        )
        return self._incarnation.open_lanes(options)
