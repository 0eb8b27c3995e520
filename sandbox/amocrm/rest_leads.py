"""REST: deals (amoCRM contract §12). A deleted deal and a deal of another account are answered as not found: 204."""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm import chronicle
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal, refuse
from dealgram.sandbox.amocrm.records import SimLead, SimPipeline, SimSource
from dealgram.sandbox.amocrm.rest import RestCall, bulk, page, route, single_or_bulk
from dealgram.sandbox.amocrm.rest_values import (
    TAGS,
    VALUES,
    show_tags,
    show_values,
    tag_fields,
    tag_problems,
    take_tags,
    take_values,
    value_problems,
)
from dealgram.sandbox.amocrm.shapes import BAD_CHOICE, Check, Problem, Shape, boolean, integer, items, nullable, text

_CONTACT = Shape({"id": integer()}, {"is_main": boolean})
_SOURCE = Shape({"external_id": text(least=1)}, {"type": text(one_of=("widget",))})
_FIELDS: dict[str, Check] = {
    "name": text(),
    "price": integer(),
    "status_id": integer(),
    "pipeline_id": integer(),
    "created_by": integer(),
    "updated_by": integer(),
    "created_at": integer(),
    "updated_at": integer(),
    "closed_at": nullable(integer()),
    "loss_reason_id": nullable(integer()),
    "responsible_user_id": integer(),
    "custom_fields_values": VALUES,
    "request_id": text(),
}
_CHANGED = Shape(
    {"id": integer()},
    {**_FIELDS, **tag_fields(may_delete=True), "_embedded": Shape(optional={"tags": TAGS})},
)


def new_lead_fields() -> dict[str, Check]:
    """The fields of a new deal but for what is embedded in it."""
    return {**_FIELDS, **tag_fields(may_delete=False)}


_NEW = Shape(
    optional={
        **new_lead_fields(),
        "_embedded": Shape(optional={"tags": TAGS, "contacts": items(_CONTACT), "source": _SOURCE}),
    }
)


def lead_problems(account: SimAccount, body: dict[str, Any], lead: SimLead | None) -> list[Problem]:
    """What the tables cannot say about a new deal (`lead` None) or about a change."""
    problems = value_problems(account, "leads", body.get("custom_fields_values")) + tag_problems(account, "leads", body)
    pipeline = account.pipelines.get(body.get("pipeline_id", lead.pipeline_id if lead else account.main_pipeline.id))
    if pipeline is None:
        problems.append(Problem(BAD_CHOICE, "pipeline_id", "no such pipeline"))
    elif "status_id" in body:
        if body["status_id"] not in pipeline.statuses:
            problems.append(Problem(BAD_CHOICE, "status_id", "the pipeline has no such status"))
        elif body["status_id"] == pipeline.unsorted_status:
            problems.append(Problem(BAD_CHOICE, "status_id", "a deal cannot be put among the unsorted"))
    users = ("responsible_user_id", "created_by", "updated_by")
    problems += [
        Problem(BAD_CHOICE, name, "no such user")
        for name in users
        if name in body and body[name] not in account.users and not (body[name] == 0 and name != users[0])
    ]
    embedded = body.get("_embedded", {})
    problems += [
        Problem(BAD_CHOICE, f"_embedded.contacts.{index}.id", "no such contact")
        for index, one in enumerate(embedded.get("contacts", []))
        if account.contact(one["id"]) is None
    ]
    if "source" in embedded and embedded["source"]["external_id"] not in account.sources_by_external:
        problems.append(Problem(BAD_CHOICE, "_embedded.source.external_id", "no such source"))
    return problems


def _source_of(account: SimAccount, body: dict[str, Any]) -> SimSource | None:
    named = body.get("_embedded", {}).get("source", {}).get("external_id", "")
    return account.sources_by_external.get(named)


def pipeline_of(account: SimAccount, body: dict[str, Any]) -> SimPipeline:
    """The pipeline that a new deal comes to: the one named, the source's, the main one."""
    source = _source_of(account, body)
    named = body.get("pipeline_id") or (source.pipeline_id if source is not None else 0)
    return account.pipelines.get(named) or account.main_pipeline


def new_lead(call: RestCall, body: dict[str, Any]) -> SimLead:
    """A deal with its values and tags, without contacts; nobody is told yet."""
    account = call.account
    source = _source_of(account, body)
    more = {name: body[name] for name in ("price", "status_id", "responsible_user_id", "created_at") if name in body}
    lead = account.add_lead(
        name=body.get("name", ""),
        pipeline_id=pipeline_of(account, body).id,
        now=call.now,
        created_by=body.get("created_by", call.user.id),
        source_id=source.id if source is not None else None,
        **more,
    )
    account.set_status(lead, lead.status_id, call.now)
    take_values(account, "leads", lead.values, body.get("custom_fields_values"))
    take_tags(call, "leads", lead.tags, body)
    return lead


