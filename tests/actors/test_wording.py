"""What stands before the words of a message, beside what is shown and where nothing can be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.body_parts import Author, Shown, TelegramFile
from dealgram.actors.cards.wording import worded
from dealgram.actors.reading.incoming import Incoming, within_album

FILE = TelegramFile(type="picture", file_id="f", name="a.jpg")


def incoming(line: str = "Привет", **more) -> Incoming:
    author = Author(id="tgu-5", name="Анна", user_id=5)
    return Incoming(
        chat_id=1,
        chat_title="",
        chat_kind="group",
        message_id=2,
        sent_at_ms=3,
        author=author,
        text="",
        line=line,
        **more,
    )


def picture(caption: str = "", **more) -> Incoming:
    instead = f"🖼 Фотография\n{caption}".strip()
    return incoming(line=instead, said=caption, shown=Shown(file=FILE, instead=instead), **more)


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({}, "↪️ Переслано\nПривет"),
        ({"name": "Анна"}, "Анна: ↪️ Переслано\nПривет"),
        ({"name": "Анна", "label": "[Макеты] "}, "[Макеты] Анна: ↪️ Переслано\nПривет"),
    ],
)
def test_a_text_stands_under_whence_it_comes_after_the_name_and_the_topic(context, text):
    words = worded(incoming(above=("↪️ Переслано",)), **context)
    assert (words.text, words.shown) == (text, None)


def test_a_picture_has_its_caption_beside_it_and_words_for_where_it_cannot_be_shown():
    words = worded(picture("Смотрите"), name="Анна")
    assert words.text == "Анна: Смотрите"
    assert words.shown == Shown(file=FILE, instead="Анна: 🖼 Фотография\nСмотрите")


def test_a_picture_without_a_caption_still_says_whose_it_is_among_several():
    assert worded(picture()).text == ""
    assert worded(picture(), name="Анна").text == "Анна:"
    assert worded(picture(), label="[Макеты] ").text == "[Макеты]"


def test_the_rest_of_an_album_says_nothing_twice():
    rest = within_album(picture(above=("↪️ Переслано",), reply_to=1, quoted="↩️"))
    words = worded(rest, name="Анна", label="[Макеты] ")
    assert words.text == ""
    # In words there is no album: there each line says whose it is.
    assert words.shown.instead == "[Макеты] Анна: 🖼 Фотография"
    assert worded(within_album(picture("Ещё")), name="Анна").text == "Ещё"


@given(st.text(min_size=1).filter(str.strip), st.sampled_from(["", "Анна"]), st.sampled_from(["", "[Тема] "]))
def test_words_are_never_lost(line, name, label):
    line = line.strip()
    assert worded(incoming(line), name=name, label=label).text.endswith(line)
    shown = worded(picture(line), name=name, label=label)
    assert shown.text.endswith(line)
    assert shown.shown.instead.endswith(line)
