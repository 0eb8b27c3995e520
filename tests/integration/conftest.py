"""The stage of the integration tests: both simulators, a real service and real HTTP between them, in one trio loop."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
import pytest
import trio
from pydantic import SecretStr

from dealgram.actors import texts
from dealgram.actors.answering import albums
from dealgram.gateways.gate_policy import GatePolicy
from dealgram.gateways.telegram import LimitSettings
from dealgram.persistence import accounts
from dealgram.persistence.records import Account
from dealgram.playground import Playground, open_playground
from dealgram.sandbox.amocrm import Switches as AmoSwitches
from dealgram.sandbox.amocrm import disposable
from dealgram.sandbox.faults import Order
from dealgram.sandbox.page.world import World, build_world
from dealgram.sandbox.telegram import SimBot, SimUser
from dealgram.service import Service, open_service
from dealgram.settings import Settings

PATIENCE_S = 30.0
UNLIMITED = LimitSettings(
    chat_rate_per_s=1e4, chat_burst=1e4, group_rate_per_s=1e4, group_burst=1e4, bot_rate_per_s=1e4, bot_burst=1e4
)


@dataclass
class Stage:
    """What a test plays with."""

    playground: Playground
    world: World
    settings: Settings
    service: Service | None = None
    service_url: str = ""
    account: Account | None = None
    gate_policy: GatePolicy | None = None
    limits: LimitSettings = UNLIMITED
    ahead: dt.timedelta = dt.timedelta()
    """How far the service's calendar is ahead of the machine's."""

    @property
    def telegram(self):
        return self.playground.telegram

    @property
    def amo(self):
        return self.playground.amo

    async def until(self, condition: Callable[[], Any], what: str = "") -> Any:
        """Wait until something holds on stage. Woken by the simulators' own changes, not by the clock."""
        with trio.move_on_after(PATIENCE_S), self.telegram.subscribe() as messages, self.amo.subscribe() as cards:
            async with trio.open_nursery() as nursery:
                changed = trio.Event()

                async def watch(source) -> None:
                    async for _ in source:
                        changed.set()

                nursery.start_soon(watch, messages)
                nursery.start_soon(watch, cards)
                while True:
                    changed = trio.Event()
                    if found := condition():
                        nursery.cancel_scope.cancel()
                        return found
                    await changed.wait()
        if found := condition():
            return found
        raise AssertionError(f"did not come true: {what or condition}\n{self.describe()}")

    async def taken(self, order: Order) -> None:
        """Wait until a call has met a fault."""
        with trio.fail_after(PATIENCE_S):
            await order.taken()

    def describe(self) -> str:
        lines = [f"violations: {self.telegram.violations + self.amo.violations}"]
        if self.service is not None:
            for actor in self.service.system.snapshot().actors:
                lines.append(f"{actor.address} {actor.state} lanes={actor.lanes} error={actor.last_error}")
        for deal in self.world.deals:
            lines.append(f"deal {deal}: {[(item.author, item.text) for item in self.feed(deal)]}")
        lines.append(f"group: {[m.get('text') for m in self.telegram.history(self.world.group)]}")
        return "\n".join(lines)

    def feed(self, deal: int):
        return self.amo.feed(self.world.account, deal)

    def texts(self, deal: int) -> list[str]:
        return [item.text for item in self.feed(deal)]

    def group_texts(self) -> list[str]:
        return [message["text"] for message in self.telegram.history(self.world.group) if message.get("text")]

    def buttons(self, message: dict) -> dict[str, str]:
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        return {button["text"]: button["callback_data"] for row in rows for button in row if "callback_data" in button}

    def last_with_button(self, text: str) -> dict | None:
        for message in reversed(self.telegram.history(self.world.group)):
            if any(text in name for name in self.buttons(message)):
                return message
        return None

    async def press(self, person, text: str) -> None:
        """Press the newest button whose name holds a text."""
        message = await self.until(lambda: self.last_with_button(text), f"a button {text}")
        name = next(name for name in self.buttons(message) if text in name)
        self.telegram.press(person, self.world.group, message["message_id"], self.buttons(message)[name])

    async def link(self, deal: int, person=None) -> None:
        """Link the group to a deal as a person does it."""
        person = person or self.world.anna
        seen = len(self.telegram.history(self.world.group))

        def new(words: str) -> dict | None:
            found = (m for m in self.telegram.history(self.world.group)[seen:] if words in m.get("text", ""))
            return next(found, None)

        self.telegram.write(person, self.world.group, f"/menu@{self.world.sales_bot.username}")
        await self.until(lambda: new("Что сделать?"), "the menu")
        await self.press(person, "Связать группу")
        question = await self.until(lambda: new("пришлите ID"), "the question for a deal")
        self.telegram.write(person, self.world.group, str(deal), reply_to=question["message_id"])
        await self.until(lambda: self.is_linked_line(deal), f"deal {deal} linked")

    def is_linked_line(self, deal: int) -> bool:
        return any("связана с этой сделкой" in text for text in self.texts(deal))

    def chat_of_group(self, deal: int) -> str:
        for option in self.amo.chats_of_lead(self.world.account, deal):
            if "-u" not in option.conversation:
                return option.chat_uuid
        raise AssertionError(f"no chat of the group in deal {deal}")

    # Telegram messages in amoCRM

    def standing(self, chat, message_id: int) -> dict[str, Any]:
        """A Telegram message as amoCRM shows it, by conversation. In basic groups every bot has ids of its own."""
        account, found = self.world.account, {}
        for uuid, each in account.chats.items():
            for item in self.amo.history(account, uuid):
                if re.fullmatch(rf"tg-\d+-{chat.id}-{message_id}(-d\d+)?", item.msgid or ""):
                    found[each.client_id] = item
        return found

    async def stands(self, chat, message: dict, count: int = 1) -> list:
        """Wait until a message stands in so many conversations, with its bytes if it has a file."""

        def complete():
            items = list(self.standing(chat, message["message_id"]).values())
            return len(items) == count and all(not item.media or item.data is not None for item in items) and items

        return await self.until(complete, f"message {message['message_id']} in {count} conversations")

    # Private chats

    def card(self, person, bot=None) -> list:
        """What stands in the conversation of a person with a bot (the sales bot), oldest first."""
        chat = self.amo.chat(self.world.account, f"p{(bot or self.world.sales_bot).id}-{person.id}")
        return self.amo.history(self.world.account, chat.uuid) if chat is not None else []

    def card_texts(self, person, bot=None) -> list[str]:
        return [item.text for item in self.card(person, bot)]

    async def in_card(self, person, text: str, bot=None) -> Any:
        """Wait for a line in the person's conversation."""
        await self.until(lambda: text in self.card_texts(person, bot), f"«{text}» in the card of {person.name}")
        return next(item for item in self.card(person, bot) if item.text == text)

    def private_messages(self, person, bot=None) -> list[dict]:
        """The bot's own messages in its chat with a person."""
        chat = self.telegram.private_chat(person, bot or self.world.sales_bot)
        return [message for message in self.telegram.history(chat) if message["from"]["is_bot"]]

    def private_texts(self, person, bot=None) -> list[str]:
        return [message["text"] for message in self.private_messages(person, bot)]

    def answer(self, person, text: str, bot=None, **more: Any) -> str:
        """A manager answers a person from the card; returns amoCRM's id of the message."""
        chat = self.amo.chat(self.world.account, f"p{(bot or self.world.sales_bot).id}-{person.id}")
        return self.amo.answer(self.world.account, chat.uuid, self.world.olga, text, **more)

    async def status(self, amo_id: str) -> Any:
        """Wait until an answer has a status of ours; gives the message as the manager sees it."""
        message = partial(self.amo.message, self.world.account, amo_id)
        return await self.until(lambda: message().status != "sent" and message(), "a status of the answer")

    async def start_bot(self, person: SimUser | None = None, bot: SimBot | None = None) -> None:
        """A person (Anna) starts a bot (that of sales), and both sides have seen it: answers have somewhere to go."""
        person, bot = person or self.world.anna, bot or self.world.sales_bot
        self.telegram.write(person, bot, "/start")
        await self.in_card(person, texts.STARTED_BOT, bot)
        await self.until(lambda: texts.GREETING in self.private_texts(person, bot), "the greeting")
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until the journal holds no more work."""
        with trio.fail_after(PATIENCE_S):
            while await self.service.services.journal.addresses_with_work():  # noqa: ASYNC110 - a database has no event
                await trio.sleep(0.02)

    async def settled(self) -> None:
        """Wait until what the bots were told before the test (they were added to groups) has come in and is done."""
        with trio.fail_after(PATIENCE_S):
            while any(self.telegram.pending(bot) for bot, _ in self.world.bots):  # noqa: ASYNC110
                await trio.sleep(0.01)
        await self.quiet()

    async def done(self) -> None:
        """Wait until what people wrote on both sides has come in and is done, and amoCRM has fetched the files."""
        with trio.fail_after(2 * PATIENCE_S):
            while self.amo.hooks_pending:  # noqa: ASYNC110
                await trio.sleep(0.01)
            await self.settled()
            while self.amo.downloads_pending:  # noqa: ASYNC110
                await trio.sleep(0.01)

    async def count(self, sql: str, *args: Any) -> int:
        """A number from the service's database."""
        return await self.service.services.db.fetchval(sql, *args)

    async def assert_undisturbed(self) -> None:
        """No actor crashed and nothing was given up."""
        snapshot = self.service.system.snapshot()
        assert snapshot.counters.restarts == 0
        assert [actor.address for actor in snapshot.actors if actor.restarts] == []
        assert await self.count("SELECT count(*) FROM dead_letters") == 0

    def assert_clean(self) -> None:
        self.telegram.assert_clean()
        self.amo.assert_clean()
        self.playground.controller.assert_clean()


