"""The settings page for people who may change nothing, in narrow and dark windows, with much in it and any name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from dialog_play import Dialog
from large_account import BOTS, GROUPS_EACH, LargeAccount
from page_states import ACCOUNT, links_the_group, notice, take_picture
from playwright import sync_api
from widget_play import WidgetPlay, open_widget_play, visit_widget

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
TURNED_ROUND = """() => [...document.querySelectorAll('.dgm-root *, .dgm-dialog *')]
    .filter((one) => one.tagName !== 'BDI' && /\\u202e/.test([...one.childNodes].filter((node) => node.nodeType === 3)
    .map((node) => node.data).join('')) && !one.closest('bdi')).map((one) => one.outerHTML)"""
"""Elements with text in a foreign direction outside of a <bdi>, which keeps it to itself."""


async def test_the_page_for_other_people_places_and_sizes(tmp_path: Path, in_browser: Any) -> None:
    async with open_widget_play(tmp_path) as play:
        await links_the_group(play, play.world.cafe, play.world.repair)

        def story(browser: Any) -> None:
            only_shows_to_who_may_not_change(play, browser)
            fits_into_a_narrow_dark_window(play, browser)
            stays_quick_with_many_bots(play, browser)
            has_room_for_any_name(play, browser)

        await in_browser(story)


def only_shows_to_who_may_not_change(play: WidgetPlay, browser: Any) -> None:
    visitor = visit_widget(browser)
    page = visitor.page
    visitor.comes_from_elsewhere(play.shell_url(user=play.world.dmitry))
    expect(notice(visitor, "rights")).to_contain_text("Только просмотр")
    add = page.get_by_role("button", name="Добавить Telegram бота")
    expect(add).to_have_attribute("aria-disabled", "true")
    expect(add).to_have_attribute("title", "Доступно администратору")
    add.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(f'[data-dgm-bot="{play.world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-group]")).to_have_count(1)
    for name in ("Изменить", "Удалить", "Отвязать", "Связать"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    take_picture(visitor, "read-only")
    visitor.leaves()
    assert visitor.complaints == []
    page.context.close()


def wider_than_the_window(page: Any) -> list[str]:
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll('.dgm-root *')]
                .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.className)"""
        )
    )


def fits_into_a_narrow_dark_window(play: WidgetPlay, browser: Any) -> None:
    visitor = visit_widget(browser, width=390, height=844)
    page = visitor.page
    visitor.comes_from_elsewhere(play.shell_url(theme="dark"))
    page.locator(f'[data-dgm-bot="{play.world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-group]")).to_have_count(1)
    assert wider_than_the_window(page) == []
    small = page.evaluate(
        """() => [...document.querySelectorAll('.dgm-root button')]
            .filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.textContent.trim())"""
    )
    assert small == [], "a finger can press each button"
    take_picture(visitor, "narrow-dark")
    page.set_viewport_size({"width": 1280, "height": 900})
    take_picture(visitor, "dark")
    visitor.leaves()
    assert visitor.complaints == []
    page.context.close()


def stays_quick_with_many_bots(play: WidgetPlay, browser: Any) -> None:
    """An agency's account: few requests however many bots, and the groups of one bot at a time."""
    visitor = visit_widget(browser)
    page = visitor.page
    with (
        page.expect_response(re.compile(ACCOUNT)) as account,
        page.expect_response(re.compile(r"/api/v1/bots$")) as bots,
    ):
        visitor.opens(play.shell_url())
    expect(page.locator("[data-dgm-bot]")).to_have_count(2)
    page.locator(f'[data-dgm-bot="{play.world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-deal]")).to_have_count(2)
    take_picture(visitor, "light")
    large = LargeAccount(visitor, account.value.json(), bots.value.json()["bots"][0])
    visitor.comes_from_elsewhere(play.shell_url())
    expect(page.locator("[data-dgm-bot]")).to_have_count(BOTS)
    assert sorted(large.asked) == ["/account?", "/bots?"]
    large.asked.clear()
    page.locator('[data-dgm-bot="7"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-group]")).to_have_count(GROUPS_EACH)
    page.locator('[data-dgm-bot="9"] [data-dgm-action="toggle"]').click()
    expect(page.locator('[data-dgm-bot="9"] [data-dgm-group]')).to_have_count(GROUPS_EACH)
    expect(page.locator("[data-dgm-group]")).to_have_count(GROUPS_EACH)
    large.asked.clear()
    page.locator("[data-dgm-search]").fill("проект")
    expect(page.get_by_role("button", name="Показать ещё 10").first).to_be_visible()
    expect(page.locator("[data-dgm-group]")).to_have_count(100)
    assert len(large.asked) == 2
    page.get_by_role("button", name="Показать ещё 10").first.click()
    expect(page.locator("[data-dgm-group]")).to_have_count(110)
    expect(page.locator("[data-dgm-group]:focus-within, [data-dgm-bot]:focus-within")).not_to_have_count(0)
    visitor.leaves()
    assert visitor.complaints == []


def has_room_for_any_name(play: WidgetPlay, browser: Any) -> None:
    """Telegram and amoCRM let people write what they like: 300 characters in one word, and words from right to left."""
    sales, latin, arabic = play.world.sales_bot.id, "Ж" * 300, "\u202eمجموعة العملاء " * 20

    def rename(bot: str, group: str, deal: str) -> None:
        async def work() -> None:
            db = play.service.services.db
            await db.execute("UPDATE bots SET name = $2 WHERE bot_id = $1", sales, bot)
            await db.execute("UPDATE groups SET title = $2 WHERE bot_id = $1", sales, group)
            await db.execute("UPDATE links SET deal_name = $2 WHERE deal_id = $1", play.world.cafe, deal)
            await play.service.refresh()

        play.await_on_trio(work)

    visitor = visit_widget(browser, width=390, height=844)
    page, dialog = visitor.page, Dialog(visitor)
    visitor.comes_from_elsewhere(play.shell_url())
    rename(latin, arabic, latin)
    bot = page.locator(f'[data-dgm-bot="{sales}"]')
    expect(bot.locator(".dgm-bot__name")).to_have_text(latin)
    bot.locator('[data-dgm-action="toggle"]').click()
    for bot_name, group_name, deal_name in ((latin, arabic, latin), (arabic, latin, arabic)):
        rename(bot_name, group_name, deal_name)
        group = bot.locator("[data-dgm-group]")
        expect(bot.locator(".dgm-bot__name")).to_have_text(bot_name.strip())
        expect(group.locator(".dgm-group__title")).to_have_text(group_name.strip())
        expect(group.locator(".dgm-deal__name").first).to_have_text(deal_name.strip())
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert wider_than_the_window(page) == []
            assert bot.evaluate("(bot) => bot.scrollHeight") < 640
            assert page.evaluate(TURNED_ROUND) == [], "a name from right to left leaves the words beside it alone"
        for button, highest_px in (("edit-bot", 960), ("delete-bot", 460), ("link-group", 440), ("unlink", 560)):
            bot.locator(f'[data-dgm-action="{button}"]').first.click()
            expect(dialog.root).to_be_visible()
            expect(dialog.root).not_to_have_attribute("aria-busy", "true")
            dialog.has_room()
            assert dialog.root.evaluate("(root) => root.scrollHeight") < highest_px
            assert page.evaluate(TURNED_ROUND) == []
            page.keyboard.press("Escape")
            dialog.is_gone()
    visitor.leaves()
    assert visitor.complaints == []
