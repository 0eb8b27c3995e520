"""Reactions in both directions, for one actor: what Telegram and amoCRM tell of them, and the rows that it comes to.

A change of reactions is never an edit: Telegram tells of it in an update of its own, and an edited message with nothing
new in it, which it may send besides, is left to the edits (telegram-facts §1.6).
"""

from __future__ import annotations

from collections.abc import Mapping

from dealgram.actors import texts
from dealgram.actors.body_parts import Author
from dealgram.actors.gesture_bodies import FindReacted, GestureBody, ReactInCard, ShowReaction, SpreadReaction
from dealgram.actors.gestures import gesture_texts
from dealgram.actors.gestures.reaction_changes import latest, line_time_ms
from dealgram.actors.gestures.reaction_posting import ReactionPosting, ReactionScope
from dealgram.actors.gestures.reaction_sending import ReactionSending
from dealgram.actors.names import person_id
from dealgram.actors.outbox import Decision, NewBody, OutboxActor, Outcome
from dealgram.actors.reading.authors import chat_author_id
from dealgram.actors.reading.incoming import someone
from dealgram.gateways.amojo import ReactionHook, parse_hook
from dealgram.gateways.telegram import ReactionChanged
from dealgram.persistence import users
from dealgram.persistence.entries import Delivery, InboxEntry

HOOK_SOURCE = "amojo-reaction"
"""The inbox source of managers' reactions."""


class Reactions:
    """See the module."""

    def __init__(self, actor: OutboxActor, bot_id: int, scope: ReactionScope) -> None:
        self._actor = actor
        self._services = actor.services
        self._account_id = actor.account_id  # known: made at the end of the actor's activation
        self._scope = scope
        self._posting = ReactionPosting(actor, bot_id, scope)
        self._sending = ReactionSending(actor, bot_id, scope, self._posting)

    def heard(self, change: ReactionChanged, employees: Mapping[int, int]) -> Decision:
        """Somebody in Telegram changed their reactions. ``employees``: amoCRM users by their Telegram ids."""
        author = _author(change)
        if author is None:
            return Decision(result="ignored: a bot, or nobody")
        if not self._scope.has_cards():
            return Decision(result="ignored: not linked")
        shown = latest(change.old_reaction, change.new_reaction)
        if shown is None and not change.old_reaction:
            return Decision(result="ignored: no change")
        body = SpreadReaction(
            chat_id=change.chat.id,
            message_id=change.message_id,
            author=author,
            emoji=None if shown is None else gesture_texts.PAID if shown.type == "paid" else shown.emoji,
            custom_id=shown.custom_emoji_id if shown is not None else "",
            replaces=bool(change.old_reaction),
            amo_user_id=employees.get(author.user_id or 0),
            at_ms=line_time_ms(change.date),
        )
        lane = f"reaction-{change.chat.id}-{change.message_id}"
        return Decision(todo=(NewBody(lane=lane, body=body),))

    async def told(self, entry: InboxEntry) -> Decision:
        """A manager changed their reaction in a card. Robots do not react: what comes in such a name, and what we did
        ourselves in somebody's, is let go."""
        hook = parse_hook(entry.payload)
        if not isinstance(hook, ReactionHook):
            return Decision(result="ignored")
        conversation, manager = hook.conversation.client_id or "", hook.user.id or ""
        if not self._scope.serves(conversation):
            return Decision(result="ignored: not linked")
        if not manager or hook.user.client_id or manager == self._services.channel_bot_id:
            return Decision(result="ignored: no manager")
        with self._actor.context.dependency("database"):
            user = await users.by_amojo(self._services.db, self._account_id, manager)
        if user is None:
            return Decision(result="ignored: no manager")
        if self._posting.is_echo(conversation, hook.amo_id, manager, hook.emoji):
            return Decision(result="our own")
        body = FindReacted(
            conversation=conversation,
            amo_id=hook.amo_id,
            msgid=hook.msgid,
            manager=manager,
            manager_name=user.name or texts.MANAGER,
            emoji=hook.emoji,
            at_s=hook.told_at or int(entry.received_at.timestamp()),
            entry_id=entry.id,
        )
        return Decision(todo=(NewBody(lane=f"reacted-{hook.amo_id}", body=body),))

    async def deliver(self, body: GestureBody, delivery: Delivery) -> Outcome:
        """Carry out one step."""
        match body:
            case SpreadReaction():
                return await self._posting.spread(body, delivery)
            case ReactInCard():
                return await self._posting.react(body, delivery)
            case FindReacted():
                return await self._sending.find(body, delivery)
            case ShowReaction():
                return await self._sending.show(body)


def _author(change: ReactionChanged) -> Author | None:
    """Who reacted; a chat first, since Telegram names a stand-in for whoever hides behind it. None for bots, of which
    Telegram does not tell (Bot API: Update), and if nobody is named."""
    chat, user = change.actor_chat, change.from_user
    if chat is not None:
        return Author(id=chat_author_id(chat.id), name=chat.title or texts.ADMINISTRATOR_OF_GROUP)
    if user is None or user.is_bot:
        return None
    person = someone(user)
    return Author(id=person_id(user.id), name=person.name, user_id=user.id, username=person.username)
