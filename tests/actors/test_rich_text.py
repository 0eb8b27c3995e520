"""Formatted text becomes plain text that says the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.reading.rich_text import plain
from dealgram.gateways.telegram import Entity, User


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def marked(text: str, words: str, kind: str, **more) -> Entity:
    """An entity over some words of a text."""
    return Entity(type=kind, offset=units(text[: text.index(words)]), length=units(words), **more)


@pytest.mark.parametrize(
    "kind", ["bold", "italic", "underline", "code", "pre", "hashtag", "url", "custom_emoji", "new"]
)
def test_what_changes_no_meaning_leaves_no_sign(kind):
    assert plain("Очень важно", [marked("Очень важно", "важно", kind)]) == "Очень важно"


def test_a_link_shows_where_it_leads():
    text = "🔥🔥 Смотрите макет тут."
    link = marked(text, "макет", "text_link", url="https://figma.com/x?a=1")
    assert plain(text, [link]) == "🔥🔥 Смотрите макет (https://figma.com/x?a=1) тут."


@pytest.mark.parametrize("words", ["https://a.ru/", "a.ru", "A.RU/", "http://a.ru"])
def test_an_address_is_not_said_twice(words):
    assert plain(f"Тут {words}!", [marked(f"Тут {words}!", words, "text_link", url="https://a.ru")]) == f"Тут {words}!"


def test_people_without_a_public_name_are_mentioned_by_name():
    person = User(id=5, first_name="Игорь", last_name="Петров")
    text = "Игорь, посмотрите"
    assert plain(text, [marked(text, "Игорь", "text_mention", user=person)]) == "@Игорь, посмотрите"
    text = "Шеф, посмотрите"
    assert plain(text, [marked(text, "Шеф", "text_mention", user=person)]) == "@Шеф (Игорь Петров), посмотрите"
    text = "@Игорь Петров тут"
    assert plain(text, [marked(text, "@Игорь Петров", "text_mention", user=person)]) == text
    assert plain("Он", [marked("Он", "Он", "text_mention")]) == "@Он"


def test_what_is_struck_out_or_hidden_is_told_apart():
    text = "Цена 1000 ₽ 800 ₽ для вас"
    entities = [marked(text, "1000 ₽ ", "strikethrough"), marked(text, "для вас", "spoiler")]
    assert plain(text, entities) == "Цена ~~1000 ₽~~ 800 ₽ ||для вас||"


def test_quotations_have_a_sign_on_every_line():
    text = "Вы писали\nраз\nдва\nи что?"
    assert plain(text, [marked(text, "раз\nдва", "blockquote")]) == "Вы писали\n> раз\n> два\nи что?"
    text = "Вы писали раз и что?"
    assert plain(text, [marked(text, "раз", "expandable_blockquote")]) == "Вы писали \n> раз\n и что?"


def test_formatting_within_formatting_is_closed_from_within():
    text = "Вот старый сайт"
    entities = [
        marked(text, "старый сайт", "strikethrough"),
        marked(text, "сайт", "text_link", url="https://a.ru/1"),
        marked(text, "сайт", "spoiler"),
        marked(text, "Вот старый сайт", "blockquote"),
    ]
    assert plain(text, entities) in {
        "> Вот ~~старый ||сайт|| (https://a.ru/1)~~",
        "> Вот ~~старый ||сайт (https://a.ru/1)||~~",
    }


def test_entities_that_cross_keep_their_places():
    text = "один два три"
    entities = [marked(text, "один два", "strikethrough"), marked(text, "два три", "spoiler")]
    assert plain(text, entities) == "~~один ||два~~ три||"


def test_offsets_beside_the_text_are_harmless():
    for offset, length in ((-5, 3), (0, -1), (50, 10), (1, 10_000), (3, 0)):
        entity = Entity(type="strikethrough", offset=offset, length=length)
        assert plain("😀 да", [entity]).replace("~~", "") == "😀 да"


_TEXTS = st.text(alphabet=st.sampled_from("абв xyz\n😀👍🏽~|>()@"), max_size=30)
_KINDS = ["bold", "text_link", "text_mention", "strikethrough", "spoiler", "blockquote", "expandable_blockquote", "pre"]
_ENTITIES = st.lists(
    st.builds(
        Entity,
        type=st.sampled_from(_KINDS),
        offset=st.integers(-2, 40),
        length=st.integers(-2, 40),
        url=st.sampled_from(["", "https://a.ru", "xyz"]),
        user=st.none() | st.just(User(id=1, first_name="Игорь")),
    ),
    max_size=6,
)


def is_within(part: str, whole: str) -> bool:
    """Whether the characters of ``part`` stand in ``whole`` in their order."""
    rest = iter(whole)
    return all(char in rest for char in part)


@given(_TEXTS, _ENTITIES)
def test_no_character_of_the_text_is_lost(text, entities):
    assert is_within(text, plain(text, entities))


@given(_TEXTS, st.lists(st.sampled_from(["bold", "italic", "code", "pre", "hashtag"]), max_size=3))
def test_without_meaning_the_text_is_the_same(text, kinds):
    assert plain(text, [Entity(type=kind, offset=0, length=units(text)) for kind in kinds]) == text


@given(st.integers(0, 20), st.integers(1, 5))
def test_offsets_count_utf16_units(before, inside):
    text = "😀" * before + "ж" * inside + "😀"
    entity = Entity(type="strikethrough", offset=2 * before, length=inside)
    assert plain(text, [entity]) == "😀" * before + "~~" + "ж" * inside + "~~" + "😀"
