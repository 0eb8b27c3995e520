"""The widget where the documentation leaves open how amoCRM behaves: every position of the shell's switches.

One service plays them all, with tokens that may be used more than once, as `token_reuse` needs it. In each position a
person changes a bot on the settings page, goes to the marketplace, saves the settings window and comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from dialog_play import Dialog, bodies
from modal_play import DISABLED, opened
from playwright import sync_api
from widget_play import ADVANCED, MARKETPLACE, WidgetPlay, WidgetVisitor, open_widget_play, visit_widget

from dealgram.sandbox.amocrm import SimPipeline
from dealgram.sandbox.shell import ShellSwitches

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
MORE = ("Партнёры", "Повторные")
INFORMER = "/widget_controller/informer"


def others() -> Iterator[tuple[str, str]]:
    """Each switch with each position that it usually does not have."""
    types = get_type_hints(ShellSwitches)
    usual = ShellSwitches()
    for field in fields(ShellSwitches):
        values = (True, False) if types[field.name] is bool else get_args(types[field.name])
        for value in values:
            if value != getattr(usual, field.name):
                yield field.name, str(int(value)) if isinstance(value, bool) else value


async def test_in_every_position_the_page_and_the_settings_window_work(
    tmp_path: Path, in_browser: Any, database_url: str
) -> None:
    """Two rounds, each with every other switch turned: so every switch is met in both of its positions."""
    turned = list(others())
    rounds = [dict(turned[::2]), dict(turned[1::2])]
    async with open_widget_play(tmp_path, database_url=database_url, api_token_uses="many", excused=DISABLED) as play:
        archive = play.widget_zip()
        pipelines = [play.world.service, *(play.playground.amo.add_pipeline(play.world.account, name) for name in MORE)]
        play.shell.widget_zip = lambda: archive

        def story(browser: Any) -> None:
            visitor = visit_widget(browser)
            for number, position in enumerate(rounds):
                visitor.comes_from_elsewhere(play.shell_url(**position))
                query = visitor.page.url.partition("?")[2]
                changes_a_bot(play, visitor, pipelines[number])
                visitor.goes(f"{MARKETPLACE}?{query}")
                saves_the_window(play, visitor, number, closes=position.get("on_save_rejection") == "closed")
                visitor.goes(f"{ADVANCED}?{query}")
                expect(visitor.page.locator("[data-dgm-bot]")).to_have_count(2)
                visitor.leaves()
                assert visitor.complaints == [], position
            for before_oauth in ("0", "1"):
                visitor.opens(
                    play.shell_url(path=MARKETPLACE, token_before_install="1", save_before_oauth=before_oauth)
                )
                installs_anew(play, visitor, is_unknown=before_oauth == "1")
                assert visitor.complaints == [], before_oauth

        await in_browser(story)


def changes_a_bot(play: WidgetPlay, visitor: WidgetVisitor, to: SimPipeline) -> None:
    """The next pipeline is chosen by the keyboard: a step is one step, whoever hears the arrow keys."""
    page, sales = visitor.page, play.world.sales_bot
    expect(page.locator("[data-dgm-bot]")).to_have_count(2)
    dialog = Dialog(visitor)
    dialog.opens(re.compile(f"Изменить бота {sales.name}"), "Настройки бота")
    pipeline = dialog.root.get_by_role("button", name=re.compile("^Воронка"))
    title = dialog.field("Название сделки")
    pipeline.focus()
    pipeline.press("ArrowDown")
    expect(pipeline).to_contain_text(to.name)
    title.fill(f"Заявка: {to.name}")
    with bodies(visitor, "PATCH", rf"/bots/{sales.id}$") as sent:
        dialog.button("Сохранить").click()
        dialog.is_gone()
    assert sent == [{"pipeline_id": to.id, "deal_title": f"Заявка: {to.name}"}]
    expect(page.locator(f'[data-dgm-bot="{sales.id}"]')).to_contain_text(to.name)


def saves_the_window(play: WidgetPlay, visitor: WidgetVisitor, number: int, *, closes: bool) -> None:
    """Without a name nothing is kept; whether amoCRM then leaves the window open or not, the next try is right."""
    page = visitor.page
    window = opened(page)
    window.name.fill("")
    window.save.click()
    if closes:
        expect(window.consent_text).to_have_count(0)
        window = opened(page)
    else:
        expect(window.faults).to_have_text(["Укажите имя"])
    window.name.fill(f"Ольга {number}")
    window.save.click()
    expect(window.notice).to_contain_text("Интеграция зарегистрирована")
    page.locator(".js-widget-save.button-input-saved").wait_for()
    account = play.world.account
    assert play.on_trio(lambda: play.shell.saved[account.id]["client_name"]) == f"Ольга {number}"
    page.keyboard.press("Escape")


def installs_anew(play: WidgetPlay, visitor: WidgetVisitor, *, is_unknown: bool) -> None:
    """With a token of amoCRM's at once; the service may not know the account yet (`is_unknown`)."""
    window = opened(visitor.page)
    window.disable.click()
    expect(window.consent_text).to_have_count(0)  # the tile behind the window may be of an earlier visit
    expect(visitor.page.locator(".widget-tile__state_install")).to_be_attached()
    visitor.settles()
    window = opened(visitor.page)
    expect(window.consent).to_be_checked()
    with visitor.expecting(INFORMER, 409) if is_unknown else nullcontext():
        window.install.click()
        expect(window.notice).to_contain_text("Интеграция зарегистрирована")
        expect(window.disable).to_be_visible()
    assert play.on_trio(lambda: play.shell.status(play.world.account)) == "installed"
