"""Managers' answers in a group: from a hook to the chat, and on into the group's other deals.

Owns whether an answer may be given, what goes to Telegram for it, and its import into the cards of the deals that were
linked when it was given. Works on the actor's own state.
"""

from __future__ import annotations

import dataclasses

from dealgram.actors import texts
from dealgram.actors.answering.albums import AlbumTexts
from dealgram.actors.answering.answer_buttons import as_lines
from dealgram.actors.answering.answer_quotes import read_answered, with_authors
from dealgram.actors.answering.answers import read_writer, refuse, send_answer
from dealgram.actors.answering.sending import Sending
from dealgram.actors.bodies import SendAnswer
from dealgram.actors.cards.echoes import is_echo
from dealgram.actors.cards.mirrored import QuotedAlbums, mirror_of
from dealgram.actors.groups.group_messages import CHAT_LANE
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.plan import mirrors
from dealgram.actors.groups.topic_answers import answer_thread, into_topic, without_topic
from dealgram.actors.groups.topics import TopicGoneError, labelled
from dealgram.actors.names import GroupConversation, parse_conversation
from dealgram.actors.outbox import Decision, NewBody, Outcome
from dealgram.actors.services import Services
from dealgram.gateways.amojo import MessageHook, parse_hook
from dealgram.persistence.entries import Delivery, InboxEntry
from dealgram.runtime import ActorContext, Permanent


class GroupAnswers:
    """The managers' side of one group."""

    def __init__(self, context: ActorContext, services: Services, state: GroupState, sending: Sending) -> None:
        self._context = context
        self._services = services
        self._state = state
        self._sending = sending
        self._account_id = state.row.account_id
        self._albums = AlbumTexts()
        self._quoted = QuotedAlbums()
        sending.answers.imported = self._imported

    async def decide(self, entry: InboxEntry) -> Decision:
        """What a hook of the Chats API comes to.

        Raises:
            Permanent: the hook is for another group.
        """
        hook = parse_hook(entry.payload)
        if not isinstance(hook, MessageHook):
            return Decision(result="ignored")
        conversation = parse_conversation(hook.conversation.client_id or "")
        if not isinstance(conversation, GroupConversation) or conversation.group_id != self._state.row.group_id:
            raise Permanent("the hook is for another group")
        with self._context.dependency("database"):
            writer = await read_writer(self._services, self._account_id, hook)
            if writer.is_person and await is_echo(self._services, self._account_id, self._context.address, hook):
                return Decision(result="our own import")
        robot = not writer.is_person
        if not self._may_answer(conversation):
            told = refuse(hook.content.id, texts.REASON_NOT_LINKED, in_background=robot)
            return Decision(todo=(told,), result="not linked")
        if self._state.row.status == "left":
            told = refuse(hook.content.id, texts.REASON_KICKED, in_background=robot)
            return Decision(todo=(told,), result="the bot is not in the group")
        with self._context.dependency("database"):
            row = self._state.row
            hook = await with_authors(self._services, self._account_id, hook, self._person_name)
            answered = await read_answered(self._services, self._account_id, hook, row.bot_id, row.chat_id)
            reply_to = answered.message_id if answered is not None else None
            thread = await answer_thread(self._services, self._state, conversation, reply_to)
        account = self._services.registry.account(self._account_id)
        todo = send_answer(
            hook,
            chat_id=self._state.row.chat_id,
            lane=CHAT_LANE,
            writer=writer,
            answered=answered.within(thread) if answered is not None else None,
            deals=self._state.deals_of(thread),
            named=account is not None and account.settings.manager_names,
            text=self._albums.text_of(hook),
        )
        return Decision(todo=into_topic(todo, thread))

    async def _person_name(self, user_id: int) -> str:
        """Not a checkpoint."""
        known = self._state.participants.get(user_id)
        return known.name if known is not None else ""

    def _may_answer(self, conversation: GroupConversation) -> bool:
        """Whether the deal of a conversation, or the one that it became part of, is linked; any deal of the whole
        group, for a conversation that all of them share."""
        if conversation.deal_id is None:
            return bool(self._state.whole_deals)
        return self._state.is_served(conversation.deal_id)

    async def send(self, body: SendAnswer, delivery: Delivery) -> Outcome:
        """Send an answer to the group and import it into the other deals.

        Raises:
            ChatMigrated: the group is a supergroup now; nothing was sent.
        """
        try:
            return await self._sending.answer(body, delivery)
        except TopicGoneError as error:
            return without_topic(self._state, body, delivery.lane, str(error))

    def _imported(self, body: SendAnswer, message_id: int | None, is_certain: bool) -> tuple[NewBody, ...]:
        """The imports of an answer that stands in the group, or may."""
        text = as_imported(body, is_certain=is_certain)
        origin = parse_conversation(body.conversation)
        if not isinstance(origin, GroupConversation):
            return ()
        # Deals may have become part of others meanwhile, and so may the one that the answer comes from.
        were = {self._state.last_of(deal_id) for deal_id in body.deals}
        deals = [deal_id for deal_id in self._state.deals if deal_id in were]
        if origin.deal_id is not None:
            origin = dataclasses.replace(origin, deal_id=self._state.last_of(origin.deal_id))
        of_topic = bool(self._state.own_deals(body.thread))
        return tuple(
            NewBody(
                lane=str(conversation),
                body=mirror_of(
                    body,
                    conversation,
                    text=labelled(self._state.topic_label(body.thread, conversation.deal_id), text),
                    quoted=self._quoted.line_of(body),
                    message_id=message_id,
                ),
            )
            for conversation in sorted(mirrors(self._state.row.group_id, deals, origin, of_topic=of_topic), key=str)
        )


def as_imported(body: SendAnswer, *, is_certain: bool) -> str:
    """The text of an answer as other deals show it; its file is ``body.media``. Also one of unknown outcome belongs
    into every card, marked as such: it may stand in the group."""
    said = "\n\n".join(part for part in (body.text, "\n".join(as_lines(body.buttons))) if part)
    return said if is_certain else f"{texts.UNCONFIRMED_PREFIX}\n{said}".strip()
