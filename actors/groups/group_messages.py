"""What a group does with a message that was written in it. Pure: state and message in, decision out.

A message is one of three things: a word to the bot (the menu, an answer to its question), a word of the group that
goes to every linked deal, or something that concerns nobody.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

from dealgram.actors import texts
from dealgram.actors.bodies import AttachDeal, AttachPerson, CheckDeal, PostEmployee, PostMessage, Say
from dealgram.actors.body_parts import Author
from dealgram.actors.cards.changes import first_version
from dealgram.actors.cards.person_names import follow
from dealgram.actors.cards.wording import worded
from dealgram.actors.groups import menu
from dealgram.actors.groups.deal_reference import DealReference, looks_like_deal, read_deal
from dealgram.actors.groups.group_employees import employee_posts
from dealgram.actors.groups.group_state import Dialog, GroupState
from dealgram.actors.groups.invitations import invited_deal
from dealgram.actors.groups.plan import Policy, plan
from dealgram.actors.groups.topics import labelled
from dealgram.actors.names import GroupConversation, group_person_id, service_msgid, telegram_msgid
from dealgram.actors.outbox import Decision, NewBody
from dealgram.actors.reading.authors import GROUP_ANONYMOUS_BOT, chat_author_id
from dealgram.actors.reading.incoming import Incoming
from dealgram.actors.registry import AccountInfo, BotInfo
from dealgram.persistence.past import SAID
from dealgram.persistence.records import Participant, TopicPerson
from dealgram.persistence.tables import Row

CHAT_LANE = "telegram"
"""All that the bot writes into the group goes through one lane: strict order per chat."""

MENU_LANE = "menu"
"""Presses of the menu's buttons."""


_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]{3,32}))?(?:\s+(.*))?", re.DOTALL)


def check_lane(deal_id: int) -> str:
    """The lane of looking a deal up: while amoCRM is silent, neither the menu nor another deal waits for it."""
    return f"check-{deal_id}"


def _is_none(_: int) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the decision needs besides the group's own state."""

    account: AccountInfo
    bot: BotInfo
    now: int
    reply_is_relayed: bool = False
    """The answered message is a manager's answer that the bot relayed: the reply is meant for the manager."""
    employees: Mapping[int, int] = field(default_factory=dict)
    """The amoCRM users whom Telegram users are, by Telegram id."""
    is_our_bot: Callable[[int], bool] = _is_none
    """Whether a bot is connected to dealgram, in whatever account."""


def decide_message(state: GroupState, incoming: Incoming, around: Surroundings) -> Decision:
    """Decide what to do with a message."""
    known, present = dict(state.participants), {person.user_id for person in state.present_people}
    policy = around.account.settings.policy
    switched = state.note_policy(policy)
    rows: list[Row] = [*switched, *state.rename(incoming.chat_title, incoming.chat_kind), *_people(state, incoming)]
    decision = _decide(state, incoming, around)
    if switched:
        contacts = _attach_everybody(state, policy)
    else:
        old = present.union(around.employees)
        came = [person.user_id for person in state.present_people if person.user_id not in old]
        contacts = (*_attach(came, known, state, policy), *_attach_to_topic(rows, came, state, policy))
    return dataclasses.replace(
        decision,
        rows=(*rows, *decision.rows),
        todo=(*decision.todo, *contacts, *_renamed(known, rows)),
    )


def _decide(state: GroupState, incoming: Incoming, around: Surroundings) -> Decision:
    if is_let_go(state, incoming, around):
        return Decision()
    if incoming.from_bot:
        return _word(state, incoming, around)  # bots open no menus: two of them would go on for ever
    dialog = _dialog(state, incoming, around.now)
    if dialog is not None and _answers(dialog, incoming, around):
        more, todo = _read_answer(state, incoming, around, dialog)
        return Decision(rows=more, todo=todo)
    deal_id, who = invited_deal(incoming.text, around.bot.username), _inviter(incoming)
    if deal_id is not None and who is not None:
        return Decision(todo=(_check_invited(incoming, deal_id, who),))
    if _is_command(incoming.text, around.bot.username) and incoming.shown is None:
        return Decision(todo=_menu(state, incoming, around))
    answers_bot = incoming.reply_to_own_bot and not around.reply_is_relayed
    if answers_bot or _mentions(incoming.text, around.bot.username):
        # A bare mention, or a late answer to the question for a deal, is for the bot alone; a sentence that mentions
        # the bot is also a word of the group.
        rest = re.sub(rf"@{re.escape(around.bot.username)}\b", "", incoming.text, flags=re.IGNORECASE).strip()
        if incoming.shown is not None or (rest and not (answers_bot and looks_like_deal(rest))):
            return _word(state, incoming, around, *_menu(state, incoming, around))
        return Decision(todo=_menu(state, incoming, around))
    return _word(state, incoming, around)


