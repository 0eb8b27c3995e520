"""REST: notes of deals and contacts, and subscriptions to CRM webhooks (amoCRM contract §14, §15)."""

from __future__ import annotations

import re
from typing import Any

from dealgram.sandbox.amocrm import chronicle
from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal, refuse
from dealgram.sandbox.amocrm.records import SimNote, SimWebhook
from dealgram.sandbox.amocrm.rest import RestCall, Route, bulk, check_one, page, route
from dealgram.sandbox.amocrm.shapes import (
    BAD_CHOICE,
    BAD_VALUE,
    MISSING,
    Check,
    Problem,
    Shape,
    boolean,
    integer,
    items,
    text,
    url,
)

_PARAMS: dict[str, Check] = {
    "common": Shape({"text": text(least=1)}),
    "service_message": Shape({"service": text(least=1), "text": text(least=1)}),
    "extended_service_message": Shape({"service": text(least=1), "text": text(least=1)}),
    "attachment": Shape({"file_uuid": text(least=1), "file_name": text(least=1)}, {"version_uuid": text()}),
}
_ANY_OBJECT: Check = Shape(
    optional={name: text() for name in ("text", "service", "file_uuid", "version_uuid", "file_name")}
)
_NOTE_MORE: dict[str, Check] = {
    "created_by": integer(),
    "responsible_user_id": integer(),
    "request_id": text(),
    "is_need_to_trigger_digital_pipeline": boolean,
}
_NOTE = Shape({"note_type": text(one_of=_PARAMS), "params": _ANY_OBJECT}, {"entity_id": integer(), **_NOTE_MORE})
_WEBHOOK_LIMIT = 100
EVENTS = frozenset(
    [
        f"{verb}_{entity}"
        for verb in ("add", "update", "delete")
        for entity in ("lead", "contact", "company", "customer")
    ]
    + [f"responsible_{entity}" for entity in ("lead", "contact", "company", "customer", "task")]
    + [f"note_{entity}" for entity in ("lead", "contact", "company", "customer")]
    + [f"restore_{entity}" for entity in ("lead", "contact", "company")]
    + ["add_task", "update_task", "delete_task", "add_talk", "update_talk", "status_lead", "add_chat_template_review"]
)
UNLISTED_EVENTS = frozenset(["add_unsorted", "update_unsorted", "delete_unsorted", "add_message"])
_HOST = re.compile(r"https?://([^/:?#]+)")
_WEBHOOK = Shape(
    {"destination": url, "settings": items(text(one_of=EVENTS | UNLISTED_EVENTS), least=1)}, {"sort": integer()}
)
_DESTINATION = Shape({"destination": url})


def _entity(call: RestCall) -> str:
    return call.operation.split(".")[1]


def _entity_id(call: RestCall, body: dict[str, Any]) -> int:
    return int(call.numbers[0] if call.numbers else body["entity_id"])


def _add_notes(call: RestCall) -> Answer:
    account, entity = call.account, _entity(call)
    find = account.lead if entity == "leads" else account.contact

    def rules(body: dict[str, Any]) -> list[Problem]:
        if not call.numbers and "entity_id" not in body:
            return [Problem(MISSING, "entity_id", "the field is required")]
        problems: list[Problem] = []
        _PARAMS[body["note_type"]](body["params"], "params", problems)
        if find(_entity_id(call, body)) is None:
            problems.append(Problem(BAD_CHOICE, "entity_id", f"no such entity among the {entity}"))
        if body.get("created_by", 0) != 0 and body["created_by"] not in account.users:
            problems.append(Problem(BAD_CHOICE, "created_by", "no such user"))
        return problems

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        entity_id = _entity_id(call, body)
        note = account.add_note(
            entity,
            entity_id,
            note_type=body["note_type"],
            params=body["params"],
            created_by=body.get("created_by", call.user.id),
            now=call.now,
        )
        chronicle.note_added(call.world, account, note)
        links = call.href(f"{entity}/{entity_id}/notes/{note.id}")
        return {"id": note.id, "entity_id": entity_id, "request_id": request_id, "_links": links}

    done = bulk(call, _NOTE, rules, apply)
    return hal({"_links": call.href(f"{entity}/notes"), "_embedded": {"notes": done}})


def _show_note(call: RestCall, note: SimNote) -> dict[str, Any]:
    return {
        "id": note.id,
        "entity_id": note.entity_id,
        "created_by": note.created_by,
        "updated_by": note.created_by,
        "created_at": note.created_at,
        "updated_at": note.created_at,
        "responsible_user_id": note.created_by,
        "group_id": 0,
        "note_type": note.note_type,
        "params": note.params,
        "account_id": call.account.id,
        "_links": call.href(f"{note.entity}/{note.entity_id}/notes/{note.id}"),
    }


