"""The sandbox's page in a real browser, over the two simulators alone: no service is running here."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from dealgram.sandbox.amocrm import AmoSimulator, messages
from dealgram.sandbox.page import World, build_world, create_page
from dealgram.sandbox.serve import serve
from dealgram.sandbox.telegram import ServedTelegram, SimBot, TelegramSimulator, served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 15_000
HOSTILE = '<img src="x" onerror="window.hacked = 1"><b>жирно</b> & <script>window.hacked = 2</script>'


@dataclass
class Desk:
    """The simulators, the page's address, and the hands of a bot and of a customer for a story in a browser."""

    telegram: TelegramSimulator
    amo: AmoSimulator
    world: World
    bots: ServedTelegram
    address: str
    serving: trio.CancelScope
    restart: Callable[[], Any]

    def bot(self, bot: SimBot, method: str, **params: Any) -> Any:
        """A call of the Bot API, from the thread of the browser."""
        answer = trio.from_thread.run(lambda: self.bots.call(bot, method, **params))
        assert answer["ok"], answer
        return answer["result"]

    def on_trio(self, look: Callable[[], Any]) -> Any:
        return trio.from_thread.run_sync(look)

    def customer_writes(self, text: str, deal: int) -> None:
        """A message in a deal's card, as if the service had delivered it."""
        account = self.world.account

        def write() -> None:
            chat = account.open_chat("c1", account.participant("tg-1", "Анна Смирнова"))
            if chat.contact_id is None:
                contact = self.amo.add_contact(account, "Анна Смирнова")
                self.amo.link(account, deal, contact)
                self.amo.link_chat(account, chat.uuid, contact)
            now = self.amo.world.now()
            payload = {
                "timestamp": int(now),
                "msec_timestamp": int(now * 1000),
                "msgid": f"m-{len(account.messages)}",
                "conversation_id": "c1",
                "sender": {"id": "tg-1", "name": "Анна Смирнова"},
                "message": {"type": "text", "text": text},
                "silent": False,
            }
            accepted = messages.accept(self.amo.world, account, payload)
            assert not isinstance(accepted, list), accepted

        self.on_trio(write)


@dataclass
class Eyes:
    """A page with everything that must not happen on it."""

    page: Any
    address: str
    console: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        self.page.on("request", lambda request: self._watch(request.url))

    def _watch(self, url: str) -> None:
        if not url.startswith((self.address, "data:")):
            self.foreign.append(url)

    def see(self, testid: str, **more: Any) -> Any:
        found = self.page.get_by_test_id(testid)
        return found.filter(**more) if more else found

    def press(self, testid: str, **more: Any) -> None:
        self.see(testid, **more).click()

    def type(self, testid: str, text: str) -> None:
        self.see(testid).fill(text)
        self.see(testid).press("Enter")

    def taken(self) -> int:
        """How many updates have come to the page."""
        return int(self.page.evaluate("document.documentElement.dataset.taken"))

    def assert_clean(self) -> None:
        assert self.console == []
        assert self.foreign == []
        assert self.page.evaluate("window.hacked") is None


@contextmanager
def holding(page: Any, address: str) -> Iterator[None]:
    """Answers from `address` reach the page only when the block ends."""
    held = []

    def hold(route: Any) -> None:
        held.append((route, route.fetch()))

    page.route(address, hold)
    yield
    assert held
    for route, response in held:
        route.fulfill(response=response)
    page.unroute(address, hold)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    telegram = TelegramSimulator(schema=None, rng=random.Random(1))
    amo = AmoSimulator(rng=random.Random(2))
    world = build_world(telegram, amo)
    world.account.is_connected = True
    amo.hook_url = "http://127.0.0.1:9/{scope_id}"  # nobody takes hooks here, and none are sent: `run` is not running
    async with served(telegram) as bots, trio.open_nursery() as nursery:

        async def run(port: int, task_status: trio.TaskStatus[int]) -> None:
            desk.serving = trio.CancelScope()
            page = create_page(telegram, amo, health_url="http://127.0.0.1:9/health/actors")
            with desk.serving:
                await serve(page, port=port, task_status=task_status)

        async def restart() -> None:
            await nursery.start(run, int(desk.address.rsplit(":", 1)[1]))

        desk = Desk(telegram, amo, world, bots, "", trio.CancelScope(), restart)
        desk.address = f"http://127.0.0.1:{await nursery.start(run, 0)}"
        yield desk
        nursery.cancel_scope.cancel()


