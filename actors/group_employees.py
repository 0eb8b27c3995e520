"""What a group does with the words of an employee: they are the amoCRM user's own, not a client's. Pure.

They go into the group's own conversation of every linked deal, whatever the account's policy, as outgoing messages.
An employee has no contact and comes into no deal; who was marked as one while having a contact keeps what is there.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from dealgram.actors.bodies import PostEmployee
from dealgram.actors.group_state import GroupState
from dealgram.actors.names import GroupConversation
from dealgram.actors.outbox import NewBody


def own_conversations(state: GroupState) -> tuple[GroupConversation, ...]:
    """The group's own conversation in every linked deal."""
    return tuple(GroupConversation(state.row.group_id, deal_id) for deal_id in state.deals)


def employee_posts(
    state: GroupState, msgid: Callable[[GroupConversation], str], body: PostEmployee
) -> tuple[NewBody, ...]:
    """The rows that import ``body`` into every linked deal; its conversation and id are filled in."""
    return tuple(
        NewBody(
            lane=str(conversation),
            body=msgspec.structs.replace(body, conversation=str(conversation), msgid=msgid(conversation)),
        )
        for conversation in own_conversations(state)
    )
