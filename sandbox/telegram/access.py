"""Which chat a bot means, and whether it may act there: the refusals that a bridge has to understand.

Source: telegram-facts §1.7, §1.8. Promises: returns a chat that the bot may write to, or raises the error that the real
server answers.
"""

from __future__ import annotations

from dealgram.sandbox.telegram.errors import CHAT_NOT_FOUND, bad_request, forbidden, migrated
from dealgram.sandbox.telegram.messages import Stored, find
from dealgram.sandbox.telegram.world import SimBot, SimChat, World


def chat_for(world: World, bot: SimBot, chat_id: int | str) -> SimChat:
    """The chat that `bot` may write to. Chats by @username are unknown to the simulator, as are channels."""
    if isinstance(chat_id, str):
        raise bad_request(CHAT_NOT_FOUND)
    return _private(world, bot, chat_id) if chat_id > 0 else _group(world, bot, chat_id)


def message_in(chat: SimChat, bot: SimBot, message_id: int, missing: str) -> Stored:
    """The message that the bot knows under this id, or 400 with the text `missing`."""
    message = find(chat, bot, message_id)
    if message is None:
        raise bad_request(missing)
    return message


def _private(world: World, bot: SimBot, user_id: int) -> SimChat:
    if user_id in world.bots:
        raise forbidden("bots can't send messages to bots")
    person = world.people.get(user_id)
    if person is None:
        raise bad_request(CHAT_NOT_FOUND)
    chat = world.private(bot, person)
    if chat is None:
        if world.knows(bot, person):
            raise forbidden("bot can't initiate conversation with a user")
        raise bad_request(CHAT_NOT_FOUND)
    if person.deactivated:
        raise forbidden("user is deactivated")
    if chat.blocked:
        raise forbidden("bot was blocked by the user")
    return chat


def _group(world: World, bot: SimBot, chat_id: int) -> SimChat:
    chat = world.chats.get(chat_id)
    member = chat.members.get(bot.id) if chat is not None else None
    if chat is None or member is None:
        raise bad_request(CHAT_NOT_FOUND)
    if chat.migrated_to is not None:
        raise migrated(chat.migrated_to.id)
    if chat.deleted:
        raise forbidden("the group chat was deleted")
    if not chat.is_present(bot):
        if member.removed_by_other:
            raise forbidden(f"bot was kicked from the {chat.kind} chat")
        raise forbidden(f"bot is not a member of the {chat.kind} chat")
    return chat
