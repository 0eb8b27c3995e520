"""REST beyond messages: events, notes, tags, templates, widgets, pipelines, complex deals, talks."""

from __future__ import annotations

from typing import Any

import pytest


async def embedded(amo: Any, path: str, key: str) -> list[dict[str, Any]]:
    answer = await amo.rest("GET", path)
    assert answer.status_code in (200, 204), answer.text
    return [] if answer.status_code == 204 else answer.json()["_embedded"][key]


async def events(amo: Any, query: str = "") -> list[dict[str, Any]]:
    return await embedded(amo, f"events{query}", "events")


async def test_events_newest_first_with_filters(amo: Any) -> None:
    sim, account = amo.sim, amo.account
    lead = sim.add_lead(account, "Сделка")
    amo.time += 100
    contact = sim.add_contact(account, "Анна")
    sim.link(account, lead, contact)
    sim.close_lead(account, lead)
    found = await events(amo)
    types = ["lead_status_changed", "entity_linked", "contact_added", "lead_added"]
    assert [one["type"] for one in found] == types
    assert found[1]["value_after"] == [{"link": {"entity": {"type": "contact", "id": contact}}}]
    assert found[0]["value_after"][0]["lead_status"]["id"] == 142
    assert (found[3]["entity_type"], found[3]["entity_id"], found[3]["created_at"]) == (
        "lead",
        lead,
        int(amo.time) - 100,
    )
    assert found[3]["_embedded"]["entity"]["id"] == lead
    for query, expected in (
        ("?filter[type][]=lead_added&filter[type][]=contact_added", types[2:]),
        ("?filter[type]=lead_added,contact_added", types[2:]),
        (f"?filter[entity]=lead&filter[entity_id][]={lead}", [types[0], types[1], types[3]]),
        (f"?filter[entity][]=contact&filter[entity_id]={contact}", [types[2]]),
        (f"?filter[created_at]={int(amo.time)}", types[:3]),
        (f"?filter[created_at][from]=1&filter[created_at][to]={int(amo.time) - 1}", types[3:]),
        (f"?filter[created_by][]={account.owner.id}", types),
        ("?filter[created_by]=1", []),
        (f"?filter[id]={found[0]['id']}", types[:1]),
    ):
        assert [one["type"] for one in await events(amo, query)] == expected, query
    named = await events(amo, "?with=lead_name&filter[type]=lead_added")
    assert named[0]["_embedded"]["entity"]["name"] == "Сделка"
    assert (await amo.rest("GET", f"events/{found[0]['id']}")).json() == found[0]
    assert (await amo.rest("GET", "events/01000000000000000000000fff")).status_code == 204
    known = await embedded(amo, "events/types", "events_types")
    assert set(types) <= {one["key"] for one in known}
    amo.sim.assert_clean()


@pytest.mark.parametrize(
    "query",
    [
        "filter[entity]=leads",
        "filter[entity_id]=5",
        "filter[entity]=lead&" + "&".join(f"filter[entity_id][]={number}" for number in range(11)),
        "filter[type]=custom_field_5_value_changed,lead_added",
        "filter[nonsense]=1",
        "with=nonsense",
    ],
)
async def test_wrong_filters_of_events(amo: Any, query: str) -> None:
    assert (await amo.rest("GET", f"events?{query}")).status_code == 400
    assert (await amo.rest("GET", "events?limit=101")).status_code == 422


async def test_events_of_chats_are_filtered_by_the_contact_and_shown_with_the_deal(amo: Any) -> None:
    lead = amo.sim.add_lead(amo.account, "Сделка")
    chat, contact = await amo.linked_chat(lead_id=lead)
    sent = await amo.send()
    amo_id = amo.sim.answer(amo.account, chat, amo.account.owner, "да")
    types = "filter[type][]=incoming_chat_message&filter[type][]=outgoing_chat_message"
    outgoing, incoming = await events(amo, f"?{types}&filter[entity]=contact&filter[entity_id]={contact}")
    assert (incoming["entity_type"], incoming["entity_id"]) == ("lead", lead)
    assert incoming["_embedded"]["entity"]["linked_talk_contact_id"] == contact
    assert incoming["value_after"] == [{"message": {"id": sent["msgid"]}}]
    assert (outgoing["value_after"], outgoing["created_by"]) == ([{"message": {"id": amo_id}}], amo.account.owner.id)
    assert await events(amo, f"?{types}&filter[entity]=lead") == []
    amo.sim.delete_lead(amo.account, lead)
    shown = await events(amo, f"?{types}")
    assert {(one["entity_type"], one["entity_id"]) for one in shown} == {("contact", contact)}