def open_page(browser: Any, desk: Desk, *, width: int = 1600, height: int = 950) -> Eyes:
    context = browser.new_context(viewport={"width": width, "height": height}, locale="ru-RU")
    eyes = Eyes(context.new_page(), desk.address)
    eyes.page.goto(desk.address)
    eyes.page.wait_for_selector('[data-testid="link-state"][data-state="online"]', state="attached")
    return eyes


async def test_people_write_and_whatever_they_write_stays_text(desk, in_browser):
    from playwright.sync_api import expect

    world = desk.world

    def story(browser: Any) -> None:
        eyes = open_page(browser, desk)
        expect(eyes.see("chat-title")).to_have_text(world.group.title)
        eyes.type("telegram-input", HOSTILE)
        last = eyes.see("message").last
        expect(last.get_by_test_id("message-text")).to_have_text(HOSTILE)
        expect(last).to_have_attribute("data-own", "true")
        assert last.locator("b, img, script").count() == 0

        eyes.press(f"person-{world.igor.id}")
        expect(last).to_have_attribute("data-own", "false")
        expect(last).to_contain_text("Анна Смирнова")
        last.get_by_test_id("message-text").click()
        expect(eyes.see("reply-bar")).to_contain_text("Анна Смирнова")
        eyes.type("telegram-input", "Отвечаю")
        expect(eyes.see("message").last.locator(".quote")).to_contain_text("Анна Смирнова")
        expect(eyes.see("reply-bar")).to_be_hidden()

        eyes.press("new-group")
        eyes.see("new-group-title").fill(HOSTILE)
        eyes.press(f"new-group-member-{world.service_bot.id}")
        eyes.press("new-group-create")
        expect(eyes.see("chat-title")).to_have_text(HOSTILE)
        eyes.press("manage-group")
        eyes.press(f"promote-{world.service_bot.id}")
        expect(eyes.see(f"member-{world.service_bot.id}")).to_contain_text("администратор")
        eyes.press(f"add-member-{world.maria.id}")
        expect(eyes.see(f"member-{world.maria.id}")).to_contain_text("Мария")
        eyes.press("upgrade-group")
        expect(eyes.see("upgrade-group")).to_be_hidden()
        eyes.press("dialog-close")
        expect(eyes.see("service-message").last).to_contain_text("Супергруппа")
        eyes.type("telegram-input", "После превращения")
        expect(eyes.see("message").last).to_contain_text("После превращения")
        eyes.assert_clean()

    await in_browser(story)
    assert desk.telegram.history(world.group)[-1]["text"] == "Отвечаю"
    texts = [message.get("text") for chat in desk.telegram.chats for message in desk.telegram.history(chat)]
    assert texts.count("После превращения") == 1
    desk.telegram.assert_clean()


