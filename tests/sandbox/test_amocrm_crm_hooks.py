"""CRM webhooks: their bodies, who gets them, the table of retries, switching off, the faults on their way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st
from quart import Response, request
from quart_trio import QuartTrio
from trio.testing import MockClock

from dealgram.sandbox.amocrm.crm_bodies import encode
from dealgram.sandbox.serve import serve


@dataclass
class Destination:
    """The integration's side: keeps the decoded bodies, answers as told."""

    url: str = ""
    got: list[dict[str, str]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    status: int = 200
    hang: bool = False
    arrived: trio.Event = field(default_factory=trio.Event)

    def app(self) -> QuartTrio:
        app = QuartTrio(__name__)

        @app.post("/hook")
        async def take() -> Response:
            self.types.append(request.headers["Content-Type"])
            self.got.append(dict(parse_qsl((await request.get_data()).decode(), keep_blank_values=True)))
            self.arrived.set()
            if self.hang:
                await trio.sleep_forever()
            return Response(b"", status=self.status)

        return app

    async def wait(self, count: int) -> None:
        while len(self.got) < count:
            self.arrived = trio.Event()
            await self.arrived.wait()


@pytest.fixture
async def hooked(amo: Any, nursery: trio.Nursery) -> AsyncIterator[Destination]:
    found = Destination()
    found.url = f"http://127.0.0.1:{await nursery.start(serve, found.app())}/hook"
    yield found
    nursery.cancel_scope.cancel()


async def subscribe(amo: Any, hooked: Destination, *settings: str) -> None:
    body = {"destination": hooked.url, "settings": list(settings)}
    assert (await amo.rest("POST", "webhooks", body)).status_code == 201


async def told(amo: Any) -> list[str]:
    """Waits until every hook has been tried; the settings in the order of their making."""
    for hook in amo.sim.crm_hooks:
        await hook.tried.wait()
    return [hook.setting for hook in amo.sim.crm_hooks]


async def test_a_new_status_comes_with_the_old_one(amo: Any, hooked: Destination) -> None:
    lead = amo.sim.add_lead(amo.account, "Сайт для кофейни")
    before = amo.account.leads[lead].status_id
    await subscribe(amo, hooked, "status_lead", "update_lead")
    amo.sim.close_lead(amo.account, lead)
    assert await told(amo) == ["status_lead", "update_lead"]
    status, update = hooked.got
    assert hooked.types[0] == "application/x-www-form-urlencoded"
    expected = {
        "id": lead,
        "name": "Сайт для кофейни",
        "status_id": 142,
        "old_status_id": before,
        "pipeline_id": amo.account.main_pipeline.id,
        "old_pipeline_id": amo.account.main_pipeline.id,
        "price": 0,
        "responsible_user_id": amo.account.owner.id,
        "modified_user_id": amo.account.owner.id,
        "last_modified": int(amo.time),
        "date_create": int(amo.time),
        "account_id": amo.account.id,
    }
    for name, value in expected.items():
        assert status[f"leads[status][0][{name}]"] == str(value)
    assert status["account[id]"] == str(amo.account.id)
    assert status["account[subdomain]"] == "romashka"
    assert status["account[_links][self]"] == "https://romashka.amocrm.ru"
    assert update["leads[update][0][id]"] == str(lead)
    assert "leads[update][0][old_status_id]" not in update
    assert [one.statuses for one in amo.sim.crm_hooks] == [[200], [200]]
    amo.sim.assert_clean()


async def test_deals_by_hand(amo: Any, hooked: Destination) -> None:
    await subscribe(amo, hooked, "add_lead", "update_lead", "delete_lead", "restore_lead")
    lead = amo.sim.add_lead(amo.account, "Сделка")
    amo.sim.rename_lead(amo.account, lead, "Другая")
    amo.sim.delete_lead(amo.account, lead)
    amo.sim.restore_lead(amo.account, lead)
    assert await told(amo) == ["add_lead", "update_lead", "delete_lead", "restore_lead"]
    assert hooked.got[1]["leads[update][0][name]"] == "Другая"
    assert hooked.got[2]["leads[delete][0][id]"] == str(lead)
    assert "leads[delete][0][name]" not in hooked.got[2]
    amo.switch(delete_hook="bare")
    amo.sim.delete_lead(amo.account, lead)
    await told(amo)
    assert hooked.got[4]["leads[delete]"] == str(lead)


async def test_changes_by_the_api_are_told_as_well(amo: Any, hooked: Destination) -> None:
    await subscribe(
        amo, hooked, "add_lead", "update_lead", "responsible_lead", "add_contact", "update_contact", "note_lead"
    )
    second = amo.sim.add_user(amo.account, "Пётр")
    created = await amo.rest("POST", "leads", [{"name": "А"}])
    lead = created.json()["_embedded"]["leads"][0]["id"]
    await amo.rest("PATCH", f"leads/{lead}", {"responsible_user_id": second.id})
    contact = (await amo.rest("POST", "contacts", [{"name": "Анна"}])).json()["_embedded"]["contacts"][0]["id"]
    await amo.rest("POST", f"leads/{lead}/link", [{"to_entity_id": contact, "to_entity_type": "contacts"}])
    await amo.rest("POST", f"leads/{lead}/notes", [{"note_type": "common", "params": {"text": "да"}}])
    assert await told(amo) == [
        "add_lead",
        "responsible_lead",
        "update_lead",
        "add_contact",
        "update_lead",
        "update_contact",
        "note_lead",
    ]
    got = hooked.got
    assert got[1]["leads[responsible][0][old_responsible_user_id]"] == str(amo.account.owner.id)
    assert got[3]["contacts[add][0][type]"] == "contact"
    assert got[5][f"contacts[update][0][linked_leads_id][{lead}][ID]"] == str(lead)
    assert got[6]["leads[note][0][note][text]"] == "да"
    assert got[6]["leads[note][0][note][element_id]"] == str(lead)
    amo.switch(link_hooks=False)
    await amo.rest("POST", f"leads/{lead}/unlink", [{"to_entity_id": contact, "to_entity_type": "contacts"}])
    assert len(await told(amo)) == 7
    amo.sim.assert_clean()


async def test_custom_fields_and_contacts(amo: Any, hooked: Destination) -> None:
    await subscribe(amo, hooked, "add_contact", "update_contact", "delete_contact")
    amo.sim.add_contact_field(amo.account, "Telegram ID", "TELEGRAM_ID")
    contact = amo.sim.add_contact(amo.account, "Анна", {"TELEGRAM_ID": "9001"})
    amo.sim.delete_contact(amo.account, contact)
    assert await told(amo) == ["add_contact", "delete_contact"]
    assert hooked.got[0]["contacts[add][0][custom_fields][0][code]"] == "TELEGRAM_ID"
    assert hooked.got[0]["contacts[add][0][custom_fields][0][values][0][value]"] == "9001"
    assert hooked.got[1]["contacts[delete][0][id]"] == str(contact)
    assert hooked.got[1]["contacts[delete][0][type]"] == "contact"


async def test_chat_traffic_makes_talks_and_deals(amo: Any, hooked: Destination) -> None:
    await subscribe(amo, hooked, "add_lead", "add_talk", "update_talk")
    chat, contact = await amo.linked_chat()
    await amo.send()
    amo.sim.answer(amo.account, chat, amo.account.owner, "да")
    assert await told(amo) == ["add_lead", "add_talk", "update_talk"]
    [lead] = amo.account.leads
    talk = hooked.got[1]
    assert talk["talk[add][0][chat_id]"] == chat
    assert talk["talk[add][0][contact_id]"] == str(contact)
    assert (talk["talk[add][0][entity_id]"], talk["talk[add][0][entity_type]"]) == (str(lead), "lead")
    assert (talk["talk[add][0][is_read]"], talk["talk[add][0][is_in_work]"]) == ("", "1")
    assert hooked.got[2]["talk[update][0][is_read]"] == "1"
    amo.switch(talk_entity_type="leads")
    await amo.rest("POST", f"talks/{talk['talk[add][0][talk_id]']}/close")
    await told(amo)
    assert hooked.got[3]["talk[update][0][entity_type]"] == "leads"
    assert hooked.got[3]["talk[update][0][is_in_work]"] == ""


@pytest.mark.parametrize(("position", "setting"), [("add_lead", "add_lead"), ("status_lead", "status_lead")])
async def test_an_accepted_unsorted_becomes_a_deal(amo: Any, hooked: Destination, position: str, setting: str) -> None:
    amo.switch(unsorted_accepted=position)
    amo.sim.add_webhook(
        amo.account,
        hooked.url,
        "add_lead",
        "status_lead",
        "add_contact",
        "add_unsorted",
        "delete_unsorted",
        "add_message",
    )
    await amo.send()
    [unsorted] = amo.sim.unsorted(amo.account)
    lead = amo.sim.accept_unsorted(amo.account, unsorted.uid)
    assert await told(amo) == ["add_unsorted", "add_message", setting, "add_contact", "delete_unsorted"]
    assert hooked.got[0]["unsorted[add][0][uid]"] == unsorted.uid
    assert hooked.got[1]["message[add][0][chat_id]"] == unsorted.chat_uuid
    assert hooked.got[4]["unsorted[delete][0][accept_result][leads][0]"] == str(lead)
    await amo.send(conversation_id="other", sender={"id": "b", "name": "Б"})
    [second] = amo.sim.unsorted(amo.account)
    amo.sim.decline_unsorted(amo.account, second.uid)
    await told(amo)
    assert hooked.got[-1]["unsorted[delete][0][action]"] == "decline"


async def test_what_has_no_documented_name_is_a_switch(amo: Any, hooked: Destination) -> None:
    body = {"destination": hooked.url, "settings": ["add_lead", "add_message"]}
    assert (await amo.rest("POST", "webhooks", body)).status_code == 400
    assert "settings.1" in amo.last_violation()
    amo.switch(unlisted_webhook_events=True)
    assert (await amo.rest("POST", "webhooks", body)).status_code == 201


async def test_only_what_was_subscribed_and_only_in_its_account(amo: Any, hooked: Destination) -> None:
    await subscribe(amo, hooked, "delete_lead")
    stranger = amo.sim.add_account("vasilek", "Василёк")
    lead, foreign = amo.sim.add_lead(amo.account, "А"), amo.sim.add_lead(stranger, "Б")
    amo.sim.delete_lead(stranger, foreign)
    amo.sim.delete_lead(amo.account, lead)
    assert await told(amo) == ["delete_lead"]
    await amo.rest("DELETE", "webhooks", {"destination": hooked.url})
    amo.sim.restore_lead(amo.account, lead)
    amo.sim.delete_lead(amo.account, lead)
    assert len(amo.sim.crm_hooks) == 1


async def next_attempt(amo: Any, hooked: Destination, clock: MockClock, seconds: float) -> None:
    """Lets the time of the table pass: not a second earlier is anything sent."""
    await trio.testing.wait_all_tasks_blocked(0.02)
    count = len(hooked.got)
    clock.jump(seconds - 1)
    await trio.testing.wait_all_tasks_blocked(0.02)
    assert len(hooked.got) == count
    clock.jump(1)
    await hooked.wait(count + 1)


async def test_the_table_of_retries_after_server_errors(amo: Any, hooked: Destination, mock_clock: MockClock) -> None:
    hooked.status = 500
    await subscribe(amo, hooked, "add_lead")
    amo.sim.add_lead(amo.account, "А")
    await hooked.wait(1)
    for seconds in (300, 900, 900, 3600):
        assert amo.sim.crm_hooks[0].outcome == "waiting"
        await next_attempt(amo, hooked, mock_clock, seconds)
    [hook] = amo.sim.crm_hooks
    await hook.done.wait()
    assert (hook.outcome, hook.statuses) == ("given_up", [500] * 5)
    assert amo.sim.crm_hooks_pending == amo.sim.crm_hooks_retrying == 0
    assert all(one == hooked.got[0] for one in hooked.got)
    amo.sim.assert_clean()


@pytest.mark.parametrize("status", [302, 404])
async def test_other_refusals_are_tried_three_times(
    amo: Any, hooked: Destination, mock_clock: MockClock, status: int
) -> None:
    hooked.status = status
    await subscribe(amo, hooked, "add_lead")
    amo.sim.add_lead(amo.account, "А")
    await hooked.wait(1)
    for seconds in (300, 900):
        await next_attempt(amo, hooked, mock_clock, seconds)
    await amo.sim.crm_hooks[0].done.wait()
    assert (amo.sim.crm_hooks[0].outcome, amo.sim.crm_hooks[0].statuses) == ("given_up", [status] * 3)


async def test_no_answer_within_two_seconds_counts_as_none(
    amo: Any, hooked: Destination, mock_clock: MockClock
) -> None:
    hooked.hang = True
    await subscribe(amo, hooked, "add_lead")
    amo.sim.add_lead(amo.account, "А")
    await hooked.wait(1)
    mock_clock.jump(2)
    [hook] = amo.sim.crm_hooks
    await hook.tried.wait()
    assert hook.statuses == [0]
    hooked.hang = False
    await next_attempt(amo, hooked, mock_clock, 300)
    await hook.done.wait()
    assert (hook.outcome, hook.statuses) == ("delivered", [0, 200])


async def test_too_many_failures_switch_a_webhook_off(amo: Any, hooked: Destination, mock_clock: MockClock) -> None:
    hooked.status = 404
    await subscribe(amo, hooked, "add_lead")
    webhook = amo.account.webhooks[hooked.url]
    for _ in range(100):
        amo.sim.add_lead(amo.account, "А")
    await told(amo)
    assert not webhook.disabled
    amo.sim.add_lead(amo.account, "А")
    await told(amo)
    assert webhook.disabled
    shown = await amo.rest("GET", "webhooks")
    assert shown.json()["_embedded"]["webhooks"][0]["disabled"] is True
    amo.sim.add_lead(amo.account, "незамеченная")
    assert len(amo.sim.crm_hooks) == 101
    mock_clock.jump(300)
    for hook in amo.sim.crm_hooks:
        await hook.done.wait()
    assert {hook.outcome for hook in amo.sim.crm_hooks} == {"disabled", "given_up"}


async def test_who_switches_a_webhook_on_again(amo: Any, hooked: Destination) -> None:
    await subscribe(amo, hooked, "add_lead")
    webhook = amo.account.webhooks[hooked.url]
    webhook.disabled = True
    await subscribe(amo, hooked, "add_lead")
    assert webhook.disabled
    amo.switch(repost_enables_webhook=True)
    await subscribe(amo, hooked, "add_lead")
    assert not webhook.disabled
    webhook.disabled = True
    amo.sim.enable_webhook(amo.account, hooked.url)
    assert not webhook.disabled


async def test_failures_of_long_ago_do_not_count(amo: Any, hooked: Destination, mock_clock: MockClock) -> None:
    amo.switch(crm_hook_retries_s=())
    hooked.status = 404
    await subscribe(amo, hooked, "add_lead")
    for _ in range(100):
        amo.sim.add_lead(amo.account, "А")
    await told(amo)
    mock_clock.jump(7201)
    amo.sim.add_lead(amo.account, "А")
    await told(amo)
    assert not amo.account.webhooks[hooked.url].disabled


async def test_lost_doubled_overtaken_and_late(amo: Any, hooked: Destination, mock_clock: MockClock) -> None:
    await subscribe(amo, hooked, "add_lead")
    faults = amo.sim.crm_hook_faults
    faults.drop()
    amo.sim.add_lead(amo.account, "потеряна")
    faults.duplicate(when=lambda hook: "%D0%B4%D0%B2" in hook.body.decode())
    amo.sim.add_lead(amo.account, "дважды")
    await hooked.wait(2)
    faults.reorder()
    amo.sim.add_lead(amo.account, "первая")
    amo.sim.add_lead(amo.account, "вторая")
    await hooked.wait(4)
    faults.delay(60)
    amo.sim.add_lead(amo.account, "долгая")
    amo.sim.add_lead(amo.account, "быстрая")
    await hooked.wait(5)
    await trio.testing.wait_all_tasks_blocked(0.02)
    assert amo.sim.crm_hooks_pending == 1
    mock_clock.jump(60)
    await hooked.wait(6)
    names = [one["leads[add][0][name]"] for one in hooked.got]
    assert names == ["дважды", "дважды", "вторая", "первая", "быстрая", "долгая"]
    assert amo.sim.crm_hooks[0].outcome == "dropped"


@pytest.mark.parametrize("position", ["kept", "removed"])
async def test_webhooks_of_a_removed_integration_are_a_switch(amo: Any, hooked: Destination, position: str) -> None:
    amo.switch(webhooks_after_uninstall=position)
    await subscribe(amo, hooked, "add_lead")
    amo.sim.uninstall(amo.account)
    amo.sim.add_lead(amo.account, "А")
    assert len(await told(amo)) == (1 if position == "kept" else 0)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=8,
)


def leaves(value: Any) -> list[str]:
    """What a body says, in its order, without its names."""
    if isinstance(value, dict):
        return [one for inner in value.values() for one in leaves(inner)]
    if isinstance(value, list):
        return [one for inner in value for one in leaves(inner)]
    if value is None:
        return []
    return [("1" if value else "") if isinstance(value, bool) else str(value)]


@given(st.dictionaries(st.text("xyz", min_size=1, max_size=3), VALUES, max_size=3))
def test_every_value_of_a_body_is_found_again_under_a_name_of_its_own(body: dict[str, Any]) -> None:
    pairs = parse_qsl(encode(body).decode("ascii"), keep_blank_values=True)
    assert [value for _, value in pairs] == leaves(body)
    assert len({name for name, _ in pairs}) == len(pairs)