def _notes(call: RestCall) -> Answer:
    """The notes of one entity, or of all entities of a kind."""
    entity = _entity(call)
    if call.numbers:
        path, found = f"{entity}/{call.numbers[0]}/notes", list(call.account.notes.get((entity, call.numbers[0]), ()))
    else:
        path = f"{entity}/notes"
        every = (note for (kind, _), notes in call.account.notes.items() if kind == entity for note in notes)
        found = sorted(every, key=lambda note: note.id)
    ids, types = call.integers("filter[id]"), call.strings("filter[note_type]")
    found = [one for one in found if (not ids or one.id in ids) and (not types or one.note_type in types)]
    for name in ("id", "updated_at"):
        order = call.first(f"order[{name}]", "")
        if order not in ("", "asc", "desc"):
            raise refuse(400, f"order is {order!r}")
        if order == "desc":
            found.reverse()
    return page(call, path, "notes", found, lambda note: _show_note(call, note))


def _note(call: RestCall) -> Answer:
    entity, number = _entity(call), call.numbers[-1]
    found = next(
        (
            note
            for (kind, _), notes in call.account.notes.items()
            if kind == entity
            for note in notes
            if note.id == number
        ),
        None,
    )
    return hal(_show_note(call, found)) if found is not None else NO_CONTENT


def _note_routes(entity: str) -> tuple[Route, ...]:
    query = ("page", "limit", "filter[id]", "filter[note_type]", "order[id]", "order[updated_at]")
    return (
        route(f"GET {entity}/notes", f"notes.{entity}.list", _notes, query=query),
        route(f"GET {entity}/notes/{{id}}", f"notes.{entity}.get", _note),
        route(f"GET {entity}/{{id}}/notes", f"notes.{entity}.list", _notes, query=query),
        route(f"GET {entity}/{{id}}/notes/{{id}}", f"notes.{entity}.get", _note),
        route(f"POST {entity}/{{id}}/notes", f"notes.{entity}.create", _add_notes),
        route(f"POST {entity}/notes", f"notes.{entity}.create", _add_notes),
    )


def _show_webhook(call: RestCall, webhook: SimWebhook) -> dict[str, Any]:
    return {
        "id": webhook.id,
        "destination": webhook.destination,
        "created_at": webhook.created_at,
        "updated_at": webhook.updated_at,
        "account_id": call.account.id,
        "created_by": webhook.created_by,
        "sort": webhook.sort,
        "disabled": webhook.disabled,
        "settings": webhook.settings,
    }


def _webhooks(call: RestCall) -> Answer:
    wanted = call.strings("filter[destination]")
    found = [one for one in call.account.webhooks.values() if not wanted or one.destination in wanted]
    shown = [_show_webhook(call, one) for one in found]
    return hal({"_total_items": len(shown), "_embedded": {"webhooks": shown}})


def _subscribe(call: RestCall) -> Answer:
    """Creates the subscription, or updates the one with the same destination."""
    account = call.account

    def rules(body: dict[str, Any]) -> list[Problem]:
        host = _HOST.match(body["destination"])
        if host is None or not host[1].isascii():
            return [Problem(BAD_VALUE, "destination", "the host should be in Latin letters")]
        if call.world.switches.unlisted_webhook_events:
            return []
        return [
            Problem(BAD_CHOICE, f"settings.{index}", f"{name!r} is no documented event")
            for index, name in enumerate(body["settings"])
            if name in UNLISTED_EVENTS
        ]

    body = check_one(call, _WEBHOOK, rules)
    known = account.webhooks.get(body["destination"])
    if known is None:
        if len(account.webhooks) >= _WEBHOOK_LIMIT:
            raise refuse(422, f"no more than {_WEBHOOK_LIMIT} webhooks are allowed")
        known = SimWebhook(
            id=call.world.ids.number("webhook"),
            destination=body["destination"],
            settings=[],
            sort=len(account.webhooks) + 1,
            created_by=call.user.id,
            created_at=call.now,
            updated_at=call.now,
        )
        account.webhooks[known.destination] = known
    known.settings = list(dict.fromkeys(body["settings"]))
    known.sort = body.get("sort", known.sort)
    known.updated_at = call.now
    if call.world.switches.repost_enables_webhook:
        call.world.crm_hooks.enable(known)
    return hal(_show_webhook(call, known), status=201)


def _unsubscribe(call: RestCall) -> Answer:
    body = check_one(call, _DESTINATION)
    if call.account.webhooks.pop(body["destination"], None) is None:
        raise refuse(404, "no such webhook")
    return NO_CONTENT


ROUTES = (
    *_note_routes("leads"),
    *_note_routes("contacts"),
    route("GET webhooks", "webhooks.list", _webhooks, admin=True, query=("filter[destination]",)),
    route("POST webhooks", "webhooks.subscribe", _subscribe, admin=True),
    route("DELETE webhooks", "webhooks.unsubscribe", _unsubscribe, admin=True),
)
