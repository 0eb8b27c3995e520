"""The account's rules for incoming chats: known contacts, duplication control, which source a chat belongs to."""

from __future__ import annotations

from typing import Any

import pytest

RULES = ["open_deal", "new_deal", "unsorted"]


async def two_sources(amo: Any) -> tuple[int, int]:
    """Two bots with their pipelines; returns the pipelines."""
    wholesale = amo.sim.add_pipeline(amo.account, "Опт").id
    main = amo.account.main_pipeline.id
    body = [
        {"name": "Продажи", "external_id": "tgb-1", "pipeline_id": main},
        {"name": "Опт", "external_id": "tgb-2", "pipeline_id": wholesale},
    ]
    assert (await amo.rest("POST", "sources", body)).status_code == 200
    return main, wholesale


@pytest.mark.parametrize("rule", RULES)
async def test_a_known_contact_with_an_open_deal(amo: Any, rule: str) -> None:
    amo.switch(incoming_rule=rule)
    lead = amo.sim.add_lead(amo.account, "Сделка")
    chat, contact = await amo.linked_chat(lead_id=lead)
    for _ in range(2):
        await amo.send()
    talk = amo.account.chats[chat].talk
    assert len(amo.account.talks) == 1
    if rule == "new_deal":
        assert list(amo.account.contacts[contact].leads) == [lead, talk.lead_id]
        assert amo.account.leads[talk.lead_id].created_by == 0
    else:
        assert list(amo.account.contacts[contact].leads) == [lead]
        assert talk.lead_id == lead
    assert len(amo.sim.feed(amo.account, talk.lead_id)) == 2
    assert amo.sim.unsorted(amo.account) == []


@pytest.mark.parametrize("rule", RULES)
async def test_a_known_contact_without_an_open_deal(amo: Any, rule: str) -> None:
    amo.switch(incoming_rule=rule)
    _, wholesale = await two_sources(amo)
    closed = amo.sim.add_lead(amo.account, "Старая")
    chat, contact = await amo.linked_chat(lead_id=closed)
    amo.sim.close_lead(amo.account, closed)
    for _ in range(2):
        await amo.send(source={"external_id": "tgb-2"})
    lead = amo.account.leads[amo.account.chats[chat].talk.lead_id]
    assert lead.pipeline_id == wholesale
    assert lead.id != closed
    waiting = amo.sim.unsorted(amo.account)
    assert len(waiting) == (1 if rule == "unsorted" else 0)
    assert lead.is_unsorted is (rule == "unsorted")
    assert not amo.account.contacts[contact].is_hidden
    if waiting:
        assert waiting[0].contact_id == contact
        assert amo.sim.accept_unsorted(amo.account, waiting[0].uid) == lead.id
        await amo.send(source={"external_id": "tgb-2"})
        assert len(amo.sim.feed(amo.account, lead.id)) == 3
        assert amo.account.contact(contact) is not None


async def test_declining_the_unsorted_of_a_known_contact_leaves_the_contact(amo: Any) -> None:
    amo.switch(incoming_rule="unsorted")
    chat, contact = await amo.linked_chat()
    await amo.send()
    [waiting] = amo.sim.unsorted(amo.account)
    amo.sim.decline_unsorted(amo.account, waiting.uid)
    assert amo.account.contact(contact) is not None
    assert amo.account.chats[chat].contact_id == contact
    await amo.send()
    [again] = amo.sim.unsorted(amo.account)
    target = amo.sim.add_lead(amo.account, "Сделка")
    amo.sim.link_unsorted(amo.account, again.uid, target)
    assert amo.sim.contacts_of_lead(amo.account, target) == {contact: True}
    assert amo.account.chats[chat].talk.lead_id == target
    assert amo.account.contact(contact) is not None


@pytest.mark.parametrize("rule", RULES)
async def test_silent_messages_make_nothing(amo: Any, rule: str) -> None:
    amo.switch(incoming_rule=rule)
    await amo.linked_chat()
    await amo.send(silent=True)
    assert amo.account.leads == {}
    assert amo.sim.unsorted(amo.account) == []


async def test_every_account_has_its_own_rule(amo: Any) -> None:
    amo.account.incoming_rule = "unsorted"
    await amo.linked_chat()
    await amo.send()
    assert len(amo.sim.unsorted(amo.account)) == 1


