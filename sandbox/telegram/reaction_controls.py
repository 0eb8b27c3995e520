"""What people do with reactions, and looking at the reactions and actions of bots."""

from __future__ import annotations

from dataclasses import replace

from dealgram.sandbox.telegram.hands import Hands, Place
from dealgram.sandbox.telegram.media import make
from dealgram.sandbox.telegram.world import Json, SimChat, SimUser


class ReactionControls(Hands):
    def react(
        self,
        person: SimUser,
        place: Place,
        message_id: int,
        *emoji: str,
        actor: SimChat | None = None,
        custom: str | None = None,
    ) -> None:
        """Sets one's reactions to any message, none takes them away.

        `actor` is the group (for its anonymous administrator) or channel on whose behalf it is done; `custom` the id of
        a custom emoji that comes last.
        """
        message = self._message(self._writable(person, place), message_id)
        reactions: list[Json] = [{"type": "emoji", "emoji": one} for one in emoji]
        if custom is not None:
            reactions.append({"type": "custom_emoji", "custom_emoji_id": custom})
        self._cloud.react(message, person, reactions, actor=actor)

    def add_custom_emoji(self, emoji: str) -> str:
        """A custom emoji that stands for `emoji`; returns its id, for texts and reactions."""
        number = str(5_368_324_170_671_202_286 + len(self._cloud.custom_emoji))
        media = make(self._cloud.files, "sticker", b"RIFF\0\0\0\0WEBP", emoji=emoji)
        facts = media.facts | {"type": "custom_emoji", "custom_emoji_id": number, "needs_repainting": False}
        self._cloud.custom_emoji[number] = replace(media, facts=facts)
        return number

    def bot_reaction(self, chat: SimChat, message_id: int) -> str | None:
        """The emoji that a bot has set on a message, as people see it."""
        message = self._message(chat, message_id)
        for party_id, reactions in message.reactions.items():
            if party_id in self._cloud.world.bots and reactions:
                return str(reactions[0]["emoji"])
        return None

    def actions(self, chat: SimChat) -> list[tuple[int | None, str]]:
        """What bots said that they are doing ("typing", …), with the thread, oldest first."""
        return list(chat.actions)
