"""One account's trouble with amoCRM never slows another, and costs nobody a message.

Two accounts play on one service, each with a bot, a group, deals and a manager. The first one's amoCRM misbehaves in
every way that the contract knows; the other's messages and answers go both ways with the very requests that they cost
before. Then amoCRM behaves again, and everything that waited arrives, once and in order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from dealgram.gateways.breaker import Breaker
from dealgram.gateways.gate_policy import GatePolicy, Service
from dealgram.gateways.trouble import SENTENCES, TroubleKind
from dealgram.persistence import accounts, subscriptions

CAP = 4
POLICY = GatePolicy(
    calls_at_once=CAP,
    rest_rate_per_s=1000,
    egress_rate_per_s=1000,
    most_wait_s=0.1,  # those who wait look again this often, so that nobody waits for a minute of real time
    open_after=3,
)


@dataclass
class Side:
    """One account with everything that belongs to it, and what has been said there."""

    stage: Any
    account: Any
    manager: Any
    deal: int
    bot: Any
    group: Any
    person: Any
    row: Any = None
    said: list[str] = field(default_factory=list)
    strangers: list[Any] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)
        self.stage.telegram.write(self.person, self.group, text)

    def stranger(self, name: str) -> None:
        """Somebody unknown writes to the bot: that takes REST calls."""
        person = self.stage.telegram.add_person(name)
        self.strangers.append(person)
        self.stage.telegram.write(person, self.bot, f"Здравствуйте, я {name}")

    def heard(self) -> list[str]:
        """What of it stands in the deal, in the order in which the card shows it."""
        return [item.text for item in self.stage.amo.feed(self.account, self.deal) if item.text in self.said]

    def card(self, person) -> list[str]:
        chat = self.stage.amo.chat(self.account, f"p{self.bot.id}-{person.id}")
        return [item.text for item in self.stage.amo.history(self.account, chat.uuid)] if chat is not None else []

    async def answer(self, text: str) -> None:
        """The manager answers from the deal, and the group reads it."""
        options = self.stage.amo.chats_of_lead(self.account, self.deal)
        chat = next(one for one in options if one.conversation.endswith(f"-d{self.deal}"))
        amo_id = self.stage.amo.answer(self.account, chat.chat_uuid, self.manager, text)
        await self.stage.until(lambda: text in self.group_texts(), f"«{text}» in the group")
        status = lambda: self.stage.amo.message(self.account, amo_id).status  # noqa: E731
        await self.stage.until(lambda: status() == "delivered", "the status of the answer")

    def group_texts(self) -> list[str]:
        return [message["text"] for message in self.stage.telegram.history(self.group) if message.get("text")]

    def concerns(self, facts) -> bool:
        return facts["account_id"] == self.account.id

    def requests(self) -> Counter[str]:
        return Counter(one.operation for one in self.stage.amo.requests if one.account_id == self.account.id)

    @property
    def gate(self):
        return self.stage.service.services.gates.of(self.account.id)

    def in_flight(self, service: Service) -> int:
        return self.gate.figures().services[service].in_flight

    async def arrived(self) -> None:
        """Everything that was said is in the card, once and in order; every stranger has a card with their words."""
        await self.stage.until(lambda: len(self.heard()) >= len(self.said), f"all words in {self.deal}")
        for person in self.strangers:
            await self.stage.until(lambda person=person: self.card(person), f"a card of {person.name}")
        await self.quiet()
        assert self.heard() == self.said
        for person in self.strangers:
            assert self.card(person) == [f"Здравствуйте, я {person.first_name}"]

    async def quiet(self) -> None:
        """Wait until nothing of this account waits in the journal; the other one's may."""
        sql = (
            "SELECT (SELECT count(*) FROM outbox WHERE state = 'pending' AND account_id = $1)"
            " + (SELECT count(*) FROM inbox WHERE done_at IS NULL AND account_id = $1)"
        )
        with trio.fail_after(30):
            while await self.stage.count(sql, self.account.id):  # noqa: ASYNC110 - a database has no event
                await trio.sleep(0.01)


