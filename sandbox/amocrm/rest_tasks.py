"""REST: tasks of users (amoCRM documentation: crm_platform/tasks-api). They may stand by themselves or at a card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal, refuse
from dealgram.sandbox.amocrm.records import SimTask
from dealgram.sandbox.amocrm.rest import RestCall, Route, bulk, check_one, page, route
from dealgram.sandbox.amocrm.shapes import (
    BAD_CHOICE,
    MISSING,
    Check,
    Problem,
    Shape,
    boolean,
    integer,
    text,
)

TYPES = (1, 2)
"""«Звонок» and «Встреча», which every account has."""
ENTITIES = ("leads", "contacts", "companies", "customers")
_RESULT = Shape({"text": text()})
_MORE: dict[str, Check] = {
    "responsible_user_id": integer(),
    "entity_id": integer(least=1),
    "entity_type": text(one_of=ENTITIES),
    "is_completed": boolean,
    "task_type_id": integer(one_of=TYPES),
    "duration": integer(least=0),
    "result": _RESULT,
    "created_by": integer(),
    "updated_by": integer(),
    "created_at": integer(least=1),
    "updated_at": integer(least=1),
    "request_id": text(),
}
_NEEDED: dict[str, Check] = {"text": text(least=1), "complete_till": integer(least=1)}
_NEW = Shape(_NEEDED, _MORE)
# The two needed fields are needed in changes too, says the documentation, except to complete a task.
_CHANGE = Shape({"id": integer(least=1)}, {**_NEEDED, **_MORE})
_CHANGE_ONE = Shape(optional={**_NEEDED, **_MORE})
_ORDERS = ("created_at", "complete_till", "id")


def _rules(account: SimAccount, *, is_new: bool) -> Callable[[dict[str, Any]], list[Problem]]:
    def rules(body: dict[str, Any]) -> list[Problem]:
        problems = [
            Problem(BAD_CHOICE, name, "no such user")
            for name in ("responsible_user_id", "created_by", "updated_by")
            if body.get(name, 0) != 0 and body[name] not in account.users
        ]
        if "entity_id" in body and "entity_type" not in body:
            problems.append(Problem(MISSING, "entity_type", "the field is required with entity_id"))
        find = {"leads": account.lead, "contacts": account.contact}.get(body.get("entity_type", ""))
        if find is not None and "entity_id" in body and find(body["entity_id"]) is None:
            problems.append(Problem(BAD_CHOICE, "entity_id", f"no such entity among the {body['entity_type']}"))
        if not is_new and body.get("is_completed") is not True:
            problems += [Problem(MISSING, name, "the field is required") for name in _NEEDED if name not in body]
        return problems

    return rules


def _tell(call: RestCall, task: SimTask) -> None:
    at_lead = task.entity_id if task.entity_type == "leads" else None
    call.world.events.publish("task", account_id=call.account.id, lead_id=at_lead)


def _add(call: RestCall) -> Answer:
    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        task = SimTask(
            id=call.world.ids.number("task"),
            responsible_user_id=body.get("responsible_user_id") or call.user.id,
            text=body["text"],
            complete_till=body["complete_till"],
            task_type_id=body.get("task_type_id", TYPES[0]),
            is_completed=body.get("is_completed", False),
            entity_type=body.get("entity_type"),
            entity_id=body.get("entity_id"),
            duration=body.get("duration", 0),
            result=body.get("result", {}).get("text"),
            created_by=body.get("created_by", call.user.id),
            created_at=body.get("created_at", call.now),
            updated_at=body.get("updated_at", call.now),
        )
        call.account.tasks[task.id] = task
        _tell(call, task)
        return {"id": task.id, "request_id": request_id, "_links": call.href(f"tasks/{task.id}")}

    done = bulk(call, _NEW, _rules(call.account, is_new=True), apply)
    return hal({"_links": call.href("tasks"), "_embedded": {"tasks": done}})


def _changed(call: RestCall, task: SimTask, body: dict[str, Any]) -> SimTask:
    fields = {name: value for name, value in body.items() if name not in ("id", "request_id", "result", "updated_by")}
    result = body["result"]["text"] if "result" in body else task.result
    new = replace(task, **{"updated_at": call.now, **fields}, result=result)
    call.account.tasks[task.id] = new
    _tell(call, new)
    return new


def _change_many(call: RestCall) -> Answer:
    rules = _rules(call.account, is_new=False)

    def known(body: dict[str, Any]) -> list[Problem]:
        if body["id"] not in call.account.tasks:
            return [Problem(BAD_CHOICE, "id", "no such task")]
        return rules(body)

    def apply(body: dict[str, Any], _: str) -> dict[str, Any]:
        task = _changed(call, call.account.tasks[body["id"]], body)
        return {"id": task.id, "updated_at": task.updated_at, "_links": call.href(f"tasks/{task.id}")}

    return hal({"_links": call.href("tasks"), "_embedded": {"tasks": bulk(call, _CHANGE, known, apply)}})


def _change_one(call: RestCall) -> Answer:
    task = call.account.tasks.get(call.numbers[0])
    if task is None:
        raise refuse(404, "no such task")
    new = _changed(call, task, check_one(call, _CHANGE_ONE, _rules(call.account, is_new=False)))
    return hal({"id": new.id, "updated_at": new.updated_at, "_links": call.href(f"tasks/{new.id}")})


def _show(call: RestCall, task: SimTask) -> dict[str, Any]:
    return {
        "id": task.id,
        "created_by": task.created_by,
        "updated_by": task.created_by,
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "responsible_user_id": task.responsible_user_id,
        "group_id": 0,
        "entity_id": task.entity_id,
        "entity_type": task.entity_type,
        "duration": task.duration,
        "is_completed": task.is_completed,
        "task_type_id": task.task_type_id,
        "text": task.text,
        "result": {"text": task.result} if task.result is not None else [],
        "complete_till": task.complete_till,
        "account_id": call.account.id,
        "_links": call.href(f"tasks/{task.id}"),
    }


def _list(call: RestCall) -> Answer:
    users, ids, types = (call.integers(f"filter[{name}]") for name in ("responsible_user_id", "id", "task_type"))
    since, until = (call.integers(f"filter[updated_at]{end}") for end in ("[from]", "[to]"))
    since = since or call.integers("filter[updated_at]")
    completed, entities = call.integers("filter[is_completed]"), call.integers("filter[entity_id]")
    kind = call.first("filter[entity_type]", "")
    if entities and not kind:
        raise refuse(400, "filter[entity_id] needs filter[entity_type]")
    if kind and kind not in ENTITIES:
        raise refuse(400, f"filter[entity_type] is {kind!r}")
    found = [
        task
        for task in call.account.tasks.values()
        if (not users or task.responsible_user_id in users)
        and (not ids or task.id in ids)
        and (not types or task.task_type_id in types)
        and (not completed or int(task.is_completed) in completed)
        and (not kind or task.entity_type == kind)
        and (not entities or task.entity_id in entities)
        and (not since or task.updated_at >= since[0])
        and (not until or task.updated_at <= until[0])
    ]
    for name in _ORDERS:
        order = call.first(f"order[{name}]", "")
        if order not in ("", "asc", "desc"):
            raise refuse(400, f"order is {order!r}")
        if order:
            found.sort(key=lambda task: (getattr(task, name), task.id), reverse=order == "desc")
    return page(call, "tasks", "tasks", found, lambda task: _show(call, task))


def _get(call: RestCall) -> Answer:
    task = call.account.tasks.get(call.numbers[0])
    return hal(_show(call, task)) if task is not None else NO_CONTENT


_FILTERS = ("responsible_user_id", "is_completed", "task_type", "entity_type", "entity_id", "id")
ROUTES: tuple[Route, ...] = (
    route(
        "GET tasks",
        "tasks.list",
        _list,
        query=(
            "page",
            "limit",
            *(f"filter[{name}]" for name in _FILTERS),
            "filter[updated_at]",
            "filter[updated_at][from]",
            "filter[updated_at][to]",
            *(f"order[{name}]" for name in _ORDERS),
        ),
    ),
    route("GET tasks/{id}", "tasks.get", _get),
    route("POST tasks", "tasks.create", _add),
    route("PATCH tasks", "tasks.update", _change_many),
    route("PATCH tasks/{id}", "tasks.update", _change_one),
)
