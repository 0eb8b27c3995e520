"""What managers do in chats without writing: typing and reacting, and the hooks that tell of it (amoCRM contract §9).

Both hooks are documented in two forms, one in the table and one in the example; switches choose. Typing is told of at
most once in five seconds, and only on channels for which support switched it on.
"""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import SimChat, SimMessage
from dealgram.sandbox.amocrm.hooks import HookSender
from dealgram.sandbox.amocrm.records import SimUser
from dealgram.sandbox.amocrm.world import World

TYPING_S = 5


def typing(world: World, hooks: HookSender, account: SimAccount, chat: SimChat, user: SimUser) -> bool:
    """A manager types; whether a hook tells of it."""
    person, now = {"id": account.open_chats(user)}, world.now()
    if not world.channel.typing_hooks or now < chat.typing_told.get(person["id"], 0.0) + TYPING_S:
        return False
    chat.typing_told[person["id"]] = now
    inner: dict[str, Any] = {
        "conversation": {"id": chat.uuid, "client_id": chat.client_id},
        "expired_at": int(now) + TYPING_S,
    }
    action: dict[str, Any] = {"typing": {"user": person, **inner}}
    if world.switches.typing_hook == "beside":
        action = {"user": person, "typing": inner}
    hooks.queue(account, kind="typing", subject=chat.uuid, chat_uuid=chat.uuid, content={"action": action})
    return True


def react(
    world: World, hooks: HookSender, account: SimAccount, message: SimMessage, user: SimUser, emoji: str | None
) -> None:
    """A manager puts a reaction on a message, or takes it back (`emoji` None).

    Raises ValueError for a reaction that the channel does not have: amoCRM offers no others.
    """
    if emoji is not None and not world.may_react(emoji):
        raise ValueError(f"{emoji} is not among the reactions of the channel")
    ref_id = account.open_chats(user)
    if emoji is None:
        message.reactions.pop(ref_id, None)
    else:
        message.reactions[ref_id] = emoji
    world.changed(account, message)
    _tell(world, hooks, account, message, ref_id, emoji)


def imported(
    world: World, hooks: HookSender, account: SimAccount, message: SimMessage, ref_id: str, emoji: str | None
) -> None:
    """A reaction that the integration put on in a user's name comes back as a hook, if the switch says so."""
    if world.switches.user_import_hook and ref_id in account.users_by_amojo:
        _tell(world, hooks, account, message, ref_id, emoji)


def _tell(
    world: World, hooks: HookSender, account: SimAccount, message: SimMessage, ref_id: str, emoji: str | None
) -> None:
    chat = message.chat
    reaction: dict[str, Any] = {
        "user": {"id": ref_id},
        "conversation": {"id": chat.uuid, "client_id": chat.client_id},
        "type": "unreact" if emoji is None else "react",
    }
    if emoji is not None:
        reaction["emoji"] = emoji
    if world.switches.reaction_hook == "msgid":
        reaction["msgid"] = message.id
    else:
        named: dict[str, Any] = {"id": message.id}
        if message.msgid is not None:
            named["client_id"] = message.msgid
        reaction["message"] = named | {
            "sender": {"id": message.sender.uuid},
            "receiver": {"id": message.receiver.uuid if message.receiver is not None else ""},
            "timestamp": message.timestamp,
            "msec_timestamp": message.msec_timestamp,
        }
    content = {"action": {"reaction": reaction}}
    hooks.queue(account, kind="reaction", subject=message.id, chat_uuid=chat.uuid, content=content)
