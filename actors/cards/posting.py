"""Posting into conversations of amoCRM; a conversation is opened (see `opening`) together with its first message.

The last step of opening and the first message go together under one lock per person, because amoCRM is free to bind a
chat to whichever deal its contact was attached to last (amoCRM contract §20.10).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Literal

import msgspec
import structlog

from dealgram.actors.accounts.adoption import look
from dealgram.actors.accounts.contact_creation import profile_link
from dealgram.actors.answering.answer_quotes import find_answered
from dealgram.actors.asking import Reconnect, ask_account
from dealgram.actors.bodies import EditMessage as EditBody
from dealgram.actors.bodies import MirrorAnswer, PostEmployee, PostMessage
from dealgram.actors.bots.private_deals import open_private
from dealgram.actors.cards.contents import Way, ways
from dealgram.actors.cards.edit_lines import line_instead
from dealgram.actors.cards.mirrored import mirror_ways
from dealgram.actors.cards.opening import OpenConversations, Opened, Opening, Openings, open_group
from dealgram.actors.cards.outgoing import outgoing, said
from dealgram.actors.groups.deal_room import DealRoom
from dealgram.actors.names import PrivateConversation
from dealgram.actors.outbox import DONE, Decision, OutboxActor, Outcome
from dealgram.gateways import amojo
from dealgram.gateways.errors import NotFound, Refused
from dealgram.persistence import messages, users
from dealgram.persistence.entries import Delivery
from dealgram.persistence.records import Conversation as ConversationRow
from dealgram.persistence.records import Message
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

HISTORY_PAGE = 50


class _RefusedError(Exception):
    """amoCRM refused a message; in a plainer way it may take it."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


