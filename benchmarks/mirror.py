"""Measure the whole path of a message and print JSON to stdout: polled update → commit → decision → signed posts.

    python benchmarks/mirror.py [--quick] [--deals 1 3]

Three processes: the stubs (``stubs.py``) hand out updates and take posts in, the service (``mirror_service.py``) runs
as an operator would run it, with the embedded database and its default durability, and this one leads and reports.
Groups, people and conversations exist before the measurement, and everybody has written once: what is measured is the
steady state. Per number of deals there are two phases: as many updates as the service takes, and then a moderate rate.

Fails (exit code 1, a sentence instead of JSON) if any post is missing, doubled, unknown, out of order or badly signed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import trio
from stubs import World

STARTED = time.perf_counter()
HERE = Path(__file__).parent
LIMIT_S = 110.0  # for everything
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 35.0  # the service's own hard deadline is 30 s
MODERATE = 0.3  # of the updates a second that were measured under saturation
LIBRARIES = ("trio", "httpx", "asyncpg", "msgspec")


class BenchmarkError(Exception):
    """The measurement could not be made; the text says why."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes of the measurement. A phase is as long as ``phase_s`` if the warm-up's pace holds."""

    groups: int = 200
    people: int = 3
    bots: int = 4
    phase_s: float = 10.0
    least_updates: int = 600
    most_updates: int = 6_000


QUICK = Plan(groups=4, people=2, bots=2, phase_s=0.2, least_updates=20, most_updates=40)


class Helper:
    """A child process that answers one JSON line per line."""

    def __init__(self, name: str, process: trio.Process) -> None:
        self._name = name
        self._process = process
        self._unread = b""

    async def ask(self, command: str = "", /, **arguments: object) -> dict[str, Any]:
        """Send a line and wait for its answer."""
        assert self._process.stdin is not None
        try:
            await self._process.stdin.send_all(json.dumps([command, arguments]).encode() + b"\n")
        except trio.BrokenResourceError as error:
            raise BenchmarkError(f"the {self._name} ended") from error
        return await self.answer()

    async def answer(self) -> dict[str, Any]:
        """Wait for the next line."""
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            chunk = await self._process.stdout.receive_some()
            if not chunk:
                raise BenchmarkError(f"the {self._name} ended")
            self._unread += chunk
        line, self._unread = self._unread.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer


@asynccontextmanager
async def helper(name: str, script: str, *arguments: str) -> AsyncIterator[Helper]:
    """Start a helper; at the end its stdin is closed, and it has to end by itself."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(HERE / script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        # an operator's settings are not what is measured
        env={key: value for key, value in os.environ.items() if not key.startswith("DEALGRAM_")},
    )
    assert process.stdin is not None
    try:
        yield Helper(name, process)
        await process.stdin.aclose()
        with trio.move_on_after(STOP_DEADLINE_S):
            await process.wait()
        if process.returncode != 0:
            raise BenchmarkError(f"the {name} did not stop as it should (exit code {process.returncode})")
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_DEADLINE_S):
            await process.stdin.aclose()
            await process.wait()
        if process.returncode is None:
            process.kill()


async def measure(plan: Plan, deals: int) -> dict[str, Any]:
    """One world, from an empty database to its figures."""
    world = World(groups=plan.groups, people=plan.people, bots=plan.bots, deals=deals)
    described = json.dumps(dataclasses.asdict(world))
    with tempfile.TemporaryDirectory(prefix="dealgram-bench-") as folder:
        async with helper("stub process", "stubs.py", described) as stubs:
            urls = await stubs.answer()
            arguments = (described, folder, urls["telegram"], urls["amojo"])
            async with helper("service", "mirror_service.py", *arguments) as service:
                with trio.move_on_after(START_DEADLINE_S) as starting:
                    await service.answer()
                if starting.cancelled_caught:
                    raise BenchmarkError(f"the service did not start within {START_DEADLINE_S:g} s")
                result = await _phases(plan, deals, stubs, service)
                _tell(f"{deals} deals: stopping")
            return result


async def _phases(plan: Plan, deals: int, stubs: Helper, service: Helper) -> dict[str, Any]:
    async def phase(*, updates: int | None, rate: float | None, deadline_s: float) -> tuple[dict[str, Any], ...]:
        seen = await stubs.ask("phase", updates=updates, rate=rate, deadline_s=deadline_s)
        figures = await service.ask()
        if problems := _problems(await stubs.ask("check"), figures):
            raise BenchmarkError("; ".join(problems))
        return seen, figures

    deadline_s = max(20.0, plan.phase_s * 3)
    _tell(f"{deals} deals: warming up")
    warm, before = await phase(updates=None, rate=None, deadline_s=deadline_s)
    count = int(plan.phase_s * warm["updates"] / max(warm["seconds"], 0.001))
    count = max(plan.least_updates, min(plan.most_updates, count))

    _tell(f"{deals} deals: {count} updates as fast as they are taken")
    saturated, between = await phase(updates=count, rate=None, deadline_s=deadline_s)
    rate = MODERATE * saturated["updates"] / max(saturated["seconds"], 0.001)
    count = max(plan.least_updates // 3, min(plan.most_updates, int(rate * plan.phase_s)))

    _tell(f"{deals} deals: {count} updates at {rate:.0f} a second")
    moderate, after = await phase(updates=count, rate=rate, deadline_s=deadline_s + count / rate)
    return {
        "saturated": _report(saturated, before, between),
        "moderate": {
            "offered_updates_per_s": round(rate, 1),
            **_report(moderate, between, after),
            "available_to_post_ms": moderate["available_to_post_ms"],
        },
        "memory_mb": {"rss": round(after["rss_mb"], 1), "peak": round(after["peak_rss_mb"], 1)},
        "database": {key: after[key] for key in ("postgresql", "fsync", "synchronous_commit")},
    }


def _report(seen: dict[str, Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """The figures of one phase, from both processes."""
    updates, posts, seconds = seen["updates"], max(seen["posts"], 1), max(seen["seconds"], 0.001)
    commits = after["commits"] - before["commits"]
    operations = after["operations"] - before["operations"]
    return {
        "updates": updates,
        "posts": seen["posts"],
        "seconds": round(seconds, 2),
        "updates_per_s": round(updates / seconds, 1),
        "posts_per_s": round(posts / seconds, 1),
        "cpu_us_per_update": round((after["cpu_s"] - before["cpu_s"]) / updates * 1e6),
        "database_cpu_us_per_update": round((after["database_cpu_s"] - before["database_cpu_s"]) / updates * 1e6),
        "stub_cpu_us_per_update": round(seen["stub_cpu_s"] / updates * 1e6),
        "commits_per_update": round(commits / updates, 3),
        "operations_per_commit": round(operations / max(commits, 1), 1),
        "updates_per_poll": round(updates / max(seen["polls"], 1), 1),
        "new_connections_per_post": round(seen["post_connections"] / posts, 4),
        "update_to_post_ms": seen["handed_to_post_ms"],
    }


def _problems(checked: dict[str, int], service: dict[str, Any]) -> list[str]:
    """What must not have happened, in words."""
    found = [f"{name.replace('_', ' ')}: {count}" for name, count in checked.items() if count]
    found += [f"{name.replace('_', ' ')}: {service[name]}" for name in ("dead_letters", "restarts") if service[name]]
    return found + [f"work is left: {each}" for each in service["unsettled"]]


def machine() -> dict[str, Any]:
    """Where this ran."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": models[0] if models else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load_before": round(os.getloadavg()[0], 2),
        "system": platform.release(),
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def _tell(progress: str) -> None:
    print(f"{time.perf_counter() - STARTED:5.1f} s  {progress}", file=sys.stderr, flush=True)


async def run(plan: Plan, deal_counts: Sequence[int]) -> dict[str, Any]:
    """All measurements, one world after the other."""
    report: dict[str, Any] = {
        "benchmark": "mirror",
        "machine": machine(),
        "world": {"groups": plan.groups, "people_per_group": plan.people, "bots": plan.bots, "accounts": 1},
        "results": {},
    }
    with trio.move_on_after(LIMIT_S) as limit:
        for deals in deal_counts:
            report["results"][f"deals_{deals}"] = await measure(plan, deals)
    if limit.cancelled_caught:
        raise BenchmarkError(f"not done within {LIMIT_S:g} s: this machine is too slow or too busy")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a handful of updates: does it work at all?")
    parser.add_argument("--deals", type=int, nargs="+", default=[1, 3], help="deals linked to each group, per world")
    arguments = parser.parse_args()
    try:
        report = trio.run(run, QUICK if arguments.quick else Plan(), arguments.deals)
    except BenchmarkError as error:
        sys.exit(f"The benchmark failed: {error}.")
    print(json.dumps({**report, "quick": arguments.quick}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
