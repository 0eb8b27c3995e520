"""What becomes of an edited message of a group: its new text goes wherever it was posted.

Where that is, is looked up and not planned anew: the account's policy may be another one by now, and a deal may have
been given the message by an import. What is decided and still waits for its turn counts as posted, since the edit
waits behind it in the same lane. A deal that was unlinked in between keeps what it had.
"""

from __future__ import annotations

from collections.abc import Iterable

from dealgram.actors.bodies import EditMessage
from dealgram.actors.group_messages import label_of, post_text
from dealgram.actors.group_state import GroupState
from dealgram.actors.incoming import Incoming
from dealgram.actors.names import GroupConversation, parse_conversation
from dealgram.actors.outbox import Decision, NewBody
from dealgram.actors.topics import labelled
from dealgram.persistence.messages import Place
from dealgram.persistence.past import EDITED


def decide_edit(
    state: GroupState, incoming: Incoming, places: Iterable[Place], employee: int | None = None
) -> Decision:
    """The edits that bring a message to its new text, one per place that is still served. ``employee``: the amoCRM user
    who wrote it, if it was one."""
    if incoming.from_bot or incoming.service or not incoming.line:
        return Decision()
    todo: list[NewBody] = []
    for place in sorted(places, key=lambda place: (place.conversation_id, place.msgid)):
        conversation = parse_conversation(place.conversation_id)
        if not isinstance(conversation, GroupConversation) or not is_served(state, conversation):
            continue
        label = label_of(state, incoming, conversation)
        body = EditMessage(
            conversation=place.conversation_id,
            msgid=place.msgid,
            text=labelled(label, incoming.line)
            if place.is_outgoing
            else post_text(incoming.author, incoming.line, conversation, label),
            chat_id=incoming.chat_id,
            reply_to_message_id=incoming.reply_to,
            quoted=incoming.quoted,
            amo_user_id=employee if place.is_outgoing else None,
        )
        todo.append(NewBody(lane=place.conversation_id, body=body))
    return Decision(todo=tuple(todo), result=EDITED)


def is_served(state: GroupState, conversation: GroupConversation) -> bool:
    """Whether a conversation is one of a linked deal, or of one that became part of it; any deal of the whole group,
    for a conversation that all of them share."""
    if conversation.deal_id is None:
        return bool(state.whole_deals)
    return state.is_served(conversation.deal_id)
