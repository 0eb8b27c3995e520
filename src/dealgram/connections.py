"""The connections of the service: its database, and its clients of the outside world.

Opened and closed as a whole by whoever needs them, the service or a command; nothing here keeps state of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from pydantic import SecretStr

from dealgram.actors.bot_connection import BotConnector
from dealgram.gateways.amocrm import AmoCrmClient, OAuthClient, TokenProvider
from dealgram.gateways.amojo import AmojoClient
from dealgram.gateways.telegram import PollingPool, TelegramGateway
from dealgram.gateways.transport import HttpTransport, Upstream
from dealgram.persistence import embedded
from dealgram.persistence.database import Database
from dealgram.persistence.schema import migrate
from dealgram.persistence.secret_box import SecretBox
from dealgram.runtime import TokenBucket
from dealgram.settings import Settings

log = structlog.get_logger(__name__)


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


class Paces:
    """One pace of REST calls per account (by its base URL), whoever in this process calls.

    A bucket of one token, because amoCRM counts requests within a second (amoCRM contract §16): a burst on top of the
    rate would be over its limit.
    """

    def __init__(self, rate_per_s: float) -> None:
        self._rate_per_s = rate_per_s
        self._buckets: dict[str, TokenBucket] = {}

    def __call__(self, host: str) -> TokenBucket:
        bucket = self._buckets.get(host)
        if bucket is None:
            bucket = self._buckets[host] = TokenBucket(self._rate_per_s, 1.0)
        return bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateways:
    """Clients of the outside world, over shared connections."""

    telegram: TelegramGateway
    polling: PollingPool
    amojo: AmojoClient
    oauth: OAuthClient
    amocrm: HttpTransport
    paces: Paces

    def connector(self, db: Database, box: SecretBox) -> BotConnector:
        """What connects bots."""
        return BotConnector(db=db, box=box, telegram=self.telegram, client=self.client)

    def client(self, host: str, tokens: TokenProvider) -> AmoCrmClient:
        """A REST client of the account at a base URL."""
        return AmoCrmClient(self.amocrm, host, tokens, self.paces(host))


@asynccontextmanager
async def open_gateways(settings: Settings) -> AsyncIterator[Gateways]:
    """Open the connections to Telegram and amoCRM; nothing is sent yet."""
    async with AsyncExitStack() as stack:

        async def connect(name: str) -> HttpTransport:
            return await stack.enter_async_context(HttpTransport.open(Upstream(name=name)))

        amocrm = await connect("amocrm")
        telegram = await connect("telegram")
        yield Gateways(
            telegram=TelegramGateway(telegram, settings.telegram_api_url),
            polling=await stack.enter_async_context(
                PollingPool.open(Upstream(name="telegram-polling"), settings.telegram_api_url)
            ),
            amojo=AmojoClient(
                await connect("amojo"),
                settings.amojo_url,
                settings.amojo_channel_id or "",
                _secret(settings.amojo_channel_secret),
                utc_now,
            ),
            oauth=OAuthClient(
                amocrm,
                settings.amocrm_client_id or "",
                _secret(settings.amocrm_client_secret),
                settings.oauth_redirect_uri or "",
            ),
            amocrm=amocrm,
            paces=Paces(settings.amocrm_rate_per_s),
        )


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value is not None else ""
