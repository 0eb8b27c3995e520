"""Which deal shows what: unsorted, new deals, talks, the chat selector, delayed visibility."""

from __future__ import annotations

from typing import Any

import trio

BOT = "b0b0b0b0-0000-4000-8000-000000000000"


def texts(amo: Any, lead_id: int) -> list[str]:
    return [one.text for one in amo.sim.feed(amo.account, lead_id)]


async def source(amo: Any, external_id: str, pipeline_id: int, **more: Any) -> int:
    body = [{"name": external_id, "external_id": external_id, "pipeline_id": pipeline_id, **more}]
    answer = await amo.rest("POST", "sources", body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["_embedded"]["sources"][0]["id"])


async def say(amo: Any, text: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = await amo.send(message={"type": "text", "text": text}, **more)
    return made


async def test_an_unknown_chat_makes_one_unsorted_in_the_pipeline_of_its_source(amo: Any) -> None:
    pipeline = amo.sim.add_pipeline(amo.account, "Опт")
    await source(amo, "tgb-1", pipeline.id)
    profile = {"id": "tgu-9001", "name": "Анна", "profile": {"phone": "+79150000000", "email": "a@example.com"}}
    await say(amo, "тихо", silent=True, source={"external_id": "tgb-1"}, sender=profile)
    assert amo.sim.unsorted(amo.account) == []
    await say(amo, "раз", source={"external_id": "tgb-1"}, sender=profile)
    await say(amo, "два", sender=profile)
    [unsorted] = amo.sim.unsorted(amo.account)
    assert unsorted.pipeline_id == pipeline.id
    lead = amo.account.leads[unsorted.lead_id]
    assert lead.status_id == pipeline.unsorted_status
    assert texts(amo, lead.id) == ["тихо", "раз", "два"]
    assert amo.sim.contact_value(amo.account, unsorted.contact_id, "PHONE") == "+79150000000"
    assert (await amo.rest("GET", f"contacts/{unsorted.contact_id}")).status_code == 204
    chat = amo.sim.chat(amo.account, "p1-9001").uuid
    found = await amo.rest("GET", f"contacts/chats?chat_id[]={chat}")
    assert found.json()["_embedded"]["chats"][0]["contact_id"] == unsorted.contact_id


async def test_unknown_source_falls_to_the_default_then_to_the_main_pipeline(amo: Any) -> None:
    pipeline = amo.sim.add_pipeline(amo.account, "Опт")
    await say(amo, "а", conversation_id="c1", source={"external_id": "gone"})
    source_id = await source(amo, "tgb-1", pipeline.id, default=True)
    await say(amo, "б", conversation_id="c2", source={"external_id": "gone"})
    assert [one.pipeline_id for one in amo.sim.unsorted(amo.account)] == [amo.account.main_pipeline.id, pipeline.id]
    amo.sim.delete_source(amo.account, source_id)
    await say(amo, "в", conversation_id="c3")
    assert amo.sim.unsorted(amo.account)[-1].pipeline_id == amo.account.main_pipeline.id


async def test_the_unsorted_is_accepted_declined_or_linked(amo: Any) -> None:
    for name in ("c1", "c2", "c3"):
        await say(amo, name, conversation_id=name, sender={"id": name, "name": name})
    listed = (await amo.rest("GET", "leads/unsorted?filter[category][]=chats")).json()["_embedded"]["unsorted"]
    assert [one["metadata"]["last_message_text"] for one in listed] == ["c1", "c2", "c3"]
    assert listed[0]["metadata"]["origin"]["chat_id"] == amo.sim.chat(amo.account, "c1").uuid
    assert (await amo.rest("GET", "leads/unsorted?filter[category][]=mail")).status_code == 204
    uids = [one["uid"] for one in listed]
    assert (await amo.rest("GET", f"leads/unsorted/{uids[0]}")).json()["uid"] == uids[0]

    accepted = await amo.rest("POST", f"leads/unsorted/{uids[0]}/accept", {"user_id": amo.account.owner.id})
    assert accepted.status_code == 200
    lead_id = accepted.json()["_embedded"]["leads"][0]["id"]
    contact_id = accepted.json()["_embedded"]["contacts"][0]["id"]
    assert (await amo.rest("GET", f"contacts/{contact_id}")).status_code == 200
    assert (await amo.rest("GET", f"leads/{lead_id}")).json()["status_id"] == amo.account.main_pipeline.first_status
    await say(amo, "дальше", conversation_id="c1")
    assert texts(amo, lead_id) == ["c1", "дальше"]

    declined = await amo.rest("DELETE", f"leads/unsorted/{uids[1]}/decline")
    assert declined.status_code == 200
    assert (await amo.rest("GET", f"leads/{declined.json()['_embedded']['leads'][0]['id']}")).status_code == 204
    await say(amo, "снова", conversation_id="c2")
    assert len(amo.sim.unsorted(amo.account)) == 2

    target = amo.sim.add_lead(amo.account, "Готовая сделка")
    link = {"link": {"entity_id": target, "entity_type": "leads"}}
    linked = await amo.rest("POST", f"leads/unsorted/{uids[2]}/link", link)
    assert linked.json()["_embedded"]["leads"][0]["id"] == target
    await say(amo, "ещё", conversation_id="c3")
    assert texts(amo, target) == ["c3", "ещё"]
    assert [one.conversation for one in amo.sim.chats_of_lead(amo.account, target)] == ["c3"]

    for path, body in [
        (f"leads/unsorted/{uids[2]}/accept", {}),
        (f"leads/unsorted/{uids[2]}/link", link),
    ]:
        assert (await amo.rest("POST", path, body)).status_code == 404
    rest = amo.sim.unsorted(amo.account)[0].uid
    for wrong in ({"status_id": 1}, {"user_id": 1}, {"user_id": "1"}):
        assert (await amo.rest("POST", f"leads/unsorted/{rest}/accept", wrong)).status_code == 400
    foreign = {"link": {"entity_id": 1, "entity_type": "leads"}}
    assert (await amo.rest("POST", f"leads/unsorted/{rest}/link", foreign)).status_code == 400


async def test_people_settle_the_unsorted_too(amo: Any) -> None:
    for name in ("c1", "c2", "c3"):
        await say(amo, name, conversation_id=name, sender={"id": name, "name": name})
    first, second, third = (one.uid for one in amo.sim.unsorted(amo.account))
    lead_id = amo.sim.accept_unsorted(amo.account, first)
    assert amo.account.leads[lead_id].is_open
    amo.sim.decline_unsorted(amo.account, second)
    contact = amo.sim.add_contact(amo.account, "Анна")
    amo.sim.link_unsorted(amo.account, third, lead_id, contact)
    assert amo.sim.unsorted(amo.account) == []
    assert texts(amo, lead_id) == ["c1", "c3"]
    assert contact in amo.sim.contacts_of_lead(amo.account, lead_id)


async def test_a_contact_without_open_deals_gets_a_new_one(amo: Any) -> None:
    pipeline = amo.sim.add_pipeline(amo.account, "Опт")
    await source(amo, "tgb-1", pipeline.id)
    old = amo.sim.add_lead(amo.account, "Старая")
    await amo.linked_chat(lead_id=old)
    amo.sim.close_lead(amo.account, old)
    await say(amo, "тихо", silent=True)
    assert set(amo.account.leads) == {old}
    await say(amo, "раз", source={"external_id": "tgb-1"})
    [new] = set(amo.account.leads) - {old}
    assert amo.account.leads[new].pipeline_id == pipeline.id
    assert amo.account.leads[new].status_id == pipeline.first_status
    assert texts(amo, old) == []
    assert texts(amo, new) == ["тихо", "раз"]
    amo.sim.delete_lead(amo.account, new)
    await say(amo, "два")
    assert len(amo.account.leads) == 3
    assert amo.sim.unsorted(amo.account) == []


async def test_a_talk_belongs_to_the_deal_that_was_linked_last(amo: Any) -> None:
    first, second = amo.sim.add_lead(amo.account, "Первая"), amo.sim.add_lead(amo.account, "Вторая")
    chat, contact = await amo.linked_chat(lead_id=second)
    amo.sim.link(amo.account, first, contact)
    await say(amo, "раз")
    assert (texts(amo, first), texts(amo, second)) == (["раз"], [])
    amo.sim.unlink(amo.account, second, contact)
    amo.sim.link(amo.account, second, contact)
    await say(amo, "два")
    assert (texts(amo, first), texts(amo, second)) == (["раз", "два"], [])
    amo.sim.close_lead(amo.account, first)
    await say(amo, "три")
    assert (texts(amo, first), texts(amo, second)) == (["раз", "два"], ["три"])
    talk = await amo.rest("GET", f"talks/{amo.sim.chat(amo.account, 'p1-9001').talk.id}")
    shown = talk.json()
    assert (shown["entity_id"], shown["entity_type"], shown["chat_id"]) == (second, "lead", chat)
    assert shown["_embedded"]["contacts"][0]["id"] == contact


async def test_every_open_deal_shows_a_chat_by_the_switch(amo: Any) -> None:
    first, second = amo.sim.add_lead(amo.account, "Первая"), amo.sim.add_lead(amo.account, "Вторая")
    _, contact = await amo.linked_chat(lead_id=first)
    amo.sim.link(amo.account, second, contact)
    await say(amo, "раз")
    assert (texts(amo, first), texts(amo, second)) == ([], ["раз"])
    amo.switch(chat_lead="every_lead")
    assert (texts(amo, first), texts(amo, second)) == (["раз"], ["раз"])
    amo.sim.close_lead(amo.account, first)
    amo.time += 60
    await say(amo, "два")
    assert (texts(amo, first), texts(amo, second)) == (["раз"], ["раз", "два"])


async def test_relinking_a_chat_moves_it(amo: Any) -> None:
    first, second = amo.sim.add_lead(amo.account, "Первая"), amo.sim.add_lead(amo.account, "Вторая")
    chat, contact = await amo.linked_chat(lead_id=first)
    await say(amo, "раз")
    other = amo.sim.add_contact(amo.account, "Олег")
    amo.sim.link(amo.account, second, other)
    before = (await amo.rest("GET", f"contacts/chats?contact_id={contact}")).json()["_embedded"]["chats"][0]["id"]
    again = await amo.rest("POST", "contacts/chats", [{"chat_id": chat, "contact_id": contact}])
    assert again.json()["_embedded"]["chats"][0]["id"] == before
    moved = await amo.rest("POST", "contacts/chats", [{"chat_id": chat, "contact_id": other, "request_id": "r"}])
    assert moved.json() == {
        "_total_items": 1,
        "_embedded": {"chats": [{"chat_id": chat, "contact_id": other, "id": before + 1, "request_id": "r"}]},
    }
    assert (await amo.rest("GET", f"contacts/chats?contact_id={contact}")).status_code == 204
    await say(amo, "два")
    assert (texts(amo, first), texts(amo, second)) == (["раз"], ["два"])


async def test_the_chat_selector(amo: Any) -> None:
    await source(amo, "tgb-1", amo.account.main_pipeline.id)
    lead = amo.sim.add_lead(amo.account, "Сделка")
    quiet, _ = await amo.linked_chat("quiet", lead_id=lead)
    _, contact = await amo.linked_chat("g1-d1", lead_id=lead)
    group = {"id": "tgg-1", "name": "Стройка (Бот)"}
    other = await amo.open_chat("g1-d1-u2", user=group, source={"external_id": "tgb-1"})
    amo.sim.link_chat(amo.account, other, contact)
    await say(amo, "раз", conversation_id="g1-d1", silent=True)
    amo.time += 1
    await say(amo, "два", conversation_id="g1-d1-u2", silent=True, sender=group)
    options = amo.sim.chats_of_lead(amo.account, lead)
    assert [(one.conversation, one.name, one.source_name) for one in options] == [
        ("g1-d1-u2", "Стройка (Бот)", "tgb-1"),
        ("g1-d1", "Анна", ""),
    ]
    assert quiet not in [one.chat_uuid for one in options]
    amo.sim.unlink(amo.account, lead, contact)
    assert amo.sim.chats_of_lead(amo.account, lead) == []


async def test_an_answer_from_a_card_binds_an_unbound_talk_to_that_card(amo: Any) -> None:
    first, second = amo.sim.add_lead(amo.account, "Первая"), amo.sim.add_lead(amo.account, "Вторая")
    chat, contact = await amo.linked_chat(lead_id=first)
    amo.sim.link(amo.account, second, contact)
    amo.sim.answer(amo.account, chat, amo.account.owner, "пишу первым", lead_id=first)
    await say(amo, "ответ клиента")
    assert (texts(amo, first), texts(amo, second)) == (["пишу первым", "ответ клиента"], [])


async def test_an_outgoing_import_makes_an_unsorted_only_by_the_switch(amo: Any) -> None:
    out = {"sender": {"id": "bot", "name": "Бот", "ref_id": BOT}, "receiver": {"id": "tgu-9001", "name": "Анна"}}
    await say(amo, "раз", **out)
    assert amo.sim.unsorted(amo.account) == []
    amo.switch(outgoing_unsorted=True)
    await say(amo, "два", **out)
    assert len(amo.sim.unsorted(amo.account)) == 1
    assert texts(amo, amo.sim.unsorted(amo.account)[0].lead_id) == ["раз", "два"]


async def test_a_card_shows_a_day_before_the_deal(amo: Any) -> None:
    lead = amo.sim.add_lead(amo.account, "Сделка")
    await amo.linked_chat(lead_id=lead)
    for age, text in [(90_000, "давно"), (80_000, "вчера"), (0, "сейчас")]:
        at = int(amo.time) - age
        await say(amo, text, timestamp=at, msec_timestamp=at * 1000, silent=True)
    assert texts(amo, lead) == ["вчера", "сейчас"]
    amo.switch(history_window_s=None)
    assert texts(amo, lead) == ["давно", "вчера", "сейчас"]
    arrivals = [one.arrival for one in amo.sim.feed(amo.account, lead)]
    assert arrivals == sorted(arrivals)


async def test_a_new_name_reaches_the_contact_only_by_the_switch(amo: Any) -> None:
    _, contact = await amo.linked_chat()
    await say(amo, "раз", sender={"id": "tgu-9001", "name": "Анна К."})
    assert amo.account.contacts[contact].name == "Анна"
    amo.switch(sender_renames_contact=True)
    await say(amo, "два", sender={"id": "tgu-9001", "name": "Анна К."})
    assert amo.account.contacts[contact].name == "Анна К."


async def test_a_message_becomes_visible_later_by_the_switch(amo: Any) -> None:
    amo.switch(visibility_delay_s=0.05)
    with amo.sim.subscribe() as changes:
        made = await say(amo, "раз", msgid="late")
        again = await say(amo, "раз", msgid="late")
        assert again == made
        chat = amo.sim.chat(amo.account, "p1-9001").uuid
        assert amo.sim.history(amo.account, chat) == []
        assert amo.sim.unsorted(amo.account) == []
        react = {"conversation_id": "p1-9001", "msgid": "late", "user": {"id": "a"}, "type": "unreact"}
        assert (await amo.signed("POST", f"{amo.scope}/react", react)).status_code == 404
        with trio.fail_after(5):
            async for change in changes:
                if change.kind == "message":
                    break
    assert [one.text for one in amo.sim.history(amo.account, chat)] == ["раз"]
    assert len(amo.sim.unsorted(amo.account)) == 1


async def test_events_have_a_bounded_buffer(amo: Any) -> None:
    with amo.sim.subscribe(size=2) as changes:
        leads = [amo.sim.add_lead(amo.account, str(number)) for number in range(4)]
        assert (await anext(changes)).kind == "overflow"
        assert [(await anext(changes)).lead_id for _ in range(2)] == leads[2:]
    amo.sim.add_lead(amo.account, "незамеченная")
    assert amo.sim.world.events._watchers == []


async def test_deleting_a_contact_frees_its_chats(amo: Any) -> None:
    lead = amo.sim.add_lead(amo.account, "Сделка")
    _, contact = await amo.linked_chat(lead_id=lead)
    await say(amo, "раз")
    amo.sim.delete_contact(amo.account, contact)
    assert (await amo.rest("GET", f"contacts/{contact}")).status_code == 204
    await say(amo, "два")
    assert len(amo.sim.unsorted(amo.account)) == 1
    assert texts(amo, lead) == ["раз"]


async def test_closing_a_talk(amo: Any) -> None:
    lead = amo.sim.add_lead(amo.account, "Сделка")
    await amo.linked_chat(lead_id=lead)
    await say(amo, "раз")
    talk = amo.sim.chat(amo.account, "p1-9001").talk.id
    answer = await amo.rest("POST", f"talks/{talk}/close", {"force_close": True})
    assert (answer.status_code, answer.content) == (202, b"")
    assert (await amo.rest("POST", f"talks/{talk}/close")).status_code == 422
    assert (await amo.rest("GET", f"talks/{talk}")).json()["is_in_work"] is False
    assert (await amo.rest("GET", "talks/1")).status_code == 404
    await say(amo, "два")
    assert amo.sim.chat(amo.account, "p1-9001").talk.id == talk + 1
    assert texts(amo, lead) == ["раз", "два"]