def is_let_go(state: GroupState, incoming: Incoming, around: Surroundings) -> bool:
    """Whether a message leaves no line, whatever it says: what our own bots say and do (it would come back for ever),
    what other bots say, unless the account wants to see it, and service lines that it does not want."""
    if incoming.bot_id is not None and (incoming.bot_id == state.row.bot_id or around.is_our_bot(incoming.bot_id)):
        return True
    if incoming.service:
        return not around.account.settings.service_lines
    return incoming.from_bot and around.account.settings.other_bots != "show"


def _word(state: GroupState, incoming: Incoming, around: Surroundings, *more: NewBody) -> Decision:
    """A word of the group: into its deals; and what it says first is kept where it leaves a line, or may leave one in
    a deal that is linked later."""
    todo = posts(state, incoming, around)
    is_kept = incoming.line and (todo or around.account.settings.import_last_messages)
    rows = (first_version(incoming, state.row.account_id, state.row.bot_id),) if is_kept else ()
    return Decision(rows=rows, todo=(*todo, *more), result=SAID if incoming.line else None)


def group_lines(state: GroupState, text: str, cause: str, sent_at_ms: int) -> tuple[NewBody, ...]:
    """A line that dealgram writes into the group's own conversation of every linked deal."""
    return tuple(group_line(state, deal_id, text, cause, sent_at_ms) for deal_id in state.deals)


def group_line(state: GroupState, deal_id: int, text: str, cause: str, sent_at_ms: int) -> NewBody:
    """A line that dealgram writes into the group's own conversation of one deal."""
    conversation = GroupConversation(state.row.group_id, deal_id)
    body = PostMessage(
        conversation=str(conversation),
        msgid=service_msgid(cause, conversation),
        author=group_author(conversation, state.title_in(deal_id)),
        text=text,
        sent_at_ms=sent_at_ms,
        silent=True,
    )
    return NewBody(lane=str(conversation), body=body)


def group_author(conversation: GroupConversation, title: str) -> Author:
    """The group itself as a chat participant of its own conversation in a deal."""
    return Author(id=group_person_id(conversation), name=title)


def post_text(author: Author, line: str, conversation: GroupConversation, label: str = "") -> str:
    """The text as the card shows it: where several people share a conversation, the name stands before it; and before
    all the ``label`` of the topic."""
    return labelled(label, f"{author.name}: {line}" if conversation.user_id is None else line)


def name_in(incoming: Incoming, conversation: GroupConversation) -> str:
    """The name before a message's words; empty where the conversation is the author's own, and for events."""
    return incoming.author.name if conversation.user_id is None and not incoming.service else ""


def label_of(state: GroupState, incoming: Incoming, conversation: GroupConversation) -> str:
    """The label of the topic that a message stands in. A note that tells the topic's name itself needs none."""
    if incoming.service and incoming.topic is not None and incoming.topic.name:
        return ""
    return state.topic_label(incoming.thread, conversation.deal_id)


def posts(state: GroupState, incoming: Incoming, around: Surroundings) -> tuple[NewBody, ...]:
    """What brings a word of the group into its deals."""
    if not incoming.line:
        return ()
    employee = around.employees.get(speaker(incoming) or 0)
    if employee is not None:
        return _employee_posts(state, incoming, employee)
    conversations = plan(
        state.row.group_id,
        state.deals_of(incoming.thread),
        speaker(incoming),
        around.account.settings.policy,
        of_topic=bool(state.own_deals(incoming.thread)),
    )
    return tuple(post(state, incoming, conversation) for conversation in sorted(conversations, key=str))


