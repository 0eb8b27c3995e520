"""The page server over the two simulators: what it shows, what it does, what it refuses, and the sample world."""

from __future__ import annotations

import random
from typing import Any

import orjson
import pytest
from quart_trio import QuartTrio

from dealgram.sandbox.amocrm import AmoSimulator, messages
from dealgram.sandbox.page import World, build_world, create_page
from dealgram.sandbox.page.amo_view import parts as amo_parts
from dealgram.sandbox.page.telegram_view import TelegramView, group_key, private_key
from dealgram.sandbox.telegram import TelegramSimulator

START = 1_790_000_000.0


class Sandbox:
    """Both simulators with the sample world, and the page over them."""

    def __init__(self) -> None:
        self.telegram = TelegramSimulator(schema=None, now=lambda: START, rng=random.Random(1))
        self.amo = AmoSimulator(now=lambda: START, rng=random.Random(2))
        self.world: World = build_world(self.telegram, self.amo)
        self.app: QuartTrio = create_page(self.telegram, self.amo, health_url=None)
        self.view = TelegramView(self.telegram)

    @property
    def group(self) -> str:
        return group_key(self.world.group)

    def texts(self, key: str) -> list[str]:
        part: Any = self.view.parts().get(f"chat:{key}", {"messages": []})
        return [message["text"] for message in part["messages"]]

    def deal(self, deal: int) -> Any:
        return amo_parts(self.amo)[f"deal:{self.world.account.id}:{deal}"]

    def customer_writes(self, text: str, *, deal: int, conversation: str = "c1", name: str = "Анна Смирнова") -> str:
        """A customer's message in a deal's card, as if the service had delivered it; returns the chat's uuid."""
        account = self.world.account
        chat = account.open_chat(conversation, account.participant(f"tg-{conversation}", name))
        if chat.contact_id is None:
            contact = self.amo.add_contact(account, name)
            self.amo.link(account, deal, contact)
            self.amo.link_chat(account, chat.uuid, contact)
        payload = {
            "timestamp": int(START),
            "msec_timestamp": int(START * 1000),
            "msgid": f"m-{len(account.messages)}",
            "conversation_id": conversation,
            "sender": {"id": f"tg-{conversation}", "name": name},
            "message": {"type": "text", "text": text},
            "silent": False,
        }
        accepted = messages.accept(self.amo.world, account, payload)
        assert not isinstance(accepted, list), accepted
        return chat.uuid

    async def act(self, path: str, *, expect: int = 200, **body: object) -> Any:
        answer = await self.app.test_client().post(f"/api/{path}", json=body)
        content = orjson.loads(await answer.get_data(as_text=False))
        assert answer.status_code == expect, content
        return content

    async def refused(self, path: str, status: int, **body: object) -> str:
        before = (self.view.parts(), amo_parts(self.amo))
        answer = await self.act(path, expect=status, **body)
        assert (self.view.parts(), amo_parts(self.amo)) == before
        return answer["error"]


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox()


async def test_the_page_comes_with_a_strict_content_policy_and_all_its_files(sandbox):
    client = sandbox.app.test_client()
    page = await client.get("/")
    html = await page.get_data(as_text=True)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    for name in ("base.css", "app.js", "favicon.svg"):
        assert f"/static/{name}" in html
        file = await client.get(f"/static/{name}")
        assert file.status_code == 200
    assert "javascript" in (await client.get("/static/app.js")).headers["Content-Type"]


@pytest.mark.parametrize("path", ["/static/nothing.js", "/static/..%2fserver.py", "/static/%2e%2e/server.py", "/x"])
async def test_nothing_but_its_files_is_served(sandbox, path):
    answer = await sandbox.app.test_client().get(path)
    assert answer.status_code == 404
    assert "error" in await answer.get_json()


