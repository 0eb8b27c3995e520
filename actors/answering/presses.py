"""A person pressed a text button of an answer (Salesbot, a template): what that says goes to amoCRM as their message.

Owns what a press comes to, in a private chat and in a group. Pure.

- The press is answered at once, in a lane of its own.
- In a private chat the text buttons go away after a press, and a message is answered once. In a group they stay, since
  everybody may answer; there each button counts once per person.
- In a group the press goes where the buttons came from, without any name before it, because Salesbot waits for exactly
  this text; into the other linked deals it goes as any message of that person does.
"""

from __future__ import annotations

from dealgram.actors import texts
from dealgram.actors.answering.answer_buttons import Pressed, read_pressed
from dealgram.actors.bodies import AnswerPress, EditButtons, PostEmployee, PostMessage
from dealgram.actors.body_parts import Author
from dealgram.actors.groups.group_employees import employee_posts
from dealgram.actors.groups.group_messages import Surroundings, group_author, post_text
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.plan import plan
from dealgram.actors.groups.topics import thread_of
from dealgram.actors.names import GroupConversation, PrivateConversation, person_id, press_msgid
from dealgram.actors.outbox import Decision, NewBody
from dealgram.actors.reading.authors import TELEGRAM_ITSELF, person_name
from dealgram.gateways.telegram import CallbackQuery


def toast(query: CallbackQuery, text: str, *, alert: bool = False) -> NewBody:
    """Answer a press, beside everything else that waits."""
    return NewBody(lane=f"press-{query.id}", body=AnswerPress(query_id=query.id, text=text, alert=alert))


def press_author(query: CallbackQuery) -> Author:
    """Who pressed, as a chat participant in amoCRM."""
    person = query.from_user
    return Author(
        id=person_id(person.id), name=person_name(person), user_id=person.id, username=person.username or None
    )


def decide_private_press(bot_id: int, query: CallbackQuery, chat_lane: str, at_ms: int) -> Decision:
    """A press in a person's chat with the bot."""
    pressed = read_pressed(query, bot_id)
    message = query.message
    if pressed is None or message is None:
        return Decision(todo=(toast(query, texts.BUTTON_STALE, alert=True),), result="stale button")
    conversation = PrivateConversation(bot_id, message.chat.id)
    post = PostMessage(
        conversation=str(conversation),
        msgid=press_msgid(bot_id, message.chat.id, message.message_id, query.from_user.id, "", conversation),
        author=press_author(query),
        text=pressed.text,
        sent_at_ms=at_ms,
        chat_id=message.chat.id,
        reply_to_message_id=message.message_id,
        once=True,
    )
    buttons = EditButtons(chat_id=message.chat.id, message_id=message.message_id, buttons=pressed.links)
    return Decision(
        todo=(
            toast(query, texts.pressed_toast(pressed.text)),
            NewBody(lane=post.conversation, body=post),
            NewBody(lane=chat_lane, body=buttons),
        )
    )


def decide_group_press(state: GroupState, query: CallbackQuery, around: Surroundings, at_ms: int) -> Decision:
    """A press in a group."""
    pressed = read_pressed(query, around.bot.bot_id)
    if pressed is None or query.message is None:
        return Decision(todo=(toast(query, texts.BUTTON_STALE, alert=True),), result="stale button")
    origin = pressed.conversation
    if not isinstance(origin, GroupConversation) or origin.group_id != state.row.group_id:
        origin = None
    if origin is None:
        linked = bool(state.deals_of(thread_of(query.message)))
    else:
        linked = state.is_linked(origin.deal_id) if origin.deal_id is not None else bool(state.whole_deals)
    if not linked:
        return Decision(todo=(toast(query, texts.BUTTON_UNLINKED, alert=True),), result="not linked")
    person = query.from_user
    rows = () if _is_group_itself(query) else state.saw(person.id, person_name(person), person.username or None)
    answered = toast(query, texts.pressed_toast(pressed.text))
    return Decision(rows=rows, todo=(answered, *_posts(state, query, pressed, origin, around, at_ms)))


def _posts(
    state: GroupState,
    query: CallbackQuery,
    pressed: Pressed,
    origin: GroupConversation | None,
    around: Surroundings,
    at_ms: int,
) -> tuple[NewBody, ...]:
    assert query.message is not None
    thread = thread_of(query.message)
    chat_id, message_id, user_id = query.message.chat.id, query.message.message_id, query.from_user.id

    def msgid(conversation: GroupConversation) -> str:
        choice = str(pressed.index)
        return press_msgid(around.bot.bot_id, chat_id, message_id, user_id, choice, conversation)

    if (employee := around.employees.get(user_id)) is not None:
        return employee_posts(
            state,
            msgid,
            PostEmployee(
                conversation="",
                msgid="",
                amo_user_id=employee,
                name=person_name(query.from_user),
                text=pressed.text,
                sent_at_ms=at_ms,
                chat_id=chat_id,
                reply_to_message_id=message_id,
                once=True,
                thread=thread,
            ),
        )
    policy = around.account.settings.policy
    speaker = None if _is_group_itself(query) else user_id
    others = [deal_id for deal_id in state.deals_of(thread) if origin is None or deal_id != origin.deal_id]
    of_topic = bool(state.own_deals(thread))
    # A conversation that all deals share is the whole plan; else the other deals get theirs.
    planned = (
        plan(state.row.group_id, others, speaker, policy, of_topic=of_topic)
        if origin is None or origin.deal_id
        else frozenset()
    )
    targets = sorted(planned | ({origin} if origin is not None else set()), key=str)
    author = press_author(query)

    def speaks(conversation: GroupConversation) -> Author:
        return author if speaker is not None else group_author(conversation, state.title_in(conversation.deal_id))

    def text(conversation: GroupConversation) -> str:
        if conversation == origin:
            return pressed.text
        return post_text(author, pressed.text, conversation, state.topic_label(thread, conversation.deal_id))

    return tuple(
        NewBody(
            lane=str(conversation),
            body=PostMessage(
                conversation=str(conversation),
                msgid=msgid(conversation),
                author=speaks(conversation),
                text=text(conversation),
                sent_at_ms=at_ms,
                chat_id=chat_id,
                reply_to_message_id=message_id,
                once=True,
                thread=thread,
            ),
        )
        for conversation in targets
    )


def _is_group_itself(query: CallbackQuery) -> bool:
    return query.from_user.id in TELEGRAM_ITSELF
