"""The actor of a Telegram group, as one bot sees it.

Owns the group's state, its links to deals and the order of its messages, linked or not: the menu, the question for a
deal and the messages between them are one sequence. Reads updates of the group and managers' answers from its mailbox;
posts, sends and looks up in its lanes. Group ids are ours: when Telegram turns the group into a supergroup, one column
changes.
"""

from __future__ import annotations

import dataclasses

import structlog

from dealgram.actors import texts
from dealgram.actors.answering.answer_buttons import is_answer_press
from dealgram.actors.answering.presses import decide_group_press
from dealgram.actors.answering.report import deliver_report
from dealgram.actors.answering.sending import Sending, gave_up
from dealgram.actors.bodies import (
    AddNote,
    AnswerPress,
    AttachDeal,
    AttachPerson,
    CheckDeal,
    DetachDeal,
    EditButtons,
    EditMenu,
    EditMessage,
    FollowPerson,
    HandlePress,
    MirrorAnswer,
    PostEmployee,
    PostMessage,
    ReportStatus,
    ReviewDeal,
    Say,
    SendAnswer,
    moved,
)
from dealgram.actors.body_parts import Author, Body
from dealgram.actors.cards.contact_changes import close_conversations
from dealgram.actors.cards.deal_texts import OPERATOR
from dealgram.actors.cards.notes import deliver_note
from dealgram.actors.cards.opening import Opening
from dealgram.actors.cards.person_names import carry_after
from dealgram.actors.cards.posting import Posting
from dealgram.actors.commands import (
    BotRemoved,
    Command,
    ContactChanged,
    DealChanged,
    LinkDeal,
    MessagesLost,
    UnlinkDeal,
    read_command,
)
from dealgram.actors.gesture_bodies import FindReacted, ReactInCard, ShowReaction, SpreadReaction
from dealgram.actors.gestures.reactions import HOOK_SOURCE as REACTION_SOURCE
from dealgram.actors.gestures.reactions import Reactions
from dealgram.actors.groups.deal_room import DealRoom
from dealgram.actors.groups.gap_lines import decide_lost
from dealgram.actors.groups.group_answers import GroupAnswers
from dealgram.actors.groups.group_deals import GroupDeals
from dealgram.actors.groups.group_import import GroupImport
from dealgram.actors.groups.group_linking import GroupLinking
from dealgram.actors.groups.group_membership import (
    decide_disconnection,
    decide_membership,
    decide_own_membership,
    decide_upgrade,
)
from dealgram.actors.groups.group_menu import GroupMenu
from dealgram.actors.groups.group_messages import (
    CHAT_LANE,
    MENU_LANE,
    Surroundings,
    check_lane,
)
from dealgram.actors.groups.group_openings import group_opening, own_opening
from dealgram.actors.groups.group_reactions import GroupReactions
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.group_words import GroupWords
from dealgram.actors.groups.link_command import BOT_NOT_CONNECTED
from dealgram.actors.groups.topics import thread_of
from dealgram.actors.names import (
    GroupConversation,
    group_address,
)
from dealgram.actors.outbox import DONE, Decision, NewBody, Outcome
from dealgram.actors.reading.authors import person_name
from dealgram.actors.reading.incoming import read_message
from dealgram.actors.registry import BotInfo
from dealgram.actors.services import Services, now_ms
from dealgram.actors.subscriptions.served import ServedActor
from dealgram.gateways.amocrm import TooManyLinksError
from dealgram.gateways.telegram import (
    CallbackQuery,
    ChatMigrated,
    MembershipChanged,
    Message,
    ReactionChanged,
    Update,
    parse_update,
)
from dealgram.persistence import bots, groups, links, participants, topics
from dealgram.persistence.entries import Delivery, InboxEntry, NewEntry
from dealgram.persistence.records import Group
from dealgram.persistence.tables import Row
from dealgram.runtime import Failure, Permanent, Transient

log = structlog.get_logger(__name__)


