"""REST: the list of events (amoCRM contract §15), newest first, 100 at most at once."""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm.answers import NO_CONTENT, Answer, hal, refuse
from dealgram.sandbox.amocrm.records import SimEvent
from dealgram.sandbox.amocrm.rest import RestCall, page, route
from dealgram.sandbox.amocrm.shapes import BAD_CHOICE, BAD_VALUE, Problem

MOST_AT_ONCE = 100
_MOST_IDS = 10
_ENTITIES = ("lead", "contact", "company", "customer", "task")
_CHAT_TYPES = ("incoming_chat_message", "outgoing_chat_message")
_TYPES = {
    "lead_added": (1, "Новая сделка"),
    "lead_deleted": (7, "Сделка удалена"),
    "lead_restored": (8, "Сделка восстановлена"),
    "lead_status_changed": (9, "Изменение этапа продажи"),
    "contact_added": (2, "Новый контакт"),
    "contact_deleted": (10, "Контакт удален"),
    "contact_restored": (11, "Контакт восстановлен"),
    "entity_linked": (44, "Прикрепление"),
    "entity_unlinked": (45, "Открепление"),
    "entity_merged": (58, "Выполнено объединение"),
    "entity_responsible_changed": (51, "Ответственный изменен"),
    "name_field_changed": (47, "Изменение поля “Название”"),
    "sale_field_changed": (46, "Изменение поля “Бюджет”"),
    "incoming_chat_message": (34, "Входящее сообщение"),
    "outgoing_chat_message": (35, "Исходящее сообщение"),
    "common_note_added": (55, "Новое примечание"),
    "attachment_note_added": (56, "Добавлен новый файл"),
    "service_note_added": (57, "Новое системное примечание"),
}
"""The types that the simulator makes, with the number and the title of each."""


def _place(call: RestCall, event: SimEvent) -> tuple[str, int]:
    """The entity an event is shown with: a chat message of a deleted deal belongs to the contact."""
    if event.type in _CHAT_TYPES and event.entity_type == "lead" and event.talk_contact_id is not None:
        lead = call.account.leads.get(event.entity_id)
        if lead is None or lead.is_deleted:
            return "contact", event.talk_contact_id
    return event.entity_type, event.entity_id


def _show(call: RestCall, event: SimEvent) -> dict[str, Any]:
    kind, entity_id = _place(call, event)
    entity: dict[str, Any] = {"id": entity_id}
    if event.type in _CHAT_TYPES and kind == "lead":
        entity["linked_talk_contact_id"] = event.talk_contact_id
    if call.wants(f"{kind}_name"):
        known = call.account.leads.get(entity_id) if kind == "lead" else call.account.contacts.get(entity_id)
        entity["name"] = known.name if known is not None else ""
    entity["_links"] = call.href(f"{kind}s/{entity_id}")
    return {
        "id": event.id,
        "type": event.type,
        "entity_id": entity_id,
        "entity_type": kind,
        "created_by": event.created_by,
        "created_at": event.created_at,
        "value_after": event.value_after,
        "value_before": event.value_before,
        "account_id": call.account.id,
        "_links": call.href(f"events/{event.id}"),
        "_embedded": {"entity": entity},
    }


def _list(call: RestCall) -> Answer:
    ids, kinds, types = call.strings("filter[id]"), call.strings("filter[entity]"), call.strings("filter[type]")
    entity_ids, users = call.integers("filter[entity_id]"), call.integers("filter[created_by]")
    types = [name for one in types for name in one.split(",")]
    _check(kinds, entity_ids, users, types)
    since = (call.integers("filter[created_at][from]") or call.integers("filter[created_at]") or [0])[0]
    until = next(iter(call.integers("filter[created_at][to]")), None)

    def fits(event: SimEvent) -> bool:
        if (types and event.type not in types) or (users and event.created_by not in users):
            return False
        if event.created_at < since or (until is not None and event.created_at > until):
            return False
        if ids and event.id not in ids:
            return False
        is_chat = event.type in _CHAT_TYPES  # filtered by the contact, though shown with the deal
        kind = "contact" if is_chat else event.entity_type
        entity_id = event.talk_contact_id if is_chat else event.entity_id
        return (not kinds or kind in kinds) and (not entity_ids or entity_id in entity_ids)

    found = [event for event in reversed(call.account.events) if fits(event)]
    return page(call, "events", "events", found, lambda event: _show(call, event), most=MOST_AT_ONCE)


def _check(kinds: list[str], entity_ids: list[int], users: list[int], types: list[str]) -> None:
    problems = [Problem(BAD_CHOICE, "filter.entity", f"{one!r} is unknown") for one in kinds if one not in _ENTITIES]
    if entity_ids and not kinds:
        problems.append(Problem(BAD_VALUE, "filter.entity_id", "filter.entity is required with it"))
    for name, given in (("entity_id", entity_ids), ("created_by", users)):
        if len(given) > _MOST_IDS:
            problems.append(Problem(BAD_VALUE, f"filter.{name}", f"no more than {_MOST_IDS} ids"))
    own = [one for one in types if one.startswith("custom_field_") and one != "custom_field_value_changed"]
    if own and len(types) > 1:
        problems.append(Problem(BAD_VALUE, "filter.type", "a field's own type stands alone"))
    if problems:
        raise refuse(400, "Request validation failed", errors=[("0", problems)])


def _get(call: RestCall) -> Answer:
    found = next((one for one in call.account.events if one.id == call.uid), None)
    return hal(_show(call, found)) if found is not None else NO_CONTENT


def _types(call: RestCall) -> Answer:
    shown = [{"key": key, "type": number, "lang": title} for key, (number, title) in _TYPES.items()]
    body = {"_total_items": len(shown), "_links": call.href("events/types"), "_embedded": {"events_types": shown}}
    return hal(body)


_FILTERS = (
    "filter[id]",
    "filter[created_at]",
    "filter[created_at][from]",
    "filter[created_at][to]",
    "filter[created_by]",
    "filter[entity]",
    "filter[entity_id]",
    "filter[type]",
)
_RELATIONS = ("contact_name", "lead_name", "company_name", "catalog_element_name", "customer_name", "catalog_name")
ROUTES = (
    route("GET events", "events.list", _list, query=("page", "limit", *_FILTERS), relations=_RELATIONS),
    route("GET events/{uid}", "events.get", _get, relations=_RELATIONS),
    route("GET events/types", "events.types", _types, query=("language_code",)),
)
