"""The form in which an answer is sent, and the weaker form when Telegram refuses it.

A refusal is certain: nothing was sent, so another try cannot double anything. A stretch that cannot be quoted any more
becomes a plain reply, a reply to what is gone a line above the text, a picture that is no photo to Telegram a file, a
file that it finds too large a line with the address. What is left is refused for good, and the manager is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dealgram.actors.answering.split_text import CAPTION_LIMIT, utf16_length
from dealgram.gateways.errors import Refused
from dealgram.gateways.telegram import BotCalls, Caption, Keyboard, OutFile, ReplyTo, Sent

_NO_PHOTO = frozenset({"photo_dimensions", "bad_photo", "bad_file"})
_LARGE = frozenset({"file_too_big"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One message of an answer: a text, or a file with its caption.

    Attributes:
        name: the manager's, in bold before the text; empty for none.
        link: the line that goes in the place of the file if it is too large.
    """

    text: str = ""
    name: str = ""
    file: OutFile | None = None
    link: str = ""

    def shown(self, line: str) -> Caption:
        """The text as it is sent, under a line that says what is answered."""
        prefix = f"{self.name}: " if self.name and (self.text or line) else self.name
        words = "\n".join(part for part in (line, self.text) if part)
        return Caption(text=prefix + words, bold=utf16_length(prefix.rstrip()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """An answer as Telegram gets it: one item, or several as an album.

    Attributes:
        line: says what is answered, where `reply` does not show it.
        quoted: the same line, kept for the case that the reply is refused.
    """

    chat_id: int
    items: tuple[Item, ...]
    reply: ReplyTo | None = None
    line: str = ""
    quoted: str = ""
    keyboard: Keyboard | None = None
    thread: int | None = None
    link_preview: bool = True

    async def send(self, client: BotCalls) -> tuple[Sent, ...]:
        """Send it, in a weaker form if need be; the messages, in the order of the items.

        Raises:
            Refused: no form of it is accepted; nothing was sent.
            OutcomeUnknown, NotSent, …: see `Once.send`.
        """
        form = self
        while True:
            try:
                return await form._send(client)
            except Refused as error:
                weaker = form.after(error.reason)
                if weaker is None:
                    raise
                form = weaker

    def after(self, reason: str) -> Form | None:
        """What can be tried after a refusal; None if nothing."""
        if reason == "bad_quote" and self.reply is not None and self.reply.quote:
            return replace(self, reply=replace(self.reply, quote=""))
        if reason in ("reply_not_found", "bad_quote") and self.reply is not None:
            return replace(self, reply=None, line=self.quoted)
        if reason in _NO_PHOTO and not self.reused and any(_is_no_document(item) for item in self.items):
            return replace(self, items=tuple(_as_document(item) for item in self.items))
        if reason in _LARGE and len(self.items) == 1 and self.items[0].file is not None:
            item = self.items[0]
            text = "\n\n".join(part for part in (item.text, item.link) if part)
            return replace(self, items=(replace(item, file=None, text=text),))
        return None

    @property
    def reused(self) -> tuple[str, ...]:
        """The ids of files that are sent without an upload."""
        return tuple(item.file.file_id for item in self.items if item.file is not None and item.file.data is None)

    async def _send(self, client: BotCalls) -> tuple[Sent, ...]:
        if len(self.items) > 1:
            return await client.media.send_album(self.chat_id, self._album(), reply=self.reply, thread=self.thread)
        item = self.items[0]
        caption = item.shown(self.line)
        if item.file is not None:
            sent = await client.media.send(
                self.chat_id,
                item.file,
                caption=caption,
                reply=self.reply,
                keyboard=self.keyboard,
                thread=self.thread,
            )
            return (sent,)
        message_id = await client.send_text(
            self.chat_id,
            caption.text,
            reply_to=self.reply,
            reply_markup=self.keyboard,
            thread=self.thread,
            link_preview=self.link_preview,
            bold=caption.bold,
        )
        return (Sent(message_id=message_id),)

    def _album(self) -> list[tuple[OutFile, Caption]]:
        """The files with their captions. A single one stands with the first: that is where clients show the caption of
        an album. The manager's name stands once, and so does the line about what is answered."""
        said = [item for item in self.items if item.text]
        captions = [Caption()] * len(self.items)
        if len(said) <= 1:
            first = replace(self.items[0], text=said[0].text if said else "")
            captions[0] = _fitting(first, self.line)
        else:
            named = self.items.index(said[0])
            for number, item in enumerate(self.items):
                shown = item if number == named else replace(item, name="")
                captions[number] = _fitting(shown, self.line if number == named else "")
        return [(_file(item), caption) for item, caption in zip(self.items, captions, strict=True)]


def _fitting(item: Item, line: str) -> Caption:
    """Room for the line was left where its own row has a text; another row's text may need all of it."""
    caption = item.shown(line)
    return caption if utf16_length(caption.text) <= CAPTION_LIMIT else item.shown("")


def _file(item: Item) -> OutFile:
    assert item.file is not None, "an album is made of files"
    return item.file


def _is_no_document(item: Item) -> bool:
    return item.file is not None and item.file.kind != "document"


def _as_document(item: Item) -> Item:
    return item if item.file is None else replace(item, file=replace(item.file, kind="document", facts={}))
