"""Measure the actor runtime beside a bare trio task with a memory channel, and print JSON to stdout.

    python benchmarks/runtime.py [--quick]

Every measurement runs in a fresh process (so that memory figures are not those of the one before), a few times; the
median is printed. Times are CPU time of the process, so that a busy machine does not falsify them: `per_s` is per
second of one core. Memory is the growth of the resident set, divided by the number of actors, after a collection.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio
import trio.testing

from dealgram.runtime import Actor, ActorKind, ActorSystem, Address, Question

LIMIT_S = 120.0  # for one run of a measurement
REPEAT_WITHIN_S = 6.0


class Echo(Actor):
    """Counts what it is told and answers what it is asked."""

    seen = 0

    async def handle(self, message: object) -> None:
        if isinstance(message, Question):
            message.reply.resolve(message.request)
        else:
            Echo.seen += 1


class Courier(Actor):
    """An actor with lanes, as the groups of a service are."""

    async def activate(self) -> None:
        self.lanes = self.context.lanes(run=self.run)

    async def handle(self, message: object) -> None:
        self.lanes.put("lane", message)

    async def run(self, _lane: str, _item: object) -> None:
        await trio.lowlevel.checkpoint()


def resident_kb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1024


def kinds() -> list[ActorKind]:
    return [
        ActorKind(name="echo", factory=lambda _: Echo(), mailbox_size=2_000_000),
        ActorKind(name="courier", factory=lambda _: Courier()),
    ]


async def idle() -> None:
    await trio.testing.wait_all_tasks_blocked()


# --- the runtime


async def tell(n: int, producers: int) -> dict[str, float]:
    """Messages a second, from the first tell until the last one is handled."""
    async with ActorSystem.open(kinds(), rng=random.Random(1)) as system:
        address = Address("echo", "1")
        await system.ask(address, None, timeout_s=5)

        async def produce() -> None:
            for _ in range(n // producers // 50):
                for _ in range(50):
                    system.tell(address, 1)
                await trio.lowlevel.checkpoint()

        started = time.process_time()
        async with trio.open_nursery() as nursery:
            for _ in range(producers):
                nursery.start_soon(produce)
        await system.ask(address, None, timeout_s=60)
        took = time.process_time() - started
        assert Echo.seen == n, Echo.seen
        await system.stop(deadline_s=5)
    return {"per_s": n / took}


async def tell_one(n: int) -> dict[str, float]:
    return await tell(n, 1)


async def tell_many(n: int) -> dict[str, float]:
    return await tell(n, 100)


async def ask(n: int) -> dict[str, float]:
    """Questions a second, one after the other, each with a deadline."""
    async with ActorSystem.open(kinds(), rng=random.Random(1)) as system:
        address = Address("echo", "1")
        await system.ask(address, None, timeout_s=5)
        started = time.process_time()
        for _ in range(n):
            await system.ask(address, None, timeout_s=5)
        took = time.process_time() - started
        await system.stop(deadline_s=5)
    return {"per_s": n / took}


async def idle_actors(n: int, kind: str) -> dict[str, float]:
    """Activate n actors with one message each; memory when all are idle; stop them."""
    addresses = [Address(kind, str(i)) for i in range(n)]
    before = resident_kb()
    async with ActorSystem.open(kinds(), rng=random.Random(1)) as system:
        started = time.process_time()
        for n_th, address in enumerate(addresses):
            system.tell(address, 1)
            if n_th % 500 == 499:  # as in life: not all of them at work at the same time
                await idle()
        await idle()
        spawned = time.process_time()
        kb = (resident_kb() - before) / n
        stopping = time.process_time()
        await system.stop(deadline_s=60)
        stopped = time.process_time()
    return {
        "spawn_us": (spawned - started) / n * 1e6,
        "kb_per_idle_actor": kb,
        "stop_us": (stopped - stopping) / n * 1e6,
    }


async def actors(n: int) -> dict[str, float]:
    return await idle_actors(n, "echo")


async def actors_with_lanes(n: int) -> dict[str, float]:
    return await idle_actors(n, "courier")


# --- a bare trio task with a memory channel


async def bare_tell(n: int) -> dict[str, float]:
    send, receive = trio.open_memory_channel[int](1024)

    async def consume() -> None:
        async for _ in receive:
            pass

    started = time.process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(consume)
        async with send:
            for _ in range(n):
                await send.send(1)
    return {"per_s": n / (time.process_time() - started)}


async def bare_ask(n: int) -> dict[str, float]:
    send, receive = trio.open_memory_channel[trio.MemorySendChannel[int]](1024)

    async def answer() -> None:
        async for port in receive:
            port.send_nowait(1)

    started = time.process_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        async with send:
            for _ in range(n):
                port, reply = trio.open_memory_channel[int](1)
                await send.send(port)
                with trio.fail_after(5):
                    await reply.receive()
    return {"per_s": n / (time.process_time() - started)}


async def bare_tasks(n: int) -> dict[str, float]:
    channels = []
    before = resident_kb()

    async def consume(receive: trio.MemoryReceiveChannel[int]) -> None:
        async for _ in receive:
            pass

    async with trio.open_nursery() as nursery:
        started = time.process_time()
        for _ in range(n):
            send, receive = trio.open_memory_channel[int](64)
            channels.append(send)
            nursery.start_soon(consume, receive)
            send.send_nowait(1)
            if len(channels) % 500 == 0:
                await idle()
        await idle()
        spawned = time.process_time()
        kb = (resident_kb() - before) / n
        stopping = time.process_time()
        nursery.cancel_scope.cancel()
    stopped = time.process_time()
    return {
        "spawn_us": (spawned - started) / n * 1e6,
        "kb_per_idle_actor": kb,
        "stop_us": (stopped - stopping) / n * 1e6,
    }


MEASUREMENTS: dict[str, tuple[Callable[[int], Awaitable[dict[str, float]]], int, int]] = {
    # name: (function, n, n when quick)
    "tell_one_producer": (tell_one, 500_000, 50_000),
    "tell_100_producers": (tell_many, 500_000, 50_000),
    "ask_with_deadline": (ask, 50_000, 5_000),
    "actors_10k": (actors, 10_000, 2_000),
    "actors_100k": (actors, 100_000, 5_000),
    "actors_with_lanes_10k": (actors_with_lanes, 10_000, 2_000),
    "bare_channel_tell": (bare_tell, 200_000, 20_000),
    "bare_channel_ask": (bare_ask, 50_000, 5_000),
    "bare_tasks_10k": (bare_tasks, 10_000, 2_000),
    "bare_tasks_100k": (bare_tasks, 100_000, 5_000),
}


def measure(name: str, n: int, runs: int) -> dict[str, object]:
    """Run one measurement in fresh processes and return the medians of its figures.

    It is not begun again after `REPEAT_WITHIN_S`: the large ones run once, on a busy machine others too.
    """
    command = [sys.executable, __file__, "--only", name, "--n", str(n)]
    results: list[dict[str, float]] = []
    started = time.perf_counter()
    while not results or (len(results) < runs and time.perf_counter() - started < REPEAT_WITHIN_S):
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
        results.append(json.loads(done.stdout))
    figures = {key: round(statistics.median(result[key] for result in results), 2) for key in results[0]}
    return {"n": n, "runs": len(results), **figures}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers, one run each: does it work at all?")
    parser.add_argument("--runs", type=int, default=3, help="processes per measurement at most (median)")
    parser.add_argument("--only", choices=MEASUREMENTS, help="one measurement in this very process")
    parser.add_argument("--n", type=int, help="its size")
    arguments = parser.parse_args()
    if arguments.only:
        function, n, _ = MEASUREMENTS[arguments.only]
        print(json.dumps(trio.run(function, arguments.n or n)))
        return
    results = {
        name: measure(name, quick if arguments.quick else n, 1 if arguments.quick else arguments.runs)
        for name, (_, n, quick) in MEASUREMENTS.items()
    }
    machine = {"python": platform.python_version(), "trio": trio.__version__, "machine": platform.machine()}
    print(json.dumps({"benchmark": "runtime", "quick": arguments.quick, **machine, "results": results}, indent=2))


if __name__ == "__main__":
    main()