def _create(call: RestCall) -> Answer:
    account = call.account

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        lead = new_lead(call, body)
        for one in body.get("_embedded", {}).get("contacts", []):
            account.link(lead, account.contacts[one["id"]], main=one.get("is_main"))
        chronicle.lead_added(call.world, account, lead, lead.created_by)
        return {"id": lead.id, "request_id": request_id, "_links": call.href(f"leads/{lead.id}")}

    done = bulk(call, _NEW, lambda body: lead_problems(account, body, None), apply)
    return hal({"_links": call.href("leads"), "_embedded": {"leads": done}})


def _update(call: RestCall) -> Answer:
    account = call.account

    def rules(body: dict[str, Any]) -> list[Problem]:
        lead = account.lead(body["id"])
        if lead is None:
            return [Problem(BAD_CHOICE, "id", "no such deal")]
        return lead_problems(account, body, lead)

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        lead = account.leads[body["id"]]
        was = chronicle.before(lead)
        for name in ("name", "price", "responsible_user_id"):
            if name in body:
                setattr(lead, name, body[name])
        moved = body.get("pipeline_id", lead.pipeline_id) != lead.pipeline_id
        if moved:
            lead.pipeline_id = body["pipeline_id"]
        if moved or "status_id" in body:
            status_id = body.get("status_id") or account.pipelines[lead.pipeline_id].first_status
            account.set_status(lead, status_id, call.now)
            lead.is_unsorted = False
        take_values(account, "leads", lead.values, body.get("custom_fields_values"))
        take_tags(call, "leads", lead.tags, body)
        chronicle.lead_changed(call.world, account, lead, was, body.get("updated_by", call.user.id))
        return {"id": lead.id, "updated_at": lead.updated_at, "_links": call.href(f"leads/{lead.id}")}

    is_single, done = single_or_bulk(call, _CHANGED, rules, apply)
    return hal(done[0] if is_single else {"_links": call.href("leads"), "_embedded": {"leads": done}})


def show_lead(call: RestCall, lead: SimLead) -> dict[str, Any]:
    account = call.account
    embedded: dict[str, Any] = {"tags": show_tags(account, lead.tags), "companies": []}
    if call.wants("contacts"):
        embedded["contacts"] = [
            {"id": contact_id, "is_main": is_main, "_links": call.href(f"contacts/{contact_id}")}
            for contact_id, is_main in lead.contacts.items()
            if account.contact(contact_id) is not None
        ]
    source = account.sources.get(lead.source_id or 0)
    if call.wants("source") and source is not None:
        embedded["source"] = {"id": source.id, "external_id": source.external_id, "type": "widget"}
    return {
        "id": lead.id,
        "name": lead.name,
        "price": lead.price,
        "responsible_user_id": lead.responsible_user_id,
        "group_id": 0,
        "status_id": lead.status_id,
        "pipeline_id": lead.pipeline_id,
        "loss_reason_id": None,
        "source_id": lead.source_id if call.wants("source_id") else None,
        "created_by": lead.created_by,
        "updated_by": lead.updated_by,
        "created_at": lead.created_at,
        "updated_at": lead.updated_at,
        "closed_at": lead.closed_at,
        "closest_task_at": None,
        "is_deleted": lead.is_deleted,
        "custom_fields_values": show_values(account, lead.values),
        "score": None,
        "account_id": account.id,
        "_links": call.href(f"leads/{lead.id}"),
        "_embedded": embedded,
    }


def _get(call: RestCall) -> Answer:
    lead = call.account.leads.get(call.numbers[0])
    if lead is None or lead.merged_into is not None or lead.is_deleted != call.wants("only_deleted"):
        return NO_CONTENT
    return hal(show_lead(call, lead))


def _list(call: RestCall) -> Answer:
    wanted = set(call.integers("filter[id]"))
    pipelines = set(call.integers("filter[pipeline_id]"))
    query = call.first("query", "").lower()
    deleted = call.wants("only_deleted")
    found = [
        lead
        for lead in call.account.leads.values()
        if lead.is_deleted == deleted
        and lead.merged_into is None
        and not lead.is_unsorted
        and (not wanted or lead.id in wanted)
        and (not pipelines or lead.pipeline_id in pipelines)
        and query in lead.name.lower()
    ]
    for name in ("id", "created_at", "updated_at"):
        order = call.first(f"order[{name}]", "")
        if order not in ("", "asc", "desc"):
            raise refuse(400, f"order is {order!r}")
        if order:
            found.sort(key=lambda lead: getattr(lead, name), reverse=order == "desc")
    return page(call, "leads", "leads", found, lambda lead: show_lead(call, lead))


_RELATIONS = (
    "contacts",
    "source",
    "source_id",
    "loss_reason",
    "only_deleted",
    "catalog_elements",
    "is_price_modified_by_robot",
)
_ORDERS = ("order[id]", "order[created_at]", "order[updated_at]")
ROUTES = (
    route(
        "GET leads",
        "leads.list",
        _list,
        query=("page", "limit", "query", "filter[id]", "filter[pipeline_id]", *_ORDERS),
        relations=_RELATIONS,
    ),
    route("GET leads/{id}", "leads.get", _get, relations=_RELATIONS),
    route("POST leads", "leads.create", _create),
    route("PATCH leads", "leads.update", _update),
    route("PATCH leads/{id}", "leads.update", _update),
)
