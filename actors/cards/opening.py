"""Making a conversation before its first message.

A conversation comes to life in the order that never leaves it in «Неразобранное» by accident (amoCRM contract §12a):
the chat, the contact, chat to contact, contact to deal, then the first message. Each step may be repeated; the row is
marked ready when all are done, the first message included (see `posting`). Whose deal a private chat belongs to is
decided in `private_deals`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from dealgram.actors.asking import CheckContact, FindContact, ask_account
from dealgram.actors.cards.deal_contacts import link_if_there, take_out_of_unsorted
from dealgram.actors.names import Conversation, GroupConversation
from dealgram.actors.outbox import Decision, OutboxActor
from dealgram.actors.registry import BotInfo
from dealgram.gateways import amojo
from dealgram.gateways.amocrm import TooManyLinksError
from dealgram.gateways.errors import Refused
from dealgram.persistence import conversations
from dealgram.persistence.records import Conversation as ConversationRow
from dealgram.runtime import Transient

_CACHE_SIZE = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What it takes to open a conversation. ``chat_id``: the Telegram chat it is about, for its picture."""

    conversation: Conversation
    bot: BotInfo
    chat_user: amojo.ChatUser
    contact_value: str
    contact_name: str
    user_id: int | None = None
    username: str | None = None
    deals: tuple[int, ...] = ()
    silent: bool = False
    """The deals are closed: what is posted there must not make amoCRM begin a new one."""
    kept: bool = False
    """The first message waited through a lapse: silent, except where only a loud one brings a new person to the
    unsorted (amoCRM contract §12)."""
    chat_id: int | None = None


class Openings:
    """The steps that every kind of opening is made of. Works for one actor."""

    def __init__(self, actor: OutboxActor) -> None:
        self.actor = actor
        self.services = actor.services
        self.account_id = actor.account_id  # known: made at the end of the actor's activation

    async def chat(self, opening: Opening) -> str:
        """The chat, made if need be; gives amojo's id. One without messages is seen by nobody."""
        scope = self.services.account(self.account_id).scope_id
        chat = await self.services.amojo.create_chat(
            scope, str(opening.conversation), opening.chat_user, source_external_id=opening.bot.source
        )
        return chat.id

    async def contact(self, opening: Opening, *, create: bool) -> int | None:
        """The person's (or the group's own) contact; None only without ``create``."""
        answer = await ask_account(
            self.actor.context.system,
            self.account_id,
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

    async def with_contact(self, opening: Opening, contact_id: int, step: Callable[[], Awaitable[None]]) -> None:
        """A step that needs the contact. One that is refused although the contact is there is made once more: somebody
        may have deleted and restored the contact meanwhile.

        Raises:
            Transient: the contact is no more, and forgotten; begin anew.
            TooManyLinksError, Refused: amoCRM refuses the step for another reason.
        """
        try:
            await step()
            return
        except TooManyLinksError:
            raise
        except Refused as error:
            await self._check_contact(opening, contact_id, error)
        await step()

    async def _check_contact(self, opening: Opening, contact_id: int, error: Refused) -> None:
        request = CheckContact(value=opening.contact_value, contact_id=contact_id, user_id=opening.user_id)
        if await ask_account(self.actor.context.system, self.account_id, request):
            raise Transient(f"contact {contact_id} is gone from amoCRM", retry_after_s=0.0) from error

    async def keep(self, row: ConversationRow, cause: str) -> ConversationRow:
        """Write a step down before the next one is made."""
        await self.actor.decide(Decision(rows=(row,)), cause=f"{cause}-{row.conversation_id}")
        return row

    async def row(self, opening: Opening) -> ConversationRow:
        """What earlier attempts have written down, or a blank row."""
        key = str(opening.conversation)
        return await conversations.get(self.services.db, self.account_id, key) or self.blank(opening)

    def blank(self, opening: Opening) -> ConversationRow:
        """A conversation of which nothing is done yet."""
        conversation = opening.conversation
        return ConversationRow(
            account_id=self.account_id,
            conversation_id=str(conversation),
            bot_id=opening.bot.bot_id,
            group_id=conversation.group_id if isinstance(conversation, GroupConversation) else None,
            user_id=conversation.user_id,
            deal_id=conversation.deal_id if isinstance(conversation, GroupConversation) else None,
        )


class OpenConversations:
    """Those conversations of an actor that are open, as far as it remembers."""

    def __init__(self, actor: OutboxActor) -> None:
        self._services = actor.services
        self._account_id = actor.account_id
        self._ready: dict[str, ConversationRow] = {}
        self._forgotten = 0

    async def known(self, key: str) -> ConversationRow | None:
        """The conversation if it is ready."""
        if (row := self._ready.get(key)) is not None:
            return row
        forgotten = self._forgotten
        row = await conversations.get(self._services.db, self._account_id, key)
        if row is None or not row.ready:
            return None
        # What was read may have been written over and forgotten meanwhile.
        return self.remember(row) if forgotten == self._forgotten else row

    def remember(self, row: ConversationRow) -> ConversationRow:
        """A conversation is ready."""
        if len(self._ready) >= _CACHE_SIZE:
            self._ready.pop(next(iter(self._ready)))
        self._ready[row.conversation_id] = row
        return row

    def forget(self, key: str) -> None:
        """A conversation is no longer ready, or its row is to be read anew."""
        self._ready.pop(key, None)
        self._forgotten += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A conversation of a group after all steps but its first message. ``gone``: deals that are no more; ``full``:
    those to which amoCRM attaches no more contacts. Without any other deal the row is not ready."""

    row: ConversationRow
    gone: tuple[int, ...] = ()
    full: tuple[int, ...] = ()


async def open_group(steps: Openings, opening: Opening) -> Opened:
    """Carry out all steps but the first message for a conversation of a group.

    Raises:
        TooManyLinksError: amoCRM attaches no more contacts to the deal of a person's conversation: the group's own one
            can take the person's words.
    """
    contact_id = await steps.contact(opening, create=True)
    assert contact_id is not None, "it is created"
    client = steps.services.amocrm(steps.account_id)
    before = await steps.row(opening)
    chat_uuid = await steps.chat(opening)
    gone: list[int] = []
    full: list[int] = []
    conversation = opening.conversation
    is_persons = conversation.user_id is not None
    has_substitute = is_persons and isinstance(conversation, GroupConversation) and conversation.deal_id is not None

    async def attach() -> None:
        gone.clear()
        full.clear()
        if before.chat_uuid == chat_uuid and before.contact_id not in (None, contact_id):
            await take_out_of_unsorted(client, chat_uuid, opening.deals, contact_id)
        await client.link_chats([(chat_uuid, contact_id)])
        for deal in opening.deals:
            try:
                if not await link_if_there(client, deal, [contact_id]):
                    gone.append(deal)
            except TooManyLinksError:
                if has_substitute:
                    raise
                full.append(deal)

    await steps.with_contact(opening, contact_id, attach)
    ready = not full or len(full) + len(gone) < len(opening.deals)
    row = dataclasses.replace(steps.blank(opening), chat_uuid=chat_uuid, contact_id=contact_id, ready=ready)
    return Opened(row=row, gone=tuple(gone), full=tuple(full))
