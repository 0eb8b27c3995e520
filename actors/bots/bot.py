"""The actor of a bot: its private chats.

Owns the people who write to the bot in private. Each has a conversation of their own and two lanes, one towards amoCRM
and one towards Telegram, so nobody waits for anybody else. Whatever else a bot is shown (channels, kinds of updates
that concern no chat of ours) ends here and is let go.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from dealgram.actors import texts
from dealgram.actors.accounts import adoption
from dealgram.actors.accounts.contact_creation import profile_link
from dealgram.actors.answering.answer_buttons import is_answer_press
from dealgram.actors.answering.presses import decide_private_press, press_author, toast
from dealgram.actors.answering.report import deliver_report
from dealgram.actors.answering.sending import Sending, gave_up
from dealgram.actors.bodies import (
    AnswerPress,
    EditButtons,
    EditMessage,
    FollowPerson,
    LookForContact,
    PostMessage,
    ReportStatus,
    Say,
    SendAnswer,
)
from dealgram.actors.body_parts import Author, Body
from dealgram.actors.bots.private_answers import PrivateAnswers, private_lane
from dealgram.actors.bots.private_reactions import PrivateReactions
from dealgram.actors.bots.private_words import PrivateWords
from dealgram.actors.cards.contact_changes import close_conversations
from dealgram.actors.cards.opening import Opening
from dealgram.actors.cards.person_names import carry_after, follow
from dealgram.actors.cards.posting import Posting
from dealgram.actors.commands import Command, ContactChanged, read_command
from dealgram.actors.gesture_bodies import FindReacted, ReactInCard, ShowReaction, SpreadReaction
from dealgram.actors.gestures.reactions import HOOK_SOURCE as REACTION_SOURCE
from dealgram.actors.gestures.reactions import Reactions
from dealgram.actors.latest import Latest
from dealgram.actors.names import PrivateConversation, parse_conversation, person_id, service_msgid
from dealgram.actors.outbox import DONE, Decision, NewBody, Outcome
from dealgram.actors.reading.incoming import read_message
from dealgram.actors.registry import BotInfo
from dealgram.actors.services import Services, now_ms
from dealgram.actors.subscriptions.served import ServedActor
from dealgram.gateways.amojo import ChatUser
from dealgram.gateways.telegram import (
    CallbackQuery,
    MembershipChanged,
    Message,
    ReactionChanged,
    Update,
    parse_update,
)
from dealgram.persistence import bots, persons
from dealgram.persistence.entries import Delivery, InboxEntry
from dealgram.persistence.records import Person
from dealgram.persistence.tables import Row
from dealgram.runtime import Failure, Permanent, Transient

REMEMBERED_PERSONS = 2048
CALLBACK_LANE = "callback"


class BotActor(ServedActor):
    """See the module."""

    def __init__(self, services: Services, account_id: int, bot_id: int) -> None:
        super().__init__(services)
        self.account_id = account_id
        self._bot_id = bot_id
        self._posting: Posting
        self._sending: Sending
        self._known: BotInfo
        self._words: PrivateWords
        self._answers: PrivateAnswers
        self._reactions: Reactions
        self._persons: Latest[int, Person] = Latest(REMEMBERED_PERSONS)

    async def activate(self) -> None:
        with self.context.dependency("database"):
            await self.services.journal.settled()
            row = await bots.of_account(self.services.db, self.account_id, self._bot_id)
            if row is None:
                raise Transient(f"bot {self._bot_id} is not in the database", retry_after_s=30)
            self._known = BotInfo.of_the_past(row)
            self._posting = Posting(self)
            self._sending = Sending(self, self._bot_id)
            self._words = PrivateWords(self.context, self.services, self.account_id, self._bot_id)
            self._answers = PrivateAnswers(self.context, self.services, self.account_id, self._bot_id, self._person)
            self._reactions = Reactions(self, self._bot_id, PrivateReactions(self._bot_id, self._person))
            await self._sending.waits.recall()
            await self.open_outbox()

    async def handle_entry(self, entry: InboxEntry) -> None:
        match entry.source.partition(":")[0]:
            case "telegram":
                await self.finish(entry, await self._on_update(parse_update(entry.payload), entry.id))
            case "amojo":
                decision = await self._answers.decide(entry)
                await self.finish(entry, decision)
                await self._sending.waits.announce(decision)
            case source if source == REACTION_SOURCE:
                await self.finish(entry, await self._reactions.told(entry))
            case "command":
                await self._on_command(read_command(entry.payload), entry)
            case adoption.HOOK_SOURCE:
                await self.finish(entry, Decision(todo=(adoption.look(entry.payload.decode()),)))
            case source:
                raise Permanent(f"a bot knows no source {source}")

    async def _on_command(self, command: Command, entry: InboxEntry) -> None:
        match command:
            case ContactChanged(contact_id=contact_id):
                await close_conversations(self, self._posting, entry, contact_id)
            case _:
                raise Permanent(f"a bot knows no command {type(command).__name__}")

    # Telegram

    async def _on_update(self, update: Update, cause: int) -> Decision:
        bot = self._bot()
        match update.payload:
            case Message(chat=chat) as message if chat.is_private:
                return await self._on_message(message, bot, edited=update.is_edit)
            case ReactionChanged(chat=chat, from_user=user) as change if chat.is_private:
                if user is not None and user.id in self._employees:
                    return Decision(result="an employee")
                return self._reactions.heard(change, {})
            case MembershipChanged(chat=chat) as change if chat.is_private and update.kind == "my_chat_member":
                return await self._on_own_membership(change, cause)
            case CallbackQuery() as query if is_answer_press(query.data) and query.message is not None:
                return await self._on_press(query)
            case CallbackQuery(id=query_id):
                # The bot's menus live in groups; answering stops the client's spinner.
                press = AnswerPress(query_id=query_id, text=texts.PRESS_STALE)
                return Decision(todo=(NewBody(lane=CALLBACK_LANE, body=press),))
            case _:
                return Decision(result=f"ignored: {update.kind}")

    async def _on_press(self, query: CallbackQuery) -> Decision:
        """A button of an answer was pressed."""
        if query.from_user.id in self._employees:
            return Decision(todo=(toast(query, texts.EMPLOYEE_PRESS, alert=True),), result="an employee")
        decision = decide_private_press(self._bot_id, query, private_lane(query.from_user.id), now_ms(self.services))
        if len(decision.todo) == 1:
            return decision
        rows, renamed = await self._saw(press_author(query), blocked=False)
        return dataclasses.replace(decision, rows=rows, todo=(*decision.todo, *renamed))

    async def _for_employee(self, author: Author) -> Decision:
        """Employees get no contact and no deal: what they write here is nobody's message. They are told once."""
        assert author.user_id is not None
        known = await self._person(author.user_id)
        if known is not None and known.told_employee:
            return Decision(result="an employee")
        person = Person(
            bot_id=self._bot_id,
            user_id=author.user_id,
            account_id=self.account_id,
            name=author.name,
            username=author.username,
            told_employee=True,
        )
        say = Say(chat_id=author.user_id, html=texts.EMPLOYEE_IN_PRIVATE)
        told = NewBody(lane=private_lane(author.user_id), body=say)
        return Decision(rows=self._keep(person), todo=(told,), result="an employee")

    @property
    def _employees(self) -> Mapping[int, int]:
        return self.services.registry.employees(self.account_id)

    async def _on_message(self, message: Message, bot: BotInfo, *, edited: bool) -> Decision:
        incoming = read_message(message, self._bot_id, self.services.file_limits.download)
        author = incoming.author
        if author.user_id is None:
            # A message without a sender in a private chat is still that person's: chat and user share their id.
            name = f"{message.chat.first_name} {message.chat.last_name}".strip() or message.chat.username
            author = Author(
                id=person_id(message.chat.id),
                name=name or f"Пользователь {message.chat.id}",
                user_id=message.chat.id,
                username=message.chat.username or None,
            )
        if incoming.from_bot:
            return Decision(result="ignored: another bot")
        if author.user_id in self._employees:
            return await self._for_employee(author)
        decision = await (self._words.edited if edited else self._words.said)(incoming, author)
        rows, renamed = await self._saw(author, blocked=False)
        return dataclasses.replace(decision, rows=(*rows, *decision.rows), todo=(*renamed, *decision.todo))

    async def _on_own_membership(self, change: MembershipChanged, cause: int) -> Decision:
        """The person stopped the bot, or let it back in (telegram-facts §1.8)."""
        user_id = change.chat.id
        person = await self._person(user_id)
        if person is None:
            return Decision(result="ignored: nobody who ever wrote")
        blocked = not change.new_chat_member.is_present
        if blocked == person.blocked:
            return Decision(result="known before")
        rows = self._keep(dataclasses.replace(person, blocked=blocked))
        if user_id in self._employees:
            return Decision(rows=rows, result="an employee")
        conversation = PrivateConversation(self._bot_id, user_id)
        line = PostMessage(
            conversation=str(conversation),
            msgid=service_msgid(f"e{cause}", conversation),
            author=_author_of(person),
            text=texts.BLOCKED_BOT if blocked else texts.UNBLOCKED_BOT,
            sent_at_ms=change.date * 1000,
            silent=True,
        )
        return Decision(rows=rows, todo=(NewBody(lane=str(conversation), body=line),))

    async def _saw(self, author: Author, *, blocked: bool) -> tuple[tuple[Row, ...], tuple[NewBody, ...]]:
        assert author.user_id is not None
        known = await self._person(author.user_id)
        person = Person(
            bot_id=self._bot_id,
            user_id=author.user_id,
            account_id=self.account_id,
            name=author.name,
            username=author.username,
            blocked=blocked,
            told_employee=known.told_employee if known is not None else False,
        )
        if known is not None and dataclasses.replace(known, seen_at=None) == person:
            return (), ()
        named_anew = known is not None and (known.name, known.username) != (person.name, person.username)
        return self._keep(person), (follow(person.user_id, person.name, person.username),) if named_anew else ()

    async def _person(self, user_id: int) -> Person | None:
        if (known := self._persons.get(user_id)) is not None:
            self._persons.move_to_end(user_id)
            return known
        with self.context.dependency("database"):
            row = await persons.get(self.services.db, self.account_id, self._bot_id, user_id)
        if row is not None:
            self._keep(row)
        return row

    def _keep(self, person: Person) -> tuple[Row, ...]:
        self._persons[person.user_id] = person
        return (person,)

    def _bot(self) -> BotInfo:
        """The bot as it is connected, or as it was: what it was given before it was disconnected is still posted."""
        return self.services.registry.bot_of(self.account_id, self._bot_id) or self._known

    # Deliveries

    async def deliver(self, body: Body, delivery: Delivery) -> Outcome:
        match body:
            case PostMessage():
                return await self._posting.post(body, self._opening(body))
            case EditMessage():
                return await self._posting.edit(body, delivery)
            case LookForContact():
                return await self._look(body)
            case FollowPerson():
                return await carry_after(self, body)
            case ReportStatus():
                return await deliver_report(self.services, self.account_id, body, delivery)
            case SendAnswer():
                return await self._sending.answer(body, delivery)
            case Say():
                outcome, _ = await self._sending.say(body, delivery)
                return outcome
            case EditButtons():
                return await self._sending.edit_buttons(body)
            case AnswerPress():
                return await self._sending.answer_press(body)
            case SpreadReaction() | ReactInCard() | FindReacted() | ShowReaction():
                return await self._reactions.deliver(body, delivery)
            case _:
                raise Permanent(f"a bot delivers no {body.kind}")

    async def _look(self, body: LookForContact) -> Outcome:
        conversation = parse_conversation(body.conversation)
        person = await self._person(conversation.user_id) if isinstance(conversation, PrivateConversation) else None
        if person is None:
            return DONE
        outcome = await adoption.look_for_contact(self, body, person, self._bot().name)
        self._posting.forget(body.conversation)  # its row may just have got a contact
        return outcome

    def given_up(self, body: Body, failure: Failure) -> Outcome:
        return gave_up(body)

    def _opening(self, body: PostMessage) -> Opening:
        conversation = parse_conversation(body.conversation)
        bot = self._bot()
        if not isinstance(conversation, PrivateConversation):
            raise Permanent(f"{body.conversation} is no private conversation")
        author = body.author
        return Opening(
            conversation=conversation,
            bot=bot,
            chat_user=ChatUser(
                id=author.id,
                name=f"{author.name} ({bot.name})",
                profile_link=profile_link(author.username),
            ),
            contact_value=str(conversation.user_id),
            contact_name=author.name,
            user_id=conversation.user_id,
            username=author.username,
        )


def _author_of(person: Person) -> Author:
    return Author(id=person_id(person.user_id), name=person.name, user_id=person.user_id, username=person.username)
