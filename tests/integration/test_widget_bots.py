"""Bots on the settings page, over the whole stage: checked, connected, changed, looked at, taken back, disconnected."""

from __future__ import annotations

import uuid

import httpx
import pytest
import trio

from dealgram.actors.bots import bot_texts
from dealgram.persistence import bots

PICTURE = b"\xff\xd8\xff\xe0 a picture of a bot " + bytes(range(256)) * 40


@pytest.fixture
def fresh(stage):
    """A bot at Telegram that is connected nowhere."""
    return stage.telegram.add_bot("Ёлки и палки", "yolki_bot", privacy_mode=True)


async def shown(call, bot):
    return next(one for one in (await call.get("/bots"))["bots"] if one["id"] == bot.id)


def code_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_bot_is_checked_connected_changed_and_disconnected(stage, widget_calls, fresh, capfd):
    call, world = widget_calls(), stage.world
    stage.telegram.files.set_photo(fresh, PICTURE)
    before = len(stage.telegram.requests)
    answer = await call("POST", "/bots/check", {"token": f"Use this token:\n{fresh.token}\nKeep it safe"})
    assert answer.status_code == 200, answer.text
    checked = answer.json()
    assert checked["bot"] == {"id": fresh.id, "name": "Ёлки и палки", "username": "yolki_bot", "avatar_url": None}
    assert [(one["code"], "/setprivacy" in one["text"]) for one in checked["warnings"]] == [("privacy_mode", True)]
    assert checked["conflict"] is None
    asked = {each.method for each in list(stage.telegram.requests)[before:] if each.bot is fresh}
    assert asked == {"getMe", "getWebhookInfo"}, "nothing is changed"
    assert await bots.get(stage.service.services.db, fresh.id) is None

    body = {
        "token": fresh.token,
        "pipeline_id": world.service.id,
        "unsorted": True,
        "deal_title": "  {name}  из {bot} ",
        "deal_tags": ["Телеграм", " Телеграм ", "ёлка"],
        "request_id": str(uuid.uuid4()),
    }
    answer = await call("POST", "/bots", body)
    assert answer.status_code == 201, answer.text
    bot = answer.json()["bot"]
    assert (bot["id"], bot["name"], bot["username"], bot["link"]) == (
        fresh.id,
        "Ёлки и палки",
        "yolki_bot",
        "https://t.me/yolki_bot",
    )
    assert bot["pipeline"] == {"id": world.service.id, "name": "Сервис", "state": "ok"}
    assert bot["settings"] == {"unsorted": True, "deal_title": "{name} из {bot}", "deal_tags": ["Телеграм", "ёлка"]}
    assert (bot["status"]["level"], bot["status"]["title"]) == ("warning", "Видит не всё в группах")
    assert [one["action"] for one in bot["status"]["details"]] == ["check"]
    assert bot["groups"] == {"total": 0, "linked": 0, "titles": []}
    assert "startgroup" in bot["invite_url"]
    assert bot["created_at"].endswith("Z")
    assert "groups_found" not in bot
    assert (await call("POST", "/bots", body)).json() == answer.json(), "the same request changes nothing again"
    assert code_of(await call("POST", "/bots", body | {"request_id": str(uuid.uuid4())})) == (409, "connected_here")
    conflict = (await call("POST", "/bots/check", {"token": fresh.token})).json()["conflict"]
    assert conflict == {"code": "connected_here", "text": bot_texts.connected_here("yolki_bot")}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dealgram.actors.desk.bot_orders.TELEGRAM_PATIENCE_S", 0.05)
        held = stage.telegram.faults.hold("getMe")
        for path, content in (("/bots/check", {"token": fresh.token}), (f"/bots/{fresh.id}/check", {})):
            assert code_of(await call("POST", path, content)) == (502, "telegram_unavailable")
        held.release()

    async with httpx.AsyncClient(trust_env=False) as browser:
        picture = await browser.get(bot["avatar_url"])
    assert (picture.content, picture.headers["content-type"]) == (PICTURE, "image/jpeg")
    assert picture.headers["cross-origin-resource-policy"] == "cross-origin"

    # Whoever is new in private is met as was chosen, from the first message on.
    person = stage.telegram.add_person("Пётр")
    stage.telegram.write(person, fresh, "Здравствуйте")
    await stage.in_card(person, "Здравствуйте", fresh)
    await stage.done()
    assert [lead.name for lead in world.account.leads.values() if "Пётр" in lead.name] == []

    # Changed, and looked at again after privacy mode was switched off.
    answer = await call("PATCH", f"/bots/{fresh.id}", {"unsorted": False, "pipeline_id": world.sales.id})
    assert answer.status_code == 200, answer.text
    changed = answer.json()["bot"]
    assert changed["pipeline"]["id"] == world.sales.id
    assert changed["settings"] == bot["settings"] | {"unsorted": False}
    stage.telegram.set_privacy(fresh, on=False)
    stage.telegram.files.set_photo(fresh, PICTURE + b"another")
    answer = await call("POST", f"/bots/{fresh.id}/check", {})
    assert answer.json()["bot"]["status"] == {"level": "ok", "title": "Подключён", "details": []}
    assert answer.json()["bot"]["avatar_url"] != bot["avatar_url"]

    answer = await call("DELETE", f"/bots/{fresh.id}")
    assert (answer.status_code, answer.json()) == (200, {"removed": True, "is_clean": True, "groups": 0})
    assert (await call("DELETE", f"/bots/{fresh.id}")).status_code == 204
    assert fresh.id not in [one["id"] for one in (await call.get("/bots"))["bots"]]
    for method, path in (("PATCH", ""), ("POST", "/check"), ("POST", "/take-back")):
        assert code_of(await call(method, f"/bots/{fresh.id}{path}", {"unsorted": True} if not path else {})) == (
            404,
            "not_connected",
        )
    await _wrong_entries(stage, call)
    await _others_only_read(stage, widget_calls(user=world.dmitry), fresh)
    seen = capfd.readouterr()
    assert fresh.token.partition(":")[2] not in seen.out + seen.err
    stage.assert_clean()