@pytest.mark.parametrize(
    ("keys", "person", "joins"),
    [
        ({"big_data"}, {"name": "Анна"}, True),
        ({"big_data"}, {"name": "Анна П.", "profile": {"phone": "+7915"}}, True),
        ({"big_data"}, {"name": "Пётр"}, False),
        ({"phone"}, {"name": "Пётр", "profile": {"phone": "+7915"}}, True),
        ({"phone"}, {"name": "Анна"}, False),
        ({"email"}, {"name": "Анна", "profile": {"phone": "+7915"}}, False),
        (set(), {"name": "Анна", "profile": {"phone": "+7915"}}, False),
    ],
)
async def test_duplication_control_joins_a_chat_to_a_deal(
    amo: Any, keys: set[str], person: dict[str, Any], joins: bool
) -> None:
    amo.account.main_pipeline.duplicate_keys |= keys
    lead = amo.sim.add_lead(amo.account, "Сделка")
    contact = amo.sim.add_contact(amo.account, "Анна", {"PHONE": "+7915"})
    amo.sim.link(amo.account, lead, contact)
    await amo.send(silent=True, sender={"id": "tgu-1", **person})
    await amo.send(sender={"id": "tgu-1", **person})
    chat = amo.sim.chat(amo.account, "p1-9001")
    assert (chat.contact_id == contact) is joins
    assert (chat.talk.lead_id == lead) is joins
    assert len(amo.sim.unsorted(amo.account)) == (0 if joins else 1)
    if joins:
        assert len(amo.sim.feed(amo.account, lead)) == 2
        links = await amo.rest("GET", f"contacts/chats?chat_id={chat.uuid}")
        assert links.json()["_embedded"]["chats"][0]["contact_id"] == contact


async def test_duplication_control_leaves_other_deals_alone(amo: Any) -> None:
    sim, account = amo.sim, amo.account
    account.main_pipeline.duplicate_keys.add("big_data")
    contact = sim.add_contact(account, "Анна")
    closed, foreign = sim.add_lead(account, "А"), sim.add_lead(account, "Б", sim.add_pipeline(account, "Опт").id)
    second = sim.add_lead(account, "В")
    sim.link(account, second, sim.add_contact(account, "Главная"))
    for lead in (closed, foreign, second):
        sim.link(account, lead, contact)
    sim.close_lead(account, closed)
    await amo.send()
    assert len(sim.unsorted(account)) == 1
    amo.switch(several_duplicates="new")
    for name in ("Г", "Д"):
        sim.link(account, sim.add_lead(account, name), contact)
    await amo.send(conversation_id="other", sender={"id": "tgu-2", "name": "Анна"})
    assert len(sim.unsorted(account)) == 2


async def test_the_source_passed_once_stays(amo: Any) -> None:
    _, wholesale = await two_sources(amo)

    async def hook_source() -> str | None:
        chat = amo.sim.chat(amo.account, "p1-9001")
        count = len(amo.receiver.got)
        amo.sim.answer(amo.account, chat.uuid, amo.account.owner, "да")
        await amo.receiver.wait(count + 1)
        return amo.receiver.bodies()[-1]["message"].get("source", {}).get("external_id")

    await amo.send(silent=True)
    assert await hook_source() is None
    sources = {one.external_id: one for one in amo.sim.sources(amo.account)}
    await amo.rest("PATCH", f"sources/{sources['tgb-1'].id}", {"default": True})
    assert await hook_source() == "tgb-1"
    await amo.send(silent=True, source={"external_id": "unknown"})
    assert await hook_source() == "tgb-1"
    amo.switch(unknown_source="integration")
    assert await hook_source() is None
    amo.switch(unknown_source="default")
    await amo.send(silent=True, source={"external_id": "tgb-2"})
    assert await hook_source() == "tgb-2"
    await amo.send(silent=True)
    await amo.send(silent=True, source={"external_id": "unknown"})
    assert await hook_source() == "tgb-2"
    await amo.rest("DELETE", f"sources/{sources['tgb-2'].id}")
    assert await hook_source() == "tgb-1"
    await amo.rest("DELETE", f"sources/{sources['tgb-1'].id}")
    assert await hook_source() is None
    assert wholesale != amo.account.main_pipeline.id
