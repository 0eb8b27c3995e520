"""The forms of an answer: each refusal leads to a weaker one, none is tried twice, and no word is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.answering.answer_forms import Form, Item
from dealgram.actors.answering.answers import shown_name
from dealgram.actors.answering.split_text import CAPTION_LIMIT, utf16_length
from dealgram.gateways.errors import OutcomeUnknown, Refused
from dealgram.gateways.spool import Spool
from dealgram.gateways.telegram import Caption, OutFile, ReplyTo, Sent
from dealgram.gateways.telegram.reasons import KNOWN

LINE = "↩️ Анна: да?"


class Telegram:
    """Refuses with one reason after the other, then accepts."""

    def __init__(self, *reasons: str) -> None:
        self.reasons = list(reasons)
        self.calls: list[tuple[str, dict]] = []
        self.media = self

    async def _take(self, name: str, **said) -> int:
        self.calls.append((name, said))
        if self.reasons:
            reason = self.reasons.pop(0)
            if reason == "?":
                raise OutcomeUnknown("broken")
            raise Refused(reason, reason=reason)
        return 7

    async def send_text(self, chat_id, text, *, reply_to, reply_markup, thread, link_preview, bold):
        return await self._take("text", text=text, reply=reply_to, bold=bold)

    async def send(self, chat_id, file, *, caption, reply, keyboard, thread):
        return Sent(message_id=await self._take(file.kind, text=caption.text, reply=reply, bold=caption.bold))

    async def send_album(self, chat_id, files, *, reply, thread):
        first = await self._take("album", files=files, reply=reply)
        return tuple(Sent(message_id=first + number) for number in range(len(files)))


def photo(kind="photo") -> OutFile:
    return OutFile(kind=kind, name="a.jpg", data=Spool.of(b"x"), facts={"width": 1} if kind == "video" else {})


def form(*items: Item, reply: ReplyTo | None = None) -> Form:
    return Form(chat_id=1, items=items or (Item(text="Да"),), reply=reply, quoted=LINE)


REPLY = ReplyTo(message_id=9, quote="кусок", must_exist=True)


async def test_the_ladder_of_a_quotation():
    telegram = Telegram("bad_quote", "reply_not_found")
    assert await form(reply=REPLY).send(telegram) == (Sent(message_id=7),)
    assert [(said["reply"], said["text"]) for _, said in telegram.calls] == [
        (REPLY, "Да"),
        (replace(REPLY, quote=""), "Да"),
        (None, f"{LINE}\nДа"),
    ]


@pytest.mark.parametrize("reason", ["photo_dimensions", "bad_photo", "bad_file"])
async def test_what_is_no_photo_goes_as_a_file_once(reason):
    telegram = Telegram(reason)
    await form(Item(text="Макет", file=photo())).send(telegram)
    assert [name for name, _ in telegram.calls] == ["photo", "document"]
    with pytest.raises(Refused):
        await form(Item(text="Макет", file=photo())).send(Telegram(reason, reason))


async def test_a_file_that_is_too_large_is_a_line():
    telegram = Telegram("file_too_big")
    await form(Item(text="Макет", name="Ольга", file=photo("video"), link="🎬 Видео\nhttps://a.ru")).send(telegram)
    assert telegram.calls[-1] == (
        "text",
        {"text": "Ольга: Макет\n\n🎬 Видео\nhttps://a.ru", "reply": None, "bold": utf16_length("Ольга:")},
    )


async def test_an_unknown_outcome_ends_it_at_once():
    telegram = Telegram("bad_quote", "?")
    with pytest.raises(OutcomeUnknown):
        await form(reply=REPLY).send(telegram)
    assert len(telegram.calls) == 2


@given(st.lists(st.sampled_from(sorted(KNOWN)), max_size=12), st.integers(1, 3), st.booleans())
async def test_any_refusals_end_and_never_send_twice(reasons, count, quotes):
    items = tuple(Item(text="Т" if number == 0 else "", file=photo(), link="ссылка") for number in range(count))
    telegram = Telegram(*reasons)
    try:
        sent = await form(*items, reply=REPLY if quotes else None).send(telegram)
    except Refused:
        sent = ()
    assert len(telegram.calls) <= 5
    assert len(sent) in (0, count)
    assert len({repr(call) for call in telegram.calls}) == len(telegram.calls), "the same was tried twice"


def captions(*items: Item, line: str = "") -> list[Caption]:
    return [caption for _, caption in replace(form(*items), line=line)._album()]


def test_one_caption_of_an_album_stands_with_its_first_file():
    one, two = Item(file=photo()), Item(text="Обе", file=photo())
    assert [caption.text for caption in captions(one, two)] == ["Обе", ""]
    assert [caption.text for caption in captions(one, two, line=LINE)] == [f"{LINE}\nОбе", ""]
    assert [caption.text for caption in captions(one, one)] == ["", ""]


def test_several_captions_stay_with_their_files_and_the_name_stands_once():
    items = [Item(name="Ольга", file=photo()), *(Item(text=text, name="Ольга", file=photo()) for text in "аб")]
    assert [caption.text for caption in captions(*items)] == ["", "Ольга: а", "б"]
    assert captions(*items)[1].bold == len("Ольга:")
    assert captions(items[0], items[0]) == [Caption(text="Ольга", bold=5), Caption()]


def test_a_line_for_which_there_is_no_room_gives_way():
    full = Item(text="я" * CAPTION_LIMIT, file=photo())
    assert captions(Item(file=photo()), full, line=LINE)[0].text == full.text


@given(st.text(max_size=80), st.text(max_size=20).map(shown_name), st.booleans())
def test_the_bold_part_is_the_name(text, name, has_line):
    caption = Item(text=text, name=name).shown(LINE if has_line else "")
    bold = caption.text.encode("utf-16-le")[: caption.bold * 2].decode("utf-16-le")
    assert bold.rstrip(":") == name.rstrip(":")
    assert text in caption.text
