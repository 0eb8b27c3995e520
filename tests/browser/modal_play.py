"""The settings window of amoCRM's marketplace as a person at the screen knows it."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import expect

DISABLED = ("the access token is missing", "the refresh token is unknown")
"""Who is told of a removal makes sure that amoCRM's tokens are dead."""


class Window:
    """The open window. Fields and buttons are found by what people read."""

    def __init__(self, page: Any) -> None:
        self.form = page.locator(".widget_settings_block")
        self.name = page.get_by_label("Имя", exact=True)
        self.phone = page.get_by_label("Телефон", exact=True)
        self.consent = page.get_by_role("checkbox", name=re.compile("согласие на обработку"))
        self.consent_text = page.locator(".dgm-consent__label")
        self.install = page.get_by_role("button", name="Установить")
        self.save = page.get_by_role("button", name="Сохранить")
        self.disable = page.get_by_role("button", name="Отключить")
        self.notice = page.get_by_role("status")
        self.faults = page.locator(".dgm-fault")


def opened(page: Any) -> Window:
    """Press the widget's tile."""
    page.locator(".widget-tile[data-code]").click()
    window = Window(page)
    expect(window.consent_text).to_be_visible()
    return window


def types_over(field: Any, text: str) -> None:
    """Key by key, as the format of a phone is made while typing."""
    field.fill("")
    field.press_sequentially(text)
