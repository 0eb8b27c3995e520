"""The settings page in every state of an account: empty, loading, broken, not connected, unpaid, read-only, large.

One service and one browser; the account goes from one state to the next while the page looks on.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trio
from dialog_play import Dialog, answering, holding
from playwright import sync_api
from widget_play import WidgetPlay, WidgetVisitor, open_widget_play, visit_widget

from dealgram.persistence import subscriptions

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
ACCOUNT = r"/api/v1/account$"
CHANGES = r"/api/v1/changes\?"
AUTHORISE = "https://www.amocrm.ru/oauth?client_id=test"
BOTS = 50
GROUPS_EACH = 10
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


@contextmanager
def looking_away(visitor: WidgetVisitor) -> Iterator[None]:
    """The person is at another tab."""
    hide = """(is_hidden) => {
        Object.defineProperty(document, 'hidden', { value: is_hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }"""
    visitor.page.evaluate(hide, True)
    yield
    visitor.page.evaluate(hide, False)


async def test_the_page_of_an_account_from_its_first_bot_to_its_last_day(tmp_path: Path, in_browser: Any) -> None:
    async with open_widget_play(tmp_path, has_bots=False) as play:

        def story(browser: Any) -> None:
            visitor = visit_widget(browser)
            visitor.comes_from_elsewhere(play.shell_url())
            guides_to_the_first_bot(play, visitor)
            follows_the_first_steps(play, visitor)
            waits_and_does_without_an_answer(visitor, play)
            asks_to_be_connected(visitor, play)
            notices_that_nobody_hears(visitor)
            rests_while_nobody_looks(visitor)
            tells_of_payment(play, visitor)
            tells_of_the_installation(play, visitor)
            visitor.leaves()
            assert visitor.complaints == []

        await in_browser(story)


def guides_to_the_first_bot(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    page = visitor.page
    expect(page.get_by_role("heading", name="Подключите первого Telegram бота")).to_be_visible()
    expect(step(visitor, "create")).to_have_attribute("aria-current", "step")
    father = step(visitor, "create").get_by_role("link", name="Открыть @BotFather")
    assert [father.get_attribute(name) for name in ("href", "target", "rel", "referrerpolicy")] == [
        "https://t.me/BotFather",
        "_blank",
        "noopener",
        "no-referrer",
    ]
    expect(page.locator("[data-dgm-search]")).to_have_count(0)
    expect(page.get_by_role("link", name="Политика конфиденциальности")).to_be_visible()
    take_picture(visitor, "empty")
    dialog = Dialog(visitor)
    add = step(visitor, "connect").get_by_role("button", name="Добавить Telegram бота")
    add.click()
    dialog.is_shown("Добавить Telegram бота")
    page.keyboard.press("Escape")
    dialog.is_gone()
    expect(add).to_be_focused()


def follows_the_first_steps(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    """Each step is ticked as soon as it is done, wherever it was done."""
    page, world, account = visitor.page, play.world, play.account
    playground, service = play.playground, play.service
    play.await_on_trio(lambda: playground.connect_bot(service, account, world.service_bot, world.service))
    expect(step(visitor, "invite")).to_have_attribute("aria-current", "step")
    expect(step(visitor, "connect")).to_have_class(re.compile("dgm-step--done"))
    invite = step(visitor, "invite").get_by_role("link", name="Добавить бота в группу")
    assert "startgroup" in invite.get_attribute("href")
    play.on_trio(lambda: playground.telegram.add_member(world.group, world.service_bot, by=world.anna))
    expect(step(visitor, "link")).to_have_attribute("aria-current", "step")
    take_picture(visitor, "guide")

    play.await_on_trio(lambda: links_the_group(play, world.cafe))
    expect(state(visitor, "guide")).to_have_count(0)
    expect(page.locator("[data-dgm-bot]")).to_have_count(1)


def waits_and_does_without_an_answer(visitor: WidgetVisitor, play: WidgetPlay) -> None:
    page = visitor.page
    visitor.leaves()
    with holding(visitor, "GET", ACCOUNT) as held:
        visitor.comes_from_elsewhere(play.shell_url())
        expect(state(visitor, "loading")).to_have_attribute("aria-busy", "true")
        take_picture(visitor, "loading")
        while not held:
            page.wait_for_timeout(10)
        held[0].continue_()
        expect(state(visitor, "bots")).to_be_visible()
    visitor.leaves()
    with answering(visitor, "GET", ACCOUNT, 500, "internal", "Внутренняя ошибка"):
        visitor.comes_from_elsewhere(play.shell_url())
        failed = state(visitor, "failed")
        expect(failed).to_contain_text("Не удалось загрузить страницу")
        expect(failed).to_contain_text("Ошибка на сервере")
        expect(failed.locator('a[href^="mailto:"]')).to_be_visible()
        expect(failed.locator('a[href^="tel:"]')).to_be_visible()
        take_picture(visitor, "failed")
        retry = failed.get_by_role("button", name="Повторить")
        with page.expect_response(re.compile(ACCOUNT)):
            retry.click()
        expect(retry).not_to_have_attribute("aria-disabled", "true")
        expect(retry).to_be_focused()
    retry.click()
    expect(state(visitor, "bots")).to_be_visible()


def asks_to_be_connected(visitor: WidgetVisitor, play: WidgetPlay) -> None:
    visitor.leaves()
    with answering(visitor, "GET", ACCOUNT, 409, "account_unknown", "Аккаунт не подключён", authorise_url=AUTHORISE):
        visitor.comes_from_elsewhere(play.shell_url())
        asked = state(visitor, "unauthorised")
        link = asked.get_by_role("link", name="Разрешить доступ")
        expect(link).to_have_attribute("href", AUTHORISE)
        expect(link).to_have_attribute("target", "_blank")
        expect(link).to_have_attribute("referrerpolicy", "no-referrer")
        take_picture(visitor, "unauthorised")
    with looking_away(visitor):
        expect(asked).to_be_visible()
    expect(state(visitor, "bots")).to_be_visible()


def notices_that_nobody_hears(visitor: WidgetVisitor) -> None:
    """The connection breaks: the page says so, keeps what it shows, and goes on when it is back."""
    with answering(visitor, "GET", CHANGES, 0) as tried:
        with looking_away(visitor):
            pass
        expect(notice(visitor, "link")).to_contain_text("Нет связи с сервером")
        expect(state(visitor, "bots")).to_be_visible()
        assert 2 <= len(tried) <= 3, f"{len(tried)} tries: no pause between them"
    with looking_away(visitor):
        pass
    expect(notice(visitor, "link")).to_have_count(0)


def rests_while_nobody_looks(visitor: WidgetVisitor) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url) if "/changes" in request.url else None)
    with visitor.page.expect_request(lambda request: "/changes" in request.url), looking_away(visitor):
        visitor.page.wait_for_timeout(100)
        assert asked == []
    assert len(asked) == 1


def tells_of_payment(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    account_id, page = play.account.account_id, visitor.page

    def paid_until(days: float) -> None:
        async def change() -> None:
            now = play.service.services.now()
            until = now + dt.timedelta(days=days)
            await subscriptions.set_until(play.service.services.db, account_id, until, now=now, by="the seller")
            await play.service.refresh()

        play.await_on_trio(change)

    payment = notice(visitor, "payment")
    paid_until(400)
    expect(payment).to_have_count(0)
    expect(page.locator(".dgm-footer")).to_contain_text("Оплачено до")
    paid_until(1.5)
    expect(payment).to_contain_text("Оплаченный период: осталось 2 дня")
    expect(payment.locator('a[href^="mailto:"]')).to_be_visible()
    paid_until(-1)
    expect(payment).to_contain_text("сообщения не передаются")
    expect(payment).to_contain_text("хранятся 14 дней")
    expect(payment).to_have_attribute("role", "alert")
    pay = payment.get_by_role("link", name="Оплатить")
    expect(pay).to_have_attribute("target", "_blank")
    take_picture(visitor, "lapsed")
    paid_until(30)
    expect(payment).to_have_count(0)


def tells_of_the_installation(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    account_id = play.account.account_id

    def set_step(state: str, detail: str | None) -> None:
        async def change() -> None:
            await play.service.services.db.execute(
                "UPDATE setup_steps SET state = $2, detail = $3, updated_at = now()"
                " WHERE account_id = $1 AND step = 'webhooks'",
                account_id,
                state,
                detail,
            )
            play.service.desk.account.watch.wake()

        play.await_on_trio(change)

    setup = notice(visitor, "setup")
    set_step("pending", "amoCRM просит подождать. Продолжим сами.")
    expect(setup).to_contain_text("Подключаем аккаунт: готово 6 из 7")
    expect(setup).to_contain_text("amoCRM просит подождать")
    expect(setup.get_by_role("progressbar")).to_have_attribute("value", "6")
    set_step("failed", "amoCRM не разрешает уведомления.")
    expect(setup).to_contain_text("Подключение не завершено")
    expect(setup).to_contain_text("amoCRM не разрешает уведомления.")
    take_picture(visitor, "setup")
    with answering(visitor, "POST", r"/setup/retry", 429, "too_many", "Слишком часто"):
        setup.get_by_role("button", name="Повторить").click()
        expect(notice(visitor, "note")).to_contain_text("Слишком много запросов подряд")
    notice(visitor, "note").get_by_role("button", name="Закрыть").click()
    expect(notice(visitor, "note")).to_have_count(0)
    setup.get_by_role("button", name="Повторить").click()
    expect(setup).to_have_count(0)


def of(answer: Any, **changes: Any) -> Any:
    return {**answer, **changes}


class LargeAccount:
    """Answers instead of the service, as for an agency: 50 bots with 10 groups each, named by their numbers."""

    def __init__(self, visitor: WidgetVisitor, account: dict[str, Any], bot: dict[str, Any]) -> None:
        counts = {"bots": BOTS, "groups": BOTS * GROUPS_EACH, "linked_groups": BOTS, "attention": 0}
        self.asked: list[str] = []
        self._account = of(account, counts=counts)
        totals = {"total": GROUPS_EACH, "linked": 1, "titles": ["Проект 1"]}
        self._bots = [of(bot, id=number, name=f"Клиент {number}", groups=totals) for number in range(1, BOTS + 1)]
        self._groups = [self._group(number) for number in range(BOTS * GROUPS_EACH)]
        visitor.page.route(re.compile("/api/v1/(account|bots|groups)"), self._answer)

    @staticmethod
    def _group(number: int) -> dict[str, Any]:
        status = {"level": "ok", "title": "Не связана", "details": []}
        return {
            "id": number,
            "bot_id": number // GROUPS_EACH + 1,
            "title": f"Проект {number}",
            "kind": "supergroup",
            "state": "member",
            "status": status,
            "deals": [],
        }

    def _answer(self, route: Any) -> None:
        request = route.request
        split = urlsplit(request.url)
        path, query = split.path.removeprefix("/api/v1"), parse_qs(split.query)
        self.asked.append(f"{path}?{split.query}")
        words = query.get("q", [""])[0].casefold()
        bot = re.fullmatch(r"/bots/(\d+)/groups", path)
        if path == "/account":
            answer: dict[str, Any] = self._account
        elif path == "/bots":
            answer = {"bots": self._found(words)}
        else:
            found = [
                one
                for one in self._groups
                if words in one["title"].casefold() and (not bot or one["bot_id"] == int(bot[1]))
            ]
            start, many = int(query["offset"][0]), int(query["limit"][0])
            answer = {"groups": found[start : start + many], "total": len(found)}
        headers = {"Access-Control-Allow-Origin": request.headers["origin"], "Content-Type": "application/json"}
        route.fulfill(status=200, headers=headers, body=json.dumps(answer))

    def _found(self, words: str) -> list[dict[str, Any]]:
        if not words:
            return self._bots
        counted = [
            of(
                bot,
                groups_found=sum(
                    one["bot_id"] == bot["id"] and words in one["title"].casefold() for one in self._groups
                ),
            )
            for bot in self._bots
        ]
        return [bot for bot in counted if bot["groups_found"] or words in bot["name"].casefold()]


async def test_the_page_for_other_people_places_and_sizes(tmp_path: Path, in_browser: Any) -> None:
    async with open_widget_play(tmp_path) as play:
        await links_the_group(play, play.world.cafe, play.world.repair)

        def story(browser: Any) -> None:
            only_shows_to_who_may_not_change(play, browser)
            fits_into_a_narrow_dark_window(play, browser)
            stays_quick_with_many_bots(play, browser)

        await in_browser(story)


def only_shows_to_who_may_not_change(play: WidgetPlay, browser: Any) -> None:
    visitor = visit_widget(browser)
    page = visitor.page
    visitor.comes_from_elsewhere(play.shell_url(user=play.world.dmitry))
    expect(notice(visitor, "rights")).to_contain_text("Только просмотр")
    add = page.get_by_role("button", name="Добавить Telegram бота")
    expect(add).to_have_attribute("aria-disabled", "true")
    expect(add).to_have_attribute("title", "Доступно администратору")
    add.click(force=True)
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator(f'[data-dgm-bot="{play.world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-group]")).to_have_count(1)
    for name in ("Изменить", "Удалить", "Отвязать", "Связать"):
        expect(page.get_by_role("button", name=name)).to_have_count(0)
    take_picture(visitor, "read-only")
    visitor.leaves()
    assert visitor.complaints == []
    page.context.close()


def fits_into_a_narrow_dark_window(play: WidgetPlay, browser: Any) -> None:
    visitor = visit_widget(browser, width=390, height=844)
    page = visitor.page
    visitor.comes_from_elsewhere(play.shell_url(theme="dark"))
    page.locator(f'[data-dgm-bot="{play.world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-group]")).to_have_count(1)
    wide = page.evaluate(
        """() => [...document.querySelectorAll('.dgm-root *')]
            .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.className)"""
    )
    assert wide == []
    small = page.evaluate(
        """() => [...document.querySelectorAll('.dgm-root button')]
            .filter((one) => one.getBoundingClientRect().height < 24).map((one) => one.textContent.trim())"""
    )
    assert small == [], "a finger can press each button"
    take_picture(visitor, "narrow-dark")
    page.set_viewport_size({"width": 1280, "height": 900})
    take_picture(visitor, "dark")
    visitor.leaves()
    assert visitor.complaints == []
    page.context.close()


def stays_quick_with_many_bots(play: WidgetPlay, browser: Any) -> None:
    """An agency's account: few requests however many bots, and the groups of one bot at a time."""
    visitor = visit_widget(browser)
    page = visitor.page
    with (
        page.expect_response(re.compile(ACCOUNT)) as account,
        page.expect_response(re.compile(r"/api/v1/bots$")) as bots,
    ):
        visitor.opens(play.shell_url())
    expect(page.locator("[data-dgm-bot]")).to_have_count(2)
    page.locator(f'[data-dgm-bot="{play.world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-deal]")).to_have_count(2)
    take_picture(visitor, "light")
    large = LargeAccount(visitor, account.value.json(), bots.value.json()["bots"][0])
    visitor.comes_from_elsewhere(play.shell_url())
    expect(page.locator("[data-dgm-bot]")).to_have_count(BOTS)
    assert sorted(large.asked) == ["/account?", "/bots?"]
    large.asked.clear()
    page.locator('[data-dgm-bot="7"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-group]")).to_have_count(GROUPS_EACH)
    page.locator('[data-dgm-bot="9"] [data-dgm-action="toggle"]').click()
    expect(page.locator('[data-dgm-bot="9"] [data-dgm-group]')).to_have_count(GROUPS_EACH)
    expect(page.locator("[data-dgm-group]")).to_have_count(GROUPS_EACH)
    large.asked.clear()
    page.locator("[data-dgm-search]").fill("проект")
    expect(page.get_by_role("button", name="Показать ещё 10").first).to_be_visible()
    expect(page.locator("[data-dgm-group]")).to_have_count(100)
    assert len(large.asked) == 2
    page.get_by_role("button", name="Показать ещё 10").first.click()
    expect(page.locator("[data-dgm-group]")).to_have_count(110)
    expect(page.locator("[data-dgm-group]:focus-within, [data-dgm-bot]:focus-within")).not_to_have_count(0)
    visitor.leaves()
    assert visitor.complaints == []