async def test_the_sample_world_is_what_the_story_needs(sandbox):
    world = sandbox.world
    account = world.account
    assert (account.name, account.subdomain) == ("Агентство „Север“", "sever")
    assert [pipeline.name for pipeline in account.pipelines.values()] == ["Продажи", "Сервис"]
    assert [bot.username for bot, _ in world.bots] == ["sever_sales_bot", "sever_service_bot"]
    assert [account.leads[deal].pipeline_id for deal in world.deals] == [
        world.sales.id,
        world.sales.id,
        world.service.id,
    ]
    assert world.group.status_of(world.sales_bot) == "administrator"
    assert not world.group.is_present(world.service_bot)
    assert all(world.group.is_present(person) for person in world.people)
    assert sandbox.amo.issue_code(account)


async def test_messages_are_written_in_groups_and_in_private_chats(sandbox):
    world = sandbox.world
    await sandbox.act("telegram/write", person=world.anna.id, chat=sandbox.group, text="  Всем привет! ")
    await sandbox.act("telegram/write", person=world.igor.id, chat=private_key(world.sales_bot, world.igor), text="?")
    assert sandbox.texts(sandbox.group)[-1] == "Всем привет!"
    assert sandbox.texts(private_key(world.sales_bot, world.igor)) == ["?"]
    assert sandbox.texts(private_key(world.sales_bot, world.anna)) == []
    assert [update["message"]["text"] for update in sandbox.telegram.pending(world.sales_bot)[-2:]] == [
        "Всем привет!",
        "?",
    ]


async def test_a_reply_quotes_what_it_answers(sandbox):
    world = sandbox.world
    asked = await sandbox.act("telegram/write", person=world.anna.id, chat=sandbox.group, text="Когда?")
    await sandbox.act(
        "telegram/write", person=world.igor.id, chat=sandbox.group, text="В четверг", reply_to=asked["message"]
    )
    message = sandbox.view.parts()[f"chat:{sandbox.group}"]["messages"][-1]
    assert message["reply"] == {"id": asked["message"], "name": "Анна Смирнова", "text": "Когда?"}


async def test_words_that_cannot_be_sent_are_refused_in_russian(sandbox):
    world = sandbox.world
    place = {"person": world.anna.id, "chat": sandbox.group}
    assert "пустое" in await sandbox.refused("telegram/write", 400, **place, text=" \n ")
    assert "4096" in await sandbox.refused("telegram/write", 400, **place, text="я" * 4097)
    assert "4096" in await sandbox.refused("telegram/write", 400, **place, text="😀" * 2049)
    assert "удалены" in await sandbox.refused("telegram/write", 409, **place, text="да", reply_to=999)
    assert "чата" in await sandbox.refused("telegram/write", 404, person=world.anna.id, chat="g1", text="да")
    assert "чата" in await sandbox.refused(
        "telegram/write", 404, person=world.anna.id, chat=private_key(world.sales_bot, world.igor), text="чужой чат"
    )
    assert "человека" in await sandbox.refused("telegram/write", 404, person=1, chat=sandbox.group, text="да")
    await sandbox.act("telegram/write", **place, text="я" * 4096)


async def test_requests_that_are_no_actions_of_the_page_are_refused(sandbox):
    client = sandbox.app.test_client()
    body = {"person": sandbox.world.anna.id, "chat": sandbox.group, "text": "да"}
    before = sandbox.texts(sandbox.group)
    for content, headers, status in (
        (orjson.dumps(body), {"Content-Type": "text/plain"}, 415),
        (orjson.dumps(body), {"Content-Type": "application/json", "Sec-Fetch-Site": "cross-site"}, 403),
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"[]", {"Content-Type": "application/json"}, 400),
        (b"\xff", {"Content-Type": "application/json"}, 400),
        (orjson.dumps({**body, "more": 1}), {"Content-Type": "application/json"}, 400),
        (orjson.dumps({**body, "person": "1"}), {"Content-Type": "application/json"}, 400),
        (b'{"text": "' + b"a" * 300_000 + b'"}', {"Content-Type": "application/json"}, 413),
    ):
        answer = await client.post("/api/telegram/write", data=content, headers=headers)
        assert answer.status_code == status
        assert (await answer.get_json())["error"]
    assert (await client.post("/api/telegram/fly", json={})).status_code == 404
    assert (await client.get("/api/telegram/write")).status_code == 405
    assert sandbox.texts(sandbox.group) == before


