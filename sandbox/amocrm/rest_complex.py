"""REST: deals together with their contact (amoCRM contract §12), the only adding call under duplication control.

Deals of forms and telephony (`metadata`) and companies are not simulated. The answer is a plain array.
"""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm import chronicle, duplicates
from dealgram.sandbox.amocrm.answers import Answer, hal
from dealgram.sandbox.amocrm.records import SimContact, SimLead
from dealgram.sandbox.amocrm.rest import RestCall, bulk, route
from dealgram.sandbox.amocrm.rest_contacts import contact_problems, full_name, new_contact_fields
from dealgram.sandbox.amocrm.rest_leads import lead_problems, new_lead, new_lead_fields, pipeline_of
from dealgram.sandbox.amocrm.rest_values import TAGS, take_tags, take_values
from dealgram.sandbox.amocrm.shapes import BAD_VALUE, Check, Problem, Shape, integer, items, text

MOST_AT_ONCE = 50
_MOST_VALUES = 40
_CONTACT: Check = Shape(optional={"id": integer(), **new_contact_fields()})
_SOURCE = Shape({"external_id": text(least=1)}, {"type": text(one_of=("widget",))})
_NEW = Shape(
    optional={
        **new_lead_fields(),
        "_embedded": Shape(optional={"tags": TAGS, "contacts": items(_CONTACT, most=1), "source": _SOURCE}),
    }
)


def _contact_of(body: dict[str, Any]) -> dict[str, Any] | None:
    return next(iter(body.get("_embedded", {}).get("contacts", [])), None)


def _rules(call: RestCall, body: dict[str, Any]) -> list[Problem]:
    given = _contact_of(body)
    embedded = {**body.get("_embedded", {})}
    embedded["contacts"] = [given] if given is not None and "id" in given else []
    problems = lead_problems(call.account, {**body, "_embedded": embedded}, None)
    if given is not None and "id" not in given:
        problems += contact_problems(call.account, given)
    for path, one in (("", body), ("_embedded.contacts.0.", given or {})):
        if len(one.get("custom_fields_values") or ()) > _MOST_VALUES:
            problems.append(Problem(BAD_VALUE, f"{path}custom_fields_values", f"more than {_MOST_VALUES} fields"))
    return problems


def _duplicates(call: RestCall, body: dict[str, Any], given: dict[str, Any] | None) -> list[SimLead]:
    if given is None or "id" in given:
        return []
    filled: dict[int, list[dict[str, Any]]] = {}
    take_values(call.account, "contacts", filled, given.get("custom_fields_values"))
    values = {number: [str(one.get("value")) for one in listed] for number, listed in filled.items()}
    found = duplicates.by_values(call.account, pipeline_of(call.account, body), values)
    several = call.world.switches.several_duplicates
    if len(found) > 1 and several == "new":
        return []
    return found if several == "all" else found[:1]


def _create(call: RestCall) -> Answer:
    account = call.account

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        given = _contact_of(body)
        found = _duplicates(call, body, given)
        for lead in found:
            _merge(call, lead, body, given or {})
        if found:
            lead = found[0]
            contact_id = next((number for number, is_main in lead.contacts.items() if is_main), None)
        else:
            contact = None if given is None else _take_contact(call, given)
            lead = new_lead(call, body)
            contact_id = contact.id if contact is not None else None
            if contact is not None:
                account.link(lead, contact)
            chronicle.lead_added(call.world, account, lead, lead.created_by)
        answer = {"id": lead.id, "contact_id": contact_id, "company_id": None}
        return {**answer, "request_id": [request_id], "merged": bool(found)}

    done = bulk(call, _NEW, lambda body: _rules(call, body), apply, most=MOST_AT_ONCE)
    return hal(done)


def _take_contact(call: RestCall, given: dict[str, Any]) -> SimContact:
    account = call.account
    if "id" in given:
        return account.contacts[given["id"]]
    contact = account.add_contact(
        name=full_name(given, ""),
        now=call.world.now(),
        first_name=given.get("first_name", ""),
        last_name=given.get("last_name", ""),
        created_by=given.get("created_by", call.user.id),
        searchable_at=call.world.now() + call.world.switches.search_lag_s,
    )
    take_values(account, "contacts", contact.values, given.get("custom_fields_values"))
    take_tags(call, "contacts", contact.tags, given)
    account.index(contact)
    chronicle.contact_added(call.world, account, contact, contact.created_by)
    return contact


def _merge(call: RestCall, lead: SimLead, body: dict[str, Any], given: dict[str, Any]) -> None:
    """Into a deal that exists; whose values win is a setting of the pipeline, here a switch."""
    account, was = call.account, chronicle.before(lead)
    if call.world.switches.duplicate_conflict == "update":
        for name in ("name", "price"):
            if name in body:
                setattr(lead, name, body[name])
        take_values(account, "leads", lead.values, body.get("custom_fields_values"))
        contact = account.contacts[next(number for number, is_main in lead.contacts.items() if is_main)]
        before = chronicle.before(contact)
        take_values(account, "contacts", contact.values, given.get("custom_fields_values"))
        account.index(contact)
        chronicle.contact_changed(call.world, account, contact, before, call.user.id)
    chronicle.lead_changed(call.world, account, lead, was, call.user.id)


ROUTES = (route("POST leads/complex", "leads.complex", _create),)
