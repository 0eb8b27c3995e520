"""Every call of the REST client: what it sends, and what it makes of the documented answers."""

from __future__ import annotations

import pytest

from dealgram.gateways.amocrm import CRM_EVENTS, AmoCrmClient, ContactDraft, NewLead
from dealgram.gateways.errors import Refused, ServiceFailed
from dealgram.gateways.gate_policy import GatePolicy
from dealgram.gateways.gates import Gates


class OneToken:
    async def token(self, stale):
        return "token"

    async def has_moved(self, base_url):
        return False


@pytest.fixture
def crm(transport, server):
    return AmoCrmClient(
        transport, server.base_url, OneToken(), Gates(GatePolicy(rest_rate_per_s=1000, open_after=1000)).of(1)
    )


async def test_account(server, crm):
    server.reply(
        {"id": 12345678, "name": "Ромашка", "subdomain": "sub", "amojo_id": "a-b", "drive_url": "https://d", "new": {}}
    )
    account = await crm.account()
    assert (account.id, account.name, account.subdomain, account.amojo_id) == (12345678, "Ромашка", "sub", "a-b")
    assert server.seen[0].query == [("with", "amojo_id,drive_url")]
    server.reply({"id": 1, "amojo_id": None, "name": 5, "currency": "RUB"})
    account = await crm.account(("amojo_id",))
    assert (account.amojo_id, account.name) == (None, "")


async def test_an_account_that_is_none(server, crm):
    server.reply({"error": "?"})
    with pytest.raises(ServiceFailed):
        await crm.account()
    server.reply(None, status=204)
    with pytest.raises(ServiceFailed):
        await crm.account()


async def test_users(server, crm):
    users = [
        {"id": 1, "name": "А", "email": "a@b", "rights": {"is_admin": True, "is_active": True}, "amojo_id": "u-1"},
        {
            "id": 2,
            "name": "Б",
            "rights": {"is_admin": False, "is_active": False, "leads": {"view": "A"}},
            "amojo_id": None,
        },
        {"name": "nobody"},
    ]
    server.reply({"_embedded": {"users": users}})
    first, second = await crm.users()
    assert (first.name, first.is_admin, first.is_active, first.amojo_id) == ("А", True, True, "u-1")
    assert (second.is_admin, second.is_active, second.amojo_id) == (False, False, None)
    assert ("with", "amojo_id") in server.seen[0].query
    server.reply(users[0])
    assert (await crm.user(1)).is_admin
    assert server.seen[1].path == "/api/v4/users/1"


async def test_pipelines(server, crm):
    server.reply(
        {
            "_embedded": {
                "pipelines": [
                    {
                        "id": 7,
                        "name": "Воронка",
                        "is_main": True,
                        "_embedded": {
                            "statuses": [{"id": 71, "name": "Новая", "type": 0}, {"id": 142, "name": "Успех"}]
                        },
                    },
                    {"id": 8, "is_archive": True},
                ]
            }
        }
    )
    first, second = await crm.pipelines()
    assert (first.id, first.name, first.is_main, [one.id for one in first.statuses]) == (7, "Воронка", True, [71, 142])
    assert (second.is_archive, second.statuses) == (True, ())


async def test_a_deal(server, crm):
    server.reply(
        {
            "id": 42,
            "name": "Сделка",
            "pipeline_id": 7,
            "status_id": 142,
            "custom_fields_values": None,
            "_embedded": {"contacts": [{"id": 5, "is_main": True, "_links": {}}, {"id": 6}], "tags": []},
        }
    )
    lead = await crm.lead(42)
    assert (lead.id, lead.name, lead.pipeline_id, lead.status_id, lead.is_closed) == (42, "Сделка", 7, 142, True)
    assert [(one.id, one.is_main) for one in lead.contacts] == [(5, True), (6, False)]
    assert (server.seen[0].path, server.seen[0].query) == ("/api/v4/leads/42", [("with", "contacts")])


@pytest.mark.parametrize(("status", "body"), [(204, None), (404, {"title": "Not Found"}), (200, None)])
async def test_a_deal_or_contact_that_is_not_there(server, crm, status, body):
    server.reply(body, status=status)
    server.reply(body, status=status)
    assert await crm.lead(1) is None
    assert await crm.contact(1) is None


async def test_a_refused_question_about_a_deal_is_no_absence(server, crm):
    server.reply({"title": "Bad Request"}, status=400)
    with pytest.raises(Refused):
        await crm.lead(1)


