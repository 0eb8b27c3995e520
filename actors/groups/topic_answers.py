"""In which forum topic a manager's answer is given.

Where the answered message stands, if it answers one. Else in the topic that its deal is linked to by itself. Else where
the conversation was last heard of, unless that topic has deals of its own by now; and in the General topic, where
nothing else is known. An answer to a topic that was deleted goes to the General topic once, and says so; unless its
deal is linked to that topic alone: the rest of the group has nothing to do with it. Works on the group's own state.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dealgram.actors.answering.answers import name_prefix, refuse
from dealgram.actors.answering.split_text import CAPTION_LIMIT, TEXT_LIMIT, utf16_length
from dealgram.actors.bodies import SendAnswer
from dealgram.actors.groups import topic_texts
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.topics import GENERAL
from dealgram.actors.names import GroupConversation, parse_conversation
from dealgram.actors.outbox import NewBody, Outcome
from dealgram.actors.services import Services
from dealgram.persistence import messages


async def answer_thread(
    services: Services, state: GroupState, conversation: GroupConversation, reply_to: int | None = None
) -> int | None:
    """The topic for an answer from a conversation to the message ``reply_to`` of the group; None where there is no
    forum, or where Telegram is to put it beside the answered message.

    Raises:
        DatabaseUnavailable: ask again.
    """
    if not state.topics.known:
        return None
    account_id, row = state.row.account_id, state.row
    if reply_to is not None:
        answered = await messages.by_telegram(services.db, account_id, row.bot_id, row.chat_id, reply_to)
        thread = next((one.thread_id for one in answered if one.thread_id is not None), None)
        if thread is not None:
            return thread
    deal_id = state.last_of(conversation.deal_id) if conversation.deal_id is not None else None
    topic = state.linked_topic(deal_id) if deal_id is not None else None
    if topic is not None or reply_to is not None:
        return topic
    last = await messages.last_thread(services.db, account_id, str(conversation))
    return GENERAL if last is None or state.own_deals(last) else last


def into_topic(todo: Iterable[NewBody], thread: int | None) -> tuple[NewBody, ...]:
    """The rows of an answer, addressed to a topic."""
    return tuple(
        NewBody(lane=new.lane, body=msgspec.structs.replace(new.body, thread=thread), dedupe=new.dedupe)
        if isinstance(new.body, SendAnswer)
        else new
        for new in todo
    )


def without_topic(state: GroupState, body: SendAnswer, lane: str, error: str) -> Outcome:
    """What becomes of an answer whose topic turned out to be deleted."""
    conversation = parse_conversation(body.conversation)
    deal_id = conversation.deal_id if isinstance(conversation, GroupConversation) else None
    if deal_id is not None and state.linked_topic(state.last_of(deal_id)) == body.thread:
        told = refuse(body.amo_id, topic_texts.LINKED_TOPIC_GONE, in_background=body.background)
        return Outcome(error=error, todo=(told,))
    line = "\n".join(part for part in (topic_texts.gone_line(state.topic_name(body.thread) or ""), body.quoted) if part)
    taken = utf16_length(f"{name_prefix(body.shown_name)}{line}\n{body.text}")
    again = msgspec.structs.replace(
        body,
        thread=GENERAL,
        reply_to_message_id=None,
        answered="",
        quote="",
        quoted=line if body.part == 1 and taken <= (TEXT_LIMIT if body.media is None else CAPTION_LIMIT) else "",
        deals=state.whole_deals,
    )
    return Outcome(error=error, todo=(NewBody(lane=lane, body=again),))