async def test_lists_of_notes(amo: Any) -> None:
    first, second = amo.sim.add_lead(amo.account, "А"), amo.sim.add_lead(amo.account, "Б")
    for lead, text in ((first, "раз"), (second, "два"), (first, "три")):
        await amo.rest("POST", f"leads/{lead}/notes", [{"note_type": "common", "params": {"text": text}}])
    service = {"note_type": "extended_service_message", "params": {"service": "dealgram", "text": "связано"}}
    await amo.rest("POST", f"leads/{first}/notes", [service])

    def texts(found: list[dict[str, Any]]) -> list[str]:
        return [one["params"]["text"] for one in found]

    assert texts(await embedded(amo, "leads/notes", "notes")) == ["раз", "два", "три", "связано"]
    assert texts(await embedded(amo, f"leads/{first}/notes?order[id]=desc", "notes")) == ["связано", "три", "раз"]
    query = "filter[note_type]=extended_service_message"
    [found] = await embedded(amo, f"leads/{first}/notes?{query}", "notes")
    assert (await amo.rest("GET", f"leads/{first}/notes/{found['id']}")).json() == found
    assert (await amo.rest("GET", f"leads/notes/{found['id']}")).json() == found
    assert (await amo.rest("GET", "leads/notes/1")).status_code == 204
    assert (await amo.rest("GET", f"leads/{first}/notes?order[id]=up")).status_code == 400


async def test_tags_have_one_id_per_name_and_kind(amo: Any) -> None:
    body = [{"name": "telegram", "color": "ddebb5"}, {"name": "vip", "request_id": "x"}]
    made = (await amo.rest("POST", "leads/tags", body)).json()["_embedded"]["tags"]
    assert [(one["name"], one["color"], one["request_id"]) for one in made] == [
        ("telegram", "DDEBB5", "0"),
        ("vip", None, "x"),
    ]
    again = (await amo.rest("POST", "leads/tags", [{"name": "vip"}])).json()["_embedded"]["tags"]
    assert again[0]["id"] == made[1]["id"]
    other = (await amo.rest("POST", "contacts/tags", [{"name": "vip"}])).json()["_embedded"]["tags"]
    assert other[0]["id"] != made[1]["id"]
    lead = amo.sim.add_lead(amo.account, "Сделка")
    await amo.rest("PATCH", f"leads/{lead}", {"tags_to_add": [{"id": made[0]["id"]}]})
    shown = (await amo.rest("GET", f"leads/{lead}")).json()["_embedded"]["tags"]
    assert shown == [{"id": made[0]["id"], "name": "telegram", "color": "DDEBB5"}]
    assert [one["name"] for one in await embedded(amo, "leads/tags?query=TELE", "tags")] == ["telegram"]
    assert [one["name"] for one in await embedded(amo, "leads/tags?filter[name]=vip", "tags")] == ["vip"]
    assert await embedded(amo, "leads/tags?filter[id][]=1", "tags") == []
    amo.sim.assert_clean()
    for wrong in ([{"name": ""}], [{"name": "а", "color": "red"}], []):
        assert (await amo.rest("POST", "leads/tags", wrong)).status_code == 400
    assert (await amo.rest("POST", "contacts/tags", [{"name": "а", "color": "DDEBB5"}])).status_code == 400


