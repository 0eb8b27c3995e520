"""What goes to Telegram: answers, the bot's own words, edits of its messages; and what the manager hears of it.

How a message is sent at most once is the matter of ``once``; here it is decided what a refusal or an unknown outcome
means for the row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from dealgram.actors import refusals
from dealgram.actors.answers import answer_parts_again, name_prefix, refuse, report
from dealgram.actors.bodies import AnswerPress, EditButtons, EditMenu, ReportStatus, Say, SendAnswer
from dealgram.actors.body_parts import Body, Button
from dealgram.actors.names import answer_msgid
from dealgram.actors.once import Once
from dealgram.actors.outbox import DONE, NewBody, OutboxActor, Outcome
from dealgram.actors.refusals import Told
from dealgram.actors.split_text import utf16_length
from dealgram.actors.topics import TOPIC_REASONS, TopicGoneError
from dealgram.gateways.errors import OutcomeUnknown, Refused, Unauthorised
from dealgram.gateways.telegram import AskReply, BotCalls, Key, Keyboard
from dealgram.persistence import messages
from dealgram.persistence.entries import Delivery
from dealgram.persistence.records import Message


class Sending:
    """The Telegram side of one actor's lanes."""

    def __init__(self, actor: OutboxActor, bot_id: int) -> None:
        self._once = Once(actor, bot_id)
        self.waits = self._once.waits
        self._services = actor.services
        self._account_id = actor.account_id
        self._bot_id = bot_id

    async def answer(self, body: SendAnswer, delivery: Delivery) -> Outcome:
        """Send a manager's answer and tell the manager what became of it.

        Raises:
            ChatMigrated: the group is a supergroup now; nothing was sent.
            TopicGoneError: the topic was deleted; nothing was sent.
        """
        bot = self._services.registry.bot_of(self._account_id, self._bot_id)
        if bot is None:
            return self._failed(body, refusals.BOT_REMOVED)
        prefix = name_prefix(body.shown_name)
        is_whole = await self._earlier_parts_arrived(body)
        try:
            message_id = await self._once.send(
                (delivery,),
                body.chat_id,
                lambda client: client.send_text(
                    body.chat_id,
                    prefix + body.text,
                    reply_to=body.reply_to_message_id,
                    reply_markup=keyboard(body.buttons),
                    thread=body.thread,
                    bold=utf16_length(prefix.rstrip()),
                ),
                bot,
                in_background=body.background,
            )
        except OutcomeUnknown as error:
            return Outcome(state="unknown", error=str(error), todo=(tell(body, refusals.UNKNOWN_OUTCOME),))
        except Refused as error:
            if error.reason == "bad_buttons" and body.buttons:
                return Outcome(error=str(error), todo=answer_parts_again(body, delivery.lane))
            if error.reason == "thread_not_found" and body.thread is not None:
                raise TopicGoneError(str(error)) from error
            return self._failed(body, refusals.refusal(error), str(error))
        except Unauthorised as error:
            return self._failed(body, refusals.BOT_REFUSED, str(error))
        row = Message(
            account_id=self._account_id,
            conversation_id=body.conversation,
            msgid=answer_msgid(body.amo_id, body.part),
            bot_id=self._bot_id,
            chat_id=body.chat_id,
            message_id=message_id,
            amo_id=body.amo_id,
            direction="out",
            thread_id=body.thread,
        )
        status = report(ReportStatus(amo_id=body.amo_id, delivered=True), in_background=body.background)
        return Outcome(rows=(row,), todo=(status,) if is_whole else ())

    async def _earlier_parts_arrived(self, body: SendAnswer) -> bool:
        """Whether this is the last part of an answer and all the others are in the chat: only then is it delivered."""
        if body.part < body.parts:
            return False
        for part in range(1, body.parts):
            msgid = answer_msgid(body.amo_id, part)
            if await messages.by_msgid(self._services.db, self._account_id, body.conversation, msgid) is None:
                return False
        return True

    async def say(self, body: Say, delivery: Delivery) -> tuple[Outcome, int | None]:
        """Send the bot's own words; gives the message's id as well, if it was sent."""
        bot = self._services.registry.bot_of(self._account_id, self._bot_id)
        if bot is None:
            return DONE, None
        try:
            message_id = await self._once.send(
                (delivery,),
                body.chat_id,
                lambda client: client.send_text(
                    body.chat_id,
                    body.html,
                    html=True,
                    reply_to=body.reply_to_message_id,
                    reply_markup=AskReply(placeholder=body.placeholder) if body.force_reply else keyboard(body.buttons),
                    thread=body.thread,
                    link_preview=False,
                ),
                bot,
            )
        except OutcomeUnknown as error:
            return Outcome(state="unknown", error=str(error)), None
        except (Refused, Unauthorised) as error:
            if body.thread is not None and isinstance(error, Refused) and error.reason in TOPIC_REASONS:
                elsewhere = msgspec.structs.replace(body, thread=None, reply_to_message_id=None)
                return Outcome(error=str(error), todo=(NewBody(lane=delivery.lane, body=elsewhere),)), None
            return Outcome(error=str(error)), None
        return DONE, message_id

    async def edit(self, body: EditMenu) -> Outcome:
        """Rewrite a menu message. Repeating it is harmless."""
        return await self._repeatable(
            body.chat_id,
            lambda client: client.edit_text(
                body.chat_id, body.message_id, body.html, html=True, reply_markup=keyboard(body.buttons)
            ),
        )

    async def edit_buttons(self, body: EditButtons) -> Outcome:
        """Replace the buttons under a message. Repeating it is harmless."""
        return await self._repeatable(
            body.chat_id,
            lambda client: client.edit_keyboard(body.chat_id, body.message_id, keyboard(body.buttons)),
        )

    async def answer_press(self, body: AnswerPress) -> Outcome:
        """Answer a button press; one that is too old is let go."""
        return await self._repeatable(
            None, lambda client: client.answer_callback(body.query_id, body.text, alert=body.alert)
        )

    def _failed(self, body: SendAnswer, told: Told, error: str | None = None) -> Outcome:
        return Outcome(error=error or told.text, todo=(tell(body, told),))

    async def _repeatable(self, chat_id: int | None, call: Callable[[BotCalls], Awaitable[object]]) -> Outcome:
        bot = self._services.registry.bot_of(self._account_id, self._bot_id)
        return await self._once.repeat(bot, chat_id, call) if bot is not None else DONE


def tell(body: SendAnswer, told: Told) -> NewBody:
    """Tell the manager why an answer is not in the chat."""
    return refuse(body.amo_id, told.text, told.code, in_background=body.background)


def gave_up(body: Body) -> Outcome:
    """What follows when a row ends as a dead letter: the manager of an answer is told."""
    return Outcome(todo=(tell(body, refusals.GIVEN_UP),)) if isinstance(body, SendAnswer) else Outcome()


def keyboard(buttons: tuple[tuple[Button, ...], ...]) -> Keyboard | None:
    """Our buttons as the gateway's."""
    if not buttons:
        return None
    return Keyboard(
        rows=tuple(tuple(Key(text=button.text, data=button.data, url=button.url) for button in row) for row in buttons)
    )
