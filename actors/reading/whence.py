"""What stands above a message about where it comes from and what it answers. Pure.

A message that answers another is quoted by amoCRM itself where the answered one stands in the same conversation; these
words are for where it does not, and for what amoCRM cannot quote: a picked-out stretch, a message of another chat.
"""

from __future__ import annotations

from dataclasses import dataclass

from dealgram.actors import texts
from dealgram.actors.reading import media_texts
from dealgram.actors.reading.authors import author_of, origin_name
from dealgram.actors.reading.describe import describe
from dealgram.actors.reading.message_links import message_link, story_link
from dealgram.actors.reading.rich_text import plain
from dealgram.gateways.telegram import Message, Origin
from dealgram.gateways.telegram.content import ExternalReply

OLD_S = 86_400
"""What was forwarded is dated when it was written so many seconds before."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a message answers. ``message_id``: of the same chat. ``quoted``: in words, where amoCRM cannot quote it;
    ``picked``: what is said even where it can, since it quotes all of a message."""

    message_id: int | None = None
    quoted: str = ""
    picked: str = ""


def above(message: Message) -> tuple[str, ...]:
    """The lines about where a message comes from: forwarded, from a channel, through an inline bot."""
    lines = (_forwarded(message), _via(message))
    return tuple(line for line in lines if line)


def answered(message: Message, bot_id: int) -> Answered:
    """What a message answers. What our own bot wrote is a manager's answer: nobody answers anything else of it but its
    menus."""
    one = message.reply_to_message
    picked = _picked(message)
    if one is not None and one.kind != "forum_topic_created":
        # Every message of a topic carries the topic's first note: that is no quotation (telegram-facts §1.6).
        is_own = one.from_user is not None and one.from_user.id == bot_id
        author = texts.MANAGER if is_own else author_of(one).name
        return Answered(
            message_id=one.message_id,
            quoted=media_texts.quoted_line(author, picked or describe(one) or "", picked=bool(picked)),
            picked=media_texts.picked_line(picked) if picked else "",
        )
    if message.external_reply is not None:
        return Answered(quoted=_elsewhere(message, message.external_reply, picked))
    if message.reply_to_story is not None:
        story = message.reply_to_story
        name = story.chat.title or f"{story.chat.first_name} {story.chat.last_name}".strip() if story.chat else ""
        link = story_link(story.chat, story.id)
        words = f"{media_texts.STORY} {link}" if link else media_texts.STORY
        return Answered(quoted=media_texts.quoted_line(name, words, picked=False))
    return Answered(quoted=media_texts.picked_line(picked) if picked else "")


def _quote(message: Message) -> str:
    return plain(message.quote.text, message.quote.entities).strip() if message.quote is not None else ""


def _picked(message: Message) -> str:
    """The stretch that the person picked out. What Telegram cut by itself, say of a long text, is no choice."""
    return _quote(message) if message.quote is not None and message.quote.is_manual else ""


def _elsewhere(message: Message, reply: ExternalReply, picked: str) -> str:
    where = ""
    if reply.chat is not None:
        chat = reply.chat
        is_here = chat.id == message.chat.id
        where = media_texts.OTHER_TOPIC if is_here else media_texts.whence_chat(chat.type, chat.title, "")
    author = origin_name(reply.origin)
    if where and author.casefold() == where.casefold():
        where = ""  # a channel's own post
    words = picked or _described(message, reply) or _quote(message)
    line = media_texts.quoted_line(media_texts.elsewhere(author, where), words, picked=bool(picked))
    link = message_link(reply.chat, reply.message_id)
    return f"{line} {link}" if link else line


def _described(message: Message, reply: ExternalReply) -> str:
    """What the answered message of elsewhere holds. Its text is not told, but for what was picked out."""
    for kind in ExternalReply.__struct_fields__:
        value = getattr(reply, kind)
        if kind in ("origin", "chat", "message_id") or not value:
            continue
        as_message = Message(message_id=0, chat=reply.chat or message.chat, keys=(kind,), **{kind: value})
        return describe(as_message) or ""
    return ""


def _forwarded(message: Message) -> str:
    origin = message.forward_origin
    if message.is_automatic_forward:
        link = message_link(origin.chat, origin.message_id) if origin is not None else None
        return media_texts.posted_line(link)
    if origin is None:
        return ""
    is_old = 0 < origin.date < message.date - OLD_S
    link = message_link(origin.chat, origin.message_id) if origin.type == "channel" else None
    return media_texts.forwarded_line(_whence(origin), origin.date if is_old else None, link)


def _whence(origin: Origin) -> str:
    chat = origin.sender_chat or origin.chat
    if chat is None or origin.sender_user is not None:
        return origin_name(origin)
    name = chat.title or f"{chat.first_name} {chat.last_name}".strip() or chat.username
    return media_texts.whence_chat(chat.type, name, origin.author_signature)


def _via(message: Message) -> str:
    return media_texts.via_line(message.via_bot.username) if message.via_bot and message.via_bot.username else ""
