"""The settings page as tests look at it: what state it shows, its notices and steps, and pictures for the documents."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import trio
from widget_play import WidgetPlay, WidgetVisitor

ACCOUNT = r"/api/v1/account$"
CALM_MS = 250


def take_picture(visitor: WidgetVisitor, name: str) -> None:
    """The whole page as it is, for the documentation, where pictures are asked for."""
    folder = os.environ.get("DEALGRAM_SCREENSHOTS")
    if not folder:
        return
    page = visitor.page
    size = page.viewport_size
    height = page.evaluate("() => document.querySelector('.work-area').scrollHeight + 65")
    page.set_viewport_size({"width": size["width"], "height": max(height, size["height"])})
    page.evaluate("() => document.querySelector('.work-area').scrollTo(0, 0)")
    page.wait_for_timeout(CALM_MS)
    page.screenshot(path=str(Path(folder) / f"widget-page-{name}.png"))
    page.set_viewport_size(size)


def state(visitor: WidgetVisitor, name: str) -> Any:
    return visitor.page.locator(f'[data-dgm-state="{name}"]')


def notice(visitor: WidgetVisitor, name: str) -> Any:
    return visitor.page.locator(f'[data-dgm-notice="{name}"]')


def step(visitor: WidgetVisitor, name: str) -> Any:
    return visitor.page.locator(f'[data-dgm-step="{name}"]')


async def links_the_group(play: WidgetPlay, *deals: int) -> None:
    """As somebody else does it: the account's only group, once a bot has told of it."""
    desk, account_id = play.service.desk.bots, play.account.account_id
    with trio.fail_after(10):
        while not (found := await desk.groups(account_id, None, None, limit=1, offset=0)).groups:  # noqa: ASYNC110
            await trio.sleep(0.02)  # the desk has no event for it
    for deal in deals:
        await desk.link(account_id, play.world.olga.id, found.groups[0].id, str(deal))
