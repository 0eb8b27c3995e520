"""Merging deals and contacts, as a person does it in the interface (amoCRM contract §14).

Owns what moves to the survivor. Promises: the merged ones are gone for good, not in the trash; the survivor has all
contacts, chats, talks, notes and tags, and its own values win; the event of the merge names the survivor alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from dealgram.sandbox.amocrm import chronicle
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.records import SimContact, SimLead
from dealgram.sandbox.amocrm.world import World


def merge_leads(world: World, account: SimAccount, keeper: SimLead, others: Sequence[SimLead], by: int) -> None:
    """Raises ValueError for deals that cannot be merged."""
    _check([keeper, *others])
    was = chronicle.before(keeper)
    for other in others:
        for contact_id in list(other.contacts):
            contact = account.contacts[contact_id]
            account.unlink(other, contact)
            account.link(keeper, contact)
        for talk_id in other.talks:
            talk = account.talks[talk_id]
            if talk.lead_id == other.id:
                talk.lead_id = keeper.id
                keeper.talks.append(talk.id)
        other.talks.clear()
        _take(account, "leads", keeper, other)
        other.is_deleted, other.merged_into = True, keeper.id

    def told_deleted() -> None:
        for other in others:
            chronicle.lead_deleted(world, account, other, by)

    def told_changed() -> None:
        chronicle.lead_changed(world, account, keeper, was, by)

    _tell(world, told_deleted, told_changed)
    chronicle.merged(world, account, "lead", keeper.id, by)


def merge_contacts(
    world: World, account: SimAccount, keeper: SimContact, others: Sequence[SimContact], by: int
) -> None:
    """The chats of the others become the survivor's; their link ids are new."""
    _check([keeper, *others])
    was = chronicle.before(keeper)
    for other in others:
        for lead_id in list(other.leads):
            lead = account.leads[lead_id]
            is_main = lead.contacts.get(other.id, False)
            account.unlink(lead, other)
            account.link(lead, keeper, main=is_main or None)
        for chat_uuid in list(other.chats):
            account.hand_over(account.chats[chat_uuid], keeper)
        _take(account, "contacts", keeper, other)
        other.is_deleted, other.merged_into = True, keeper.id
    account.index(keeper)

    def told_deleted() -> None:
        for other in others:
            chronicle.contact_deleted(world, account, other, by)

    def told_changed() -> None:
        chronicle.contact_changed(world, account, keeper, was, by)

    _tell(world, told_deleted, told_changed)
    chronicle.merged(world, account, "contact", keeper.id, by)


def _check(merged: Sequence[SimLead] | Sequence[SimContact]) -> None:
    if len(merged) < 2 or len({one.id for one in merged}) < len(merged):
        raise ValueError("a merge needs at least two different entities")
    if any(one.is_deleted for one in merged):
        raise ValueError("what is deleted cannot be merged")


def _take(
    account: SimAccount,
    entity: Literal["leads", "contacts"],
    keeper: SimLead | SimContact,
    other: SimLead | SimContact,
) -> None:
    keeper.tags = other.tags | keeper.tags
    keeper.values = other.values | keeper.values
    account.move_notes(entity, other.id, keeper.id)


def _tell(world: World, deleted: Callable[[], None], changed: Callable[[], None]) -> None:
    order = (deleted, changed) if world.switches.merge_hooks == "delete_first" else (changed, deleted)
    for one in order:
        one()
