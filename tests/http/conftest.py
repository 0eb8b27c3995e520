"""The application over fakes of its ports, served on real loopback sockets."""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest
import trio

from dealgram.http.app import create_app
from dealgram.http.ports import (
    HookAccount,
    HookBot,
    HookOutcome,
    HookScope,
    HttpServices,
    NotReady,
    OutboxFigures,
)
from dealgram.http.server import serve
from dealgram.persistence import WriterStatistics
from dealgram.runtime import ActorSnapshot, ActorState, Address, Counters, LaneCounts, LoopLag, SystemSnapshot

CHANNEL_SECRET = "0123456789abcdef0123456789abcdef01234567"


async def _at_once() -> None:
    await trio.lowlevel.checkpoint()


@dataclass
class FakeIntake:
    """Commits into a list; `commit` can wait or raise, as a database would."""

    bots: dict[str, HookBot] = field(default_factory=dict)
    scopes: dict[str, HookScope] = field(default_factory=dict)
    crm_accounts: dict[str, HookAccount] = field(default_factory=dict)
    committed: list[bytes] = field(default_factory=list)
    outcome: HookOutcome = HookOutcome.ACCEPTED
    look_up: Callable[[], Awaitable[None]] = _at_once
    commit: Callable[[], Awaitable[None]] = _at_once
    commits_begun: int = 0
    begun: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)

    async def telegram_bot(self, key: str) -> HookBot | None:
        await self.look_up()
        return self.bots.get(key)

    async def accept_telegram(self, bot: HookBot, raw: bytes) -> HookOutcome:
        return await self._accept(raw)

    def verify_amojo(self, raw: bytes, signature: str) -> bool:
        return hmac.compare_digest(hmac.new(CHANNEL_SECRET.encode(), raw, hashlib.sha1).hexdigest(), signature)

    async def amojo_scope(self, scope_id: str) -> HookScope | None:
        await self.look_up()
        return self.scopes.get(scope_id)

    async def accept_amojo(self, scope: HookScope, raw: bytes) -> HookOutcome:
        return await self._accept(raw)

    async def crm_account(self, key: str) -> HookAccount | None:
        await self.look_up()
        return self.crm_accounts.get(key)

    async def accept_crm(self, account: HookAccount, raw: bytes) -> HookOutcome:
        return await self._accept(raw)

    async def _accept(self, raw: bytes) -> HookOutcome:
        self.commits_begun += 1
        self.begun.set()
        await self.commit()
        if self.outcome is HookOutcome.ACCEPTED:
            self.committed.append(raw)
        self.done.set()
        return self.outcome


@dataclass
class FakeHealth:
    lag: LoopLag = field(default_factory=LoopLag)
    reasons: list[NotReady] = field(default_factory=list)
    known: list[ActorSnapshot] = field(default_factory=list)
    counters: Counters = field(default_factory=Counters)

    def loop_lag(self) -> LoopLag:
        return self.lag

    async def not_ready(self) -> list[NotReady]:
        await trio.lowlevel.checkpoint()
        return self.reasons

    def actors(
        self, *, kind: str | None = None, state: str | None = None, key_contains: str | None = None
    ) -> SystemSnapshot:
        return SystemSnapshot(
            at=1767225600.0,
            stopping=False,
            by_state=Counter(actor.state for actor in self.known),
            by_kind=Counter(actor.address.kind for actor in self.known),
            counters=self.counters,
            actors=tuple(
                actor
                for actor in self.known
                if (kind is None or actor.address.kind == kind)
                and (state is None or actor.state.value == state)
                and (key_contains is None or key_contains in actor.address.key)
            ),
        )


@dataclass
class FakeMetrics:
    journal_figures: WriterStatistics | None = None
    outbox_figures: OutboxFigures | None = None

    def journal(self) -> WriterStatistics | None:
        return self.journal_figures

    async def outbox(self) -> OutboxFigures | None:
        await trio.lowlevel.checkpoint()
        return self.outbox_figures


@dataclass
class World:
    """One served application: its fakes, a client, and the way to connect without a client."""

    intake: FakeIntake
    health: FakeHealth
    metrics: FakeMetrics
    client: httpx.AsyncClient
    port: int
    stop: trio.Event
    stopped: trio.Event

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)

    async def scrape(self) -> str:
        return (await self.client.get("/metrics")).text


def sign(raw: bytes) -> str:
    return hmac.new(CHANNEL_SECRET.encode(), raw, hashlib.sha1).hexdigest()


async def read_answer(stream: trio.abc.ReceiveStream) -> bytes:
    """Read until the server closes; tests send `Connection: close`."""
    parts = []
    while part := await stream.receive_some(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.fixture(name="sign")
def _sign():
    return sign


@pytest.fixture(name="read_answer")
def _read_answer():
    return read_answer


@pytest.fixture
def actor():
    """Make an actor's snapshot: `actor("group", "12", state="failed", …)`."""

    def make(kind: str, key: str, *, state: str = "running", lanes: tuple[int, int, int] = (0, 0, 0), **rest):
        usual = {
            "mailbox": 0,
            "backlog": False,
            "restarts": 0,
            "last_error": None,
            "last_error_at": None,
            "last_activity_at": 1767225600.0,
            "handling_s": None,
            "waiting_for": None,
            "activations": 1,
        }
        return ActorSnapshot(
            address=Address(kind, key), state=ActorState(state), lanes=LaneCounts(*lanes), **(usual | rest)
        )

    return make


@pytest.fixture
def services() -> HttpServices:
    """The ports' fakes with one bot and one scope. Tests replace settings with `dataclasses.replace`."""
    return HttpServices(
        intake=FakeIntake(
            bots={"key-of-bot-700": HookBot(bot_id=700, account_id=1, secret="the-secret-token")},
            scopes={"channel_account": HookScope(scope_id="channel_account", account_id=1)},
            crm_accounts={"key-of-account-1": HookAccount(account_id=1)},
        ),
        health=FakeHealth(),
        metrics=FakeMetrics(),
        commit_deadline_s=5.0,
        body_deadline_s=5.0,
    )


@pytest.fixture
async def serve_world():
    """Serve an application over the given services: `world = await serve_world(services, **changes)`."""
    worlds: list[World] = []

    async with trio.open_nursery() as nursery:

        async def start(services: HttpServices, *, graceful_s: float = 1.0, **changes) -> World:
            services = replace(services, **changes)
            stop, stopped = trio.Event(), trio.Event()

            async def run(task_status) -> None:
                app = create_app(services)
                await serve(
                    app, "127.0.0.1", 0, shutdown_trigger=stop.wait, graceful_s=graceful_s, task_status=task_status
                )
                stopped.set()

            bound = await nursery.start(run)
            client = httpx.AsyncClient(base_url=bound.url, timeout=30)
            worlds.append(World(services.intake, services.health, services.metrics, client, bound.port, stop, stopped))
            return worlds[-1]

        yield start
        for world in worlds:
            await world.client.aclose()
            world.stop.set()


@pytest.fixture
async def world(serve_world, services):
    """The application with the usual fakes."""
    return await serve_world(services)