def _employee_posts(state: GroupState, incoming: Incoming, amo_user_id: int) -> tuple[NewBody, ...]:
    words = worded(incoming)
    body = PostEmployee(
        conversation="",
        msgid="",
        amo_user_id=amo_user_id,
        name=incoming.author.name,
        text=words.text,
        shown=words.shown,
        sent_at_ms=incoming.sent_at_ms,
        chat_id=incoming.chat_id,
        message_id=incoming.message_id,
        reply_to_message_id=incoming.reply_to,
        quoted=incoming.quoted,
        picked=incoming.picked,
        thread=incoming.thread,
    )
    msgid = partial(telegram_msgid, state.row.bot_id, incoming.chat_id, incoming.message_id)
    return employee_posts(state, msgid, body)


def speaker(incoming: Incoming) -> int | None:
    """The person whose words these are; None where the group itself speaks."""
    return None if incoming.service else incoming.author.user_id


def post(state: GroupState, incoming: Incoming, conversation: GroupConversation, *, silent: bool = False) -> NewBody:
    """A message of the group as it is posted into one conversation."""
    is_person = speaker(incoming) is not None
    words = worded(incoming, name=name_in(incoming, conversation), label=label_of(state, incoming, conversation))
    body = PostMessage(
        conversation=str(conversation),
        msgid=telegram_msgid(state.row.bot_id, incoming.chat_id, incoming.message_id, conversation),
        author=incoming.author if is_person else group_author(conversation, state.title_in(conversation.deal_id)),
        text=words.text,
        shown=words.shown,
        sent_at_ms=incoming.sent_at_ms,
        silent=silent or incoming.service,
        chat_id=incoming.chat_id,
        message_id=incoming.message_id,
        reply_to_message_id=incoming.reply_to,
        quoted=incoming.quoted,
        picked=incoming.picked,
        thread=incoming.thread,
    )
    return NewBody(lane=str(conversation), body=body)


def _people(state: GroupState, incoming: Incoming) -> tuple[Row, ...]:
    rows: list[Row] = [*state.topics.hear(incoming.thread, incoming.topic)]
    if incoming.author.user_id is not None and not incoming.from_bot:
        rows += state.saw(incoming.author.user_id, incoming.author.name, incoming.author.username)
        if not incoming.service:
            rows += state.topics.saw(incoming.thread, incoming.author.user_id)
    for person in incoming.joined:
        rows += state.saw(person.user_id, person.name, person.username)
    if incoming.left is not None:
        rows += state.saw(incoming.left.user_id, incoming.left.name, incoming.left.username, present=False)
    return tuple(rows)


def _renamed(known: Mapping[int, Participant], rows: Iterable[Row]) -> tuple[NewBody, ...]:
    """People who were seen here before under another name: their contacts follow."""
    return tuple(
        follow(row.user_id, row.name, row.username)
        for row in rows
        if isinstance(row, Participant)
        and (before := known.get(row.user_id)) is not None
        and (before.name, before.username) != (row.name, row.username)
    )


def _dialog(state: GroupState, incoming: Incoming, now: int) -> Dialog | None:
    """The dialog that a message may belong to: its author's; or, where an administrator answers in the group's name,
    the one whose question is answered."""
    dialogs = state.dialogs(now)
    if incoming.author.user_id is not None:
        return dialogs.get(incoming.author.user_id)
    if incoming.author.id != chat_author_id(incoming.chat_id) or incoming.reply_to is None:
        return None
    return next((dialog for dialog in dialogs.values() if dialog.question_id == incoming.reply_to), None)


def _attach(came: Iterable[int], known: Collection[int], state: GroupState, policy: Policy) -> tuple[NewBody, ...]:
    """The contacts of those who are new in the group, or in it again.

    A contact comes into a deal with the person's own conversation there. Where people share the deal's conversation it
    comes by itself. Where a person has one conversation for all deals it comes with that; but for somebody who is back
    it may have been opened before the latest deals were linked.
    """
    if policy is Policy.DEAL_PARTICIPANT or not state.deals:
        return ()
    return tuple(
        NewBody(lane=f"person-{user_id}", body=AttachPerson(user_id=user_id))
        for user_id in came
        if policy is Policy.DEAL or user_id in known
    )


def _attach_to_topic(
    rows: Iterable[Row], came: Collection[int], state: GroupState, policy: Policy
) -> tuple[NewBody, ...]:
    """The contact of somebody who writes for the first time in a topic that has deals of its own, where no conversation
    of theirs brings it along."""
    new = [row for row in rows if isinstance(row, TopicPerson) and state.own_deals(row.thread_id)]
    if policy is Policy.DEAL_PARTICIPANT:
        return ()
    return tuple(
        NewBody(lane=f"person-{row.user_id}", body=AttachPerson(user_id=row.user_id, thread=row.thread_id))
        for row in new
        if policy is Policy.PARTICIPANT or row.user_id not in came
    )


