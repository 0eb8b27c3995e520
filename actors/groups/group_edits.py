"""What becomes of an edited message of a group: what it says now goes wherever it was posted.

Where that is, is looked up and not planned anew: the account's policy may be another one by now, and a deal may have
been given the message by an import. What is decided and still waits for its turn counts as posted, since the edit
waits behind it in the same lane. A deal that was unlinked in between keeps what it had.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from dealgram.actors.bodies import EditMessage, PostEmployee, PostMessage
from dealgram.actors.body_parts import Author
from dealgram.actors.cards.changes import Change, compare, next_version
from dealgram.actors.cards.wording import worded
from dealgram.actors.groups.group_messages import group_author, label_of, name_in
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.names import GroupConversation, parse_conversation
from dealgram.actors.outbox import Decision, NewBody
from dealgram.actors.reading.incoming import Incoming
from dealgram.actors.reading.media_texts import LIVE_ENDED
from dealgram.persistence.messages import Place
from dealgram.persistence.past import EDITED
from dealgram.persistence.records import Original


def decide_edit(
    state: GroupState,
    incoming: Incoming,
    places: Iterable[Place],
    employee: int | None = None,
    known: Original | None = None,
) -> Decision:
    """The edits that bring a message to what it says now, one per place that is still served.

    Args:
        employee: the amoCRM user who wrote it, if it was one.
        known: what it said before, if that was kept.
    """
    if incoming.service or not incoming.line:
        return Decision()
    change = compare(known, incoming)
    if change is Change.NOTHING:
        return Decision(result="nothing new")
    served = [
        (place, conversation)
        for place in sorted(places, key=lambda place: (place.conversation_id, place.msgid))
        if isinstance(conversation := parse_conversation(place.conversation_id), GroupConversation)
        and is_served(state, conversation)
    ]
    rows = (next_version(known, incoming, state.row.account_id, state.row.bot_id),) if known or served else ()
    if change is Change.LIVE_ENDED:
        todo = tuple(_ended(state, incoming, place, conversation, employee) for place, conversation in served)
        return Decision(rows=rows, todo=todo, result=change.value)
    todo = tuple(_edit(state, incoming, place, conversation, employee) for place, conversation in served)
    return Decision(rows=rows, todo=todo, result=EDITED)


def _edit(
    state: GroupState, incoming: Incoming, place: Place, conversation: GroupConversation, employee: int | None
) -> NewBody:
    label = label_of(state, incoming, conversation)
    words = worded(incoming, name="" if place.is_outgoing else name_in(incoming, conversation), label=label)
    body = EditMessage(
        conversation=place.conversation_id,
        msgid=place.msgid,
        text=words.text,
        shown=words.shown,
        chat_id=incoming.chat_id,
        reply_to_message_id=incoming.reply_to,
        quoted=incoming.quoted,
        picked=incoming.picked,
        amo_user_id=employee if place.is_outgoing else None,
        author=_author(state, incoming, conversation),
        edited_at_ms=incoming.edited_at_ms,
    )
    return NewBody(lane=place.conversation_id, body=body)


def _ended(
    state: GroupState, incoming: Incoming, place: Place, conversation: GroupConversation, employee: int | None
) -> NewBody:
    """The line at the end of a live location, in answer to where it began."""
    line = dataclasses.replace(incoming, line=LIVE_ENDED, shown=None, above=())
    label = label_of(state, incoming, conversation)
    text = worded(line, name="" if place.is_outgoing else name_in(line, conversation), label=label).text
    body: PostMessage | PostEmployee
    if place.is_outgoing and employee is not None:
        body = PostEmployee(
            conversation=place.conversation_id,
            msgid=f"{place.msgid}-end",
            amo_user_id=employee,
            name=incoming.author.name,
            text=text,
            sent_at_ms=incoming.edited_at_ms or incoming.sent_at_ms,
            chat_id=incoming.chat_id,
            reply_to_message_id=incoming.message_id,
            thread=incoming.thread,
        )
    else:
        body = PostMessage(
            conversation=place.conversation_id,
            msgid=f"{place.msgid}-end",
            author=_author(state, incoming, conversation),
            text=text,
            sent_at_ms=incoming.edited_at_ms or incoming.sent_at_ms,
            silent=True,
            chat_id=incoming.chat_id,
            reply_to_message_id=incoming.message_id,
            thread=incoming.thread,
        )
    return NewBody(lane=place.conversation_id, body=body)


def _author(state: GroupState, incoming: Incoming, conversation: GroupConversation) -> Author:
    if incoming.author.user_id is not None:
        return incoming.author
    return group_author(conversation, state.title_in(conversation.deal_id))


def is_served(state: GroupState, conversation: GroupConversation) -> bool:
    """Whether a conversation is one of a linked deal, or of one that became part of it; any deal of the whole group,
    for a conversation that all of them share."""
    if conversation.deal_id is None:
        return bool(state.whole_deals)
    return state.is_served(conversation.deal_id)
