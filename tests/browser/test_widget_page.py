"""The settings page of the widget, out of widget.zip, against the running service: what is shown, found, followed.

One service and one browser; the stories of a test follow each other on one page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from dialog_play import Dialog
from playwright import sync_api
from widget_play import WidgetPlay, WidgetVisitor, open_widget_play, visit_widget

from dealgram.sandbox.sample_pictures import jpeg

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
NASTY_BOT = "<img src=x onerror=\"window.hacked=1\"> & 'бот'"
NASTY_GROUP = '<b>Полночь</b> <script>window.hacked=2</script> "кавычки"'
ARABIC = "مجموعة العملاء"
LONG = "Проект " + "оченьдлинноеназвание" * 6


def row(visitor: WidgetVisitor, bot_id: int) -> Any:
    return visitor.page.locator(f'[data-dgm-bot="{bot_id}"]')


def toggle(visitor: WidgetVisitor, bot_id: int) -> Any:
    return row(visitor, bot_id).locator('[data-dgm-action="toggle"]')


def group(visitor: WidgetVisitor, title: str) -> Any:
    return visitor.page.locator("[data-dgm-group]").filter(has_text=title)


def link(play: WidgetPlay, title: str, deal: int) -> None:
    """As somebody else does it meanwhile."""

    async def work() -> None:
        account_id = play.account.account_id
        page = await play.service.desk.bots.groups(account_id, None, title, limit=10, offset=0)
        (found,) = page.groups
        await play.service.desk.bots.link(account_id, play.world.olga.id, found.id, str(deal))

    play.await_on_trio(work)


async def test_the_page_of_an_account_with_bots(tmp_path: Path, in_browser: Any) -> None:
    async with open_widget_play(tmp_path) as play:
        telegram, world = play.playground.telegram, play.world
        for title in (NASTY_GROUP, ARABIC, LONG):
            chat = telegram.create_group(title, world.anna)
            telegram.add_member(chat, world.sales_bot, by=world.anna)
        nasty = telegram.add_bot(NASTY_BOT, "nasty_bot")
        telegram.files.set_photo(nasty, jpeg(width=160, height=160, seed=3))
        await play.playground.connect_bot(play.service, play.account, nasty, world.service)

        def story(browser: Any) -> None:
            visitor = visit_widget(browser, permissions=["clipboard-read", "clipboard-write"])
            visitor.comes_from_elsewhere(play.shell_url())
            shows_what_is_there(play, visitor, nasty.id)
            follows_a_link_and_keeps_the_place(play, visitor)
            takes_a_deal_off(play, visitor)
            finds_bots_and_groups(play, visitor, nasty.id)
            keeps_the_search_behind_a_dialog(visitor)
            calls_for_attention(play, visitor)
            is_used_with_the_keyboard(play, visitor)
            copies_what_is_to_be_sent(play, visitor)
            goes_to_a_deal_and_comes_back(play, visitor)
            assert visitor.page.evaluate("() => window.hacked") is None
            visitor.leaves()
            assert visitor.complaints == []

        await in_browser(story)


def shows_what_is_there(play: WidgetPlay, visitor: WidgetVisitor, nasty: int) -> None:
    page, world = visitor.page, play.world
    expect(page.get_by_role("heading", name="Подключённые боты 3")).to_be_visible()
    expect(page.get_by_text("Пробный период: осталось 14 дней")).to_be_visible()
    sales = row(visitor, world.sales_bot.id)
    expect(sales).to_contain_text("Север Продажи")
    expect(sales.get_by_role("link", name="@sever_sales_bot")).to_have_attribute("href", "https://t.me/sever_sales_bot")
    expect(sales.get_by_role("link", name="@sever_sales_bot")).to_have_attribute("rel", "noopener")
    expect(sales).to_contain_text("Продажи")
    expect(sales).to_contain_text("4 группы · связано 0")
    expect(sales).to_contain_text("ещё 1")
    expect(sales.locator(".dgm-badge")).to_have_text("Подключён")
    expect(row(visitor, nasty).locator(".dgm-bot__name")).to_have_text(NASTY_BOT)
    picture = row(visitor, nasty).locator(".dgm-avatar__picture")
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("(image) => image.naturalWidth") > 0
    guide = page.locator('[data-dgm-state="guide"]')
    expect(guide.locator('[data-dgm-step="link"]')).to_have_attribute("aria-current", "step")
    guide.get_by_role("button", name="Скрыть подсказку").click()
    expect(guide).to_have_count(0)
    toggle(visitor, world.sales_bot.id).click()
    for title in (NASTY_GROUP, ARABIC, LONG, world.group.title):
        expect(group(visitor, title).locator(".dgm-group__title")).to_have_text(title)
    expect(group(visitor, world.group.title)).to_contain_text("Группа · бот — администратор")
    expect(group(visitor, world.group.title)).to_contain_text("Не связана")
    invite = row(visitor, world.sales_bot.id).get_by_role("link", name="Добавить бота в группу")
    assert "startgroup" in invite.get_attribute("href")


def follows_a_link_and_keeps_the_place(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    """Somebody links the group; the page shows it by itself, and nothing that the person has in hand is lost."""
    page, world = visitor.page, play.world
    page.evaluate("() => { document.querySelector('.dgm-bot').marked = true; }")
    button = group(visitor, world.group.title).get_by_role("button", name="Связать группу")
    button.focus()
    link(play, world.group.title, world.cafe)
    link(play, world.group.title, world.office)
    deals = group(visitor, world.group.title).locator("[data-dgm-deal]")
    expect(deals).to_have_count(2)
    deal = deals.get_by_role("link", name="Сайт для кофейни «Полдень»")
    expect(deal).to_have_attribute("href", f"/leads/detail/{world.cafe}")
    expect(deal).to_have_class("js-navigate-link dgm-link dgm-deal__name")
    expect(row(visitor, world.sales_bot.id)).to_contain_text("связано 1")
    expect(button).to_be_focused()
    assert page.evaluate("() => document.querySelector('.dgm-bot').marked"), "the row was not drawn anew"


def takes_a_deal_off(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    world = play.world
    deals = group(visitor, world.group.title).locator("[data-dgm-deal]")
    dialog = Dialog(visitor)
    unlink = deals.filter(has_text="Вывеска").get_by_role("button", name="Отвязать")
    unlink.click()
    expect(dialog.root).to_be_visible()
    visitor.page.keyboard.press("Escape")
    dialog.is_gone()
    expect(unlink).to_be_focused()
    unlink.click()
    dialog.button("Отвязать").click()
    dialog.is_gone()
    expect(deals).to_have_count(1)
    expect(group(visitor, world.group.title).locator(":focus")).to_have_count(1)


def finds_bots_and_groups(play: WidgetPlay, visitor: WidgetVisitor, nasty: int) -> None:
    page, world = visitor.page, play.world
    search = page.get_by_role("textbox", name="Поиск по ботам и группам")
    with page.expect_request(lambda request: "/groups?" in request.url):
        search.press_sequentially("полд", delay=20)
    expect(page.locator(".dgm-search__matches")).to_have_text("Найдено: 1 бот, 1 группа")
    expect(page.locator("[data-dgm-bot]")).to_have_count(1)
    expect(toggle(visitor, world.sales_bot.id)).to_have_attribute("aria-expanded", "true")
    expect(page.locator("[data-dgm-group] mark")).to_have_text("Полд")
    expect(page.locator("[data-dgm-live]")).to_have_text("Найдено: 1 бот, 1 группа")
    toggle(visitor, world.sales_bot.id).click()
    expect(toggle(visitor, world.sales_bot.id)).to_have_attribute("aria-expanded", "false")
    search.fill("<script>")
    search.press("Enter")
    expect(page.locator("[data-dgm-group] mark")).to_have_text("<script>")
    search.fill("@nasty")
    search.press("Enter")
    expect(row(visitor, nasty).locator("mark")).to_have_text("nasty")
    search.fill("такого нет")
    search.press("Enter")
    expect(page.get_by_role("heading", name="Ничего не найдено")).to_be_visible()
    page.get_by_role("button", name="Очистить поиск").first.click()
    expect(search).to_have_value("")
    expect(search).to_be_focused()
    expect(page.locator("[data-dgm-bot]")).to_have_count(3)
    search.fill("сервис")
    search.press("Enter")
    expect(page.locator("[data-dgm-bot]")).to_have_count(1)
    search.press("Escape")
    expect(page.locator("[data-dgm-bot]")).to_have_count(3)


def keeps_the_search_behind_a_dialog(visitor: WidgetVisitor) -> None:
    page = visitor.page
    search = page.get_by_role("textbox", name="Поиск по ботам и группам")
    search.fill("север")
    search.press("Enter")
    expect(page.locator("[data-dgm-bot]")).to_have_count(2)
    dialog = Dialog(visitor)
    page.get_by_role("button", name="Сотрудники").click()
    expect(dialog.root).to_be_visible()
    page.keyboard.press("Escape")
    dialog.is_gone()
    expect(page.get_by_role("button", name="Сотрудники")).to_be_focused()
    expect(search).to_have_value("север")
    expect(page.locator("[data-dgm-bot]")).to_have_count(2)
    page.get_by_role("button", name="Очистить поиск").first.click()
    expect(page.locator("[data-dgm-bot]")).to_have_count(3)


def calls_for_attention(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    """A bot gets privacy mode: the badge changes by itself and says what to do; a look again ends it."""
    page, world = visitor.page, play.world
    telegram, bot = play.playground.telegram, world.service_bot
    play.on_trio(lambda: telegram.set_privacy(bot, on=True))
    play.await_on_trio(lambda: play.service.desk.bots.look_again(play.account.account_id, bot.id))
    mine = row(visitor, bot.id)
    expect(mine.locator(".dgm-badge").first).to_have_text("Видит не всё в группах")
    expect(mine).to_contain_text("/setprivacy")
    expect(page.locator("[data-dgm-live]")).to_have_text("Север Сервис: Видит не всё в группах")
    page.get_by_role("button", name="Требуют внимания").click()
    expect(page.locator("[data-dgm-bot]")).to_have_count(1)
    check = mine.get_by_role("button", name="Проверить ещё раз")
    check.click()
    expect(mine).to_contain_text("Проверили: пока без изменений.")
    play.on_trio(lambda: telegram.set_privacy(bot, on=False))
    check.click()
    expect(page.get_by_role("heading", name="Все боты в порядке")).to_be_visible()
    page.get_by_role("button", name="Показать всех").click()
    expect(mine.locator(".dgm-badge").first).to_have_text("Подключён")
    expect(page.get_by_role("button", name="Требуют внимания")).to_have_count(0)


def is_used_with_the_keyboard(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    page, world = visitor.page, play.world
    search = page.get_by_role("textbox", name="Поиск по ботам и группам")
    search.focus()
    page.keyboard.press("Tab")
    first = page.locator('[data-dgm-action="toggle"]').first
    expect(first).to_be_focused()
    width = first.evaluate("(button) => getComputedStyle(button).outlineWidth")
    assert width == "2px", "who uses the keyboard sees where they are"
    mine = toggle(visitor, world.service_bot.id)
    mine.focus()
    page.keyboard.press("Enter")
    expect(mine).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_text("Бота ещё нет ни в одной группе.")).to_be_visible()
    row(visitor, world.service_bot.id).get_by_role("button", name="Скопировать ссылку").focus()
    page.keyboard.press("Escape")
    expect(mine).to_have_attribute("aria-expanded", "false")
    expect(mine).to_be_focused()
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll('.dgm-root button, .dgm-root a, .dgm-root input')]
            .filter((one) => !one.textContent.trim() && !one.getAttribute('aria-label'))
            .map((one) => one.outerHTML)"""
    )
    assert unnamed == []