def base_settings(tmp_path, database_url: str) -> Settings:
    return Settings(
        _env_file=None,
        data_dir=tmp_path,
        port=0,
        sandbox="on",
        sweep_s=5,
        amocrm_rate_per_s=1000,
        amocrm_egress_rate_per_s=1000,
        drain_s=5,
        stop_hard_s=10,
        sandbox_page_port=0,
        sandbox_telegram_port=0,
        sandbox_amocrm_port=0,
        sandbox_controller_port=0,
    )


def _open(stage: Stage) -> AbstractAsyncContextManager[Service]:
    return open_service(
        stage.settings,
        limits=stage.limits,
        gate_policy=stage.gate_policy,
        now=lambda: dt.datetime.now(dt.UTC) + stage.ahead,
    )


@asynccontextmanager
async def running_service(stage: Stage) -> AsyncIterator[Service]:
    """A service of the stage, from start to a clean stop."""
    async with _open(stage) as service, trio.open_nursery() as nursery:
        bound = await nursery.start(service.run)
        stage.playground.send_hooks_to(bound.url)
        stage.service_url = bound.url
        stage.service = service
        try:
            yield service
        finally:
            service.request_stop()


@pytest.fixture(autouse=True)
def files_come_soon(request, monkeypatch) -> None:
    """On one machine the files of an album come sooner one after another than over the internet."""
    if "autojump_clock" not in request.fixturenames:
        monkeypatch.setattr(albums, "QUIET_S", 0.6)
        monkeypatch.setattr(albums, "_LOOK_EVERY_S", 0.2)


