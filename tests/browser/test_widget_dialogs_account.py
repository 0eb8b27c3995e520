"""Dialogs about groups and the account, out of widget.zip, against the running service: linking and unlinking deals,
settings, employees, the steps of the connection; without an administrator's rights, in the dark, in a narrow window.

One service and one browser; each story leaves the account as the next one expects it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import trio
from dialog_play import Dialog, answering, bodies, holding, picture
from playwright import sync_api
from widget_play import WidgetPlay, open_widget_play, visit_widget

from dealgram.persistence import participants
from dealgram.persistence.records import SetupStep, upsert

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
PATIENCE_S = 15
DEALS = r"/groups/\d+/deals$"
SETTINGS = r"/api/v1/settings$"
EMPLOYEES = r"/api/v1/employees"


async def test_groups_settings_and_people(tmp_path: Path, in_browser: Any) -> None:
    async with open_widget_play(tmp_path) as play:

        def story(browser: Any) -> None:
            visitor = visit_widget(browser)
            visitor.comes_from_elsewhere(play.shell_url())
            dialog = Dialog(visitor)
            links(play, dialog)
            unlinks(play, dialog)
            chooses_settings(play, dialog)
            is_asked_before_losing_changes(dialog)
            waits_in_vain(dialog)
            names_employees(play, dialog)
            repeats_the_setup(play, dialog)
            visitor.leaves()
            assert visitor.complaints == []
            only_looks(play, browser)
            has_little_room(play, browser)

        await in_browser(story)


def links(play: WidgetPlay, dialog: Dialog) -> None:
    world = play.world
    dialog.page.locator(f'[data-dgm-bot="{world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
    opener = dialog.page.locator('[data-dgm-action="link-group"]')
    opener.click()
    dialog.is_shown("Связать со сделкой")
    dialog.shows(world.group.title)
    deal = dialog.field("Номер сделки или ссылка на неё")
    expect(deal).to_be_focused()
    with bodies(dialog.visitor, "POST", DEALS) as sent:
        deal.press("Enter")
        expect(dialog.error_at("deal")).to_have_text("Введите номер сделки или вставьте ссылку.")
        deal.fill("кофейня")
        deal.press("Enter")
        expect(dialog.error_at("deal")).to_have_text("Нужен номер сделки или ссылка на её карточку.")
        assert sent == []
    deal.fill("987654321")
    with dialog.visitor.expecting(DEALS, 404, 422):
        deal.press("Enter")
        expect(dialog.error_at("deal")).to_contain_text("987654321")
    expect(deal).to_have_value("987654321")
    expect(deal).to_have_attribute("aria-invalid", "true")
    picture(dialog.page, "group-link")
    with answering(dialog.visitor, "POST", DEALS, 402, "lapsed", "Оплаченный период закончился."):
        dialog.button("Связать").click()
        expect(dialog.alert).to_have_text("Оплаченный период закончился.")
    deal.fill(f"https://{play.on_trio(lambda: world.account.host)}/leads/detail/{world.cafe}")
    with bodies(dialog.visitor, "POST", DEALS) as sent:
        dialog.button("Связать").dblclick()
        dialog.is_gone()
    assert len(sent) == 1
    expect(dialog.page.get_by_role("link", name="Сайт для кофейни «Полдень»")).to_be_visible()
    expect(opener).to_be_focused()


def unlinks(play: WidgetPlay, dialog: Dialog) -> None:
    opener = dialog.page.locator('[data-dgm-action="unlink"]')
    path = rf"/deals/{play.world.cafe}$"
    opener.click()
    dialog.is_shown("Отвязать сделку от группы?")
    dialog.shows("Сайт для кофейни «Полдень»")
    expect(dialog.button("Отмена")).to_be_focused()
    picture(dialog.page, "group-unlink")
    with bodies(dialog.visitor, "DELETE", path) as sent:
        dialog.page.keyboard.press("Enter")
        dialog.is_gone()
        assert sent == []
    expect(opener).to_be_focused()
    opener.click()
    with answering(dialog.visitor, "DELETE", path, 503, "unavailable"):
        dialog.button("Отвязать").click()
        expect(dialog.alert).to_contain_text("временно недоступен")
    dialog.button("Отвязать").dblclick()
    dialog.is_gone()
    expect(opener).to_have_count(0)


def chooses_settings(play: WidgetPlay, dialog: Dialog) -> None:
    dialog.opens_by("account-settings", "Настройки аккаунта")
    save = dialog.button("Сохранить")
    expect(save).to_be_disabled()
    expect(dialog.field("Чат с каждым")).to_be_checked()
    picture(dialog.page, "account-settings")
    dialog.field("Один чат с группой").check()
    dialog.field("Один чат с группой").press("ArrowLeft")
    expect(dialog.field("Чат с каждым")).to_be_checked()
    expect(save).to_be_disabled()
    dialog.field("Один чат с группой").check()
    dialog.field("Любой участник группы").check()
    dialog.root.get_by_text("Имя менеджера перед ответом").click()
    dialog.shows("Анна, менеджер:")
    dialog.chooses("закрыта", "Отвязать группу")
    count = dialog.field("Последние сообщения при связывании")
    count.fill("101")
    save.click()
    expect(dialog.error_at("import_last_messages")).to_have_text("Введите число от 0 до 100.")
    expect(count).to_be_focused()
    count.fill("20")
    with answering(dialog.visitor, "PATCH", SETTINGS, 422, "invalid", "Тег слишком длинный.", field="contact_tag"):
        save.click()
        expect(dialog.error_at("contact_tag")).to_have_text("Тег слишком длинный.")
    with answering(dialog.visitor, "PATCH", SETTINGS, 409, "reauthorise", authorise_url="https://www.amocrm.ru/oauth"):
        save.click()
        link = dialog.root.get_by_role("link", name="Разрешить доступ")
        expect(link).to_have_attribute("href", "https://www.amocrm.ru/oauth")
    with bodies(dialog.visitor, "PATCH", SETTINGS) as sent:
        save.dblclick()
        dialog.is_gone()
    assert sent == [
        {
            "everyone_may_link": True,
            "policy": "deal",
            "manager_names": True,
            "on_deal_closed": "unlink",
            "import_last_messages": 20,
        }
    ]
    dialog.opens_by("account-settings", "Настройки аккаунта")
    expect(dialog.field("Один чат с группой")).to_be_checked()
    expect(dialog.field("Последние сообщения при связывании")).to_have_value("20")
    dialog.keeps_the_keyboard()
    dialog.page.keyboard.press("Escape")
    dialog.is_gone()
    expect(dialog.page.locator('[data-dgm-opener="account-settings"]')).to_be_focused()


def is_asked_before_losing_changes(dialog: Dialog) -> None:
    dialog.opens_by("account-settings", "Настройки аккаунта")
    previews = dialog.field("Предпросмотр ссылок")
    previews.focus()
    previews.press("Space")
    dialog.button("Закрыть").click()
    dialog.shows("Изменения не сохранены.")
    picture(dialog.page, "unsaved")
    dialog.button("Вернуться").click()
    expect(previews).not_to_be_checked()
    dialog.button("Отмена").click()
    with bodies(dialog.visitor, "PATCH", SETTINGS) as sent:
        dialog.button("Не сохранять").click()
        dialog.is_gone()
        assert sent == []


def waits_in_vain(dialog: Dialog) -> None:
    dialog.opens_by("account-settings", "Настройки аккаунта")
    dialog.field("Предпросмотр ссылок").uncheck(force=True)
    dialog.page.clock.install()
    with holding(dialog.visitor, "PATCH", SETTINGS) as held:
        with dialog.page.expect_request(re.compile(SETTINGS)):
            dialog.button("Сохранить").click()
        expect(dialog.button("Сохранить")).to_have_attribute("aria-disabled", "true")
        dialog.page.clock.fast_forward(46_000)
        expect(dialog.alert).to_contain_text("не ответил вовремя")
    assert held
    expect(dialog.field("Предпросмотр ссылок")).not_to_be_checked()
    dialog.page.clock.resume()
    dialog.button("Отмена").click()
    dialog.button("Не сохранять").click()
    dialog.is_gone()


def names_employees(play: WidgetPlay, dialog: Dialog) -> None:
    world, account_id = play.world, play.account.account_id
    play.on_trio(lambda: play.playground.telegram.write(world.igor, world.group, "Добрый день"))

    async def is_known() -> None:
        with trio.fail_after(PATIENCE_S):
            while True:
                if await participants.search(play.service.services.db, account_id, "Игорь", 1):
                    break
                await trio.sleep(0.02)  # the database has no event for it

    play.await_on_trio(is_known)
    with answering(dialog.visitor, "GET", EMPLOYEES, 500, "internal"):
        dialog.opens_by("employees", "Сотрудники в группах")
        dialog.shows("Ошибка на сервере")
    dialog.button("Повторить").click()
    dialog.shows("Сотрудников пока нет.")
    person = dialog.root.get_by_role("combobox", name="Кто это в Telegram")
    expect(person).to_be_focused()
    dialog.button("Добавить").click()
    expect(dialog.error_at("user_id")).to_have_text("Укажите человека в Telegram.")
    person.fill("nobody_at_all")
    dialog.chooses("Пользователь amoCRM", "Дмитрий Орлов")
    with dialog.visitor.expecting(EMPLOYEES, 422):
        dialog.button("Добавить").click()
        expect(dialog.error_at("user_id")).to_be_visible()
    expect(person).to_have_value("nobody_at_all")
    person.fill("игорь")
    option = dialog.root.get_by_role("option", name=re.compile("Игорь Петров"))
    expect(option).to_contain_text(world.group.title)
    picture(dialog.page, "employees-search")
    person.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    person.press("Escape")
    expect(option).to_have_count(0)
    dialog.is_shown("Сотрудники в группах")
    person.press("ArrowDown")
    expect(option).to_be_visible()
    person.press("ArrowDown")
    person.press("Enter")
    expect(person).to_have_value("@igor_petrov")
    with bodies(dialog.visitor, "POST", EMPLOYEES) as sent:
        dialog.button("Добавить").dblclick()
        expect(dialog.root.locator(".dgm-employees__row")).to_have_count(1)
    assert sent == [{"user_id": world.igor.id, "amo_user_id": world.dmitry.id}]
    dialog.shows("Игорь Петров")
    picture(dialog.page, "employees")
    dialog.button("Убрать сотрудника: Игорь Петров").click()
    dialog.root.locator('[data-dgm-do="remove-keep"]').click()
    expect(dialog.button("Убрать сотрудника: Игорь Петров")).to_be_focused()
    dialog.button("Убрать сотрудника: Игорь Петров").click()
    dialog.button("Точно убрать").click()
    dialog.shows("Сотрудников пока нет.")
    dialog.button("Закрыть").first.click()
    dialog.is_gone()


def repeats_the_setup(play: WidgetPlay, dialog: Dialog) -> None:
    account_id = play.account.account_id

    async def fails() -> None:
        step = SetupStep(account_id=account_id, step="users", state="failed", detail="amoCRM <b>не отвечает</b>.")
        await upsert(play.service.services.db, step)
        play.service.desk.account.watch.wake()

    dialog.opens_by("setup-steps", "Этапы подключения")
    dialog.shows("Всё подключено.")
    play.await_on_trio(fails)
    dialog.shows("amoCRM <b>не отвечает</b>.")
    picture(dialog.page, "setup")
    with answering(dialog.visitor, "POST", r"/setup/retry$", 429, "too_many"):
        dialog.button("Повторить").click()
        expect(dialog.alert).to_contain_text("Слишком много запросов")
    dialog.button("Повторить").click()
    dialog.shows("Всё подключено.")
    dialog.page.keyboard.press("Escape")
    dialog.is_gone()


def only_looks(play: WidgetPlay, browser: Any) -> None:
    """A manager without an administrator's rights."""
    visitor = visit_widget(browser)
    visitor.comes_from_elsewhere(play.shell_url(user=play.world.dmitry, theme="dark"))
    dialog = Dialog(visitor)
    dialog.opens_by("account-settings", "Настройки аккаунта")
    dialog.shows("Только для просмотра")
    expect(dialog.field("Один чат с группой")).to_be_checked()
    expect(dialog.field("Любой участник группы")).to_be_disabled()
    expect(dialog.button("Сохранить")).to_have_count(0)
    picture(dialog.page, "account-settings-readonly-dark")
    dialog.page.keyboard.press("Escape")
    dialog.is_gone()
    dialog.opens_by("employees", "Сотрудники в группах")
    dialog.shows("Сотрудников пока нет.")
    expect(dialog.button("Добавить")).to_have_count(0)
    dialog.button("Закрыть").first.click()
    dialog.is_gone()
    visitor.leaves()
    assert visitor.complaints == []


def has_little_room(play: WidgetPlay, browser: Any) -> None:
    visitor = visit_widget(browser, width=390, height=780)
    visitor.comes_from_elsewhere(play.shell_url(theme="dark"))
    dialog = Dialog(visitor)
    for opener, caption in (
        ("add-bot", "Добавить Telegram бота"),
        ("account-settings", "Настройки аккаунта"),
        ("employees", "Сотрудники в группах"),
        ("setup-steps", "Этапы подключения"),
        (f"edit-{play.world.sales_bot.id}", "Настройки бота"),
        (f"delete-{play.world.sales_bot.id}", "Точно удалить бота?"),
    ):
        dialog.opens_by(opener, caption)
        expect(dialog.root.locator(".dgm-dialog__loading")).to_have_count(0)
        dialog.has_room()
        picture(dialog.page, f"narrow-dark-{opener.split('-')[0]}")
        dialog.page.keyboard.press("Escape")
        dialog.is_gone()
    visitor.leaves()
    assert visitor.complaints == []
