"""Groups and their deals on the settings page, over the whole stage: shown as they are, linked and unlinked."""

from __future__ import annotations

import datetime as dt

from dealgram.actors.desk import desk_texts
from dealgram.persistence import subscriptions


def code_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def notes(stage, deal: int) -> list[str]:
    return [note.params["text"] for note in stage.amo.notes(stage.world.account, deal)]


async def only_group(call, **query) -> dict:
    (group,) = (await call.get("/groups", params=query))["groups"]
    return group


async def test_a_group_is_linked_and_unlinked_from_the_page_and_says_who_did_it(stage, widget_calls):
    call, world = widget_calls(), stage.world
    group = await only_group(call)
    assert (group["bot_id"], group["title"], group["kind"], group["state"], group["deals"]) == (
        world.sales_bot.id,
        world.group.title,
        "group",
        "administrator",
        [],
    )
    assert (group["status"]["level"], group["status"]["title"]) == ("ok", "Не связана")
    path = f"/groups/{group['id']}/deals"

    for deal, code, words in (
        ("кофейня", "invalid", desk_texts.DEAL_UNREADABLE),
        ("99999999999", "invalid", desk_texts.DEAL_OUT_OF_RANGE),
        ("https://other.amocrm.ru/leads/detail/5", "invalid", desk_texts.DEAL_FOREIGN),
        (f"{stage.account.host}/contacts/detail/5", "invalid", desk_texts.DEAL_LINK_UNREADABLE),
        ("123456", "deal_not_found", "Сделки № 123456 нет"),
    ):
        answer = await call("POST", path, {"deal": deal})
        assert code_of(answer) == (422, code), answer.text
        error = answer.json()["error"]
        assert error["field"] == "deal"
        assert error["message"].startswith(words)
        assert "<" not in error["message"]

    for deal in (f"{stage.account.host}/leads/detail/{world.cafe}", world.cafe, f"№ {world.cafe}"):
        answer = await call("POST", path, {"deal": deal})
        assert answer.status_code == 201, answer.text
    linked = answer.json()["group"]
    assert linked["status"] == {"level": "ok", "title": "Связана", "details": []}
    (shown,) = linked["deals"]
    assert shown.pop("linked_at").endswith("Z")
    assert shown == {
        "deal_id": world.cafe,
        "name": "Сайт для кофейни «Полдень»",
        "url": f"{stage.account.host}/leads/detail/{world.cafe}",
        "state": "open",
        "topic": None,
    }
    await stage.until(lambda: stage.is_linked_line(world.cafe), "the deal's card shows it")
    await stage.done()
    assert any("Кто связал: Ольга Белова." in note for note in notes(stage, world.cafe))
    listed = (await call.get("/groups"))["total"]
    assert (await call.get("/account"))["counts"] == {
        "bots": len(world.bots),
        "groups": listed,
        "linked_groups": 1,
        "attention": 0,
    }

    # Unlinked while a message is on its way into the deal: it arrives, the next one does not.
    held = stage.amo.faults.hold("amojo.send")
    stage.telegram.write(world.igor, world.group, "Последнее слово")
    await stage.taken(held)
    answer = await call("DELETE", f"{path}/{world.cafe}")
    assert (answer.status_code, answer.content) == (204, b"")
    held.release()
    await stage.until(lambda: "Последнее слово" in stage.texts(world.cafe), "what was said before stands in the deal")
    stage.telegram.write(world.igor, world.group, "После отвязки")
    await stage.done()
    assert "После отвязки" not in stage.texts(world.cafe)
    assert any("Кто отвязал: Ольга Белова." in note for note in notes(stage, world.cafe))
    assert (await call("DELETE", f"{path}/{world.cafe}")).status_code == 204, "it is linked no more"
    assert (await only_group(call))["deals"] == []
    assert code_of(await call("DELETE", f"/groups/424242/deals/{world.cafe}")) == (404, "not_found")
    stage.assert_clean()
    await stage.assert_undisturbed()


