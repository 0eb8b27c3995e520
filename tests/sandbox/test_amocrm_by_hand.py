"""What people do with deals, contacts and pipelines by hand: merging, moving, restoring, archiving."""

from __future__ import annotations

from typing import Any

import pytest

HOOKS = ("update_lead", "delete_lead", "restore_lead", "status_lead", "responsible_lead")
CONTACT_HOOKS = ("update_contact", "delete_contact", "restore_contact")


def settings(amo: Any) -> list[tuple[str, str]]:
    return [(one.setting, one.subject) for one in amo.sim.crm_hooks]


@pytest.mark.parametrize("order", ["delete_first", "update_first"])
async def test_merging_deals(amo: Any, order: str) -> None:
    amo.switch(merge_hooks=order)
    sim, account = amo.sim, amo.account
    keep, other = sim.add_lead(account, "Главная"), sim.add_lead(account, "Другая")
    chat, contact = await amo.linked_chat(lead_id=other)
    await amo.send()
    await amo.rest("POST", f"leads/{other}/notes", [{"note_type": "common", "params": {"text": "старое"}}])
    await amo.rest("PATCH", f"leads/{other}", {"tags_to_add": [{"name": "vip"}]})
    sim.add_webhook(account, "http://127.0.0.1:9/hook", *HOOKS)
    sim.merge_leads(account, keep, [other])
    told = [("delete_lead", str(other)), ("update_lead", str(keep))]
    assert settings(amo) == (told if order == "delete_first" else told[::-1])
    assert sim.contacts_of_lead(account, keep) == {contact: True}
    assert [one.text for one in sim.feed(account, keep)] == ["привет 1"]
    assert account.chats[chat].talk.lead_id == keep
    assert [one.params["text"] for one in sim.notes(account, keep)] == ["старое"]
    assert sim.tags_of_lead(account, keep) == ["vip"]
    assert (await amo.rest("GET", f"leads/{other}")).status_code == 204
    assert (await amo.rest("GET", f"leads/{other}?with=only_deleted")).status_code == 204
    event = account.events[-1]
    assert (event.type, event.entity_type, event.entity_id) == ("entity_merged", "lead", keep)
    assert (event.value_after, event.value_before) == ([], [])
    await amo.send()
    assert [one.text for one in sim.feed(account, keep)] == ["привет 1", "привет 2"]
    assert account.contacts[contact].leads == {keep: None}
    with pytest.raises(ValueError, match="restored"):
        sim.restore_lead(account, other)
    for wrong in ([], [keep], [other]):
        with pytest.raises(ValueError, match="merge"):
            sim.merge_leads(account, keep, wrong)


async def test_merging_contacts(amo: Any) -> None:
    sim, account = amo.sim, amo.account
    sim.add_contact_field(account, "Telegram ID", "TELEGRAM_ID")
    lead = sim.add_lead(account, "Сделка")
    chat, other = await amo.linked_chat(lead_id=lead)
    await amo.send()
    talk = account.chats[chat].talk
    keep = sim.add_contact(account, "Анна П.", {"TELEGRAM_ID": "1"})
    third = sim.add_contact(account, "А.", {"PHONE": "+7915", "TELEGRAM_ID": "2"})
    sim.add_webhook(account, "http://127.0.0.1:9/hook", *CONTACT_HOOKS)
    sim.merge_contacts(account, keep, [other, third])
    assert settings(amo) == [
        ("delete_contact", str(other)),
        ("delete_contact", str(third)),
        ("update_contact", str(keep)),
    ]
    assert sim.contacts_of_lead(account, lead) == {keep: True}
    assert (sim.contact_value(account, keep, "TELEGRAM_ID"), sim.contact_value(account, keep, "PHONE")) == (
        "1",
        "+7915",
    )
    shown = await amo.rest("GET", f"contacts/chats?chat_id[]={chat}")
    assert [one["contact_id"] for one in shown.json()["_embedded"]["chats"]] == [keep]
    assert account.chats[chat].talk is talk
    assert talk.contact_id == keep
    assert (await amo.rest("GET", f"contacts/{other}")).status_code == 204
    assert account.events[-1].type == "entity_merged"
    await amo.send()
    assert len(sim.feed(account, lead)) == 2
    with pytest.raises(ValueError, match="restored"):
        sim.restore_contact(account, other)


