"""A group as its reactions see it: which conversations are served, and where a line about a reaction stands."""

from __future__ import annotations

import msgspec

from dealgram.actors.bodies import PostMessage
from dealgram.actors.body_parts import Author
from dealgram.actors.groups.group_edits import is_served
from dealgram.actors.groups.group_messages import CHAT_LANE, group_line
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.names import GroupConversation, group_person_id, parse_conversation
from dealgram.actors.outbox import NewBody


class GroupReactions:
    """Implements `ReactionScope` over a group's state."""

    names_people = True

    def __init__(self, state: GroupState) -> None:
        self._state = state

    def has_cards(self) -> bool:
        """Whether any deal is linked."""
        return bool(self._state.deals)

    def serves(self, conversation: str) -> bool:
        """Whether a conversation is one of this group's, for a deal that is linked."""
        parsed = self._parsed(conversation)
        return parsed is not None and is_served(self._state, parsed)

    def reaches(self, chat_id: int) -> bool:
        """Whether this is the group's chat now: what stood in it before it became a supergroup stayed behind."""
        return chat_id == self._state.row.chat_id

    def chat_lane(self, chat_id: int) -> str:
        """All that the bot does in the group."""
        return CHAT_LANE

    def participant(self, author: Author, conversation: str) -> str:
        """As in posting: a person by themselves, and whoever hides behind a chat as the group."""
        parsed = self._parsed(conversation)
        if author.user_id is not None or parsed is None or parsed.deal_id is None:
            return author.id
        return group_person_id(parsed)

    async def lines(
        self, conversation: str, text: str, *, key: str, at_ms: int, chat_id: int, message_id: int
    ) -> tuple[NewBody, ...]:
        """In the group's own conversation of the deal; of every deal, for a conversation that all of them share."""
        parsed = self._parsed(conversation)
        if parsed is None:
            return ()
        deals = self._state.whole_deals if parsed.deal_id is None else (self._state.last_of(parsed.deal_id),)
        lines = [group_line(self._state, deal, text, key, at_ms) for deal in deals if self._state.is_linked(deal)]
        return tuple(
            NewBody(
                lane=line.lane,
                body=msgspec.structs.replace(line.body, once=True, chat_id=chat_id, reply_to_message_id=message_id),
            )
            for line in lines
            if isinstance(line.body, PostMessage)
        )

    def _parsed(self, conversation: str) -> GroupConversation | None:
        parsed = parse_conversation(conversation)
        ours = isinstance(parsed, GroupConversation) and parsed.group_id == self._state.row.group_id
        return parsed if ours and isinstance(parsed, GroupConversation) else None