def _attach_everybody(state: GroupState, policy: Policy) -> tuple[NewBody, ...]:
    """After a change to a policy under which nobody's conversation brings their contact into a deal."""
    if policy is Policy.DEAL_PARTICIPANT:
        return ()
    return tuple(NewBody(lane=f"deal-{deal_id}", body=AttachDeal(deal_id=deal_id)) for deal_id in state.deals)


def _answers(dialog: Dialog, incoming: Incoming, around: Surroundings) -> bool:
    if incoming.service or not incoming.text or incoming.shown is not None:
        return False
    if incoming.reply_to is None:
        return dialog.thread == incoming.thread and looks_like_deal(incoming.text)
    if incoming.reply_to == dialog.question_id:
        return True
    # The answer may overtake the note of the question's id, or be given to an earlier question of the same dialog.
    to_bot = incoming.reply_to_own_bot and not around.reply_is_relayed
    return to_bot and (dialog.question_id is None or looks_like_deal(incoming.text))


def _read_answer(
    state: GroupState, incoming: Incoming, around: Surroundings, dialog: Dialog
) -> tuple[tuple[Row, ...], tuple[NewBody, ...]]:
    match read_deal(incoming.text, around.account.row.host):
        case DealReference(deal_id=deal_id):
            check = CheckDeal(
                deal_id=deal_id,
                user_id=dialog.user_id,
                user_name=incoming.author.name,
                thread=incoming.thread,
                topic=dialog.topic,
            )
            return (), (NewBody(lane=check_lane(deal_id), body=check),)
        case reason:
            again = Say(
                chat_id=state.row.chat_id,
                html=texts.unreadable_html(reason, around.account.row.host),
                force_reply=True,
                placeholder=texts.DEAL_PLACEHOLDER,
                reply_to_message_id=incoming.message_id,
                thread=incoming.thread,
                dialog_user_id=dialog.user_id,
            )
            asked = state.open_dialog(dialog.user_id, around.now, thread=incoming.thread, topic=dialog.topic)
            return asked, (NewBody(lane=CHAT_LANE, body=again),)


def topic_here(state: GroupState, thread: int | None, *, is_offered: bool) -> menu.TopicHere | None:
    """The topic in which a menu stands, if topics can be linked by themselves or this one is."""
    name, linked = state.topic_name(thread), len(state.own_deals(thread))
    if thread is None or name is None or not (is_offered or linked):
        return None
    return menu.TopicHere(thread, name, linked, is_offered)


def _menu(state: GroupState, incoming: Incoming, around: Surroundings) -> tuple[NewBody, ...]:
    here = topic_here(state, incoming.thread, is_offered=around.account.settings.topic_links)
    page = menu.main_page(state.row.title, len(state.deals), here)
    body = Say(
        chat_id=state.row.chat_id,
        html=page.html,
        buttons=page.buttons,
        reply_to_message_id=incoming.message_id,
        thread=incoming.thread,
    )
    return (NewBody(lane=CHAT_LANE, body=body),)


def _inviter(incoming: Incoming) -> int | None:
    """Whose rights count: the person's, or an administrator's who acts as the group; a channel has none."""
    if incoming.author.user_id is None and incoming.author.id == chat_author_id(incoming.chat_id):
        return GROUP_ANONYMOUS_BOT
    return incoming.author.user_id


def _check_invited(incoming: Incoming, deal_id: int, who: int) -> NewBody:
    """Look at the deal that the bot was brought into the group for; whether the person may link is asked there."""
    check = CheckDeal(
        deal_id=deal_id,
        user_id=who,
        user_name=incoming.author.name,
        thread=incoming.thread,
        asks_rights=True,
    )
    return NewBody(lane=check_lane(deal_id), body=check)


def _is_command(text: str, username: str) -> bool:
    """Whether the text is a command to this bot. Commands to other bots are words of the group."""
    match = _COMMAND.fullmatch(text.strip())
    if match is None:
        return False
    return match[2].lower() == username.lower() if match[2] else match[1].lower() in ("menu", "start")


def _mentions(text: str, username: str) -> bool:
    return bool(username) and re.search(rf"@{re.escape(username)}\b", text, flags=re.IGNORECASE) is not None
