"""The connections of the service: its database, and its clients of the outside world.

Opened and closed as a whole by whoever needs them, the service or a command; nothing here keeps state of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from dealgram.actors.accounts.installation import StoredToken
from dealgram.actors.bots.bot_connection import BotConnector
from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.gateways.amocrm import AmoCrmClient, OAuthClient, TokenProvider
from dealgram.gateways.amojo import AmoFiles, AmojoClient
from dealgram.gateways.gate_policy import GatePolicy
from dealgram.gateways.gates import CONNECTIONS, Gates
from dealgram.gateways.telegram import CLOUD, OWN_SERVER, FileLimits, PollingPool, TelegramFiles, TelegramGateway
from dealgram.gateways.transport import HttpTransport, Upstream
from dealgram.gateways.widget_controller import WidgetController
from dealgram.persistence import embedded
from dealgram.persistence.database import Database
from dealgram.persistence.schema import migrate
from dealgram.persistence.secret_box import SecretBox
from dealgram.settings import Settings

log = structlog.get_logger(__name__)

FILE_CONNECTIONS = 100
"""Files on their way from Telegram at once. A slow reader holds one for as long as it reads."""

CONTROLLER_CONNECTIONS = 4

UPLOADS_AT_ONCE = 20
"""Of all bots: each holds a file, and together they fill the line to Telegram."""


def utc_now() -> dt.datetime:
    """The current time. Stored times come from the database's clock; this one is for messages and signatures."""
    return dt.datetime.now(dt.UTC)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """The configured database, or the embedded one, opened and migrated.

    Raises:
        EmbeddedPostgresError, DatabaseUnavailable, MigrationError: with one sentence for the operator.
    """
    async with AsyncExitStack() as stack:
        if settings.database_url is not None:
            url = settings.database_url.get_secret_value()
        else:
            log.info("starting the embedded database")
            server = await embedded.start(settings.data_dir / "postgres")
            stack.push_async_callback(server.stop)
            url = server.url
        db = await stack.enter_async_context(Database.open(url))
        for name in await migrate(db):
            log.info("database migrated", migration=name)
        yield db


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateways:
    """Clients of the outside world, over shared connections."""

    telegram: TelegramGateway
    files: TelegramFiles
    file_calls: TelegramGateway
    """getFile, over the connections of `files`: a server of one's own answers it when it has the whole file."""
    file_limits: FileLimits
    polling: PollingPool
    amojo: AmojoClient
    oauth: OAuthClient
    attachments: AmoFiles
    amocrm: HttpTransport
    gates: Gates
    controller: WidgetController | None = None

    def connector(self, db: Database, box: SecretBox) -> BotConnector:
        """What connects bots."""
        return BotConnector(db=db, box=box, telegram=self.telegram, client=self.client)

    def client(self, host: str, tokens: TokenProvider, account_id: int | None = None) -> AmoCrmClient:
        """A REST client of the account at a base URL; `account_id` where it is known, so that the client shares the
        account's gate and not only that of its address."""
        if account_id is None and isinstance(tokens, StoredToken):
            account_id = tokens.account_id
        gate = self.gates.of_host(host) if account_id is None else self.gates.of(account_id, host)
        return AmoCrmClient(self.amocrm, host, tokens, gate)


@asynccontextmanager
async def open_gateways(settings: Settings, policy: GatePolicy | None = None) -> AsyncIterator[Gateways]:
    """Open the connections to Telegram and amoCRM; nothing is sent yet. ``policy`` instead of the settings' limits."""
    async with AsyncExitStack() as stack:

        async def connect(name: str, connections: int = 50) -> HttpTransport:
            return await stack.enter_async_context(HttpTransport.open(Upstream(name=name, max_connections=connections)))

        amocrm = await connect("amocrm", CONNECTIONS)
        telegram = await connect("telegram")
        # Connections of their own: many downloads at once must not hold up a message.
        files = await connect("telegram-files", FILE_CONNECTIONS)
        if settings.telegram_files_dir is not None and not settings.telegram_files_dir.is_dir():
            log.warning("the folder of the Bot API server is not there", folder=str(settings.telegram_files_dir))
        gates = Gates(policy or gate_policy(settings), now=utc_now)
        yield Gateways(
            telegram=TelegramGateway(
                telegram, settings.telegram_api_url, uploads=await connect("telegram-uploads", UPLOADS_AT_ONCE)
            ),
            files=await stack.enter_async_context(
                TelegramFiles.open(files, settings.telegram_api_url, settings.telegram_files_dir)
            ),
            file_calls=TelegramGateway(files, settings.telegram_api_url),
            file_limits=OWN_SERVER if settings.large_files else CLOUD,
            polling=await stack.enter_async_context(
                PollingPool.open(Upstream(name="telegram-polling"), settings.telegram_api_url)
            ),
            amojo=AmojoClient(
                await connect("amojo", CONNECTIONS),
                settings.amojo_url,
                settings.amojo_channel_id or "",
                _secret(settings.amojo_channel_secret),
                utc_now,
                gate_of=gates.of_scope,
            ),
            oauth=OAuthClient(
                amocrm,
                settings.amocrm_client_id or "",
                _secret(settings.amocrm_client_secret),
                settings.oauth_redirect_uri or "",
            ),
            attachments=AmoFiles(await connect("amocrm-files"), AmoHosts(settings.amocrm_domains)),
            amocrm=amocrm,
            gates=gates,
            controller=await _controller(settings, connect),
        )


async def _controller(
    settings: Settings, connect: Callable[[str, int], Awaitable[HttpTransport]]
) -> WidgetController | None:
    """The seller's, over connections of its own: one that is slow holds up nobody else."""
    if settings.controller_url is None:
        return None
    return WidgetController(
        await connect("controller", CONTROLLER_CONNECTIONS),
        settings.controller_url,
        widget_name=settings.controller_widget_name,
        enum_id=settings.controller_enum_id,
    )


def gate_policy(settings: Settings) -> GatePolicy:
    """The limits that the settings ask for."""
    return GatePolicy(
        calls_at_once=settings.amocrm_calls_at_once,
        rest_rate_per_s=settings.amocrm_rate_per_s,
        chats_rate_per_s=settings.amojo_rate_per_s,
        egress_rate_per_s=settings.amocrm_egress_rate_per_s,
    )


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