async def test_a_bot_is_talked_to_with_buttons_and_questions(desk, in_browser):
    from playwright.sync_api import expect

    world = desk.world
    bot = world.sales_bot
    deal = world.office

    def story(browser: Any) -> str:
        eyes = open_page(browser, desk)
        eyes.press(f"chat-p{bot.id}:{world.anna.id}")
        eyes.type("telegram-input", "/start")
        expect(eyes.see("message").last).to_contain_text("/start")
        started = desk.bot(bot, "getUpdates", timeout=5)[-1]["update_id"]
        buttons = {
            "inline_keyboard": [[{"text": "Да", "callback_data": "yes"}, {"text": "Нет", "callback_data": "no"}]]
        }
        desk.bot(bot, "sendMessage", chat_id=world.anna.id, text="Продолжить?", reply_markup=buttons)
        # The bot answers before the page learns that its own press was taken.
        with holding(eyes.page, "**/telegram/press"):
            eyes.press("inline-button", has_text="Нет")
            query = desk.bot(bot, "getUpdates", timeout=5, offset=started + 1)[0]["callback_query"]
            assert query["data"] == "no"
            desk.bot(bot, "answerCallbackQuery", callback_query_id=query["id"], text="Как <b>хотите</b>")
            desk.bot(bot, "sendMessage", chat_id=world.anna.id, text="Понимаю")
            expect(eyes.see("message").last).to_contain_text("Понимаю")
            expect(eyes.see("toast")).to_have_count(0)
        expect(eyes.see("toast")).to_have_text("Как <b>хотите</b>")

        question = {"force_reply": True, "input_field_placeholder": "ID Сделки"}
        desk.bot(bot, "sendMessage", chat_id=world.anna.id, text="Пришлите ID", reply_markup=question)
        expect(eyes.see("reply-bar")).to_contain_text("ждёт ответа")
        assert eyes.see("telegram-input").get_attribute("placeholder") == "ID Сделки"
        eyes.type("telegram-input", str(deal))
        expect(eyes.see("message").last.locator(".quote")).to_contain_text("Пришлите ID")

        link = f'Связано: <a href="https://sever.amocrm.ru/leads/detail/{deal}">Вывеска</a>'
        desk.bot(bot, "sendMessage", chat_id=world.anna.id, text=link, parse_mode="HTML")
        expect(eyes.see("deal-id")).to_have_text(str(world.cafe))
        eyes.press("deal-link")
        expect(eyes.see("deal-id")).to_have_text(str(deal))
        eyes.assert_clean()
        return eyes.see("message").last.get_attribute("data-from")

    assert await in_browser(story) == bot.name
    desk.telegram.assert_clean()


async def test_a_manager_works_with_deals(desk, in_browser):
    from playwright.sync_api import expect

    world = desk.world
    account = world.account

    def story(browser: Any) -> None:
        eyes = open_page(browser, desk)
        expect(eyes.see("account-name")).to_have_text(account.name)
        expect(eyes.see("amo-input")).to_be_disabled()
        eyes.press("new-deal")
        eyes.see("new-deal-name").fill(HOSTILE)
        eyes.see("new-deal-pipeline").select_option(label="Сервис")
        eyes.press("new-deal-create")
        expect(eyes.see("deal-name")).to_have_text(HOSTILE)
        made = desk.on_trio(lambda: max(account.leads))
        expect(eyes.see("deal-id")).to_have_text(str(made))

        # The list changes between pressing and releasing: the click counts all the same.
        eyes.see(f"deal-{world.cafe}").hover()
        eyes.page.mouse.down()
        taken = eyes.taken()
        desk.customer_writes(f"Когда макет? {HOSTILE}", world.cafe)
        eyes.page.wait_for_function("taken => Number(document.documentElement.dataset.taken) > taken", arg=taken)
        eyes.page.mouse.up()
        question = eyes.see("feed-item").last
        expect(question.get_by_test_id("feed-text")).to_have_text(f"Когда макет? {HOSTILE}")
        expect(question).to_have_attribute("data-role", "client")
        eyes.see("manager-select").select_option(label="Дмитрий Орлов")
        eyes.press("feed-reply")
        eyes.type("amo-input", "В четверг")
        answer = eyes.see("feed-item").last
        expect(answer.get_by_test_id("feed-text")).to_have_text("В четверг")
        expect(answer).to_have_attribute("data-author", "Дмитрий Орлов")
        expect(answer).to_have_attribute("data-status", "sent")

        def status(**body: object) -> None:
            message = list(account.messages.values())[-1]
            desk.on_trio(lambda: messages.set_status(desk.amo.world, account, message, body))

        status(status_code=1)
        expect(answer).to_have_attribute("data-status", "delivered")
        status(status_code=-1, error_code=905, error="Бот исключён из группы")
        expect(answer.get_by_test_id("feed-error")).to_have_text("Бот исключён из группы")
        eyes.press("deal-actions")
        eyes.press("deal-won")
        expect(eyes.see("deal-open")).to_be_visible()
        eyes.press("dialog-close")
        expect(eyes.see("deal-card").get_by_test_id("stage")).to_have_text("Успешно реализовано")
        expect(eyes.see("health-silent")).to_contain_text("Сервис не отвечает")
        eyes.assert_clean()

    await in_browser(story)
    assert [item.text for item in desk.amo.feed(account, world.cafe)][-1] == "В четверг"
    assert [(hook.kind, hook.chat_uuid) for hook in desk.amo.hooks if hook.kind != "typing"] == [
        ("message", next(iter(account.chats)))
    ]