class GroupActor(ServedActor):
    """See the module."""

    def __init__(self, services: Services, group_id: int) -> None:
        super().__init__(services)
        self._group_id = group_id
        self._posting: Posting
        self._state: GroupState
        self._linking: GroupLinking
        self._import: GroupImport
        self._words: GroupWords
        self._menu: GroupMenu
        self._sending: Sending
        self._answers: GroupAnswers
        self._deals: GroupDeals
        self._room: DealRoom
        self._reactions: Reactions
        self._known_bot: BotInfo
        self._told_to_wait: set[int] = set()

    async def activate(self) -> None:
        with self.context.dependency("database"):
            await self.services.journal.settled()
            row = await groups.find(self.services.db, self._group_id)
            if row is None:
                raise Transient(f"group {self._group_id} is not in the database", retry_after_s=30)
            self.account_id = row.account_id
            bot = await bots.of_account(self.services.db, row.account_id, row.bot_id)
            if bot is None:
                raise Transient(f"bot {row.bot_id} is not in the database", retry_after_s=30)
            self._known_bot = BotInfo.of_the_past(bot)
            await self.services.groups.find_heir(row)
            self._state = GroupState.of(
                row,
                await links.for_group(self.services.db, self.account_id, self._group_id, unlinked=True),
                await participants.for_group(self.services.db, self.account_id, self._group_id),
                await topics.for_group(self.services.db, self.account_id, self._group_id),
                await topics.people(self.services.db, self.account_id, self._group_id),
            )
            self._posting = Posting(self)
            self._linking = GroupLinking(self.context, self.services, self._state, self._posting)
            self._import = GroupImport(self.context, self.services, self._state)
            self._words = GroupWords(self.context, self.services, self._state, self._import)
            self._room = DealRoom(self, self._state, self._own_opening)
            self._menu = GroupMenu(self.services, self.account_id, self._state, self._room)
            self._sending = Sending(self, row.bot_id)
            self._answers = GroupAnswers(self.context, self.services, self._state, self._sending)
            self._deals = GroupDeals(
                self,
                self._state,
                self._posting,
                self._menu,
                self._room,
                bot=self._bot,
                opening=self._opening,
                recalled=lambda topic: self._import.recalled(self._surroundings(), topic),
            )
            self._posting.on_gone = self._deals.gone
            self._posting.room = self._room
            self._reactions = Reactions(self, row.bot_id, GroupReactions(self._state))
            await self._sending.waits.recall(self._state.row.chat_id)
            await self.open_outbox()

    async def handle_entry(self, entry: InboxEntry) -> None:
        heir = self.services.groups.heir(self._group_id)
        if heir is not None and entry.source.startswith("telegram:"):
            await self.finish(entry, _handed_on(entry, heir))
            return
        match entry.source.partition(":")[0]:
            case "telegram":
                await self.finish(entry, await self._on_update(parse_update(entry.payload), entry))
            case "amojo":
                decision = await self._answers.decide(entry)
                await self.finish(entry, decision)
                await self._sending.waits.announce(decision)
            case source if source == REACTION_SOURCE:
                await self.finish(entry, await self._reactions.told(entry))
            case "command":
                await self._on_command(read_command(entry.payload), entry)
            case source:
                raise Permanent(f"a group knows no source {source}")

    # Telegram

    async def _on_update(self, update: Update, entry: InboxEntry) -> Decision:
        around = self._surroundings()
        match update.payload:
            case Message() as message if update.kind in ("message", "edited_message"):
                return await self._on_message(message, around, entry.id, edited=update.is_edit)
            case CallbackQuery() as query if query.message is not None and is_answer_press(query.data):
                return decide_group_press(self._state, query, around, now_ms(self.services))
            case CallbackQuery() as query if query.message is not None:
                press = HandlePress(
                    query_id=query.id,
                    data=query.data,
                    user_id=query.from_user.id,
                    user_name=person_name(query.from_user),
                    chat_id=query.message.chat.id,
                    message_id=query.message.message_id,
                    thread=thread_of(query.message),
                )
                return Decision(todo=(NewBody(lane=MENU_LANE, body=press),))
            case ReactionChanged() as reaction:
                return self._reactions.heard(reaction, around.employees)
            case MembershipChanged() as change if update.kind == "my_chat_member":
                return decide_own_membership(self._state, change, around.bot, f"e{entry.id}")
            case MembershipChanged() as change:
                return decide_membership(self._state, change)
            case _:
                return Decision(result=f"ignored: {update.kind}")

    async def _on_message(self, message: Message, around: Surroundings, cause: int, *, edited: bool) -> Decision:
        incoming = read_message(message, around.bot.bot_id, self.services.file_limits.download)
        if incoming.migrate_to is not None:
            return self._migrate(incoming.migrate_to, f"e{cause}")
        if incoming.migrate_from is not None:
            return self._migrate(incoming.chat_id, f"e{cause}")
        return await (self._words.edited if edited else self._words.said)(incoming, around)

    def _migrate(self, chat_id: int, cause: str) -> Decision:
        decision = decide_upgrade(self._state, chat_id, cause, now_ms(self.services))
        self.lanes.hurry()  # Telegram has told the new chat nothing: what waits for the old one's time need not wait
        return decision

    # Commands

    async def _on_command(self, command: Command, entry: InboxEntry) -> None:
        if isinstance(command, ContactChanged):
            await close_conversations(self, self._posting, entry, command.contact_id, self._deals.look)
        else:
            await self.finish(entry, self._commanded(command))

    def _commanded(self, command: LinkDeal | UnlinkDeal | DealChanged | BotRemoved | MessagesLost) -> Decision:
        match command:
            case DealChanged(deal_id=deal_id):
                return Decision(todo=self._deals.look(deal_id))
            case LinkDeal(deal_id=deal_id, topic=topic, by=by):
                if self._state.is_linked(deal_id):
                    return Decision(result="already linked")
                if self.services.registry.bot_of(self.account_id, self._state.row.bot_id) is None:
                    return Decision(result=BOT_NOT_CONNECTED)
                check = CheckDeal(deal_id=deal_id, user_id=0, user_name=by, topic=topic)
                return Decision(todo=(NewBody(lane=check_lane(deal_id), body=check),), result="checking")
            case UnlinkDeal(deal_id=deal_id, by=by):
                if not self._state.is_linked(deal_id):
                    return Decision(result="not linked")
                rows, todo = self._menu.unlink(deal_id, by or OPERATOR)
                return Decision(rows=rows, todo=(self._menu.unlinked_message(deal_id), *todo), result="unlinked")
            case MessagesLost():
                return decide_lost(self._state, command, self.services)
            case BotRemoved():
                now = now_ms(self.services)
                return decide_disconnection(self._state, self._bot(), f"off{now}", now)

    # Deliveries

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome:
        try:
            return await self._deliver(body, delivery)
        except ChatMigrated as error:
            # The third signal of an upgrade (telegram-facts §1.7): the row waits and goes to the new chat.
            row = self._state.row
            with self.context.dependency("database"):
                await self.services.groups.upgraded(
                    self.account_id, row.bot_id, row.chat_id, error.new_chat_id, row.title
                )
            decision = self._migrate(error.new_chat_id, f"d{delivery.id}")
            if decision.rows:
                await self.decide(decision, cause=f"migrated-{error.new_chat_id}")
            raise Transient("the group became a supergroup", retry_after_s=0.0) from error

    async def _deliver(self, body: Body, delivery: Delivery) -> Outcome:
        chat_id = self._state.row.chat_id
        match body:
            case PostMessage() | MirrorAnswer() | PostEmployee() if heir := self._deals.heir(body.conversation):
                return self._deals.hand_on(body, heir)
            case PostMessage() | MirrorAnswer() | PostEmployee() if self._deals.is_moot(body.conversation):
                return Outcome(error="the deal is deleted; the group's other deals have the message")
            case PostMessage():
                return await self._post(body)
            case PostEmployee():
                return await self._posting.employee(body, self._opening(body.conversation, None))
            case EditMessage():
                return await self._posting.edit(body, delivery)
            case MirrorAnswer():
                return await self._posting.mirror(body, self._opening(body.conversation, None))
            case ReportStatus():
                return await deliver_report(self.services, self.account_id, body, delivery)
            case SendAnswer():
                return await self._answers.send(moved(body, chat_id), delivery)
            case Say():
                return await self._say(moved(body, chat_id), delivery)
            case EditMenu() | EditButtons() if body.chat_id != chat_id:
                return DONE  # it stayed behind in the old chat, where nobody can press it any more
            case EditMenu():
                return await self._sending.edit(body)
            case EditButtons():
                return await self._sending.edit_buttons(body)
            case AnswerPress():
                return await self._sending.answer_press(body)
            case SpreadReaction() | ReactInCard() | FindReacted() | ShowReaction():
                return await self._reactions.deliver(body, delivery)
            case HandlePress():
                return await self._menu.press(body)
            case CheckDeal():
                return await self._check_deal(body, delivery)
            case AttachDeal(deal_id=deal_id):
                if self._state.is_linked(deal_id):
                    # The group's own contact first: should there be no room for all, managers can still write.
                    await self._posting.reopen(self._opening(str(GroupConversation(self._group_id, deal_id))))
                return await self._linking.attach(deal_id)
            case DetachDeal():
                return await self._linking.detach(body)
            case ReviewDeal():
                return await self._deals.review(body)
            case AddNote():
                return await deliver_note(self, body, delivery)
            case AttachPerson():
                return await self._linking.attach_person(body)
            case FollowPerson():
                return await carry_after(self, body)
            case _:
                raise Permanent(f"a group delivers no {body.kind}")

    async def _post(self, body: PostMessage) -> Outcome:
        try:
            return await self._posting.post(body, self._opening(body.conversation, body.author))
        except TooManyLinksError:
            return self._linking.without_contact(body)

    async def _check_deal(self, body: CheckDeal, delivery: Delivery) -> Outcome:
        try:
            async with (
                self._room.alone(body.deal_id),
                self._import.recalled(self._surroundings(), body.topic) as past,
            ):
                outcome = await self._menu.check_deal(body, past)
                if outcome.rows:
                    # While it is held: another bot of ours in this chat sees the link, or its own was first.
                    await self.decide(Decision(rows=outcome.rows, todo=outcome.todo), cause=f"d{delivery.id}")
                    return Outcome(error=outcome.error)
                return outcome
        except Transient:
            if body.user_id and delivery.id not in self._told_to_wait:
                self._told_to_wait.add(delivery.id)
                say = Say(chat_id=self._state.row.chat_id, html=texts.amocrm_unavailable_html(), thread=body.thread)
                await self.decide(Decision(todo=(NewBody(lane=CHAT_LANE, body=say),)), cause=f"wait-{delivery.id}")
            raise

    async def _say(self, body: Say, delivery: Delivery) -> Outcome:
        outcome, message_id = await self._sending.say(body, delivery)
        if body.dialog_user_id is None or message_id is None:
            return outcome
        now = int(self.services.now().timestamp())
        return dataclasses.replace(outcome, rows=self._state.asked(body.dialog_user_id, message_id, now))

    def owned(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """A group that was merged into its heir writes its own row no more."""
        if self.services.groups.heir(self._group_id) is None:
            return rows
        return tuple(row for row in rows if not isinstance(row, Group))

    def given_up(self, body: Body, failure: Failure) -> Outcome:
        return gave_up(body)

    # Surroundings

    def _surroundings(self) -> Surroundings:
        account = self.services.registry.account(self.account_id)
        if account is None:
            raise Transient(f"account {self.account_id} is not connected", retry_after_s=30)
        return Surroundings(
            account=account,
            bot=self._bot(),
            now=int(self.services.now().timestamp()),
            employees=self.services.registry.employees(self.account_id),
            is_our_bot=lambda bot_id: self.services.registry.bot(bot_id) is not None,
        )

    def _bot(self) -> BotInfo:
        """The bot as it is connected, or as it was: what it was given before it was disconnected is still posted."""
        return self.services.registry.bot_of(self.account_id, self._state.row.bot_id) or self._known_bot

    def _own_opening(self, deal_id: int, topic: int | None) -> Opening:
        return own_opening(deal_id, topic, state=self._state, deals=self._deals, bot=self._bot())

    def _opening(self, key: str, author: Author | None = None) -> Opening:
        return group_opening(key, author, state=self._state, deals=self._deals, bot=self._bot())


def _handed_on(entry: InboxEntry, heir: int) -> Decision:
    """An update that came to a chat id before anybody knew which group it is (telegram-facts §1.7)."""
    passed = NewEntry(
        account_id=entry.account_id,
        address=group_address(heir),
        source=entry.source,
        source_key=groups.inherited(entry.source_key, heir),
        payload=entry.payload,
    )
    return Decision(entries=(passed,), result=f"handed on to group {heir}")
