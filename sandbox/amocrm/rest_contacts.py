"""REST: contacts and which chats they have (amoCRM contract §11).

A chat has exactly one contact, a contact may have many chats; linking a chat again moves it.
"""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm import chronicle
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal, refuse
from dealgram.sandbox.amocrm.records import SimContact
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
from dealgram.sandbox.amocrm.shapes import BAD_CHOICE, Check, Problem, Shape, integer, text

_FIELDS: dict[str, Check] = {
    "name": text(),
    "first_name": text(),
    "last_name": text(),
    "responsible_user_id": integer(),
    "created_by": integer(),
    "updated_by": integer(),
    "created_at": integer(),
    "updated_at": integer(),
    "custom_fields_values": VALUES,
    "_embedded": Shape(optional={"tags": TAGS}),
    "request_id": text(),
}
_NEW = Shape(optional={**_FIELDS, **tag_fields(may_delete=False)})
_CHANGED = Shape({"id": integer()}, {**_FIELDS, **tag_fields(may_delete=True)})
_CHAT = Shape({"chat_id": text(least=1), "contact_id": integer()}, {"request_id": text()})


def new_contact_fields() -> dict[str, Check]:
    """The fields of a new contact."""
    return {**_FIELDS, **tag_fields(may_delete=False)}


def contact_problems(account: SimAccount, body: dict[str, Any]) -> list[Problem]:
    """What the table of fields cannot say."""
    problems = value_problems(account, "contacts", body.get("custom_fields_values"))
    problems += tag_problems(account, "contacts", body)
    if body.get("responsible_user_id", account.owner.id) not in account.users:
        problems.append(Problem(BAD_CHOICE, "responsible_user_id", "no such user"))
    problems += [
        Problem(BAD_CHOICE, name, "no such user")
        for name in ("created_by", "updated_by")
        if body.get(name, 0) != 0 and body[name] not in account.users
    ]
    return problems


def full_name(body: dict[str, Any], old: str) -> str:
    """The name, given whole or in two parts."""
    if "name" in body:
        return str(body["name"])
    joined = " ".join(one for one in (body.get("first_name"), body.get("last_name")) if one)
    return joined or old


def _create(call: RestCall) -> Answer:
    account = call.account

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        more = {name: body[name] for name in ("responsible_user_id", "created_at") if name in body}
        contact = account.add_contact(
            name=full_name(body, ""),
            now=call.world.now(),
            first_name=body.get("first_name", ""),
            last_name=body.get("last_name", ""),
            created_by=body.get("created_by", call.user.id),
            searchable_at=call.world.now() + call.world.switches.search_lag_s,
            **more,
        )
        take_values(account, "contacts", contact.values, body.get("custom_fields_values"))
        take_tags(call, "contacts", contact.tags, body)
        account.index(contact)
        chronicle.contact_added(call.world, account, contact, contact.created_by)
        return {"id": contact.id, "request_id": request_id, "_links": call.href(f"contacts/{contact.id}")}

    done = bulk(call, _NEW, lambda body: contact_problems(account, body), apply)
    return hal({"_links": call.href("contacts"), "_embedded": {"contacts": done}})


def _update(call: RestCall) -> Answer:
    account = call.account

    def rules(body: dict[str, Any]) -> list[Problem]:
        if account.contact(body["id"]) is None:
            return [Problem(BAD_CHOICE, "id", "no such contact")]
        return contact_problems(account, body)

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        contact = account.contacts[body["id"]]
        was = chronicle.before(contact)
        contact.name = full_name(body, contact.name)
        for name in ("first_name", "last_name", "responsible_user_id"):
            if name in body:
                setattr(contact, name, body[name])
        take_values(account, "contacts", contact.values, body.get("custom_fields_values"))
        take_tags(call, "contacts", contact.tags, body)
        contact.searchable_at = call.world.now() + call.world.switches.search_lag_s
        account.index(contact)
        chronicle.contact_changed(call.world, account, contact, was, body.get("updated_by", call.user.id))
        links = call.href(f"contacts/{contact.id}")
        return {"id": contact.id, "name": contact.name, "updated_at": contact.updated_at, "_links": links}

    is_single, done = single_or_bulk(call, _CHANGED, rules, apply)
    return hal(done[0] if is_single else {"_links": call.href("contacts"), "_embedded": {"contacts": done}})


