"""The application over fakes of its ports, served on real loopback sockets."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import httpx
import pytest
import trio

from dealgram.gateways.amocrm import verify_uninstall
from dealgram.gateways.gates import GatesFigures
from dealgram.http.account_ports import AccountFigures, AccountsPage, Progress
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
from dealgram.http.seals import Seals
from dealgram.http.server import serve
from dealgram.persistence import SecretBox, WriterStatistics, generate_key
from dealgram.runtime import ActorSnapshot, ActorState, Address, Counters, LaneCounts, LoopLag, SystemSnapshot

CLIENT_SECRET = "client-secret"
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
    gates_figures: GatesFigures | None = None

    def gates(self) -> GatesFigures | None:
        return self.gates_figures

    def journal(self) -> WriterStatistics | None:
        return self.journal_figures

    async def outbox(self) -> OutboxFigures | None:
        await trio.lowlevel.checkpoint()
        return self.outbox_figures


@dataclass
class FakeAccounts:
    """Keeps what was accepted; `commit` can wait or raise, as a database would."""

    client_id: str | None = "the-client-id"
    authorise_at: str = "https://www.amocrm.ru/oauth"
    codes: list[tuple[str, str]] = field(default_factory=list)
    removals: list[int] = field(default_factory=list)
    outcome: HookOutcome = HookOutcome.ACCEPTED
    commit: Callable[[], Awaitable[None]] = _at_once
    reached: Progress = field(default_factory=Progress)
    page: AccountsPage = field(
        default_factory=lambda: AccountsPage(
            total=0, by_status={}, with_trouble=0, accounts=(), failed_installations=(), authorise_url=None
        )
    )
    asked: dict[str, object] = field(default_factory=dict)
    figures: AccountFigures = field(
        default_factory=lambda: AccountFigures(by_status={}, with_trouble=0, failed_steps=None)
    )

    def consent_url(self, state: str) -> str | None:
        return f"{self.authorise_at}?client_id={self.client_id}&state={state}" if self.client_id else None

    def base_url(self, referer: str) -> str | None:
        return f"https://{referer}" if referer.endswith(".amocrm.ru") else None

    def key_of(self, code: str) -> str:
        return hashlib.sha256(code.encode()).hexdigest()

    async def accept_code(self, base_url: str, code: str) -> HookOutcome:
        await self.commit()
        if self.outcome is HookOutcome.ACCEPTED:
            self.codes.append((base_url, code))
        return self.outcome

    async def progress(self, key: str) -> Progress:
        await self.commit()
        self.asked["key"] = key
        return self.reached

    def verify_removal(self, client_id: str, account_id: str, signature: str) -> bool:
        return verify_uninstall(CLIENT_SECRET, client_id, account_id, signature)

    async def accept_removal(self, account_id: int) -> HookOutcome:
        await self.commit()
        self.removals.append(account_id)
        return self.outcome

    async def accounts(self, **asked: object) -> AccountsPage:
        await self.commit()
        self.asked.update(asked)
        return self.page

    async def account_figures(self) -> AccountFigures:
        await trio.lowlevel.checkpoint()
        return self.figures


@dataclass
class World:
    """One served application: its fakes, a client, and the way to connect without a client."""

    intake: FakeIntake
    health: FakeHealth
    metrics: FakeMetrics
    accounts: FakeAccounts
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
        accounts=FakeAccounts(),
        seals=Seals(SecretBox([generate_key()]), time.time),
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
            worlds.append(
                World(
                    services.intake,
                    services.health,
                    services.metrics,
                    services.accounts,
                    client,
                    bound.port,
                    stop,
                    stopped,
                )
            )
            return worlds[-1]

        yield start
        for world in worlds:
            await world.client.aclose()
            world.stop.set()


@pytest.fixture
async def world(serve_world, services):
    """The application with the usual fakes."""
    return await serve_world(services)
