"""Posting into conversations of amoCRM, and making them before their first message.

A conversation comes to life in the order that never leaves it in «Неразобранное» (amoCRM contract §12a): the chat, the
contact, chat to contact, contact to deal, then the first message. Each step may be repeated; the row is marked ready
when all are done, the first message included. The last step and the first message go together under one lock per
person, because amoCRM is free to bind a chat to whichever deal its contact was attached to last (§20.10).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import structlog

from dealgram.actors.asking import FindContact, Reconnect, ask_account
from dealgram.actors.bodies import EditMessage as EditBody
from dealgram.actors.bodies import MirrorAnswer, PostMessage
from dealgram.actors.names import Conversation, GroupConversation, group_person_id, manager_id
from dealgram.actors.outbox import DONE, Decision, OutboxActor, Outcome
from dealgram.actors.registry import BotInfo
from dealgram.gateways import amojo
from dealgram.gateways.amocrm import NewLead
from dealgram.gateways.errors import Forbidden, NotFound, Refused
from dealgram.persistence import conversations, messages, users
from dealgram.persistence.entries import Delivery
from dealgram.persistence.records import Conversation as ConversationRow
from dealgram.persistence.records import Message
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

DEAL_WANTED = 0
"""A private conversation whose deal is decided on but not yet made: kept so that a crash in between is resumed."""

HISTORY_PAGE = 50
_CACHE_SIZE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What it takes to open a conversation."""

    conversation: Conversation
    bot: BotInfo
    chat_user: amojo.ChatUser
    contact_value: str
    contact_name: str
    user_id: int | None = None
    username: str | None = None
    deals: tuple[int, ...] = ()


