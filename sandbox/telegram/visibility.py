"""What a bot gets to see of a group: one pure rule.

Source: telegram-facts §1.6 (privacy mode, own messages, other bots).
"""

from __future__ import annotations

from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.world import Member, SimBot


def sees(viewer: Member, message: Stored) -> bool:
    """Whether the message reaches the bot `viewer` as an update.

    Service messages reach everybody, also those that the bot caused itself. Its own messages never do, those of other
    bots only with bot-to-bot mode. Administrators and bots without privacy mode get the rest; the others get what is
    meant for them.
    """
    bot = viewer.party
    assert isinstance(bot, SimBot)
    if message.service:
        return True
    if isinstance(message.sender, SimBot):
        hears_bots = bot.bot_to_bot and (viewer.status == "administrator" or viewer.sees_everything)
        return hears_bots and message.sender is not bot
    if message.chat.kind == "private" or viewer.status == "administrator" or viewer.sees_everything:
        return True
    return _is_meant_for(bot, message)


def _is_meant_for(bot: SimBot, message: Stored) -> bool:
    via = message.about.get("via_bot")
    if via is not None and via["id"] == bot.id:
        return True
    if message.reply_to is not None and message.reply_to.sender is bot:
        return True
    for command in commands_in(message):
        name, _, addressee = command.partition("@")
        if addressee.lower() == bot.username.lower():
            return True
        if not addressee and name and message.chat.last_bot_to_speak == bot.id:
            return True
    return False


def commands_in(message: Stored) -> list[str]:
    """The `/commands` of a text or caption, as its entities mark them, with the slash."""
    text = message.content.get("text") or message.content.get("caption") or ""
    entities = message.content.get("entities") or message.content.get("caption_entities") or []
    units = text.encode("utf-16-le")
    return [
        units[2 * entity["offset"] : 2 * (entity["offset"] + entity["length"])].decode("utf-16-le")
        for entity in entities
        if entity["type"] == "bot_command"
    ]
