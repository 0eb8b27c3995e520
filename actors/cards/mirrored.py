"""A manager's answer as the group's other deals show it: with what it answers, and with its file, or in words where
amoCRM does not take that.

The file is amoCRM's own: it is given the address that it gave us. amoCRM wants to know how large a file is (amoCRM
contract §7); one whose size nobody knows, since it never was fetched, is a line.
"""

from __future__ import annotations

from collections.abc import Callable

from dealgram.actors.answering.attachment_texts import link_line
from dealgram.actors.answering.file_kinds import name_in
from dealgram.actors.bodies import MirrorAnswer, SendAnswer
from dealgram.actors.body_parts import AmoFile
from dealgram.actors.cards.contents import Way
from dealgram.actors.latest import Latest
from dealgram.actors.names import GroupConversation, mirror_msgid
from dealgram.gateways import amojo

_REMEMBERED = 64


class QuotedAlbums:
    """The line about what an album answers stands once in a conversation, where amoCRM cannot quote it. Memory of the
    last few only: forgetting shows the line again."""

    def __init__(self) -> None:
        self._first: Latest[tuple[str, str], str] = Latest(_REMEMBERED)

    def line_of(self, body: SendAnswer) -> str:
        """What an answer answers in words; empty if another file of its album says it."""
        if not body.album or not body.quoted:
            return body.quoted
        first = self._first.setdefault((body.conversation, body.album), body.amo_id)
        return body.quoted if first == body.amo_id else ""


def mirror_of(
    body: SendAnswer, conversation: GroupConversation, *, text: str, quoted: str, message_id: int | None
) -> MirrorAnswer:
    """The import of one message of an answer into the group's own conversation of another deal.

    Args:
        text: as that deal shows it.
        quoted: see `QuotedAlbums`.
        message_id: where it stands in the chat, if that is known.
    """
    part = f"{body.amo_id}-{body.part}" if body.parts > 1 else body.amo_id
    return MirrorAnswer(
        conversation=str(conversation),
        msgid=mirror_msgid(part, conversation.deal_id or 0),
        manager=body.manager,
        manager_name=body.manager_name,
        text=text,
        sent_at_ms=body.sent_at_ms,
        chat_id=body.chat_id,
        message_id=message_id,
        media=body.media,
        thread=body.thread,
        reply_to_message_id=body.reply_to_message_id,
        answered=body.answered,
        quoted=quoted,
    )


def mirror_ways(body: MirrorAnswer, quote: amojo.Quote | None, said: Callable[[str], str]) -> tuple[Way, ...]:
    """The ways to import an answer, the best first.

    Args:
        quote: what it answers, where that stands in the same conversation.
        said: puts a name before the words, where amoCRM shows none.
    """
    found: list[Way] = []
    for one in (quote, None) if quote is not None else (None,):
        text = said(_answering(body, body.text, one))
        if body.media is None:
            found.append(Way(amojo.text(text), one))
        elif (content := _content(body.media, text)) is not None:
            found.append(Way(content, one))
    if body.media is not None:
        words = "\n\n".join(part for part in (body.text, link_line(body.media)) if part)
        found.append(Way(amojo.text(said(_answering(body, words, None)))))
    return tuple(found)


def _answering(body: MirrorAnswer, words: str, quote: amojo.Quote | None) -> str:
    """The words, under a line about what is answered where amoCRM does not quote it."""
    line = body.quoted if quote is None else ""
    return "\n".join(part for part in (line, words) if part)


def _content(file: AmoFile, text: str) -> amojo.Content | None:
    if not file.size:
        return None
    return amojo.Content(
        type=amojo.ContentType(file.type),
        text=text or None,
        media=file.url,
        file_name=file.name or name_in(file.url) or "file",
        file_size=file.size,
    )
