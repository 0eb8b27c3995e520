"""The settings window of the marketplace, out of widget.zip, in amoCRM's shell: installing, saving, disabling."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from modal_play import DISABLED, opened, types_over
from page_play import take_picture
from playwright import sync_api
from widget_play import MARKETPLACE, WidgetVisitor, open_widget_play, visit_widget

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
INFORMER = "/widget_controller/informer"
TOKEN = "/ajax/shell/token"
POSING = {"second_widget": "0"} if os.environ.get("DEALGRAM_SCREENSHOTS") else {}
"""Pictures for the documentation are taken without the widget whose styles leak."""


async def test_from_installation_to_disabling(tmp_path: Path, in_browser: Any, database_url: str) -> None:
    async with open_widget_play(tmp_path, is_connected=False, database_url=database_url, excused=DISABLED) as play:
        controller = play.playground.controller
        account = play.world.account

        def registrations() -> list[dict[str, Any]]:
            return play.on_trio(lambda: list(controller.registrations))

        def heard(count: int) -> dict[str, Any]:
            play.await_on_trio(lambda: controller.until(lambda: len(controller.registrations) >= count))
            return registrations()[count - 1]

        def story(browser: Any) -> None:
            visitor = visit_widget(browser)
            page = visitor.page
            visitor.comes_from_elsewhere(play.shell_url(path=MARKETPLACE, **POSING))
            window = opened(page)

            # Nothing typed but what amoCRM knows: the person's name.
            expect(window.name).not_to_have_value("")
            expect(window.consent).not_to_be_checked()
            window.name.fill(" ")
            types_over(window.phone, "8900123")
            expect(window.phone).to_have_value("+7 900 123")
            window.install.click()
            expect(window.faults).to_have_count(3)
            expect(window.faults.nth(0)).to_have_text("Укажите имя")
            expect(window.faults.nth(1)).to_have_text("Проверьте телефон: в номере от 10 до 15 цифр")
            expect(window.name).to_be_focused()
            expect(window.phone).to_have_attribute("aria-invalid", "true")
            assert registrations() == []

            # The service is out of reach: what was typed stays, and the support is named.
            window.name.fill("Ольга Смирнова")
            types_over(window.phone, "89001234567")
            expect(window.phone).to_have_value("+7 900 123-45-67")
            expect(window.faults).to_have_count(1)
            window.consent_text.click(position={"x": 8, "y": 8})
            expect(window.consent).to_be_checked()
            expect(window.faults).to_have_count(0)
            take_picture(page, "widget-settings.png")
            page.route(f"**{INFORMER}", lambda route: route.abort())
            with visitor.expecting(INFORMER, 0):
                window.save.click()
                expect(window.notice).to_contain_text("Сохранить не удалось")
                page.unroute(f"**{INFORMER}")
            expect(window.notice).to_contain_text("+7 000 000-00-00")
            expect(window.notice).to_contain_text("support@dealgram.example")
            expect(window.name).to_have_value("Ольга Смирнова")
            expect(window.phone).to_have_value("+7 900 123-45-67")
            expect(window.consent).to_be_checked()
            assert registrations() == []

            # Again, and twice in a hurry: one registration.
            window.save.dblclick()
            expect(window.notice).to_contain_text("Интеграция зарегистрирована")
            assert heard(1) | {"client_uuid": "", "enumId": 0, "widgetName": ""} == {
                "userName": "Ольга Смирнова",
                "userPhone": "79001234567",
                "account": account.id,
                "accountSubdomain": account.subdomain,
                "widgetName": "",
                "termsOfUse": True,
                "widgetStatus": "Y",
                "client_uuid": "",
                "enumId": 0,
            }
            expect(page.get_by_role("link", name="Перейти к ботам и группам")).to_have_attribute(
                "href", "/settings/widgets/dealgram/"
            )
            assert len(registrations()) == 1

            # Opened again, everything is as it was saved.
            visitor.goes(MARKETPLACE)
            window = opened(page)
            expect(window.name).to_have_value("Ольга Смирнова")
            expect(window.consent).to_be_checked()
            expect(window.notice).to_contain_text("Интеграция подключена")

            window.disable.click()
            assert heard(2)["widgetStatus"] == "N"
            expect(page.locator(".widget-settings__modal")).to_have_count(0)
            visitor.leaves()
            assert visitor.complaints == []

        await in_browser(story)
        controller.assert_clean()


async def test_before_amocrm_has_a_token_and_when_nobody_answers(
    tmp_path: Path, in_browser: Any, database_url: str
) -> None:
    async with open_widget_play(tmp_path, is_connected=False, database_url=database_url, excused=DISABLED) as play:
        controller = play.playground.controller

        def installs_without_a_token(visitor: WidgetVisitor) -> None:
            page = visitor.page
            visitor.comes_from_elsewhere(
                play.shell_url(path=MARKETPLACE, theme="dark", save_before_oauth="1", **POSING)
            )
            window = opened(page)
            window.phone.press_sequentially("+49 30 123456")
            expect(window.phone).to_have_value("+493 012 345 6")
            window.phone.press_sequentially("789")
            # The caret stays where it was while a digit in the middle is corrected.
            window.phone.press("Home")
            window.phone.press("ArrowRight")
            window.phone.press("Delete")
            window.phone.press_sequentially("4")
            expect(window.phone).to_have_value("+493 012 345 678 9")
            window.consent.focus()
            window.consent.press("Space")
            with visitor.expecting(TOKEN, 403):
                window.install.click()
                expect(window.notice).to_contain_text("Интеграция зарегистрирована")
                expect(window.disable).to_be_visible()
            take_picture(page, "widget-settings-dark.png")

        def disables_though_nobody_answers(visitor: WidgetVisitor) -> None:
            page = visitor.page
            page.route(f"**{INFORMER}", lambda route: None)  # never answered
            visitor.goes(f"{MARKETPLACE}?theme=dark&save_before_oauth=1")
            window = opened(page)
            window.disable.click()
            expect(window.install).to_have_count(0)
            expect(page.locator(".widget-settings__modal")).to_have_count(0)
            assert not play.on_trio(lambda: play.world.account.is_installed)
            page.unroute_all(behavior="ignoreErrors")

        def story(browser: Any) -> None:
            visitor = visit_widget(browser)
            installs_without_a_token(visitor)
            play.await_on_trio(lambda: controller.until(lambda: controller.registrations))
            assert play.on_trio(lambda: controller.registrations[0]["userPhone"]) == "4930123456789"
            disables_though_nobody_answers(visitor)
            assert visitor.complaints == []

        await in_browser(story)
        controller.assert_clean()
