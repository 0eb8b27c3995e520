"""Managers' reactions on their way to Telegram.

A bot has one reaction to a message, managers have one each: the table `reactions` keeps who set what, and the bot shows
the latest that stands. The call can be repeated, so nothing is noted before it. What Telegram does not take is said in
one silent line; nothing here ever holds up a chat's messages for long or ends among the dead letters for a refusal.
"""

from __future__ import annotations

import structlog

from dealgram.actors.gesture_bodies import FindReacted, ReactInCard, ShowReaction
from dealgram.actors.gestures import gesture_texts
from dealgram.actors.gestures.reaction_changes import is_late, line_time_ms, standing
from dealgram.actors.gestures.reaction_emoji import for_telegram
from dealgram.actors.gestures.reaction_posting import (
    UNSEEN_PATIENCE_S,
    ReactionPosting,
    ReactionScope,
    excerpt,
    hold,
    line_key,
)
from dealgram.actors.outbox import NewBody, OutboxActor, Outcome
from dealgram.gateways.errors import RateLimited, Refused, Unauthorised
from dealgram.persistence import messages, reactions
from dealgram.persistence.entries import Delivery
from dealgram.persistence.records import Reaction

log = structlog.get_logger(__name__)

LONGEST_WAIT_S = 60.0
"""A reaction for which Telegram wants to wait longer is let go: the chat's messages stand behind it."""


class ReactionSending:
    """The Telegram side of one actor's reactions."""

    def __init__(self, actor: OutboxActor, bot_id: int, scope: ReactionScope, posting: ReactionPosting) -> None:
        self._services = actor.services
        self._account_id = actor.account_id
        self._bot_id = bot_id
        self._scope = scope
        self._posting = posting

    async def find(self, body: FindReacted, delivery: Delivery) -> Outcome:
        """Find out which message of Telegram a manager reacted to. One that is just being posted or sent is waited for;
        most that are never found are lines of our own, which stand in no chat."""
        known = await messages.by_amo(self._services.db, self._account_id, body.amo_id)
        if known is None and body.msgid:
            known = await messages.by_msgid(self._services.db, self._account_id, body.conversation, body.msgid)
        if known is None:
            hold(self._services, delivery, UNSEEN_PATIENCE_S, "the message of a manager's reaction is not known yet")
        if known is None or known.chat_id is None or known.message_id is None:
            return Outcome(error="a reaction to a message that stands in no chat")
        shown = ShowReaction(
            chat_id=known.chat_id,
            message_id=known.message_id,
            conversation=body.conversation,
            manager=body.manager,
            manager_name=body.manager_name,
            emoji=body.emoji,
            at_s=body.at_s,
            entry_id=body.entry_id,
        )
        return Outcome(todo=(NewBody(lane=self._scope.chat_lane(known.chat_id), body=shown),))

    async def show(self, body: ShowReaction) -> Outcome:
        """Note what a manager set, let the bot show what stands now, and bring it into the other deals' cards."""
        change = Reaction(
            account_id=self._account_id,
            bot_id=self._bot_id,
            chat_id=body.chat_id,
            message_id=body.message_id,
            manager=body.manager,
            emoji=body.emoji,
            at_s=body.at_s,
            entry_id=body.entry_id,
        )
        known = await reactions.for_message(
            self._services.db, self._account_id, self._bot_id, body.chat_id, body.message_id
        )
        if is_late(known, change):
            return Outcome(error="the same person reacted anew meanwhile")
        before = next((one for one in known if one.manager == body.manager), None)
        others = [one for one in known if one is not before]
        refusal = await self._bring_to(body, before=standing(known), after=standing([*others, change]))
        if not refusal and body.emoji and for_telegram(body.emoji) is None:
            refusal = gesture_texts.NOT_A_REACTION
        todo: tuple[NewBody, ...] = ()
        if before is None or before.emoji != body.emoji:
            todo = await self._mirrors(body, is_first=before is None)
        if refusal and body.emoji:
            todo += await self._line(body, refusal)
        return Outcome(rows=(change,), todo=todo)

    async def _bring_to(self, body: ShowReaction, *, before: str | None, after: str | None) -> str:
        """Set the bot's reaction; returns why it could not be set, empty if it was or needed no setting.

        Raises:
            ChatMigrated, Transient: come again.
        """
        if before == after:
            return ""
        if not self._scope.reaches(body.chat_id):
            return gesture_texts.LEFT_BEHIND
        bot = self._services.registry.bot_of(self._account_id, self._bot_id)
        if bot is None:
            return ""  # whoever writes is told; a reaction is not worth it
        try:
            pause_s = self._services.limits.pause_left_s(self._bot_id, body.chat_id)
            if pause_s > 0:
                raise RateLimited("the chat is paused", service="telegram", retry_after_s=pause_s)
            await self._services.telegram.bot(bot.token).set_reaction(body.chat_id, body.message_id, after)
        except RateLimited as error:
            if (error.retry_after_s or 0) <= LONGEST_WAIT_S:
                raise
            log.warning("a reaction was let go: Telegram wants to wait", wait_s=error.retry_after_s)
            return gesture_texts.TOO_LONG_A_WAIT
        except Refused as error:
            log.info("Telegram refused a reaction", refusal=str(error))
            return gesture_texts.reason(error.reason, error.detail)
        except Unauthorised as error:
            log.info("the bot's token is refused", error=str(error))
        return ""

    async def _mirrors(self, body: ShowReaction, *, is_first: bool) -> tuple[NewBody, ...]:
        """The same reaction of the same manager in the group's other deals. After an earlier one, also where it was
        made: that earlier one, made in another deal, may just be on its way there."""
        places = await self._posting.places(body.chat_id, body.message_id)
        if all(place.conversation_id == body.conversation for place in places):
            return ()
        return tuple(
            NewBody(
                lane=place.conversation_id,
                body=ReactInCard(
                    conversation=place.conversation_id,
                    msgid=place.msgid,
                    emoji=body.emoji,
                    manager=body.manager,
                    chat_id=body.chat_id,
                    message_id=body.message_id,
                    at_ms=line_time_ms(body.at_s),
                ),
            )
            for place in places
            if (not is_first or place.conversation_id != body.conversation)
            and self._scope.serves(place.conversation_id)
        )

    async def _line(self, body: ShowReaction, refusal: str) -> tuple[NewBody, ...]:
        said = await excerpt(self._services, self._account_id, self._bot_id, body.chat_id, body.message_id)
        return await self._scope.lines(
            body.conversation,
            gesture_texts.not_shown_line(body.manager_name, body.emoji or "", said, refusal),
            key=line_key(body.chat_id, body.message_id, body.manager, body.emoji, refusal),
            at_ms=line_time_ms(body.at_s),
            chat_id=body.chat_id,
            message_id=body.message_id,
        )
