"""What goes to Telegram: answers, the bot's own words, edits of its messages; and what the manager hears of it.

How a message is sent at most once is the matter of ``once``, and the way of answers that of ``answer_delivery``; here
it is decided what a refusal or an unknown outcome means for the bot's own words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from dealgram.actors.answering import refusals
from dealgram.actors.answering.answer_delivery import AnswerDelivery, keyboard, tell
from dealgram.actors.answering.once import Once
from dealgram.actors.bodies import AnswerPress, EditButtons, EditMenu, Say, SendAnswer
from dealgram.actors.body_parts import Body
from dealgram.actors.groups.topics import TOPIC_REASONS
from dealgram.actors.outbox import DONE, NewBody, OutboxActor, Outcome
from dealgram.gateways.errors import OutcomeUnknown, Refused, Unauthorised
from dealgram.gateways.telegram import AskReply, BotCalls
from dealgram.persistence.entries import Delivery


class Sending:
    """The Telegram side of one actor's lanes."""

    def __init__(self, actor: OutboxActor, bot_id: int) -> None:
        self._once = Once(actor, bot_id)
        self.waits = self._once.waits
        self.answers = AnswerDelivery(actor, bot_id, self._once)
        self._services = actor.services
        self._account_id = actor.account_id
        self._bot_id = bot_id

    async def answer(self, body: SendAnswer, delivery: Delivery) -> Outcome:
        """Send a manager's answer and tell the manager what became of it.

        Raises:
            ChatMigrated: the group is a supergroup now; nothing was sent.
            TopicGoneError: the topic was deleted; nothing was sent.
        """
        return await self.answers.deliver(body, delivery)

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

    async def _repeatable(self, chat_id: int | None, call: Callable[[BotCalls], Awaitable[object]]) -> Outcome:
        bot = self._services.registry.bot_of(self._account_id, self._bot_id)
        return await self._once.repeat(bot, chat_id, call) if bot is not None else DONE


def gave_up(body: Body) -> Outcome:
    """What follows when a row ends as a dead letter: the manager of an answer is told."""
    return Outcome(todo=(tell(body, refusals.GIVEN_UP),)) if isinstance(body, SendAnswer) else Outcome()
