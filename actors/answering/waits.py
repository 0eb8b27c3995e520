"""Chats that Telegram makes wait for long: parked, told of, and remembered.

A flood wait can last for a day (telegram-facts §1.1). Its chat is parked: nothing is sent there until its time, the
answers wait in the outbox in their order, and other chats go on. The pause is stored, so a restart does not knock
again. The manager of every answer that waits is told once until when, by a delivery status that stays true whether or
not amoCRM shows the "delivered" that follows. Robots are told of waits of hours only, because an error is also what
makes a Salesbot take another branch.

A group that becomes a supergroup is another chat to Telegram, which has told it nothing: no pause is carried over.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import structlog

from dealgram.actors.answering import answer_texts
from dealgram.actors.answering.answers import report
from dealgram.actors.bodies import ReportStatus, SendAnswer, decode
from dealgram.actors.latest import Latest
from dealgram.actors.local_time import moment, zone_of
from dealgram.actors.outbox import Decision, NewBody, OutboxActor
from dealgram.gateways.amojo import DeliveryError
from dealgram.gateways.errors import GatewayError
from dealgram.persistence import pauses
from dealgram.persistence.records import Pause

log = structlog.get_logger(__name__)

ROBOTS_TOLD_FROM_S = 3600.0
AGAIN_S = 60.0  # a wait that ends so much later than was told is told again
SAME_S = 2.0  # two clocks that name the end of one wait may differ so much

_PAGE = 64
_REMEMBERED = 4096


class Waits:
    """The parked chats of one actor."""

    def __init__(self, actor: OutboxActor, bot_id: int) -> None:
        self._actor = actor
        self._services = actor.services
        self._bot_id = bot_id
        self._until: dict[int, dt.datetime] = {}
        self._stored: dict[int, dt.datetime] = {}
        self._slow: set[int] = set()
        self._told: Latest[str, dt.datetime] = Latest(_REMEMBERED)  # amoCRM's id of the answer → until when was told

    async def recall(self, chat_id: int | None = None) -> None:
        """Take up the pauses of earlier lives, of one chat or of all. Call before ``open_outbox``."""
        now = self._services.now()
        for pause in await pauses.of_bot(self._services.db, self._actor.account_id, self._bot_id):
            if chat_id in (None, pause.chat_id):
                self._until[pause.chat_id] = self._stored[pause.chat_id] = pause.until
                left_s = (pause.until - now).total_seconds()
                self._services.limits.recall(self._bot_id, pause.chat_id, max(left_s, 0.0))
        self._show()

    async def heard(self, chat_id: int, wait_s: float, lane: str | None) -> None:
        """Telegram answered 429. ``lane``: where the answers to this chat wait, if it is known here."""
        if not self._services.limits.pause(self._bot_id, chat_id, wait_s):
            return
        until = self._until[chat_id] = self._services.now() + dt.timedelta(seconds=wait_s)
        log.warning(
            "Telegram makes a chat wait for long: it is parked",
            address=str(self._actor.context.address),
            bot=self._bot_id,
            chat=chat_id,
            until=until.isoformat(timespec="seconds"),
        )
        if await self._is_slow(chat_id):
            self._slow.add(chat_id)
        await self.met(chat_id, lane)

    async def met(self, chat_id: int, lane: str | None) -> None:
        """Something for a parked chat was held back: the pause is kept, and whoever waits in the lane is told."""
        until = self._parked_until(chat_id)
        if until is None:
            return
        self._show()
        if self._stored.get(chat_id) != until:
            row = Pause(account_id=self._actor.account_id, bot_id=self._bot_id, chat_id=chat_id, until=until)
            await self._actor.decide(Decision(rows=(row,)), cause=f"pause-{chat_id}")
            self._stored[chat_id] = until
        if lane is not None:
            await self._tell_lane(lane, chat_id, until)

    async def announce(self, decision: Decision) -> None:
        """Tell of those answers of a committed decision that a parked chat holds back."""
        await self._tell(tuple(new.body for new in decision.todo if isinstance(new.body, SendAnswer)))

    def passed(self, chat_id: int) -> None:
        """A message may go: the chat waits no longer."""
        if self._until.pop(chat_id, None) is not None:
            self._stored.pop(chat_id, None)
            self._slow.discard(chat_id)
            self._show()

    def left_s(self, chat_id: int) -> float:
        """Seconds for which the chat is parked; 0 if it is not."""
        return self._services.limits.parked_left_s(self._bot_id, chat_id)

    def _parked_until(self, chat_id: int) -> dt.datetime | None:
        left_s = self.left_s(chat_id)
        if left_s <= 0:
            return None
        # What another actor of the bot (a mass sending) was told is known here by the limits alone.
        until = self._services.now() + dt.timedelta(seconds=left_s)
        known = self._until.get(chat_id)
        if known is not None and abs((until - known).total_seconds()) < SAME_S:
            return known
        self._until[chat_id] = until
        return until

    async def _is_slow(self, chat_id: int) -> bool:
        """Whether slow mode is the reason: the 429 itself does not say (telegram-facts §1.1)."""
        bot = self._services.registry.bot_of(self._actor.account_id, self._bot_id)
        if chat_id > 0 or bot is None:
            return False
        try:
            chat = await self._services.telegram.bot(bot.token).get_chat(chat_id)
        except GatewayError:
            return False
        return chat.slow_mode_delay > 0 and self.left_s(chat_id) <= chat.slow_mode_delay

    async def _tell_lane(self, lane: str, chat_id: int, until: dt.datetime) -> None:
        after = 0
        while True:
            with self._actor.context.dependency("database"):
                found = await self._services.journal.pending_deliveries(self._actor.context.address, lane, after, _PAGE)
            bodies = (decode(one.kind, one.body) for one in found if one.kind == SendAnswer.kind)
            await self._tell(tuple(body for body in bodies if isinstance(body, SendAnswer)), chat_id)
            if len(found) < _PAGE:
                return
            after = found[-1].id

    async def _tell(self, bodies: Sequence[SendAnswer], chat_id: int | None = None) -> None:
        """``chat_id``: where the answers go by now, if their group has moved since."""
        for body in bodies:
            chat = body.chat_id if chat_id is None else chat_id
            until = self._parked_until(chat)
            if until is not None and self._is_news(body, chat, until):
                await self._actor.decide(
                    Decision(todo=(self._status(body, chat, until),)),
                    cause=f"wait-{body.amo_id}-{int(until.timestamp())}",
                )

    def _is_news(self, body: SendAnswer, chat_id: int, until: dt.datetime) -> bool:
        if body.background and self.left_s(chat_id) < ROBOTS_TOLD_FROM_S:
            return False
        known = self._told.get(body.amo_id)
        if known is not None and (until - known).total_seconds() < AGAIN_S:
            return False
        self._told[body.amo_id] = until
        return True

    def _status(self, body: SendAnswer, chat_id: int, until: dt.datetime) -> NewBody:
        when = moment(until, self._services.now(), zone_of(self._services, self._actor.account_id))
        line = answer_texts.slow_mode_line(when) if chat_id in self._slow else answer_texts.wait_line(when)
        status = ReportStatus(amo_id=body.amo_id, delivered=False, error_code=int(DeliveryError.OTHER), reason=line)
        return report(status, in_background=body.background)

    def _show(self) -> None:
        """In health, for operators."""
        if not self._until:
            self._actor.context.show_waiting(None)
            return
        latest = max(self._until.values()).astimezone(dt.UTC)
        where = f" in {len(self._until)} chats" if len(self._until) > 1 else ""
        self._actor.context.show_waiting(f"Telegram's limits{where} until {latest:%Y-%m-%d %H:%M:%S}Z")
