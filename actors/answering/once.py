"""At most once: calls to Telegram that must not be repeated blindly, and those that may be.

The Bot API has no key by which a repeated send could be told from a new one. So that a send is to begin is written down
before it begins; a row that was begun in an earlier life, or whose connection broke after writing, is of unknown
outcome: it is not repeated. What certainly did not happen (no connection, 429) is taken back, and the row may be
carried out as if it had never been begun. Several rows that one call carries (an album) are begun together and taken
back together. How long Telegram makes a chat wait is the matter of ``waits``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from dealgram.actors.answering.waits import Waits
from dealgram.actors.outbox import DONE, OutboxActor, Outcome
from dealgram.actors.registry import BotInfo
from dealgram.gateways.errors import (
    GatewayError,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceFailed,
    Unauthorised,
)
from dealgram.gateways.telegram import BotCalls, ChatMigrated
from dealgram.persistence.entries import Delivery

T = TypeVar("T")


class Once:
    """The calls of one actor to one bot's Telegram."""

    def __init__(self, actor: OutboxActor, bot_id: int) -> None:
        self._actor = actor
        self._services = actor.services
        self._bot_id = bot_id
        self.waits = Waits(actor, bot_id)
        """The chats that this actor may not write to for now."""

    async def send(
        self,
        deliveries: Sequence[Delivery],
        chat_id: int,
        call: Callable[[BotCalls], Awaitable[T]],
        bot: BotInfo,
        *,
        in_background: bool = False,
        count: int = 1,
    ) -> T:
        """Make one sending call that carries ``deliveries``, as ``count`` messages within Telegram's limits.

        Raises:
            OutcomeUnknown: the call was begun, now or in an earlier life, and nobody knows how it ended.
            Refused, Unauthorised: Telegram said no; nothing was sent.
            NotSent, ServiceFailed: nothing was sent; the rows are as if they had never been begun.
            ChatMigrated: the group is a supergroup now; nothing was sent, and the rows are as before.
        """
        if any(delivery.started_at is not None for delivery in deliveries):
            raise OutcomeUnknown("this send was begun before, and how it ended is not known", service="telegram")
        # Waiting for Telegram's limits or for the database is no sign of a stuck delivery, however long it takes.
        try:
            with self._actor.context.dependency("Telegram's limits"):
                await self._services.limits.acquire(self._bot_id, chat_id, background=in_background, count=count)
        except RateLimited:
            await self.waits.met(chat_id, _lane(deliveries))
            raise
        self.waits.passed(chat_id)
        await self._begin(deliveries)
        try:
            return await call(self._services.telegram.bot(bot.token))
        except OutcomeUnknown:
            raise
        except (NotSent, ServiceFailed, ChatMigrated) as error:
            # Telegram answers 5xx while it restarts, before any work (telegram-facts §1.8).
            await self._take_back(deliveries)
            await self._note_wait(error, chat_id, _lane(deliveries))
            raise

    async def repeat(self, bot: BotInfo, chat_id: int | None, call: Callable[[BotCalls], Awaitable[object]]) -> Outcome:
        """Make a call that does no harm when it is made twice; it needs no begin. A refusal ends the row quietly.

        Raises:
            NotSent, ServiceFailed: it was not made, for one because the chat is parked.
        """
        if chat_id is not None and (left_s := self.waits.left_s(chat_id)) > 0:
            raise RateLimited("the chat is parked", service="telegram", retry_after_s=left_s)
        try:
            await call(self._services.telegram.bot(bot.token))
        except (Refused, Unauthorised) as error:
            return Outcome(error=str(error))
        except (NotSent, ServiceFailed) as error:
            if chat_id is not None:
                await self._note_wait(error, chat_id, None)
            raise
        return DONE

    async def _begin(self, deliveries: Sequence[Delivery]) -> None:
        begun: list[Delivery] = []
        try:
            for delivery in deliveries:
                await self._actor.begin(delivery)
                begun.append(delivery)
        except BaseException:
            # One of several was ended meanwhile, or the database is away: no call was made for the others either.
            await self._take_back(begun)
            raise

    async def _take_back(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            await self._actor.take_back(delivery)

    async def _note_wait(self, error: GatewayError, chat_id: int, lane: str | None) -> None:
        wait_s = getattr(error, "retry_after_s", None)
        if wait_s:
            await self.waits.heard(chat_id, wait_s, lane)


def _lane(deliveries: Sequence[Delivery]) -> str | None:
    return deliveries[0].lane if deliveries else None
