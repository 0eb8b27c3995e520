"""Reactions on their way into the cards: who reacted in Telegram, and managers' reactions for a group's other deals.

A reaction goes through the lane of its conversation and so comes after its message. amoCRM shows a message a moment
after it accepted it and does not know it until then; a reaction that comes too early waits in a lane of its own, and
later ones to the same message wait behind it (amoCRM contract §23). An emoji that amoCRM does not take, or a person
whom it does not let react, becomes a line, once.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Protocol

import structlog

from dealgram.actors.body_parts import Author
from dealgram.actors.gesture_bodies import ReactInCard, SpreadReaction
from dealgram.actors.gestures import gesture_texts
from dealgram.actors.gestures.reaction_emoji import for_amocrm
from dealgram.actors.latest import Latest
from dealgram.actors.names import manager_id
from dealgram.actors.outbox import DONE, NewBody, OutboxActor, Outcome
from dealgram.actors.services import Services
from dealgram.gateways.amojo import ChatUser
from dealgram.gateways.errors import GatewayError, NotFound, Refused
from dealgram.persistence import messages, originals, users
from dealgram.persistence.entries import Delivery
from dealgram.persistence.messages import Place
from dealgram.runtime import Transient

log = structlog.get_logger(__name__)

UNSEEN_PATIENCE_S = 15.0
"""How long a reaction waits for its message, which comes from Telegram in another queue (telegram-facts §1.2)."""
PASSED_PATIENCE_S = 3.0
"""The same once a later message of the chat is known: by then it can only be one of ours that is being written down."""
UNKNOWN_PATIENCE_S = 60.0
"""How long amoCRM may not know a message that it has accepted."""

ECHO_S = 5.0
"""How long after our own call a hook that says the same is taken for its echo."""
_ECHOES_REMEMBERED = 256
_CUSTOM_REMEMBERED = 256


class ReactionScope(Protocol):
    """The chats of one actor, as its reactions see them."""

    names_people: bool
    """Several people are in a chat: a line names the one that it is about."""

    def has_cards(self) -> bool:
        """Whether anything of these chats is shown anywhere now."""
        ...

    def serves(self, conversation: str) -> bool:
        """Whether what happens in Telegram is still shown in a conversation, and the other way round."""
        ...

    def reaches(self, chat_id: int) -> bool:
        """Whether this is the chat's id now."""
        ...

    def chat_lane(self, chat_id: int) -> str:
        """The lane of what the bot does in a chat."""
        ...

    def participant(self, author: Author, conversation: str) -> str:
        """The chat participant in amoCRM who stands for somebody in Telegram."""
        ...

    async def lines(
        self, conversation: str, text: str, *, key: str, at_ms: int, chat_id: int, message_id: int
    ) -> tuple[NewBody, ...]:
        """A silent line about a message, where whoever looks at a conversation sees it. The same ``key`` never makes a
        second one."""
        ...


def line_key(*parts: object) -> str:
    """A short name for a line, from what it is about."""
    return "r" + hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:16]


async def excerpt(services: Services, account_id: int, bot_id: int, chat_id: int, message_id: int) -> str:
    """What a message says now; empty where nobody wrote it down."""
    known = await originals.get(services.db, account_id, bot_id, chat_id, message_id)
    return known.text if known is not None else ""


def hold(services: Services, delivery: Delivery, patience_s: float, what: str) -> None:
    """Wait for a message that is not known yet. Returns when it was waited for long enough.

    Raises:
        Transient: look again in a moment.
    """
    age_s = (services.now() - delivery.created_at).total_seconds()
    if age_s < patience_s:
        raise Transient(what, retry_after_s=min(5.0, max(0.5, age_s)))


