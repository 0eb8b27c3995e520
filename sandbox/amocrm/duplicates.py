"""Duplication control (amoCRM contract §15): which deals an incoming request would double, and what becomes of it.

Owns the search. Set per pipeline; `keys` are phone, email, big_data and the codes of text or number fields of contacts.
Promises: only open deals where the found contact is the main one count; more than three duplicates are left alone.
BIG DATA is a guess by machine learning; here it means the same phone or exactly the same name.
"""

from __future__ import annotations

from collections.abc import Iterable

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.records import SimContact, SimLead, SimPipeline

MOST_DUPLICATES = 3
BIG_DATA = "big_data"
_NATIVE = {"phone": "PHONE", "email": "EMAIL"}


def by_values(account: SimAccount, pipeline: SimPipeline, values: dict[int, list[str]]) -> list[SimLead]:
    """The deals that these filled fields of a contact point to, the newest first; [] when there are too many."""
    wanted: list[tuple[int, str]] = []
    for key in pipeline.duplicate_keys:
        field = account.field("contacts", code=_NATIVE.get(key, key))
        if field is not None:
            wanted += [(field.id, value) for value in values.get(field.id, ())]
    contacts = (
        contact
        for contact in account.contacts.values()
        if any(value == str(one.get("value")) for number, value in wanted for one in contact.values.get(number, ()))
    )
    return _leads(account, pipeline, contacts) if wanted else []


def by_chat(account: SimAccount, pipeline: SimPipeline, name: str, phone: str) -> list[SimLead]:
    """The deals that an incoming chat belongs to."""
    by_phone = bool(phone) and not pipeline.duplicate_keys.isdisjoint(("phone", BIG_DATA))
    by_name = bool(name) and BIG_DATA in pipeline.duplicate_keys
    if not by_phone and not by_name:
        return []
    field = account.field("contacts", code="PHONE")
    number = field.id if field is not None else 0
    contacts = (
        contact
        for contact in account.contacts.values()
        if (by_name and contact.name == name)
        or (by_phone and any(str(one.get("value")) == phone for one in contact.values.get(number, ())))
    )
    return _leads(account, pipeline, contacts)


def _leads(account: SimAccount, pipeline: SimPipeline, contacts: Iterable[SimContact]) -> list[SimLead]:
    found = {
        lead.id: lead
        for contact in contacts
        if not contact.is_deleted and not contact.is_hidden
        for lead_id in contact.leads
        if (lead := account.leads[lead_id]).is_open
        and not lead.is_unsorted
        and lead.pipeline_id == pipeline.id
        and lead.contacts.get(contact.id)
    }
    newest = sorted(found.values(), key=lambda lead: -lead.id)
    return newest if len(newest) <= MOST_DUPLICATES else []
