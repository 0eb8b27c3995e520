"""What is forbidden and allowed: rights of ordinary members, slow mode, reactions, voice messages, bots that may hear
each other."""

from __future__ import annotations

from collections.abc import Collection

from dealgram.sandbox.telegram.group_controls import require_alive
from dealgram.sandbox.telegram.hands import Hands
from dealgram.sandbox.telegram.text import finish
from dealgram.sandbox.telegram.world import PERMISSIONS, Json, Party, SimBot, SimChat, SimUser, Status


class RightsControls(Hands):
    def set_slow_mode(self, chat: SimChat, seconds: int) -> None:
        """Ordinary members write once in so many seconds; 0 ends it. Administrators are not held back."""
        require_alive(chat)
        if chat.kind != "supergroup":
            raise ValueError("only a supergroup has a slow mode")
        chat.slow_mode_s = seconds
        chat.spoke_at.clear()

    def forbid(self, chat: SimChat, *rights: str) -> None:
        """Takes exactly these rights of ChatPermissions from ordinary members; none gives all back."""
        require_alive(chat)
        chat.forbidden = _known(rights)
        self._cloud.show_chat(chat)

    def restrict(self, chat: SimChat, party: Party, *rights: str) -> None:
        """Takes exactly these rights from one member, who hears of it; none gives all back."""
        require_alive(chat)
        if chat.kind != "supergroup" or not chat.is_present(party):
            raise ValueError(f"{party.name} cannot be restricted in «{chat.title}»")
        status: Status = "restricted" if rights else "member"
        self._cloud.set_status(chat, party, status, chat.owner, lacks=_known(rights))

    def allow_reactions(self, chat: SimChat, *emoji: str) -> None:
        """Only these emoji are allowed as reactions from now on; none forbids all."""
        require_alive(chat)
        chat.allowed_reactions = frozenset(emoji)

    def refuse_voice(self, person: SimUser, *, refused: bool = True) -> None:
        """The person's privacy settings take no voice and video messages."""
        person.wants_no_voice = refused

    def set_bot_to_bot(self, bot: SimBot, *, on: bool) -> None:
        """The bot's owner lets it see other bots' messages, as far as it sees people's (telegram-facts §1.6)."""
        bot.bot_to_bot = on

    def bot_says(self, bot: SimBot, place: SimChat, text: str, *, reply_to: int | None = None) -> Json:
        """A bot writes in a group of its own accord; other bots hear of it only in bot-to-bot mode."""
        chat = self._writable(bot, place)
        target = self._target(bot, chat, reply_to=reply_to)
        message = self._cloud.post(chat, bot, finish(text, []).content(), reply_to=target.message, topic=target.topic)
        return message.as_message(None)


def _known(rights: Collection[str]) -> frozenset[str]:
    unknown = set(rights) - set(PERMISSIONS)
    if unknown:
        raise ValueError(f"there is no right {', '.join(sorted(unknown))}")
    return frozenset(rights)