class Posting:
    """The amoCRM side of one actor's lanes."""

    def __init__(self, actor: OutboxActor) -> None:
        self._actor = actor
        self._services = actor.services
        self._account_id = actor.account_id  # known: made at the end of the actor's activation
        self._open = OpenConversations(actor)
        self.on_gone: Callable[[Sequence[int]], Awaitable[bool]] | None = None
        """Told of linked deals that turned out to be no more; says whether they are looked at."""
        self.room: DealRoom | None = None
        """Of a group: what to do about deals without room for its conversations."""
        self._steps = Openings(actor)

    async def post(self, body: PostMessage, opening: Opening) -> Outcome:
        """Post a message of a person (or of the group itself); the conversation is opened if need be."""
        if body.once and await self._is_posted(body):
            return DONE
        opening = dataclasses.replace(opening, kept=body.kept and not body.silent)
        found = ways(self._services, body, opening.bot, await self._quote(body, opening.bot.bot_id))
        message = amojo.NewMessage(
            msgid=body.msgid,
            conversation_id=body.conversation,
            sender=amojo.ChatUser(
                id=body.author.id,
                name=body.author.name,
                avatar=await self._avatar(opening, body.author.user_id),
                profile_link=profile_link(body.author.username),
            ),
            content=found[0].content,
            sent_at_ms=body.sent_at_ms,
            silent=body.silent or body.kept or opening.silent,
            source_external_id=opening.bot.source,
        )
        row, amo_id = await self._say(message, found, opening)
        # A private chat in «Неразобранное»: has somebody accepted it, or amoCRM merged it into a deal? (`adoption`)
        todo = (look(row.conversation_id),) if row.contact_id is None and row.group_id is None else ()
        if not body.once and (body.chat_id is None or body.message_id is None):
            return Outcome(todo=todo)
        return dataclasses.replace(self._posted(body, opening, amo_id, "in"), todo=todo)

    async def _say(
        self, message: amojo.NewMessage, found: Sequence[Way], opening: Opening
    ) -> tuple[ConversationRow, str | None]:
        """Post in the best way that amoCRM takes.

        Raises:
            Refused: it takes none.
        """
        for way in found[:-1]:
            try:
                return await self._open_and_send(_said_so(message, way), opening)
            except _RefusedError as error:
                log.warning("said in a plainer way, since amoCRM refuses it", msgid=message.msgid, error=str(error))
        try:
            return await self._open_and_send(_said_so(message, found[-1]), opening)
        except _RefusedError as error:
            raise error.refused from error

    async def _avatar(self, opening: Opening, user_id: int | None) -> str | None:
        """The picture of a person, or of the group where it speaks itself."""
        if user_id is not None:
            return await self._services.avatars.of_person(opening.bot, user_id)
        if opening.chat_id is not None:
            return await self._services.avatars.of_chat(opening.bot, opening.chat_id)
        return None

    async def _is_posted(self, body: PostMessage | PostEmployee) -> bool:
        """Whether an earlier row has posted this: rows of a conversation are carried out one after another."""
        known = await messages.by_msgid(self._services.db, self._account_id, body.conversation, body.msgid)
        return known is not None

    async def _quote(
        self, body: PostMessage | PostEmployee | EditBody | MirrorAnswer, bot_id: int
    ) -> amojo.Quote | None:
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
        user = await users.by_amojo(self._services.db, self._account_id, body.manager)
        bot_id = self._services.channel_bot_id
        message = outgoing(body, body.text, opening, user=user, name=body.manager_name, bot_id=bot_id)
        named = partial(said, user, message.sender.name)
        quote = await self._quote(await self._with_answered(body, opening.bot.bot_id), opening.bot.bot_id)
        _, amo_id = await self._say(message, mirror_ways(body, quote, named), opening)
        return self._posted(body, opening, amo_id, "out")

    async def _with_answered(self, body: MirrorAnswer, bot_id: int) -> MirrorAnswer:
        """With the message that it answers, if that was on its way when the answer was decided on."""
        if body.reply_to_message_id is not None or not body.answered:
            return body
        found = await find_answered(self._services, self._account_id, body.answered, bot_id, body.chat_id)
        return body if found is None else msgspec.structs.replace(body, reply_to_message_id=found.message_id)

    async def employee(self, body: PostEmployee, opening: Opening) -> Outcome:
        """Import what an employee wrote in the group as the amoCRM user's own message."""
        if body.once and await self._is_posted(body):
            return DONE
        user = await users.get(self._services.db, self._account_id, body.amo_user_id)
        bot_id = self._services.channel_bot_id
        quote = await self._quote(body, opening.bot.bot_id)
        message = outgoing(body, body.text, opening, user=user, name=body.name, bot_id=bot_id)
        named = partial(said, user, message.sender.name)
        _, amo_id = await self._say(message, ways(self._services, body, opening.bot, quote, named), opening)
        return self._posted(body, opening, amo_id, "out")

    def _posted(
        self,
        body: PostMessage | PostEmployee | MirrorAnswer,
        opening: Opening,
        amo_id: str | None,
        direction: Literal["in", "out"],
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
            thread_id=body.thread,
        )
        return Outcome(rows=(row,))

    async def edit(self, body: EditBody, delivery: Delivery) -> Outcome:
        """Replace a message; one that was never posted here (its deal was linked later) is let be. Where amoCRM does
        not let it change, a line says what it says now."""
        known = await messages.by_msgid(self._services.db, self._account_id, body.conversation, body.msgid)
        if known is None:
            return DONE
        bot = self._services.registry.bot_of(self._account_id, known.bot_id)
        quote = await self._quote(body, known.bot_id)
        if body.amo_user_id is None:
            found = ways(self._services, body, bot, quote)
        else:
            user = await users.get(self._services.db, self._account_id, body.amo_user_id)
            found = ways(self._services, body, bot, quote, partial(said, user, user.name if user is not None else ""))
        at_ms = body.edited_at_ms or int(delivery.created_at.timestamp() * 1000)
        edit = amojo.EditMessage(
            conversation_id=body.conversation, msgid=body.msgid, content=found[0].content, sent_at_ms=at_ms
        )
        try:
            await self._services.amojo.edit(self._services.account(self._account_id).scope_id, edit)
        except NotFound as error:
            raise await self._connected_again() from error
        except Refused as error:
            # No plainer way here: words in the place of a picture would take the picture away.
            line = line_instead(body, known, delivery.id, at_ms)
            if line is None:
                raise
            log.warning("an edit is told by a line, since amoCRM refuses it", msgid=body.msgid, error=str(error))
            return Outcome(todo=(line,))
        return DONE

    async def _open_and_send(self, message: amojo.NewMessage, opening: Opening) -> tuple[ConversationRow, str | None]:
        key = str(opening.conversation)
        if (row := await self._open.known(key)) is not None:
            return row, await self._send(message, row)
        if self.room is not None and (row := self.room.tried(opening)) is not None:
            return row, await self._send(dataclasses.replace(message, silent=True), row)
        avatar = await self._avatar(opening, opening.user_id)
        opening = dataclasses.replace(opening, chat_user=dataclasses.replace(opening.chat_user, avatar=avatar))
        async with self._services.person_locks(self._account_id, opening.contact_value):
            if isinstance(opening.conversation, PrivateConversation):
                opened = Opened(row=await open_private(self._steps, opening))
                if opening.kept and opened.row.contact_id is None:
                    message = dataclasses.replace(message, silent=False)
            else:
                opened = await open_group(self._steps, opening)
                if opened.gone:
                    message = await self._without(opened.gone, opening, message)
                if not opened.row.ready:  # it stands with the contact: loud, it would begin a deal of its own
                    message = dataclasses.replace(message, silent=True)
            amo_id = await self._send(message, opened.row)
            # Only now: were it marked before its first message, a kill or a failed send in between would let another
            # conversation of the person bind this one to its deal.
            return await self._keep(opening, opened), amo_id

    async def _keep(self, opening: Opening, opened: Opened) -> ConversationRow:
        """Write down and remember what was opened."""
        row = opened.row
        await self._actor.decide(Decision(rows=(row,)), cause=f"open-{row.conversation_id}")
        if opened.full and self.room is not None:
            await self.room.missed(opening, row, opened.full)
        return self._open.remember(row) if row.ready else row

    async def _without(self, gone: tuple[int, ...], opening: Opening, message: amojo.NewMessage) -> amojo.NewMessage:
        """Deals that the message was meant for are no more. Without any deal left it waits for what the account's
        policy says; what was unlinked before stays with the person's contact and begins no new deal.

        Raises:
            Transient: come again when it is known what became of the deal.
        """
        looked_at = await self.tell_gone(gone)
        if len(gone) < len(opening.deals):
            return message
        if looked_at:
            raise Transient("the deal is gone, and what became of it is being found out", retry_after_s=0.5)
        return dataclasses.replace(message, silent=True)

    async def tell_gone(self, deals: Sequence[int]) -> bool:
        """Something was refused because these deals are no more: their links are to be looked at, if there are any."""
        return self.on_gone is not None and await self.on_gone(deals)

    async def reopen(self, opening: Opening) -> None:
        """Open a group's conversation again that messages were posted to before: no new one is needed for it."""
        key = str(opening.conversation)
        if await self._open.known(key) is not None:
            return
        async with self._services.person_locks(self._account_id, opening.contact_value):
            await self._keep(opening, await open_group(self._steps, opening))

    def forget(self, key: str) -> None:
        """A conversation is no longer ready (its contact left the deal), or its row has changed: read it anew."""
        self._open.forget(key)

    async def _send(self, message: amojo.NewMessage, row: ConversationRow) -> str | None:
        """Send; repeating is harmless, since the message carries its id. Returns amoCRM's id if it told one."""
        scope = self._services.account(self._account_id).scope_id
        try:
            sent = await self._services.amojo.send(scope, message)
        except NotFound as error:
            raise await self._connected_again() from error
        except Refused as error:
            # The refusal of a repeated msgid is undocumented (§20.6): what is in the chat already has arrived.
            arrived = await self._arrived_as(scope, row, message.msgid)
            if arrived is None:
                raise _RefusedError(error) from error
            return arrived
        return sent.amo_id or await self._arrived_as(scope, row, message.msgid)

    async def _connected_again(self) -> Transient:
        """amoCRM did not know the channel: what was to be said is said after it was connected again."""
        await ask_account(self._actor.context.system, self._account_id, Reconnect())
        return Transient("amoCRM did not know the channel; it was connected again")

    async def _arrived_as(self, scope: str, row: ConversationRow, msgid: str) -> str | None:
        """amoCRM's id of a message that is among the latest of its conversation."""
        if row.chat_uuid is None:
            return None
        history = await self._services.amojo.history(scope, row.chat_uuid, offset=0, limit=HISTORY_PAGE)
        return next((item.message.id for item in history if item.message.client_id == msgid), None)


def _said_so(message: amojo.NewMessage, way: Way) -> amojo.NewMessage:
    return dataclasses.replace(message, content=way.content, reply_to=way.quote)
