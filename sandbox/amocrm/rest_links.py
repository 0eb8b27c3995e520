"""REST: links between entities (amoCRM contract §12). A deal and a contact are linked from the deal's side only."""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm import chronicle
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, Refused, hal, refuse
from dealgram.sandbox.amocrm.records import SimLead
from dealgram.sandbox.amocrm.rest import RestCall, bulk, route
from dealgram.sandbox.amocrm.shapes import (
    BAD_CHOICE,
    MISSING,
    Check,
    Problem,
    Shape,
    boolean,
    integer,
    nullable,
    number,
    text,
)

_TYPES = ("leads", "contacts", "companies", "customers", "catalog_elements")
_METADATA = Shape(
    optional={
        "is_main": boolean,
        "quantity": number,
        "catalog_id": integer(),
        "updated_by": integer(),
        "price_id": nullable(integer()),
    }
)
_TO: dict[str, Check] = {"to_entity_id": integer(), "to_entity_type": text(one_of=_TYPES)}
_ONE = Shape(_TO, {"metadata": nullable(_METADATA)})
_MANY = Shape({"entity_id": integer(), **_TO}, {"metadata": nullable(_METADATA)})


def _lead_of(call: RestCall, body: dict[str, Any]) -> SimLead | None:
    return call.account.lead(call.numbers[0] if call.numbers else body["entity_id"])


def _rules(call: RestCall, body: dict[str, Any], *, is_linking: bool) -> list[Problem]:
    if body["to_entity_type"] != "contacts":
        return [Problem(BAD_CHOICE, "to_entity_type", "the sandbox links deals with contacts only")]
    problems: list[Problem] = []
    lead = _lead_of(call, body)
    if lead is None:
        problems.append(Problem(BAD_CHOICE, "entity_id", "no such deal"))
    if call.account.contact(body["to_entity_id"]) is None:
        problems.append(Problem(BAD_CHOICE, "to_entity_id", "no such contact"))
    most = call.world.switches.contacts_per_lead
    is_new = lead is not None and body["to_entity_id"] not in lead.contacts
    if is_linking and lead is not None and is_new and most is not None and len(lead.contacts) >= most:
        problems.append(Problem("330", "to_entity_id", "the deal has too many contacts"))
    return problems


def _link(call: RestCall) -> Answer:
    account = call.account

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        lead = account.leads[call.numbers[0] if call.numbers else body["entity_id"]]
        contact = account.contacts[body["to_entity_id"]]
        is_new = contact.id not in lead.contacts
        account.link(
            lead,
            contact,
            main=(body.get("metadata") or {}).get("is_main"),
            refresh=call.world.switches.repeated_link == "refreshes",
        )
        if is_new:
            chronicle.linked(call.world, account, lead, contact, call.user.id)
        else:
            call.world.events.publish("link", account_id=account.id, lead_id=lead.id)
        return {"entity_id": lead.id, "entity_type": "leads", **_show(lead, contact.id)}

    shape = _ONE if call.numbers else _MANY
    done = bulk(call, shape, lambda body: _rules(call, body, is_linking=True), apply)
    path = f"leads/{call.numbers[0]}/links" if call.numbers else "leads/links"
    return hal({"_total_items": len(done), "_links": call.href(path), "_embedded": {"links": done}})


def _unlink(call: RestCall) -> Answer:
    account = call.account

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        lead = account.leads[call.numbers[0] if call.numbers else body["entity_id"]]
        contact = account.contacts[body["to_entity_id"]]
        if contact.id in lead.contacts:
            account.unlink(lead, contact)
            chronicle.unlinked(call.world, account, lead, contact, call.user.id)
        return {}

    bulk(call, _ONE if call.numbers else _MANY, lambda body: _rules(call, body, is_linking=False), apply)
    return NO_CONTENT


def _show(lead: SimLead, contact_id: int) -> dict[str, Any]:
    metadata = {"main_contact": lead.contacts[contact_id]}
    return {"to_entity_id": contact_id, "to_entity_type": "contacts", "metadata": metadata}


def _links_of(account: SimAccount, lead: SimLead) -> list[dict[str, Any]]:
    return [_show(lead, contact_id) for contact_id in lead.contacts if account.contact(contact_id) is not None]


def _list_one(call: RestCall) -> Answer:
    lead = call.account.lead(call.numbers[0])
    if lead is None:
        return NO_CONTENT
    shown = _links_of(call.account, lead)
    wanted = call.strings("filter[to_entity_type]")
    if wanted and "contacts" not in wanted:
        shown = []
    links = call.href(f"leads/{lead.id}/links")
    return hal({"_total_items": len(shown), "_links": links, "_embedded": {"links": shown}})


def _list_many(call: RestCall) -> Answer:
    wanted = call.integers("filter[entity_id]")
    if not wanted:
        problem = Problem(MISSING, "filter.entity_id", "the filter is required")
        raise refuse(400, "Request validation failed", errors=[("0", [problem])])
    shown = [
        {"entity_id": lead.id, "entity_type": "leads", **one}
        for lead_id in wanted
        if (lead := call.account.lead(lead_id)) is not None
        for one in _links_of(call.account, lead)
    ]
    return hal({"_total_items": len(shown), "_links": call.href("leads/links"), "_embedded": {"links": shown}})


def _from_contact(call: RestCall) -> Answer:
    raise _wrong_side()


def _wrong_side() -> Refused:
    problem = Problem(BAD_CHOICE, "to_entity_type", "a deal and a contact are linked from the deal's side only")
    return refuse(400, "Request validation failed", errors=[("0", [problem])])


_FILTERS = ("filter[to_entity_id]", "filter[to_entity_type]", "page", "limit")
ROUTES = (
    route("GET leads/{id}/links", "leads.links", _list_one, query=_FILTERS),
    route("GET leads/links", "leads.links", _list_many, query=("filter[entity_id]", *_FILTERS)),
    route("POST leads/{id}/link", "leads.link", _link),
    route("POST leads/link", "leads.link", _link),
    route("POST leads/{id}/unlink", "leads.unlink", _unlink),
    route("POST leads/unlink", "leads.unlink", _unlink),
    route("POST contacts/{id}/link", "contacts.link", _from_contact),
    route("POST contacts/{id}/unlink", "contacts.link", _from_contact),
    route("POST contacts/link", "contacts.link", _from_contact),
    route("POST contacts/unlink", "contacts.link", _from_contact),
)
