"""Making a conversation before its first message.

A conversation comes to life in the order that never leaves it in «Неразобранное» (amoCRM contract §12a): the chat, the
contact, chat to contact, contact to deal, then the first message. Each step may be repeated; the row is marked ready
when all are done, the first message included (see `posting`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from dealgram.actors.asking import FindContact, ask_account
from dealgram.actors.names import Conversation, GroupConversation
from dealgram.actors.outbox import Decision, OutboxActor
from dealgram.actors.registry import BotInfo
from dealgram.gateways import amojo
from dealgram.gateways.amocrm import NewLead
from dealgram.persistence import conversations
from dealgram.persistence.records import Conversation as ConversationRow

DEAL_WANTED = 0
"""A private conversation whose deal is decided on but not yet made: kept so that a crash in between is resumed."""

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


class Opener:
    """Opens the conversations of one actor, and remembers which are open."""

    def __init__(self, actor: OutboxActor) -> None:
        self._actor = actor
        self._services = actor.services
        self._account_id = actor.account_id  # known: made at the end of the actor's activation
        self._ready: dict[str, ConversationRow] = {}

    async def known(self, key: str) -> ConversationRow | None:
        """The conversation if it is ready."""
        if (row := self._ready.get(key)) is not None:
            return row
        row = await conversations.get(self._services.db, self._account_id, key)
        if row is None or not row.ready:
            return None
        return self.remember(row)

    def forget(self, key: str) -> None:
        """A conversation is no longer ready (its contact left the deal): open it again before its next message."""
        self._ready.pop(key, None)

    def remember(self, row: ConversationRow) -> ConversationRow:
        """A conversation is ready."""
        if len(self._ready) >= _CACHE_SIZE:
            self._ready.pop(next(iter(self._ready)))
        self._ready[row.conversation_id] = row
        return row

    async def open(self, opening: Opening) -> ConversationRow:
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
