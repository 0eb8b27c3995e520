"""The dialogs of the settings page as a person uses them, and ways for the service to fail them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, expect
from widget_play import WidgetVisitor

CALM_MS = 150


class Dialog:
    """Whatever dialog is open. What is typed and pressed is found by what people read, not by classes."""

    def __init__(self, visitor: WidgetVisitor) -> None:
        self.visitor = visitor
        self.page = visitor.page
        self.root = self.page.get_by_role("dialog")
        self.alert = self.root.locator(".dgm-dialog__alert")

    def opens(self, button: str | re.Pattern[str], caption: str) -> None:
        self.page.get_by_role("button", name=button).first.click()
        self.is_shown(caption)

    def opens_by(self, opener: str, caption: str) -> None:
        """Pressing the button of the page that has this key."""
        self.page.locator(f'[data-dgm-opener="{opener}"]').click()
        self.is_shown(caption)

    def is_shown(self, caption: str) -> None:
        expect(self.page.get_by_role("dialog", name=caption)).to_be_visible()

    def is_gone(self) -> None:
        expect(self.root).to_have_count(0)

    def button(self, name: str) -> Any:
        return self.root.get_by_role("button", name=name, exact=True)

    def field(self, label: str) -> Any:
        return self.root.get_by_label(label, exact=True)

    def error_at(self, field: str) -> Any:
        return self.root.locator(f'[data-dgm-field="{field}"] .dgm-field__error:visible')

    def chooses(self, select: str, option: str) -> None:
        """From a native select, with the mouse."""
        self.root.get_by_role("button", name=re.compile(f"^{select}")).click()
        self.root.get_by_role("option", name=option, exact=True).click()

    def shows(self, text: str) -> None:
        expect(self.root.get_by_text(text).first).to_be_visible()

    def keeps_the_keyboard(self) -> None:
        """Tab goes round inside, both ways; everything it stops at can be seen."""
        for key in ("Tab", "Shift+Tab"):
            for _ in range(25):
                self.page.keyboard.press(key)
                assert self.page.evaluate(
                    "() => document.activeElement.closest('.dgm-dialog')"
                    " && document.activeElement.matches(':focus-visible')"
                    " && document.activeElement.getClientRects().length > 0"
                ), self.page.evaluate("() => document.activeElement.outerHTML")

    def has_room(self) -> None:
        """Nothing is wider than the window, and what can be pressed says what it is."""
        assert self.page.evaluate(
            "() => [...document.querySelectorAll('.modal-scroller, .dgm-dialog__scroll')]"
            ".every((one) => one.scrollWidth <= one.clientWidth)"
        )
        assert (
            self.page.evaluate(
                "() => [...document.querySelectorAll('.dgm-dialog button, .dgm-dialog input:not([type=hidden])')]"
                ".filter((one) => !one.textContent.trim() && !one.getAttribute('aria-label')"
                " && !(one.labels && one.labels.length)).map((one) => one.outerHTML)"
            )
            == []
        )


@contextmanager
def answering(
    visitor: WidgetVisitor, method: str, path: str, status: int, code: str = "", message: str = "", **error: str
) -> Iterator[list[str]]:
    """While this lasts, the service answers such calls with an error; `status` 0: the network is gone. Gives the bodies
    of the calls."""
    seen: list[str] = []

    def handle(route: Any) -> None:
        request = route.request
        if request.method != method:
            route.fallback()
            return
        seen.append(request.post_data or "")
        if not status:
            route.abort()
            return
        body = {"error": {"code": code, "message": message, "request_id": "r"} | error}
        route.fulfill(
            status=status,
            headers={
                "Access-Control-Allow-Origin": request.headers["origin"],
                "Access-Control-Expose-Headers": "Retry-After",
                "Content-Type": "application/json",
            },
            body=json.dumps(body),
        )

    pattern = re.compile(path)
    visitor.page.route(pattern, handle)
    with visitor.expecting(path, status):
        try:
            yield seen
        finally:
            visitor.page.unroute(pattern, handle)


@contextmanager
def holding(visitor: WidgetVisitor, method: str, path: str) -> Iterator[list[Any]]:
    """While this lasts, such calls wait; gives those that wait, to be let go with `continue_`. Calls that are not, a
    slow machine's second try of the same for instance, are let go at the end."""
    held: list[Any] = []

    def handle(route: Any) -> None:
        if route.request.method == method:
            held.append(route)
        else:
            route.fallback()

    pattern = re.compile(path)
    visitor.page.route(pattern, handle)
    try:
        yield held
    finally:
        visitor.page.unroute(pattern, handle)
        for route in held:
            with suppress(Error):  # it was let go, or its page is gone
                route.continue_()


@contextmanager
def bodies(visitor: WidgetVisitor, method: str, path: str) -> Iterator[list[dict[str, Any]]]:
    """What such calls send, without their ids."""
    sent: list[dict[str, Any]] = []

    def heard(request: Any) -> None:
        if request.method == method and re.search(path, request.url):
            body = json.loads(request.post_data) if request.post_data else {}
            body.pop("request_id", None)
            sent.append(body)

    visitor.page.on("request", heard)
    try:
        yield sent
    finally:
        visitor.page.remove_listener("request", heard)


def picture(page: Any, name: str) -> None:
    """A picture of the window, where pictures are asked for."""
    folder = os.environ.get("DEALGRAM_SCREENSHOTS")
    if folder:
        page.wait_for_timeout(CALM_MS)
        page.screenshot(path=str(Path(folder) / f"dialog-{name}.png"))
