"""The contacts of one account, by Telegram ID: known, else found in amoCRM, else created, one at a time per person.

Owned by the account actor alone, so that two groups that meet a person at the same moment never make two contacts.
Every operation holds a lock for each value that it touches; many are taken in one order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack

import structlog

from dealgram.actors import texts
from dealgram.actors.accounts.accepted_chats import accepted_chats
from dealgram.actors.accounts.contact_creation import ContactCreation, in_doubt, profile_link
from dealgram.actors.asking import AdoptContact, CheckContact, FindContact, FindContacts, PersonRenamed
from dealgram.actors.services import KeyedLocks, Services
from dealgram.gateways.amocrm import ContactDraft
from dealgram.gateways.errors import OutcomeUnknown, Refused
from dealgram.persistence import contact_claims, contacts, records

log = structlog.get_logger(__name__)


class AccountContacts:
    """See the module."""

    def __init__(self, services: Services, account_id: int) -> None:
        self._services = services
        self._account_id = account_id
        self._creation = ContactCreation(services, account_id)
        self._locks = KeyedLocks()

    def hold(self, value: str) -> AbstractAsyncContextManager[None]:
        """Keep everybody else from looking up or creating the contact of a value."""
        return self._locks(value)

    async def find(self, request: FindContact) -> int | None:
        """The contact of a Telegram user (or of a group); None only if it does not exist and is not to be created.

        Raises:
            AccountGone: the account is not set up yet.
            Transient: whether the contact exists is not known at the moment.
        """
        return (await self.find_all(FindContacts(people=(request,), create=request.create))).get(request.value)

    async def find_all(self, request: FindContacts) -> dict[str, int]:
        """The contacts of many people, by value. Those that amoCRM refuses to create are left out, with a log line;
        of a single one the refusal is raised."""
        async with AsyncExitStack() as held:
            for value in sorted({person.value for person in request.people}):
                await held.enter_async_context(self._locks(value))
            return await self._find_all(tuple({person.value: person for person in request.people}.values()), request)

    async def _find_all(self, people: Sequence[FindContact], request: FindContacts) -> dict[str, int]:
        db, creation = self._services.db, self._creation
        known = await contacts.of_users(db, self._account_id, [one.user_id for one in people if one.user_id])
        found = {person.value: known[person.user_id].contact_id for person in people if person.user_id in known}
        missing = [person for person in people if person.value not in found]
        if not missing:
            return found
        claims = await contact_claims.get(db, self._account_id, [person.value for person in missing])
        found |= {claim.value: claim.contact_id for claim in claims.values() if claim.contact_id is not None}
        missing = [person for person in missing if person.value not in found]
        for person in missing:
            contact_id = await creation.look_up(person.value)
            if contact_id is not None:
                found[person.value] = contact_id
                await creation.settle([person], found, named=False)
        missing = [person for person in missing if person.value not in found]
        for one in await accepted_chats(self._services, self._account_id, missing):
            await creation.adopt(one.contact, one.person, given_names=one.given_names)
            log.info("a contact was adopted", account=self._account_id, contact=one.contact.id)
            found[one.person.value] = one.contact.id
        missing = [person for person in missing if person.value not in found]
        resumed, doubtful = await creation.resume(claims[one.value] for one in missing if one.value in claims)
        await creation.settle([person for person in missing if person.value in resumed], resumed, named=True)
        found |= resumed
        waiting = {claim.value for claim in doubtful}
        missing = [person for person in missing if person.value not in found and person.value not in waiting]
        if request.create:
            found |= await creation.create(missing)
        if doubtful:
            raise in_doubt(doubtful)
        return found

    async def check(self, request: CheckContact) -> bool:
        """amoCRM refused something with this contact: if it is no more, forget it. True if it was forgotten."""
        async with self._locks(request.value):
            contact = await self._services.amocrm(self._account_id).contact(request.contact_id)
            if contact is not None and not contact.is_deleted:
                return False
            log.info("a contact is gone from amoCRM", account=self._account_id, contact=request.contact_id)
            if request.user_id is not None:
                await contacts.forget(self._services.db, self._account_id, request.user_id, request.contact_id)
            else:
                await contact_claims.drop(self._services.db, self._account_id, [request.value])
            return True

    async def adopt(self, request: AdoptContact) -> int | None:
        """amoCRM gave a person's chat a contact of its own (the unsorted was accepted, linked or merged): from now on
        it is the person's, unless they have another one. The person's contact; None while amoCRM does not show it.

        Raises:
            Transient: another contact of the person may just be coming into being.
        """
        value, db = str(request.user_id), self._services.db
        async with self._locks(value):
            client = self._services.amocrm(self._account_id)
            contact = await client.contact(request.contact_id)
            if contact is None:
                return None  # still in the unsorted, or deleted
            person = FindContact(
                value=value, name=request.name, user_id=request.user_id, username=request.username, create=False
            )
            ours = await self._find_all([person], FindContacts(people=(person,), create=False))
            if (known := ours.get(value)) is None:
                await self._creation.adopt(contact, person, given_names=request.given_names)
                log.info("a contact was adopted", account=self._account_id, contact=contact.id)
                return contact.id
            if known == contact.id:
                return known
            row = await contacts.get(db, self._account_id, request.user_id)
            if row is not None and await client.contact(known) is None:
                await contacts.forget(db, self._account_id, request.user_id, known)
                await self._creation.adopt(contact, person, given_names=request.given_names)
                return contact.id
            await self._tell_of_twins(contact.id, known)
            return known

    async def _tell_of_twins(self, contact_id: int, known: int) -> None:
        """A person has a contact from a group, and their private chat got another: only people can merge them."""
        log.warning("a person has two contacts", account=self._account_id, contacts=[known, contact_id])
        link = f"{self._creation.account().row.host}/contacts/detail/{known}"
        try:
            await self._services.amocrm(self._account_id).add_notes(
                contact_id, [texts.twin_contact_note(link)], entity="contacts"
            )
        except (Refused, OutcomeUnknown) as error:
            log.warning("the note about two contacts was not written", error=str(error))

    async def follow(self, request: PersonRenamed) -> None:
        """A person has another name or public name: their contact follows, as far as it still is as we made it."""
        async with self._locks(str(request.user_id)):
            row = await contacts.get(self._services.db, self._account_id, request.user_id)
            if row is None:
                return
            renamed = bool(row.name) and row.name != request.name
            relinked = row.username != request.username and request.username is not None
            if not renamed and not relinked:
                return
            client = self._services.amocrm(self._account_id)
            contact = await client.contact(row.contact_id)
            if contact is None:
                return
            fields: dict[int, str] = {}
            link_field = await self._creation.link_field() if relinked else None
            if link_field is not None:
                held = contact.values_of(link_field)
                link = profile_link(request.username)
                if link is not None and (not held or held == (profile_link(row.username),)):
                    fields[link_field] = link
            is_ours = contact.name == row.name
            name = request.name if renamed and is_ours else None
            if name is not None or fields:
                await client.update_contacts([ContactDraft(id=contact.id, name=name, fields=fields)])
            await records.upsert(
                self._services.db,
                dataclasses.replace(
                    row,
                    # Somebody named the contact themselves: from now on its name is theirs.
                    name=request.name if name is not None else row.name if is_ours else "",
                    username=request.username if relinked else row.username,
                ),
            )
