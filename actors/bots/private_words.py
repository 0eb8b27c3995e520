"""What a person wrote to a bot in private, or edited there, as it goes to their conversation in amoCRM."""

from __future__ import annotations

import dataclasses

from dealgram.actors import texts
from dealgram.actors.bodies import EditMessage, PostMessage, Say
from dealgram.actors.body_parts import Author
from dealgram.actors.bots.private_answers import private_lane
from dealgram.actors.cards.changes import Change, compare, first_version, next_version
from dealgram.actors.cards.wording import worded
from dealgram.actors.names import PrivateConversation, telegram_msgid
from dealgram.actors.outbox import Decision, NewBody
from dealgram.actors.reading.album_heads import AlbumHeads
from dealgram.actors.reading.incoming import Incoming
from dealgram.actors.reading.media_texts import LIVE_ENDED
from dealgram.actors.services import Services
from dealgram.persistence import originals
from dealgram.runtime import ActorContext


class PrivateWords:
    """The messages of one bot's private chats."""

    def __init__(self, context: ActorContext, services: Services, account_id: int, bot_id: int) -> None:
        self._context = context
        self._services = services
        self._account_id = account_id
        self._bot_id = bot_id
        self._albums = AlbumHeads(services.db, account_id, bot_id)

    async def said(self, incoming: Incoming, author: Author) -> Decision:
        """Something was written by ``author``, the person of the chat.

        Raises:
            DatabaseUnavailable: nothing was decided.
        """
        if self._is_let_go(incoming):
            return Decision(result="nothing to show")
        with self._context.dependency("database"):
            incoming = _started(await self._albums.placed(incoming))
        words = worded(incoming)
        body = PostMessage(
            conversation=self._conversation(incoming),
            msgid=self._msgid(incoming),
            author=author,
            text=words.text,
            shown=words.shown,
            sent_at_ms=incoming.sent_at_ms,
            silent=incoming.service,
            chat_id=incoming.chat_id,
            message_id=incoming.message_id,
            reply_to_message_id=incoming.reply_to,
            quoted=incoming.quoted,
            picked=incoming.picked,
        )
        todo = [NewBody(lane=body.conversation, body=body)]
        if _starts(incoming):
            greeting = Say(chat_id=incoming.chat_id, html=texts.GREETING)
            todo.append(NewBody(lane=private_lane(incoming.chat_id), body=greeting))
        return Decision(rows=(first_version(incoming, self._account_id, self._bot_id),), todo=tuple(todo))

    async def edited(self, incoming: Incoming, author: Author) -> Decision:
        """Something was edited; what was never posted is left alone by the edit itself.

        Raises:
            DatabaseUnavailable: nothing was decided.
        """
        if self._is_let_go(incoming):
            return Decision(result="nothing to show")
        with self._context.dependency("database"):
            incoming = _started(await self._albums.placed(incoming))
            known = await originals.get(
                self._services.db, self._account_id, self._bot_id, incoming.chat_id, incoming.message_id
            )
        change = compare(known, incoming)
        if change is Change.NOTHING:
            return Decision(result="nothing new")
        conversation, msgid, words = self._conversation(incoming), self._msgid(incoming), worded(incoming)
        body: EditMessage | PostMessage
        if change is Change.LIVE_ENDED:
            body = PostMessage(
                conversation=conversation,
                msgid=f"{msgid}-end",
                author=author,
                text=LIVE_ENDED,
                sent_at_ms=incoming.edited_at_ms or incoming.sent_at_ms,
                silent=True,
                chat_id=incoming.chat_id,
                reply_to_message_id=incoming.message_id,
            )
        else:
            body = EditMessage(
                conversation=conversation,
                msgid=msgid,
                text=words.text,
                shown=words.shown,
                chat_id=incoming.chat_id,
                reply_to_message_id=incoming.reply_to,
                quoted=incoming.quoted,
                picked=incoming.picked,
                author=author,
                edited_at_ms=incoming.edited_at_ms,
            )
        rows = (next_version(known, incoming, self._account_id, self._bot_id),) if known is not None else ()
        return Decision(rows=rows, todo=(NewBody(lane=conversation, body=body),), result=change.value)

    def _is_let_go(self, incoming: Incoming) -> bool:
        """Whether a message leaves no line: it says nothing, it is the doing of a bot, or a service line that the
        account does not want."""
        if not incoming.line or incoming.from_bot:
            return True
        account = self._services.registry.account(self._account_id)
        return incoming.service and account is not None and not account.settings.service_lines

    def _conversation(self, incoming: Incoming) -> str:
        return str(PrivateConversation(self._bot_id, incoming.chat_id))

    def _msgid(self, incoming: Incoming) -> str:
        conversation = PrivateConversation(self._bot_id, incoming.chat_id)
        return telegram_msgid(self._bot_id, incoming.chat_id, incoming.message_id, conversation)


def _starts(incoming: Incoming) -> bool:
    return incoming.text.partition(" ")[0] == "/start" and incoming.shown is None


def _started(incoming: Incoming) -> Incoming:
    """A start of the bot is told in words, with what came along with the link."""
    if not _starts(incoming):
        return incoming
    payload = incoming.text.partition(" ")[2].strip()
    return dataclasses.replace(incoming, line=f"{texts.STARTED_BOT}: {payload}" if payload else texts.STARTED_BOT)