@pytest.fixture
async def sides(empty_stage, running):
    """The sample world's account, and another one beside it."""
    stage, world = empty_stage, empty_stage.world
    stage.gate_policy = POLICY
    telegram, amo = stage.telegram, stage.amo
    account = amo.add_account("vostok", "Агентство „Восток“")
    deal = amo.add_lead(account, "Ремонт кафе", account.main_pipeline.id)
    bot = telegram.add_bot("Восток Продажи", "vostok_bot")
    pavel = telegram.add_person("Павел")
    group = telegram.create_group("Кафе «Заря»", pavel, kind="group")
    telegram.add_member(group, bot, by=pavel)
    telegram.promote(group, bot)
    troubled = Side(stage, world.account, world.olga, world.cafe, world.sales_bot, world.group, world.anna)
    well = Side(stage, account, account.owner, deal, bot, group, pavel)
    async with running(stage) as service:
        troubled.row = await stage.playground.connect(service, world.account, world.bots)
        well.row = await stage.playground.connect(service, account, [(bot, account.main_pipeline)])
        await stage.settled()
        for side in (troubled, well):
            await _link(side)
            side.say("Первое слово")
            await side.arrived()
            await side.answer("Первый ответ")
        await stage.quiet()
        yield troubled, well


async def _link(side: Side) -> None:
    stage = side.stage
    username = side.bot.username

    def question() -> dict | None:
        history = stage.telegram.history(side.group)
        return next((one for one in history if "пришлите ID" in one.get("text", "")), None)

    def button() -> tuple[dict, str] | None:
        for message in reversed(stage.telegram.history(side.group)):
            for label, data in stage.buttons(message).items():
                if "Связать группу" in label:
                    return message, data
        return None

    stage.telegram.write(side.person, side.group, f"/menu@{username}")
    message, data = await stage.until(button, "the menu")
    stage.telegram.press(side.person, side.group, message["message_id"], data)
    asked = await stage.until(question, "the question for a deal")
    stage.telegram.write(side.person, side.group, str(side.deal), reply_to=asked["message_id"])
    await stage.until(
        lambda: any("связана с этой сделкой" in item.text for item in stage.amo.feed(side.account, side.deal)),
        f"{side.deal} linked",
    )
    await stage.quiet()


async def round_trip(side: Side, name: str) -> Counter[str]:
    """Words both ways and a stranger; gives the requests that this cost."""
    before = side.requests()
    for number in range(5):
        side.say(f"{name}: слово {number}")
    side.stranger(name)
    await side.arrived()
    await side.answer(f"{name}: ответ")
    await side.quiet()
    return side.requests() - before


def time_passes(side: Side) -> None:
    """As if the account's pauses were over."""
    gate = side.gate
    breakers: list[Breaker] = [gate._account, *gate._operations.values()]
    for way in gate._ways.values():
        breakers.append(way.breaker)
        way.pace._paused_until = 0.0
    for breaker in breakers:
        breaker.retry_now()


@dataclass(frozen=True)
class Misbehaviour:
    """What amoCRM does to an account, and what that is called."""

    kind: TroubleKind
    begin: Callable[[Side], Callable[[], None]]  # returns what ends it


def answers(only: Callable[[str], bool] = lambda name: True, **answer: Any) -> Callable[[Side], Callable[[], None]]:
    def begin(side: Side) -> Callable[[], None]:
        def when(facts) -> bool:
            return side.concerns(facts) and only(facts["name"])

        return side.stage.amo.faults.answer(when=when, times=None, **answer).cancel

    return begin


def unpaid(side: Side) -> Callable[[], None]:
    amo, account = side.stage.amo, side.account
    amo.set_paid(account, False)
    return lambda: amo.set_paid(account, True)


def is_rest(name: str) -> bool:
    return not name.startswith("amojo.")


TOO_MANY = {"title": "Too Many Requests", "status": 429, "detail": "7 req/s", "retry_after": 300}
NOT_LISTED = {"title": "Forbidden", "status": 403, "detail": "IP is not in the white list", "code": 113}

MISBEHAVIOURS = {
    "fails": Misbehaviour(TroubleKind.UNAVAILABLE, answers(status=503)),
    "drops": Misbehaviour(
        TroubleKind.UNAVAILABLE,
        lambda side: side.stage.amo.faults.drop_before(when=side.concerns, times=None).cancel,
    ),
    "slows_down": Misbehaviour(TroubleKind.RATE_LIMITED, answers(status=429, body=TOO_MANY)),
    "is_unpaid": Misbehaviour(TroubleKind.UNPAID, unpaid),
    "blocks": Misbehaviour(TroubleKind.BLOCKED, answers(status=403, body=b"<html>403 Forbidden</html>")),
    "does_not_list_us": Misbehaviour(TroubleKind.IP_BLOCKED, answers(is_rest, status=403, body=NOT_LISTED)),
}


