"""The service as a process of its own, and the moments at which it is killed.

`ServiceProcess` starts ``python -m dealgram serve`` again and again on one port and one data folder. `Watch` counts
what the process does to the outside world, and kills it at a chosen call: moments are tied to progress, never to the
wall clock.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import trio

from dealgram.playground import CHANNEL, INTEGRATION, Playground
from dealgram.sandbox.faults import Fault


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def service_environment(playground: Playground, data: Path, port: int) -> dict[str, str]:
    """The variables of a service that plays with the simulators."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DEALGRAM_")}
    return inherited | {
        "DEALGRAM_SANDBOX": "off",
        "DEALGRAM_DATA_DIR": str(data),
        "DEALGRAM_PORT": str(port),
        "DEALGRAM_LOG_FORMAT": "json",
        "DEALGRAM_AMOCRM_RATE_PER_S": "1000",
        "DEALGRAM_REPAIR_AFTER_S": "0.001",
        "DEALGRAM_TELEGRAM_API_URL": f"http://127.0.0.1:{playground.telegram_port}",
        "DEALGRAM_TELEGRAM_LARGE_FILES": "false",
        "DEALGRAM_AMOJO_URL": playground.amocrm_url,
        "DEALGRAM_AMOJO_CHANNEL_ID": CHANNEL.id,
        "DEALGRAM_AMOJO_CHANNEL_SECRET": CHANNEL.secret,
        "DEALGRAM_AMOJO_BOT_ID": CHANNEL.bot_id,
        "DEALGRAM_AMOCRM_CLIENT_ID": INTEGRATION.client_id,
        "DEALGRAM_AMOCRM_CLIENT_SECRET": INTEGRATION.client_secret,
        "DEALGRAM_AMOCRM_REDIRECT_URI": INTEGRATION.redirect_uri,
        "DEALGRAM_AMOCRM_DOMAINS": "127.0.0.1",
    }


class ServiceProcess:
    """One life of the service after the other. ``on_end`` is called when a life has ended, whatever ended it."""

    def __init__(self, environment: Mapping[str, str], folder: Path, nursery: trio.Nursery) -> None:
        self._environment = environment
        self._folder = folder
        self._nursery = nursery
        self._process: trio.Process | None = None
        self._ended = trio.Event()
        self.on_end: Callable[[], object] = lambda: None
        self.lives = 0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.returncode

    async def start(self) -> None:
        """Begin a new life. Its output goes to a file of its own."""
        assert not self.is_running, "one service at a time"
        self.lives += 1
        self._ended = trio.Event()
        with self._log(self.lives).open("wb") as log:
            self._process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "dealgram", "serve"],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._nursery.start_soon(self._watch, self._process, self._ended)

    async def _watch(self, process: trio.Process, ended: trio.Event) -> None:
        await process.wait()
        ended.set()
        self.on_end()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, at once; to nobody if the process has ended."""
        if self.is_running:
            assert self._process is not None
            self._process.send_signal(number)

    async def ended(self, *, within_s: float = 90.0) -> int:
        """Wait for the end of this life; returns the exit code (negative: the signal that killed it)."""
        with trio.fail_after(within_s):
            await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def _log(self, life: int) -> Path:
        return self._folder / f"life-{life}.log"

    def log_tail(self, lines: int = 12) -> str:
        """The end of the present life's output, for a failing test."""
        with suppress(OSError):
            return "\n".join(self._log(self.lives).read_text(errors="replace").splitlines()[-lines:])
        return ""

    def complaints(self) -> list[str]:
        """What all lives printed that no kill explains: errors in the log, and anything that is no log line at all."""
        found = []
        for life in range(1, self.lives + 1):
            lines = self._log(life).read_text(errors="replace").splitlines(keepends=True)
            for line in lines:
                if not line.endswith("\n") or line.startswith("dealgram listens on"):
                    continue  # cut off by a kill; the greeting
                try:
                    level = json.loads(line).get("level")
                except ValueError:
                    level = "not a log line"
                if level not in ("debug", "info", "warning"):
                    found.append(f"life {life}: {line.rstrip()[:2000]}")
        return found


@dataclass(frozen=True, slots=True)
class Moment:
    """When to strike: at the ``number``-th call that is one of ``calls`` (empty: any of the service's own).

    ``before``: the request has arrived and nothing was done; ``after``: it was carried out and its answer never
    arrives; ``later``: some steps of the scheduler afterwards, while the service works with the answer.
    """

    number: int
    calls: frozenset[str] = frozenset()
    how: Literal["before", "after", "later"] = "after"
    steps: int = 0


HOOK = "hook"
"""The name under which a chat hook that is sent to the service counts among the moments."""

WORD = "word"
"""The name under which a person's message counts: what follows it is the way in, from the poll to the decision."""


class Watch:
    """Sees every call of the service to the simulators and every hook to the service, before it is carried out."""

    def __init__(self, playground: Playground, service_url: str, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._moment: Moment | None = None
        self._strike: Callable[[], object] = lambda: None
        self._left = 0
        self.calls = 0
        self.on_call: Callable[[], object] = lambda: None
        # The first orders of both simulators, so that they see every call; only a strike "before" makes them act.
        for faults in (playground.telegram.faults, playground.amo.faults):
            faults.add(Fault(drop=True), when=lambda facts: self.see(str(facts["name"])), times=None)

        def hook_url(scope_id: str) -> str:
            self.see(HOOK)
            return f"{service_url}/amojo/{scope_id}"

        playground.amo.hook_url = hook_url

    def strike_at(self, moment: Moment, strike: Callable[[], object]) -> None:
        """Call ``strike``, once, at a moment counted from now."""
        self._moment, self._strike, self._left = moment, strike, moment.number

    def see(self, name: str) -> bool:
        """Count a call, a hook or a word; True if the call must not be carried out."""
        if name not in (HOOK, WORD):  # the others show that the service works
            self.calls += 1
            self.on_call()
        moment = self._moment
        if moment is None or name not in (moment.calls or {name} - {HOOK, WORD}):
            return False
        self._left -= 1
        if self._left > 0:
            return False
        self._moment = None
        if moment.how == "later":
            self._nursery.start_soon(self._strike_later, moment.steps)
            return False
        self._strike()
        return moment.how == "before"

    async def _strike_later(self, steps: int) -> None:
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        self._strike()