class Posting:
    """The amoCRM side of one actor's lanes."""

    def __init__(self, actor: OutboxActor) -> None:
        self._actor = actor
        self._services = actor.services
        self._account_id = actor.account_id  # known: made at the end of the actor's activation
        self._ready: dict[str, ConversationRow] = {}

    async def post(self, body: PostMessage, opening: Opening) -> Outcome:
        """Post a message of a person (or of the group itself); the conversation is opened if need be."""
        message = amojo.NewMessage(
            msgid=body.msgid,
            conversation_id=body.conversation,
            sender=amojo.ChatUser(id=body.author.id, name=body.author.name),
            content=amojo.text(body.text),
            sent_at_ms=body.sent_at_ms,
            silent=body.silent,
            source_external_id=opening.bot.source,
            reply_to=await self._quote(body, opening.bot.bot_id),
        )
        amo_id = await self._open_and_send(message, opening)
        if body.chat_id is None or body.message_id is None:
            return DONE
        return self._posted(body, opening, amo_id, "in")

    async def _quote(self, body: PostMessage, bot_id: int) -> amojo.Quote | None:
        """The answered message in the same conversation. Its post went through this lane before, so it is known."""
        if body.chat_id is None or body.reply_to_message_id is None:
            return None
        known = await messages.by_telegram(
            self._services.db, self._account_id, bot_id, body.chat_id, body.reply_to_message_id
        )
        amo_id = next((row.amo_id for row in known if row.conversation_id == body.conversation), None)
        return amojo.Quote(amo_id=amo_id) if amo_id else None

    async def mirror(self, body: MirrorAnswer, opening: Opening) -> Outcome:
        """Import a manager's answer silently into another deal of the group."""
        assert isinstance(opening.conversation, GroupConversation)
        known = await users.by_amojo(self._services.db, self._account_id, body.manager)
        # A manager whom amoCRM lists speaks as themselves; anybody else (Salesbot) through the channel's bot, named
        # in the text (amoCRM contract §7, §23).
        if known is not None:
            sender = amojo.ChatUser(id=manager_id(body.manager), ref_id=body.manager, name=known.name)
            text = body.text
        else:
            bot_id = self._services.channel_bot_id
            sender = amojo.ChatUser(id=manager_id(bot_id), ref_id=bot_id, name=body.manager_name)
            text = f"{body.manager_name}: {body.text}"
        message = amojo.NewMessage(
            msgid=body.msgid,
            conversation_id=body.conversation,
            sender=sender,
            receiver=amojo.ChatUser(id=group_person_id(opening.conversation), name=opening.chat_user.name),
            content=amojo.text(text),
            sent_at_ms=body.sent_at_ms,
            silent=True,
            source_external_id=opening.bot.source,
        )
        return self._posted(body, opening, await self._open_and_send(message, opening), "out")

    def _posted(
        self, body: PostMessage | MirrorAnswer, opening: Opening, amo_id: str | None, direction: Literal["in", "out"]
    ) -> Outcome:
        row = Message(
            account_id=self._account_id,
            conversation_id=body.conversation,
            msgid=body.msgid,
            bot_id=opening.bot.bot_id,
            chat_id=body.chat_id,
            message_id=body.message_id,
            amo_id=amo_id,
            direction=direction,
        )
        return Outcome(rows=(row,))

    async def edit(self, body: EditBody, delivery: Delivery) -> Outcome:
        """Replace the text of a message; one that was never posted here (its deal was linked later) is let be."""
        known = await messages.by_msgid(self._services.db, self._account_id, body.conversation, body.msgid)
        if known is None:
            return DONE
        edit = amojo.EditMessage(
            conversation_id=body.conversation,
            msgid=body.msgid,
            content=amojo.text(body.text),
            sent_at_ms=int(delivery.created_at.timestamp() * 1000),
        )
        await self._services.amojo.edit(self._services.account(self._account_id).scope_id, edit)
        return DONE

    async def _open_and_send(self, message: amojo.NewMessage, opening: Opening) -> str | None:
        key = str(opening.conversation)
        if (row := await self._known(key)) is not None:
            return await self._send(message, row)
        async with self._services.person_locks(self._account_id, opening.contact_value):
            row = await self._open(opening)
            amo_id = await self._send(message, row)
            # Only now: were it marked before its first message, a kill or a failed send in between would let another
            # conversation of the person bind this one to its deal.
            await self._actor.decide(Decision(rows=(row,)), cause=f"open-{key}")
            self._remember(row)
            return amo_id

    async def _known(self, key: str) -> ConversationRow | None:
        if (row := self._ready.get(key)) is not None:
            return row
        row = await conversations.get(self._services.db, self._account_id, key)
        if row is None or not row.ready:
            return None
        return self._remember(row)

    def forget(self, key: str) -> None:
        """A conversation is no longer ready (its contact left the deal): open it again before its next message."""
        self._ready.pop(key, None)

    def _remember(self, row: ConversationRow) -> ConversationRow:
        if len(self._ready) >= _CACHE_SIZE:
            self._ready.pop(next(iter(self._ready)))
        self._ready[row.conversation_id] = row
        return row

    async def _open(self, opening: Opening) -> ConversationRow:
        """Carry out all steps but the first message; returns the row as it is to be kept after that."""
        key = str(opening.conversation)
        account = self._services.account(self._account_id)
        client = self._services.amocrm(self._account_id)
        contact_id, deal_id = await self._contact_and_deal(opening)
        chat = await self._services.amojo.create_chat(
            account.scope_id, key, opening.chat_user, source_external_id=opening.bot.source
        )
        await client.link_chats([(chat.id, contact_id)])
        for deal in opening.deals:
            await client.link(deal, [contact_id])
        return dataclasses.replace(
            self._blank(opening), chat_uuid=chat.id, contact_id=contact_id, deal_id=deal_id, ready=True
        )

    async def _contact_and_deal(self, opening: Opening) -> tuple[int, int | None]:
        """The contact of a conversation and, for a person unknown until now, their new deal."""
        if isinstance(opening.conversation, GroupConversation):
            return await self._contact(opening, create=True) or 0, opening.conversation.deal_id
        row = await conversations.get(self._services.db, self._account_id, str(opening.conversation))
        if row is None or row.deal_id is None:
            known = await self._contact(opening, create=False)
            if known is not None:
                # amoCRM's own account rule decides the deal of a known contact (design §4).
                return known, None
            row = dataclasses.replace(self._blank(opening), deal_id=DEAL_WANTED)
            await self._actor.decide(Decision(rows=(row,)), cause=f"want-{opening.conversation}")
        contact_id = await self._contact(opening, create=True) or 0
        if row.deal_id != DEAL_WANTED:
            return contact_id, row.deal_id
        deal_id = await self._new_deal(opening, contact_id)
        row = dataclasses.replace(row, contact_id=contact_id, deal_id=deal_id)
        await self._actor.decide(Decision(rows=(row,)), cause=f"deal-{opening.conversation}")
        return contact_id, deal_id

    async def _new_deal(self, opening: Opening, contact_id: int) -> int:
        client = self._services.amocrm(self._account_id)
        # Creating a deal has no key of its own: look first, so that a repeat after a crash finds what was made.
        contact = await client.contact(contact_id)
        if contact is not None and contact.lead_ids:
            return max(contact.lead_ids)
        (deal_id,) = await client.create_leads(
            [
                NewLead(
                    name=f"{opening.contact_name} ({opening.bot.name})",
                    pipeline_id=opening.bot.row.pipeline_id,
                    contact_ids=(contact_id,),
                    source_external_id=opening.bot.source,
                    request_id=str(opening.conversation),
                )
            ]
        )
        return deal_id

    async def _contact(self, opening: Opening, *, create: bool) -> int | None:
        answer = await ask_account(
            self._actor.context.system,
            self._account_id,
            FindContact(
                value=opening.contact_value,
                name=opening.contact_name,
                user_id=opening.user_id,
                username=opening.username,
                create=create,
            ),
        )
        assert answer is None or isinstance(answer, int)
        return answer

    def _blank(self, opening: Opening) -> ConversationRow:
        conversation = opening.conversation
        return ConversationRow(
            account_id=self._account_id,
            conversation_id=str(conversation),
            bot_id=opening.bot.bot_id,
            group_id=conversation.group_id if isinstance(conversation, GroupConversation) else None,
            user_id=conversation.user_id,
            deal_id=conversation.deal_id if isinstance(conversation, GroupConversation) else None,
            chat_uuid=None,
            contact_id=None,
            ready=False,
        )

    async def _send(self, message: amojo.NewMessage, row: ConversationRow) -> str | None:
        """Send; repeating is harmless, since the message carries its id. Returns amoCRM's id if it told one."""
        scope = self._services.account(self._account_id).scope_id
        try:
            sent = await self._services.amojo.send(scope, message)
        except NotFound as error:
            await ask_account(self._actor.context.system, self._account_id, Reconnect())
            raise Transient("amoCRM did not know the channel; it was connected again") from error
        except Forbidden as error:
            log.critical("amoCRM refuses our signature: check the channel secret and the clock", error=str(error))
            raise Transient("amoCRM refuses the signature", retry_after_s=30) from error
        except Refused as error:
            # The refusal of a repeated msgid is undocumented (§20.6): what is in the chat already has arrived.
            arrived = await self._arrived_as(scope, row, message.msgid)
            if arrived is None and message.reply_to is not None:
                log.warning("posted without its quote, which amoCRM may have forgotten", error=str(error))
                return await self._send(dataclasses.replace(message, reply_to=None), row)
            if arrived is None:
                raise
            return arrived
        return sent.amo_id or await self._arrived_as(scope, row, message.msgid)

    async def _arrived_as(self, scope: str, row: ConversationRow, msgid: str) -> str | None:
        """amoCRM's id of a message that is among the latest of its conversation."""
        if row.chat_uuid is None:
            return None
        history = await self._services.amojo.history(scope, row.chat_uuid, offset=0, limit=HISTORY_PAGE)
        return next((item.message.id for item in history if item.message.client_id == msgid), None)
