"""A bot's private chats as their reactions see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dealgram.actors.bodies import PostMessage
from dealgram.actors.body_parts import Author
from dealgram.actors.bots.private_answers import private_lane
from dealgram.actors.names import PrivateConversation, parse_conversation, person_id, service_msgid
from dealgram.actors.outbox import NewBody
from dealgram.persistence.records import Person


class PrivateReactions:
    """Implements `ReactionScope` for a bot. ``person`` looks up somebody who wrote to it."""

    names_people = False

    def __init__(self, bot_id: int, person: Callable[[int], Awaitable[Person | None]]) -> None:
        self._bot_id = bot_id
        self._person = person

    def has_cards(self) -> bool:
        """A private chat always has its card."""
        return True

    def serves(self, conversation: str) -> bool:
        """Whether a conversation is one of the bot's."""
        return self._parsed(conversation) is not None

    def reaches(self, chat_id: int) -> bool:
        """Private chats keep their ids."""
        return True

    def chat_lane(self, chat_id: int) -> str:
        """The lane towards the person, whose id is the chat's."""
        return private_lane(chat_id)

    def participant(self, author: Author, conversation: str) -> str:
        """The person."""
        return author.id

    async def lines(
        self, conversation: str, text: str, *, key: str, at_ms: int, chat_id: int, message_id: int
    ) -> tuple[NewBody, ...]:
        """In the conversation itself, as all lines about the person."""
        parsed = self._parsed(conversation)
        person = await self._person(parsed.user_id) if parsed is not None else None
        if parsed is None or person is None:
            return ()
        body = PostMessage(
            conversation=conversation,
            msgid=service_msgid(key, parsed),
            author=Author(
                id=person_id(person.user_id), name=person.name, user_id=person.user_id, username=person.username
            ),
            text=text,
            sent_at_ms=at_ms,
            silent=True,
            chat_id=chat_id,
            reply_to_message_id=message_id,
            once=True,
        )
        return (NewBody(lane=conversation, body=body),)

    def _parsed(self, conversation: str) -> PrivateConversation | None:
        parsed = parse_conversation(conversation)
        ours = isinstance(parsed, PrivateConversation) and parsed.bot_id == self._bot_id
        return parsed if ours and isinstance(parsed, PrivateConversation) else None
