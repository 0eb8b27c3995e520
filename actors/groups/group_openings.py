"""What it takes to open the conversations of a group: the group's own one in a deal, and those of its people."""

from __future__ import annotations

import dataclasses

from dealgram.actors.accounts.contact_creation import profile_link
from dealgram.actors.body_parts import Author
from dealgram.actors.cards.opening import Opening
from dealgram.actors.groups.group_deals import GroupDeals
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.names import GroupConversation, group_person_id, parse_conversation, person_id
from dealgram.actors.registry import BotInfo
from dealgram.gateways.amojo import ChatUser
from dealgram.runtime import Permanent


def own_opening(deal_id: int, topic: int | None, *, state: GroupState, deals: GroupDeals, bot: BotInfo) -> Opening:
    """The opening of the group's own conversation in a deal that is about to be linked, whole or to one topic."""
    key = str(GroupConversation(state.row.group_id, deal_id))
    opening = group_opening(key, None, state=state, deals=deals, bot=bot)
    name = f"{state.title_of(topic)} ({bot.name})"
    return dataclasses.replace(
        opening, contact_name=name, chat_user=dataclasses.replace(opening.chat_user, name=name), deals=(deal_id,)
    )


def group_opening(key: str, author: Author | None, *, state: GroupState, deals: GroupDeals, bot: BotInfo) -> Opening:
    """The opening of the conversation ``key``; ``author`` is who speaks in it first, where that is known.

    Raises:
        Permanent: it is no conversation of a group.
    """
    conversation = parse_conversation(key)
    if not isinstance(conversation, GroupConversation):
        raise Permanent(f"{key} is no conversation of a group")
    if conversation.user_id is None:
        name = f"{state.title_in(conversation.deal_id)} ({bot.name})"
        return Opening(
            conversation=conversation,
            bot=bot,
            chat_user=ChatUser(id=group_person_id(conversation), name=name),
            contact_value=key,
            contact_name=name,
            chat_id=state.row.chat_id,
            deals=deals.attachable(conversation, ()),
            silent=deals.is_silent(conversation),
        )
    person = state.participants.get(conversation.user_id)
    name = author.name if author is not None else person.name if person is not None else str(conversation.user_id)
    username = person.username if person is not None else author.username if author is not None else None
    return Opening(
        conversation=conversation,
        bot=bot,
        chat_user=ChatUser(
            id=person_id(conversation.user_id),
            name=name,
            profile_link=profile_link(username),
        ),
        contact_value=str(conversation.user_id),
        contact_name=name,
        user_id=conversation.user_id,
        username=username,
        deals=deals.attachable(conversation, state.whole_deals),
        silent=deals.is_silent(conversation),
    )
