"""Any interleaving of accepting, delivering, telling, asking, crashes, hangs, dependency and journal failures,
passivations, restarts, stops and kills: order is kept, nothing is lost, nothing that is done is handled again, and an
address never has two activations.

Hypothesis draws a plan: operations, and for every message what its handlers do, attempt by attempt. The plan runs on
the mock clock against an in-memory journal and outbox with faults. What the actors observe is checked as it happens
(`violations`), what became of every message at the end.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from dealgram.runtime import (
    Actor,
    ActorKind,
    ActorSystem,
    Address,
    Admission,
    Backoff,
    DeadLetter,
    Permanent,
    Question,
    RestartPolicy,
    RuntimeFailure,
    Transient,
)

ADDRESSES = [Address("a", "1"), Address("a", "2")]
LANES = ["x", "y"]
HARD_S = 20.0

# What one attempt of a handler (or of a lane item) does. "done_*": after its commit.
ATTEMPTS = ["ok", "ok", "slow", "crash", "done_crash", "transient", "done_transient", "permanent", "hang", "nap_crash"]
behaviours = st.lists(st.sampled_from(ATTEMPTS), max_size=4).map(tuple)

operations = st.lists(
    st.one_of(
        st.tuples(
            st.just("accept"), st.sampled_from(ADDRESSES), behaviours, st.sampled_from([None, *LANES]), behaviours
        ),
        st.tuples(st.just("deliver"), st.integers(1, 3)),
        st.tuples(st.just("tell"), st.sampled_from(ADDRESSES), behaviours),
        st.tuples(st.just("ask"), st.sampled_from(ADDRESSES), behaviours),
        st.tuples(st.just("passivate"), st.sampled_from(ADDRESSES)),
        st.tuples(st.just("restart"), st.sampled_from(ADDRESSES)),
        st.tuples(st.just("wake"), st.sampled_from(ADDRESSES)),
        st.tuples(st.just("sleep"), st.sampled_from([0.0, 0.1, 1.0, 5.0, 70.0, 1000.0])),
        st.tuples(st.just("ticks"), st.integers(1, 6)),
        st.tuples(
            st.just("fault"),
            st.sampled_from(["pending", "attempt_failed", "bury", "bury!", "commit"]),
            st.integers(1, 3),
        ),
        st.tuples(st.just("stop"), st.sampled_from([0.0, 3.0, 500.0])),
        st.tuples(st.just("kill")),
    ),
    max_size=40,
)


@dataclass(frozen=True)
class Told:
    number: int
    address: Address
    attempts: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    id: int
    attempts: tuple[str, ...]


class World:
    """The outside: journal, outbox, what every attempt is to do, and the observations."""

    def __init__(self, journal: Any, size: int) -> None:
        self.journal = journal
        self.size = size
        self.violations: list[str] = journal.violations
        self.outbox: dict[tuple[Address, str], list[Item]] = {}
        self.done_items: set[int] = set()
        self.tries: Counter[Any] = Counter()
        self.alive: Counter[Address] = Counter()
        self.working: set[Any] = set()
        self.accepted: list[Told] = []
        self.completed: list[Told] = []
        self.started: list[Told] = []
        self.letters: list[DeadLetter] = []
        self.faults: Counter[str] = Counter()
        self.undelivered: list[Any] = []
        self.numbers = iter(range(1, 10_000))
        journal.fault = self.fault

    def fault(self, operation: str) -> None:
        if self.faults[operation] > 0:
            self.faults[operation] -= 1
            raise Transient(f"{operation} failed", retry_after_s=1) if operation == "commit" else OSError(operation)

    def kind(self) -> ActorKind:
        return ActorKind(
            name="a",
            factory=lambda address: Worker(self, address),
            source=self.journal,
            mailbox_size=self.size,
            idle_after_s=300,
            soft_limit_s=5,
            hard_limit_s=HARD_S,
            lane_grace_s=2,
            restart=RestartPolicy(intensity=3, period_s=30, backoff=Backoff(0.5, 10, 0.2), failed_retry_s=60),
        )

    async def attempt(self, what: Any, plan: Sequence[str], commit: Any) -> None:
        """Do what the plan says for this attempt; beyond the plan, succeed."""
        n = self.tries[what]
        self.tries[what] += 1
        step = plan[n] if n < len(plan) else "ok"
        if step in ("slow", "nap_crash"):
            await trio.sleep(1.5)
        if step == "hang":
            await trio.sleep_forever()
        if step in ("ok", "slow", "done_crash", "done_transient"):
            await commit()
        if step in ("crash", "done_crash", "nap_crash"):
            raise ValueError(step)
        if step in ("transient", "done_transient"):
            raise Transient(step)
        if step == "permanent":
            raise Permanent(step)


class Worker(Actor):
    def __init__(self, world: World, address: Address) -> None:
        self.world = world
        self.address = address
        self.last_told = 0

    async def activate(self) -> None:
        world = self.world
        world.alive[self.address] += 1  # the number of this activation
        self.number = world.alive[self.address]
        await trio.lowlevel.checkpoint()
        self.lanes = self.context.lanes(
            run=self.run, source=self, on_dead=self.on_dead, bound=world.size, concurrency=1
        )
        for (address, lane), items in world.outbox.items():
            if address == self.address and items:
                self.lanes.wake(lane)

    def check_is_the_only_one(self, working: Any) -> None:
        world = self.world
        if world.alive[self.address] != self.number:
            world.violations.append(f"{self.address}: activation {self.number} acts beside a newer one")
        if working in world.working:
            world.violations.append(f"{working}: two at a time")

    async def handle(self, message: object) -> None:
        world = self.world
        self.check_is_the_only_one(self.address)
        world.working.add(self.address)
        try:
            if isinstance(message, Told):
                if message.number < self.last_told:
                    world.violations.append(f"{message} was overtaken by {self.last_told}")
                self.last_told = message.number
                world.started.append(message)
                await world.attempt(message, message.attempts, trio.lowlevel.checkpoint)
                world.completed.append(message)
            elif isinstance(message, Question):
                await world.attempt(message, message.request, trio.lowlevel.checkpoint)
                message.reply.resolve("answer")
            else:
                await self.handle_entry(message)
        finally:
            world.working.discard(self.address)

    async def handle_entry(self, entry: Any) -> None:
        journal = self.world.journal
        before = [e.id for e in journal.entries.values() if e.address == self.address and e.id < entry.id]
        if not set(before) <= journal.done:
            self.world.violations.append(f"{entry.id} is handled before {set(before) - journal.done}")
        if entry.id in journal.done:
            self.world.violations.append(f"{entry.id} is done, and is handled again")
        attempts, lane, item_attempts = entry.body
        await self.world.attempt(entry.id, attempts, lambda: self.commit(entry, lane, item_attempts))

    async def commit(self, entry: Any, lane: str | None, item_attempts: tuple[str, ...]) -> None:
        await self.world.journal.commit(entry)
        if lane is not None:
            item = Item(entry.id, item_attempts)
            self.world.outbox.setdefault((self.address, lane), []).append(item)
            self.lanes.put(lane, item)

    # --- the outbox

    async def pending(self, lane: str, after: Item | None, limit: int) -> Sequence[Item]:
        await trio.lowlevel.checkpoint()
        self.world.fault("pending")
        items = self.world.outbox.get((self.address, lane), [])
        found = [item for item in items if after is None or item.id > after.id][:limit]
        await trio.lowlevel.checkpoint()
        return found

    async def run(self, lane: str, item: Item) -> None:
        world, key = self.world, (self.address, lane)
        self.check_is_the_only_one(key)
        world.working.add(key)
        try:
            if item.id in world.done_items:
                world.violations.append(f"{item} is done, and runs again")
            elif world.outbox[key][0].id != item.id:
                world.violations.append(f"{item} runs before {world.outbox[key][0]}")
            # an item that failed after its commit is the author's matter (see LaneSource): not part of this plan
            plan = tuple(step.removeprefix("done_") for step in item.attempts)
            await world.attempt(("item", item.id), plan, lambda: self.complete(key, item))
        finally:
            world.working.discard(key)

    async def complete(self, key: tuple[Address, str], item: Item) -> None:
        await trio.lowlevel.checkpoint()
        self.world.outbox[key].remove(item)
        self.world.done_items.add(item.id)

    async def on_dead(self, lane: str, item: Item, _failure: object) -> None:
        self.world.fault("bury")
        await self.complete((self.address, lane), item)


async def carry_out(world: World, plan: list[tuple[Any, ...]]) -> None:
    async with trio.open_nursery() as outside, AsyncExitStack() as stack:

        async def start() -> ActorSystem:
            system = await stack.enter_async_context(
                ActorSystem.open([world.kind()], rng=random.Random(1), dead_letter=world.letters.append)
            )
            for address in ADDRESSES:
                system.wake(address)
            world.undelivered.clear()  # whoever was about to deliver them is gone; the journal has them
            return system

        async def ask(system: ActorSystem, address: Address, attempts: tuple[str, ...]) -> None:
            with suppress(RuntimeFailure, Permanent):
                await system.ask(address, attempts, timeout_s=100)

        system = await start()
        for operation, *arguments in plan:
            if operation == "accept":
                address, *body = arguments
                world.undelivered.append(world.journal.accept(address, body))
            elif operation == "deliver":
                for entry in world.undelivered[: arguments[0]]:
                    system.deliver(entry)
                del world.undelivered[: arguments[0]]
            elif operation == "tell":
                message = Told(next(world.numbers), *arguments)
                if system.tell(message.address, message) is Admission.ACCEPTED:
                    world.accepted.append(message)
            elif operation == "ask":
                outside.start_soon(ask, system, *arguments)
            elif operation in ("passivate", "restart"):
                outside.start_soon(getattr(system, operation), arguments[0])
            elif operation == "wake":
                system.wake(arguments[0])
            elif operation == "sleep":
                await trio.sleep(arguments[0])
            elif operation == "ticks":
                for _ in range(arguments[0]):
                    await trio.lowlevel.checkpoint()
            elif operation == "fault":
                world.faults[arguments[0]] += arguments[1]
            else:
                if operation == "stop":
                    await system.stop(deadline_s=arguments[0])
                    assert system.snapshot().actors == ()
                await stack.aclose()
                assert not world.working
                system = await start()
            system._check_invariants()
        world.undelivered.clear()
        world.faults.clear()
        for _ in range(2):  # once more, as the periodic sweep does
            for address in ADDRESSES:
                system.wake(address)
            await trio.sleep(20_000)
        system._check_invariants()
        assert system.snapshot().actors == ()  # everything is done: all have been passivated
        await system.stop(deadline_s=10)


@settings(max_examples=300)
@given(plan=operations, size=st.integers(1, 4))
def test_any_interleaving_keeps_order_loses_nothing_and_never_runs_two_activations(new_lab, plan, size):
    world = World(new_lab().journal, size)
    trio.run(carry_out, world, plan, clock=trio.testing.MockClock(autojump_threshold=0))
    assert world.violations == []
    # every entry was handled to completion or buried; every lane item was completed or given to on_dead
    assert world.journal.open_entries() == []
    assert all(items == [] for items in world.outbox.values())
    # every admitted direct message was completed or became a dead letter, and not both
    lost = [letter.message for letter in world.letters if isinstance(letter.message, Told)]
    assert Counter(m.number for m in [*world.completed, *lost]) == Counter(m.number for m in world.accepted)


@pytest.mark.parametrize("seed", range(20))
def test_a_long_random_story(new_lab, seed, monkeypatch):
    """The same with plans longer than Hypothesis draws, from a fixed seed."""
    rng = random.Random(seed)

    def some_behaviour() -> tuple[str, ...]:
        return tuple(rng.choice(ATTEMPTS) for _ in range(rng.choice([0, 0, 1, 3])))

    plan: list[tuple[Any, ...]] = []
    for _ in range(300):
        address = rng.choice(ADDRESSES)
        plan.append(
            rng.choices(
                [
                    ("accept", address, some_behaviour(), rng.choice([None, *LANES]), some_behaviour()),
                    ("deliver", rng.randint(1, 5)),
                    ("tell", address, some_behaviour()),
                    ("ask", address, some_behaviour()),
                    ("passivate", address),
                    ("restart", address),
                    ("wake", address),
                    ("sleep", rng.choice([0.0, 0.1, 1.0, 5.0, 70.0])),
                    ("ticks", rng.randint(1, 6)),
                    ("fault", rng.choice(["pending", "attempt_failed", "bury", "bury!", "commit"]), rng.randint(1, 3)),
                    ("stop", rng.choice([0.0, 3.0, 500.0])),
                    ("kill",),
                ],
                [20, 15, 10, 5, 2, 2, 3, 10, 15, 2, 1, 1],
            )[0]
        )
    world = World(new_lab().journal, rng.randint(1, 5))
    monkeypatch.setattr("trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING", True)
    monkeypatch.setattr("trio._core._run._r", random.Random(seed))  # else the story differs from run to run
    trio.run(carry_out, world, plan, clock=trio.testing.MockClock(autojump_threshold=0))
    assert world.violations == []
    assert world.journal.open_entries() == []
    assert all(items == [] for items in world.outbox.values())
    lost = [letter.message for letter in world.letters if isinstance(letter.message, Told)]
    assert Counter(m.number for m in [*world.completed, *lost]) == Counter(m.number for m in world.accepted)
