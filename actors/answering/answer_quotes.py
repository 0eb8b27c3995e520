"""What a manager's answer quotes, as Telegram can show it: a reply, a reply to a stretch, or a line above the text.

The answered message is looked up when the answer is decided on, and once more before it is sent: a quick second answer
quotes a first one that is still on its way. Whether Telegram still has it shows with the send (`answer_forms`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import msgspec

from dealgram.actors.answering.attachment_texts import words_of
from dealgram.actors.answering.split_text import utf16_length
from dealgram.actors.names import read_person_id
from dealgram.actors.services import Services
from dealgram.actors.texts import quoted_line
from dealgram.gateways.amojo import MessageHook, QuotedMessage, ReplyTo
from dealgram.persistence import messages, originals, users
from dealgram.persistence.records import Message, Original

QUOTE_LIMIT = 1024
"""UTF-16 units (Bot API: ReplyParameters)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What an answer answers.

    Attributes:
        message_id: the message in the chat that the answer goes to; None where it is not known there (yet).
        thread: the forum topic in which it stands.
        amo_id: amoCRM's id of it, if it may become known.
        quote: the stretch of it that is quoted; empty for all of it.
        line: says in words what is answered, for when Telegram cannot.
    """

    message_id: int | None = None
    thread: int | None = None
    amo_id: str = ""
    quote: str = ""
    line: str = ""

    def within(self, thread: int | None) -> Answered:
        """As an answer in ``thread`` can show it: Telegram quotes within a topic only."""
        if self.message_id is None or thread is None or self.thread in (None, thread):
            return self
        return replace(self, message_id=None, amo_id="", quote="")


PersonName = Callable[[int], Awaitable[str]]
"""The name of a Telegram user, by id; empty for somebody unknown."""


async def with_authors(services: Services, account_id: int, hook: MessageHook, person_name: PersonName) -> MessageHook:
    """The hook with the names of those whose words it quotes and forwards: amoCRM tells their ids only (contract §9).

    Raises:
        DatabaseUnavailable: ask again.
    """
    content = hook.content
    if content.forwards is not None and content.forwards.messages:
        named = [await _with_author(services, account_id, one, person_name) for one in content.forwards.messages]
        forwards = msgspec.structs.replace(content.forwards, messages=tuple(named))
        content = msgspec.structs.replace(content, forwards=forwards)
    if hook.quoted is not None:
        quoted = await _with_author(services, account_id, hook.quoted, person_name)
        content = msgspec.structs.replace(content, reply_to=ReplyTo(message=quoted))
    return msgspec.structs.replace(hook, content=content)


async def _with_author(
    services: Services, account_id: int, message: QuotedMessage, person_name: PersonName
) -> QuotedMessage:
    sender = message.sender
    if sender is None or sender.name:
        return message
    name = ""
    if sender.client_id and (user_id := read_person_id(sender.client_id)) is not None:
        name = await person_name(user_id)
    elif sender.id:
        user = await users.by_amojo(services.db, account_id, sender.id)
        name = user.name if user is not None else ""
    return msgspec.structs.replace(message, sender=msgspec.structs.replace(sender, name=name))


async def read_answered(
    services: Services, account_id: int, hook: MessageHook, bot_id: int, chat_id: int
) -> Answered | None:
    """What a hook answers; None if nothing.

    Raises:
        DatabaseUnavailable: ask again.
    """
    quoted = hook.quoted
    if quoted is None:
        return None
    author = quoted.sender.name if quoted.sender is not None and quoted.sender.name else ""
    line = quoted_line(author, words_of(quoted)).strip()
    found = await messages.by_amo(services.db, account_id, quoted.id) if quoted.id else None
    if found is None and quoted.msgid and hook.conversation.client_id:
        found = await messages.by_msgid(services.db, account_id, hook.conversation.client_id, quoted.msgid)
    if found is None:
        return Answered(amo_id=quoted.id or "", line=line)
    if not _stands_in(found, bot_id, chat_id):
        return Answered(line=line)
    assert found.message_id is not None
    original = await originals.get(services.db, account_id, bot_id, chat_id, found.message_id)
    quote = stretch(quoted.text, original) if original is not None else ""
    return Answered(message_id=found.message_id, thread=found.thread_id, quote=quote, line=line)


async def find_answered(services: Services, account_id: int, amo_id: str, bot_id: int, chat_id: int) -> Message | None:
    """The answered message, if it has come to stand in the chat since the answer was decided on."""
    found = await messages.by_amo(services.db, account_id, amo_id)
    return found if found is not None and _stands_in(found, bot_id, chat_id) else None


def stretch(quoted: str, original: Original) -> str:
    """What of a message is quoted, if it is a part of it that Telegram can quote; else empty. All that amoCRM has of a
    file in words is its caption, which stands below the file's own line: that is the whole message too."""
    words, said = quoted.strip(), original.text.strip()
    is_whole = words == said or (original.file_id is not None and said.endswith(f"\n{words}"))
    if not words or is_whole or words not in said or utf16_length(words) > QUOTE_LIMIT:
        return ""
    return words


def _stands_in(row: Message, bot_id: int, chat_id: int) -> bool:
    return row.bot_id == bot_id and row.chat_id == chat_id and row.message_id is not None
