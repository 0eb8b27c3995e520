"""REST v4: custom fields, sources, notes, subscriptions to webhooks."""

from __future__ import annotations

from typing import Any


def embedded(answer: Any, key: str) -> list[dict[str, Any]]:
    assert answer.status_code in (200, 201), answer.text
    assert answer.headers["content-type"].startswith("application/hal+json")
    found: list[dict[str, Any]] = answer.json()["_embedded"][key]
    return found


def problems(answer: Any, status: int = 400) -> list[str]:
    """`request_id:path` of every validation error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == status
    return [f"{one['request_id']}:{error['path']}" for one in body["validation-errors"] for error in one["errors"]]


async def test_custom_fields(amo: Any) -> None:
    body = [{"name": "Telegram ID", "type": "text", "code": "TELEGRAM_ID", "is_api_only": True, "request_id": "f"}]
    answer = await amo.rest("POST", "contacts/custom_fields", body)
    assert answer.status_code == 201
    [made] = embedded(answer, "custom_fields")
    assert (made["code"], made["is_api_only"], made["request_id"]) == ("TELEGRAM_ID", True, "f")
    listed = embedded(await amo.rest("GET", "contacts/custom_fields?limit=250"), "custom_fields")
    assert [one["code"] for one in listed] == ["POSITION", "PHONE", "EMAIL", "TELEGRAM_ID"]
    assert (await amo.rest("GET", "leads/custom_fields")).status_code == 204
    renamed = await amo.rest("PATCH", f"contacts/custom_fields/{made['id']}", {"name": "Телеграм"})
    assert (renamed.status_code, renamed.json()["name"]) == (201, "Телеграм")
    assert (await amo.rest("GET", f"leads/custom_fields/{made['id']}")).status_code == 204
    assert (await amo.rest("POST", "contacts/custom_fields", body)).status_code == 201
    amo.switch(duplicate_field_code="refuse", field_page_limit=50)
    assert problems(await amo.rest("POST", "contacts/custom_fields", body)) == ["f:code"]
    assert (await amo.rest("GET", "contacts/custom_fields?limit=250")).status_code == 422
    for wrong, path in [
        ({"type": "text"}, "name"),
        ({"name": "А"}, "type"),
        ({"name": "А", "type": "multitext"}, "type"),
        ({"name": "А", "type": "select"}, "enums"),
        ({"name": "А", "type": "text", "is_api_only": 1}, "is_api_only"),
    ]:
        assert problems(await amo.rest("POST", "contacts/custom_fields", [wrong])) == [f"0:{path}"]
    select = {"name": "Выбор", "type": "select", "enums": [{"value": "да"}]}
    [chosen] = embedded(await amo.rest("POST", "leads/custom_fields", [select]), "custom_fields")
    assert chosen["enums"][0]["id"]
    assert (await amo.rest("DELETE", f"leads/custom_fields/{chosen['id']}")).status_code == 204
    assert (await amo.rest("DELETE", f"leads/custom_fields/{chosen['id']}")).status_code == 404


async def test_sources(amo: Any) -> None:
    assert (await amo.rest("GET", "sources")).status_code == 204
    pipeline = amo.sim.add_pipeline(amo.account, "Опт")
    answer = await amo.rest(
        "POST",
        "sources",
        [
            {"name": "Бот", "external_id": "tgb-1", "pipeline_id": pipeline.id, "default": True, "request_id": "a"},
            {"name": "Второй", "external_id": "tgb-2", "origin_code": amo.sim.channel.code},
        ],
    )
    first, second = embedded(answer, "sources")
    assert (first["request_id"], first["default"], first["pipeline_id"]) == ("a", True, pipeline.id)
    assert (second["default"], second["pipeline_id"], second["services"]) == (False, amo.account.main_pipeline.id, [])
    found = embedded(await amo.rest("GET", "sources?filter[external_id][]=tgb-2"), "sources")
    assert [one["id"] for one in found] == [second["id"]]
    changed = await amo.rest("PATCH", f"sources/{second['id']}", {"name": "Бот 2", "default": True})
    assert changed.json()["name"] == "Бот 2"
    assert (await amo.rest("GET", f"sources/{first['id']}")).json()["default"] is False
    bulk = await amo.rest("PATCH", "sources", [{"id": first["id"], "pipeline_id": amo.account.main_pipeline.id}])
    assert embedded(bulk, "sources")[0]["pipeline_id"] == amo.account.main_pipeline.id
    for item, path in [
        ({"name": "А", "external_id": "tgb-1"}, "external_id"),
        ({"name": "А", "external_id": "ы"}, "external_id"),
        ({"external_id": "x"}, "name"),
        ({"name": "А", "pipeline_id": 1}, "pipeline_id"),
        ({"name": "А", "origin_code": "amo.ext.1"}, "origin_code"),
    ]:
        assert problems(await amo.rest("POST", "sources", [item])) == [f"0:{path}"]
    twice = [{"name": "А", "external_id": "x"}, {"name": "Б", "external_id": "x"}]
    assert problems(await amo.rest("POST", "sources", twice)) == ["1:external_id"]
    assert problems(await amo.rest("PATCH", "sources", [{"id": first["id"], "external_id": "y"}])) == ["0:external_id"]
    assert (await amo.rest("POST", "sources", [{"name": str(i)} for i in range(51)])).status_code == 400
    missing = await amo.rest("DELETE", "sources", [{"id": first["id"]}, {"id": 1}])
    assert missing.status_code == 400
    assert missing.json()["errors"][0]["errors"]["code"] == "EntityNotFound"
    assert (await amo.rest("DELETE", "sources", [{"id": first["id"]}])).status_code == 204
    assert (await amo.rest("DELETE", f"sources/{second['id']}")).status_code == 204
    assert (await amo.rest("DELETE", f"sources/{second['id']}")).status_code == 404
    assert amo.sim.sources(amo.account) == []


async def test_limits_of_sources_are_switches(amo: Any) -> None:
    long = {"name": "А", "external_id": "x" * 40}
    assert problems(await amo.rest("POST", "sources", [long])) == ["0:external_id"]
    amo.switch(source_id_length=40, source_limit=50)
    assert (await amo.rest("POST", "sources", [long])).status_code == 200
    assert (
        await amo.rest("POST", "sources", [{"name": str(i), "external_id": str(i)} for i in range(49)])
    ).status_code == 200
    assert problems(await amo.rest("POST", "sources", [{"name": "51"}])) == ["0:"]
    amo.switch(source_limit=100)
    assert (await amo.rest("POST", "sources", [{"name": "51"}])).status_code == 200


async def test_notes(amo: Any) -> None:
    lead = amo.sim.add_lead(amo.account, "Сделка")
    service = {"service": "Telegram", "text": "Группа «Стройка» связана"}
    body = [{"entity_id": lead, "note_type": "extended_service_message", "params": service, "request_id": "n"}]
    [made] = embedded(await amo.rest("POST", "leads/notes", body), "notes")
    assert (made["entity_id"], made["request_id"]) == (lead, "n")
    own = [{"note_type": "common", "params": {"text": "привет"}}]
    assert (await amo.rest("POST", f"leads/{lead}/notes", own)).status_code == 200
    assert [one.params["text"] for one in amo.sim.notes(amo.account, lead)] == [service["text"], "привет"]
    listed = embedded(await amo.rest("GET", f"leads/{lead}/notes"), "notes")
    assert [one["note_type"] for one in listed] == ["extended_service_message", "common"]
    contact = amo.sim.add_contact(amo.account, "Анна")
    assert (await amo.rest("GET", f"contacts/{contact}/notes")).status_code == 204
    assert (await amo.rest("POST", f"contacts/{contact}/notes", own)).status_code == 200
    for item, path in [
        ({"note_type": "common", "params": {"text": "а"}}, "entity_id"),
        ({"entity_id": 1, "note_type": "common", "params": {"text": "а"}}, "entity_id"),
        ({"entity_id": lead, "note_type": "shout", "params": {"text": "а"}}, "note_type"),
        ({"entity_id": lead, "note_type": "common", "params": {}}, "params.text"),
        ({"entity_id": lead, "note_type": "service_message", "params": {"text": "а"}}, "params.service"),
        ({"entity_id": lead, "note_type": "common", "params": {"text": "а"}, "created_by": 1}, "created_by"),
    ]:
        assert problems(await amo.rest("POST", "leads/notes", [item])) == [f"0:{path}"]


async def test_webhooks(amo: Any) -> None:
    hook = {
        "destination": "https://svc.example/amocrm/hooks/key",
        "settings": ["status_lead", "update_lead"],
        "sort": 10,
    }
    made = await amo.rest("POST", "webhooks", hook)
    assert made.status_code == 201
    assert (made.json()["settings"], made.json()["disabled"]) == (hook["settings"], False)
    again = await amo.rest("POST", "webhooks", {**hook, "settings": ["add_talk"]})
    assert (again.status_code, again.json()["id"]) == (201, made.json()["id"])
    listed = await amo.rest("GET", "webhooks", params={"filter[destination]": hook["destination"]})
    assert [one["settings"] for one in embedded(listed, "webhooks")] == [["add_talk"]]
    assert (await amo.rest("GET", "webhooks?filter[destination]=https://other")).json()["_total_items"] == 0
    for wrong in (
        {"destination": "not a url", "settings": ["add_lead"]},
        {"destination": "https://пример.рф/", "settings": ["add_lead"]},
        {"destination": "https://a.b/", "settings": []},
        {"destination": "https://a.b/", "settings": ["add_everything"]},
        {"destination": "https://a.b/", "settings": "add_lead"},
        {"settings": ["add_lead"]},
        [hook],
    ):
        assert (await amo.rest("POST", "webhooks", wrong)).status_code == 400
    gone = await amo.rest("DELETE", "webhooks", {"destination": hook["destination"]})
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await amo.rest("DELETE", "webhooks", {"destination": hook["destination"]})).status_code == 404
    for number in range(100):
        one = {"destination": f"https://svc.example/{number}", "settings": ["add_lead"]}
        assert (await amo.rest("POST", "webhooks", one)).status_code == 201
    assert (await amo.rest("POST", "webhooks", hook)).status_code == 422
