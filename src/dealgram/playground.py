"""The sandbox around the service: simulators of Telegram, of amoCRM and of the seller's controller on loopback ports,
and the service settings that point at them.

Owns the made-up channel and integration. The simulators keep everything in memory, so a service that plays with them
has a database of its own, in the data folder's ``sandbox``, which is thrown away when the next play begins.
"""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import structlog
import trio
from pydantic import SecretStr
from quart_trio import QuartTrio

from dealgram.actors.accounts.installation import InstallationError
from dealgram.actors.accounts.installing import install_key
from dealgram.http.listening import ListenError
from dealgram.persistence import accounts, embedded, installations, setup_steps
from dealgram.persistence.records import Account
from dealgram.sandbox.amocrm import AmoSimulator, SimAccount, SimChannel, SimIntegration, SimPipeline
from dealgram.sandbox.amocrm import Switches as AmoSwitches
from dealgram.sandbox.controller import ControllerSimulator
from dealgram.sandbox.page.newcomer import build_newcomer
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.serve import serve
from dealgram.sandbox.shell import ModulesMissingError, Shell
from dealgram.sandbox.shell import mount as mount_shell
from dealgram.sandbox.telegram import SimBot, TelegramSimulator
from dealgram.sandbox.telegram import Switches as TelegramSwitches
from dealgram.service import Service
from dealgram.settings import Settings
from dealgram.widget_archive import WidgetConfig, build, source_folder

log = structlog.get_logger(__name__)

SETUP_PATIENCE_S = 30.0

CHANNEL = SimChannel(
    id="5a9db0c5-0000-4000-8000-00000000c4a7",
    secret="sandbox-0123456789abcdef0123456789abcdef",  # noqa: S106 - of a simulator on loopback
    bot_id="5a9db0c5-0000-4000-8000-0000000000b0",
)
INTEGRATION = SimIntegration(
    client_id="5a9db0c5-0000-4000-8000-00000000c11e",
    client_secret="sandbox-0123456789abcdef0123456789abcdef0123456789abcdef0123456",  # noqa: S106
    redirect_uri="https://sandbox.example/oauth/callback",
)


WIDGET_NAME, ENUM_ID = "dealgram", "1307"
"""The widget as the made-up controller of the seller knows it."""


def in_sandbox(
    settings: Settings,
    *,
    telegram_port: int | None = None,
    amocrm_port: int | None = None,
    controller_port: int | None = None,
) -> Settings:
    """The settings of a service that plays with the simulators on these ports (default: the configured ones)."""
    controller = controller_port if controller_port is not None else settings.sandbox_controller_port
    telegram = telegram_port if telegram_port is not None else settings.sandbox_telegram_port
    amocrm = amocrm_port if amocrm_port is not None else settings.sandbox_amocrm_port
    return settings.model_copy(
        update={
            "data_dir": settings.data_dir / "sandbox",
            "database_url": None,
            "telegram_api_url": f"http://127.0.0.1:{telegram}",
            "telegram_large_files": False,  # the simulator keeps to the limits of Telegram's own server
            "telegram_files_dir": None,
            "amojo_url": f"http://127.0.0.1:{amocrm}",
            "amojo_channel_id": CHANNEL.id,
            "amojo_channel_secret": SecretStr(CHANNEL.secret),
            "amojo_bot_id": CHANNEL.bot_id,
            "amocrm_client_id": INTEGRATION.client_id,
            "amocrm_client_secret": SecretStr(INTEGRATION.client_secret),
            "amocrm_redirect_uri": INTEGRATION.redirect_uri,
            "amocrm_oauth_url": f"http://127.0.0.1:{amocrm}/oauth",
            "amocrm_domains": ("127.0.0.1",),
            "controller_url": f"http://127.0.0.1:{controller}",
            "controller_widget_name": WIDGET_NAME,
            "controller_enum_id": ENUM_ID,
        }
    )


def forget_last_play(settings: Settings) -> None:
    """Delete the database of an earlier play: it speaks of people and deals that no simulator knows any more.

    Raises:
        EmbeddedPostgresError: the play is still going on, in another process.
    """
    folder = settings.data_dir / "sandbox"
    try:
        embedded.discard(folder / "postgres")
    except embedded.InUseError:
        raise embedded.EmbeddedPostgresError(
            f"Another dealgram plays in {folder}: stop it, or name another folder in DEALGRAM_DATA_DIR."
        ) from None


