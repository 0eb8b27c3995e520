"""Contacts that amoCRM itself gave to private chats: found out, and made the person's.

A chat that went to «Неразобранное» gets its contact when somebody accepts it, joins it to a deal, or when amoCRM's
duplication control merges it by itself (amoCRM contract §12, §15). Nobody tells us reliably, so there are two ways: a
look after every message of a chat whose contact is not known, and CRM hooks, which only say where to look. Both end in
`LookForContact`, and what counts is what amoCRM shows then.
"""

from __future__ import annotations

from dealgram.actors.asking import AdoptContact, ask_account
from dealgram.actors.bodies import FindAdopted, LookForContact
from dealgram.actors.names import PrivateConversation, parse_conversation
from dealgram.actors.outbox import DONE, NewBody, OutboxActor, Outcome
from dealgram.actors.services import Services
from dealgram.gateways.amocrm import ContactChanged, CrmEvent, LeadChanged, TalkChanged, UnsortedChanged
from dealgram.persistence import conversations
from dealgram.persistence.entries import NewEntry
from dealgram.persistence.records import Conversation, Person

HOOK_SOURCE = "crm"
"""Source of the entries by which the account's actor tells a bot's to look; the payload is the conversation's id."""

ADOPT_LANE = "adopt"
LOOKED_THROUGH = 200
"""Chats in the unsorted, the latest, among which the contact of a CRM hook is looked for."""
_BATCH = 50


def look(conversation: str) -> NewBody:
    """To be decided by the bot's actor: see whether amoCRM has given the chat a contact."""
    return NewBody(lane=f"{ADOPT_LANE}-{conversation}", body=LookForContact(conversation=conversation))


async def look_for_contact(actor: OutboxActor, body: LookForContact, person: Person, bot_name: str) -> Outcome:
    """Carry out a look; what was found out before, or is not there yet, is let be."""
    db, account_id = actor.services.db, actor.account_id
    row = await conversations.get(db, account_id, body.conversation)
    if row is None or not row.ready or row.chat_uuid is None or row.contact_id is not None:
        return DONE
    links = await actor.services.amocrm(account_id).contacts_of_chats([row.chat_uuid])
    if not links:
        return DONE
    request = AdoptContact(
        user_id=person.user_id,
        contact_id=links[0].contact_id,
        name=person.name,
        username=person.username,
        given_names=(person.name, f"{person.name} ({bot_name})"),
    )
    if await ask_account(actor.context.system, account_id, request) is None:
        return DONE  # still in the unsorted
    return Outcome(rows=(_with_contact(row, links[0].contact_id),))


def _with_contact(row: Conversation, contact_id: int) -> Conversation:
    return Conversation(
        account_id=row.account_id,
        conversation_id=row.conversation_id,
        bot_id=row.bot_id,
        user_id=row.user_id,
        chat_uuid=row.chat_uuid,
        contact_id=contact_id,
        ready=True,
    )


async def on_crm_events(
    services: Services, account_id: int, events: tuple[CrmEvent, ...], cause: str
) -> tuple[tuple[NewEntry, ...], tuple[NewBody, ...]]:
    """What the account's actor makes of CRM events: entries for bots whose chats are named, and, if only contacts or
    deals are, something to look up first. Nothing while no chat waits in the unsorted, so that ordinary changes of a
    busy account cost one indexed query. ``cause`` names the hook."""
    chats = {event.chat_id for event in events if isinstance(event, TalkChanged) and event.chat_id}
    contacts = {event.contact_id for event in events if isinstance(event, ContactChanged) and event.change != "delete"}
    contacts |= {each for event in events if isinstance(event, UnsortedChanged) for each in event.contact_ids}
    leads = {event.lead_id for event in events if isinstance(event, LeadChanged) and event.change in ("add", "status")}
    leads |= {each for event in events if isinstance(event, UnsortedChanged) for each in event.lead_ids}
    contacts |= {event.contact_id for event in events if isinstance(event, TalkChanged) and event.contact_id}
    if not (chats or contacts or leads) or not await conversations.unclaimed(services.db, account_id):
        return (), ()
    entries = []
    for chat_id in sorted(chats):
        row = await conversations.by_chat_uuid(services.db, account_id, chat_id)
        if row is not None and row.contact_id is None and row.group_id is None:
            entries.append(_entry(row, cause))
    if entries or not (contacts or leads):
        return tuple(entries), ()
    body = FindAdopted(contact_ids=tuple(sorted(contacts)), lead_ids=tuple(sorted(leads)))
    return (), (NewBody(lane=ADOPT_LANE, body=body),)


async def find_adopted(services: Services, account_id: int, body: FindAdopted, cause: str) -> Outcome:
    """Which chats of the unsorted now have one of these contacts, or a contact of one of these deals: tell their bots.

    A chat whose contact amoCRM shows already when it is still unsorted is looked at in vain, which does no harm."""
    waiting = await conversations.unclaimed(services.db, account_id, LOOKED_THROUGH)
    if not waiting:
        return DONE
    client = services.amocrm(account_id)
    wanted = set(body.contact_ids)
    for lead in await _leads(services, account_id, body.lead_ids):
        wanted.update(lead)
    by_chat = {row.chat_uuid: row for row in waiting if row.chat_uuid is not None}
    uuids = list(by_chat)
    links = [
        link
        for start in range(0, len(uuids) if wanted else 0, _BATCH)
        for link in await client.contacts_of_chats(uuids[start : start + _BATCH])
    ]
    return Outcome(
        entries=tuple(
            _entry(by_chat[link.chat_id], cause)
            for link in links
            if link.contact_id in wanted and link.chat_id in by_chat
        )
    )


async def _leads(services: Services, account_id: int, lead_ids: tuple[int, ...]) -> list[set[int]]:
    found = []
    for lead_id in lead_ids[:_BATCH]:
        lead = await services.amocrm(account_id).lead(lead_id)
        if lead is not None:
            found.append({contact.id for contact in lead.contacts})
    return found


def _entry(row: Conversation, cause: str) -> NewEntry:
    conversation = parse_conversation(row.conversation_id)
    assert isinstance(conversation, PrivateConversation), "only private chats go to the unsorted"
    return NewEntry(
        account_id=row.account_id,
        address=conversation.owner(row.account_id),
        source=HOOK_SOURCE,
        source_key=f"adopt:{row.account_id}:{cause}:{row.conversation_id}",
        payload=row.conversation_id.encode(),
    )
