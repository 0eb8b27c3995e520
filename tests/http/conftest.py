"""The application over fakes of its ports, served on real loopback sockets."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import sys
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import jwt
import msgspec
import pytest
import trio

from dealgram.actors.accounts.staff import StaffError
from dealgram.actors.choices import AccountSettings
from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.gateways.amocrm import verify_uninstall
from dealgram.gateways.gates import GatesFigures
from dealgram.http.account_ports import AccountFigures, AccountsPage, Progress
from dealgram.http.api.account_port import (
    AccountView,
    CountsView,
    EmployeeView,
    LimitsView,
    Overview,
    PersonChoice,
    PipelineChoice,
    SetupView,
    StepView,
    SubscriptionView,
    TroubleView,
    UserChoice,
    UserView,
)
from dealgram.http.api.ports import Begun, Finished, KnownAccount, WidgetApi
from dealgram.http.api.tokens import Verifier, audience_of
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

sys.path.insert(0, str(Path(__file__).parent))  # for `fake_bot_desk`: test folders are no packages

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
            total=0,
            by_status={},
            with_trouble=0,
            by_subscription={},
            accounts=(),
            failed_installations=(),
            authorise_url=None,
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
            # Nothing here speaks TLS: reading the trusted authorities for every test costs more than most tests do.
            client = httpx.AsyncClient(base_url=bound.url, timeout=30, verify=False)
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


ACCOUNT_ID, ADMIN_ID, MANAGER_ID = 1, 11, 12
ORIGIN = "https://sever.amocrm.ru"
NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)


@dataclass
class FakeGatekeeper:
    """Knows some accounts and who administers them; keeps tokens and requests in memory. `before` runs first."""

    accounts: dict[int, KnownAccount] = field(default_factory=dict)
    moved: dict[int, str] = field(default_factory=dict)
    admins: set[tuple[int, int]] = field(default_factory=set)
    authorise_url: str | None = "https://us.example/oauth/start"
    tokens: set[tuple[int, str]] = field(default_factory=set)
    requests: dict[tuple[int, str], list] = field(default_factory=dict)
    before: Callable[[], Awaitable[None]] = _at_once
    asked_rights: int = 0

    async def account(self, account_id: int) -> KnownAccount | None:
        await self.before()
        return self.accounts.get(account_id)

    async def has_moved_to(self, account_id: int, host: str) -> bool:
        await self.before()
        return self.moved.get(account_id) == host

    async def use_token(self, account_id: int, jti: str, expires_at: dt.datetime) -> bool:
        await self.before()
        if (account_id, jti) in self.tokens:
            return False
        self.tokens.add((account_id, jti))
        return True

    async def is_admin(self, account_id: int, user_id: int) -> bool:
        await self.before()
        self.asked_rights += 1
        return (account_id, user_id) in self.admins

    async def begin(self, account_id: int, request_id: str, digest: bytes):
        await self.before()
        known = self.requests.get((account_id, request_id))
        if known is None:
            self.requests[account_id, request_id] = [digest, None]
            return Begun(1)
        if known[0] != digest:
            return "different"
        return "running" if known[1] is None else Finished(*known[1])

    async def finish(self, account_id: int, request_id: str, claim: int, status: int, body: bytes) -> None:
        await self.before()
        self.requests[account_id, request_id][1] = (status, body)

    async def release(self, account_id: int, request_id: str, claim: int) -> None:
        await self.before()
        del self.requests[account_id, request_id]


@dataclass
class FakeAccountDesk:
    """Shows what it was given and keeps what it was told; `work` runs before each answer."""

    settings: AccountSettings = field(default_factory=AccountSettings)
    staff: list[EmployeeView] = field(default_factory=list)
    changes: list[tuple] = field(default_factory=list)
    work: Callable[[], Awaitable[None]] = _at_once
    version: str = "v1"

    async def overview(self, account_id: int, user_id: int) -> Overview:
        await self.work()
        return Overview(
            account=AccountView(
                id=account_id,
                name="Агентство",
                subdomain="sever",
                status="active",
                status_text="Аккаунт подключён",
                trouble=TroubleView(code="unpaid", text="Аккаунт amoCRM не оплачен."),
                time_zone="Europe/Moscow",
            ),
            user=UserView(id=user_id, name="Ольга", is_admin=True),
            subscription=SubscriptionView(
                state="trial", until=NOW, days_left=14, is_ending=False, text="Пробный период.", kept_days=14, dropped=0
            ),
            setup=self._setup(),
            settings=self.settings,
            counts=CountsView(bots=1, groups=2, linked_groups=1, attention=0),
            limits=LimitsView(bots=50),
            version=self.version,
        )

    def _setup(self) -> SetupView:
        step = StepView(step="users", title="Пользователи", state="done", detail=None, updated_at=NOW)
        return SetupView(state="done", steps=(step,), authorise_url=None)

    async def change_settings(self, account_id: int, changes) -> AccountSettings:
        await self.work()
        self.changes.append((account_id, "settings", dict(changes)))
        self.settings = msgspec.convert(msgspec.to_builtins(self.settings) | changes, AccountSettings)
        return self.settings

    async def retry_setup(self, account_id: int) -> SetupView:
        await self.work()
        self.changes.append((account_id, "setup"))
        return self._setup()

    async def pipelines(self, account_id: int, *, fresh: bool) -> list[PipelineChoice]:
        await self.work()
        return [PipelineChoice(id=5, name="Продажи" if not fresh else "Новая", is_main=True, is_archived=False)]

    async def users(self, account_id: int) -> list[UserChoice]:
        await self.work()
        return [UserChoice(id=ADMIN_ID, name="Ольга", is_admin=True, has_chats=True)]

    async def people(self, account_id: int, text: str, limit: int) -> list[PersonChoice]:
        await self.work()
        return [PersonChoice(user_id=700, name="Анна", username=None, groups=("Группа",))]

    async def employees(self, account_id: int) -> list[EmployeeView]:
        await self.work()
        return self.staff

    async def add_employee(self, account_id: int, person: str, amo_user_id: int) -> EmployeeView:
        await self.work()
        if person == "@nobody":
            raise StaffError("unknown_person")
        self.changes.append((account_id, "employee", person))
        return EmployeeView(user_id=700, name="Анна", username=None, amo_user_id=amo_user_id, amo_user_name="Ольга")

    async def remove_employee(self, account_id: int, user_id: int) -> bool:
        await self.work()
        self.changes.append((account_id, "no employee", user_id))
        return True

    async def changed(self, account_id: int, since: str, *, timeout_s: float) -> str:
        await self.work()
        return self.version


@pytest.fixture
def widget_api() -> WidgetApi:
    """The API's ports, faked: the account 1 at ORIGIN with an administrator, and the account 2 elsewhere."""
    from fake_bot_desk import FakeBotDesk  # its folder is on the path from here on

    hosts = AmoHosts(("amocrm.ru",))
    return WidgetApi(
        gatekeeper=FakeGatekeeper(
            accounts={
                ACCOUNT_ID: KnownAccount(account_id=ACCOUNT_ID, host=ORIGIN, status="active"),
                2: KnownAccount(account_id=2, host="https://yug.amocrm.ru", status="active"),
            },
            admins={(ACCOUNT_ID, ADMIN_ID), (2, 21)},
        ),
        account=FakeAccountDesk(),
        bots=FakeBotDesk(),
        verifier=Verifier(
            client_id="the-client-id",
            secret=CLIENT_SECRET * 3,
            audience=audience_of("https://us.example:8443/oauth/callback"),
            hosts=hosts,
        ),
        hosts=hosts,
        now=lambda: NOW,
    )


def mint_token(*, secret: str = CLIENT_SECRET * 3, algorithm: str = "HS256", **claims) -> str:
    """A token of the administrator's page; what is given replaces its claims, None removes one."""
    at_s = int(NOW.timestamp())
    usual = {
        "iss": ORIGIN,
        "aud": "https://us.example",
        "jti": str(uuid.uuid4()),
        "iat": at_s,
        "nbf": at_s,
        "exp": at_s + 1800,
        "account_id": ACCOUNT_ID,
        "user_id": ADMIN_ID,
        "subdomain": "sever",
        "client_uuid": "the-client-id",
    }
    said = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode(said, secret if algorithm != "none" else "", algorithm=algorithm)


@pytest.fixture(name="mint_token")
def _mint_token():
    return mint_token