async def _wrong_entries(stage, call) -> None:
    """What is entered wrong is said at its field, and changes nothing."""
    bot = stage.world.sales_bot
    for method, path, body, code, field in (
        ("POST", "/bots/check", {}, "invalid", "token"),
        ("POST", "/bots/check", {"token": ""}, "invalid", "token"),
        ("POST", "/bots/check", {"token": "x" * 5000}, "invalid", "token"),
        ("POST", "/bots/check", {"token": "not a token"}, "token_malformed", None),
        ("POST", "/bots", {"token": bot.token, "pipeline_id": 0}, "invalid", "pipeline_id"),
        ("POST", "/bots", {"token": bot.token, "pipeline_id": "1"}, "invalid", "pipeline_id"),
        ("POST", "/bots", {"token": bot.token, "take_over": 1}, "invalid", "take_over"),
        ("POST", "/bots", {"token": bot.token, "name": "x"}, "invalid", "name"),
        ("PATCH", f"/bots/{bot.id}", {}, "invalid", None),
        ("PATCH", f"/bots/{bot.id}", {"deal_title": "{nobody}"}, "invalid", "deal_title"),
        ("PATCH", f"/bots/{bot.id}", {"deal_title": "   "}, "invalid", "deal_title"),
        ("PATCH", f"/bots/{bot.id}", {"deal_title": "x" * 201}, "invalid", "deal_title"),
        ("PATCH", f"/bots/{bot.id}", {"deal_tags": ["x" * 65]}, "invalid", "deal_tags"),
        ("PATCH", f"/bots/{bot.id}", {"deal_tags": ["x"] * 21}, "invalid", "deal_tags"),
        ("PATCH", f"/bots/{bot.id}", {"unsorted": None}, "invalid", "unsorted"),
    ):
        answer = await call(method, path, body)
        assert code_of(answer) == (422, code), (path, body, answer.text)
        assert answer.json()["error"].get("field") == field, answer.text
    assert (await shown(call, bot))["settings"]["deal_title"] == "{name} ({bot})"


async def _others_only_read(stage, manager, fresh) -> None:
    """Only administrators change bots, everybody reads them."""
    bot = stage.world.sales_bot
    assert len((await manager.get("/bots"))["bots"]) == 2
    for method, path, body in (
        ("POST", "/bots/check", {"token": fresh.token}),
        ("POST", "/bots", {"token": fresh.token}),
        ("PATCH", f"/bots/{bot.id}", {"unsorted": True}),
        ("DELETE", f"/bots/{bot.id}", None),
        ("POST", f"/bots/{bot.id}/check", {}),
        ("POST", f"/bots/{bot.id}/take-back", {}),
    ):
        assert code_of(await manager(method, path, body)) == (403, "not_admin"), path
    assert len((await manager.get("/bots"))["bots"]) == 2