def copies_what_is_to_be_sent(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    page = visitor.page
    toggle(visitor, play.world.service_bot.id).click()
    mine = row(visitor, play.world.service_bot.id)
    copy = mine.locator('[data-dgm-action="copy-invite"]')
    copy.click()
    expect(copy).to_have_text("Скопировано")
    expect(page.locator("[data-dgm-live]")).to_have_text("Скопировано")
    assert page.evaluate("() => navigator.clipboard.readText()").startswith("https://t.me/sever_service_bot?startgroup")
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', {value: undefined, configurable: true})")
    guide = mine.locator('[data-dgm-action="copy-guide"]')
    guide.click()
    expect(guide).to_have_text("Скопировано")
    expect(guide).to_be_focused()
    page.evaluate("() => { delete navigator.clipboard; }")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert "/menu" in copied
    assert "https://t.me/sever_service_bot?startgroup" in copied


def goes_to_a_deal_and_comes_back(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    page, world = visitor.page, play.world
    toggle(visitor, world.sales_bot.id).click()
    group(visitor, world.group.title).get_by_role("link", name="Сайт для кофейни").click()
    visitor.settles()
    page.wait_for_url(f"**/leads/detail/{world.cafe}*")
    expect(page.locator(".dgm-root")).to_have_count(0)
    page.go_back()
    visitor.settles()
    expect(page.locator("[data-dgm-bot]")).to_have_count(3)
