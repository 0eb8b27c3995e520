"""Random stories before gates: whatever amoCRM answers and whoever gives up, the gates keep their word."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from dealgram.gateways.breaker import BreakerState
from dealgram.gateways.errors import (
    Forbidden,
    Interrupted,
    NotSent,
    PaymentRequired,
    RateLimited,
    Refused,
    ServiceFailed,
    Unauthorised,
)
from dealgram.gateways.gate_policy import GatePolicy, Service
from dealgram.gateways.gates import PLACES, Gates

POLICY = GatePolicy(calls_at_once=3, rest_rate_per_s=5, egress_rate_per_s=8, patience_s=30, open_after=3)
EGRESS_BURST = 1.0
OUTCOMES: dict[str, Callable[[], Exception | None]] = {
    "fine": lambda: None,
    "fine again": lambda: None,
    "refused": lambda: Refused("400"),
    "401": lambda: Unauthorised("401"),
    "402": lambda: PaymentRequired("402"),
    "429": lambda: RateLimited("429"),
    "429 long": lambda: RateLimited("429", retry_after_s=300),
    "403 html": lambda: Forbidden("403", is_html=True),
    "403 list": lambda: Forbidden("403", code=113),
    "403 rights": lambda: Forbidden("403", code=244),
    "503": lambda: ServiceFailed("503"),
    "lost": lambda: Interrupted("lost"),
}
ACCOUNTS = (1, 2, 3)
accounts, services = st.sampled_from(ACCOUNTS), st.sampled_from(list(Service))
steps = st.one_of(
    st.tuples(st.just("call"), accounts, services, st.integers(1, 6)),
    st.tuples(st.just("answer"), st.integers(0, 20), st.sampled_from(sorted(OUTCOMES)), st.just(0)),
    st.tuples(st.just("give up"), st.integers(0, 40), st.just(""), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.5, 3, 70, 700, 100_000]), st.just(""), st.just(0)),
    st.tuples(st.just("trouble"), accounts, services, st.sampled_from(sorted(OUTCOMES))),
    st.tuples(st.just("retry"), accounts, st.just(""), st.just(0)),
)


@dataclass(eq=False)
class Call:
    account_id: int
    service: Service
    number: int
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    answered: trio.Event = field(default_factory=trio.Event)
    outcome: Exception | None = None


class Story:
    """Plays steps; `inside` are the calls that the gates have let through."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.gates = Gates(POLICY, rng=random.Random(0))
        self.waiting: list[Call] = []
        self.inside: list[Call] = []
        self.numbers = 0
        self.went: dict[tuple[int, Service], list[int]] = defaultdict(list)
        self.times: dict[int, list[float]] = defaultdict(list)
        self.egress: list[float] = []
        self.probes: dict[object, Call] = {}

    async def one(self, call: Call) -> None:
        self.waiting.append(call)
        gate = self.gates.of(call.account_id)
        try:
            with call.scope:
                async with gate.turn(call.service, "operation"):
                    self.entered(call)
                    try:
                        await call.answered.wait()
                    finally:
                        self.inside.remove(call)
                    if call.outcome is not None:
                        raise call.outcome
        except Exception as error:
            if not isinstance(error, NotSent) and error is not call.outcome:
                raise
        finally:
            if call in self.waiting:
                self.waiting.remove(call)

    def entered(self, call: Call) -> None:
        gate = self.gates.of(call.account_id)
        self.waiting.remove(call)
        self.inside.append(call)
        self.went[call.account_id, call.service].append(call.number)
        way = gate._ways[call.service]
        assert gate._account.state is not BreakerState.OPEN, "a parked account is not asked"
        assert way.breaker.state is not BreakerState.OPEN, "an open breaker is not passed"
        assert way.pause_left_s == 0, "a pause is kept"
        for breaker in (gate._account, way.breaker):
            if breaker.state is BreakerState.HALF_OPEN:
                assert self.probes.get(breaker) not in self.inside, "one call finds out, no more"
                self.probes[breaker] = call
        if call.service is Service.REST:
            self.times[call.account_id].append(trio.current_time())
            self.egress.append(trio.current_time())

    async def play(self, step) -> None:
        match step:
            case "call", account_id, service, count:
                for _ in range(count):
                    self.numbers += 1
                    self.nursery.start_soon(self.one, Call(account_id, service, self.numbers))
                    await wait_all_tasks_blocked()  # the order in which they came
            case "answer", index, name, _:
                if self.inside:
                    call = self.inside[index % len(self.inside)]
                    call.outcome = OUTCOMES[name]()
                    call.answered.set()
            case "trouble", account_id, service, name:  # with calls that meet it when it is due
                await self.play(("call", account_id, service, 1))
                for _ in list(self.inside):
                    await self.play(("answer", len(self.inside) - 1, name, 0))
                await self.play(("wait", 100_000, "", 0))
                await self.play(("call", account_id, service, 3))
            case "give up", index, _, _:
                everybody = self.waiting + self.inside
                if everybody:
                    everybody[index % len(everybody)].scope.cancel()
            case "wait", seconds, _, _:
                await trio.sleep(seconds)
            case "retry", account_id, _, _:
                self.gates.of(account_id).retry_now()
        await wait_all_tasks_blocked()
        self.check()

    def check(self) -> None:
        inside = Counter((call.account_id, call.service) for call in self.inside)
        assert all(count <= POLICY.calls_at_once for count in inside.values())
        for account_id in ACCOUNTS:
            gate = self.gates.of(account_id)
            for service, way in gate._ways.items():
                way.breaker.check_invariants()
                assert way.in_flight == inside[account_id, service]
                assert way.in_flight <= way.holder.held <= way.in_flight + 1, (
                    "the head of a line holds at most one more"
                )
            gate._account.check_invariants()
            assert all(breaker.kind is not None for breaker in gate._operations.values())
        for places in self.gates._places.values():
            places.check_invariants()

    def check_the_whole(self) -> None:
        for numbers in self.went.values():
            assert numbers == sorted(numbers), "first come, first served"
        for times in self.times.values():
            for earlier, later in zip(times, times[1:], strict=False):  # noqa: RUF007 - pairs of one list
                assert later - earlier >= 1 / POLICY.rest_rate_per_s - 1e-3
        for index, began in enumerate(self.egress):
            within = sum(1 for at in self.egress[index:] if at <= began + 1.0)
            assert within <= POLICY.egress_rate_per_s + EGRESS_BURST + 1


async def play(story_steps) -> None:
    async with trio.open_nursery() as nursery:
        story = Story(nursery)
        for step in story_steps:
            await story.play(step)
        # amoCRM is well again and everybody gets their answer: nothing stays closed, nothing stays taken.
        for _ in range(200):
            for call in list(story.inside):
                call.answered.set()
            await trio.sleep(1)
            if not (story.waiting or story.inside):
                break
        assert not story.waiting
        assert not story.inside
        for _ in range(3):
            await trio.sleep(70_000)
        for account_id in ACCOUNTS:
            for service in Service:
                async with story.gates.of(account_id).turn(service, "operation"):
                    pass
            assert story.gates.of(account_id).trouble is None
        assert all(places.free == PLACES for places in story.gates._places.values())
        story.check_the_whole()


@given(st.lists(steps, max_size=60))
def test_the_gates_keep_their_word(story_steps):
    trio.run(play, story_steps, clock=MockClock(autojump_threshold=0.0))
