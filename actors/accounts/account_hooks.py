"""What an account's actor makes of CRM hooks: it only says who is to look.

Deals that groups are or were linked to go to those groups' actors; contacts that anybody here has to do with to a lane
of the account's own, since contacts have one owner; talks, the unsorted and new contacts to `adoption`. Nothing a hook
says is believed: it may be late, doubled, lost or out of order, and nobody signs it (amoCRM contract §14). For what
hooks have missed, `review_links` looks at everything from time to time.
"""

from __future__ import annotations

import structlog

from dealgram.actors.accounts.adoption import find_adopted, on_crm_events
from dealgram.actors.accounts.contact_review import ContactReview
from dealgram.actors.bodies import FindAdopted, ReviewContact
from dealgram.actors.body_parts import Body
from dealgram.actors.commands import DealChanged, command_entry
from dealgram.actors.groups.link_policy import DEAL_CLOSED, DEAL_DELETED, deal_state
from dealgram.actors.names import account_address, group_address
from dealgram.actors.outbox import Decision, NewBody, Outcome
from dealgram.actors.services import Services
from dealgram.gateways.amocrm import AccountEvent, ContactChanged, CrmEvent, Lead, LeadChanged, parse_crm_hook
from dealgram.gateways.amocrm.session import BATCH_LIMIT
from dealgram.persistence import contacts, conversations, links
from dealgram.persistence.entries import Delivery, InboxEntry, NewEntry
from dealgram.persistence.records import Link

log = structlog.get_logger(__name__)

SOURCE = "crm"

MERGER_APART_S = 600.0
"""A merger comes as two hooks in any order: for so long after a deal is gone, another's change may be the second."""

ENDED_LOOK_BACK_S = 35 * 86_400.0
"""For how long a deal that was deleted may come back: amoCRM's bin keeps it for about a month."""

MISSED_LOOK_BACK_S = 2 * 86_400
_CONTACT_EVENTS = {"contact_deleted": "delete", "contact_restored": "restore", "entity_merged": "update"}


class AccountHooks:
    """See the module."""

    def __init__(self, services: Services, account_id: int, review: ContactReview) -> None:
        self._services = services
        self._account_id = account_id
        self._review = review

    async def decide(self, entry: InboxEntry) -> Decision:
        """Who is to look, after a hook.

        Raises:
            BadPayload: the entry is no hook (it was accepted by another version).
        """
        events = parse_crm_hook(entry.payload).events
        cause = f"e{entry.id}"
        deals = await self._groups(events)
        people = await contact_reviews(self._services, self._account_id, events)
        adopted, todo = await on_crm_events(self._services, self._account_id, events, cause)
        return Decision(
            entries=(*(self._told(deal_id, group_id, cause) for deal_id, group_id in deals), *adopted),
            todo=(*people, *todo),
            result=f"deals: {len(deals)}, contacts: {len(people)}, adoptions: {len(adopted) + len(todo)}",
        )

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome | None:
        """Carry out one of the bodies that hooks led to; None for any other."""
        match body:
            case ReviewContact():
                return await self._review.look(body.contact_id, f"d{delivery.id}")
            case FindAdopted():
                return await find_adopted(self._services, self._account_id, body, f"d{delivery.id}")
            case _:
                return None

    async def _groups(self, events: tuple[CrmEvent, ...]) -> list[tuple[int, int]]:
        """The deals that are to be looked at, each with its group."""
        changed = {event.lead_id for event in events if isinstance(event, LeadChanged)}
        if not changed:
            return []
        found = await links.groups_of_deals(self._services.db, self._account_id, sorted(changed))
        if changed - {deal_id for deal_id, _ in found}:
            # A deal that no group has: perhaps the one that a linked deal has just become part of.
            found += await links.lost_lately(self._services.db, self._account_id, DEAL_DELETED, MERGER_APART_S)
        return list(dict.fromkeys(found))

    def _told(self, deal_id: int, group_id: int, cause: str) -> NewEntry:
        return deal_entry(self._account_id, deal_id, group_id, cause)


