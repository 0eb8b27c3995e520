"""CRM webhooks: what happened to deals, contacts, talks and the unsorted of an account (amoCRM contract §14).

The body is a form, ``leads[status][0][id]=42&…&account[id]=7``: every value is a string, one body may hold several
entities and actions, and a deletion may name its ids bare (``leads[delete]=42``). Nothing in it is signed and it may
come late, twice or not at all: an event only says where to look, never what is true now.

Owns the reading. Whatever the bytes are, it gives events or raises BadPayload; what is not known here is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import parse_qsl

from dealgram.gateways.errors import BadPayload

MOST_ITEMS = 500
"""Entities that are read from one body; a mass change comes in several."""
MOST_FIELDS = 50_000
_TEXT_LIMIT = 1000
_MOST_PARTS = 6
_MAX_ID = 2**63 - 1
_KEY = re.compile(r"([A-Za-z_]{1,32})((?:\[[^\[\]]{0,64}\]){1,%d})" % _MOST_PARTS)  # noqa: UP031 - braces are the pattern's
_PART = re.compile(r"\[([^\[\]]*)\]")

LeadChange = Literal["add", "update", "status", "delete", "restore", "responsible"]
ContactChange = Literal["add", "update", "delete", "restore", "responsible"]
_LEAD_CHANGES = frozenset({"add", "update", "status", "delete", "restore", "responsible"})
_CONTACT_CHANGES = frozenset({"add", "update", "delete", "restore", "responsible"})
_PLAIN_CHANGES = frozenset({"add", "update", "delete"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadChanged:
    """Something happened to a deal. All but the id is as it was when amoCRM wrote the hook, where it was told."""

    lead_id: int
    change: LeadChange
    name: str | None = None
    status_id: int | None = None
    pipeline_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactChanged:
    """Something happened to a contact (companies, which come under the same name, are left out)."""

    contact_id: int
    change: ContactChange


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkChanged:
    """A talk began or changed. The payload is undocumented; this is what it was seen to hold (§13)."""

    talk_id: int
    change: Literal["add", "update"]
    contact_id: int | None = None
    chat_id: str | None = None
    entity_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsortedChanged:
    """An incoming chat, form or call came among the unsorted, or left it: ``verdict`` says how."""

    uid: str
    change: Literal["add", "update", "delete"]
    category: str | None = None
    verdict: Literal["accept", "decline"] | None = None
    lead_ids: tuple[int, ...] = ()
    contact_ids: tuple[int, ...] = ()


CrmEvent = LeadChanged | ContactChanged | TalkChanged | UnsortedChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class CrmHook:
    """One body. ``ignored`` names the entities and actions that are not read here, e.g. ``task.update``."""

    account_id: int | None = None
    subdomain: str | None = None
    events: tuple[CrmEvent, ...] = ()
    ignored: tuple[str, ...] = ()
    cut: bool = False
    """There were more than `MOST_ITEMS` entities; the rest was left out."""


@dataclass(slots=True)
class _Item:
    """One entity of a body: its fields by their path (``id``, ``accept_result.leads.0``)."""

    entity: str
    action: str
    fields: dict[str, str]


def parse_crm_hook(raw: bytes) -> CrmHook:
    """Read a body. An empty one, as a probe of the address sends it, is a hook without events.

    Raises:
        BadPayload: not a form of amoCRM's at all, or one with an unreasonable number of fields.
    """
    if not raw.strip():
        return CrmHook()
    try:
        pairs = parse_qsl(
            raw.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        raise BadPayload("a form with too many fields") from None
    account: dict[str, str] = {}
    items: dict[tuple[str, str, str], _Item] = {}
    seen = cut = False
    for key, value in pairs:
        match = _KEY.fullmatch(key)
        if match is None:
            continue
        seen = True
        entity, path = match[1], _PART.findall(match[2])
        if entity == "account":
            account.setdefault(path[0], value[:_TEXT_LIMIT])
            continue
        index, field = _place(path[1:], value)
        place = (entity, path[0], index)
        item = items.get(place)
        if item is None:
            if len(items) >= MOST_ITEMS:
                cut = True
                continue
            item = items[place] = _Item(entity, path[0], {})
        item.fields.setdefault(field, value[:_TEXT_LIMIT])
    if not seen:
        raise BadPayload("not a form of amoCRM's")
    events: list[CrmEvent] = []
    ignored: dict[str, None] = {}
    for item in items.values():
        event = _read(item)
        if event is not None:
            events.append(event)
        elif item.entity not in _READERS:
            ignored[f"{item.entity}.{item.action}"] = None
    return CrmHook(
        account_id=_number(account.get("id")),
        subdomain=account.get("subdomain") or None,
        events=tuple(dict.fromkeys(events)),
        ignored=tuple(ignored),
        cut=cut,
    )


def _place(rest: list[str], value: str) -> tuple[str, str]:
    """Which of an action's entities a key speaks of, and which field of it.

    ``[0][id]`` is the usual form; a bare id comes as ``[0]``, ``[]``, ``[id]`` or with nothing at all.
    """
    if not rest or rest == ["id"]:
        return f"={value}", "id"
    if len(rest) == 1:
        return (f"={value}", "id") if not rest[0] or rest[0].isdecimal() else ("", rest[0])
    return rest[0], ".".join(rest[1:])


def _number(text: str | None) -> int | None:
    """An id: decimal digits, from 1 to what a database can hold."""
    if text is None or not text.isascii() or not text.isdecimal() or len(text) > 19:
        return None
    number = int(text)
    return number if 0 < number <= _MAX_ID else None


def _numbers(fields: Mapping[str, str], prefix: str) -> Iterator[int]:
    for name, value in fields.items():
        if name.startswith(prefix) and (number := _number(value)) is not None:
            yield number


def _lead(item: _Item) -> CrmEvent | None:
    lead_id = _number(item.fields.get("id"))
    if lead_id is None or item.action not in _LEAD_CHANGES:
        return None
    return LeadChanged(
        lead_id=lead_id,
        change=cast("LeadChange", item.action),
        name=item.fields.get("name"),
        status_id=_number(item.fields.get("status_id")),
        pipeline_id=_number(item.fields.get("pipeline_id")),
    )


def _contact(item: _Item) -> CrmEvent | None:
    contact_id = _number(item.fields.get("id"))
    if contact_id is None or item.action not in _CONTACT_CHANGES or item.fields.get("type") == "company":
        return None
    return ContactChanged(contact_id=contact_id, change=cast("ContactChange", item.action))


def _talk(item: _Item) -> CrmEvent | None:
    talk_id = _number(item.fields.get("talk_id")) or _number(item.fields.get("id"))
    if talk_id is None or item.action not in ("add", "update"):
        return None
    return TalkChanged(
        talk_id=talk_id,
        change=cast("Literal['add', 'update']", item.action),
        contact_id=_number(item.fields.get("contact_id")),
        chat_id=item.fields.get("chat_id") or None,
        entity_id=_number(item.fields.get("entity_id")),
    )


def _unsorted(item: _Item) -> CrmEvent | None:
    uid = item.fields.get("uid", "")
    if not uid or len(uid) > 128 or item.action not in _PLAIN_CHANGES:
        return None
    verdict = item.fields.get("action")
    result = f"{verdict}_result."
    return UnsortedChanged(
        uid=uid,
        change=cast("Literal['add', 'update', 'delete']", item.action),
        category=item.fields.get("category") or None,
        verdict=cast("Literal['accept', 'decline']", verdict) if verdict in ("accept", "decline") else None,
        lead_ids=tuple(dict.fromkeys(_numbers(item.fields, f"{result}leads."))),
        contact_ids=tuple(dict.fromkeys(_numbers(item.fields, f"{result}contacts."))),
    )


_READERS: Mapping[str, Callable[[_Item], CrmEvent | None]] = {
    "leads": _lead,
    "contacts": _contact,
    "talk": _talk,
    "unsorted": _unsorted,
}


def _read(item: _Item) -> CrmEvent | None:
    reader = _READERS.get(item.entity)
    return reader(item) if reader is not None else None
