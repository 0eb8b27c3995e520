"""Room in a deal for a group: amoCRM attaches only so many contacts to one deal (contract §12, error 330).

Before a group is linked its own contact comes into the deal: without it managers could not write to the group, so a
deal without room is not linked. A link may still lose its room later, or come about without anybody asking for it (a
deal that comes back, a merger). Then no message is lost: the group's own chat goes on, silently, with its contact, and
a note in the deal says where. Every message (at most one in `TRY_AGAIN_S`) looks whether there is room by now.

One Telegram group may be two groups of ours, as two bots of one account see it. Owns that only one of them at a time
looks whether the other serves a deal and then links it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import structlog
import trio

from dealgram.actors.cards.deal_contacts import link_if_there
from dealgram.actors.cards.notes import deal_note
from dealgram.actors.cards.opening import Opening, Openings
from dealgram.actors.groups import full_deal_texts
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.names import GroupConversation
from dealgram.actors.outbox import Decision, NewBody, OutboxActor
from dealgram.gateways.amocrm import TooManyLinksError
from dealgram.persistence.records import Conversation

log = structlog.get_logger(__name__)

TRY_AGAIN_S = 60.0
TELL_AGAIN_S = 7 * 86_400.0
"""While there is no room, a note in the deal says so once in such a time."""


class DealRoom:
    """See the module. Works on the group actor's own state. ``opening``: what it takes to open the group's own
    conversation in a deal, for the whole group or for one topic of it."""

    def __init__(self, actor: OutboxActor, state: GroupState, opening: Callable[[int, int | None], Opening]) -> None:
        self._actor = actor
        self._services = actor.services
        self._account_id = actor.account_id
        self._state = state
        self._opening = opening
        self._steps = Openings(actor)
        self._tried: dict[str, tuple[float, Conversation]] = {}
        self._told: set[int] = set()

    def alone(self, deal_id: int) -> AbstractAsyncContextManager[None]:
        """While this is held no other bot of the account links the same Telegram group to the deal."""
        return self._services.link_locks(self._account_id, self._state.row.chat_id, deal_id)

    async def reserve(self, deal_id: int, topic: int | None) -> bool:
        """Put the group's own contact into a deal that is about to be linked; False: amoCRM attaches no more."""
        opening = self._opening(deal_id, topic)
        client = self._services.amocrm(self._account_id)
        async with self._services.person_locks(self._account_id, opening.contact_value):
            contact_id = await self._steps.contact(opening, create=True)
            assert contact_id is not None, "it is created"
            own = contact_id

            async def attach() -> None:
                await link_if_there(client, deal_id, [own])

            try:
                await self._steps.with_contact(opening, own, attach)
            except TooManyLinksError as error:
                log.info("a deal is full", account=self._account_id, deal=deal_id, error=str(error))
                return False
        self._tried.pop(opening.contact_value, None)
        return True

    def tried(self, opening: Opening) -> Conversation | None:
        """The conversation as it was opened a moment ago outside its deal, for want of room."""
        until, row = self._tried.get(str(opening.conversation), (0.0, None))
        return row if trio.current_time() < until else None

    async def missed(self, opening: Opening, row: Conversation, deals: Sequence[int]) -> None:
        """A conversation was opened, and these deals have no room for its contact: their managers are told."""
        if not row.ready:
            self._tried[row.conversation_id] = (trio.current_time() + TRY_AGAIN_S, row)
        for deal_id in deals:
            if deal_id in self._told or not self._state.is_linked(deal_id):
                continue
            self._told.add(deal_id)
            log.warning("no room for a group in its deal", account=self._account_id, deal=deal_id)
            # While the row of the note is in the journal, the same cause writes no other.
            week = int(self._services.now().timestamp() // TELL_AGAIN_S)
            note = self._note(opening, row, deal_id)
            await self._actor.decide(Decision(todo=(note,)), cause=f"full-{deal_id}-{week}")

    def _note(self, opening: Opening, row: Conversation, deal_id: int) -> NewBody:
        title = self._state.title_in(deal_id)
        if isinstance(opening.conversation, GroupConversation) and opening.conversation.deal_id is None:
            return deal_note(deal_id, full_deal_texts.no_room_for_people_note(title))
        account = self._services.account(self._account_id)
        link = account.contact_link(row.contact_id) if row.contact_id is not None else ""
        return deal_note(deal_id, full_deal_texts.no_room_note(title, opening.contact_name, link))