def deal_entry(account_id: int, deal_id: int, group_id: int, cause: str) -> NewEntry:
    """Tell a group to look at a deal. ``cause`` names what happened."""
    key = f"deal:{account_id}:{cause}:{group_id}:{deal_id}"
    return command_entry(account_id, group_address(group_id), DealChanged(deal_id=deal_id), key=key)


async def contact_reviews(services: Services, account_id: int, events: tuple[CrmEvent, ...]) -> tuple[NewBody, ...]:
    """Looks at the contacts that these events are about, as far as they concern anybody here. A contact that came back
    may be one that was forgotten meanwhile, so it is always looked at."""
    changed = {event.contact_id for event in events if isinstance(event, ContactChanged) and event.change != "add"}
    restored = {event.contact_id for event in events if isinstance(event, ContactChanged) and event.change == "restore"}
    known = await contacts.known(services.db, account_id, sorted(changed)) if changed else []
    return tuple(contact_review(contact_id) for contact_id in sorted({*known, *restored}))


def contact_review(contact_id: int) -> NewBody:
    """A look at one contact, for the account's actor."""
    return NewBody(lane=f"review-contact-{contact_id}", body=ReviewContact(contact_id=contact_id))


async def review_links(services: Services, account_id: int) -> str:
    """Find what hooks have missed: look at all deals that groups are linked to, and at what happened to contacts.

    What is different from what is kept is handed to its owner as if a hook had come. Says what was looked at, in
    Russian.

    Raises:
        GatewayError: not now; call again.
    """
    cause = f"review-{int(services.now().timestamp())}"
    kept = await links.to_review(services.db, account_id, ENDED_LOOK_BACK_S)
    client = services.amocrm(account_id)
    deals = sorted({link.deal_id for link in kept})
    found: dict[int, Lead] = {}
    for start in range(0, len(deals), BATCH_LIMIT):
        found |= {lead.id: lead for lead in await client.leads(deals[start : start + BATCH_LIMIT])}
    entries = [
        deal_entry(account_id, link.deal_id, link.group_id, cause)
        for link in kept
        if await _differs(services, link, found.get(link.deal_id))
    ]
    missed = await _missed_contacts(services, account_id)
    entries += [_as_hook(account_id, missed, cause)] if missed else []
    await services.journal.accept(entries)
    return f"Сделок, связанных с группами: {sum(link.status == 'linked' for link in kept)}."


async def _differs(services: Services, link: Link, lead: Lead | None) -> bool:
    """Whether a link is to be looked at more closely. The list of deals is a hint: what it lacks may be there."""
    if link.status == "unlinked":
        closed_still = link.reason == DEAL_CLOSED and lead is not None and deal_state(lead) != "open"
        return link.reason in (DEAL_DELETED, DEAL_CLOSED) and not closed_still
    if lead is None or link.deal_state == "deleted":
        return True
    seen = (link.deal_state, link.pipeline_id, link.deal_name)
    if seen != (deal_state(lead), lead.pipeline_id, lead.name or link.deal_name):
        return True
    there = {contact.id for contact in lead.contacts}
    return await conversations.lost_contact(services.db, link.account_id, link.group_id, link.deal_id, there)


async def _missed_contacts(services: Services, account_id: int) -> list[AccountEvent]:
    since = int(services.now().timestamp()) - MISSED_LOOK_BACK_S
    return await services.amocrm(account_id).events(tuple(_CONTACT_EVENTS), entity="contact", since=since)


def _as_hook(account_id: int, events: list[AccountEvent], cause: str) -> NewEntry:
    """What happened to contacts, in the words of the hooks that may have been lost."""
    named = dict.fromkeys((_CONTACT_EVENTS[event.type], event.entity_id) for event in events if event.entity_id)
    said = "&".join(f"contacts[{change}][{index}][id]={each}" for index, (change, each) in enumerate(named))
    return NewEntry(
        account_id=account_id,
        address=account_address(account_id),
        source=SOURCE,
        source_key=f"{account_id}:{cause}",
        payload=f"{said}&account[id]={account_id}".encode(),
    )