async def test_chat_templates(amo: Any) -> None:
    template = {
        "name": "Привет",
        "content": "Здравствуйте, {{contact.name}}!",
        "external_id": "hello",
        "buttons": [{"type": "inline", "text": "Да"}, {"type": "url", "text": "Сайт", "url": "https://example.com"}],
    }
    [made] = (await amo.rest("POST", "chats/templates", [template])).json()["_embedded"]["chat_templates"]
    assert (made["is_editable"], made["request_id"], made["type"]) == (False, "0", "amocrm")
    changed = await amo.rest("PATCH", f"chats/templates/{made['id']}", {"content": "Добрый день"})
    assert changed.json()["content"] == "Добрый день"
    listed = await embedded(amo, "chats/templates?filter[external_id]=hello", "chat_templates")
    assert [one["buttons"] for one in listed] == [template["buttons"]]
    assert (await amo.rest("GET", f"chats/templates/{made['id']}")).json()["name"] == "Привет"
    assert (await amo.rest("GET", "chats/templates?limit=51")).status_code == 422
    amo.switch(template_limit=1)
    assert (await amo.rest("POST", "chats/templates", [template])).status_code == 422
    amo.switch(template_limit=10)
    for wrong in (
        {"name": "А"},
        {"name": "А", "content": "Б", "buttons": [{"type": "url", "text": "x"}]},
        {"name": "А", "content": "Б", "buttons": [{"type": "inline", "text": "x", "url": "https://example.com"}]},
        {"name": "А", "content": "Б", "type": "waba"},
    ):
        assert (await amo.rest("POST", "chats/templates", [wrong])).status_code == 400
    assert (await amo.rest("DELETE", "chats/templates", [{"id": made["id"]}])).status_code == 204
    assert (await amo.rest("GET", f"chats/templates/{made['id']}")).status_code == 404
    assert (await amo.rest("DELETE", f"chats/templates/{made['id']}")).status_code == 400
    plain = amo.sim.issue_tokens(amo.account, amo.sim.add_user(amo.account, "Пётр"))[0]
    assert (await amo.rest("GET", "chats/templates", token=plain)).status_code == 403


async def test_the_widget_and_whether_it_is_on(amo: Any) -> None:
    shown = (await amo.rest("GET", "widgets/dealgram")).json()
    assert (shown["code"], shown["client_uuid"], shown["is_active_in_account"]) == ("dealgram", "client", True)
    assert [one["code"] for one in await embedded(amo, "widgets", "widgets")] == ["dealgram"]
    assert (await amo.rest("GET", "widgets/other")).status_code == 404


async def test_archived_pipelines_and_statuses(amo: Any) -> None:
    second = amo.sim.add_pipeline(amo.account, "Опт")
    amo.sim.archive_pipeline(amo.account, second.id)
    shown = await embedded(amo, "leads/pipelines", "pipelines")
    assert [one["is_archive"] for one in shown] == [False, True]
    statuses = await embedded(amo, f"leads/pipelines/{second.id}/statuses", "statuses")
    assert [one["id"] for one in statuses] == list(second.statuses)
    amo.switch(archived_pipelines="absent")
    assert len(await embedded(amo, "leads/pipelines", "pipelines")) == 1


def complex_deal(**changes: Any) -> dict[str, Any]:
    phone = {"field_code": "PHONE", "values": [{"value": "+79150000000", "enum_code": "WORK"}]}
    contact = {"name": "Анна", "custom_fields_values": [phone]}
    return {"name": "Заявка", "price": 100, "_embedded": {"contacts": [contact]}, **changes}


