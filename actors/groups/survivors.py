"""What became of a deal that is no longer there: deleted, or merged into which other one.

amoCRM does not say which deal another one was merged into: its event of a merger names nothing but the survivor, and a
merged deal looks like a deleted one (amoCRM contract §14, §15). What is known for sure is that a merger takes the
contacts along, and that the group's own contact belongs to one deal only: where it is now, there the deal is. Should
that contact be gone, the survivors of mergers at that time are compared by all contacts that are known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from dealgram.gateways.amocrm import AmoCrmClient
from dealgram.persistence.records import Conversation

AROUND_S = 600
"""How far from the end of a deal its merger may be recorded."""

LOOK_BACK_S = 86_400
_MOST_CANDIDATES = 10


async def find_survivor(client: AmoCrmClient, deal_id: int, opened: Sequence[Conversation], now_s: float) -> int | None:
    """The live deal that this one, which is not there, was merged into; None if it was not, as far as can be told."""
    own = next((row.contact_id for row in opened if row.user_id is None and row.contact_id is not None), None)
    if own is not None:
        contact = await client.contact(own)
        if contact is not None:
            found = [one for one in contact.lead_ids if one != deal_id]
            if len(found) > 1:
                merged = set(await _merged_since(client, now_s - LOOK_BACK_S))
                found = sorted(found, key=lambda one: (one in merged, one), reverse=True)
            for candidate in found[:_MOST_CANDIDATES]:
                if await client.lead(candidate, with_contacts=False) is not None:
                    return candidate
            return None
    contacts = {row.contact_id for row in opened if row.contact_id is not None}
    return await _by_contacts(client, deal_id, contacts, now_s)


async def is_deleted(client: AmoCrmClient, deal_id: int) -> bool:
    """Whether a deal that is not shown was deleted. Otherwise it is hidden from us (say, somebody's rights have
    shrunk), and nothing is to be done about it."""
    if await client.deleted_lead(deal_id) is not None:
        return True
    told = await client.events(["lead_deleted", "lead_restored"], entity="lead", entity_ids=[deal_id], pages=1)
    return max(told, key=lambda event: event.created_at).type == "lead_deleted" if told else False


async def _by_contacts(client: AmoCrmClient, deal_id: int, contacts: Collection[int], now_s: float) -> int | None:
    if not contacts:
        return None
    ended = await client.events(["lead_deleted"], entity="lead", entity_ids=[deal_id], pages=1)
    at = max((event.created_at for event in ended), default=now_s)
    candidates = await _merged_since(client, at - AROUND_S)
    for candidate in [one for one in candidates if one != deal_id][:_MOST_CANDIDATES]:
        lead = await client.lead(candidate)
        # A merger takes every contact along. Fewer may be chance: clients have several deals.
        if lead is not None and set(contacts) <= {contact.id for contact in lead.contacts}:
            return candidate
    return None


async def _merged_since(client: AmoCrmClient, since_s: float) -> list[int]:
    events = await client.events(["entity_merged"], entity="lead", since=int(since_s))
    return list(dict.fromkeys(event.entity_id for event in events if event.entity_id is not None))
