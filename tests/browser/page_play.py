"""The sandbox page as a person uses it: the world behind it, and a visitor who also notices what must not happen."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio

from dealgram.playground import Playground, open_playground
from dealgram.sandbox.amocrm import Switches
from dealgram.sandbox.page import World, build_world, create_page
from dealgram.sandbox.serve import serve
from dealgram.service import open_service
from dealgram.settings import Settings
from dealgram.story import UNHURRIED

PATIENCE_MS = 30_000
CALM_MS = 500
"""Until nothing moves any more, before a picture is taken."""


@dataclass
class Play:
    """The page's address and the world behind it."""

    address: str
    world: World
    playground: Playground


@asynccontextmanager
async def open_play(folder: Path) -> AsyncIterator[Play]:
    """The service with its sandbox, put together as ``dealgram serve`` does it."""
    settings = Settings(_env_file=None, data_dir=folder, port=0, sandbox="on", amocrm_rate_per_s=1000)
    async with (
        open_playground(amo_switches=Switches(rest_rate_per_s=None)) as playground,
        open_service(playground.settings(settings), limits=UNHURRIED) as service,
        trio.open_nursery() as nursery,
    ):
        bound = await nursery.start(service.run)
        playground.send_hooks_to(bound.url)
        world = build_world(playground.telegram, playground.amo)
        await playground.connect(service, world.account, world.bots)
        page = create_page(playground.telegram, playground.amo, health_url=f"{bound.url}/health/actors")

        async def start(*, task_status: trio.TaskStatus[int]) -> None:
            await serve(page, task_status=task_status)

        port = await nursery.start(start)
        yield Play(f"http://127.0.0.1:{port}", world, playground)
        playground.telegram.assert_clean()
        playground.amo.assert_clean()
        service.request_stop()
        nursery.cancel_scope.cancel()


@dataclass
class Visitor:
    """Somebody at the page, who also notices what must not happen on it."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def see(self, testid: str, text: str | None = None) -> Any:
        found = self.page.get_by_test_id(testid)
        return found.filter(has_text=text) if text else found

    def waits_for(self, testid: str, text: str) -> None:
        self.see(testid, text).last.wait_for()

    def becomes(self, person: str) -> None:
        self.page.locator(f'[data-testid^="person-"][data-name*="{person}"]').click()

    def opens_chat(self, title: str) -> None:
        self.page.locator(f'[data-testid^="chat-"][data-title*="{title}"]').first.click()

    def opens_deal(self, name: str) -> None:
        self.page.locator(f'[data-testid^="deal-"][data-name*="{name}"]').first.click()

    def writes(self, text: str) -> None:
        self.see("telegram-input").fill(text)
        self.see("telegram-input").press("Enter")

    def presses(self, button: str) -> None:
        self.see("inline-button", button).last.click()

    def attaches(self, pane: str, *samples: str) -> None:
        """Choose samples in the menu of the paper clip: ``telegram`` or ``amo``."""
        for sample in samples:
            self.see(f"{pane}-attach").click()
            self.see(f"{pane}-menu").locator(f'[data-sample="{sample}"]').click()

    def links_group(self, group: str, deal: int) -> None:
        """As an administrator does it, from the menu to the confirmation."""
        self.opens_chat(group)
        menus = self.see("message", "Что сделать?")
        asked = self.see("message", "пришлите ID сделки")
        before = menus.count(), asked.count()  # of earlier links
        self.writes("/menu")
        menus.nth(before[0]).wait_for()
        self.presses("Связать группу со Сделкой")
        asked.nth(before[1]).wait_for()
        self.writes(str(deal))
        self.waits_for("message", f"(№ {deal})")


def visit(browser: Any, play: Play) -> Visitor:
    """A visitor who has just opened the page."""
    context = browser.new_context(viewport={"width": 1680, "height": 980}, locale="ru-RU", color_scheme="light")
    visitor = Visitor(context.new_page())
    visitor.page.goto(play.address)
    return visitor


def take_picture(page: Any, name: str) -> None:
    """Take a picture of a page or an element, for the documentation, where one is asked for."""
    folder = os.environ.get("DEALGRAM_SCREENSHOTS")
    if folder:
        getattr(page, "page", page).wait_for_timeout(CALM_MS)
        page.screenshot(path=str(Path(folder) / name))