@pytest.fixture
def amo_switches() -> AmoSwitches:
    """Override to play with other positions of the doubtful points."""
    return AmoSwitches(rest_rate_per_s=None)


@asynccontextmanager
async def open_stage(tmp_path, database_url: str, amo_switches: AmoSwitches) -> AsyncIterator[Stage]:
    """Simulators with the sample world; no service yet."""
    async with open_playground(amo_switches=amo_switches) as playground:
        settings = playground.settings(base_settings(tmp_path, database_url))
        settings = settings.model_copy(update={"database_url": SecretStr(database_url)})
        yield Stage(playground, build_world(playground.telegram, playground.amo), settings)


@pytest.fixture
async def empty_stage(tmp_path, database_url, amo_switches) -> AsyncIterator[Stage]:
    """Simulators with the sample world; no service yet."""
    async with open_stage(tmp_path, database_url, amo_switches) as stage:
        yield stage


@pytest.fixture
def stage_with(tmp_path, database_url) -> Callable[[AmoSwitches], Any]:
    """``async with stage_with(switches) as stage``: for tests that set one stage after the other."""
    return partial(open_stage, tmp_path, database_url)


@asynccontextmanager
async def connected_service(stage: Stage) -> AsyncIterator[Service]:
    """A service of the stage that the sample account and its bots are connected to."""
    async with running_service(stage) as service:
        stage.account = await stage.playground.connect(service, stage.world.account, stage.world.bots)
        yield service


