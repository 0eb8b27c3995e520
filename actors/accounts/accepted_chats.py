"""People who are unknown here, but whose private chat has left «Неразобранное» without our hearing of it.

Before a contact is looked for or made for somebody, amoCRM is asked for the contacts of their chats that went to the
unsorted. While an entry waits amoCRM names its contact there already, but keeps it out of the account (amoCRM contract
§11, §12): it can be neither found nor changed nor put into a deal, and is gone when the entry is declined. So only a
contact that can be read is the person's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dealgram.actors.asking import FindContact
from dealgram.actors.services import Services
from dealgram.gateways.amocrm import Contact
from dealgram.persistence import conversations
from dealgram.persistence.records import Conversation

_BATCH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A person, the contact that amoCRM gave to their chat, and the names that the chat's participant had."""

    person: FindContact
    contact: Contact
    given_names: tuple[str, ...]


async def accepted_chats(services: Services, account_id: int, people: Sequence[FindContact]) -> list[Accepted]:
    """Those of the people whose chat has a contact in the account by now. Asks amoCRM only if one has such a chat."""
    by_user = {person.user_id: person for person in people if person.user_id is not None}
    waiting = {
        row.chat_uuid: row
        for row in await conversations.unclaimed_of(services.db, account_id, list(by_user))
        if row.chat_uuid is not None
    }
    client = services.amocrm(account_id)
    found: dict[str, Accepted] = {}
    uuids = list(waiting)
    for start in range(0, len(uuids), _BATCH):
        for link in await client.contacts_of_chats(uuids[start : start + _BATCH]):
            row = waiting.get(link.chat_id)
            if row is None or row.user_id is None:
                continue
            person = by_user[row.user_id]
            if person.value in found:
                continue
            contact = await client.contact(link.contact_id)
            if contact is not None and not contact.is_deleted:
                names = _given_names(services, account_id, person, row)
                found[person.value] = Accepted(person=person, contact=contact, given_names=names)
    return list(found.values())


def _given_names(services: Services, account_id: int, person: FindContact, row: Conversation) -> tuple[str, ...]:
    bot = services.registry.bot_of(account_id, row.bot_id) if row.bot_id is not None else None
    return (person.name,) if bot is None else (person.name, f"{person.name} ({bot.name})")