def _show(call: RestCall, contact: SimContact) -> dict[str, Any]:
    account = call.account
    embedded: dict[str, Any] = {"tags": show_tags(account, contact.tags), "companies": []}
    if call.wants("leads"):
        embedded["leads"] = [
            {"id": lead_id, "_links": call.href(f"leads/{lead_id}")}
            for lead_id in contact.leads
            if account.lead(lead_id) is not None
        ]
    embedded |= {name: [] for name in ("customers", "catalog_elements") if call.wants(name)}
    return {
        "id": contact.id,
        "name": contact.name,
        "first_name": contact.first_name,
        "last_name": contact.last_name,
        "responsible_user_id": contact.responsible_user_id,
        "group_id": 0,
        "created_by": contact.created_by,
        "updated_by": contact.updated_by,
        "created_at": contact.created_at,
        "updated_at": contact.updated_at,
        "is_deleted": False,
        "closest_task_at": None,
        "custom_fields_values": show_values(account, contact.values),
        "account_id": account.id,
        "_links": call.href(f"contacts/{contact.id}"),
        "_embedded": embedded,
    }


def _get(call: RestCall) -> Answer:
    contact = call.account.contact(call.numbers[0])
    return hal(_show(call, contact)) if contact is not None else NO_CONTENT


def _list(call: RestCall) -> Answer:
    account, world = call.account, call.world
    wanted = set(call.integers("filter[id]"))
    query = call.first("query", "").strip().lower()
    found = [
        contact
        for contact in account.contacts.values()
        if not contact.is_deleted
        and not contact.is_hidden
        and (not wanted or contact.id in wanted)
        and (not query or (contact.searchable_at <= world.now() and _matches(call, contact, query)))
    ]
    for name in ("id", "updated_at"):
        order = call.first(f"order[{name}]", "")
        if order not in ("", "asc", "desc"):
            raise refuse(400, f"order is {order!r}")
        if order:
            found.sort(key=lambda contact: getattr(contact, name), reverse=order == "desc")
    return page(call, "contacts", "contacts", found, lambda contact: _show(call, contact))


def _matches(call: RestCall, contact: SimContact, query: str) -> bool:
    if call.world.switches.contact_query == "substring":
        return query in contact.haystack
    return set(query.split()) <= set(contact.haystack.split())


def _no_cookies(call: RestCall) -> None:
    if call.headers.get("cookie"):
        raise refuse(403, "session cookies are refused here")


def _link_chats(call: RestCall) -> Answer:
    _no_cookies(call)
    account = call.account

    def rules(body: dict[str, Any]) -> list[Problem]:
        problems: list[Problem] = []
        if body["chat_id"] not in account.chats:
            problems.append(Problem(BAD_CHOICE, "chat_id", "the integration has no such chat"))
        if account.contact(body["contact_id"]) is None:
            problems.append(Problem(BAD_CHOICE, "contact_id", "no such contact"))
        return problems

    def apply(body: dict[str, Any], request_id: str) -> dict[str, Any]:
        chat = account.chats[body["chat_id"]]
        link_id = account.link_chat(chat, account.contacts[body["contact_id"]])
        call.world.events.publish("link", account_id=account.id, chat_uuid=chat.uuid)
        return {"chat_id": chat.uuid, "contact_id": chat.contact_id, "id": link_id, "request_id": request_id}

    done = bulk(call, _CHAT, rules, apply)
    return hal({"_total_items": len(done), "_embedded": {"chats": done}})


def _chats(call: RestCall) -> Answer:
    _no_cookies(call)
    account = call.account
    chat_ids, contact_ids = call.strings("chat_id"), call.integers("contact_id")
    if not chat_ids and not contact_ids:
        raise refuse(400, "chat_id or contact_id is required")
    uuids = dict.fromkeys(uuid for uuid in chat_ids if uuid in account.chats)
    for contact_id in contact_ids:
        contact = account.contacts.get(contact_id)
        if contact is not None and not contact.is_deleted:
            uuids |= contact.chats
    shown = [
        {"chat_id": chat.uuid, "contact_id": chat.contact_id, "id": chat.link_id}
        for uuid in uuids
        if (chat := account.chats[uuid]).contact_id is not None
    ]
    if not shown and call.world.switches.empty_chat_links == "no_content":
        return NO_CONTENT
    return hal({"_total_items": len(shown), "_embedded": {"chats": shown}})


_RELATIONS = ("leads", "customers", "catalog_elements")
ROUTES = (
    route(
        "GET contacts",
        "contacts.list",
        _list,
        query=("page", "limit", "query", "filter[id]", "order[id]", "order[updated_at]"),
        relations=_RELATIONS,
    ),
    route("GET contacts/{id}", "contacts.get", _get, relations=_RELATIONS),
    route("POST contacts", "contacts.create", _create),
    route("PATCH contacts", "contacts.update", _update),
    route("PATCH contacts/{id}", "contacts.update", _update),
    route("GET contacts/chats", "contacts.chats", _chats, admin=True, query=("chat_id", "contact_id")),
    route("POST contacts/chats", "contacts.link_chats", _link_chats, admin=True),
)