class ReactionPosting:
    """The amoCRM side of one actor's reactions."""

    def __init__(self, actor: OutboxActor, bot_id: int, scope: ReactionScope) -> None:
        self._actor = actor
        self._services = actor.services
        self._account_id = actor.account_id
        self._bot_id = bot_id
        self._scope = scope
        self._custom: Latest[str, str] = Latest(_CUSTOM_REMEMBERED)
        # In whose name we reacted lately: amoCRM promises nowhere that it tells us nothing of it (amoCRM contract §22).
        self._sent: deque[tuple[float, tuple[str, str, str, str | None]]] = deque(maxlen=_ECHOES_REMEMBERED)

    async def spread(self, body: SpreadReaction, delivery: Delivery) -> Outcome:
        """Find out where a message stands, and bring a reaction to it there."""
        found = await self.places(body.chat_id, body.message_id)
        if not found:
            passed = await messages.is_passed(
                self._services.db, self._account_id, self._bot_id, body.chat_id, body.message_id
            )
            hold(
                self._services,
                delivery,
                PASSED_PATIENCE_S if passed else UNSEEN_PATIENCE_S,
                "the message of a reaction is not known yet",
            )
            return Outcome(error="a reaction to a message that stands in no card")
        emoji, words = await self._shown(body)
        user = None
        if body.amo_user_id is not None:
            user = await users.get(self._services.db, self._account_id, body.amo_user_id)
        return Outcome(
            todo=tuple(
                NewBody(
                    lane=place.conversation_id,
                    body=ReactInCard(
                        conversation=place.conversation_id,
                        msgid=place.msgid,
                        emoji=emoji,
                        words=words,
                        replaces=body.replaces,
                        author=body.author,
                        manager=user.amojo_id or "" if user is not None else "",
                        chat_id=body.chat_id,
                        message_id=body.message_id,
                        at_ms=body.at_ms,
                    ),
                )
                for place in found
                if self._scope.serves(place.conversation_id)
            )
        )

    async def places(self, chat_id: int, message_id: int) -> list[Place]:
        """Where a Telegram message stands in amoCRM, or is about to; in a steady order."""
        found = await messages.places(
            self._services.db,
            self._account_id,
            self._actor.context.address,
            self._bot_id,
            [(chat_id, message_id)],
        )
        return sorted(found.get((chat_id, message_id), ()), key=lambda place: (place.conversation_id, place.msgid))

    async def react(self, body: ReactInCard, delivery: Delivery) -> Outcome:
        """Put one reaction on one message, or take it off."""
        lane = f"react-{body.conversation}-{body.msgid}"
        if delivery.lane != lane and await self._is_waited_in(lane):
            return Outcome(todo=(NewBody(lane=lane, body=body),))
        known = await messages.by_msgid(self._services.db, self._account_id, body.conversation, body.msgid)
        if known is None:
            return DONE  # the message was not posted here after all: its deal is gone, or it was given up
        try:
            return await self._call(body, known.amo_id)
        except NotFound as error:
            if delivery.lane != lane:
                return Outcome(todo=(NewBody(lane=lane, body=body),))
            age_s = (self._services.now() - delivery.created_at).total_seconds()
            if age_s < UNKNOWN_PATIENCE_S:
                wait_s = 2.0 if age_s < 2 else 12.0 if age_s < 10 else 30.0
                raise Transient("amoCRM does not know the message yet", retry_after_s=wait_s) from error
            log.warning("a reaction was let go: amoCRM does not know its message", conversation=body.conversation)
            return Outcome(error="amoCRM does not know the message")

    def is_echo(self, conversation: str, message: str, manager: str, emoji: str | None) -> bool:
        """Whether a manager's reaction that amoCRM tells of is one that we made in their name a moment ago. ``message``
        is its id in amoCRM."""
        now = self._services.now().timestamp()
        for made in self._sent:
            at, what = made
            if what == (conversation, message, manager, emoji) and now - at < ECHO_S:
                self._sent.remove(made)
                return True
        return False

    async def _is_waited_in(self, lane: str) -> bool:
        address = self._actor.context.address
        return bool(await self._services.journal.pending_deliveries(address, lane, 0, 1))

    async def _call(self, body: ReactInCard, amo_id: str | None) -> Outcome:
        refused: Refused | None = None
        for emoji in for_amocrm(body.emoji) if body.emoji else (None,) if body.emoji is None else ():
            try:
                await self._react(body, amo_id, emoji)
            except NotFound:
                raise
            except Refused as error:
                refused = refused or error
            else:
                return DONE
        if body.emoji is None:
            return Outcome(error=str(refused))  # there was none to take off
        log.info("amoCRM shows no such reaction", emoji=body.emoji or body.words, refusal=str(refused))
        if body.replaces:
            try:
                await self._react(body, amo_id, None)  # the one before must not stand for the one after
            except Refused as error:
                log.info("there was no reaction to take off", refusal=str(error))
        return Outcome(error=str(refused) if refused else None, todo=await self._line(body))

    async def _react(self, body: ReactInCard, amo_id: str | None, emoji: str | None) -> None:
        if body.manager:
            user = ChatUser(id=manager_id(body.manager), ref_id=body.manager)
            made = (body.conversation, amo_id or "", body.manager, emoji)
            self._sent.append((self._services.now().timestamp(), made))
        else:
            assert body.author is not None, "somebody reacts"
            user = ChatUser(id=self._scope.participant(body.author, body.conversation))
        await self._services.amojo.react(
            self._services.account(self._account_id).scope_id,
            body.conversation,
            user,
            amo_id=amo_id,
            msgid=None if amo_id else body.msgid,
            emoji=emoji,
        )

    async def _line(self, body: ReactInCard) -> tuple[NewBody, ...]:
        if not body.words or body.author is None:
            return ()
        said = await excerpt(self._services, self._account_id, self._bot_id, body.chat_id, body.message_id)
        return await self._scope.lines(
            body.conversation,
            gesture_texts.reacted_line(body.author.name if self._scope.names_people else "", body.words, said),
            key=line_key(body.chat_id, body.message_id, body.author.id, body.words),
            at_ms=body.at_ms,
            chat_id=body.chat_id,
            message_id=body.message_id,
        )

    async def _shown(self, body: SpreadReaction) -> tuple[str | None, str]:
        """The emoji of a reaction, empty if it has none, and the reaction in words."""
        if body.emoji is None:
            return None, ""
        emoji = body.emoji or (await self._base_of(body.custom_id) if body.custom_id else "")
        return emoji, emoji or gesture_texts.CUSTOM

    async def _base_of(self, custom_id: str) -> str:
        """What a custom emoji stands for. To know it is nice to have: nothing waits for it."""
        if (known := self._custom.get(custom_id)) is not None:
            return known
        bot = self._services.registry.bot_of(self._account_id, self._bot_id)
        if bot is None:
            return ""
        try:
            base = await self._services.telegram.bot(bot.token).get_custom_emoji(custom_id) or ""
        except GatewayError as error:
            log.info("what a custom emoji stands for could not be asked", error=str(error))
            return ""
        self._custom[custom_id] = base
        return base