@pytest.mark.parametrize("name", MISBEHAVIOURS)
async def test_an_account_that_amocrm_does_not_serve_waits_alone(sides, name):
    troubled, well = sides
    stage, misbehaviour = troubled.stage, MISBEHAVIOURS[name]
    usual = await round_trip(well, "до беды")

    end = misbehaviour.begin(troubled)
    for number in range(10):
        troubled.say(f"в беде: слово {number}")
        troubled.stranger(f"Гость {number}")
    with trio.fail_after(30):
        while (row := await accounts.get(stage.service.services.db, troubled.account.id)).trouble is None:  # noqa: ASYNC110
            await trio.sleep(0.01)
    assert row.trouble == misbehaviour.kind
    assert row.trouble_detail == SENTENCES[misbehaviour.kind]
    assert row.trouble_since is not None

    assert await round_trip(well, "во время беды") == usual
    assert well.gate.trouble is None
    assert (await accounts.get(stage.service.services.db, well.account.id)).trouble is None
    assert troubled.gate.trouble.kind is misbehaviour.kind

    end()
    time_passes(troubled)
    await troubled.arrived()
    row = await accounts.get(stage.service.services.db, troubled.account.id)
    assert (row.trouble, row.trouble_since) == (None, None)
    await troubled.answer("после беды")
    await stage.assert_undisturbed()


async def test_an_account_whose_calls_hang_holds_no_more_than_its_cap(sides):
    troubled, well = sides
    stage = troubled.stage
    usual = await round_trip(well, "до беды")

    held = stage.amo.faults.hold(when=troubled.concerns)
    for number in range(20):
        troubled.say(f"в беде: слово {number}")
        troubled.stranger(f"Гость {number}")
    with trio.fail_after(30):
        while troubled.in_flight(Service.CHATS) < CAP:  # noqa: ASYNC110 - a gate has no event for it
            await trio.sleep(0.01)
    assert await round_trip(well, "во время беды") == usual
    assert troubled.in_flight(Service.CHATS) == CAP
    assert troubled.gate.figures().services[Service.CHATS].waiting > 0
    assert held.hits == troubled.in_flight(Service.REST) + troubled.in_flight(Service.CHATS) <= 2 * CAP

    held.release()
    await troubled.arrived()
    await troubled.answer("после беды")
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_a_flood_of_hooks_of_one_account_does_not_hold_up_the_other(sides):
    troubled, well = sides
    stage = troubled.stage
    usual = await round_trip(well, "до беды")
    held = stage.telegram.faults.hold("sendMessage", when=lambda facts: facts["bot_id"] == troubled.bot.id)
    options = stage.amo.chats_of_lead(troubled.account, troubled.deal)
    chat = next(one for one in options if one.conversation.endswith(f"-d{troubled.deal}"))
    flood = [f"ответ {number}" for number in range(300)]
    for text in flood:
        stage.amo.answer(troubled.account, chat.chat_uuid, troubled.manager, text)
    assert await round_trip(well, "во время беды") == usual
    assert not set(flood) & set(troubled.group_texts())
    held.release()
    await stage.until(lambda: flood[-1] in troubled.group_texts(), "the end of the flood")
    assert [text for text in troubled.group_texts() if text in set(flood)] == flood
    await stage.quiet()
    await stage.assert_undisturbed()
    stage.assert_clean()


async def test_an_account_that_nobody_pays_for_costs_another_nothing(sides):
    lapsed, well = sides
    stage = well.stage
    db, service = stage.service.services.db, stage.service
    usual = await round_trip(well, "Обычно")
    at = service.services.now()
    await subscriptions.set_until(db, lapsed.account.id, at, now=at, by="operator")
    await service.refresh()
    await stage.until(lambda: lapsed.account.tasks, "its administrator is told")
    for number in range(20):
        lapsed.say(f"Слово в паузе {number}")
    lapsed.stranger("Незнакомец")
    assert await round_trip(well, "Во время паузы") == usual
    assert lapsed.heard() == ["Первое слово"]
    assert not well.account.tasks
    await subscriptions.extend(db, lapsed.account.id, days=30, now=service.services.now(), by="operator")
    await service.refresh()
    await lapsed.arrived()
    assert await round_trip(well, "После паузы") == usual
    await stage.assert_undisturbed()
    stage.assert_clean()