async def test_groups_are_searched_in_pages_and_say_what_is_wrong(stage, widget_calls, monkeypatch):
    call, world = widget_calls(), stage.world
    bot = world.sales_bot
    plain = stage.telegram.create_group("Ёлочный базар", world.anna, kind="group")
    stage.telegram.add_member(plain, bot, by=world.anna)
    await stage.settled()
    stage.telegram.set_privacy(bot, on=True)
    other = stage.telegram.create_group("Склад", world.igor)
    stage.telegram.add_member(other, world.service_bot, by=world.igor)
    await stage.settled()
    await call("POST", f"/bots/{bot.id}/check", {})

    page = await call.get("/groups", params={"limit": 2})
    assert (page["total"], [one["title"] for one in page["groups"]]) == (3, ["Склад", "Ёлочный базар"])
    page = await call.get("/groups", params={"limit": 2, "offset": 2})
    assert (page["total"], [one["title"] for one in page["groups"]]) == (3, [world.group.title])
    page = await call.get("/groups", params={"q": "елочн БАЗ"})
    assert (page["total"], [one["title"] for one in page["groups"]]) == (1, ["Ёлочный базар"])
    page = await call.get(f"/bots/{world.service_bot.id}/groups")
    assert (page["total"], [one["title"] for one in page["groups"]]) == (1, ["Склад"])
    assert (await call.get(f"/bots/{world.service_bot.id}/groups", params={"q": "базар"}))["total"] == 0
    for query in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"limit": "x"}, {"page": 1}, {"q": "x" * 201}):
        assert code_of(await call("GET", "/groups", params=query)) == (422, "invalid"), query

    # A member under privacy mode sees little; an administrator everything.
    group = await only_group(call, q="базар")
    assert (group["state"], group["status"]["level"], group["status"]["title"]) == (
        "member",
        "warning",
        "Бот видит не всё",
    )
    stage.telegram.promote(plain, bot)
    await stage.settled()
    assert (await only_group(call, q="базар"))["status"]["level"] == "ok"

    # It becomes a supergroup and stays the same group.
    upgraded = stage.telegram.upgrade_to_supergroup(plain)
    await stage.settled()
    same = await only_group(call, q="базар")
    assert (same["id"], same["kind"]) == (group["id"], "supergroup")

    # amoCRM is slow: the page does not wait for ever, and the link is made all the same.
    monkeypatch.setattr("dealgram.actors.desk.group_orders.PATIENCE_S", 0.05)
    held = stage.amo.faults.hold("leads.get")
    path = f"/groups/{group['id']}/deals"
    answer = await call("POST", path, {"deal": str(world.office)})
    assert (answer.status_code, answer.json()["group"]["deals"]) == (202, [])
    held.release()
    await stage.until(lambda: stage.is_linked_line(world.office), "it was linked by itself")
    monkeypatch.undo()

    # The bot is removed from the group: it is shown for as long as a deal is linked to it, and can be unlinked.
    stage.telegram.remove_member(upgraded, bot)
    await stage.settled()
    gone = await only_group(call, q="базар")
    assert (gone["state"], gone["status"]["title"], gone["status"]["level"]) == ("left", "Бота нет в группе", "error")
    assert code_of(await call("POST", path, {"deal": str(world.repair)})) == (422, "bot_away")

    assert (await call("DELETE", f"{path}/{world.office}")).status_code == 204
    assert (await call.get("/groups", params={"q": "базар"}))["total"] == 0
    await stage.quiet()
    assert await stage.count("SELECT count(*) FROM dead_letters") == 0

    # The account lapses: nothing is connected or linked, everything else goes on.
    path = f"/groups/{(await only_group(call, q='кофейня'))['id']}/deals"
    assert (await call("POST", path, {"deal": str(world.cafe)})).status_code == 201
    await stage.quiet()
    now = dt.datetime.now(dt.UTC)
    await subscriptions.set_until(stage.service.services.db, stage.account.account_id, now, now=now, by="operator")
    await stage.service.services.registry.refresh()
    assert code_of(await call("POST", path, {"deal": str(world.repair)})) == (402, "lapsed")
    assert code_of(await call("POST", "/bots", {"token": bot.token})) == (402, "lapsed")
    statuses = [one["status"]["title"] for one in (await call.get("/bots"))["bots"]]
    assert statuses == ["Приостановлен: нет оплаты", "Приостановлен: нет оплаты"]
    assert (await call("DELETE", f"{path}/{world.cafe}")).status_code == 204
    assert (await only_group(call, q="кофейня"))["deals"] == []
    answer = await call("DELETE", f"/bots/{world.service_bot.id}")
    assert (answer.status_code, answer.json()["groups"]) == (200, 0)
    assert [one["title"] for one in (await call.get("/groups"))["groups"]] == [world.group.title]
    stage.assert_clean()
