"""A real Chromium for tests, or a skip that says why there is none.

Playwright's sync API belongs to one thread and trio to another: a browser story is a plain function that runs wholly in
one worker thread, while the servers it talks to run on trio in the test. Inside the story, what lives on trio is read
with `trio.from_thread.run_sync`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
import trio

# For `page_play` and `install_browser`: test folders are no packages.
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from install_browser import NAMES, find  # noqa: E402

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: no browser tests")

Result = TypeVar("Result")
Story = Callable[["sync_api.Browser"], Result]

PATIENCE_MS = 15_000
"""The longest wait for something to be seen, on a machine that is busy with other tests."""

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = find()
    if found is None and (named := os.environ.get("DEALGRAM_CHROMIUM")):
        pytest.fail(f"DEALGRAM_CHROMIUM names {named}, which is no program that can be run")
    if found is None:
        pytest.skip(
            f"no Chromium: set DEALGRAM_CHROMIUM, put one of {', '.join(NAMES)} on PATH, "
            "or run `playwright install chromium`"
        )
    return found


@pytest.fixture
def in_browser(chromium: str) -> Callable[[Story[Result]], Awaitable[Result]]:
    """`await in_browser(story)` runs `story(browser)` in a worker thread, with a fresh browser that is closed then."""

    async def run(story: Story[Result]) -> Result:
        def whole() -> Result:
            sync_api.expect.set_options(timeout=PATIENCE_MS)
            with sync_api.sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
                try:
                    return story(browser)
                finally:
                    browser.close()

        return await trio.to_thread.run_sync(whole)

    return run