async def test_moving_a_deal_and_its_responsible_user(amo: Any) -> None:
    sim, account = amo.sim, amo.account
    lead, second = sim.add_lead(account, "Сделка"), sim.add_pipeline(account, "Опт")
    manager = sim.add_user(account, "Пётр")
    sim.add_webhook(account, "http://127.0.0.1:9/hook", *HOOKS)
    sim.move_lead(account, lead, second.id)
    assert (account.leads[lead].pipeline_id, account.leads[lead].status_id) == (second.id, second.first_status)
    sim.move_lead(account, lead, status_id=142)
    assert account.leads[lead].closed_at is not None
    sim.set_responsible(account, lead, manager)
    assert [name for name, _ in settings(amo)] == [
        "status_lead",
        "update_lead",
        "status_lead",
        "update_lead",
        "responsible_lead",
        "update_lead",
    ]
    changed = next(one for one in account.events if one.type == "lead_status_changed")
    assert changed.value_after == [{"lead_status": {"id": second.first_status, "pipeline_id": second.id}}]
    with pytest.raises(KeyError):
        sim.move_lead(account, lead, status_id=1)


@pytest.mark.parametrize("with_links", [True, False])
async def test_a_contact_out_of_the_trash(amo: Any, with_links: bool) -> None:
    amo.switch(restored_contact_links=with_links)
    sim, account = amo.sim, amo.account
    lead = sim.add_lead(account, "Сделка")
    chat, contact = await amo.linked_chat(lead_id=lead)
    sim.add_webhook(account, "http://127.0.0.1:9/hook", *CONTACT_HOOKS)
    sim.delete_contact(account, contact)
    assert sim.contacts_of_lead(account, lead) == {}
    sim.restore_contact(account, contact)
    sim.rename_contact(account, contact, "Анна Сергеевна")
    assert [name for name, _ in settings(amo)] == ["delete_contact", "restore_contact", "update_contact"]
    assert sim.contacts_of_lead(account, lead) == ({contact: True} if with_links else {})
    assert account.chats[chat].contact_id == (contact if with_links else None)
    assert (await amo.rest("GET", f"contacts/{contact}")).json()["name"] == "Анна Сергеевна"


@pytest.mark.parametrize("position", ["kept", "main"])
async def test_pipelines_come_and_go(amo: Any, position: str) -> None:
    amo.switch(deleted_pipeline_source=position)
    sim, account = amo.sim, amo.account
    second = sim.add_pipeline(account, "Опт")
    await amo.rest("POST", "sources", [{"name": "Бот", "external_id": "tgb-1", "pipeline_id": second.id}])
    sim.rename_pipeline(account, second.id, "Оптовые")
    sim.archive_pipeline(account, second.id)
    shown = (await amo.rest("GET", f"leads/pipelines/{second.id}")).json()
    assert (shown["name"], shown["is_archive"]) == ("Оптовые", True)
    sim.archive_pipeline(account, second.id, archived=False)
    with pytest.raises(ValueError, match="main"):
        sim.archive_pipeline(account, account.main_pipeline.id)
    lead = sim.add_lead(account, "Сделка", second.id)
    with pytest.raises(ValueError, match="deals"):
        sim.delete_pipeline(account, second.id)
    sim.delete_lead(account, lead)
    sim.delete_pipeline(account, second.id)
    [source] = sim.sources(account)
    assert source.pipeline_id == (second.id if position == "kept" else account.main_pipeline.id)
    await amo.send(source={"external_id": "tgb-1"})
    assert sim.unsorted(account)[0].pipeline_id == account.main_pipeline.id
    with pytest.raises(ValueError, match="last"):
        sim.delete_pipeline(account, account.main_pipeline.id)