async def test_the_list_asks_telegram_nothing_is_searched_and_shows_pipelines_as_they_are(stage, widget_calls):
    call, world = widget_calls(), stage.world
    silent = stage.amo.faults.answer("pipelines.list", status=504, times=None)
    listed = (await call.get("/bots"))["bots"]
    assert [one["pipeline"]["state"] for one in listed] == ["unknown", "unknown"], "shown while amoCRM is silent"
    assert [one["status"]["level"] for one in listed] == ["ok", "ok"]
    assert silent.hits
    silent.cancel()
    await stage.link(world.cafe)
    await stage.done()
    asked = len(stage.telegram.requests)
    listed = await call.get("/bots")
    assert [one["name"] for one in listed["bots"]] == ["Север Продажи", "Север Сервис"]
    assert listed["total"] == 2
    assert listed["bots"][0]["groups"] == {"total": 1, "linked": 1, "titles": [world.group.title]}
    for query, names, found in (
        ("ПРОДАЖИ", ["Север Продажи"], [0]),
        ("@sever_service", ["Север Сервис"], [0]),
        ("кофеин", [], []),
        ("КОФЕЙНЯ полд", ["Север Продажи"], [1]),
        ("север", ["Север Продажи", "Север Сервис"], [0, 0]),
        ("%", [], []),
    ):
        answer = await call.get("/bots", params={"q": query})
        assert [one["name"] for one in answer["bots"]] == names, query
        assert [one["groups_found"] for one in answer["bots"]] == found, query
        assert answer["total"] == len(names)
    methods = [one.method for one in list(stage.telegram.requests)[asked:] if one.method != "getUpdates"]
    assert methods == []

    bot = world.service_bot
    book = stage.service.desk.pipelines

    async def seen() -> dict:
        await book.of(stage.account.account_id, fresh=True)
        return await shown(call, bot)

    async def attention() -> int:
        return (await call.get("/account"))["counts"]["attention"]

    assert await attention() == 0
    world.service.is_archive = True
    now = await seen()
    assert now["pipeline"] == {"id": world.service.id, "name": "Сервис", "state": "archived"}
    assert now["status"]["title"] == "Нужна другая воронка"
    assert [one["action"] for one in now["status"]["details"]] == ["choose_pipeline"]
    assert code_of(await call("POST", "/bots", {"token": bot.token, "pipeline_id": world.service.id}))[0] == 409
    answer = await call("PATCH", f"/bots/{world.sales_bot.id}", {"pipeline_id": world.service.id})
    assert code_of(answer) == (422, "pipeline_archived")
    assert code_of(await call("PATCH", f"/bots/{bot.id}", {"pipeline_id": 99})) == (422, "pipeline_unknown")

    del world.account.pipelines[world.service.id]
    now = await seen()
    assert (now["pipeline"]["name"], now["pipeline"]["state"]) == (None, "deleted")
    assert await attention() == 1, "as many as the list shows with something else than «Подключён»"
    answer = await call("PATCH", f"/bots/{bot.id}", {"pipeline_id": world.sales.id})
    assert answer.status_code == 200, answer.text
    assert answer.json()["bot"]["status"] == {"level": "ok", "title": "Подключён", "details": []}
    stage.assert_clean()


async def test_a_broken_off_connection_leaves_nothing_and_two_at_once_make_one(stage, widget_calls, fresh):
    call = widget_calls()
    broken = stage.amo.faults.answer("sources.create", status=504, times=None)
    assert code_of(await call("POST", "/bots", {"token": fresh.token})) == (502, "amocrm_unavailable")
    assert await bots.get(stage.service.services.db, fresh.id) is None
    assert fresh.commands == {}
    assert len((await call.get("/bots"))["bots"]) == 2
    assert broken.hits
    broken.cancel()

    answers = []

    async def connect() -> None:
        answers.append(await widget_calls()("POST", "/bots", {"token": fresh.token, "request_id": str(uuid.uuid4())}))

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(connect)
    first, second = sorted(answers, key=lambda answer: answer.status_code)
    assert first.status_code == 201
    assert second.status_code == 409
    assert second.json()["error"]["code"] in ("connected_here", "being_connected")
    assert len([one for one in stage.world.account.sources.values() if one.external_id == f"tgb-{fresh.id}"]) == 1
    stage.telegram.assert_clean()


async def test_a_bot_with_another_service_is_taken_over_only_when_asked_and_taken_back(stage, widget_calls, fresh):
    call = widget_calls()
    stage.telegram.take_bot(fresh, "https://other.example/secret-hook")
    conflict = (await call("POST", "/bots/check", {"token": fresh.token})).json()["conflict"]
    assert conflict == {"code": "foreign_webhook", "text": bot_texts.foreign_webhook("yolki_bot", "other.example")}
    assert code_of(await call("POST", "/bots", {"token": fresh.token})) == (409, "foreign_webhook")
    assert stage.telegram.webhook_of(fresh) == "https://other.example/secret-hook"
    answer = await call("POST", "/bots", {"token": fresh.token, "take_over": True})
    assert answer.status_code == 201, answer.text
    assert stage.telegram.webhook_of(fresh) == ""

    stage.telegram.take_bot(fresh, "https://other.example/again")
    answer = await call("POST", f"/bots/{fresh.id}/check", {})
    status = answer.json()["bot"]["status"]
    assert (status["level"], status["title"]) == ("error", "Бота забрал другой сервис")
    assert status["details"][0]["action"] == "take_back"
    assert "secret" not in answer.text
    assert "again" not in answer.text
    assert stage.telegram.webhook_of(fresh) == "https://other.example/again", "nobody fights over a bot unasked"
    answer = await call("POST", f"/bots/{fresh.id}/take-back", {})
    assert "foreign_webhook" not in [one["code"] for one in answer.json()["bot"]["status"]["details"]]
    assert stage.telegram.webhook_of(fresh) == ""
    stage.telegram.assert_clean()


