"""Bodies of CRM webhooks (amoCRM contract §13, §14): records as the names and strings that amoCRM posts.

Owns the fields of each entity and the form encoding (`leads[update][0][id]=42`). Promises: every value is a string, as
PHP writes it: no nulls, 1 and "" for booleans, times in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import SimMessage, SimTalk, SimUnsorted
from dealgram.sandbox.amocrm.records import SimContact, SimLead, SimNote

ELEMENT_TYPES = {"contacts": 1, "leads": 2}
_NOTE_TYPES = {"common": 4, "service_message": 25, "extended_service_message": 25, "attachment": 5}


def encode(body: Mapping[str, Any]) -> bytes:
    """The body as `application/x-www-form-urlencoded`."""
    pairs: list[tuple[str, str]] = []
    for name, value in body.items():
        _flatten(name, value, pairs)
    return urlencode(pairs).encode("ascii")


def _flatten(name: str, value: Any, pairs: list[tuple[str, str]]) -> None:
    if value is None:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            _flatten(f"{name}[{key}]", inner, pairs)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _flatten(f"{name}[{index}]", inner, pairs)
    elif isinstance(value, bool):
        pairs.append((name, "1" if value else ""))
    else:
        pairs.append((name, str(value)))


def lead(account: SimAccount, one: SimLead, **more: Any) -> dict[str, Any]:
    """A deal; `more` are the old values of what changed."""
    return {
        "id": one.id,
        "name": one.name,
        "status_id": one.status_id,
        **more,
        "price": one.price,
        "responsible_user_id": one.responsible_user_id,
        "last_modified": one.updated_at,
        "modified_user_id": one.updated_by,
        "created_user_id": one.created_by,
        "date_create": one.created_at,
        "pipeline_id": one.pipeline_id,
        "tags": [{"id": number, "name": name} for number, name in one.tags.items()],
        "account_id": account.id,
        "custom_fields": [
            {"id": field.id, "name": field.name, "values": [str(value.get("value", "")) for value in values]}
            for field_id, values in one.values.items()
            if (field := account.fields.get(field_id)) is not None
        ],
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }


def contact(account: SimAccount, one: SimContact, **more: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        **more,
        "responsible_user_id": one.responsible_user_id,
        "date_create": one.created_at,
        "last_modified": one.updated_at,
        "created_user_id": one.created_by,
        "modified_user_id": one.updated_by,
        "account_id": account.id,
        "custom_fields": [
            {
                "id": field.id,
                "name": field.name,
                "values": [{"value": value.get("value"), "enum": value.get("enum_id")} for value in values],
                "code": field.code,
            }
            for field_id, values in one.values.items()
            if (field := account.fields.get(field_id)) is not None
        ],
        "linked_leads_id": {lead_id: {"ID": lead_id} for lead_id in one.leads},
        "tags": [{"id": number, "name": name} for number, name in one.tags.items()],
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "type": "contact",
    }


def note(account: SimAccount, one: SimNote) -> dict[str, Any]:
    """Undocumented beyond its name; as the format was described before the documentation lost it."""
    inner = {
        "id": one.id,
        "note_type": _NOTE_TYPES.get(one.note_type, 4),
        "created_by": one.created_by,
        "account_id": account.id,
        "element_id": one.entity_id,
        "element_type": ELEMENT_TYPES[one.entity],
        "text": one.params.get("text", ""),
        "date_create": one.created_at,
    }
    return {"note": inner, "type": one.entity.removesuffix("s")}


def talk(account: SimAccount, one: SimTalk, *, origin: str, entity_type: Literal["lead", "leads"]) -> dict[str, Any]:
    return {
        "talk_id": one.id,
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "rate": one.rate,
        "contact_id": one.contact_id,
        "chat_id": one.chat_uuid,
        "entity_id": one.lead_id,
        "entity_type": entity_type if one.lead_id is not None else None,
        "is_in_work": one.is_in_work,
        "is_read": one.is_read,
        "origin": origin,
    }


def unsorted(account: SimAccount, one: SimUnsorted) -> dict[str, Any]:
    return {
        "uid": one.uid,
        "category": "chats",
        "account_id": account.id,
        "source": one.source_name,
        "pipeline_id": one.pipeline_id,
        "source_data": {"from": one.client_name, "date": one.created_at, "origin": {"chat_id": one.chat_uuid}},
        "data": {
            "leads": [{"date_create": one.created_at, "created_user_id": 0, "modified_user_id": 0}],
            "contacts": [{"name": one.client_name, "date_create": one.created_at}],
        },
    }


def settled_unsorted(one: SimUnsorted, verdict: str, lead_ids: list[int], contact_ids: list[int]) -> dict[str, Any]:
    """Accepting and declining both come as a deletion."""
    action = "decline" if verdict == "decline" else "accept"
    result: dict[str, Any] = {"leads": lead_ids}
    if action == "accept":
        result["contacts"] = contact_ids
    return {
        "action": action,
        "uid": one.uid,
        "category": "chats",
        "created_at": one.created_at,
        f"{action}_result": result,
    }


def message(account: SimAccount, one: SimMessage, *, origin: str) -> dict[str, Any]:
    """A client's message. Nobody can subscribe to it by a documented name (amoCRM contract §20, point 12)."""
    content, bound = one.content, one.talk
    shown: dict[str, Any] = {
        "id": one.id,
        "chat_id": one.chat.uuid,
        "author": {"id": one.sender.uuid, "name": one.sender.name, "type": "external"},
        "text": content.get("text", ""),
        "created_at": one.timestamp,
        "origin": origin,
    }
    if content.get("media"):
        shown["attachment"] = {"type": content["type"], "link": content["media"]}
    if bound is not None:
        lead_id = bound.lead_id
        shown |= {"talk_id": bound.id, "contact_id": bound.contact_id}
        shown |= {"element_id": lead_id or bound.contact_id, "element_type": 2 if lead_id is not None else 1}
        shown |= {"entity_id": lead_id or bound.contact_id, "entity_type": "lead" if lead_id is not None else "contact"}
    return shown
