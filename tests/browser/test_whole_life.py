"""The whole life of an account on the running service, as people live it: the marketplace, a bot, a group and its deal,
the end of the trial, the payment, and everything back again. One service, one browser, one story.

With ``DEALGRAM_SCREENSHOTS`` set to a folder, pictures of the guide are taken anew; ``DEALGRAM_SCREENSHOTS_THEME=dark``
takes them in dark.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from dialog_play import Dialog
from modal_play import DISABLED, opened, types_over
from playwright import sync_api
from pydantic import SecretStr
from widget_play import ADVANCED, MARKETPLACE, WidgetPlay, WidgetVisitor, open_widget_play, visit_widget

from dealgram.actors.registry import announce
from dealgram.actors.subscriptions import lapse_texts
from dealgram.persistence import subscriptions
from dealgram.sandbox.shell import ShellSwitches
from dealgram.sandbox.telegram import SimChat

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
PATIENCE_S = 15.0
CALM_MS = 200
PICTURES = os.environ.get("DEALGRAM_SCREENSHOTS", "")
THEME = os.environ.get("DEALGRAM_SCREENSHOTS_THEME", "light")
BILLING = "the-token-of-the-billing"
BOT = "Студия «Маяк»"
GROUP = "«Полдень» — сайт"
SHELL = ShellSwitches(second_widget=not PICTURES)  # whose styles belong into no guide
WAITING = (
    "SELECT count(*) FROM outbox WHERE state = 'pending' AND kind = 'amo.message'"
    " AND created_at > now() - interval '1 day'"
)
AGE = "UPDATE outbox SET created_at = created_at - interval '15 days' WHERE state = 'pending'"


class Life:
    """What happens around the page: in Telegram, in deal cards, at the seller's. Called from the story."""

    def __init__(self, play: WidgetPlay) -> None:
        self.play, self.world = play, play.world
        self.telegram, self.amo = play.playground.telegram, play.playground.amo
        self.controller = play.playground.controller
        self.bot = self.telegram.add_bot(BOT, "mayak_studio_bot")
        self.group: SimChat | None = None

    def until(self, look: Callable[[], Any], what: str) -> Any:
        """Wait until something holds for the simulators; woken by what changes in them."""

        async def wait() -> Any:
            with trio.move_on_after(PATIENCE_S), self.telegram.subscribe() as said, self.amo.subscribe() as shown:
                async with trio.open_nursery() as nursery:
                    changed = trio.Event()

                    async def watch(source: Any) -> None:
                        async for _ in source:
                            changed.set()

                    nursery.start_soon(watch, said)
                    nursery.start_soon(watch, shown)
                    while not look():
                        await changed.wait()
                        changed = trio.Event()
                    nursery.cancel_scope.cancel()
            return look()

        found = self.play.await_on_trio(wait)
        assert found, f"did not come true: {what}; the group: {self.said()}; the deal: {self.card()}"
        return found

    def said(self) -> list[str]:
        return [message.get("text", "") for message in self.telegram.history(self.group)] if self.group else []

    def card(self) -> list[str]:
        return [item.text for item in self.amo.feed(self.world.account, self.world.cafe)]

    def makes_a_group(self) -> None:
        """A client's group, into which Anna brings the bot by the page's link, which makes it an administrator."""

        def make() -> None:
            self.group = self.telegram.create_group(GROUP, self.world.anna)
            self.telegram.add_member(self.group, self.world.igor, by=self.world.anna)
            self.telegram.add_member(self.group, self.bot, by=self.world.anna)
            self.telegram.promote(self.group, self.bot)

        self.play.on_trio(make)

    def writes(self, person: Any, text: str, **more: Any) -> None:
        self.play.on_trio(lambda: self.telegram.write(person, self.group, text, **more))

    def message(self, words: str) -> dict[str, Any]:
        """Wait for the bot's words in the group."""

        def find() -> Any:
            return next((one for one in self.telegram.history(self.group) if words in one.get("text", "")), None)

        found: dict[str, Any] = self.until(find, words)
        return found

    def links_by_the_menu(self) -> None:
        anna = self.world.anna
        self.writes(anna, "/menu")
        menu = self.message("Что сделать?")
        data = next(
            button["callback_data"]
            for row in menu["reply_markup"]["inline_keyboard"]
            for button in row
            if button["text"] == "Связать группу со Сделкой"
        )
        self.play.on_trio(lambda: self.telegram.press(anna, self.group, menu["message_id"], data))
        question = self.message("пришлите ID")
        self.writes(anna, str(self.world.cafe), reply_to=question["message_id"])

    def stands(self, text: str) -> Any:
        """Wait for a line in the deal's card."""
        account, deal = self.world.account, self.world.cafe
        return self.until(
            lambda: next((item for item in self.amo.feed(account, deal) if item.text == text), None), f"{text} stands"
        )

    def answers(self, text: str) -> str:
        """Olga answers the group from the deal's card; gives the answer's id."""

        def answer() -> str:
            account, deal = self.world.account, self.world.cafe
            chats = self.amo.chats_of_lead(account, deal)
            chat = next(one for one in chats if one.conversation.endswith(f"-d{deal}"))
            return self.amo.answer(account, chat.chat_uuid, self.world.olga, text)

        return str(self.play.on_trio(answer))

    def status(self, amo_id: str) -> Any:
        """Wait until the answer has a status of ours."""

        def look() -> Any:
            return self.amo.message(self.world.account, amo_id).status

        return self.until(lambda: look() != "sent" and look(), "a status of the answer")

    def trial_ends(self) -> None:
        async def end() -> None:
            db, now = self.play.service.services.db, dt.datetime.now(dt.UTC)
            await subscriptions.set_until(db, self.world.account.id, now, now=now, by="operator")
            await announce(db)

        self.play.await_on_trio(end)

    async def _is_kept(self) -> None:
        with trio.fail_after(PATIENCE_S):
            while not await self.play.service.services.db.fetchval(WAITING):  # noqa: ASYNC110
                await trio.sleep(0.02)  # the database has no event for it

    def waits(self) -> None:
        """Wait until something is kept for the account."""
        self.play.await_on_trio(self._is_kept)

    def waits_for_two_weeks(self) -> None:
        """What is kept becomes too old to be imported."""

        async def wait() -> None:
            await self._is_kept()
            await self.play.service.services.db.execute(AGE)

        self.play.await_on_trio(wait)

    def is_paid(self) -> dict[str, Any]:
        """The seller's billing has the money."""
        request = urllib.request.Request(
            f"{self.play.api_url}/billing/v1/accounts/{self.world.account.id}/subscription",
            data=json.dumps({"extend_days": 30, "request_id": str(uuid.uuid4())}).encode(),
            headers={"Authorization": f"Bearer {BILLING}", "Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            state: dict[str, Any] = json.load(answer)
        return state


def take_picture(visitor: WidgetVisitor, name: str) -> None:
    """The window, for the guide, where pictures are asked for."""
    if PICTURES:
        ending = "" if THEME == "light" else f"-{THEME}"
        visitor.page.wait_for_timeout(CALM_MS)
        visitor.page.screenshot(path=str(Path(PICTURES) / f"widget-{name}{ending}.png"))


async def test_an_account_from_installing_to_disabling(tmp_path: Path, database_url: str, in_browser: Any) -> None:
    async with open_widget_play(
        tmp_path,
        is_connected=False,
        excused=DISABLED,
        switches=SHELL,
        database_url=database_url,
        billing_token=SecretStr(BILLING),
    ) as play:
        life = Life(play)

        def story(browser: Any) -> None:
            visitor = visit_widget(browser)
            installs(life, visitor)
            opens_the_settings(life, visitor)
            adds_a_bot(life, visitor)
            links_a_group(life, visitor)
            talks(life)
            if PICTURES:
                shows_the_dialogs(life, visitor)
            does_not_pay_in_time(life, visitor)
            pays(life, visitor)
            takes_everything_back(life, visitor)
            disables(life, visitor)
            visitor.leaves()
            assert visitor.complaints == []

        await in_browser(story)
        play.playground.controller.assert_clean()


def installs(life: Life, visitor: WidgetVisitor) -> None:
    page = visitor.page
    visitor.opens(life.play.shell_url(path=MARKETPLACE, theme=THEME))
    window = opened(page)
    window.name.fill("Ольга Белова")
    types_over(window.phone, "89123456789")
    window.consent.check(force=True)
    take_picture(visitor, "modal")
    window.install.click()
    expect(window.notice).to_contain_text("Интеграция зарегистрирована")
    told = life.play.await_on_trio(lambda: life.controller.until(lambda: life.controller.registrations))
    assert (told[0]["userName"], told[0]["userPhone"]) == ("Ольга Белова", "79123456789")
    assert (told[0]["account"], told[0]["widgetStatus"]) == (life.world.account.id, "Y")
    take_picture(visitor, "installed")
    page.get_by_role("link", name="Перейти к ботам и группам").click()
    visitor.settles()
    page.wait_for_url(f"**{ADVANCED}")
    if THEME != "light":  # of the shell's pages the address tells it
        visitor.opens(life.play.shell_url(theme=THEME))


def opens_the_settings(life: Life, visitor: WidgetVisitor) -> None:
    page = visitor.page
    expect(page.get_by_role("heading", name="Подключите первого Telegram бота")).to_be_visible()
    expect(page.get_by_text("Пробный период: осталось 14 дней")).to_be_visible()
    expect(page.locator('[data-dgm-notice="setup"]')).to_have_count(0)
    take_picture(visitor, "start")


def adds_a_bot(life: Life, visitor: WidgetVisitor) -> None:
    page, dialog = visitor.page, Dialog(visitor)
    dialog.opens_by("guide-add", "Добавить Telegram бота")
    dialog.field("Токен бота").fill(life.bot.token)
    dialog.shows("Токен действует")
    take_picture(visitor, "bot-add")
    dialog.button("Подключить").click()
    dialog.is_shown("Бот подключён")
    take_picture(visitor, "bot-added")
    dialog.button("Готово").click()
    dialog.is_gone()
    row = page.locator("[data-dgm-bot]")
    expect(row).to_contain_text(BOT)
    expect(row.locator(".dgm-badge")).to_have_text("Подключён")
    expect(row).to_contain_text("Групп нет")


def links_a_group(life: Life, visitor: WidgetVisitor) -> None:
    """The page follows by itself what happens in Telegram."""
    row = visitor.page.locator("[data-dgm-bot]")
    row.locator('[data-dgm-action="toggle"]').click()
    expect(row).to_contain_text("Бота ещё нет ни в одной группе.")
    life.makes_a_group()
    expect(row.locator("[data-dgm-group]")).to_contain_text(GROUP)
    expect(row.locator("[data-dgm-group]")).to_contain_text("Не связана")
    life.links_by_the_menu()
    expect(row.locator("[data-dgm-deal]")).to_contain_text("Сайт для кофейни «Полдень»")
    expect(row).to_contain_text("1 группа · связано 1")


def talks(life: Life) -> None:
    life.writes(life.world.igor, "Добрый день! Когда увидим макет?")
    life.stands("Добрый день! Когда увидим макет?")
    assert life.status(life.answers("Завтра к обеду")) == "delivered"
    life.message("Завтра к обеду")


def shows_the_dialogs(life: Life, visitor: WidgetVisitor) -> None:
    """For the guide only: the tests of the dialogs hold them."""
    page, dialog = visitor.page, Dialog(visitor)
    take_picture(visitor, "groups")
    for name, opener, caption in (
        ("account", "account-settings", "Настройки аккаунта"),
        ("employees", "employees", "Сотрудники в группах"),
        ("setup", "setup-steps", "Этапы подключения"),
        ("bot-edit", f"edit-{life.bot.id}", "Настройки бота"),
    ):
        dialog.opens_by(opener, caption)
        expect(dialog.root.locator(".dgm-spinner")).to_have_count(0)
        take_picture(visitor, name)
        page.keyboard.press("Escape")
        dialog.is_gone()
    page.get_by_role("button", name="Связать группу").first.click()
    dialog.is_shown("Связать со сделкой")
    dialog.field("Номер сделки или ссылка на неё").fill(str(life.world.office))
    take_picture(visitor, "group-link")
    page.keyboard.press("Escape")
    dialog.button("Не сохранять").click()
    dialog.is_gone()


def does_not_pay_in_time(life: Life, visitor: WidgetVisitor) -> None:
    life.trial_ends()
    banner = visitor.page.locator('[data-dgm-notice="payment"]')
    expect(banner).to_contain_text("сообщения не передаются")
    expect(banner.get_by_role("link", name="Оплатить")).to_be_visible()
    take_picture(visitor, "lapsed")
    assert life.status(life.answers("Макет готов")) == lapse_texts.REASON_LAPSED
    life.writes(life.world.igor, "Так и не дождались")
    life.waits_for_two_weeks()
    life.writes(life.world.igor, "Ждём макет")
    life.waits()
    assert "Ждём макет" not in life.play.on_trio(life.card)
    assert "Макет готов" not in life.play.on_trio(life.said)


def pays(life: Life, visitor: WidgetVisitor) -> None:
    assert life.is_paid()["state"] == "active"
    assert life.stands("Ждём макет").silent, "what was kept wakes nobody"
    expect(visitor.page.locator('[data-dgm-notice="payment"]')).to_have_count(0)
    expect(visitor.page.get_by_text(re.compile("Оплачено до"))).to_be_visible()
    expect(visitor.page.locator('[data-dgm-notice="dropped"]')).to_contain_text("Не попало в сделки: 1 сообщение")
    assert "Так и не дождались" not in life.play.on_trio(life.card)
    assert life.status(life.answers("Теперь точно готов")) == "delivered"
    take_picture(visitor, "paid")


def takes_everything_back(life: Life, visitor: WidgetVisitor) -> None:
    page, dialog = visitor.page, Dialog(visitor)
    row = page.locator("[data-dgm-bot]")
    row.get_by_role("button", name="Отвязать").click()
    dialog.is_shown("Отвязать сделку от группы?")
    dialog.button("Отвязать").click()
    dialog.is_gone()
    expect(row.locator("[data-dgm-deal]")).to_have_count(0)
    expect(row).to_contain_text("1 группа · связано 0")
    life.until(lambda: any("отвязана" in text for text in life.card()), "the deal is told")
    page.get_by_role("button", name=f"Удалить бота {BOT}").click()
    dialog.is_shown("Точно удалить бота?")
    take_picture(visitor, "bot-delete")
    dialog.button("Удалить").click()
    dialog.is_gone()
    expect(row).to_have_count(0)
    expect(page.get_by_role("heading", name="Подключите первого Telegram бота")).to_be_visible()


def disables(life: Life, visitor: WidgetVisitor) -> None:
    visitor.goes(MARKETPLACE)
    window = opened(visitor.page)
    expect(window.name).to_have_value("Ольга Белова")
    window.disable.click()

    def is_off() -> bool:
        return not life.controller.clients[life.world.account.id].is_on

    life.play.await_on_trio(lambda: life.controller.until(is_off))
    expect(visitor.page.locator(".widget-settings__modal")).to_have_count(0)
    assert not life.play.on_trio(lambda: life.world.account.is_installed)
