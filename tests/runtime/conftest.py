"""A laboratory for actors: an in-memory journal with faults, scripted actors, and a log of all that happens."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trio
import trio.testing

from dealgram.runtime import (
    Actor,
    ActorKind,
    ActorSystem,
    Address,
    Backoff,
    DeadLetter,
    Failure,
    Question,
    RestartPolicy,
    Transition,
)


@dataclass(frozen=True, slots=True)
class FakeEntry:
    id: int
    address: Address
    body: Any = None
    attempts: int = 0


class FakeJournal:
    """An EntrySource in memory. `fault(operation)` may raise, before the operation or (name + "!") after it."""

    def __init__(self) -> None:
        self.entries: dict[int, FakeEntry] = {}
        self.done: set[int] = set()
        self.buried: dict[int, Failure] = {}
        self.fault: Callable[[str], None] = lambda _: None
        self.reads = 0
        self.violations: list[str] = []  # a failed assertion inside an actor would only crash the actor

    def accept(self, address: Address, body: Any = None) -> FakeEntry:
        entry = FakeEntry(len(self.entries) + 1, address, body)
        self.entries[entry.id] = entry
        return entry

    async def commit(self, entry: FakeEntry) -> None:
        """What an actor does to complete its entry."""
        await trio.lowlevel.checkpoint()
        self.fault("commit")
        if entry.id in self.done:
            self.violations.append(f"{entry} was completed twice")
        self.done.add(entry.id)
        self.fault("commit!")

    async def pending(self, address: Address, limit: int) -> Sequence[FakeEntry]:
        await trio.lowlevel.checkpoint()
        self.fault("pending")
        self.reads += 1
        found = [e for e in self.entries.values() if e.address == address and e.id not in self.done][:limit]
        await trio.lowlevel.checkpoint()
        return found

    async def attempt_failed(self, entry: FakeEntry, failure: Failure) -> int:
        await trio.lowlevel.checkpoint()
        self.fault("attempt_failed")
        known = self.entries[entry.id]
        self.entries[entry.id] = replace(known, attempts=known.attempts + 1)
        self.fault("attempt_failed!")
        return known.attempts + 1

    async def bury(self, entry: FakeEntry, failure: Failure) -> None:
        await trio.lowlevel.checkpoint()
        self.fault("bury")
        self.done.add(entry.id)
        self.buried[entry.id] = failure
        self.fault("bury!")

    def open_entries(self) -> list[int]:
        return [i for i in self.entries if i not in self.done]


def body_of(message: object) -> Any:
    if isinstance(message, FakeEntry):
        return message.body
    return message.request if isinstance(message, Question) else message


Step = Callable[..., Awaitable[None]]


class ScriptedActor(Actor):
    """Does what the laboratory's script says; by default completes entries, answers questions, notes the rest."""

    def __init__(self, lab: Laboratory, address: Address) -> None:
        self.lab = lab
        self.address = address
        self.number = lab.made[address] = lab.made.get(address, 0) + 1

    async def activate(self) -> None:
        await self.lab.act(self, "activate", None)

    async def handle(self, message: object) -> None:
        await self.lab.act(self, "handle", message)

    async def deactivate(self) -> None:
        await self.lab.act(self, "deactivate", None)

    def idle(self) -> bool:
        return self.lab.may_passivate


@dataclass
class Laboratory:
    journal: FakeJournal = field(default_factory=FakeJournal)
    log: list[Any] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    moves: list[Transition] = field(default_factory=list)
    steps: dict[str, deque[Step | Exception | None]] = field(default_factory=dict)
    always: dict[str, Step] = field(default_factory=dict)
    made: dict[Address, int] = field(default_factory=dict)
    busy: set[Address] = field(default_factory=set)
    may_passivate: bool = True
    system: ActorSystem = field(init=False)

    def script(self, phase: str, *steps: Step | Exception | None) -> None:
        """The next calls of `phase` raise the exception, run the step, or (None) do the usual."""
        self.steps.setdefault(phase, deque()).extend(steps)

    async def act(self, actor: ScriptedActor, phase: str, message: object) -> None:
        address = actor.address
        if address in self.busy:
            self.journal.violations.append(f"two handlers of {address} at a time")
        if actor.number != self.made[address]:
            self.journal.violations.append(f"an old activation of {address} still acts")
        if isinstance(message, FakeEntry) and message.id in self.journal.done:
            self.journal.violations.append(f"{message} is done, and is handled again")
        self.busy.add(address)
        self.log.append((phase, body_of(message)) if phase == "handle" else (phase,))
        try:
            waiting = self.steps.get(phase)
            step = waiting.popleft() if waiting else self.always.get(phase)
            if isinstance(step, Exception):
                raise step
            if step is not None:
                await step(actor, message)
            elif isinstance(message, FakeEntry):
                await self.journal.commit(message)
            elif isinstance(message, Question):
                message.reply.resolve(message.request)
        finally:
            self.busy.discard(address)

    @property
    def handled(self) -> list[Any]:
        return [event[1] for event in self.log if isinstance(event, tuple) and event[0] == "handle"]

    @property
    def states(self) -> list[str]:
        return [move.after.value for move in self.moves]

    def kind(self, name: str = "a", *, journaled: bool = False, **options: Any) -> ActorKind:
        options.setdefault("restart", RestartPolicy(backoff=Backoff(jitter=0.0)))
        options.setdefault("factory", lambda address: ScriptedActor(self, address))
        return ActorKind(name=name, source=self.journal if journaled else None, **options)

    @asynccontextmanager
    async def open(self, *kinds: ActorKind, **options: Any) -> AsyncIterator[ActorSystem]:
        options.setdefault("rng", random.Random(1))
        options.setdefault("wall", lambda: 1_000_000.0 + trio.current_time())
        async with ActorSystem.open(
            kinds or (self.kind(),), dead_letter=self.letters.append, observer=self.moves.append, **options
        ) as self.system:
            yield self.system
        assert self.journal.violations == []

    def give(self, address: Address, body: Any = None) -> Any:
        """Accept an entry and deliver it, as a journal does."""
        return self.system.deliver(self.journal.accept(address, body))

    def actor(self, address: Address) -> Any:
        (actor,) = [a for a in self.system.snapshot(kind=address.kind).actors if a.address == address]
        return actor


@pytest.fixture
def lab() -> Laboratory:
    return Laboratory()


@pytest.fixture
def new_lab() -> type[Laboratory]:
    """For property tests, which need a new one for every example."""
    return Laboratory


@pytest.fixture
def address() -> Address:
    return Address("a", "1")


@pytest.fixture
def blocked() -> Callable[[], Awaitable[None]]:
    """Wait until every task waits for something: whatever could happen now has happened."""
    return trio.testing.wait_all_tasks_blocked
