"""The settings page in every state of an account: empty, loading, broken, not connected, unpaid, authorised anew.

One service and one browser; the account goes from one state to the next while the page looks on.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dialog_play import Dialog, answering, holding
from page_states import ACCOUNT, links_the_group, notice, state, step, take_picture
from playwright import sync_api
from widget_play import WidgetPlay, WidgetVisitor, open_widget_play, visit_widget

from dealgram.actors.services import AccountGone
from dealgram.persistence import subscriptions

pytestmark = [pytest.mark.browser, pytest.mark.slow]

expect = sync_api.expect
CHANGES = r"/api/v1/changes\?"
AUTHORISE = "https://www.amocrm.ru/oauth?client_id=test"
REVOKED = ("the access token is missing, unknown or revoked", "the refresh token is unknown")
"""That its access was taken back, the service learns by using it."""


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