def api_schema() -> ApiSchema | None:
    """The Bot API's schema, if this machine has it; without it the simulator checks less."""
    named = os.environ.get("DEALGRAM_TELEGRAM_API_JSON")
    root = Path(__file__).resolve().parents[2]
    return _schema_at(Path(named) if named else root.parent / "shared" / "data" / "telegram-bot-api" / "api.json")


@cache
def _schema_at(path: Path) -> ApiSchema | None:
    """Read and compiled once a process, however many simulators check against it."""
    return ApiSchema.load(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Playground:
    """Running simulators."""

    telegram: TelegramSimulator
    amo: AmoSimulator
    controller: ControllerSimulator
    telegram_port: int
    amocrm_port: int
    controller_port: int
    nursery: trio.Nursery = field(repr=False)
    shell: Shell | None = None
    """amoCRM's pages with the widget on them; None where they cannot be shown."""
    shell_is_off: str = ""
    """In one sentence, why they cannot."""

    @property
    def amocrm_url(self) -> str:
        """amoCRM itself: the Chats API, the consent page, and what access tokens call ``api_domain``."""
        return f"http://127.0.0.1:{self.amocrm_port}"

    def url_of(self, account: SimAccount) -> str:
        """The base URL of an account: its own once it was opened."""
        return f"http://{account.host}" if account.host else self.amocrm_url

    async def open_host(self, account: SimAccount) -> str:
        """Give an account a host of its own, one more loopback port; gives its base URL, the same every time."""
        if not account.host:
            self.amo.serve_at(account, await self._new_host())
        return self.url_of(account)

    async def rename_subdomain(self, account: SimAccount, subdomain: str) -> str:
        """Move an account to a new subdomain, so to a new port; gives its new base URL."""
        self.amo.rename_subdomain(account, subdomain, await self._new_host())
        return self.url_of(account)

    async def _new_host(self) -> str:
        return f"127.0.0.1:{await listen(self.nursery, self.amo.app, 0)}"

    def send_hooks_to(self, service_url: str) -> None:
        """Tell amoCRM where the service listens."""
        self.amo.hook_url = f"{service_url}/amojo/{{scope_id}}"
        self.amo.redirect_url = f"{service_url}/oauth/callback"
        self.amo.uninstall_url = f"{service_url}/oauth/uninstalled"
        if self.shell is not None:
            self.shell.service_url = service_url

    async def show_settings(self, account: SimAccount) -> SimAccount | None:
        """Make amoCRM's pages ready for people: in `account` somebody has saved the widget's form; a second account,
        «Новая компания», has nothing yet. Gives the second one; None, and nothing happens, without the shell."""
        if self.shell is None:
            return None
        self.shell.switches = replace(self.shell.switches, second_widget=False)  # its leaking styles are for tests
        self.shell.configure(account, {"client_name": account.owner.name, "phone_number": "+7 900 000-00-00"})
        newcomer = build_newcomer(self.amo)
        await self.open_host(newcomer)
        return newcomer

    def let_frame(self, port: int) -> None:
        """Let the sandbox's page at this loopback port show amoCRM's pages inside itself; nobody else may."""
        if self.shell is not None:
            self.shell.embedders = [f"http://127.0.0.1:{port}", f"http://localhost:{port}"]

    def settings(self, settings: Settings) -> Settings:
        """The settings of a service that plays here."""
        return in_sandbox(
            settings,
            telegram_port=self.telegram_port,
            amocrm_port=self.amocrm_port,
            controller_port=self.controller_port,
        )

    async def connect_account(self, service: Service, account: SimAccount) -> Account:
        """Install the widget in a simulated account, as its administrator would, and wait until everything is set up.

        Raises:
            InstallationError: it came to nothing.
        """
        await self.open_host(account)
        call = await self.amo.install(account)
        if call.status != HTTPStatus.OK:
            raise InstallationError(f"the service did not take the installation: {call.outcome} {call.detail}")
        (code,) = parse_qs(urlsplit(call.url).query)["code"]
        return await self.set_up(service, install_key(code))

    async def set_up(self, service: Service, key: str) -> Account:
        """Wait until an installation has come to its end; gives the account.

        Raises:
            InstallationError: it came to nothing, in its own words.
        """
        db = service.services.db
        with trio.fail_after(SETUP_PATIENCE_S):
            while True:
                found = await installations.get(db, key)
                if found is not None and found.state == "failed":
                    raise InstallationError(found.detail or "it failed")
                if found is not None and found.installed_id is not None:
                    steps = await setup_steps.for_account(db, found.installed_id)
                    if all(step.state != "pending" for step in steps):
                        break
                await trio.sleep(0.02)  # the database has no event for it
        await service.refresh()
        row = await accounts.get(db, found.installed_id)
        assert row is not None, "it was installed just now"
        return row

    async def connect_bot(self, service: Service, account: Account, bot: SimBot, pipeline: SimPipeline) -> None:
        """Connect a simulated bot to an account, for one of its pipelines."""
        public_url = service.settings.public_url if service.settings.intake == "webhook" else None
        await service.connector.connect(account, bot.token, pipeline_id=pipeline.id, public_url=public_url)
        await service.refresh()

    async def connect(
        self, service: Service, account: SimAccount, bots: Iterable[tuple[SimBot, SimPipeline]]
    ) -> Account:
        """Install the integration in an account and connect its bots, each for one of its pipelines."""
        row = await self.connect_account(service, account)
        for bot, pipeline in bots:
            await self.connect_bot(service, row, bot, pipeline)
        return row


@asynccontextmanager
async def open_playground(
    *,
    telegram_port: int = 0,
    amocrm_port: int = 0,
    controller_port: int = 0,
    telegram_switches: TelegramSwitches | None = None,
    amo_switches: AmoSwitches | None = None,
    seed: int = 0,
) -> AsyncIterator[Playground]:
    """Start the simulators; port 0 takes a free one."""
    telegram = TelegramSimulator(
        schema=api_schema(),
        rng=random.Random(seed),  # noqa: S311 - made-up ids
        switches=telegram_switches,
    )
    amo = AmoSimulator(
        channel=CHANNEL,
        integration=INTEGRATION,
        switches=amo_switches,
        rng=random.Random(seed),  # noqa: S311
    )
    controller = ControllerSimulator()
    shell, shell_is_off = open_shell(amo)
    async with trio.open_nursery() as nursery:
        await nursery.start(telegram.run)
        await nursery.start(amo.run)
        playground = Playground(
            telegram=telegram,
            amo=amo,
            controller=controller,
            telegram_port=await listen(nursery, telegram.app, telegram_port),
            amocrm_port=await listen(nursery, amo.app, amocrm_port),
            controller_port=await listen(nursery, controller.app, controller_port),
            nursery=nursery,
            shell=shell,
            shell_is_off=shell_is_off,
        )
        amo.api_host = f"127.0.0.1:{playground.amocrm_port}"
        try:
            yield playground
        finally:
            nursery.cancel_scope.cancel()


def open_shell(amo: AmoSimulator) -> tuple[Shell | None, str]:
    """amoCRM's pages with the tree's widget on them; or None and, in one sentence, why not."""
    if source_folder() is None:
        return None, "this installation has no source tree with the widget in it"

    def widget_zip() -> bytes:
        return build(widget_config(shell.service_url))

    try:
        shell = mount_shell(amo.app, amo, widget_zip, Path(__file__).resolve().parents[2] / "node_modules")
    except ModulesMissingError as error:
        return None, str(error)
    return shell, ""


def widget_config(service_url: str) -> WidgetConfig:
    """The widget of a service at this address; everything else keeps its placeholder."""
    return WidgetConfig(api_url=f"{service_url}/api/v1", informer_url=f"{service_url}/widget_controller/informer")


async def listen(nursery: trio.Nursery, app: QuartTrio, port: int) -> int:
    """Serve one of the sandbox's applications on loopback; returns the port that it got.

    Raises:
        ListenError: the port is taken, in one sentence.
    """

    async def start(*, task_status: trio.TaskStatus[int]) -> None:
        await serve(app, port=port, task_status=task_status)

    try:
        bound: int = await nursery.start(start)
    except OSError as error:
        raise ListenError(f"Cannot listen on 127.0.0.1:{port}: {error.strerror or error}.") from error
    return bound
