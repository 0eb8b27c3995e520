"""One message as people see it in a card: its author, its file, what it quotes, who reacted, what became of it.

Pure reading: nothing is changed here.
"""

from __future__ import annotations

from dealgram.sandbox.amocrm import media, quotes
from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.conversations import FeedItem, Reaction, SimMessage
from dealgram.sandbox.amocrm.world import World


def item(world: World, account: SimAccount, message: SimMessage) -> FeedItem:
    """The message for a card or a history."""
    chat, content = message.chat, message.content
    author = message.sender.name
    if world.switches.sender_rendering == "first" and message.direction == "in":
        author = chat.title
    return FeedItem(
        at=message.msec_timestamp / 1000,
        conversation=chat.client_id,
        chat_uuid=chat.uuid,
        author=author,
        type=content["type"],
        text=content.get("text", ""),
        direction=message.direction,
        msgid=message.msgid,
        status=message.error if message.status == "error" else message.status,
        amo_id=message.id,
        arrival=message.seq,
        media=content.get("media", ""),
        data=_data(world, message),
        file_name=content.get("file_name", ""),
        file_size=content.get("file_size"),
        duration=content.get("media_duration"),
        location=content.get("location"),
        contact=content.get("contact"),
        media_group=content.get("media_group_id"),
        quoted=quotes.shown(account, message.quote),
        forwarded=quotes.shown(account, message.forward),
        silent=message.silent,
        is_edited=message.edited,
        error_code=message.error_code,
        reactions=tuple(_reaction(world, account, who, emoji) for who, emoji in message.reactions.items()),
        statuses=tuple(message.statuses),
    )


def _data(world: World, message: SimMessage) -> bytes | None:
    if not message.was_written_here:
        found = media.fetched(world, message)
        return found.body if found is not None else None
    attached = world.files.find(message.content.get("media", ""))
    return attached.data if attached is not None and attached.size is None else None


def _reaction(world: World, account: SimAccount, who: str, emoji: str) -> Reaction:
    user, person = account.users_by_amojo.get(who), account.participants_by_uuid.get(who)
    if user is not None:
        return Reaction(emoji=emoji, by=user.name, is_manager=True)
    if who == world.channel.bot_id:
        return Reaction(emoji=emoji, by=account.channel_title or world.channel.title, is_manager=True)
    return Reaction(emoji=emoji, by=person.name if person is not None else who, is_manager=False)