async def test_creating_deals(server, crm):
    server.reply({"_embedded": {"leads": [{"id": 43, "request_id": "p700-9001"}]}})
    lead = NewLead(
        name="Анна (Бот)",
        pipeline_id=7,
        contact_ids=(5, 6),
        source_external_id="tgb-700",
        tags=("tg",),
        request_id="p700-9001",
    )
    assert await crm.create_leads([lead]) == [43]
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/api/v4/leads")
    assert seen.json == [
        {
            "name": "Анна (Бот)",
            "pipeline_id": 7,
            "request_id": "p700-9001",
            "_embedded": {
                "contacts": [{"id": 5, "is_main": True}, {"id": 6, "is_main": False}],
                "source": {"external_id": "tgb-700", "type": "widget"},
                "tags": [{"name": "tg"}],
            },
        }
    ]


async def test_linking_and_unlinking(server, crm):
    server.reply({"_total_items": 1, "_embedded": {"links": [{}]}})
    server.reply(None, status=204)
    await crm.link(42, [3102959])
    await crm.unlink(42, [3102959])
    link, unlink = server.seen
    assert (link.method, link.path) == ("POST", "/api/v4/leads/42/link")
    assert link.json == [{"to_entity_id": 3102959, "to_entity_type": "contacts", "metadata": {"is_main": False}}]
    assert (unlink.method, unlink.path) == ("POST", "/api/v4/leads/42/unlink")
    assert unlink.json == [{"to_entity_id": 3102959, "to_entity_type": "contacts"}]


async def test_tasks(server, crm):
    server.reply({"_embedded": {"tasks": [{"id": 5, "request_id": "0"}]}})
    assert await crm.add_task(9000001, "Продлить доступ", complete_till=1_800_000_000) == 5
    assert (server.seen[0].method, server.seen[0].path) == ("POST", "/api/v4/tasks")
    assert server.seen[0].json == [
        {
            "request_id": "0",
            "responsible_user_id": 9000001,
            "task_type_id": 1,
            "text": "Продлить доступ",
            "complete_till": 1_800_000_000,
        }
    ]
    shown = {"id": 5, "responsible_user_id": 9000001, "text": "Продлить доступ", "result": [], "entity_id": None}
    server.reply({"_embedded": {"tasks": [shown]}})
    (task,) = await crm.tasks(9000001)
    assert (task.id, task.text, task.is_completed) == (5, "Продлить доступ", False)
    assert ("filter[responsible_user_id]", "9000001") in server.seen[1].query
    server.reply(None, status=204)
    assert await crm.tasks(9000001) == []


async def test_notes(server, crm):
    server.reply({"_embedded": {"notes": [{"id": 9, "entity_id": 42, "request_id": "0"}]}})
    assert await crm.add_notes(42, ["Группа связана"]) == [9]
    assert server.seen[0].path == "/api/v4/leads/notes"
    assert server.seen[0].json == [
        {
            "request_id": "0",
            "entity_id": 42,
            "note_type": "extended_service_message",
            "params": {"service": "dealgram", "text": "Группа связана"},
        }
    ]


async def test_a_contact_and_its_telegram_id(server, crm):
    server.reply(
        {
            "id": 5,
            "name": "Анна П.",
            "custom_fields_values": [
                {"field_id": 11, "field_code": "TELEGRAM_ID", "values": [{"value": "9001"}]},
                {"field_id": 12, "values": [{"value": 7, "enum_id": 1}]},
            ],
            "_embedded": {"leads": [{"id": 42}, {"id": 43}]},
        }
    )
    contact = await crm.contact(5)
    assert (contact.name, contact.values_of(11), contact.values_of(12), contact.values_of(13)) == (
        "Анна П.",
        ("9001",),
        ("7",),
        (),
    )
    assert contact.lead_ids == (42, 43)
    assert server.seen[0].query == [("with", "leads")]


@pytest.mark.parametrize("fields", [None, [], "odd"])
async def test_a_contact_without_fields(server, crm, fields):
    server.reply({"id": 5, "custom_fields_values": fields})
    assert (await crm.contact(5)).values_of(11) == ()


async def test_finding_contacts(server, crm):
    server.reply({"_embedded": {"contacts": [{"id": 5, "name": "А"}, {"id": 6, "name": "Б"}]}})
    server.reply(None, status=204)
    assert [one.id for one in await crm.find_contacts("9001 & co")] == [5, 6]
    assert ("query", "9001 & co") in server.seen[0].query
    assert await crm.find_contacts("9002") == []


async def test_creating_and_changing_contacts(server, crm):
    server.reply({"_embedded": {"contacts": [{"id": 5, "request_id": "tgu:9001"}]}})
    draft = ContactDraft(name="Анна П.", fields={11: "9001"}, tags_to_add=("telegram",), request_id="tgu:9001")
    assert await crm.create_contacts([draft]) == [5]
    assert (server.seen[0].method, server.seen[0].path) == ("POST", "/api/v4/contacts")
    assert server.seen[0].json == [
        {
            "name": "Анна П.",
            "request_id": "tgu:9001",
            "custom_fields_values": [{"field_id": 11, "values": [{"value": "9001"}]}],
            "tags_to_add": [{"name": "telegram"}],
        }
    ]
    server.reply({"_embedded": {"contacts": [{"id": 5, "updated_at": 1}]}})
    await crm.update_contacts([ContactDraft(id=5, name="Анна")])
    assert (server.seen[1].method, server.seen[1].json) == ("PATCH", [{"request_id": "0", "id": 5, "name": "Анна"}])
    with pytest.raises(ValueError, match="id"):
        await crm.update_contacts([ContactDraft(name="Анна")])


