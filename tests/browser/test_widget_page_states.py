"""The settings page in every state of an account: empty, loading, broken, not connected, unpaid, read-only, large.

One service and one browser; the account goes from one state to the next while the page looks on.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from dialog_play import Dialog, answering, holding
from large_account import BOTS, GROUPS_EACH, LargeAccount
from playwright import sync_api
from widget_play import WidgetPlay, WidgetVisitor, open_widget_play, visit_widget

from dealgram.actors.services import AccountGone
from dealgram.persistence import subscriptions

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
ACCOUNT = r"/api/v1/account$"
CHANGES = r"/api/v1/changes\?"
AUTHORISE = "https://www.amocrm.ru/oauth?client_id=test"
CALM_MS = 250
TURNED_ROUND = """() => [...document.querySelectorAll('.dgm-root *, .dgm-dialog *')]
    .filter((one) => one.tagName !== 'BDI' && /\\u202e/.test([...one.childNodes].filter((node) => node.nodeType === 3)
    .map((node) => node.data).join('')) && !one.closest('bdi')).map((one) => one.outerHTML)"""
"""Elements with text in a foreign direction outside of a <bdi>, which keeps it to itself."""
REVOKED = ("the access token is missing, unknown or revoked", "the refresh token is unknown")
"""That its access was taken back, the service learns by using it."""


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
    async with open_widget_play(tmp_path, has_bots=False, excused=REVOKED) as play:

        def story(browser: Any) -> None:
            visitor = visit_widget(browser)
            visitor.comes_from_elsewhere(play.shell_url())
            guides_to_the_first_bot(play, visitor)
            follows_the_first_steps(play, visitor)
            waits_and_does_without_an_answer(visitor, play)
            asks_to_be_connected(visitor, play)
            notices_that_nobody_hears(visitor)
            rests_while_nobody_looks(visitor)
            is_authorised_anew(play, visitor)
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


def is_authorised_anew(play: WidgetPlay, visitor: WidgetVisitor) -> None:
    """amoCRM takes the access back: the page says so by itself, shows what it knows and changes nothing until it is
    given again, which it notices by itself too."""
    page, service = visitor.page, play.service
    account_id, bot_id = play.account.account_id, play.world.service_bot.id
    play.on_trio(lambda: play.playground.amo.revoke_tokens(play.world.account))

    async def asks_amocrm() -> None:
        with pytest.raises(AccountGone):
            await service.desk.pipelines.of(account_id, fresh=True)

    play.await_on_trio(asks_amocrm)
    asked = notice(visitor, "account")
    expect(asked).to_contain_text("Нужно разрешить доступ ещё раз")
    expect(asked).to_contain_text("Сообщения клиентов сохраняются")
    link = asked.get_by_role("link", name="Разрешить доступ")
    expect(link).to_have_attribute("href", re.compile(r"/oauth/start$"))
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("referrerpolicy", "no-referrer")
    expect(notice(visitor, "setup")).to_have_count(0)
    expect(notice(visitor, "rights")).to_have_count(0)
    bot = page.locator(f'[data-dgm-bot="{bot_id}"]')
    expect(bot.locator(".dgm-badge").first).to_have_text("Ждёт доступа к amoCRM")
    bot.locator('[data-dgm-action="toggle"]').click()
    expect(bot.locator("[data-dgm-group]")).to_have_count(1)
    take_picture(visitor, "reauthorise")

    dialog = Dialog(visitor)
    with visitor.expecting(r"/api/v1/", 409):
        dialog.opens(re.compile("^Изменить бота"), "Настройки бота")
        title = dialog.field("Название сделки")
        title.fill("Из Telegram: {name}")
        dialog.button("Сохранить").click()
        expect(dialog.alert).to_contain_text("amoCRM больше не принимает выданный доступ")
        expect(title).to_have_value("Из Telegram: {name}")

        play.await_on_trio(lambda: play.playground.connect_account(service, play.world.account))
        expect(asked).to_have_count(0)
    expect(bot.locator(".dgm-badge").first).to_have_text("Подключён")
    dialog.button("Сохранить").click()
    dialog.is_gone()
    bot.locator('[data-dgm-action="toggle"]').click()


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


async def test_the_page_for_other_people_places_and_sizes(tmp_path: Path, in_browser: Any) -> None:
    async with open_widget_play(tmp_path) as play:
        await links_the_group(play, play.world.cafe, play.world.repair)

        def story(browser: Any) -> None:
            only_shows_to_who_may_not_change(play, browser)
            fits_into_a_narrow_dark_window(play, browser)
            stays_quick_with_many_bots(play, browser)
            has_room_for_any_name(play, browser)

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


def wider_than_the_window(page: Any) -> list[str]:
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll('.dgm-root *')]
                .filter((one) => one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.className)"""
        )
    )


