"""The story that ``dealgram demo`` tells: two bots, three people, one group, three deals.

Owns the plot and its checks, nothing else: the service, the simulators and the HTTP between them are the real ones.
Every check looks at what people see: the messages of the chat, the feeds of the deal cards.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import trio
from rich.console import Console

from dealgram.gateways.telegram import LimitSettings
from dealgram.playground import Playground, open_playground
from dealgram.sandbox.amocrm import FeedItem
from dealgram.sandbox.amocrm import Switches as AmoSwitches
from dealgram.sandbox.page.world import World, build_world
from dealgram.sandbox.telegram import SimUser
from dealgram.service import open_service
from dealgram.settings import Settings

PATIENCE_S = 30.0
UNHURRIED = LimitSettings(
    chat_rate_per_s=100, chat_burst=100, group_rate_per_s=100, group_burst=100, bot_rate_per_s=100, bot_burst=100
)


class CheckFailed(Exception):  # noqa: N818 - an outcome of the story
    """A step did not come out as it should."""


@dataclass
class Teller:
    """Tells the steps and counts the checks."""

    console: Console
    keep_going: bool
    checks: int = 0
    failures: list[str] = field(default_factory=list)

    def chapter(self, title: str) -> None:
        self.console.print(f"\n[bold]{title}[/]")

    def says(self, who: str, where: str, text: str) -> None:
        self.console.print(f"  [cyan]{who}[/] → {where}: {text}", highlight=False)

    def check(self, ok: bool, what: str) -> None:
        self.checks += 1
        self.console.print(f"  {'[green]✓[/]' if ok else '[red]✗[/]'} {what}", highlight=False)
        if not ok:
            self.failures.append(what)
            if not self.keep_going:
                raise CheckFailed(what)


@dataclass
class Scene:
    """The world, and waiting for what happens in it."""

    playground: Playground
    world: World
    teller: Teller

    def feed(self, deal: int) -> list[FeedItem]:
        return self.playground.amo.feed(self.world.account, deal)

    def card(self, deal: int) -> list[str]:
        return [item.text for item in self.feed(deal)]

    def group(self) -> list[dict[str, Any]]:
        return self.playground.telegram.history(self.world.group)

    def group_texts(self) -> list[str]:
        return [message["text"] for message in self.group() if message.get("text")]

    async def sees(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait for something to be seen, then check it off."""
        playground = self.playground
        with (
            trio.move_on_after(PATIENCE_S),
            playground.telegram.subscribe() as chats,
            playground.amo.subscribe() as cards,
        ):
            await _until(condition, chats, cards)
        found = condition()
        self.teller.check(bool(found), what)
        return found

    def writes(self, person: SimUser, text: str, reply_to: int | None = None) -> None:
        self.teller.says(person.first_name, "группа", text)
        self.playground.telegram.write(person, self.world.group, text, reply_to=reply_to)

    async def press(self, person: SimUser, button: str) -> None:
        message = await self.sees(lambda: self._with_button(button), f"кнопка «{button}» на месте")
        if message:
            data = next(data for name, data in _buttons(message).items() if button in name)
            self.teller.says(person.first_name, "кнопка", button)
            self.playground.telegram.press(person, self.world.group, message["message_id"], data)

    def _with_button(self, button: str) -> dict[str, Any] | None:
        return next((m for m in reversed(self.group()) if any(button in name for name in _buttons(m))), None)

    async def link(self, person: SimUser, deal: int, answer: str) -> None:
        seen = len(self.group())
        self.writes(person, f"/menu@{self.world.sales_bot.username}")
        await self.sees(
            lambda: any("Что сделать?" in m.get("text", "") for m in self.group()[seen:]), "бот показал меню"
        )
        await self.press(person, "Связать группу")
        question = await self.sees(
            lambda: next((m for m in self.group()[seen:] if "пришлите ID" in m.get("text", "")), None),
            "бот спросил ID сделки",
        )
        self.writes(person, answer, reply_to=question["message_id"] if question else None)
        await self.sees(
            lambda: any("связана с этой сделкой" in text for text in self.card(deal)), f"сделка {deal} узнала о группе"
        )

    def group_chat(self, deal: int) -> str:
        """The group's own conversation in a deal's chat selector."""
        options = self.playground.amo.chats_of_lead(self.world.account, deal)
        return next(option.chat_uuid for option in options if "-u" not in option.conversation)

    def has(self, deal: int, texts: Sequence[str]) -> bool:
        return set(texts) <= set(self.card(deal))

    def group_has(self, text: str) -> bool:
        return text in self.group_texts()

    def is_delivered(self, amo_id: str) -> bool:
        item = self.playground.amo.message(self.world.account, amo_id)
        return item is not None and item.status == "delivered"

    def everywhere_once_in_order(self, deals: Sequence[int], texts: Sequence[str]) -> None:
        for deal in deals:
            seen = [text for text in self.card(deal) if text in set(texts)]
            self.teller.check(seen == list(texts), f"в сделке {deal} все сообщения по одному и по порядку")


async def play(settings: Settings, *, keep_going: bool = False) -> int:
    """Play the story; returns how many checks failed. Uses a database of its own, thrown away afterwards."""
    teller = Teller(Console(), keep_going)
    with tempfile.TemporaryDirectory(prefix="dealgram-demo-") as folder:
        async with open_playground(amo_switches=AmoSwitches(rest_rate_per_s=None)) as playground:
            own = settings.model_copy(update={"data_dir": Path(folder), "port": 0, "amocrm_rate_per_s": 1000.0})
            async with open_service(playground.settings(own), limits=UNHURRIED) as service:
                async with trio.open_nursery() as nursery:
                    bound = await nursery.start(service.run)
                    playground.send_hooks_to(bound.url)
                    scene = Scene(playground, build_world(playground.telegram, playground.amo), teller)
                    await playground.connect(service, scene.world.account, scene.world.bots)
                    try:
                        await _tell(scene)
                    except CheckFailed:
                        pass  # told and counted already
                    finally:
                        service.request_stop()
                for violation in (*playground.telegram.violations, *playground.amo.violations):
                    teller.failures.append(violation)
                    teller.console.print(f"  [red]✗[/] {violation}", highlight=False)
    result = "[red]не сошлось[/]" if teller.failures else "[green]всё сошлось[/]"
    teller.console.print(f"\n{teller.checks} проверок, {len(teller.failures)} неудач: {result}")
    return len(teller.failures)


