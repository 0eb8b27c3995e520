"""A contact is gone from amoCRM, or is part of another one: what the owners of its conversations do about it.

They are opened anew, each with its next message (the group's own at once): the account's actor knows by then which
contact is the person's. Nothing that is posted is lost in between: amoCRM keeps what comes into a chat without a
contact among the unsorted, and opening takes it out of there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from dealgram.actors.cards.posting import Posting
from dealgram.actors.names import parse_conversation
from dealgram.actors.outbox import Decision, NewBody, OutboxActor
from dealgram.persistence import conversations
from dealgram.persistence.entries import InboxEntry
from dealgram.persistence.records import Conversation
from dealgram.runtime import Address


async def close_conversations(
    actor: OutboxActor,
    posting: Posting,
    entry: InboxEntry,
    contact_id: int,
    look: Callable[[int], tuple[NewBody, ...]] = lambda _: (),
) -> None:
    """Note that the actor's conversations with a contact are to be opened anew; finishes the entry.

    ``look`` sees to it that a deal is looked at, whose group has lost its own contact.
    """
    with actor.context.dependency("database"):
        found = await conversations.by_contact(actor.services.db, actor.account_id, contact_id)
    mine = [row for row in found if row.ready and _owner(row) == actor.context.address]
    rows = tuple(dataclasses.replace(row, ready=False) for row in mine)
    own = [row.deal_id for row in mine if row.user_id is None and row.deal_id is not None]
    todo = tuple(body for deal_id in own for body in look(deal_id))
    await actor.finish(entry, Decision(rows=rows, todo=todo, result=f"conversations: {len(rows)}"))
    for row in mine:
        posting.forget(row.conversation_id)


def _owner(row: Conversation) -> Address | None:
    conversation = parse_conversation(row.conversation_id)
    return conversation.owner(row.account_id) if conversation is not None else None
