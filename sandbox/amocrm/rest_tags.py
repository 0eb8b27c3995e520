"""REST: the tags of deals and contacts (amoCRM contract §15). A name that is known gets its own id again."""

from __future__ import annotations

import re
from typing import Any

from dealgram.sandbox.amocrm.answers import Answer, hal
from dealgram.sandbox.amocrm.rest import RestCall, Route, bulk, page, route
from dealgram.sandbox.amocrm.shapes import BAD_VALUE, Problem, Shape, nullable, text

_COLOR = re.compile(r"[0-9A-Fa-f]{6}")
_NEW = Shape({"name": text(least=1)}, {"color": nullable(text(pattern=_COLOR)), "request_id": text()})


def _entity(call: RestCall) -> str:
    return call.operation.split(".")[1]


def _show(call: RestCall, number: int, name: str) -> dict[str, Any]:
    return {"id": number, "name": name, "color": call.account.tag_colors.get(number)}


def _list(call: RestCall) -> Answer:
    entity = _entity(call)
    wanted, names, query = call.integers("filter[id]"), call.strings("filter[name]"), call.first("query", "").lower()
    found = [
        (number, name)
        for name, number in call.account.tags[entity].items()
        if (not wanted or number in wanted) and (not names or name in names) and query in name.lower()
    ]
    return page(call, f"{entity}/tags", "tags", found, lambda one: _show(call, *one))


def _create(call: RestCall) -> Answer:
    account, entity = call.account, _entity(call)

    def rules(body: dict[str, Any]) -> list[Problem]:
        if entity != "leads" and body.get("color") is not None:
            return [Problem(BAD_VALUE, "color", "only tags of deals have a colour")]
        return []

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        number = account.tag(entity, body["name"])
        if body.get("color") is not None:
            account.tag_colors[number] = body["color"].upper()
        return {**_show(call, number, body["name"]), "request_id": request_id}

    done = bulk(call, _NEW, rules, apply)
    return hal({"_total_items": len(done), "_embedded": {"tags": done}})


def _routes(entity: str) -> tuple[Route, ...]:
    query = ("page", "limit", "filter[id]", "filter[name]", "query")
    return (
        route(f"GET {entity}/tags", f"tags.{entity}.list", _list, query=query),
        route(f"POST {entity}/tags", f"tags.{entity}.create", _create),
    )


ROUTES = _routes("leads") + _routes("contacts")
