"""REST: chat templates of the integration (amoCRM contract §15), plain ones; WhatsApp's reviews are not simulated."""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal, refuse
from dealgram.sandbox.amocrm.records import SimTemplate
from dealgram.sandbox.amocrm.rest import RestCall, bulk, page, route, single_or_bulk
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
    nullable,
    text,
    url,
)

MOST_AT_ONCE = 50
_BUTTON = Shape({"type": text(one_of=("inline", "url")), "text": text(least=1)}, {"url": url})
_ATTACHMENT = Shape(
    {"id": text(least=1), "name": text(least=1), "type": text(one_of=("picture", "file", "document", "video"))}
)
_MORE: dict[str, Check] = {
    "is_editable": boolean,
    "type": text(one_of=("amocrm", "waba")),
    "buttons": items(_BUTTON),
    "attachment": nullable(_ATTACHMENT),
    "external_id": nullable(text()),
    "request_id": text(),
}
_NEW = Shape({"name": text(least=1), "content": text(least=1)}, _MORE)
_CHANGED = Shape({"id": integer()}, {"name": text(least=1), "content": text(least=1), **_MORE})
_NAMED = Shape({"id": integer()}, {"request_id": text()})
_TAKEN = ("name", "content", "is_editable", "buttons", "attachment", "external_id")


def _show(call: RestCall, template: SimTemplate) -> dict[str, Any]:
    return {
        "id": template.id,
        "account_id": call.account.id,
        "name": template.name,
        "content": template.content,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
        "buttons": template.buttons,
        "attachment": template.attachment,
        "is_editable": template.is_editable,
        "external_id": template.external_id,
        "type": "amocrm",
        "_links": call.href(f"chats/templates/{template.id}"),
    }


def _rules(body: dict[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    if body.get("type", "amocrm") != "amocrm":
        problems.append(Problem(BAD_CHOICE, "type", "the sandbox has no WhatsApp"))
    for index, button in enumerate(body.get("buttons", ())):
        if button["type"] == "url" and "url" not in button:
            problems.append(Problem(MISSING, f"buttons.{index}.url", "required of a button with a link"))
        elif button["type"] == "inline" and "url" in button:
            problems.append(Problem(BAD_VALUE, f"buttons.{index}.url", "a text button has no link"))
    return problems


def _take(template: SimTemplate, body: dict[str, Any]) -> None:
    for name in _TAKEN:
        if name in body:
            setattr(template, name, body[name])


def _create(call: RestCall) -> Answer:
    account, limit = call.account, call.world.switches.template_limit
    if isinstance(call.body, list) and len(account.templates) + len(call.body) > limit:
        raise refuse(422, f"no more than {limit} templates are allowed")

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        template = SimTemplate(
            id=call.world.ids.number("template"),
            name=body["name"],
            content=body["content"],
            created_at=call.now,
            updated_at=call.now,
        )
        _take(template, body)
        account.templates[template.id] = template
        return {**_show(call, template), "request_id": request_id}

    done = bulk(call, _NEW, _rules, apply, most=MOST_AT_ONCE)
    return hal({"_total_items": len(done), "_embedded": {"chat_templates": done}})


def _update(call: RestCall) -> Answer:
    templates = call.account.templates

    def rules(body: dict[str, Any]) -> list[Problem]:
        if body["id"] not in templates:
            return [Problem(BAD_CHOICE, "id", "the integration has no such template")]
        return _rules(body)

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        template = templates[body["id"]]
        _take(template, body)
        template.updated_at = call.now
        return {**_show(call, template), "request_id": request_id}

    is_single, done = single_or_bulk(call, _CHANGED, rules, apply, most=MOST_AT_ONCE)
    return hal(done[0] if is_single else {"_total_items": len(done), "_embedded": {"chat_templates": done}})


def _list(call: RestCall) -> Answer:
    wanted = call.strings("filter[external_id]")
    found = [one for one in call.account.templates.values() if not wanted or one.external_id in wanted]
    return page(call, "chats/templates", "chat_templates", found, lambda one: _show(call, one), most=MOST_AT_ONCE)


def _get(call: RestCall) -> Answer:
    found = call.account.templates.get(call.numbers[0])
    if found is None:
        raise refuse(404, "no such template")
    return hal(_show(call, found))


def _delete(call: RestCall) -> Answer:
    templates = call.account.templates
    if call.numbers:
        call.body = [{"id": call.numbers[0]}]

    def rules(body: dict[str, Any]) -> list[Problem]:
        known = body["id"] in templates
        return [] if known else [Problem(BAD_CHOICE, "id", "the integration has no such template")]

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        templates.pop(body["id"], None)
        return {}

    bulk(call, _NAMED, rules, apply, most=MOST_AT_ONCE)
    return NO_CONTENT


_FILTERS = ("page", "limit", "filter[external_id]")
ROUTES = (
    route("GET chats/templates", "templates.list", _list, admin=True, query=_FILTERS, relations=("reviews",)),
    route("GET chats/templates/{id}", "templates.get", _get, relations=("reviews",)),
    route("POST chats/templates", "templates.create", _create, admin=True),
    route("PATCH chats/templates", "templates.update", _update, admin=True),
    route("PATCH chats/templates/{id}", "templates.update", _update, admin=True),
    route("DELETE chats/templates", "templates.delete", _delete, admin=True),
    route("DELETE chats/templates/{id}", "templates.delete", _delete, admin=True),
)
