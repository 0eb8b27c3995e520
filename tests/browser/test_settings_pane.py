"""The sandbox's amoCRM pane with the settings inside: a new company installs the widget and brings a bot of its own."""

from __future__ import annotations

import re
from typing import Any

import pytest
import trio
from page_play import Visitor
from widget_play import open_widget_play

from dealgram.sandbox.page import create_page
from dealgram.sandbox.serve import serve

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
async def pane(tmp_path, database_url, nursery):
    """The play, its second account and the page's address, put together as ``dealgram serve`` does it."""
    async with open_widget_play(tmp_path, database_url=database_url) as play:
        newcomer = await play.playground.show_settings(play.world.account)
        app = create_page(play.playground.telegram, play.playground.amo, health_url=None, has_settings=True)

        async def start(*, task_status: trio.TaskStatus[int]) -> None:
            await serve(app, task_status=task_status)

        port = await nursery.start(start)
        play.playground.let_frame(port)
        yield play, newcomer, f"http://127.0.0.1:{port}"
        nursery.cancel_scope.cancel()


async def test_a_new_company_installs_the_widget_and_gets_a_bot_in_the_pane(pane, in_browser):
    play, newcomer, address = pane

    def story(browser: Any) -> list[str]:
        context = browser.new_context(viewport={"width": 1800, "height": 980}, locale="ru-RU", color_scheme="dark")
        visitor = Visitor(context.new_page())
        visitor.page.goto(address)
        visitor.see("guide-settings").wait_for()
        visitor.see("settings-open").click()
        frame = visitor.page.frame_locator('[data-testid="settings-frame"]')
        frame.get_by_text(f"@{play.world.sales_bot.username}").first.wait_for()
        assert frame.locator("html").get_attribute("data-color-scheme") == "dark"

        visitor.see("account").select_option(label=newcomer.name)
        install = frame.locator(".js-widget-install")
        install.click()  # amoCRM leads to the window by itself while nothing is installed
        frame.locator(".js-widget-uninstall").wait_for()
        assert newcomer.is_installed
        frame.get_by_label("Телефон", exact=True).press_sequentially("89001234567")
        frame.get_by_role("checkbox", name=re.compile("согласие на обработку")).check(force=True)
        frame.get_by_role("button", name="Сохранить").click()
        frame.get_by_role("link", name="Перейти к ботам и группам").click()
        frame.get_by_role("heading", name="Подключите первого Telegram бота").wait_for()

        visitor.see("botfather-open").click()
        visitor.see("new-bot-name").fill("Новая компания")
        visitor.see("new-bot-username").fill("novaya_kompaniya_bot")
        visitor.see("new-bot-create").click()
        made = visitor.page.locator('[data-username="novaya_kompaniya_bot"]')
        token = made.get_by_test_id("bot-token").inner_text()
        bots = play.on_trio(lambda: {one.token: one for one in play.playground.telegram.bots})
        assert bots[token].privacy_mode, "as @BotFather makes them"
        made.get_by_test_id("bot-privacy").click()
        made.get_by_text("видит сообщения групп").wait_for()
        visitor.see("dialog-close").click()

        frame.locator('[data-dgm-opener="guide-add"]').click()
        dialog = frame.get_by_role("dialog")
        dialog.get_by_label("Токен бота", exact=True).fill(token)
        dialog.get_by_role("button", name="Подключить").click()
        dialog.get_by_role("button", name="Готово").click()
        row = frame.locator("[data-dgm-bot]")
        row.filter(has_text="@novaya_kompaniya_bot").filter(has_text="Подключён").wait_for()
        row.get_by_role("button", name="Удалить бота Новая компания").click()
        dialog.get_by_role("button", name="Удалить").click()
        row.wait_for(state="detached")

        visitor.see("settings-close").click()
        assert visitor.see("settings-frame").is_hidden()
        assert visitor.see("deals").is_visible()
        return visitor.complaints

    assert await in_browser(story) == []
