"""Calls about what happens to deals and contacts: deleted deals, deals in bulk, events, notes, unsorted chats."""

from __future__ import annotations

import pytest

from dealgram.gateways.amocrm import AmoCrmClient
from dealgram.gateways.gate_policy import GatePolicy
from dealgram.gateways.gates import Gates


class OneToken:
    async def token(self, stale):
        return "token"

    async def has_moved(self, base_url):
        return False


@pytest.fixture
def crm(transport, server):
    gates = Gates(GatePolicy(rest_rate_per_s=1000, open_after=1000))
    return AmoCrmClient(transport, server.base_url, OneToken(), gates.of(1))


async def test_deals_in_bulk_are_only_those_asked_for(server, crm):
    server.reply({"_embedded": {"leads": [{"id": 1, "name": "a"}, {"id": 9, "name": "not asked for"}]}})
    assert [lead.id for lead in await crm.leads([1, 2])] == [1]
    assert server.seen[0].query == [
        ("filter[id][]", "1"),
        ("filter[id][]", "2"),
        ("with", "contacts"),
        ("limit", "250"),
    ]
    assert await crm.leads([]) == []
    with pytest.raises(ValueError, match="at most"):
        await crm.leads(range(51))


async def test_a_deal_in_the_bin(server, crm):
    server.reply({"id": 5, "is_deleted": True})
    server.reply(None, status=204)
    lead = await crm.deleted_lead(5)
    assert lead is not None
    assert lead.is_deleted
    assert server.seen[0].query == [("with", "only_deleted")]
    assert await crm.deleted_lead(6) is None


async def test_events(server, crm):
    event = {
        "id": "01pz58t6p04ymgsgfbmfyfy1mf",
        "type": "entity_merged",
        "entity_id": 7,
        "entity_type": "lead",
        "created_at": 1700000000,
        "value_after": [],
        "value_before": [],
    }
    server.reply({"_embedded": {"events": [event, {"type": "without an id"}]}})
    (read,) = await crm.events(["entity_merged", "lead_deleted"], entity="lead", entity_ids=[7], since=1699990000)
    assert (read.type, read.entity_id, read.created_at) == ("entity_merged", 7, 1700000000)
    assert server.seen[0].query == [
        ("filter[type][]", "entity_merged"),
        ("filter[type][]", "lead_deleted"),
        ("filter[entity][]", "lead"),
        ("filter[entity_id][]", "7"),
        ("filter[created_at][from]", "1699990000"),
        ("page", "1"),
        ("limit", "100"),
    ]
    server.reply(None, status=204)
    assert await crm.events(["lead_deleted"]) == []
    with pytest.raises(ValueError, match="at most"):
        await crm.events(["lead_deleted"], entity_ids=[1])


async def test_the_latest_service_notes(server, crm):
    ours = {
        "id": 2,
        "note_type": "extended_service_message",
        "created_at": 1700000000,
        "params": {"service": "dealgram", "text": "Связана"},
    }
    server.reply({"_embedded": {"notes": [ours, {"id": 1, "note_type": "common", "params": {"text": "x"}}]}})
    (note,) = await crm.notes(42)
    assert (note.id, note.text) == (2, "Связана")
    assert server.seen[0].path == "/api/v4/leads/42/notes"
    assert ("order[id]", "desc") in server.seen[0].query


async def test_an_unsorted_chat_is_joined_to_a_deal(server, crm):
    unsorted = {"uid": "u1", "metadata": {"origin": {"chat_id": "c1"}}}
    server.reply({"_embedded": {"unsorted": [unsorted, {"uid": "u2", "metadata": {}}]}})
    first, second = await crm.unsorted_chats()
    assert (first.uid, first.chat_id, second.chat_id) == ("u1", "c1", None)
    server.reply({"uid": "u1"})
    server.reply({"title": "Not Found"}, status=404)
    await crm.link_unsorted("u1", 42, contact_id=7)
    assert server.seen[1].path == "/api/v4/leads/unsorted/u1/link"
    assert server.seen[1].json == {"link": {"entity_id": 42, "entity_type": "leads", "metadata": {"contact_id": 7}}}
    await crm.link_unsorted("u1", 42)  # somebody was faster
