"""What linking a deal brings about in amoCRM, and what unlinking takes away again.

Owns the group's own chat in a deal (there while the deal is linked) and the contacts of the group's people in it (they
stay: the conversation with them happened). Every step may be repeated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from contextlib import AsyncExitStack

from dealgram.actors.asking import FindContact, ask_account
from dealgram.actors.group_state import GroupState
from dealgram.actors.names import GroupConversation
from dealgram.actors.outbox import DONE, Outcome
from dealgram.actors.posting import Posting
from dealgram.actors.services import Services
from dealgram.gateways.errors import Refused
from dealgram.persistence import conversations
from dealgram.persistence.records import Participant
from dealgram.runtime import ActorContext

LINK_BATCH = 50
"""Contacts attached to a deal in one request (amoCRM contract §16)."""


class GroupLinking:
    """The amoCRM side of one group's links. Works on the actor's own state."""

    def __init__(self, context: ActorContext, services: Services, state: GroupState, posting: Posting) -> None:
        self._context = context
        self._services = services
        self._state = state
        self._posting = posting
        self._account_id = state.row.account_id

    async def attach(self, deal_id: int) -> Outcome:
        """A newly linked deal: the contacts of everybody seen in the group are attached to it.

        For a large group this takes minutes at amoCRM's pace, which is no sign of being stuck.
        """
        employees = self._services.registry.employees(self._account_id)
        people = [person for person in self._state.present_people if person.user_id not in employees]
        with self._context.dependency("amoCRM"):
            for start in range(0, len(people), LINK_BATCH):
                contacts = await self._contacts(people[start : start + LINK_BATCH])
                if not self._state.is_linked(deal_id):
                    return DONE  # it was unlinked meanwhile
                await self._link(deal_id, people[start : start + LINK_BATCH], contacts)
        return DONE

    async def attach_person(self, user_id: int) -> Outcome:
        """A person who is new in the group: their contact comes into every linked deal."""
        person = self._state.participants.get(user_id)
        if person is not None and user_id not in self._services.registry.employees(self._account_id):
            contacts = await self._contacts([person])
            for deal_id in self._state.deals:
                await self._link(deal_id, [person], contacts)
        return DONE

    async def detach(self, deal_id: int) -> Outcome:
        """An unlinked deal: the group's own contact leaves it; what people wrote stays."""
        if self._state.is_linked(deal_id):
            return DONE  # it was linked again meanwhile
        key = str(GroupConversation(self._state.row.group_id, deal_id))
        row = await conversations.get(self._services.db, self._account_id, key)
        if row is None or row.contact_id is None:
            return DONE
        try:
            await self._services.amocrm(self._account_id).unlink(deal_id, [row.contact_id])
        except Refused as error:
            return Outcome(error=str(error))  # the deal or the contact is gone: there is nothing to leave
        self._posting.forget(key)
        return Outcome(rows=(dataclasses.replace(row, ready=False),))

    async def _link(self, deal_id: int, people: Iterable[Participant], contacts: list[int]) -> None:
        """Attach contacts to a deal, but not while one of these people's conversations is being opened: its first
        message would be bound to this deal instead of its own (see `posting`)."""
        async with AsyncExitStack() as held:
            # In one order, so that two groups that link the same people never wait for each other.
            for user_id in sorted(person.user_id for person in people):
                await held.enter_async_context(self._services.person_locks(self._account_id, str(user_id)))
            await self._services.amocrm(self._account_id).link(deal_id, contacts)

    async def _contacts(self, people: Iterable[Participant]) -> list[int]:
        found: list[int] = []
        for person in people:
            request = FindContact(
                value=str(person.user_id), name=person.name, user_id=person.user_id, username=person.username
            )
            contact_id = await ask_account(self._context.system, self._account_id, request)
            assert isinstance(contact_id, int)
            found.append(contact_id)
        return found