async def test_a_person_looks_at_an_account_and_changes_it(desk, in_browser):
    from playwright.sync_api import expect

    world = desk.world
    account = world.account

    def story(browser: Any) -> None:
        eyes = open_page(browser, desk)
        desk.customer_writes("Когда макет?", deal=world.cafe)
        eyes.press(f"deal-{world.office}")
        eyes.press("deal-actions")
        eyes.see("merge-with").select_option(str(world.cafe))
        eyes.press("deal-merge")
        expect(eyes.see("toast").last).to_contain_text(str(world.office))
        eyes.press("dialog-close")
        expect(eyes.see(f"deal-{world.cafe}")).to_have_count(0)
        expect(eyes.see("feed-text").last).to_have_text("Когда макет?")

        eyes.press("deal-actions")
        eyes.see("move-pipeline").select_option(str(world.service.id))
        eyes.press("deal-move")
        expect(eyes.see("move-pipeline").locator("option")).to_have_text([world.sales.name])
        eyes.press("deal-deleted")
        expect(eyes.see("deal-actions-dialog")).to_have_count(0)
        expect(eyes.see(f"deal-{world.office}")).to_have_count(0)

        eyes.press("account-open")
        gone = eyes.see(f"account-deal-{world.office}")
        expect(gone).to_contain_text("в корзине")
        gone.get_by_test_id("account-deal-restored").click()
        expect(gone).to_contain_text("в работе")
        eyes.press("section-contacts")
        contact = eyes.see("account-section").locator("li").first
        expect(contact).to_contain_text("Анна Смирнова")
        contact.get_by_test_id("contact-deleted").click()
        expect(contact).to_contain_text("в корзине")
        contact.get_by_test_id("contact-restored").click()
        expect(contact).not_to_contain_text("в корзине")
        eyes.press("section-pipelines")
        eyes.see(f"pipeline-{world.service.id}").get_by_test_id("pipeline-archive").click()
        expect(eyes.see(f"pipeline-{world.service.id}")).to_contain_text("в архиве")
        eyes.press("section-hooks")
        eyes.press("account-paid")
        expect(eyes.see("account-section")).to_contain_text("аккаунт не оплачен")
        eyes.assert_clean()

    await in_browser(story)
    assert account.leads[world.cafe].is_deleted
    assert account.leads[world.office].pipeline_id == world.service.id
    assert account.pipelines[world.service.id].is_archive
    assert not account.is_paid


async def test_a_narrow_window_shows_one_pane_at_a_time_and_the_keyboard_is_enough(desk, in_browser):
    from playwright.sync_api import expect

    def story(browser: Any) -> None:
        eyes = open_page(browser, desk, width=420, height=800)
        expect(eyes.see("pane-telegram")).to_be_visible()
        expect(eyes.see("pane-amocrm")).to_be_hidden()
        eyes.see("tab-telegram").press("ArrowRight")
        expect(eyes.see("pane-amocrm")).to_be_visible()
        expect(eyes.see("tab-amocrm")).to_be_focused()
        eyes.see("tab-amocrm").press("ArrowRight")
        expect(eyes.see("health-silent")).to_be_visible()
        eyes.press("tab-telegram")
        eyes.see(f"person-{desk.world.anna.id}").press("ArrowRight")
        expect(eyes.see(f"person-{desk.world.igor.id}")).to_have_attribute("aria-checked", "true")
        expect(eyes.see(f"person-{desk.world.igor.id}")).to_be_focused()
        assert eyes.page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        eyes.assert_clean()

    await in_browser(story)


async def test_the_page_comes_back_by_itself_when_its_server_does(desk, in_browser):
    from playwright.sync_api import expect

    def story(browser: Any) -> None:
        eyes = open_page(browser, desk)
        desk.on_trio(desk.serving.cancel)
        expect(eyes.see("link-state")).to_have_attribute("data-state", "offline")
        desk.on_trio(lambda: desk.telegram.write(desk.world.igor, desk.world.group, "Пока вас не было"))
        trio.from_thread.run(desk.restart)
        expect(eyes.see("link-state")).to_have_attribute("data-state", "online")
        expect(eyes.see("message").last).to_contain_text("Пока вас не было")
        assert eyes.foreign == []

    await in_browser(story)
