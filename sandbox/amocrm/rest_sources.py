"""REST: sources of the integration (amoCRM contract §10), one per bot: limits, the default one, deleting."""

from __future__ import annotations

import re
from typing import Any

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import NO_CONTENT, PROBLEM, Answer, Refused, hal, refuse
from dealgram.sandbox.amocrm.records import SimSource
from dealgram.sandbox.amocrm.rest import RestCall, bulk, route, single_or_bulk
from dealgram.sandbox.amocrm.shapes import (
    BAD_CHOICE,
    BAD_VALUE,
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

_AT_ONCE = 50
_SHOWN = 100
_ASCII = re.compile(r"[\x20-\x7e]+")
_SERVICE = Shape({"type": text(one_of=("whatsapp",))}, {"params": anything, "pages": items(anything)})
_MORE: dict[str, Check] = {
    "pipeline_id": integer(),
    "default": boolean,
    "origin_code": nullable(text(least=1)),
    "services": items(_SERVICE),
    "request_id": text(),
}
_NEW = Shape({"name": text(least=1)}, {"external_id": text(least=1, pattern=_ASCII), **_MORE})
_CHANGED = Shape({"id": integer()}, {"name": text(least=1), **_MORE})
_NAMED = Shape({"id": integer()}, {"request_id": text()})


def _show(call: RestCall, source: SimSource) -> dict[str, Any]:
    return {
        "id": source.id,
        "name": source.name,
        "pipeline_id": source.pipeline_id,
        "external_id": source.external_id,
        "default": source.is_default,
        "origin_code": source.origin_code,
        "services": source.services,
        "_links": call.href(f"sources/{source.id}"),
    }


def _answer(call: RestCall, shown: list[dict[str, Any]]) -> Answer:
    return hal({"_total_items": len(shown), "_links": call.href("sources"), "_embedded": {"sources": shown}})


def _list(call: RestCall) -> Answer:
    wanted = call.strings("filter[external_id]")
    found = [one for one in call.account.sources.values() if not wanted or one.external_id in wanted][:_SHOWN]
    return _answer(call, [_show(call, one) for one in found]) if found else NO_CONTENT


def _get(call: RestCall) -> Answer:
    source = call.account.sources.get(call.numbers[0])
    return hal(_show(call, source)) if source is not None else NO_CONTENT


def _common_problems(call: RestCall, body: dict[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    if "pipeline_id" in body and body["pipeline_id"] not in call.account.pipelines:
        problems.append(Problem(BAD_CHOICE, "pipeline_id", "no such pipeline"))
    if body.get("origin_code") not in (None, call.world.channel.code):
        problems.append(Problem(BAD_CHOICE, "origin_code", "the integration has no such channel"))
    return problems


def _create(call: RestCall) -> Answer:
    account, switches = call.account, call.world.switches
    fresh: set[str] = set()

    def rules(body: dict[str, Any]) -> list[Problem]:
        problems = _common_problems(call, body)
        external_id = body.get("external_id")
        if external_id is not None:
            if len(external_id) > switches.source_id_length:
                text = f"longer than {switches.source_id_length} characters"
                problems.append(Problem(BAD_VALUE, "external_id", text))
            if external_id in account.sources_by_external or external_id in fresh:
                problems.append(Problem(BAD_VALUE, "external_id", "another source has this external_id"))
            fresh.add(external_id)
        if len(account.sources) + len(call.body) > switches.source_limit:
            problems.append(Problem(BAD_VALUE, "", f"no more than {switches.source_limit} sources are allowed"))
        return problems

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        source = account.add_source(
            name=body["name"],
            external_id=body.get("external_id", ""),
            pipeline_id=body.get("pipeline_id", account.main_pipeline.id),
            origin_code=body.get("origin_code"),
            services=body.get("services", []),
        )
        _set_default(account, source, body)
        call.world.events.publish("source", account_id=account.id)
        return {**_show(call, source), "request_id": request_id}

    return _answer(call, bulk(call, _NEW, rules, apply, most=_AT_ONCE))


def _set_default(account: SimAccount, source: SimSource, body: dict[str, Any]) -> None:
    if body.get("default"):
        for one in account.sources.values():
            one.is_default = False
    source.is_default = body.get("default", source.is_default)


def _update(call: RestCall) -> Answer:
    account = call.account

    def rules(body: dict[str, Any]) -> list[Problem]:
        if body["id"] not in account.sources:
            return [Problem(BAD_CHOICE, "id", "no such source")]
        return _common_problems(call, body)

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        source = account.sources[body["id"]]
        for name in ("name", "pipeline_id", "origin_code", "services"):
            if name in body:
                setattr(source, name, body[name])
        _set_default(account, source, body)
        call.world.events.publish("source", account_id=account.id)
        return {**_show(call, source), "request_id": request_id}

    is_single, done = single_or_bulk(call, _CHANGED, rules, apply, most=_AT_ONCE)
    return hal(done[0]) if is_single else _answer(call, done)


def _delete_one(call: RestCall) -> Answer:
    if call.numbers[0] not in call.account.sources:
        raise refuse(404, "no such source")
    call.account.forget_sources(call.numbers)
    call.world.events.publish("source", account_id=call.account.id)
    return NO_CONTENT


def _delete_many(call: RestCall) -> Answer:
    account = call.account
    body = call.body
    if not isinstance(body, list) or not body:
        raise refuse(400, "an array with at least one item is expected")
    missing: list[tuple[str, Problem]] = []
    for index, one in enumerate(body):
        problems = call.world.check(_NAMED, one, call.operation)
        if problems:
            raise refuse(400, "Request validation failed", errors=[(str(index), problems)])
        if one["id"] not in account.sources:
            missing.append((str(one.get("request_id", index)), Problem("EntityNotFound", "id", "Entity not found")))
    if missing and len(missing) == len(body):
        raise refuse(404, "no such sources")
    if missing:
        raise _entity_not_found(missing)
    account.forget_sources({one["id"]: None for one in body})
    call.world.events.publish("source", account_id=account.id)
    return NO_CONTENT


def _entity_not_found(missing: list[tuple[str, Problem]]) -> Refused:
    """The one bulk answer whose key is `errors`, not `validation-errors` (amoCRM contract §10)."""
    errors = [
        {"request_id": name, "errors": {"code": one.code, "path": one.path, "detail": one.detail}}
        for name, one in missing
    ]
    body = {
        "errors": errors,
        "title": "Bad Request",
        "type": "https://httpstatus.es/400",
        "status": 400,
        "detail": "Request validation failed",
    }
    return Refused(Answer(status=400, body=body, content_type=PROBLEM), "deleting sources that do not exist")


ROUTES = (
    route("GET sources", "sources.list", _list, admin=True, query=("filter[external_id]",)),
    route("GET sources/{id}", "sources.get", _get, admin=True),
    route("POST sources", "sources.create", _create, admin=True),
    route("PATCH sources", "sources.update", _update, admin=True),
    route("PATCH sources/{id}", "sources.update", _update, admin=True),
    route("DELETE sources", "sources.delete", _delete_many, admin=True),
    route("DELETE sources/{id}", "sources.delete", _delete_one, admin=True),
)