async def test_a_deal_with_its_contact(amo: Any) -> None:
    body = [complex_deal(request_id="a"), {"name": "Без контакта"}]
    answer = await amo.rest("POST", "leads/complex", body)
    first, second = answer.json()
    lead = amo.account.leads[first["id"]]
    assert (first["merged"], first["request_id"], first["company_id"]) == (False, ["a"], None)
    assert lead.contacts == {first["contact_id"]: True}
    assert amo.sim.contact_value(amo.account, first["contact_id"], "PHONE") == "+79150000000"
    assert (second["contact_id"], second["request_id"]) == (None, ["1"])
    known = [{"name": "Ещё", "_embedded": {"contacts": [{"id": first["contact_id"]}]}}]
    [third] = (await amo.rest("POST", "leads/complex", known)).json()
    assert third["contact_id"] == first["contact_id"]
    amo.sim.assert_clean()
    contact = {"name": "А"}
    for wrong in (
        [{"name": "А"}] * 51,
        [{"_embedded": {"contacts": [contact, contact]}}],
        [{"_embedded": {"contacts": [{"id": 1}]}}],
        [{"pipeline_id": 1}],
        [{"_embedded": {"metadata": {"category": "forms"}}}],
    ):
        assert (await amo.rest("POST", "leads/complex", wrong)).status_code == 400


async def test_complex_deals_are_under_duplication_control(amo: Any) -> None:
    pipeline = amo.account.main_pipeline
    [first] = (await amo.rest("POST", "leads/complex", [complex_deal()])).json()
    [second] = (await amo.rest("POST", "leads/complex", [complex_deal()])).json()
    assert not second["merged"]
    pipeline.duplicate_keys.add("phone")
    [third] = (await amo.rest("POST", "leads/complex", [complex_deal(price=500)])).json()
    assert (third["id"], third["contact_id"], third["merged"]) == (second["id"], second["contact_id"], True)
    assert amo.account.leads[second["id"]].price == 500
    amo.switch(duplicate_conflict="keep", several_duplicates="all")
    [again] = (await amo.rest("POST", "leads/complex", [complex_deal(price=900)])).json()
    assert again["merged"]
    assert [amo.account.leads[one["id"]].price for one in (first, second)] == [100, 500]
    amo.switch(several_duplicates="new")
    [fresh] = (await amo.rest("POST", "leads/complex", [complex_deal()])).json()
    assert not fresh["merged"]
    amo.switch(several_duplicates="newest")
    pipeline.duplicate_keys.clear()
    await amo.rest("POST", "leads/complex", [complex_deal()])
    pipeline.duplicate_keys.add("phone")
    [too_many] = (await amo.rest("POST", "leads/complex", [complex_deal()])).json()
    assert not too_many["merged"], "more than three duplicates are left alone"


async def test_a_field_can_be_the_key_of_duplicates(amo: Any) -> None:
    amo.sim.add_contact_field(amo.account, "Telegram ID", "TELEGRAM_ID")
    amo.account.main_pipeline.duplicate_keys.add("TELEGRAM_ID")

    def deal(number: str) -> dict[str, Any]:
        field = {"field_code": "TELEGRAM_ID", "values": [{"value": number}]}
        return {"_embedded": {"contacts": [{"name": "Анна", "custom_fields_values": [field]}]}}

    [first] = (await amo.rest("POST", "leads/complex", [deal("1")])).json()
    [other] = (await amo.rest("POST", "leads/complex", [deal("2")])).json()
    [same] = (await amo.rest("POST", "leads/complex", [deal("1")])).json()
    assert (other["merged"], same["merged"], same["id"]) == (False, True, first["id"])
    amo.sim.close_lead(amo.account, first["id"])
    [after] = (await amo.rest("POST", "leads/complex", [deal("1")])).json()
    assert not after["merged"], "a closed deal is no duplicate"


async def test_talks(amo: Any) -> None:
    lead = amo.sim.add_lead(amo.account, "Сделка")
    chat, contact = await amo.linked_chat(lead_id=lead)
    await amo.send()
    [talk] = amo.account.talks
    shown = (await amo.rest("GET", f"talks/{talk}")).json()
    assert (shown["contact_id"], shown["chat_id"], shown["entity_id"]) == (contact, chat, lead)
    assert (shown["entity_type"], shown["is_in_work"], shown["is_read"]) == ("lead", True, False)
    assert (await amo.rest("POST", f"talks/{talk}/close", {"force_close": True})).status_code == 202
    assert (await amo.rest("POST", f"talks/{talk}/close")).status_code == 422
    assert (await amo.rest("GET", "talks/1")).status_code == 404
    await amo.send()
    assert len(amo.account.talks) == 2