async def test_a_new_token_takes_everything_up_again(stage, widget_calls):
    call, world = widget_calls(), stage.world
    await stage.link(world.cafe)
    bot, old = world.sales_bot, world.sales_bot.token
    other = stage.telegram.add_bot("Чужой", "someone_elses_bot")
    new = stage.telegram.revoke_token(bot)
    status = (await call("POST", f"/bots/{bot.id}/check", {})).json()["bot"]["status"]
    assert (status["level"], status["title"]) == ("error", "Токен не действует")
    assert [one["action"] for one in status["details"]] == ["replace_token"]
    still = (await call("POST", f"/bots/{bot.id}/check", {})).json()["bot"]
    assert still["status"] == status, "a token that Telegram refuses stays refused"
    assert still["avatar_url"] is None
    (group,) = (await call.get(f"/bots/{bot.id}/groups"))["groups"]
    assert [one["code"] for one in group["status"]["details"]] == ["bot_down"]

    for token, wanted in ((old, "token_refused"), (other.token, "other_bot"), ("12:too-short", "token_malformed")):
        answer = await call("PATCH", f"/bots/{bot.id}", {"token": token})
        assert code_of(answer) == (422, wanted)
        assert token.partition(":")[2] not in answer.text
    answer = await call("PATCH", f"/bots/{bot.id}", {"token": new})
    assert answer.status_code == 200, answer.text
    assert answer.json()["bot"]["status"]["level"] == "ok"
    stage.telegram.write(world.igor, world.group, "После нового токена")
    await stage.until(lambda: "После нового токена" in stage.texts(world.cafe), "the group goes on")

    # Replaced before anybody noticed that the old one is refused.
    newer = stage.telegram.revoke_token(bot)
    answer = await call("PATCH", f"/bots/{bot.id}", {"token": newer})
    assert answer.status_code == 200, answer.text
    stage.telegram.write(world.igor, world.group, "И ещё раз")
    await stage.until(lambda: "И ещё раз" in stage.texts(world.cafe), "the group goes on again")
    stage.amo.assert_clean()


async def test_another_accounts_bots_and_groups_do_not_exist(stage, widget_calls):
    account = stage.amo.add_account("yug", "Агентство „Юг“")
    await stage.playground.connect_account(stage.service, account)
    neighbour, world = widget_calls(user=account.owner, account=account), stage.world
    await stage.link(world.cafe)
    group_id = await stage.count("SELECT group_id FROM groups LIMIT 1")
    assert (await neighbour.get("/bots"))["bots"] == []
    assert await neighbour.get("/groups") == {"groups": [], "total": 0}
    bot = world.sales_bot
    for method, path, body, code in (
        ("PATCH", f"/bots/{bot.id}", {"unsorted": True}, "not_connected"),
        ("PATCH", f"/bots/{bot.id}", {"token": bot.token}, "not_connected"),
        ("DELETE", f"/bots/{bot.id}", None, "not_connected"),
        ("POST", f"/bots/{bot.id}/check", {}, "not_connected"),
        ("POST", f"/bots/{bot.id}/take-back", {}, "not_connected"),
        ("GET", f"/bots/{bot.id}/groups", None, "not_connected"),
        ("POST", f"/groups/{group_id}/deals", {"deal": str(world.office)}, "not_found"),
        ("DELETE", f"/groups/{group_id}/deals/{world.cafe}", None, "not_found"),
    ):
        assert code_of(await neighbour(method, path, body)) == (404, code), path
    conflict = (await neighbour("POST", "/bots/check", {"token": bot.token})).json()["conflict"]
    assert conflict == {"code": "connected_elsewhere", "text": bot_texts.connected_elsewhere(bot.username)}
    assert "Север" not in conflict["text"]
    assert code_of(await neighbour("POST", "/bots", {"token": bot.token})) == (409, "connected_elsewhere")
    assert (await shown(widget_calls(), bot))["status"]["level"] == "ok"
    (group,) = (await widget_calls().get("/groups"))["groups"]
    assert [deal["deal_id"] for deal in group["deals"]] == [world.cafe]
    stage.assert_clean()
