"""Lanes: order within, independence between, bounded concurrency, waits, dead items, their end with the actor."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import trio
import trio.testing

from dealgram.runtime import Address, Backoff, LaneCounts, Loss, MailboxFull, Permanent, Transient


class Bench:
    """An actor whose messages are `(lane, item)` pairs, put into its lanes; `run` does what `behaviour` says."""

    def __init__(self, lab, *, sourced: bool = False, on_dead: bool = False, **options) -> None:
        self.lab = lab
        self.ran: list[tuple[str, object, float]] = []
        self.finished: list[tuple[str, object]] = []
        self.dead: list[tuple[str, object, str]] = []
        self.behaviour: dict[object, list[object]] = {}
        self.running = self.most = 0
        self.busy: set[str] = set()
        self.store: dict[str, list[int]] = {}
        self.sourced = sourced
        self.options = {"backoff": Backoff(jitter=0), **options}
        if sourced:
            self.options["source"] = self
        if on_dead:
            self.options["on_dead"] = self.on_dead
        lab.always |= {"activate": self.activate, "handle": self.handle}

    async def activate(self, actor, _message) -> None:
        actor.lanes = self.lanes = actor.context.lanes(run=self.run, **self.options)
        for lane, items in self.store.items():
            if items:
                actor.lanes.wake(lane)

    async def handle(self, actor, message) -> None:
        lane, item = message
        if self.sourced and item is not None:
            self.store.setdefault(lane, []).append(item)
        if item is None:
            actor.lanes.wake(lane)
        else:
            actor.lanes.put(lane, item)

    async def pending(self, lane: str, after: int | None, limit: int) -> Sequence[int]:
        await trio.lowlevel.checkpoint()
        return [item for item in self.store.get(lane, ()) if after is None or item > after][:limit]

    async def run(self, lane: str, item) -> None:
        assert lane not in self.busy, "two items of a lane at a time"
        self.busy.add(lane)
        self.running += 1
        self.most = max(self.most, self.running)
        self.ran.append((lane, item, trio.current_time()))
        try:
            steps = self.behaviour.get((lane, item)) or self.behaviour.get(lane) or []
            step = steps.pop(0) if steps else 0
            if isinstance(step, Exception):
                raise step
            await trio.sleep(step)
            if self.sourced:
                self.store[lane].remove(item)
            self.finished.append((lane, item))
        finally:
            self.running -= 1
            self.busy.discard(lane)

    async def on_dead(self, lane: str, item, failure) -> None:
        await trio.lowlevel.checkpoint()
        if self.sourced:
            self.store[lane].remove(item)
        self.dead.append((lane, item, failure.kind))

    def finished_of(self, lane: str) -> list[object]:
        return [item for name, item in self.finished if name == lane]


async def test_order_within_a_lane_and_independence_between_lanes(lab, address, autojump_clock):
    bench = Bench(lab)
    bench.behaviour = {"slow": [5, 5, 5]}
    async with lab.open() as system:
        for n in range(3):
            system.tell(address, ("slow", n))
            system.tell(address, ("quick", n))
        await trio.sleep(1)
        assert bench.finished == [("quick", n) for n in range(3)]
        await trio.sleep(20)
        assert bench.finished_of("slow") == [0, 1, 2]
        assert [at for lane, _, at in bench.ran if lane == "slow"] == [0, 5, 10]


async def test_at_most_so_many_lanes_run_at_a_time(lab, address, autojump_clock):
    bench = Bench(lab, concurrency=3)
    bench.behaviour = {str(n): [1] for n in range(10)}
    async with lab.open() as system:
        for n in range(10):
            system.tell(address, (str(n), n))
        await trio.sleep(0.5)
        assert lab.actor(address).lanes == LaneCounts(running=3, queued=7, waiting=0)
        system._check_invariants()
        await trio.sleep(10)
        assert (bench.most, len(bench.finished)) == (3, 10)
        assert lab.actor(address).lanes == LaneCounts()


async def test_hurried_lanes_try_again_at_once_and_their_old_alarm_disturbs_nobody(lab, address, autojump_clock):
    bench = Bench(lab)
    bench.behaviour = {
        "waits": [Transient("away", retry_after_s=3600)],
        "fails": [Transient("away", retry_after_s=3600), Transient("still away", retry_after_s=7200)],
        "runs": [10],
    }
    async with lab.open() as system:
        for lane in bench.behaviour:
            system.tell(address, (lane, 1))
        await trio.sleep(5)
        assert lab.actor(address).lanes == LaneCounts(running=1, queued=0, waiting=2)
        bench.lanes.hurry()
        await trio.sleep(1)
        assert bench.finished == [("waits", 1)]
        system._check_invariants()
        await trio.sleep(4000)
        assert bench.finished == [("waits", 1), ("runs", 1), ("fails", 1)]
        assert [lane for lane, _, at in bench.ran if at > 20] == ["fails"]
        assert lab.actor(address).lanes == LaneCounts()
        system._check_invariants()
        bench.lanes.hurry()
        await trio.sleep(10_000)
        assert len(bench.ran) == 6


async def test_a_transient_failure_holds_up_its_lane_only_and_no_place(lab, address, autojump_clock):
    bench = Bench(lab, concurrency=1)
    bench.behaviour = {"bad": [Transient("down"), Transient("limited", retry_after_s=40)]}
    async with lab.open() as system:
        system.tell(address, ("bad", 1))
        system.tell(address, ("bad", 2))
        system.tell(address, ("good", 1))
        await trio.sleep(0.4)
        assert bench.finished == [("good", 1)]
        assert lab.actor(address).lanes == LaneCounts(running=0, queued=0, waiting=1)
        assert lab.actor(address).state == "running"
        assert lab.actor(address).last_error.message == "down"
        await trio.sleep(40)
        assert bench.finished_of("bad") == []
        await trio.sleep(1)
        assert bench.finished_of("bad") == [1, 2]
        assert [at for lane, _, at in bench.ran if lane == "bad"] == [0, 0.5, 40.5, 40.5]


async def test_a_failing_item_is_logged_with_its_traceback_and_a_waiting_one_is_not(
    lab, address, autojump_clock, caplog
):
    bench = Bench(lab)
    bench.behaviour = {"bad": [Transient("down"), ValueError("odd")]}
    async with lab.open() as system:
        system.tell(address, ("bad", 1))
        await trio.sleep(60)
        assert bench.finished == [("bad", 1)]
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "lane bad of a:1 failed: ValueError: odd" in record.getMessage()
    assert "Traceback" in record.getMessage()


async def test_a_permanent_or_third_other_failure_makes_an_item_dead(lab, address, autojump_clock):
    bench = Bench(lab, on_dead=True)
    bench.behaviour = {
        ("lane", 1): [Permanent("never")],
        ("lane", 2): [ValueError("x"), Transient("y"), ValueError("x"), ValueError("x")],
        ("lane", 3): [ValueError("x"), ValueError("x")],
    }
    async with lab.open() as system:
        for n in (1, 2, 3):
            system.tell(address, ("lane", n))
        await trio.sleep(60)
        assert bench.dead == [("lane", 1, "Permanent"), ("lane", 2, "ValueError")]
        assert bench.finished == [("lane", 3)]
        assert lab.actor(address).restarts == 0
    assert [(letter.message, letter.reason, letter.lane) for letter in lab.letters] == [
        (1, Loss.PERMANENT, "lane"),
        (2, Loss.POISON, "lane"),
    ]


async def test_on_dead_is_repeated_until_it_succeeds_and_run_is_not(lab, address, autojump_clock):
    bench = Bench(lab)
    tries = []

    async def on_dead(lane, item, failure):
        tries.append(item)
        if len(tries) < 3:
            raise OSError("database down")

    bench.options["on_dead"] = on_dead
    bench.behaviour = {"lane": [Permanent("never")]}
    async with lab.open() as system:
        system.tell(address, ("lane", 1))
        system.tell(address, ("lane", 2))
        await trio.sleep(30)
        assert tries == [1, 1, 1]
        assert [item for _, item, _ in bench.ran] == [1, 2]


async def test_what_does_not_fit_is_read_from_the_source_in_order(lab, address, autojump_clock):
    bench = Bench(lab, sourced=True, bound=4)
    bench.behaviour = {"lane": [1]}
    async with lab.open(lab.kind(mailbox_size=100)) as system:
        for n in range(30):
            system.tell(address, ("lane", n))
        await trio.testing.wait_all_tasks_blocked()
        (line,) = bench.lanes._lanes.values()
        assert len(line.items) == 4
        await trio.sleep(5)
        assert bench.finished == [("lane", n) for n in range(30)]
        assert bench.lanes.idle


async def test_what_is_put_during_a_read_is_neither_lost_nor_doubled(lab, address, autojump_clock):
    bench = Bench(lab, sourced=True, bound=2)
    plain, reads = bench.pending, 0

    async def slow_pending(lane, after, limit):
        nonlocal reads
        reads += 1
        found = await plain(lane, after, limit)
        await trio.sleep(1)
        return found

    bench.pending = slow_pending
    async with lab.open() as system:
        for n in range(5):
            system.tell(address, ("lane", n))
        await trio.sleep(0.5)
        assert reads == 1
        for n in range(5, 8):
            system.tell(address, ("lane", n))
        await trio.sleep(20)
        assert [item for _, item, _ in bench.ran] == list(range(8))


async def test_wake_reads_the_source_from_its_beginning(lab, address, autojump_clock):
    bench = Bench(lab, sourced=True)
    bench.store = {"lane": [5, 6]}
    async with lab.open() as system:
        system.wake(address)
        await trio.sleep(1)
        assert bench.finished_of("lane") == [5, 6]
        bench.behaviour = {("lane", 7): [10]}
        system.tell(address, ("lane", 7))
        await trio.sleep(1)
        bench.store["lane"].insert(0, 2)  # an operator retries an old item while the lane is at work
        system.tell(address, ("lane", None))
        await trio.sleep(20)
        assert bench.finished_of("lane") == [5, 6, 7, 2]


async def test_a_source_that_fails_is_waited_for(lab, address, autojump_clock):
    bench = Bench(lab, sourced=True)
    bench.store = {"lane": [1]}
    plain = bench.pending

    async def down(lane, after, limit):
        if trio.current_time() < 100:
            raise OSError("database down")
        return await plain(lane, after, limit)

    bench.pending = down
    async with lab.open() as system:
        system.wake(address)
        await trio.sleep(50)
        assert lab.actor(address).lanes.waiting == 1
        await trio.sleep(200)
        assert bench.finished == [("lane", 1)]


async def test_without_a_source_a_full_lane_refuses(lab, address, autojump_clock):
    refused = []
    bench = Bench(lab, bound=2)
    bench.behaviour = {"lane": [10]}
    plain = bench.handle

    async def handle(actor, message):
        try:
            await plain(actor, message)
        except MailboxFull:
            refused.append(message)

    lab.always["handle"] = handle
    async with lab.open() as system:
        for n in range(4):
            system.tell(address, ("lane", n))
        await trio.sleep(20)
        assert refused == [("lane", 2), ("lane", 3)]
        assert bench.finished == [("lane", 0), ("lane", 1)]
        with pytest.raises(ValueError, match="no source"):
            bench.lanes.wake("lane")


async def test_lanes_run_while_the_handler_waits(lab, address, autojump_clock):
    bench = Bench(lab)
    plain = bench.handle

    async def handle(actor, message):
        if message == "wait":
            with actor.context.dependency("amojo"):
                await trio.sleep(1000)
        else:
            await plain(actor, message)

    lab.always["handle"] = handle
    bench.behaviour = {"lane": [Transient("x", retry_after_s=30)]}
    async with lab.open() as system:
        system.tell(address, ("lane", 1))
        system.tell(address, "wait")
        await trio.sleep(40)
        assert bench.finished == [("lane", 1)]


async def test_a_crash_gives_running_items_their_grace_and_starts_no_others(lab, address, autojump_clock):
    bench = Bench(lab, sourced=True, concurrency=2)
    bench.behaviour = {"short": [4], "long": [1000]}
    plain = bench.handle

    async def handle(actor, message):
        if message == "boom":
            raise ValueError("boom")
        await plain(actor, message)

    lab.always["handle"] = handle
    async with lab.open(lab.kind(lane_grace_s=10)) as system:
        for lane in ("short", "long", "queued"):
            for n in (1, 2):
                system.tell(address, (lane, n))
        await trio.sleep(1)
        system.tell(address, "boom")
        await trio.sleep(0.1)
        assert lab.actor(address).state == "draining"
        await trio.sleep(9.5)
        assert bench.finished == [("short", 1)]
        assert lab.log.count(("activate",)) == 1  # the next instance waits for the lanes of this one
        await trio.sleep(5)
        assert lab.log.count(("activate",)) == 2
        assert bench.finished_of("short") == [1, 2]
        assert bench.finished_of("queued") == [1, 2]
        assert bench.finished_of("long") == [1, 2]  # cancelled after the grace, repeated from the source
        assert [item for lane, item, _ in bench.ran if lane == "long"] == [1, 1, 2]


async def test_items_without_a_source_become_dead_letters_when_their_actor_ends(lab, address, autojump_clock):
    bench = Bench(lab)
    bench.behaviour = {"lane": [1000]}
    async with lab.open(lab.kind(lane_grace_s=1)) as system:
        for n in (1, 2):
            system.tell(address, ("lane", n))
        await trio.sleep(1)
        await system.stop(deadline_s=60)
        assert trio.current_time() == 2
    assert [(letter.message, letter.reason, letter.durable) for letter in lab.letters] == [
        (1, Loss.STOPPED, False),
        (2, Loss.STOPPED, False),
    ]


async def test_an_actor_with_quiet_lanes_owns_no_nursery(lab, address, autojump_clock):
    bench = Bench(lab)
    bench.behaviour = {"lane": [Transient("x", retry_after_s=50)]}
    async with lab.open() as system:
        system.tell(address, ("lane", 1))
        await trio.sleep(1)
        (cell,) = system._kinds["a"].cells.values()
        assert cell.task.child_nurseries == []  # a lane that waits needs none either
        await trio.sleep(50)
        assert bench.finished == [("lane", 1)]
        assert cell.task.child_nurseries == []


async def test_a_stuck_lane_item_is_cancelled_and_counts_as_a_failure(lab, address, autojump_clock):
    bench = Bench(lab, on_dead=True)
    bench.behaviour = {"stuck": [10_000, 10_000, 10_000], "waits": []}

    plain = bench.run

    async def run(lane, item):
        if lane == "waits":
            with bench.lab_context.dependency("telegram"):
                await trio.sleep(5_000)
        await plain(lane, item)

    async def activate(actor, _message):
        bench.lab_context = actor.context
        actor.lanes = bench.lanes = actor.context.lanes(run=run, on_dead=bench.on_dead, backoff=Backoff(jitter=0))

    lab.always["activate"] = activate
    async with lab.open(lab.kind(soft_limit_s=5, hard_limit_s=20, lane_grace_s=1)) as system:
        system.tell(address, ("stuck", 1))
        system.tell(address, ("stuck", 2))
        system.tell(address, ("waits", 1))
        await trio.sleep(100)
        assert bench.dead == [("stuck", 1, "HandlerStuck")]
        assert bench.finished == [("stuck", 2)]
        assert lab.actor(address).restarts == 0
        await trio.sleep(5_000)
        assert ("waits", 1) in bench.finished


@pytest.mark.parametrize("sourced", [False, True])
async def test_cancellation_sweep_of_lanes(new_lab, address, autojump_clock, sourced):
    """End the actor after every number of scheduler ticks: every item is finished, in the source, or a dead letter."""
    for ticks in range(25):
        lab = new_lab()
        bench = Bench(lab, sourced=sourced, bound=3, concurrency=2)
        async with lab.open(lab.kind(lane_grace_s=0)) as system:
            put = [(lane, n) for n in range(3) for lane in "abc"]
            for item in put:
                system.tell(address, item)
            for _ in range(ticks):
                await trio.lowlevel.checkpoint()
            system._check_invariants()
            await system.passivate(address)
            system._check_invariants()
            await trio.sleep(5)
            await system.stop(deadline_s=5)
        lost = [(letter.lane, letter.message) for letter in lab.letters if letter.lane]
        for lane in "abc":
            done = bench.finished_of(lane)
            rest = bench.store.get(lane, []) if sourced else [item for name, item in lost if name == lane]
            if sourced:
                assert done == sorted(set(done))
                assert lost == []
            assert sorted([*done, *rest]) == [0, 1, 2], (ticks, lane)
        assert bench.busy == set()


async def test_two_sets_of_lanes_and_lanes_opened_late(lab, autojump_clock):
    ran = []

    async def run(lane, item):
        ran.append((lane, item))

    async def handle(actor, message):
        actor.context.lanes(run=run).put("late", message)

    lab.always["handle"] = handle
    async with lab.open() as system:
        for n in range(3):
            system.tell(Address("a", "1"), n)
        await trio.testing.wait_all_tasks_blocked()
    assert sorted(ran) == [("late", 0), ("late", 1), ("late", 2)]


@pytest.mark.parametrize("checkpoints", range(12))
async def test_a_lane_that_wakes_while_the_last_worker_leaves_runs(lab, address, autojump_clock, checkpoints):
    """An alarm may ring between any two steps of the actor that lets go of its nursery."""
    bench = Bench(lab)
    bench.behaviour = {"a": [1]}
    async with lab.open() as system:
        system.tell(address, ("a", 1))
        await trio.sleep(1)
        for _ in range(checkpoints):
            await trio.lowlevel.checkpoint()
        bench.lanes.put("b", 2)
        await trio.sleep(1)
        assert bench.finished == [("a", 1), ("b", 2)]