async def test_chat_links(server, crm):
    link = {"chat_id": "chat-uuid", "contact_id": 5, "id": 1, "request_id": "0"}
    server.reply({"_total_items": 1, "_embedded": {"chats": [link]}})
    await crm.link_chats([("chat-uuid", 5)])
    assert (server.seen[0].method, server.seen[0].path) == ("POST", "/api/v4/contacts/chats")
    assert server.seen[0].json == [{"request_id": "0", "chat_id": "chat-uuid", "contact_id": 5}]
    server.reply({"_embedded": {"chats": [link]}})
    server.reply(None, status=204)
    server.reply({"_embedded": {"chats": []}})
    assert [one.chat_id for one in await crm.chats_of(5)] == ["chat-uuid"]
    assert server.seen[1].query == [("contact_id[]", "5")]
    assert await crm.chats_of(6) == []
    assert await crm.contacts_of_chats(["a", "b"]) == []
    assert server.seen[3].query == [("chat_id[]", "a"), ("chat_id[]", "b")]


async def test_contact_fields(server, crm):
    server.reply(
        {"_embedded": {"custom_fields": [{"id": 11, "name": "Telegram ID", "code": "TELEGRAM_ID", "type": "text"}]}}
    )
    (field,) = await crm.contact_fields()
    assert (field.id, field.code) == (11, "TELEGRAM_ID")
    server.reply({"_embedded": {"custom_fields": [{"id": 12, "request_id": "0"}]}}, status=201)
    assert await crm.create_contact_field("Telegram ID", "TELEGRAM_ID") == 12
    assert server.seen[1].path == "/api/v4/contacts/custom_fields"
    assert server.seen[1].json == [
        {"request_id": "0", "type": "text", "name": "Telegram ID", "code": "TELEGRAM_ID", "is_api_only": True}
    ]


async def test_sources(server, crm):
    source = {"id": 3, "name": "@bot", "external_id": "tgb-700", "pipeline_id": 7, "default": False, "services": []}
    server.reply({"_total_items": 1, "_embedded": {"sources": [source]}})
    server.reply({"_embedded": {"sources": [{**source, "request_id": "0"}]}})
    server.reply({"_embedded": {"sources": [source]}})
    server.reply(None, status=204)
    server.reply({"title": "Not Found"}, status=404)
    assert (await crm.sources())[0].external_id == "tgb-700"
    (created,) = await crm.create_sources([("@bot", "tgb-700", 7)], origin_code="amo.ext.1")
    assert (created.id, created.pipeline_id) == (3, 7)
    assert server.seen[1].json == [
        {"request_id": "0", "name": "@bot", "external_id": "tgb-700", "pipeline_id": 7, "origin_code": "amo.ext.1"}
    ]
    await crm.update_source(3, pipeline_id=8)
    assert (server.seen[2].method, server.seen[2].json) == ("PATCH", [{"request_id": "0", "id": 3, "pipeline_id": 8}])
    await crm.delete_source(3)
    await crm.delete_source(3)
    assert (server.seen[4].method, server.seen[4].target) == ("DELETE", "/api/v4/sources/3")


async def test_webhooks(server, crm):
    hook = {"id": 1, "destination": "https://svc/h/", "settings": ["status_lead"], "disabled": False, "sort": 1}
    server.reply(hook, status=201)
    server.reply({"_embedded": {"webhooks": [hook]}})
    server.reply(None, status=204)
    server.reply({"title": "Not Found"}, status=404)
    assert (await crm.upsert_webhook("https://svc/h/")).id == 1
    assert server.seen[0].json == {"destination": "https://svc/h/", "settings": list(CRM_EVENTS)}
    assert [one.destination for one in await crm.webhooks("https://svc/h/")] == ["https://svc/h/"]
    assert server.seen[1].query == [("filter[destination]", "https://svc/h/")]
    await crm.delete_webhook("https://svc/h/")
    await crm.delete_webhook("https://svc/h/")
    assert (server.seen[2].method, server.seen[2].json) == ("DELETE", {"destination": "https://svc/h/"})
    server.reply({"_embedded": {"webhooks": [hook, hook | {"id": 2, "destination": "https://crm/"}]}})
    assert [one.id for one in await crm.webhooks()] == [1, 2]
    assert server.seen[4].query == []
