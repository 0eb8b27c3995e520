"""Background lanes: behind urgent ones, within their share, never starved, and light however many there are."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from dealgram.runtime import Address, Backoff, Transient
from dealgram.runtime.lanes import BACKGROUND_PATIENCE

AT = Address("a", "1")


class Desk:
    """An actor whose lanes read from `store`; lanes that begin with "b" are background. Messages: (lane, item)."""

    def __init__(self, lab, *, concurrency: int = 4, share: int | None = None, takes_s: float = 1.0) -> None:
        self.store: dict[str, list[int]] = {}
        self.story: list[tuple[str, str, int]] = []
        self.trouble: dict[tuple[str, int], int] = {}
        self.times: list[float] = []
        self.takes_s = takes_s
        self.wait_s: float | None = 2
        self.options = {"concurrency": concurrency, "background_concurrency": share}
        lab.always |= {"activate": self.activate, "handle": self.handle}

    async def activate(self, actor, _message) -> None:
        actor.lanes = self.lanes = actor.context.lanes(
            run=self.run,
            source=self,
            is_background=lambda lane: lane.startswith("b"),
            **{"backoff": Backoff(jitter=0), **self.options},
        )
        for lane, items in self.store.items():
            if items:
                actor.lanes.wake(lane)

    async def handle(self, actor, message) -> None:
        lane, item = message
        self.store.setdefault(lane, []).append(item)
        self.story.append(("put", lane, item))
        actor.lanes.put(lane, item)

    async def pending(self, lane: str, after: int | None, limit: int) -> Sequence[int]:
        await trio.lowlevel.checkpoint()
        return [item for item in self.store.get(lane, ()) if after is None or item > after][:limit]

    async def run(self, lane: str, item: int) -> None:
        self.story.append(("run", lane, item))
        self.times.append(trio.current_time())
        try:
            await trio.sleep(self.takes_s)
            if self.trouble.get((lane, item), 0) > 0:
                self.trouble[lane, item] -= 1
                raise Transient("not now", retry_after_s=self.wait_s)
            self.store[lane].remove(item)
        finally:
            self.story.append(("end", lane, item))

    def ran(self) -> list[tuple[str, int]]:
        return [(lane, item) for what, lane, item in self.story if what == "run"]

    @property
    def held(self) -> int:
        """Items of background lanes in memory."""
        return sum(len(line.items) for line in self.lanes._lanes.values() if line.background)


async def test_urgent_lanes_go_first_whenever_a_place_is_free(lab, address, autojump_clock):
    desk = Desk(lab, concurrency=2, share=2)
    async with lab.open() as system:
        for n in range(6):
            system.tell(address, (f"b{n}", n))
        await trio.sleep(1.5)
        for n in range(2):
            system.tell(address, (f"u{n}", n))
        await trio.sleep(20)
    lanes = [lane for lane, _ in desk.ran()]
    assert sorted(lanes[:4]) == ["b0", "b1", "b2", "b3"]
    assert sorted(lanes[4:6]) == ["u0", "u1"]
    assert sorted(lanes[6:]) == ["b4", "b5"]


async def test_background_lanes_leave_the_rest_of_the_places_free(lab, address, autojump_clock):
    desk = Desk(lab, concurrency=4, share=3, takes_s=100)
    async with lab.open() as system:
        for n in range(10):
            system.tell(address, (f"b{n}", n))
        await trio.sleep(1)
        assert lab.actor(address).lanes.running == 3
        system.tell(address, ("u", 1))
        await trio.sleep(1)
        assert desk.ran()[-1] == ("u", 1)
        system._check_invariants()


async def test_a_background_lane_is_never_passed_by_more_than_its_patience(lab, address, autojump_clock):
    desk = Desk(lab, concurrency=1)
    async with lab.open() as system:
        for n in range(3 * BACKGROUND_PATIENCE):
            system.tell(address, (f"u{n % 3}", n))
        system.tell(address, ("b1", 1))
        system.tell(address, ("b2", 2))
        await trio.sleep(1000)
    places = [index for index, (lane, _) in enumerate(desk.ran()) if lane.startswith("b")]
    assert places == [BACKGROUND_PATIENCE, 2 * BACKGROUND_PATIENCE + 1]


async def test_ten_thousand_background_lanes_hold_no_more_items_than_places(lab, address, autojump_clock):
    desk = Desk(lab, concurrency=8, takes_s=0.01)
    desk.store = {f"b{n}": [n, n + 100_000] for n in range(10_000)}
    async with lab.open() as system:
        system.tell(address, ("u", 1))
        most = 0
        while any(desk.store.values()):
            await trio.sleep(0.05)
            most = max(most, desk.held)
    assert most <= 4
    assert len(desk.ran()) == 20_001
    per_lane = [item for lane, item in desk.ran() if lane == "b77"]
    assert per_lane == [77, 100_077]


async def test_a_background_lane_that_waits_holds_nothing_and_repeats_its_item(lab, address, autojump_clock):
    desk = Desk(lab)
    desk.trouble = {("b1", 1): 2}
    async with lab.open() as system:
        system.tell(address, ("b1", 1))
        system.tell(address, ("b1", 2))
        await trio.sleep(1.5)
        assert (desk.held, lab.actor(address).lanes.waiting) == (0, 1)
        await trio.sleep(30)
        assert lab.actor(address).lanes.waiting == 0
    assert desk.ran() == [("b1", 1), ("b1", 1), ("b1", 1), ("b1", 2)]


async def test_a_place_of_the_share_is_used_while_an_urgent_lane_runs_long(lab, address, autojump_clock):
    """The worker of a background lane turns to an urgent one: the place that it leaves is taken by another worker."""
    desk = Desk(lab, concurrency=2, share=1)
    async with lab.open() as system:
        system.tell(address, ("b1", 1))
        system.tell(address, ("b2", 2))
        await trio.sleep(0.5)
        desk.takes_s = 100
        system.tell(address, ("u1", 3))
        system.tell(address, ("u2", 4))
        await trio.sleep(1)
        assert [lane for lane, _ in desk.ran()] == ["b1", "u1", "u2"]
        desk.takes_s = 1
        await trio.sleep(110)
        assert ("b2", 2) in desk.ran()
        system._check_invariants()


@pytest.mark.parametrize("share", [0, 5])
async def test_a_senseless_share_is_refused(lab, address, autojump_clock, share):
    Desk(lab, concurrency=4, share=share)
    async with lab.open() as system:
        system.tell(address, ("u", 1))
        await trio.sleep(0.1)
        assert "share" in lab.actor(address).last_error.message


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("ub"), st.integers(0, 5), st.sampled_from([0.0, 0.5, 3.0])), max_size=60),
    st.integers(1, 5),
    st.integers(0, 2**32),
)
def test_priorities_keep_order_lose_nothing_and_starve_no_lane(new_lab, plan, concurrency, seed):
    rng = random.Random(seed)
    lab = new_lab()
    desk = Desk(lab, concurrency=concurrency, share=rng.randint(1, concurrency))
    desk.trouble = {
        (f"{kind}{lane}", number): rng.choice([0, 0, 0, 1, 2]) for number, (kind, lane, _) in enumerate(plan)
    }

    async def main() -> None:
        async with lab.open() as system:
            for number, (kind, lane, gap) in enumerate(plan):
                system.tell(AT, (f"{kind}{lane}", number))
                await trio.sleep(gap)
                system._check_invariants()
            await trio.sleep(10_000)
            system._check_invariants()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert all(not items for items in desk.store.values()), "something was lost"
    running: set[str] = set()
    for what, lane, _item in desk.story:
        if what == "run":
            running.add(lane)
            assert sum(name.startswith("b") for name in running) <= desk.lanes._share
            assert len(running) <= concurrency
        elif what == "end":
            running.discard(lane)
    for name in desk.store:
        wanted = [number for number, (kind, lane, _) in enumerate(plan) if f"{kind}{lane}" == name]
        tried = [item for lane, item in desk.ran() if lane == name]
        assert list(dict.fromkeys(tried)) == wanted, "the order within a lane"
        assert tried == [item for item in wanted for _ in range(1 + _refused(plan, name, item, seed, concurrency))]


def _refused(plan, name: str, item: int, seed: int, concurrency: int) -> int:
    """How often the item's run fails for now, as the test above drew it."""
    rng = random.Random(seed)
    rng.randint(1, concurrency)
    drawn = {(f"{kind}{lane}", number): rng.choice([0, 0, 0, 1, 2]) for number, (kind, lane, _) in enumerate(plan)}
    return drawn[name, item]