async def test_a_button_is_pressed_and_its_answer_is_shown(sandbox):
    world = sandbox.world
    key = private_key(world.sales_bot, world.anna)
    await sandbox.act("telegram/write", person=world.anna.id, chat=key, text="/start")
    chat = sandbox.telegram.private_chat(world.anna, world.sales_bot)
    sandbox.telegram._cloud.post(
        chat, world.sales_bot, {"text": "Что?"}, markup={"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]}
    )
    message = sandbox.view.parts()[f"chat:{key}"]["messages"][-1]
    assert message["keyboard"] == [[{"text": "Да", "data": "yes", "url": None}]]
    place = {"person": world.anna.id, "chat": key, "message": message["id"]}
    assert "кнопки" in await sandbox.refused("telegram/press", 409, **place, data="no")
    pressed = await sandbox.act("telegram/press", **place, data="yes")
    assert sandbox.telegram.pending(world.sales_bot)[-1]["callback_query"]["id"] == pressed["callback"]
    press = sandbox.telegram._cloud.presses[pressed["callback"]]
    sandbox.telegram._cloud.answer(press, {"callback_query_id": press.id, "text": "Готово"})
    assert sandbox.view.parts()["telegram"]["answers"] == [{"id": pressed["callback"], "text": "Готово"}]


async def test_a_group_is_made_and_its_members_change(sandbox):
    world = sandbox.world
    made = await sandbox.act(
        "telegram/groups", person=world.igor.id, title="Ремонт", members=[world.anna.id, world.service_bot.id]
    )
    group = next(one for one in sandbox.view.groups() if group_key(one) == made["chat"])
    who = {"person": world.igor.id, "group": group.id}
    assert [member.party.name for member in group.present()] == ["Игорь Петров", "Анна Смирнова", "Север Сервис"]
    assert "уже в группе" in await sandbox.refused("telegram/members/add", 400, **who, member=world.anna.id)
    await sandbox.act("telegram/members/add", **who, member=world.maria.id)
    assert "администраторы" in await sandbox.refused(
        "telegram/promote", 403, person=world.anna.id, group=group.id, member=world.service_bot.id
    )
    await sandbox.act("telegram/promote", **who, member=world.service_bot.id)
    assert group.status_of(world.service_bot) == "administrator"
    await sandbox.act("telegram/demote", **who, member=world.service_bot.id)
    assert "не администратор" in await sandbox.refused("telegram/demote", 409, **who, member=world.anna.id)
    assert "Владельца" in await sandbox.refused("telegram/members/remove", 400, **who, member=world.igor.id)
    await sandbox.act("telegram/members/remove", **who, member=world.service_bot.id)
    await sandbox.act("telegram/members/remove", person=world.maria.id, group=group.id, member=world.maria.id)
    assert [member.party.name for member in group.present()] == ["Игорь Петров", "Анна Смирнова"]
    assert "не состоите" in await sandbox.refused(
        "telegram/write", 403, person=world.maria.id, chat=made["chat"], text="я тут?"
    )


async def test_a_group_that_became_a_supergroup_keeps_its_messages_for_people(sandbox):
    world = sandbox.world
    await sandbox.act("telegram/write", person=world.anna.id, chat=sandbox.group, text="До")
    old = sandbox.group
    who = {"person": world.anna.id, "group": world.group.id}
    assert "администраторы" in await sandbox.refused("telegram/upgrade", 403, **(who | {"person": world.igor.id}))
    made = await sandbox.act("telegram/upgrade", **who)
    await sandbox.act("telegram/write", person=world.anna.id, chat=made["chat"], text="После")
    shown = sandbox.view.parts()[f"chat:{made['chat']}"]["messages"]
    assert [(one["text"], one["old"]) for one in shown if not one["service"]] == [("До", True), ("После", False)]
    chats = {chat["key"]: chat for chat in sandbox.view.parts()["telegram"]["chats"]}
    assert chats[made["chat"]]["was"] == old
    assert old not in chats
    assert "чата" in await sandbox.refused("telegram/write", 404, person=world.anna.id, chat=old, text="?")


async def test_a_bot_is_blocked_and_unblocked(sandbox):
    world = sandbox.world
    key = private_key(world.sales_bot, world.maria)
    await sandbox.act("telegram/block", person=world.maria.id, bot=world.sales_bot.id, blocked=True)
    refusal = await sandbox.refused("telegram/write", 403, person=world.maria.id, chat=key, text="да")
    assert "заблокировали" in refusal
    await sandbox.act("telegram/block", person=world.maria.id, bot=world.sales_bot.id, blocked=False)
    await sandbox.act("telegram/write", person=world.maria.id, chat=key, text="да")


async def test_a_deal_is_made(sandbox):
    world = sandbox.world
    where = {"account": world.account.id}
    made = await sandbox.act("amocrm/deals", **where, pipeline=world.service.id, name="Новый сайт")
    deals = {deal["id"]: deal for deal in amo_parts(sandbox.amo)["amocrm"]["accounts"][0]["deals"]}
    assert deals[made["deal"]]["name"] == "Новый сайт"
    assert deals[made["deal"]]["stage"]["name"] == "Первичный контакт"
    assert "Назовите" in await sandbox.refused("amocrm/deals", 400, **where, pipeline=world.service.id, name=" ")
    assert "воронки" in await sandbox.refused("amocrm/deals", 404, **where, pipeline=1, name="Х")
    assert "аккаунта" in await sandbox.refused("amocrm/deals", 404, account=1, pipeline=world.service.id, name="Х")


async def test_a_deal_is_closed_moved_deleted_and_restored(sandbox):
    world = sandbox.world
    where = {"account": world.account.id, "deal": world.cafe}

    def deal():
        entities = amo_parts(sandbox.amo)[f"account:{world.account.id}"]["deals"]
        return next(one for one in entities if one["id"] == world.cafe)

    assert (deal()["state"], deal()["pipeline"]) == ("open", "Продажи")
    for state, shown in (
        ("lost", "lost"),
        ("open", "open"),
        ("won", "won"),
        ("deleted", "deleted"),
        ("restored", "won"),
    ):
        await sandbox.act("amocrm/deal/state", **where, state=state)
        assert deal()["state"] == shown
    assert "закрыта" in await sandbox.refused("amocrm/deal/state", 409, **where, state="lost")
    assert "не удалена" in await sandbox.refused("amocrm/deal/state", 409, **where, state="restored")
    await sandbox.act("amocrm/deal/state", **where, state="open")
    assert "открыта" in await sandbox.refused("amocrm/deal/state", 409, **where, state="open")
    await sandbox.act("amocrm/deal/move", **where, pipeline=world.service.id)
    assert deal()["pipeline"] == "Сервис"
    assert "в этой воронке" in await sandbox.refused("amocrm/deal/move", 409, **where, pipeline=world.service.id)
    await sandbox.act("amocrm/deal/rename", **where, name="Сайт")
    assert deal()["name"] == "Сайт"
    await sandbox.act("amocrm/deal/state", **where, state="deleted")
    assert "восстановите" in await sandbox.refused("amocrm/deal/state", 409, **where, state="won")
    assert "Сделки" in await sandbox.refused("amocrm/deal/move", 404, **where, pipeline=world.sales.id)
    for bad in ("vanished", "", 1):
        await sandbox.refused("amocrm/deal/state", 400, **where, state=bad)
    assert "Сделки" in await sandbox.refused("amocrm/deal/state", 404, account=world.account.id, deal=1, state="won")


async def test_deals_and_contacts_are_merged_deleted_and_restored(sandbox):
    world = sandbox.world
    account = world.account
    sandbox.customer_writes("Когда макет?", deal=world.cafe)
    merge = {"account": account.id, "keep": world.office}
    assert "разные" in await sandbox.refused("amocrm/deal/merge", 409, **merge, other=world.office)
    assert await sandbox.act("amocrm/deal/merge", **merge, other=world.cafe) == {"deal": world.office}
    assert [item["text"] for item in sandbox.deal(world.office)["feed"]] == ["Когда макет?"]
    assert "Сделки" in await sandbox.refused("amocrm/deal/merge", 404, **merge, other=world.cafe)

    def contacts():
        return {one["id"]: one for one in amo_parts(sandbox.amo)[f"account:{account.id}"]["contacts"]}

    (anna,) = contacts()
    double = sandbox.amo.add_contact(account, "Анна С.")
    await sandbox.act("amocrm/contact/merge", account=account.id, keep=double, other=anna)
    assert contacts()[anna]["deleted"]
    assert (contacts()[double]["deals"], contacts()[double]["chats"]) == ([world.office], 1)
    change = {"account": account.id, "contact": double}
    assert "не удалён" in await sandbox.refused("amocrm/contact/state", 409, **change, state="restored")
    await sandbox.act("amocrm/contact/state", **change, state="deleted")
    assert contacts()[double]["deleted"]
    await sandbox.act("amocrm/contact/state", **change, state="restored")
    assert not contacts()[double]["deleted"]


async def test_the_integration_is_installed_and_removed(sandbox):
    world = sandbox.world
    where = {"account": world.account.id}
    assert "отключена" in await sandbox.refused("amocrm/installation", 409, **where, installed=False)
    # Nobody serves the redirect here: amoCRM asks once and forgets, the integration is installed all the same.
    answer = await sandbox.act("amocrm/installation", **where, installed=True)
    assert answer["outcome"] != "delivered"
    assert amo_parts(sandbox.amo)[f"account:{world.account.id}"]["installed"]
    assert "уже" in await sandbox.refused("amocrm/installation", 409, **where, installed=True)
    await sandbox.act("amocrm/installation", **where, installed=False)
    assert not amo_parts(sandbox.amo)[f"account:{world.account.id}"]["installed"]


async def test_pipelines_sources_and_payment_are_changed(sandbox):
    world = sandbox.world
    where = {"account": world.account.id}
    entities = lambda: amo_parts(sandbox.amo)[f"account:{world.account.id}"]  # noqa: E731
    await sandbox.act("amocrm/pipeline/archive", **where, pipeline=world.service.id, archived=True)
    assert [one["archived"] for one in entities()["pipelines"] if one["id"] == world.service.id] == [True]
    assert "Главную" in await sandbox.refused(
        "amocrm/pipeline/archive", 409, **where, pipeline=world.sales.id, archived=True
    )
    assert "источника" in await sandbox.refused("amocrm/source/delete", 404, **where, source=1)
    await sandbox.act("amocrm/paid", **where, paid=False)
    assert not entities()["paid"]


async def test_a_manager_answers_and_sees_what_became_of_it(sandbox):
    world = sandbox.world
    account = world.account
    chat = sandbox.customer_writes("Когда макет?", deal=world.cafe)
    where = {"account": account.id, "deal": world.cafe, "chat": chat, "user": world.dmitry.id}
    question = sandbox.deal(world.cafe)["feed"][0]
    assert (question["role"], question["author"], question["text"]) == ("client", "Анна Смирнова", "Когда макет?")
    assert sandbox.deal(world.cafe)["chats"] == [{"uuid": chat, "title": "Анна Смирнова", "conversation": "c1"}]
    assert "пустое" in await sandbox.refused("amocrm/answer", 400, **where, text="")
    assert "чата" in await sandbox.refused("amocrm/answer", 404, **(where | {"chat": "нет"}), text="да")
    assert "менеджера" in await sandbox.refused("amocrm/answer", 404, **(where | {"user": 1}), text="да")
    other = sandbox.customer_writes("Я из другого чата", deal=world.cafe, conversation="c2", name="Игорь Петров")
    assert "В этом чате" in await sandbox.refused(
        "amocrm/answer", 409, **(where | {"chat": other}), text="да", reply_to=question["id"]
    )
    account.is_connected = True
    sandbox.amo.hook_url = "http://service.test/{scope_id}"
    sent = await sandbox.act("amocrm/answer", **where, text="В четверг", reply_to=question["id"])
    answer = next(item for item in sandbox.deal(world.cafe)["feed"] if item["id"] == sent["message"])
    assert (answer["role"], answer["author"], answer["status"]) == ("manager", "Дмитрий Орлов", "sent")
    assert answer["reply"] == {"author": "Анна Смирнова", "text": "Когда макет?"}
    messages.set_status(
        sandbox.amo.world,
        account,
        account.messages[sent["message"]],
        {"status_code": -1, "error_code": 905, "error": "Бот исключён из группы"},
    )
    answer = next(item for item in sandbox.deal(world.cafe)["feed"] if item["id"] == sent["message"])
    assert (answer["status"], answer["error"]) == ("error", "Бот исключён из группы")


async def test_an_answer_that_nobody_took_is_shown_as_lost(sandbox):
    world = sandbox.world
    chat = sandbox.customer_writes("Когда макет?", deal=world.cafe)
    await sandbox.act(
        "amocrm/answer", account=world.account.id, deal=world.cafe, chat=chat, user=world.olga.id, text="В четверг"
    )
    answer = sandbox.deal(world.cafe)["feed"][-1]
    assert answer["status"] == "error"
    assert "не подключена" in answer["error"]


async def test_what_waits_unsorted_is_taken_or_declined(sandbox):
    world = sandbox.world
    account = world.account
    for number, name in enumerate(("Пётр", "Семён")):
        payload = {
            "timestamp": int(START),
            "msec_timestamp": int(START * 1000),
            "msgid": f"u-{number}",
            "conversation_id": f"u-{number}",
            "sender": {"id": f"u-{number}", "name": name},
            "message": {"type": "text", "text": "Здравствуйте"},
            "silent": False,
        }
        messages.accept(sandbox.amo.world, account, payload)
    first, second = amo_parts(sandbox.amo)["amocrm"]["accounts"][0]["unsorted"]
    assert (first["name"], first["text"]) == ("Пётр", "Здравствуйте")
    taken = await sandbox.act("amocrm/unsorted", account=account.id, uid=first["uid"], accept=True)
    await sandbox.act("amocrm/unsorted", account=account.id, uid=second["uid"], accept=False)
    assert sandbox.deal(taken["deal"])["feed"][0]["author"] == "Пётр"
    assert amo_parts(sandbox.amo)["amocrm"]["accounts"][0]["unsorted"] == []
    assert "разобрана" in await sandbox.refused(
        "amocrm/unsorted", 409, account=account.id, uid=first["uid"], accept=True
    )


async def test_botfather_makes_bots_and_hands_out_tokens(sandbox):
    made = await sandbox.act("telegram/bots", name="Новый", username="@novy_bot")
    shown: Any = sandbox.view.parts()["telegram"]
    bot = next(one for one in shown["bots"] if one["id"] == made["bot"])
    assert (bot["username"], bot["privacy_mode"]) == ("novy_bot", True)
    await sandbox.act("telegram/bots/privacy", bot=bot["id"], on=False)
    await sandbox.act("telegram/bots/revoke", bot=bot["id"])
    shown = sandbox.view.parts()["telegram"]
    now = next(one for one in shown["bots"] if one["id"] == made["bot"])
    assert not now["privacy_mode"]
    assert now["token"] != bot["token"]


@pytest.mark.parametrize(
    ("name", "username", "status"),
    [("", "a_bot", 400), ("Имя", "кириллица_bot", 400), ("Имя", "nobody", 400), ("Имя", "SEVER_SALES_BOT", 409)],
)
async def test_names_that_telegram_refuses_a_bot_are_refused(sandbox, name, username, status):
    assert await sandbox.refused("telegram/bots", status, name=name, username=username)


async def test_the_page_frames_amocrms_hosts_and_only_where_they_have_pages(sandbox):
    sandbox.amo.serve_at(sandbox.world.account, "127.0.0.1:4321")
    for has_settings, expected in ((False, "frame-src 'none'"), (True, "frame-src http://127.0.0.1:4321")):
        app = create_page(sandbox.telegram, sandbox.amo, health_url=None, has_settings=has_settings)
        answer = await app.test_client().get("/")
        assert answer.headers["Content-Security-Policy"].endswith(expected)
