"""REST v4: entities, links, paging, bulk bodies."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from dealgram.sandbox.amocrm import AmoSimulator


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


async def make(amo: Any, path: str, *items: dict[str, Any]) -> list[int]:
    answer = await amo.rest("POST", path, list(items))
    return [one["id"] for one in embedded(answer, path)]


async def test_account(amo: Any) -> None:
    plain = (await amo.rest("GET", "account")).json()
    assert (plain["id"], plain["subdomain"], plain["current_user_id"]) == (
        amo.account.id,
        "romashka",
        amo.account.owner.id,
    )
    assert "amojo_id" not in plain
    more = (await amo.rest("GET", "account?with=amojo_id,drive_url,users_groups,datetime_settings")).json()
    assert more["amojo_id"] == amo.account.amojo_id
    assert set(more["_embedded"]) == {"users_groups", "datetime_settings"}
    assert problems(await amo.rest("GET", "account?with=amojo")) == ["0:with"]
    assert problems(await amo.rest("GET", "account?wiht=amojo_id")) == ["0:wiht"]
    amo.switch(unknown_fields="ignore")
    assert (await amo.rest("GET", "account?wiht=amojo_id")).status_code == 200


async def test_users_and_pages(amo: Any) -> None:
    quiet = amo.sim.add_user(amo.account, "Тихий", has_chats=False)
    users = embedded(await amo.rest("GET", "users?with=amojo_id"), "users")
    assert [one["amojo_id"] for one in users] == [amo.account.owner.amojo_id, None]
    assert users[0]["rights"]["is_admin"] is True
    first = (await amo.rest("GET", "users?limit=1")).json()
    assert first["_page"] == 1
    assert first["_links"]["next"]["href"].endswith("/api/v4/users?limit=1&page=2")
    second = (await amo.rest("GET", "users?limit=1&page=2")).json()
    assert [one["id"] for one in second["_embedded"]["users"]] == [quiet.id]
    assert "next" not in second["_links"]
    assert (await amo.rest("GET", "users?page=3")).status_code == 204
    assert (await amo.rest("GET", "users?limit=251")).status_code == 422
    assert (await amo.rest("GET", "users?limit=0")).status_code == 400
    assert (await amo.rest("GET", "users?limit=x")).status_code == 400
    assert (await amo.rest("GET", f"users/{quiet.id}")).json()["name"] == "Тихий"
    assert (await amo.rest("GET", "users/1")).status_code == 204


async def test_pipelines(amo: Any) -> None:
    extra = amo.sim.add_pipeline(amo.account, "Опт")
    found = embedded(await amo.rest("GET", "leads/pipelines"), "pipelines")
    assert [one["id"] for one in found] == [amo.account.main_pipeline.id, extra.id]
    statuses = found[1]["_embedded"]["statuses"]
    assert [one["type"] for one in statuses] == [1, 0, 0, 0, 0, 0]
    assert [one["id"] for one in statuses][-2:] == [142, 143]
    assert (await amo.rest("GET", f"leads/pipelines/{extra.id}")).json()["is_main"] is False
    assert (await amo.rest("GET", "leads/pipelines/1")).status_code == 204


async def test_contacts(amo: Any) -> None:
    field = amo.sim.add_contact_field(amo.account, "Telegram ID", "TELEGRAM_ID")
    answer = await amo.rest(
        "POST",
        "contacts",
        [
            {
                "name": "Анна П.",
                "request_id": "tgu:9001",
                "custom_fields_values": [{"field_id": field, "values": [{"value": "9001"}]}],
                "tags_to_add": [{"name": "telegram"}],
            },
            {"first_name": "Олег", "last_name": "К."},
        ],
    )
    anna, oleg = embedded(answer, "contacts")
    assert (anna["request_id"], oleg["request_id"]) == ("tgu:9001", "1")
    shown = (await amo.rest("GET", f"contacts/{anna['id']}?with=leads")).json()
    assert shown["custom_fields_values"] == [
        {
            "field_id": field,
            "field_name": "Telegram ID",
            "field_code": "TELEGRAM_ID",
            "field_type": "text",
            "values": [{"value": "9001"}],
        }
    ]
    assert [one["name"] for one in shown["_embedded"]["tags"]] == ["telegram"]
    assert shown["_embedded"]["leads"] == []
    assert (await amo.rest("GET", f"contacts/{oleg['id']}")).json()["name"] == "Олег К."
    changed = await amo.rest(
        "PATCH",
        f"contacts/{oleg['id']}",
        {
            "custom_fields_values": [{"field_code": "TELEGRAM_ID", "values": [{"value": "7"}]}],
            "tags_to_add": [{"name": "a"}],
        },
    )
    assert changed.json()["id"] == oleg["id"]
    bulk = await amo.rest("PATCH", "contacts", [{"id": oleg["id"], "name": "Олег", "tags_to_delete": [{"name": "a"}]}])
    assert embedded(bulk, "contacts")[0]["name"] == "Олег"
    assert (await amo.rest("GET", f"contacts/{oleg['id']}")).json()["_embedded"]["tags"] == []
    await amo.rest("PATCH", f"contacts/{oleg['id']}", {"custom_fields_values": [{"field_id": field, "values": None}]})
    assert (await amo.rest("GET", f"contacts/{oleg['id']}")).json()["custom_fields_values"] is None
    assert (await amo.rest("GET", "contacts/1")).status_code == 204
    amo.sim.assert_clean()


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"name": 5}, "name"),
        ({"nmae": "А"}, "nmae"),
        ({"responsible_user_id": 1}, "responsible_user_id"),
        ({"created_at": "1"}, "created_at"),
        ({"tags_to_add": [{}]}, "tags_to_add.0.name"),
        ({"tags_to_add": [{"id": 1}]}, "tags_to_add.0.id"),
        ({"tags_to_add": "a"}, "tags_to_add"),
        ({"custom_fields_values": [{"field_id": 1, "values": [{"value": "a"}]}]}, "custom_fields_values.0.field_id"),
        (
            {"custom_fields_values": [{"field_code": "X", "values": [{"value": "a"}]}]},
            "custom_fields_values.0.field_code",
        ),
        (
            {"custom_fields_values": [{"field_code": "PHONE", "values": [{"value": 7}]}]},
            "custom_fields_values.0.values.0.value",
        ),
        ({"custom_fields_values": [{"field_code": "PHONE"}]}, "custom_fields_values.0.values"),
        ({"tags_to_delete": []}, "tags_to_delete"),
    ],
)
async def test_wrong_contacts(amo: Any, item: dict[str, Any], path: str) -> None:
    answer = await amo.rest("POST", "contacts", [{"name": "А"}, {**item, "request_id": "bad"}])
    assert problems(answer) == [f"bad:{path}"]
    assert not amo.account.contacts


async def test_bulk_bodies(amo: Any) -> None:
    for body in ({"name": "А"}, [], "x"):
        assert (await amo.rest("POST", "contacts", body)).status_code == 400
    assert (await amo.rest("POST", "contacts", [{"name": "А"}] * 250)).status_code == 200
    assert (await amo.rest("POST", "contacts", [{"name": "А"}] * 251)).status_code == 400
    amo.switch(bulk_limit=50)
    assert (await amo.rest("POST", "contacts", [{"name": "А"}] * 51)).status_code == 400
    amo.switch(partial_bulk="partial")
    before = len(amo.account.contacts)
    assert problems(await amo.rest("POST", "contacts", [{"name": "Б"}, {"name": 1}])) == ["1:name"]
    assert len(amo.account.contacts) == before + 1
    headers = {"Authorization": f"Bearer {amo.token}", "Content-Type": "application/json"}
    assert (await amo.client.post("/api/v4/contacts", content=b"[{", headers=headers)).status_code == 400
    headers["Content-Type"] = "text/plain"
    assert (await amo.client.post("/api/v4/contacts", content=b"[]", headers=headers)).status_code == 400


async def test_searching_contacts(amo: Any) -> None:
    amo.sim.add_contact_field(amo.account, "Telegram ID", "TELEGRAM_ID")
    anna = amo.sim.add_contact(amo.account, "Анна", {"TELEGRAM_ID": "9001"})
    amo.sim.add_contact(amo.account, "Олег", {"TELEGRAM_ID": "90015"})

    async def search(query: str) -> list[int]:
        answer = await amo.rest("GET", "contacts", params={"query": query})
        return [] if answer.status_code == 204 else [one["id"] for one in embedded(answer, "contacts")]

    assert len(await search("9001")) == 2
    assert await search("анна") == [anna]
    amo.switch(contact_query="word")
    assert await search("9001") == [anna]
    amo.switch(search_lag_s=10)
    [fresh] = await make(amo, "contacts", {"name": "Вера"})
    assert await search("вера") == []
    amo.time += 11
    assert await search("вера") == [fresh]
    assert (await amo.rest("GET", "contacts?filter[name]=x")).status_code == 400
    by_id = embedded(
        await amo.rest("GET", f"contacts?filter[id][]={anna}&filter[id][]={fresh}&order[id]=desc"), "contacts"
    )
    assert [one["id"] for one in by_id] == [fresh, anna]


async def test_leads(amo: Any) -> None:
    pipeline = amo.sim.add_pipeline(amo.account, "Опт")
    body = {"name": "Бот", "external_id": "tgb-1", "pipeline_id": pipeline.id}
    await amo.rest("POST", "sources", [body])
    contact = amo.sim.add_contact(amo.account, "Анна")
    by_source, plain, full = await make(
        amo,
        "leads",
        {"_embedded": {"source": {"external_id": "tgb-1", "type": "widget"}, "contacts": [{"id": contact}]}},
        {},
        {"name": "Сделка", "price": 5, "pipeline_id": pipeline.id, "status_id": 142, "tags_to_add": [{"name": "a"}]},
    )
    shown = (await amo.rest("GET", f"leads/{by_source}?with=contacts,source,source_id")).json()
    assert (shown["pipeline_id"], shown["status_id"]) == (pipeline.id, pipeline.first_status)
    assert shown["_embedded"]["contacts"][0]["is_main"] is True
    assert shown["_embedded"]["source"]["external_id"] == "tgb-1"
    assert (await amo.rest("GET", f"leads/{plain}")).json()["pipeline_id"] == amo.account.main_pipeline.id
    closed = (await amo.rest("GET", f"leads/{full}")).json()
    assert (closed["status_id"], closed["closed_at"], closed["price"]) == (142, int(amo.time), 5)
    assert amo.sim.tags_of_lead(amo.account, full) == ["a"]
    moved = await amo.rest("PATCH", f"leads/{plain}", {"pipeline_id": pipeline.id, "name": "Новая"})
    assert moved.json()["id"] == plain
    assert (await amo.rest("GET", f"leads/{plain}")).json()["status_id"] == pipeline.first_status
    listed = embedded(await amo.rest("GET", f"leads?filter[pipeline_id]={pipeline.id}&query=новая"), "leads")
    assert [one["id"] for one in listed] == [plain]
    amo.sim.assert_clean()


@pytest.mark.parametrize(
    ("item", "path"),
    [
        ({"pipeline_id": 1}, "pipeline_id"),
        ({"status_id": 1}, "status_id"),
        ({"price": "5"}, "price"),
        ({"responsible_user_id": 0}, "responsible_user_id"),
        ({"created_by": 1}, "created_by"),
        ({"_embedded": {"contacts": [{"id": 1}]}}, "_embedded.contacts.0.id"),
        ({"_embedded": {"source": {"external_id": "none"}}}, "_embedded.source.external_id"),
        ({"stage": 1}, "stage"),
    ],
)
async def test_wrong_leads(amo: Any, item: dict[str, Any], path: str) -> None:
    assert problems(await amo.rest("POST", "leads", [item])) == [f"0:{path}"]
    assert not amo.account.leads


async def test_a_deal_cannot_be_put_among_the_unsorted(amo: Any) -> None:
    status = amo.account.main_pipeline.unsorted_status
    assert problems(await amo.rest("POST", "leads", [{"status_id": status}])) == ["0:status_id"]


async def test_deleted_and_foreign_deals_are_not_found(amo: Any) -> None:
    lead = amo.sim.add_lead(amo.account, "Сделка")
    stranger = amo.sim.add_account("vasilek", "Василёк")
    foreign = amo.sim.add_lead(stranger, "Чужая")
    amo.sim.delete_lead(amo.account, lead)
    for number in (lead, foreign, 1):
        answer = await amo.rest("GET", f"leads/{number}?with=contacts")
        assert (answer.status_code, answer.content) == (204, b"")
        assert problems(await amo.rest("PATCH", f"leads/{number}", {"name": "А"})) == ["0:id"]
    assert (await amo.rest("GET", f"leads/{lead}?with=only_deleted")).json()["is_deleted"] is True
    assert (await amo.rest("GET", "leads")).status_code == 204
    amo.sim.restore_lead(amo.account, lead)
    amo.sim.close_lead(amo.account, lead, won=False)
    assert (await amo.rest("GET", f"leads/{lead}")).json()["status_id"] == 143
    amo.sim.reopen_lead(amo.account, lead)
    assert (await amo.rest("GET", f"leads/{lead}")).json()["closed_at"] is None


async def test_links(amo: Any) -> None:
    lead, other = amo.sim.add_lead(amo.account, "Сделка"), amo.sim.add_lead(amo.account, "Другая")
    anna, oleg = amo.sim.add_contact(amo.account, "Анна"), amo.sim.add_contact(amo.account, "Олег")

    def to(contact: int, **more: Any) -> dict[str, Any]:
        return {"to_entity_id": contact, "to_entity_type": "contacts", **more}

    answer = await amo.rest("POST", f"leads/{lead}/link", [to(anna, metadata={"is_main": False}), to(oleg)])
    assert answer.json()["_total_items"] == 2
    assert embedded(answer, "links")[0] == {
        "entity_id": lead,
        "entity_type": "leads",
        "to_entity_id": anna,
        "to_entity_type": "contacts",
        "metadata": {"main_contact": True},
    }
    assert (await amo.rest("POST", f"leads/{lead}/link", [to(oleg, metadata={"is_main": True})])).status_code == 200
    assert amo.sim.contacts_of_lead(amo.account, lead) == {anna: False, oleg: True}
    assert (await amo.rest("POST", "leads/link", [{"entity_id": other, **to(anna)}])).status_code == 200
    contact = (await amo.rest("GET", f"contacts/{anna}?with=leads")).json()
    assert [one["id"] for one in contact["_embedded"]["leads"]] == [lead, other]
    listed = embedded(await amo.rest("GET", f"leads/{lead}/links?filter[to_entity_type]=contacts"), "links")
    assert [one["to_entity_id"] for one in listed] == [anna, oleg]
    many = embedded(
        await amo.rest("GET", f"leads/links?filter[entity_id][]={lead}&filter[entity_id][]={other}"), "links"
    )
    assert len(many) == 3
    gone = await amo.rest("POST", f"leads/{lead}/unlink", [to(oleg)])
    assert (gone.status_code, gone.content) == (204, b"")
    assert amo.sim.contacts_of_lead(amo.account, lead) == {anna: True}
    assert (await amo.rest("POST", "leads/unlink", [{"entity_id": other, **to(anna)}])).status_code == 204
    amo.sim.assert_clean()

    assert problems(await amo.rest("GET", "leads/links")) == ["0:filter.entity_id"]
    assert problems(await amo.rest("POST", f"leads/{lead}/link", [to(1)])) == ["0:to_entity_id"]
    assert problems(await amo.rest("POST", "leads/1/link", [to(anna)])) == ["0:entity_id"]
    assert problems(await amo.rest("POST", f"leads/{lead}/link", [{**to(anna), "to_entity_type": "contact"}]))
    assert problems(await amo.rest("POST", f"leads/{lead}/link", [{**to(anna), "to_entity_id": str(anna)}]))
    back = await amo.rest("POST", f"contacts/{anna}/link", [{"to_entity_id": lead, "to_entity_type": "leads"}])
    assert back.status_code == 400
    assert "deal's side only" in amo.last_violation()
    amo.switch(contacts_per_lead=1)
    full = await amo.rest("POST", f"leads/{lead}/link", [to(oleg)])
    assert full.json()["validation-errors"][0]["errors"][0]["code"] == "330"
    assert (await amo.rest("POST", f"leads/{lead}/link", [to(anna)])).status_code == 200


async def test_chat_links(amo: Any) -> None:
    chat = await amo.open_chat()
    contact = amo.sim.add_contact(amo.account, "Анна")
    body = [{"chat_id": chat, "contact_id": contact}]
    assert (await amo.rest("GET", f"contacts/chats?chat_id[]={chat}")).status_code == 204
    amo.switch(empty_chat_links="empty_list")
    empty = await amo.rest("GET", f"contacts/chats?chat_id[]={chat}")
    assert empty.json() == {"_total_items": 0, "_embedded": {"chats": []}}
    assert (await amo.rest("POST", "contacts/chats", body)).status_code == 200
    found = embedded(await amo.rest("GET", f"contacts/chats?contact_id[]={contact}"), "chats")
    assert [(one["chat_id"], one["contact_id"]) for one in found] == [(chat, contact)]
    assert (await amo.rest("POST", "contacts/chats", body, headers={"Cookie": "session=1"})).status_code == 403
    assert (await amo.rest("GET", "contacts/chats")).status_code == 400
    assert problems(await amo.rest("POST", "contacts/chats", [{"chat_id": "none", "contact_id": 1}])) == [
        "0:chat_id",
        "0:contact_id",
    ]
    assert problems(await amo.rest("POST", "contacts/chats", [{"chat_id": chat, "contact_id": str(contact)}]))


async def test_ids_are_the_same_in_every_run(amo: Any) -> None:
    made = []
    for _ in range(2):
        sim = AmoSimulator(rng=Random(3), now=lambda: 1.0)
        account = sim.add_account("a", "А")
        made.append(
            (account.id, account.amojo_id, sim.channel.secret, sim.issue_tokens(account), sim.add_lead(account, "А"))
        )
    assert made[0] == made[1]
    assert made[0][1][14] == "4"