@pytest.fixture
async def stage(empty_stage) -> AsyncIterator[Stage]:
    """The sample world with a running service that its account and bots are connected to."""
    async with connected_service(empty_stage):
        await empty_stage.settled()
        yield empty_stage


@pytest.fixture
def running():
    """``async with running(stage) as service``: for tests that start the service by themselves."""
    return running_service


@pytest.fixture
def connected():
    """The same with the sample account and its bots connected."""
    return connected_service


@dataclass
class GroupPlay:
    """One group of the stage with one bot in it: what people do there, and what they and the managers see."""

    stage: Stage
    chat: Any
    bot: Any

    def messages(self) -> list[dict]:
        return self.stage.telegram.history(self.chat)

    def said(self, words: str, since: int = 0) -> list[dict]:
        """The bot's messages that hold some words, later than the message ``since``."""
        return [
            message
            for message in self.messages()
            if message["from"]["id"] == self.bot.id
            and message["message_id"] > since
            and words in message.get("text", "")
        ]

    @property
    def last_id(self) -> int:
        return max((message["message_id"] for message in self.messages()), default=0)

    async def says(self, words: str, since: int = 0) -> dict:
        """Wait for a message of the bot; gives the first."""
        return (await self.stage.until(lambda: self.said(words, since), f"the bot says «{words}»"))[0]

    def write(self, person, text: str, **more: Any) -> int:
        return self.stage.telegram.write(person, self.chat, text, **more)["message_id"]

    async def menu(self, person) -> int:
        """Open a new menu; gives its message's id."""
        since = self.last_id
        self.write(person, f"/menu@{self.bot.username}")
        return (await self.says("Что сделать?", since))["message_id"]

    def shown(self, message_id: int) -> dict:
        """A message as it stands in the chat now."""
        return next(message for message in self.messages() if message["message_id"] == message_id)

    def buttons(self, message_id: int) -> dict[str, str]:
        return self.stage.buttons(self.shown(message_id))

    def begin_press(self, person, message_id: int, label: str) -> str:
        """Press the button whose name holds ``label``; gives the id of the press."""
        data = next(data for name, data in self.buttons(message_id).items() if label in name)
        return self.stage.telegram.press(person, self.chat, message_id, data)

    async def press(self, person, message_id: int, label: str) -> dict:
        """Press a button and wait for the answer to the press."""
        press_id = self.begin_press(person, message_id, label)
        return await self.stage.until(
            lambda: self.stage.telegram.callback_answers.get(press_id), f"an answer to «{label}»"
        )

    async def ask(self, person) -> int:
        """«Связать группу со Сделкой»: gives the id of the bot's question."""
        menu = await self.menu(person)
        since = self.last_id
        await self.press(person, menu, "Связать группу")
        return (await self.says("пришлите ID", since))["message_id"]

    async def link(self, deal: int, person=None) -> None:
        """Link a deal from the menu, until its card shows it."""
        person = person or self.stage.world.anna
        before = self.stage.texts(deal).count(self.linked_line)
        question = await self.ask(person)
        self.write(person, str(deal), reply_to=question)
        await self.stage.until(lambda: self.stage.texts(deal).count(self.linked_line) > before, f"{deal} linked")
        await self.stage.quiet()

    @property
    def linked_line(self) -> str:
        return texts.group_linked_line(self.chat.title)

    async def unlink(self, deal: int, person=None) -> None:
        """Unlink a deal from the menu, until the group's own chat has left its card."""
        person = person or self.stage.world.anna
        menu = await self.menu(person)
        await self.press(person, menu, "Список")
        name = self.stage.world.account.leads[deal].name
        await self.stage.until(lambda: any(name[:20] in label for label in self.buttons(menu)), "the list")
        await self.press(person, menu, next(label for label in self.buttons(menu) if name[:20] in label))
        await self.stage.until(lambda: "Да, отвязать" in self.buttons(menu), "the question")
        await self.press(person, menu, "Да, отвязать")
        await self.stage.until(lambda: not self.own_chats(deal), f"the group's own chat leaves {deal}")
        await self.stage.quiet()

    async def words(self, person, text: str, *deals: int) -> int:
        """Write in the group and wait until the words stand in every one of these deals."""
        message_id = self.write(person, text)
        for deal in deals:
            await self.stage.until(
                lambda deal=deal: any(text in line for line in self.stage.texts(deal)), f"«{text}» in {deal}"
            )
        await self.stage.quiet()
        return message_id

    def own_chats(self, deal: int) -> list:
        """The group's own conversation in the deal's chat selector."""
        options = self.stage.amo.chats_of_lead(self.stage.world.account, deal)
        return [one for one in options if one.conversation.endswith(f"-d{deal}")]

    def answer(self, deal: int, text: str, person=None, user=None) -> str:
        """A manager answers from a deal card: in the group's own chat, or in a participant's; amoCRM's id of it."""
        account = self.stage.world.account
        ending = f"-d{deal}" if person is None else f"-u{person.id}"
        chat = next(
            one
            for one in self.stage.amo.chats_of_lead(account, deal)
            if one.conversation.endswith(ending) and f"-d{deal}" in one.conversation
        )
        return self.stage.amo.answer(account, chat.chat_uuid, user or self.stage.world.olga, text)

    def written(self, deal: int) -> list[str]:
        """What people and managers wrote, as the deal's card shows it: without dealgram's own lines."""
        return [item.text for item in self.stage.feed(deal) if not item.silent or item.direction == "out"]

    def contacts(self, person) -> list[int]:
        """The contacts of amoCRM whose «Telegram ID» is the person's."""
        amo, account = self.stage.amo, self.stage.world.account
        return [one for one in account.contacts if amo.contact_value(account, one, "TELEGRAM_ID") == str(person.id)]


