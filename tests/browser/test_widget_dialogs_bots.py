"""Dialogs about bots, out of widget.zip, against the running service: adding, changing, replacing a token, deleting.

One service and one browser; each story leaves the account as the next one expects it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from dialog_play import Dialog, answering, bodies, holding, picture
from playwright import sync_api
from widget_play import WidgetPlay, open_widget_play, visit_widget

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
NASTY = "Полёт <img src=x onerror=alert(1)>"
BOTS = r"/api/v1/bots$"
CHECK = r"/api/v1/bots/check$"
LETTER = """Done! Congratulations on your new bot. Use this token to access the HTTP API:
{token}
Keep your token secure and store it safely, it can be used by anyone to control your bot."""


def pastes(field: Any, text: str) -> None:
    field.evaluate(
        """(field, text) => {
            const clipboardData = new DataTransfer();
            clipboardData.setData('text', text);
            field.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }));
        }""",
        text,
    )


async def test_a_bot_from_its_token_to_its_end(tmp_path: Path, in_browser: Any) -> None:
    async with open_widget_play(tmp_path) as play:
        telegram = play.playground.telegram
        studio = telegram.add_bot(NASTY, "polet_bot", privacy_mode=True)

        def story(browser: Any) -> None:
            visitor = visit_widget(browser)
            visitor.comes_from_elsewhere(play.shell_url())
            expect(visitor.page.get_by_text("Север Продажи")).to_be_visible()
            dialog = Dialog(visitor)
            what_is_no_token(play, dialog)
            what_is_found(play, dialog, studio)
            what_fails(play, dialog, studio)
            is_added(play, dialog, studio)
            is_here_already(play, dialog)
            is_taken_from_another(play, dialog)
            is_changed(play, dialog, studio)
            gets_a_new_token(play, dialog, studio)
            is_taken_back(play, dialog)
            is_closed_in_the_middle(play, dialog)
            is_deleted(play, dialog)
            goes_with_the_page(play, dialog)
            assert visitor.complaints == []

        await in_browser(story)


def what_is_no_token(play: WidgetPlay, dialog: Dialog) -> None:
    dialog.opens("Добавить", "Добавить Telegram бота")
    token = dialog.field("Токен бота")
    expect(token).to_be_focused()
    expect(token).to_have_attribute("type", "password")
    with bodies(dialog.visitor, "POST", "/api/v1/bots") as sent:
        dialog.button("Подключить").click()
        expect(dialog.error_at("token")).to_have_text("Вставьте токен бота.")
        token.fill("12345:короткий")
        token.press("Enter")
        expect(dialog.error_at("token")).to_contain_text("Это не похоже на токен")
        expect(token).to_have_attribute("aria-invalid", "true")
        pastes(token, "123456:AAAAAAAAAAAAAAAAAAAAAAAAAA и ещё 654321:BBBBBBBBBBBBBBBBBBBBBBBBBB")
        expect(dialog.error_at("token")).to_contain_text("несколько токенов")
        assert sent == []
    token.fill("123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    with dialog.visitor.expecting(CHECK, 422):
        expect(dialog.error_at("token")).to_contain_text("Telegram не принимает этот токен")
    dialog.button("Показать токен").click()
    expect(token).to_have_attribute("type", "text")


def what_is_found(play: WidgetPlay, dialog: Dialog, studio: Any) -> None:
    token = dialog.field("Токен бота")
    token.fill("")
    pastes(token, LETTER.format(token=studio.token))
    expect(token).to_have_value(studio.token)
    dialog.shows(NASTY)
    dialog.shows("@polet_bot")
    dialog.shows("включён режим приватности")
    picture(dialog.page, "bot-add-warning")
    play.on_trio(lambda: play.playground.telegram.set_privacy(studio, on=False))
    dialog.button("Проверить ещё раз").click()
    expect(dialog.root.get_by_text("режим приватности")).to_have_count(0)
    dialog.shows("Токен действует")
    dialog.chooses("Воронка", "Сервис")
    title = dialog.field("Название сделки")
    title.fill("{nmae} и {bot")
    dialog.button("Подключить").click()
    expect(dialog.error_at("deal_title")).to_contain_text("Такой подстановки нет")
    expect(title).to_be_focused()
    title.fill("Заявка: ")
    dialog.button("имя").click()
    dialog.shows("Заявка: Мария Иванова")
    dialog.field("Теги сделки").fill("телеграм, новый")
    dialog.field("Теги сделки").press("Enter")
    expect(dialog.button("Убрать тег «новый»")).to_be_visible()


def what_fails(play: WidgetPlay, dialog: Dialog, studio: Any) -> None:
    """Whatever goes wrong, everything that was typed is still there, and the same press may be repeated."""
    visitor = dialog.visitor
    cases = (
        (403, "not_admin", "только администратор"),
        (429, "too_many", "Слишком много запросов"),
        (500, "internal", "Ошибка на сервере"),
        (503, "unavailable", "временно недоступен"),
        (0, "", "Нет связи с сервером"),
    )
    ids = []
    for status, code, words in cases:
        with answering(visitor, "POST", BOTS, status, code) as sent:
            dialog.button("Подключить").click()
            expect(dialog.alert).to_contain_text(words)
            expect(dialog.button("Подключить")).to_have_attribute("aria-disabled", "false")
            ids.append(re.search(r'"request_id":"([^"]+)"', sent[0])[1])
            assert len(sent) == 1
        expect(dialog.field("Токен бота")).to_have_value(studio.token)
        expect(dialog.field("Название сделки")).to_have_value("Заявка: {name}")
        expect(dialog.root.get_by_role("button", name=re.compile("^Воронка"))).to_contain_text("Сервис")
    # A refusal is an answer; nobody knows what became of a call that the network or a busy service lost.
    assert len(set(ids)) == 4
    with answering(visitor, "POST", BOTS, 422, "pipeline_archived", "Воронка «Сервис» в архиве."):
        dialog.button("Подключить").click()
        expect(dialog.error_at("pipeline_id")).to_have_text("Воронка «Сервис» в архиве.")
    assert play.on_trio(lambda: studio.profile) == {}


def is_added(play: WidgetPlay, dialog: Dialog, studio: Any) -> None:
    with bodies(dialog.visitor, "POST", BOTS) as sent:
        dialog.button("Подключить").dblclick()
        dialog.is_shown("Бот подключён")
    assert sent == [
        {
            "token": studio.token,
            "pipeline_id": play.world.service.id,
            "unsorted": False,
            "deal_title": "Заявка: {name}",
            "deal_tags": ["телеграм", "новый"],
        }
    ]
    link = dialog.root.get_by_role("link", name="Выбрать группу")
    expect(link).to_be_focused()
    expect(link).to_have_attribute("href", re.compile(r"^https://t\.me/polet_bot\?startgroup"))
    picture(dialog.page, "bot-added")
    dialog.button("Готово").click()
    dialog.is_gone()
    expect(dialog.page.get_by_text("@polet_bot")).to_be_visible()
    expect(dialog.page.get_by_role("button", name="Добавить").first).to_be_focused()


def is_here_already(play: WidgetPlay, dialog: Dialog) -> None:
    dialog.opens("Добавить", "Добавить Telegram бота")
    dialog.field("Токен бота").fill(play.world.sales_bot.token)
    dialog.shows("уже подключён к этому аккаунту")
    with bodies(dialog.visitor, "POST", BOTS) as sent:
        dialog.button("Подключить").click()
        expect(dialog.button("Проверить ещё раз")).to_be_focused()
        assert sent == []
    dialog.page.keyboard.press("Escape")
    dialog.page.keyboard.press("Escape")  # in a hurry: it is asked once
    dialog.shows("Изменения не сохранены.")
    expect(dialog.button("Вернуться")).to_be_focused()
    dialog.button("Вернуться").click()
    expect(dialog.field("Токен бота")).to_have_value(play.world.sales_bot.token)
    dialog.page.keyboard.press("Escape")
    dialog.button("Не сохранять").click()
    dialog.is_gone()


def is_taken_from_another(play: WidgetPlay, dialog: Dialog) -> None:
    other = play.on_trio(lambda: play.playground.telegram.add_bot("Чужой", "foreign_bot"))
    play.on_trio(lambda: play.playground.telegram.take_bot(other, "https://other.example/hook"))
    dialog.opens("Добавить", "Добавить Telegram бота")
    dialog.field("Токен бота").fill(other.token)
    dialog.shows("получает другой сервис (other.example)")
    picture(dialog.page, "bot-add-conflict")
    dialog.button("Переключить на dealgram").click()
    dialog.is_shown("Бот подключён")
    dialog.button("Добавить ещё одного бота").click()
    dialog.is_shown("Добавить Telegram бота")
    expect(dialog.field("Токен бота")).to_have_value("")
    dialog.page.keyboard.press("Escape")
    dialog.is_gone()
    expect(dialog.page.get_by_text("@foreign_bot")).to_be_visible()


def is_changed(play: WidgetPlay, dialog: Dialog, studio: Any) -> None:
    dialog.opens(re.compile("Изменить бота Полёт"), "Настройки бота")
    expect(dialog.button("Сохранить")).to_be_disabled()
    pipeline = dialog.root.get_by_role("button", name=re.compile("^Воронка"))
    expect(pipeline).to_contain_text("Сервис")
    pipeline.focus()
    pipeline.press("ArrowUp")
    expect(pipeline).to_contain_text("Продажи")
    pipeline.press("ArrowDown")
    expect(dialog.button("Сохранить")).to_be_disabled()
    pipeline.press("Home")
    picture(dialog.page, "bot-edit")
    with bodies(dialog.visitor, "PATCH", rf"/bots/{studio.id}$") as sent:
        dialog.button("Сохранить").click()
        dialog.is_gone()
    assert sent == [{"pipeline_id": play.world.sales.id}]
    dialog.opens(re.compile("Изменить бота Полёт"), "Настройки бота")
    dialog.root.get_by_label("Отправлять в «Неразобранное»").check()
    expect(dialog.field("Название сделки")).to_be_hidden()
    with bodies(dialog.visitor, "PATCH", rf"/bots/{studio.id}$") as sent:
        dialog.button("Сохранить").click()
        dialog.is_gone()
    assert sent == [{"unsorted": True}]


def gets_a_new_token(play: WidgetPlay, dialog: Dialog, studio: Any) -> None:
    dialog.opens(re.compile("Изменить бота Полёт"), "Настройки бота")
    dialog.button("Заменить токен").click()
    token = dialog.field("Токен бота")
    expect(token).to_be_focused()
    token.fill(play.world.service_bot.token)
    dialog.shows("Это токен другого бота")
    dialog.button("Сохранить").click()
    expect(dialog.error_at("token")).to_contain_text("Нужен токен этого бота")
    fresh = play.on_trio(lambda: play.playground.telegram.revoke_token(studio))
    token.fill(fresh)
    dialog.shows("Токен действует")
    with bodies(dialog.visitor, "PATCH", rf"/bots/{studio.id}$") as sent:
        dialog.button("Сохранить").click()
        dialog.is_gone()
    assert sent == [{"token": fresh}]


def is_taken_back(play: WidgetPlay, dialog: Dialog) -> None:
    bot = play.world.service_bot
    play.on_trio(lambda: play.playground.telegram.take_bot(bot, "https://thief.example/hook"))
    expect(dialog.page.get_by_text("забрал другой сервис (thief.example)")).to_be_visible()
    dialog.opens("Изменить бота Север Сервис", "Настройки бота")
    with answering(dialog.visitor, "POST", r"/take-back$", 502, "telegram_unavailable"):
        dialog.button("Вернуть бота сюда").click()
        expect(dialog.alert).to_contain_text("Telegram сейчас не отвечает")
    dialog.button("Вернуть бота сюда").dblclick()
    expect(dialog.button("Вернуть бота сюда")).to_have_count(0)
    dialog.page.keyboard.press("Escape")
    dialog.is_gone()
    expect(dialog.page.get_by_text("забрал другой сервис")).to_have_count(0)


def is_closed_in_the_middle(play: WidgetPlay, dialog: Dialog) -> None:
    late = play.on_trio(lambda: play.playground.telegram.add_bot("Поздний", "late_bot"))
    dialog.opens("Добавить", "Добавить Telegram бота")
    dialog.field("Токен бота").fill(late.token)
    dialog.shows("Токен действует")
    with holding(dialog.visitor, "POST", BOTS) as held:
        with dialog.page.expect_request(re.compile(BOTS)):
            dialog.button("Подключить").click()
        dialog.page.keyboard.press("Escape")
        dialog.is_gone()
        held[0].continue_()
        expect(dialog.page.get_by_text("@late_bot")).to_be_visible()
    dialog.is_gone()


def is_deleted(play: WidgetPlay, dialog: Dialog) -> None:
    dialog.opens("Удалить бота Поздний", "Точно удалить бота?")
    expect(dialog.button("Отмена")).to_be_focused()
    picture(dialog.page, "bot-delete")
    dialog.page.keyboard.press("Enter")
    dialog.is_gone()
    expect(dialog.page.get_by_role("button", name="Удалить бота Поздний")).to_be_focused()
    dialog.opens("Удалить бота Поздний", "Точно удалить бота?")
    with answering(dialog.visitor, "DELETE", r"/api/v1/bots/\d+$", 500, "internal"):
        dialog.button("Удалить").click()
        expect(dialog.alert).to_be_visible()
    with bodies(dialog.visitor, "DELETE", r"/api/v1/bots/\d+$") as sent:
        dialog.button("Удалить").dblclick()
        dialog.is_gone()
    assert len(sent) == 1
    expect(dialog.page.get_by_text("@late_bot")).to_have_count(0)


def goes_with_the_page(play: WidgetPlay, dialog: Dialog) -> None:
    """Nobody can be asked about unsaved changes then: nothing of the dialog stays."""
    dialog.opens("Добавить", "Добавить Telegram бота")
    dialog.field("Токен бота").fill(play.world.sales_bot.token)
    dialog.shows("уже подключён к этому аккаунту")
    dialog.visitor.leaves()
    dialog.is_gone()
