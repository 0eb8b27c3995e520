"""What becomes of a contact that people delete, merge, restore or edit in amoCRM.

Which contact is whose is our index's to say. It follows what happens in amoCRM: a contact that is gone is forgotten, or
replaced by the one it was merged into; the field «Telegram ID», by which people and other programs tell the contact,
is put right when it says something else. So a Telegram person never has two contacts with their id: a contact that
comes back after another one has taken its place loses the id, with a note that says so.

Works in a lane of the account's actor. Nobody opens a conversation of a person while their contact is being changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from dealgram.actors.accounts.account_contacts import AccountContacts
from dealgram.actors.asking import CheckContact
from dealgram.actors.cards import deal_texts
from dealgram.actors.commands import ContactChanged, command_entry
from dealgram.actors.names import parse_conversation
from dealgram.actors.outbox import DONE, Outcome
from dealgram.actors.services import AccountGone, Services
from dealgram.gateways.amocrm import Contact as AmoContact
from dealgram.gateways.amocrm import ContactDraft
from dealgram.gateways.amocrm.session import BATCH_LIMIT
from dealgram.gateways.errors import OutcomeUnknown, Refused
from dealgram.persistence import contact_claims, contacts, conversations, records
from dealgram.persistence.entries import NewEntry
from dealgram.persistence.records import Contact, Conversation

log = structlog.get_logger(__name__)

MEND_EVERY_S = 600.0
"""Another program that keeps writing into our field is not fought more often than this."""


class ContactReview:
    """See the module."""

    def __init__(self, services: Services, account_id: int, index: AccountContacts) -> None:
        self._services = services
        self._account_id = account_id
        self._index = index
        self._mended: dict[int, float] = {}

    async def look(self, contact_id: int, cause: str) -> Outcome:
        """Look at a contact and do what follows from how it is now. ``cause`` names what led to this."""
        contact = await self._services.amocrm(self._account_id).contact(contact_id)
        if contact is not None and not contact.is_deleted:
            await self._there(contact)
            return DONE
        await self._gone(contact_id)
        # Only now: a conversation that was being opened with this contact is written by now, any later one has another.
        rows = await conversations.by_contact(self._services.db, self._account_id, contact_id)
        log.info("a contact is gone from amoCRM", account=self._account_id, contact=contact_id, conversations=len(rows))
        return Outcome(entries=self._tell_owners(contact_id, rows, cause))

    async def doubt(self, request: CheckContact) -> bool:
        """amoCRM refused something with this contact: if it is no more, do what follows for the one who asks, and keeps
        everybody else from the person's conversations meanwhile. True if the value has another contact now, or none."""
        if request.user_id is not None:
            known = await contacts.get(self._services.db, self._account_id, request.user_id)
            gone = await self._services.amocrm(self._account_id).contact(request.contact_id) is None
            if known is not None and known.contact_id == request.contact_id and gone:
                rows = await conversations.by_contact(self._services.db, self._account_id, request.contact_id)
                survivor = await self._survivor(request.contact_id, rows)
                if survivor is not None:
                    async with self._index.hold(request.value):
                        await self._replace(known, survivor)
                    return True
        return await self._index.check(request)

    # Gone

    async def _gone(self, contact_id: int) -> None:
        rows = await conversations.by_contact(self._services.db, self._account_id, contact_id)
        own = [row.conversation_id for row in rows if row.group_id is not None and row.user_id is None]
        await contact_claims.drop(self._services.db, self._account_id, own)
        owners = await contacts.users_of(self._services.db, self._account_id, contact_id)
        if not owners:
            return
        survivor = await self._survivor(contact_id, rows)
        for owner in owners:
            async with self._held(owner.user_id):
                await self._replace(owner, survivor)

    async def _replace(self, owner: Contact, survivor: AmoContact | None) -> None:
        """A person's contact is gone: the one it was merged into is theirs, or none until they write again."""
        db, user_id = self._services.db, owner.user_id
        current = await contacts.get(db, self._account_id, user_id)
        if current is None or current.contact_id != owner.contact_id:
            return
        if survivor is None:
            await contacts.forget(db, self._account_id, user_id, owner.contact_id)
            return
        if not self._ids(survivor):
            await self._write_id(survivor.id, user_id)
        log.info("a contact was merged", account=self._account_id, contact=owner.contact_id, survivor=survivor.id)
        # Whatever name it has, people gave it or kept it.
        row = Contact(
            account_id=self._account_id, user_id=user_id, contact_id=survivor.id, name="", username=owner.username
        )
        await records.upsert(db, row)

    async def _survivor(self, contact_id: int, rows: Sequence[Conversation]) -> AmoContact | None:
        """The contact that this one was merged into: it has the chats now (a chat has one contact, amoCRM contract
        §11). A group's own contact is never a person's."""
        client = self._services.amocrm(self._account_id)
        chats = list(dict.fromkeys(row.chat_uuid for row in rows if row.chat_uuid is not None))[:BATCH_LIMIT]
        if not chats:
            return None
        found = {link.contact_id for link in await client.contacts_of_chats(chats)} - {contact_id}
        for candidate in sorted(found):
            theirs = await conversations.by_contact(self._services.db, self._account_id, candidate)
            if any(row.group_id is not None and row.user_id is None for row in theirs):
                continue
            contact = await client.contact(candidate)
            if contact is not None and not contact.is_deleted:
                return contact  # one that is hidden in the unsorted is not shown
        return None

    def _tell_owners(self, contact_id: int, rows: Sequence[Conversation], cause: str) -> tuple[NewEntry, ...]:
        owners = {
            conversation.owner(self._account_id)
            for row in rows
            if (conversation := parse_conversation(row.conversation_id)) is not None
        }
        return tuple(
            command_entry(
                self._account_id,
                owner,
                ContactChanged(contact_id=contact_id),
                key=f"contact:{self._account_id}:{cause}:{owner}:{contact_id}",
            )
            for owner in sorted(owners, key=str)
        )

    # There

    async def _there(self, contact: AmoContact) -> None:
        owners = await contacts.users_of(self._services.db, self._account_id, contact.id)
        if owners:
            if not {str(owner.user_id) for owner in owners}.intersection(self._ids(contact)):
                await self._mend(contact, owners[0].user_id)
            return
        for value in self._ids(contact):
            if value.isascii() and value.isdecimal() and len(value) < 19:  # fits a bigint
                async with self._held(int(value)):
                    await self._came_back(contact, int(value))

    async def _mend(self, contact: AmoContact, user_id: int) -> None:
        """The index says whose contact it is, and the field has to say the same."""
        now = self._services.now().timestamp()
        if now - self._mended.get(contact.id, 0.0) < MEND_EVERY_S:
            log.warning("somebody keeps changing a Telegram ID", account=self._account_id, contact=contact.id)
            return
        self._mended = {each: at for each, at in self._mended.items() if now - at < MEND_EVERY_S} | {contact.id: now}
        log.info("a Telegram ID was put right", account=self._account_id, contact=contact.id)
        await self._write_id(contact.id, user_id)

    async def _came_back(self, contact: AmoContact, user_id: int) -> None:
        """A contact with a person's id that is not known as theirs: theirs again, or a second one."""
        db, client = self._services.db, self._services.amocrm(self._account_id)
        known = await contacts.get(db, self._account_id, user_id)
        if known is None or known.contact_id == contact.id:
            return  # unknown people and those without a contact find theirs when they write
        if await client.contact(known.contact_id) is None:
            await contacts.forget(db, self._account_id, user_id, known.contact_id)
            return
        log.info("a second contact of a person came back", account=self._account_id, contact=contact.id)
        account = self._services.account(self._account_id)
        try:
            await client.update_contacts([ContactDraft(id=contact.id, fields={self._field(): None})])
            link = f"{account.row.host}/contacts/detail/{known.contact_id}"
            await client.add_notes(contact.id, [deal_texts.twin_note(link)], entity="contacts")
        except (Refused, OutcomeUnknown) as error:
            log.warning("a second contact keeps its Telegram ID", account=self._account_id, error=str(error))

    # The field

    @asynccontextmanager
    async def _held(self, user_id: int) -> AsyncIterator[None]:
        """Nobody else looks up, creates or uses a person's contact meanwhile. In this order, as openings do it."""
        value = str(user_id)
        async with self._services.person_locks(self._account_id, value), self._index.hold(value):
            yield

    def _ids(self, contact: AmoContact) -> tuple[str, ...]:
        return contact.values_of(self._field())

    def _field(self) -> int:
        field_id = self._services.account(self._account_id).row.telegram_field_id
        if field_id is None:
            raise AccountGone(f"account {self._account_id} has no contact field yet", retry_after_s=30)
        return field_id

    async def _write_id(self, contact_id: int, user_id: int) -> None:
        draft = ContactDraft(id=contact_id, fields={self._field(): str(user_id)})
        await self._services.amocrm(self._account_id).update_contacts([draft])