def fits_into_a_narrow_dark_window(play: WidgetPlay, browser: Any) -> None:
    visitor = visit_widget(browser, width=390, height=844)
    page = visitor.page
    visitor.comes_from_elsewhere(play.shell_url(theme="dark"))
    page.locator(f'[data-dgm-bot="{play.world.sales_bot.id}"] [data-dgm-action="toggle"]').click()
    expect(page.locator("[data-dgm-group]")).to_have_count(1)
    assert wider_than_the_window(page) == []
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


def has_room_for_any_name(play: WidgetPlay, browser: Any) -> None:
    """Telegram and amoCRM let people write what they like: 300 characters in one word, and words from right to left."""
    sales, latin, arabic = play.world.sales_bot.id, "Ж" * 300, "\u202eمجموعة العملاء " * 20

    def rename(bot: str, group: str, deal: str) -> None:
        async def work() -> None:
            db = play.service.services.db
            await db.execute("UPDATE bots SET name = $2 WHERE bot_id = $1", sales, bot)
            await db.execute("UPDATE groups SET title = $2 WHERE bot_id = $1", sales, group)
            await db.execute("UPDATE links SET deal_name = $2 WHERE deal_id = $1", play.world.cafe, deal)
            await play.service.refresh()

        play.await_on_trio(work)

    visitor = visit_widget(browser, width=390, height=844)
    page, dialog = visitor.page, Dialog(visitor)
    visitor.comes_from_elsewhere(play.shell_url())
    rename(latin, arabic, latin)
    bot = page.locator(f'[data-dgm-bot="{sales}"]')
    expect(bot.locator(".dgm-bot__name")).to_have_text(latin)
    bot.locator('[data-dgm-action="toggle"]').click()
    for bot_name, group_name, deal_name in ((latin, arabic, latin), (arabic, latin, arabic)):
        rename(bot_name, group_name, deal_name)
        group = bot.locator("[data-dgm-group]")
        expect(bot.locator(".dgm-bot__name")).to_have_text(bot_name.strip())
        expect(group.locator(".dgm-group__title")).to_have_text(group_name.strip())
        expect(group.locator(".dgm-deal__name").first).to_have_text(deal_name.strip())
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            assert wider_than_the_window(page) == []
            assert bot.evaluate("(bot) => bot.scrollHeight") < 640
            assert page.evaluate(TURNED_ROUND) == [], "a name from right to left leaves the words beside it alone"
        for button, highest_px in (("edit-bot", 960), ("delete-bot", 460), ("link-group", 440), ("unlink", 560)):
            bot.locator(f'[data-dgm-action="{button}"]').first.click()
            expect(dialog.root).to_be_visible()
            expect(dialog.root).not_to_have_attribute("aria-busy", "true")
            dialog.has_room()
            assert dialog.root.evaluate("(root) => root.scrollHeight") < highest_px
            assert page.evaluate(TURNED_ROUND) == []
            page.keyboard.press("Escape")
            dialog.is_gone()
    visitor.leaves()
    assert visitor.complaints == []
