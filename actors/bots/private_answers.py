"""Answers in a bot's private chats: from a hook of amoCRM to the rows that carry it to the person."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dealgram.actors import texts
from dealgram.actors.answering.albums import AlbumTexts
from dealgram.actors.answering.answer_quotes import read_answered, with_authors
from dealgram.actors.answering.answers import read_writer, refuse, send_answer
from dealgram.actors.names import PrivateConversation, parse_conversation
from dealgram.actors.outbox import Decision
from dealgram.actors.services import Services
from dealgram.gateways.amojo import DeliveryError, MessageHook, parse_hook
from dealgram.persistence.entries import InboxEntry
from dealgram.persistence.records import Person
from dealgram.runtime import ActorContext, Permanent


class PrivateAnswers:
    """The managers' side of one bot's private chats."""

    def __init__(
        self,
        context: ActorContext,
        services: Services,
        account_id: int,
        bot_id: int,
        person: Callable[[int], Awaitable[Person | None]],
    ) -> None:
        """``person`` looks up somebody who wrote to the bot."""
        self._context = context
        self._services = services
        self._account_id = account_id
        self._bot_id = bot_id
        self._person = person
        self._albums = AlbumTexts()

    async def decide(self, entry: InboxEntry) -> Decision:
        """What a hook of the Chats API comes to.

        Raises:
            Permanent: the hook is for another bot.
        """
        hook = parse_hook(entry.payload)
        if not isinstance(hook, MessageHook):
            return Decision(result="ignored")
        conversation = parse_conversation(hook.conversation.client_id or "")
        if not isinstance(conversation, PrivateConversation) or conversation.bot_id != self._bot_id:
            raise Permanent("the hook is for another bot")
        with self._context.dependency("database"):
            writer = await read_writer(self._services, self._account_id, hook)
        if await self._person(conversation.user_id) is None:
            told = refuse(
                hook.content.id,
                texts.REASON_UNKNOWN_CHAT,
                int(DeliveryError.CANNOT_START),
                in_background=not writer.is_person,
            )
            return Decision(todo=(told,), result="unknown person")
        with self._context.dependency("database"):
            hook = await with_authors(self._services, self._account_id, hook, self._person_name)
            answered = await read_answered(self._services, self._account_id, hook, self._bot_id, conversation.user_id)
        todo = send_answer(
            hook,
            chat_id=conversation.user_id,
            lane=private_lane(conversation.user_id),
            writer=writer,
            answered=answered,
            text=self._albums.text_of(hook),
        )
        return Decision(todo=todo)

    async def _person_name(self, user_id: int) -> str:
        person = await self._person(user_id)
        return person.name if person is not None else ""


def private_lane(user_id: int) -> str:
    """The lane towards a person's Telegram."""
    return f"telegram-{user_id}"
