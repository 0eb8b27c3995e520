"""setMessageReaction and getCustomEmojiStickers.

Owns what a bot may react with (Bot API: setMessageReaction, ReactionTypeEmoji): one emoji of the fixed list, as far as
the chat allows it; a custom emoji only where it is on the message already; on an album its first message gets it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dealgram.sandbox.telegram.access import chat_for, message_in
from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.errors import bad_request, misuse
from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.methods import ChatCall, Method
from dealgram.sandbox.telegram.world import Json, SimBot

EMOJI = frozenset(
    [
        "❤", "👍", "👎", "🔥", "🥰", "👏", "😁", "🤔", "🤯", "😱", "🤬", "😢", "🎉", "🤩", "🤮", "💩",
        "🙏", "👌", "🕊", "🤡", "🥱", "🥴", "😍", "🐳", "❤‍🔥", "🌚", "🌭", "💯", "🤣", "⚡", "🍌", "🏆",
        "💔", "🤨", "😐", "🍓", "🍾", "💋", "🖕", "😈", "😴", "😭", "🤓", "👻", "👨‍💻", "👀", "🎃", "🙈",
        "😇", "😨", "🤝", "✍", "🤗", "🫡", "🎅", "🎄", "☃", "💅", "🤪", "🗿", "🆒", "💘", "🙉", "🦄",
        "😘", "💊", "🙊", "😎", "👾", "🤷‍♂", "🤷", "🤷‍♀", "😡",
    ]
)  # fmt: skip
"""All emoji that can be reactions (a test holds them against the Bot API's description)."""

_MOST_CUSTOM = 200


class SetMessageReaction(ChatCall, kw_only=True):
    message_id: int
    reaction: list[dict[str, Any]] = msgspec.field(default_factory=list)
    is_big: bool = False


class GetCustomEmojiStickers(msgspec.Struct, kw_only=True):
    custom_emoji_ids: list[str]


class Reactions:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def methods(self) -> dict[str, Method]:
        return {
            "setMessageReaction": Method(SetMessageReaction, self.react),
            "getCustomEmojiStickers": Method(GetCustomEmojiStickers, self.custom_emoji),
        }

    def react(self, bot: SimBot, call: SetMessageReaction) -> bool:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        message = _first_of_album(message_in(chat, bot, call.message_id, "message to react not found"), bot)
        if len(call.reaction) > 1:
            raise misuse("REACTIONS_TOO_MANY")
        for reaction in call.reaction:
            _require_allowed(message, reaction)
        message.reactions[bot.id] = call.reaction
        self._cloud.show_reactions(message, bot.id, call.reaction)
        return True

    def custom_emoji(self, bot: SimBot, call: GetCustomEmojiStickers) -> list[Json]:
        """Unknown ids are left out."""
        if len(call.custom_emoji_ids) > _MOST_CUSTOM:
            raise misuse("too many custom emoji identifiers specified")
        known = self._cloud.custom_emoji
        return [known[one].fields(bot)["sticker"] for one in call.custom_emoji_ids if one in known]


def _first_of_album(message: Stored, bot: SimBot) -> Stored:
    album = message.about.get("media_group_id")
    if album is None:
        return message
    same = (one for one in message.chat.messages.values() if one.about.get("media_group_id") == album)
    return next((one for one in same if one.id_for(bot) is not None), message)


def _require_allowed(message: Stored, reaction: Json) -> None:
    if reaction["type"] == "paid":
        raise misuse("can't parse ReactionType: invalid reaction type specified")
    if reaction["type"] == "custom_emoji":
        if not any(reaction in reactions for reactions in message.reactions.values()):
            raise bad_request("REACTION_INVALID")
        return
    if reaction["emoji"] not in EMOJI:
        raise misuse("REACTION_INVALID")
    allowed = message.chat.allowed_reactions
    if allowed is not None and reaction["emoji"] not in allowed:
        raise bad_request("REACTION_INVALID")