async def test_a_lane_that_waits_for_long_holds_nothing_and_keeps_its_order(lab, address, autojump_clock):
    desk = Desk(lab, takes_s=0.01)
    desk.wait_s = 600
    desk.store = {f"u{n}": [10 * n, 10 * n + 1] for n in range(50)}
    desk.trouble = {(f"u{n}", 10 * n): 2 for n in range(50)}
    async with lab.open() as system:
        system.tell(address, ("u0", 2))
        await trio.sleep(60)
        assert lab.actor(address).lanes.waiting == 50
        assert sum(len(line.items) for line in desk.lanes._lanes.values()) == 0
        system.tell(address, ("u0", 3))  # what comes meanwhile stays behind what waits
        await trio.sleep(1)
        system._check_invariants()
        assert sum(len(line.items) for line in desk.lanes._lanes.values()) == 0
        await trio.sleep(600)
        assert [item for lane, item in desk.ran() if lane == "u0"] == [0, 0]
        desk.lanes.hurry()
        await trio.sleep(60)
        assert not any(desk.store.values())
    assert [item for lane, item in desk.ran() if lane == "u0"] == [0, 0, 0, 1, 2, 3]
    assert [item for lane, item in desk.ran() if lane == "u7"] == [70, 70, 70, 71]


async def test_the_back_off_of_a_lane_goes_on_while_its_items_are_read_again(lab, address, autojump_clock):
    desk = Desk(lab, takes_s=0.0)
    desk.wait_s = None
    desk.options["backoff"] = Backoff(base_s=40, max_s=160, jitter=0)
    desk.store = {"u": [1]}
    desk.trouble = {("u", 1): 4}
    async with lab.open() as system:
        started = trio.current_time()
        system.tell(address, ("u", 2))
        await trio.sleep(1000)
        waited = [at - started for at in desk.times]
    assert waited[:5] == [0, 40, 120, 280, 440]
