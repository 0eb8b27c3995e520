"""The widget as amoCRM shows it: the service, the simulators and amoCRM's shell around them, and a visitor.

``async with open_widget_play(folder) as play`` puts everything together as ``dealgram serve`` does it; a story is a
plain function run by ``in_browser``, which reads what lives on trio with ``play.on_trio``. A visitor's ``complaints``
hold all that must not be: console messages, page errors, foreign or failed requests, breaches that the shell saw.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import trio
from pydantic import SecretStr

from dealgram.persistence.records import Account
from dealgram.playground import Playground, open_playground, widget_config
from dealgram.sandbox.amocrm import SimAccount, SimUser
from dealgram.sandbox.amocrm import Switches as AmoSwitches
from dealgram.sandbox.page.world import World, build_world
from dealgram.sandbox.shell import Shell, ShellSwitches
from dealgram.service import Service, open_service
from dealgram.settings import Settings
from dealgram.story import UNHURRIED
from dealgram.widget_archive import WidgetConfig, build

PATIENCE_MS = 15_000
ADVANCED = "/settings/widgets/dealgram/"
MARKETPLACE = "/settings/widgets/"
ELSEWHERE = "/dashboard/"
SAVED = {"client_name": "Ольга", "phone_number": "+7 900 000-00-00", "terms_of_use": "1"}
STATUS_SAID = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")


@dataclass
class WidgetPlay:
    """Everything that runs. `account` is the service's row of `world.account`, None where nothing is connected yet."""

    playground: Playground
    world: World
    shell: Shell
    service: Service
    api_url: str
    account: Account | None = None

    def shell_url(
        self,
        account: SimAccount | None = None,
        path: str = ADVANCED,
        user: SimUser | None = None,
        theme: str = "light",
        **query: str,
    ) -> str:
        """The address of one of amoCRM's pages; `query` holds switches of the shell ("0", "1" or their words)."""
        base = self.playground.url_of(account or self.world.account)
        asked = {"theme": theme} | ({"user": str(user.id)} if user is not None else {}) | query
        return f"{base}{path}?{urlencode(asked)}"

    def widget_zip(self, config: WidgetConfig | None = None) -> bytes:
        """The archive of the tree, for this service."""
        return build(config or widget_config(self.api_url))

    def on_trio(self, look: Callable[[], Any]) -> Any:
        """Called from a story: run a function where the simulators live."""
        return trio.from_thread.run_sync(look)

    def await_on_trio(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Called from a story: the same for what has to be awaited."""
        return trio.from_thread.run(work)


@asynccontextmanager
async def open_widget_play(
    folder: Path,
    *,
    is_connected: bool = True,
    has_bots: bool = True,
    switches: ShellSwitches | None = None,
    excused: Iterable[str] = (),
    database_url: str | None = None,
    **settings: Any,
) -> AsyncIterator[WidgetPlay]:
    """The service, its sandbox and the shell. `is_connected`: the sample account has the widget installed and saved;
    `has_bots`: its bots are connected too. With the fixture `database_url` the start takes a second less than with a
    database server of its own. More `settings` of the service by their names.

    Skips the test where the node modules are not installed. At the end the simulators must have nothing to complain of,
    except what `excused` names by a part of its text.
    """
    chosen = Settings(_env_file=None, data_dir=folder, port=0, sandbox="on", amocrm_rate_per_s=1000, **settings)
    async with open_playground(amo_switches=AmoSwitches(rest_rate_per_s=None)) as playground:
        if playground.shell is None:
            pytest.skip(playground.shell_is_off)
        played = playground.settings(chosen)
        if database_url is not None:
            played = played.model_copy(update={"database_url": SecretStr(database_url)})
        async with (
            open_service(played, limits=UNHURRIED) as service,
            trio.open_nursery() as nursery,
        ):
            bound = await nursery.start(service.run)
            playground.send_hooks_to(bound.url)
            world = build_world(playground.telegram, playground.amo)
            await playground.open_host(world.account)
            playground.shell.switches = switches or ShellSwitches()
            play = WidgetPlay(playground, world, playground.shell, service, bound.url)
            if is_connected:
                play.account = await playground.connect(service, world.account, world.bots if has_bots else ())
                play.shell.configure(world.account, SAVED)
            yield play
            playground.telegram.assert_clean()
            told = playground.amo.violations
            told[:] = [one for one in told if not any(words in one for words in excused)]
            playground.amo.assert_clean()
            service.request_stop()
            nursery.cancel_scope.cancel()


@dataclass
class WidgetVisitor:
    """Somebody in amoCRM. Locate things with `page`; read `complaints` at the end, it must be empty."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    _expected: list[tuple[str, tuple[int, ...]]] = field(default_factory=list)
    _before: str | None = None

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on("request", self._asked)
        self.page.on("requestfailed", self._failed)

    @contextmanager
    def expecting(self, path: str, *statuses: int) -> Iterator[None]:
        """While this lasts, requests to addresses that match `path` may be refused with `statuses` (0: not at all)."""
        entry = (path, statuses)
        self._expected.append(entry)
        try:
            yield
        finally:
            self.page.evaluate("1")  # what the page has already said has arrived when this is answered
            self._expected.remove(entry)

    def opens(self, url: str) -> None:
        """Load a page of the shell and wait until the widget has been started on it."""
        self.page.goto(url)
        self.settles()

    def settles(self) -> None:
        """Wait until the area that is being entered is there."""
        self.page.evaluate("() => window.__shell.ready")

    def comes_from_elsewhere(self, url: str) -> None:
        """Open another area first, remember how everything is, and go to this page as people do, without a reload."""
        split = urlsplit(url)
        self.opens(split._replace(path=ELSEWHERE).geturl())
        self._before = self._state()
        self.goes(f"{split.path}?{split.query}")

    def goes(self, path: str) -> None:
        """Change the area, without loading the page anew."""
        self.page.evaluate("(path) => window.__shell.go(path)", path)
        self.settles()

    def leaves(self) -> None:
        """Change to another area, which destroys the widget: everything outside it must be as it was before."""
        self.page.evaluate("() => window.__shell.inspect()")
        self.goes(ELSEWHERE)
        after = self._state()
        if self._before is not None and after != self._before:
            self.complaints.append(f"the page was left otherwise than it was found:\n{self._before}\n{after}")

    def _state(self) -> str:
        return str(self.page.evaluate("() => window.__shell.snapshot() + '\\nhandlers ' + window.__shell.listeners()"))

    def _heard(self, message: Any) -> None:
        if message.type == "debug":
            return
        said = STATUS_SAID.match(message.text)
        address = message.location.get("url", "")
        if said and self._may_fail(address, int(said[1])):
            return
        if message.text.startswith("Failed to load resource: net::") and self._may_fail(address, 0):
            return
        self.complaints.append(f"console {message.type}: {message.text} {address}")

    def _asked(self, request: Any) -> None:
        split = urlsplit(request.url)
        if split.scheme not in ("data", "blob") and split.hostname != "127.0.0.1":
            self.complaints.append(f"foreign request: {request.url}")

    def _failed(self, request: Any) -> None:
        is_left = request.failure == "net::ERR_ABORTED"  # the widget or a change of the page gave it up
        if not is_left and not self._may_fail(request.url, 0):
            self.complaints.append(f"failed request: {request.method} {request.url}: {request.failure}")

    def _may_fail(self, address: str, status: int) -> bool:
        return any(re.search(path, address) and (status in statuses) for path, statuses in self._expected)


def visit_widget(
    browser: Any, *, width: int = 1280, height: int = 900, permissions: Iterable[str] = ()
) -> WidgetVisitor:
    """A visitor with an empty browser window of their own."""
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="ru-RU", permissions=list(permissions)
    )
    return WidgetVisitor(context.new_page())
