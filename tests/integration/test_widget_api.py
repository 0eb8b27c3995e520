"""The account-level routes of the widget's API over the whole stage: amoCRM's tokens, real HTTP, real rights."""

from __future__ import annotations

import re

import trio

from dealgram.persistence import Database, Group, page_state, setup_steps
from dealgram.persistence.records import upsert


async def test_an_administrator_sees_the_account_and_changes_it(stage, widget_calls):
    call = widget_calls()
    seen = await call.get("/account")
    account = seen["account"]
    assert (account["id"], account["name"], account["subdomain"]) == (
        stage.account.account_id,
        "Агентство „Север“",
        "sever",
    )
    assert (account["status"], account["trouble"], account["time_zone"]) == ("active", None, "Europe/Moscow")
    assert seen["user"] == {"id": stage.world.olga.id, "name": "Ольга Белова", "is_admin": True}
    assert seen["setup"]["state"] == "done"
    assert [step["state"] for step in seen["setup"]["steps"]] == ["done"] * 7
    assert seen["setup"]["authorise_url"] is None
    assert seen["subscription"]["state"] == "trial"
    assert seen["subscription"]["days_left"] == 14
    assert re.fullmatch(r"Пробный период до .*: осталось 14 дней\.", seen["subscription"]["text"])
    assert seen["counts"]["bots"] == len(stage.world.bots)
    assert seen["limits"] == {"bots": 50}
    assert seen["settings"]["policy"] == "deal_participant"
    assert seen["settings"]["notes"] is True

    answer = await call("PATCH", "/settings", {"notes": False, "policy": "deal", "contact_tag": "Клиент"})
    assert answer.status_code == 200, answer.text
    changed = answer.json()["settings"]
    assert changed == seen["settings"] | {"notes": False, "policy": "deal", "contact_tag": "Клиент"}
    info = stage.service.services.registry.account(stage.account.account_id)
    assert info.settings.contact_tag == "Клиент", "in force at once"
    assert (await call.get("/account"))["settings"] == changed

    for body, field in (
        ({"notes": "yes"}, "notes"),
        ({"policy": "none"}, "policy"),
        ({"import_last_messages": 101}, "import_last_messages"),
        ({"contact_tag": "x" * 65}, "contact_tag"),
        ({"contact_tag": "\0"}, "contact_tag"),
        ({"on_deal_closed": None}, "on_deal_closed"),
        ({"unknown": 1}, "unknown"),
        ({}, None),
    ):
        answer = await call("PATCH", "/settings", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid"), body
        assert answer.json()["error"].get("field") == field, answer.text
    assert (await call.get("/account"))["settings"] == changed
    stage.assert_clean()


async def test_others_only_read(stage, widget_calls):
    manager = widget_calls(user=stage.world.dmitry)
    seen = await manager.get("/account")
    assert seen["user"] == {"id": stage.world.dmitry.id, "name": "Дмитрий Орлов", "is_admin": False}
    for path in ("/pipelines", "/users", "/people", "/employees"):
        await manager.get(path)
    for method, path, body in (
        ("PATCH", "/settings", {"notes": False}),
        ("POST", "/setup/retry", {}),
        ("POST", "/employees", {"user_id": 700, "amo_user_id": stage.world.olga.id}),
        ("DELETE", "/employees/700", None),
    ):
        answer = await manager(method, path, body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_admin"), path
    stage.world.dmitry.is_admin = True
    stage.service.desk.users._known.clear()  # a missing right is asked for again within seconds
    assert (await manager("PATCH", "/settings", {"notes": False})).status_code == 200
    stage.assert_clean()


async def test_pipelines_users_people_and_employees(stage, widget_calls):
    call, world = widget_calls(), stage.world
    shown = (await call.get("/pipelines"))["pipelines"]
    assert [(one["name"], one["is_main"], one["is_archived"]) for one in shown] == [
        ("Продажи", True, False),
        ("Сервис", False, False),
    ]
    new = stage.amo.add_pipeline(world.account, "Новая")
    assert len((await call.get("/pipelines"))["pipelines"]) == 2, "a minute old at most"
    shown = (await call.get("/pipelines", params={"fresh": 1}))["pipelines"]
    assert shown[-1] == {"id": new.id, "name": "Новая", "is_main": False, "is_archived": False}

    people = (await call.get("/users"))["users"]
    assert [one["name"] for one in people] == ["Дмитрий Орлов", "Ольга Белова"]
    assert [one["is_admin"] for one in people] == [False, True]

    stage.telegram.write(world.anna, world.group, "Здравствуйте")
    await stage.settled()
    [anna] = (await call.get("/people", params={"q": world.anna.name[:3].upper()}))["people"]
    assert anna["user_id"] == world.anna.id
    assert anna["groups"] == [world.group.title]
    assert (await call.get("/people", params={"q": "нет такого"}))["people"] == []

    before = (await call.get("/account"))["version"]
    late = stage.amo.add_user(world.account, "Новая сотрудница")
    answer = await call("POST", "/employees", {"user_id": world.anna.id, "amo_user_id": late.id})
    assert answer.status_code == 201, answer.text
    employee = answer.json()["employee"]
    assert (employee["user_id"], employee["amo_user_name"]) == (world.anna.id, "Новая сотрудница")
    assert (await call.get("/employees"))["employees"] == [employee]
    registry = stage.service.services.registry
    assert registry.employees(stage.account.account_id) == {world.anna.id: late.id}, "in force at once"
    assert (await call.get("/account"))["version"] != before
    for body, code, field in (
        ({"user_id": 1, "amo_user_id": 1}, "unknown_user", "amo_user_id"),
        ({"username": "nobody_at_all", "amo_user_id": late.id}, "unknown_person", "username"),
        ({"amo_user_id": late.id}, "invalid", "user_id"),
        ({"user_id": 2**52, "amo_user_id": late.id}, "invalid", "user_id"),
    ):
        answer = await call("POST", "/employees", body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, code), answer.text
        assert answer.json()["error"]["field"] == field
    for _ in range(2):
        assert (await call("DELETE", f"/employees/{world.anna.id}")).status_code == 204
    assert (await call.get("/employees"))["employees"] == []
    stage.assert_clean()


async def test_waiting_pages_hear_of_changes_of_their_account(stage, widget_calls):
    call = widget_calls()
    await stage.quiet()
    version = (await call.get("/account"))["version"]
    heard = []

    async def wait() -> None:
        heard.append(await call.get("/changes", params={"since": version}))

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert stage.service.desk.account.watch.accounts == 1, "one looks for all"
            await call("PATCH", "/settings", {"manager_names": True})
    assert [one["changed"] for one in heard] == [True] * 3
    assert len({one["version"] for one in heard}) == 1
    assert stage.service.desk.account.watch.accounts == 0, "nobody waits, nobody looks"
    # What actors do tells nobody: it is found within seconds.
    version = heard[0]["version"]
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked(0.05)
            await stage.service.services.db.execute("UPDATE groups SET title = 'Иначе'")
    assert heard[-1]["changed"]
    # The end of the service ends the wait.
    version = heard[-1]["version"]
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked(0.05)
            stage.service.request_stop()
    assert heard[-1] == {"version": version, "changed": False}


async def test_waiting_pages_hear_of_every_table_that_is_read_for_them(stage, monkeypatch):
    """A table that a page begins to show, and that its digest does not know, would be seen at the next change only."""
    desk, account_id, reader = stage.service.desk, stage.account.account_id, trio.lowlevel.current_task()
    bot = stage.world.service_bot
    await desk.account.add_employee(account_id, "700", stage.world.dmitry.id)
    await upsert(
        stage.service.services.db, Group(group_id=99, account_id=account_id, bot_id=bot.id, chat_id=-7, title="x")
    )
    read: set[str] = set()

    def recording(method):
        async def record(self, sql, *args):
            if trio.lowlevel.current_task() is reader:
                read.update(re.findall(r"(?:FROM|JOIN) ([a-z_]+)", sql))
            return await method(self, sql, *args)

        return record

    for name in ("fetch", "fetchrow", "fetchval"):
        monkeypatch.setattr(Database, name, recording(getattr(Database, name)))
    # The version itself is no reading of the page's: its statement names every table of the digest.
    monkeypatch.setattr(page_state, "digest", lambda *_: stage.service.services.db.fetchval("SELECT ''"))
    assert (await desk.account.overview(account_id, stage.world.olga.id)).counts.bots
    for query in (None, "x"):
        await desk.bots.bots(account_id, query)
        await desk.bots.groups(account_id, bot.id, query, limit=10, offset=0)
        await desk.bots.groups(account_id, None, query, limit=10, offset=0)
    assert await desk.account.employees(account_id)
    await desk.account.users(account_id)
    assert {"bots", "groups", "links", "topics", "setup_steps", "employees", "participants"} <= read
    assert read <= page_state.TABLES, "in the digest of persistence/page_state.py"
    monkeypatch.undo()
    stage.assert_clean()


async def test_the_setup_is_retried(stage, widget_calls):
    call = widget_calls()
    db, account_id = stage.service.services.db, stage.account.account_id
    await db.execute("UPDATE setup_steps SET state = 'failed', detail = 'Не получилось' WHERE step = 'users'")
    setup = (await call.get("/account"))["setup"]
    assert setup["state"] == "failed"
    assert setup["authorise_url"].endswith("/oauth/start")
    answer = await call("POST", "/setup/retry", {"request_id": "6f0c5c1e-8d0e-4b52-9a35-0b7c6f7a0001"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["setup"]["state"] == "running"
    await stage.quiet()
    assert {step.state for step in await setup_steps.for_account(db, account_id)} == {"done"}
    assert (await call.get("/account"))["setup"]["state"] == "done"
    stage.assert_clean()
