"""What a group does with the words of an employee: they are the amoCRM user's own, not a client's. Pure.

They go into the group's own conversation of every deal that they belong to, whatever the account's policy, as outgoing
messages.
An employee has no contact and comes into no deal; who was marked as one while having a contact keeps what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from dealgram.actors.bodies import PostEmployee
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.topics import labelled
from dealgram.actors.names import GroupConversation
from dealgram.actors.outbox import NewBody


def own_conversations(state: GroupState, thread: int | None) -> tuple[GroupConversation, ...]:
    """The group's own conversation in every deal that what is said in a topic belongs to."""
    return tuple(GroupConversation(state.row.group_id, deal_id) for deal_id in state.deals_of(thread))


def employee_posts(
    state: GroupState, msgid: Callable[[GroupConversation], str], body: PostEmployee
) -> tuple[NewBody, ...]:
    """The rows that import ``body`` into every deal it belongs to; its conversation, its id and the topic's name before
    the text are filled in."""
    return tuple(
        NewBody(
            lane=str(conversation),
            body=msgspec.structs.replace(
                body,
                conversation=str(conversation),
                msgid=msgid(conversation),
                **_labelled(body, state.topic_label(body.thread, conversation.deal_id)),
            ),
        )
        for conversation in own_conversations(state, body.thread)
    )


def _labelled(body: PostEmployee, label: str) -> dict[str, Any]:
    shown = body.shown
    if shown is not None:
        shown = msgspec.structs.replace(shown, instead=labelled(label, shown.instead))
    return {"text": labelled(label, body.text), "shown": shown}