@pytest.fixture
async def told(stage) -> Stage:
    """A stage on which Anna has started the sales bot."""
    await stage.start_bot()
    return stage


@pytest.fixture
async def play(stage) -> GroupPlay:
    """The sample world's group with the sales bot, after the bot's greeting."""
    play = GroupPlay(stage, stage.world.group, stage.world.sales_bot)
    await play.says("Здравствуйте!")
    await stage.quiet()
    return play


@pytest.fixture
async def hall(stage) -> GroupPlay:
    """A supergroup of the same people with the sales bot: message ids are the same for all."""
    telegram, world = stage.telegram, stage.world
    chat = telegram.create_group("Полдень: сайт", world.anna, kind="supergroup")
    for person in (world.igor, world.maria, world.sales_bot):
        telegram.add_member(chat, person, by=world.anna)
    telegram.promote(chat, world.sales_bot)
    play = GroupPlay(stage, chat, world.sales_bot)
    await play.says("Здравствуйте!")
    await stage.settled()
    return play


@pytest.fixture
def choose(stage) -> Callable[..., Awaitable[None]]:
    """``await choose(policy=…, service_lines=…)``: settings of the account, as its administrators choose them."""

    async def choose(**choices: object) -> None:
        await accounts.change_settings(stage.service.services.db, stage.account.account_id, choices)
        await stage.service.refresh()

    return choose


@pytest.fixture
def play_of() -> type[GroupPlay]:
    """``play_of(stage, chat, bot)``: for tests that set the stage by themselves."""
    return GroupPlay


@pytest.fixture
def play_in(stage) -> Callable[..., GroupPlay]:
    """Another group of the stage."""
    return lambda chat, bot=None: GroupPlay(stage, chat, bot or stage.world.sales_bot)


@dataclass
class WidgetCalls:
    """Calls of the widget's API by one user out of one account's page, with a new token each."""

    stage: Stage
    account: Any
    user: Any

    @property
    def origin(self) -> str:
        return self.stage.playground.url_of(self.account)

    def token(self) -> str:
        return disposable.mint(self.stage.amo.world, self.account, self.user)

    async def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """``more`` for httpx; ``headers`` beside the token and the page's origin."""
        headers = {"X-Auth-Token": self.token(), "Origin": self.origin} | more.pop("headers", {})
        async with httpx.AsyncClient(base_url=f"{self.stage.service_url}/api/v1", timeout=60) as client:
            return await client.request(method, path, json=body, headers=headers, **more)

    async def get(self, path: str, **more: Any) -> Any:
        """The answer of a call that is expected to succeed."""
        answer = await self("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def widget_calls(stage) -> Callable[..., WidgetCalls]:
    """``widget_calls()``: the sample account's administrator; ``widget_calls(user=…, account=…)``: somebody else."""

    def make(user: Any = None, account: Any = None) -> WidgetCalls:
        return WidgetCalls(stage, account or stage.world.account, user or stage.world.olga)

    return make