async def _tell(scene: Scene) -> None:
    world, teller = scene.world, scene.teller
    telegram, amo = scene.playground.telegram, scene.playground.amo

    teller.chapter("1. Группа и её первая сделка")
    await scene.link(world.anna, world.cafe, str(world.cafe))

    teller.chapter("2. Вторая сделка — по ссылке, третья — из другой воронки")
    await scene.link(world.anna, world.office, f"{scene.playground.url_of(world.account)}/leads/detail/{world.office}")
    await scene.link(world.anna, world.repair, f"№ {world.repair}")

    teller.chapter("3. Разговор в группе виден во всех трёх сделках")
    talk = [
        (world.igor, "Добрый день! Когда будет макет?"),
        (world.anna, "И ещё: логотип можно крупнее?"),
        (world.igor, "Ждём до пятницы"),
    ]
    for person, text in talk:
        scene.writes(person, text)
    texts = [text for _, text in talk]
    for deal in world.deals:
        await scene.sees(partial(scene.has, deal, texts), f"сделка {deal} получила разговор")
    scene.everywhere_once_in_order(world.deals, texts)

    teller.chapter("4. Менеджеры отвечают из разных сделок")
    answers = []
    for deal, manager, text in (
        (world.cafe, world.olga, "Макет пришлём завтра к обеду"),
        (world.office, world.dmitry, "Логотип увеличим"),
    ):
        teller.says(manager.name, f"карточка {deal}", text)
        answers.append((text, amo.answer(world.account, scene.group_chat(deal), manager, text)))
    replies = [text for text, _ in answers]
    for text, amo_id in answers:
        await scene.sees(partial(scene.group_has, text), f"группа увидела: {text}")
        await scene.sees(partial(scene.is_delivered, amo_id), "менеджер видит «доставлено»")
    for deal in world.deals:
        await scene.sees(partial(scene.has, deal, replies), f"ответы есть и в карточке {deal}")
    counted = Counter(scene.group_texts())
    teller.check(all(counted[text] == 1 for text in replies), "в группе каждый ответ ровно один раз")
    for deal in world.deals:
        counted = Counter(scene.card(deal))
        teller.check(all(counted[text] == 1 for text in replies), f"в карточке {deal} каждый ответ ровно один раз")

    teller.chapter("5. Личный чат с другим ботом: новый человек, новая сделка")
    before = {lead.id for lead in amo_leads(scene)}
    teller.says(world.maria.first_name, f"@{world.service_bot.username}", "Сайт не открывается")
    telegram.write(world.maria, world.service_bot, "Сайт не открывается")
    await scene.sees(lambda: _private_card(scene, before), "в воронке «Сервис» новая сделка с этим сообщением")
    new_deal = _private_card(scene, before)
    if new_deal is not None:
        chat = amo.chats_of_lead(world.account, new_deal)[0].chat_uuid
        teller.says(world.dmitry.name, f"карточка {new_deal}", "Уже смотрим")
        amo.answer(world.account, chat, world.dmitry, "Уже смотрим")
        private = telegram.private_chat(world.maria, world.service_bot)
        await scene.sees(
            lambda: [m.get("text") for m in telegram.history(private)].count("Уже смотрим") == 1,
            "Мария получила ответ в личном чате",
        )

    teller.chapter("6. Отвязанная сделка больше ничего не получает")
    await scene.press(world.anna, "Список связанных")
    await scene.press(world.anna, "Отвязать 2.")
    await scene.press(world.anna, "Да, отвязать")
    await scene.sees(
        lambda: any("отвязана от этой сделки" in text for text in scene.card(world.office)),
        "в карточке есть об этом строка",
    )
    scene.writes(world.igor, "Спасибо, ждём")
    for deal in (world.cafe, world.repair):
        await scene.sees(partial(scene.has, deal, ["Спасибо, ждём"]), f"сделка {deal} получила сообщение")
    teller.check("Спасибо, ждём" not in scene.card(world.office), f"сделка {world.office} его не получила")


def amo_leads(scene: Scene) -> list[Any]:
    """All deals of the account."""
    return list(scene.world.account.leads.values())


def _private_card(scene: Scene, before: set[int]) -> int | None:
    for lead in amo_leads(scene):
        if lead.id not in before and "Сайт не открывается" in scene.card(lead.id):
            return int(lead.id)
    return None


def _buttons(message: dict[str, Any]) -> dict[str, str]:
    rows = message.get("reply_markup", {}).get("inline_keyboard", [])
    return {button["text"]: button["callback_data"] for row in rows for button in row if "callback_data" in button}


async def _until(condition: Callable[[], Any], *sources: Any) -> None:
    """Wait until a condition holds, looking anew at every change that a simulator tells of."""
    async with trio.open_nursery() as nursery:
        changed = trio.Event()

        async def watch(source: Any) -> None:
            async for _ in source:
                changed.set()

        for source in sources:
            nursery.start_soon(watch, source)
        while not condition():
            await changed.wait()
            changed = trio.Event()
        nursery.cancel_scope.cancel()
