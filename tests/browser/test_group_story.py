"""The group's story on the sandbox page, as a newcomer plays it: the real service, from linking to answering.

With ``DEALGRAM_SCREENSHOTS`` set to a folder, the pictures of the documentation are taken anew.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio

from dealgram.gateways.telegram import LimitSettings
from dealgram.playground import open_playground
from dealgram.sandbox.amocrm import Switches
from dealgram.sandbox.page import World, build_world, create_page
from dealgram.sandbox.serve import serve
from dealgram.service import open_service
from dealgram.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 30_000
UNHURRIED = LimitSettings(
    chat_rate_per_s=1e3, chat_burst=1e3, group_rate_per_s=1e3, group_burst=1e3, bot_rate_per_s=1e3, bot_burst=1e3
)


@dataclass
class Play:
    """The page's address and the world behind it."""

    address: str
    world: World


@pytest.fixture
async def play(tmp_path) -> AsyncIterator[Play]:
    """The service with its sandbox, put together as ``dealgram serve`` does it."""
    settings = Settings(_env_file=None, data_dir=tmp_path, port=0, sandbox="on", amocrm_rate_per_s=1000)
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
        yield Play(f"http://127.0.0.1:{port}", world)
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


def story(browser: Any, play: Play) -> list[str]:
    """Link the group to two deals, talk, answer; returns what the page complained about."""
    context = browser.new_context(viewport={"width": 1680, "height": 980}, locale="ru-RU", color_scheme="light")
    visitor = Visitor(context.new_page())
    visitor.page.goto(play.address)
    group = play.world.group.title

    for deal, name in ((play.world.cafe, "Сайт для кофейни"), (play.world.office, "Вывеска и навигация")):
        visitor.becomes("Анна")
        visitor.opens_chat(group)
        visitor.writes("/menu")
        visitor.waits_for("message", "Что сделать?")
        visitor.presses("Связать группу со Сделкой")
        visitor.waits_for("message", "пришлите ID сделки")
        visitor.writes(str(deal))
        visitor.waits_for("message", f"(№ {deal})")
        visitor.opens_deal(name)
        visitor.waits_for("feed-item", "связана с этой сделкой")

    visitor.becomes("Игорь")
    visitor.opens_chat(group)
    visitor.writes("Добрый день! Когда увидим макет?")
    for name in ("Вывеска и навигация", "Сайт для кофейни"):
        visitor.opens_deal(name)
        visitor.waits_for("feed-item", "Когда увидим макет?")

    chats = visitor.see("chat-select")
    option = chats.locator("option").filter(has_text=re.compile(re.escape(group)))
    chats.select_option(value=option.first.get_attribute("value"))
    visitor.see("amo-input").fill("Добрый день, Игорь! Макет покажем завтра к обеду.")
    visitor.see("amo-send").click()
    visitor.waits_for("message", "Макет покажем завтра к обеду")
    visitor.page.locator('[data-testid="feed-item"][data-status="delivered"]').last.wait_for()
    visitor.page.locator('[data-testid="actor"][data-state="running"]').first.wait_for()
    take_picture(visitor.page, "sandbox.png")
    visitor.opens_deal("Вывеска и навигация")
    visitor.waits_for("feed-item", "Макет покажем завтра к обеду")

    dark = browser.new_context(viewport={"width": 1680, "height": 980}, locale="ru-RU", color_scheme="dark").new_page()
    dark.goto(play.address)
    dark.get_by_test_id("actor").first.wait_for(timeout=PATIENCE_MS)
    take_picture(dark, "sandbox-dark.png")
    return visitor.complaints


def take_picture(page: Any, name: str) -> None:
    """Take a picture for the documentation where one is asked for."""
    folder = os.environ.get("DEALGRAM_SCREENSHOTS")
    if folder:
        page.screenshot(path=str(Path(folder) / name))


async def test_the_group_story_from_linking_to_answering_on_the_sandbox_page(play, in_browser):
    assert await in_browser(lambda browser: story(browser, play)) == []
