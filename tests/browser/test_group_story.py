"""The group's story on the sandbox page, as a newcomer plays it: the real service, from linking to answering.

With ``DEALGRAM_SCREENSHOTS`` set to a folder, the pictures of the documentation are taken anew.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from page_play import PATIENCE_MS, Play, open_play, take_picture, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
async def play(tmp_path):
    async with open_play(tmp_path) as play:
        yield play


def story(browser: Any, play: Play) -> list[str]:
    """Link the group to two deals, talk, answer; returns what the page complained about."""
    visitor = visit(browser, play)
    group = play.world.group.title

    for deal, name in ((play.world.cafe, "Сайт для кофейни"), (play.world.office, "Вывеска и навигация")):
        visitor.becomes("Анна")
        visitor.links_group(group, deal)
        if deal == play.world.cafe:
            visitor.page.mouse.move(0, 0)
            take_picture(visitor.see("pane-telegram"), "guide-telegram.png")
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
    take_picture(visitor.see("pane-amocrm"), "guide-card.png")
    visitor.opens_deal("Вывеска и навигация")
    visitor.waits_for("feed-item", "Макет покажем завтра к обеду")

    dark = browser.new_context(viewport={"width": 1680, "height": 980}, locale="ru-RU", color_scheme="dark").new_page()
    dark.goto(play.address)
    dark.get_by_test_id("actor").first.wait_for(timeout=PATIENCE_MS)
    take_picture(dark, "sandbox-dark.png")
    return visitor.complaints


async def test_the_group_story_from_linking_to_answering_on_the_sandbox_page(play, in_browser):
    assert await in_browser(lambda browser: story(browser, play)) == []
