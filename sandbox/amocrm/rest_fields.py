"""REST: custom fields of contacts and deals (amoCRM contract §11). Creating and changing answer 201."""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal, refuse
from dealgram.sandbox.amocrm.records import SimField
from dealgram.sandbox.amocrm.rest import RestCall, Route, bulk, page, route, single_or_bulk
from dealgram.sandbox.amocrm.shapes import (
    BAD_CHOICE,
    BAD_VALUE,
    MISSING,
    Check,
    Problem,
    Shape,
    anything,
    boolean,
    integer,
    items,
    nullable,
    text,
)

_TYPES = (
    "text",
    "numeric",
    "checkbox",
    "select",
    "multiselect",
    "date",
    "url",
    "textarea",
    "radiobutton",
    "streetaddress",
    "smart_address",
    "birthday",
    "legal_entity",
    "date_time",
    "price",
    "category",
    "items",
    "tracking_data",
    "linked_entity",
    "chained_list",
    "monetary",
    "file",
    "payer",
    "supplier",
)
_WITH_ENUMS = ("multiselect", "radiobutton", "select")
_ENUM = Shape({"value": text(least=1)}, {"sort": integer(), "code": nullable(text()), "id": integer()})
_MORE: dict[str, Check] = {
    "code": text(least=1),
    "sort": integer(),
    "group_id": nullable(text()),
    "is_api_only": boolean,
    "is_visible": boolean,
    "is_required": boolean,
    "required_statuses": nullable(items(anything)),
    "settings": anything,
    "remind": nullable(text(one_of=("never", "day", "week", "month"))),
    "enums": nullable(items(_ENUM)),
    "request_id": text(),
}
_NEW = Shape({"type": text(one_of=_TYPES), "name": text(least=1)}, _MORE)
_CHANGED = Shape({"id": integer()}, {"name": text(least=1), **_MORE})


def _entity(call: RestCall) -> str:
    return call.operation.split(".")[1]


def _show(call: RestCall, field: SimField) -> dict[str, Any]:
    return {
        "id": field.id,
        "name": field.name,
        "type": field.type,
        "account_id": call.account.id,
        "code": field.code,
        "sort": field.sort,
        "is_api_only": field.is_api_only,
        "enums": field.enums,
        "group_id": field.group_id,
        "required_statuses": [],
        "is_deletable": not field.is_predefined,
        "is_predefined": field.is_predefined,
        "entity_type": field.entity,
        "settings": None,
        "remind": None,
        "_links": call.href(f"{field.entity}/custom_fields/{field.id}"),
    }


def _create(call: RestCall) -> Answer:
    account, entity = call.account, _entity(call)

    def rules(body: dict[str, Any]) -> list[Problem]:
        problems: list[Problem] = []
        if body["type"] in _WITH_ENUMS and not body.get("enums"):
            problems.append(Problem(MISSING, "enums", f"required of the type {body['type']}"))
        is_taken = "code" in body and account.field(entity, code=body["code"]) is not None
        if is_taken and call.world.switches.duplicate_field_code == "refuse":
            problems.append(Problem(BAD_VALUE, "code", "another field has this code"))
        return problems

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        field = account.add_field(entity, name=body["name"], type=body["type"], code=body.get("code"))
        _take(call, field, body)
        return {**_show(call, field), "request_id": request_id}

    done = bulk(call, _NEW, rules, apply)
    return hal({"_total_items": len(done), "_embedded": {"custom_fields": done}}, status=201)


def _take(call: RestCall, field: SimField, body: dict[str, Any]) -> None:
    for name in ("name", "sort", "group_id", "is_api_only", "is_visible", "code"):
        if name in body:
            setattr(field, name, body[name])
    if body.get("enums"):
        ids = call.world.ids
        field.enums = [{"sort": 500, **one, "id": one.get("id") or ids.number("enum")} for one in body["enums"]]


def _update(call: RestCall) -> Answer:
    account, entity = call.account, _entity(call)

    def rules(body: dict[str, Any]) -> list[Problem]:
        known = account.field(entity, id=body["id"])
        return [] if known is not None else [Problem(BAD_CHOICE, "id", "no such field")]

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        field = account.fields[body["id"]]
        _take(call, field, body)
        return _show(call, field)

    is_single, done = single_or_bulk(call, _CHANGED, rules, apply)
    body = done[0] if is_single else {"_total_items": len(done), "_embedded": {"custom_fields": done}}
    return hal(body, status=201)


def _list(call: RestCall) -> Answer:
    entity = _entity(call)
    found = [one for one in call.account.fields.values() if one.entity == entity]
    most = call.world.switches.field_page_limit
    path = f"{entity}/custom_fields"
    answer = page(call, path, "custom_fields", found, lambda field: _show(call, field), most=most)
    if answer.body is not None:
        answer.body["_total_items"] = len(found)
    return answer


def _get(call: RestCall) -> Answer:
    field = call.account.field(_entity(call), id=call.numbers[0])
    return hal(_show(call, field)) if field is not None else NO_CONTENT


def _delete(call: RestCall) -> Answer:
    field = call.account.field(_entity(call), id=call.numbers[0])
    if field is None:
        raise refuse(404, "no such field")
    if field.is_predefined:
        raise refuse(403, "a predefined field cannot be deleted")
    del call.account.fields[field.id]
    return NO_CONTENT


def _routes(entity: str) -> tuple[Route, ...]:
    path, name = f"{entity}/custom_fields", f"fields.{entity}"
    query = ("page", "limit", "filter[type]", "order[sort]", "order[id]")
    return (
        route(f"GET {path}", f"{name}.list", _list, query=query),
        route(f"GET {path}/{{id}}", f"{name}.get", _get),
        route(f"POST {path}", f"{name}.create", _create, admin=True),
        route(f"PATCH {path}", f"{name}.update", _update, admin=True),
        route(f"PATCH {path}/{{id}}", f"{name}.update", _update, admin=True),
        route(f"DELETE {path}/{{id}}", f"{name}.delete", _delete, admin=True),
    )


ROUTES = _routes("contacts") + _routes("leads")
