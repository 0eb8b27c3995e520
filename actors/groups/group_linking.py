"""What linking a deal brings about in amoCRM, and what unlinking takes away again.

Owns the group's own chat in a deal (there while the deal is linked) and the contacts of the group's people in it (they
stay: the conversation with them happened). Every step may be repeated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack

import msgspec
import structlog

from dealgram.actors import texts
from dealgram.actors.asking import FindContact, FindContacts, ask_account
from dealgram.actors.bodies import AttachPerson, DetachDeal, PostMessage
from dealgram.actors.cards.deal_contacts import link_if_there
from dealgram.actors.cards.posting import Posting
from dealgram.actors.groups.group_messages import group_author, group_line
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.topics import labelled
from dealgram.actors.names import GroupConversation, parse_conversation
from dealgram.actors.outbox import DONE, NewBody, Outcome
from dealgram.actors.services import Services, now_ms
from dealgram.gateways.amocrm import TooManyLinksError
from dealgram.gateways.errors import Refused
from dealgram.persistence import conversations
from dealgram.persistence.records import Participant
from dealgram.persistence.tables import Row
from dealgram.runtime import ActorContext, Permanent

log = structlog.get_logger(__name__)

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
        """A newly linked deal: the contacts of everybody seen in the group, or in the topic that is linked, are
        attached to it.

        For a large group this takes minutes at amoCRM's pace, which is no sign of being stuck.
        """
        employees = self._services.registry.employees(self._account_id)
        people = [
            person
            for person in self._state.present_people
            if person.user_id not in employees and self._concerns(person.user_id, deal_id)
        ]
        left_out = 0
        with self._context.dependency("amoCRM"):
            for start in range(0, len(people), LINK_BATCH):
                batch = people[start : start + LINK_BATCH]
                contacts = await self._contacts(batch)
                if not self._state.is_linked(deal_id):
                    return DONE  # it was unlinked meanwhile
                left_out += await self._link(deal_id, batch, contacts)
        return Outcome(todo=self._full(deal_id, left_out))

    def _concerns(self, user_id: int, deal_id: int) -> bool:
        """Whether a deal is one of the whole group, or of a topic in which the person writes."""
        topic = self._state.linked_topic(deal_id)
        return topic is None or user_id in self._state.topics.writers.get(topic, ())

    async def attach_person(self, body: AttachPerson) -> Outcome:
        """A person who is new in the group, or in a topic: their contact comes into the deals that this concerns."""
        user_id = body.user_id
        person = self._state.participants.get(user_id)
        if person is not None and user_id not in self._services.registry.employees(self._account_id):
            contacts = await self._contacts([person])
            todo: list[NewBody] = []
            for deal_id in self._state.live_deals:
                if body.thread not in (None, self._state.linked_topic(deal_id)) or not self._concerns(user_id, deal_id):
                    continue
                todo += self._full(deal_id, await self._link(deal_id, [person], contacts))
            return Outcome(todo=tuple(todo))
        return DONE

    def without_contact(self, body: PostMessage) -> Outcome:
        """A message of somebody whose contact does not fit into the deal any more (amoCRM: error 330): it goes into the
        group's own chat there, with the name before the text. Under its own id, so never twice."""
        conversation = parse_conversation(body.conversation)
        if not isinstance(conversation, GroupConversation) or conversation.deal_id is None:
            raise Permanent(f"{body.conversation} is no conversation of a deal")
        shared = GroupConversation(conversation.group_id, conversation.deal_id)
        moved = msgspec.structs.replace(
            body,
            conversation=str(shared),
            author=group_author(shared, self._state.title_in(shared.deal_id)),
            text=_named(body.author.name, body.text, self._state.topic_label(body.thread, shared.deal_id)),
        )
        return Outcome(todo=(*self._full(conversation.deal_id, 1), NewBody(lane=str(shared), body=moved)))

    def _full(self, deal_id: int, left_out: int) -> tuple[NewBody, ...]:
        """Tell the managers of a deal once that it is full: amoCRM takes a line of one id once only."""
        if not left_out:
            return ()
        return (group_line(self._state, deal_id, texts.DEAL_IS_FULL_LINE, "full", now_ms(self._services)),)

    async def detach(self, body: DetachDeal) -> Outcome:
        """An unlinked deal: the group's own contact leaves it; what people wrote stays. So do the own contacts that it
        got from deals that became part of it."""
        deal_id, at = body.deal_id, body.at or body.deal_id
        if self._state.is_served(deal_id):
            return DONE  # it was linked again meanwhile
        rows: list[Row] = []
        error: str | None = None
        for each in (deal_id, *self._state.merged_into(deal_id)):
            key = str(GroupConversation(self._state.row.group_id, each))
            row = await conversations.get(self._services.db, self._account_id, key)
            if row is None or row.contact_id is None:
                continue
            try:
                await self._services.amocrm(self._account_id).unlink(at, [row.contact_id])
            except Refused as refused:
                error = str(refused)  # the deal or the contact is gone: there is nothing to leave
            self._posting.forget(key)
            rows.append(dataclasses.replace(row, ready=False))
        return Outcome(rows=tuple(rows), error=error)

    async def _link(self, deal_id: int, people: Sequence[Participant], contacts: Sequence[int]) -> int:
        """Attach contacts to a deal, but not while one of these people's conversations is being opened: its first
        message would be bound to this deal instead of its own (see `posting`). How many found no room in it."""
        async with AsyncExitStack() as held:
            # In one order, so that two groups that link the same people never wait for each other.
            for user_id in sorted(person.user_id for person in people):
                await held.enter_async_context(self._services.person_locks(self._account_id, str(user_id)))
            return await self._attach(deal_id, contacts)

    async def _attach(self, deal_id: int, contacts: Sequence[int]) -> int:
        client = self._services.amocrm(self._account_id)
        try:
            if not await link_if_there(client, deal_id, contacts):
                await self._posting.tell_gone((deal_id,))
            return 0
        except TooManyLinksError as error:
            # Whoever is in the deal already counts no more, and a contact may itself be in too many deals: halves find
            # those for whom there is room in few requests.
            if len(contacts) == 1:
                log.warning("no room for a contact in a deal", account=self._account_id, deal=deal_id, error=str(error))
                return 1
            middle = len(contacts) // 2
            left = await self._attach(deal_id, contacts[:middle])
            return left + await self._attach(deal_id, contacts[middle:])
        except Refused as error:
            # One of the contacts is no more, and spoils it for the others. Whose it was gets another with their next
            # message.
            if len(contacts) == 1:
                log.info("a contact is gone", account=self._account_id, deal=deal_id, error=str(error))
                return 0
            middle = len(contacts) // 2
            await self._attach(deal_id, contacts[:middle])
            return await self._attach(deal_id, contacts[middle:])

    async def _contacts(self, people: Iterable[Participant]) -> list[int]:
        """The contacts of these people; somebody whom amoCRM refuses to make a contact is left out."""
        request = FindContacts(
            people=tuple(
                FindContact(
                    value=str(person.user_id), name=person.name, user_id=person.user_id, username=person.username
                )
                for person in people
            )
        )
        found = await ask_account(self._context.system, self._account_id, request)
        assert isinstance(found, dict)
        return list(found.values())


def _named(name: str, text: str, label: str) -> str:
    """A text with its author's name before it, and the label of its topic before both."""
    return labelled(label, f"{name}: {text.removeprefix(label)}")
