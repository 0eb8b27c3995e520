"""Takes the screenshots that tour pictures hold, of the settings page out of the archive, over the sandbox.

Run by hand before render.py (`python widget/art/screenshots.py`), with the node modules and Chromium at hand. Only in
Russian: statuses and bots' words come from the service, which speaks Russian to administrators.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import trio
from playwright import sync_api

HERE = Path(__file__).resolve().parent
TESTS = HERE.parents[1] / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "browser")]

from install_browser import find  # noqa: E402
from widget_play import WidgetPlay, open_widget_play, visit_widget  # noqa: E402

FOLDER = HERE / "screenshots"
SIZE = {"width": 1240, "height": 1000}
GROUPS = (("Сайт для кофейни «Полдень» — рабочая", "cafe"), ("Офис на Лесной · ремонт", "office"))


async def take(play: WidgetPlay) -> None:
    """The page with the groups of one bot open."""
    telegram, world = play.playground.telegram, play.world
    for title, _ in GROUPS:
        telegram.add_member(telegram.create_group(title, world.anna), world.sales_bot, by=world.anna)

    async def link() -> None:
        account_id = world.account.id
        for title, deal in GROUPS:
            page = await play.service.desk.bots.groups(account_id, None, title, limit=10, offset=0)
            await play.service.desk.bots.link(account_id, world.olga.id, page.groups[0].id, str(getattr(world, deal)))

    def story() -> None:
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=find(), args=["--no-sandbox"])
            visitor = visit_widget(browser, **SIZE)
            page = visitor.page
            visitor.opens(play.shell_url())
            page.locator(f'[data-dgm-bot="{world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
            for title, _ in GROUPS:
                sync_api.expect(page.locator("[data-dgm-group]").filter(has_text=title)).to_be_visible()
            play.await_on_trio(link)
            sync_api.expect(page.locator("[data-dgm-deal]")).to_have_count(len(GROUPS))
            hide = page.get_by_role("button", name="Скрыть подсказку")
            if hide.count():
                hide.click()
            sync_api.expect(page.locator(f'[data-dgm-bot="{world.sales_bot.id}"]')).to_contain_text("связано 2")
            page.mouse.move(0, 0)
            page.evaluate("() => document.activeElement.blur()")
            page.locator(".dgm-root").screenshot(path=FOLDER / "page_ru.png")
            browser.close()

    await trio.to_thread.run_sync(story)


async def main() -> None:
    """Open the sandbox and take everything."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        async with open_widget_play(Path(folder)) as play:
            await take(play)


if __name__ == "__main__":
    trio.run(main)
