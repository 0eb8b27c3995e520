"""Cutting long answers: nothing is lost, nothing is too long, and cuts fall where a reader would put them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.answering.split_text import TEXT_LIMIT, split_text, utf16_length

TEXTS = st.text(alphabet=st.sampled_from("аб. \n🎈e\u0301\t"), max_size=300) | st.text(max_size=300)


def squeezed(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, st.integers(min_value=2, max_value=60))
def test_nothing_but_white_space_is_lost_and_no_part_is_too_long(text, limit):
    parts = split_text(text, limit)
    assert squeezed("".join(parts)) == squeezed(text)
    assert all(0 < utf16_length(part) <= limit for part in parts)
    assert all(part == part.strip() for part in parts)


@given(TEXTS)
def test_a_text_that_fits_is_one_part(text):
    assert split_text(text, 10_000) == ([text.strip()] if text.strip() else [])


@given(st.integers(0, TEXT_LIMIT * 2))
def test_telegrams_own_limit_counts_utf16_units(extra):
    text = "🎈" * (TEXT_LIMIT // 2) + "я" * extra
    parts = split_text(text)
    assert "".join(parts) == text
    assert all(utf16_length(part) <= TEXT_LIMIT for part in parts)
    assert len(parts) == 1 + -(-extra // TEXT_LIMIT)


def test_cuts_prefer_paragraphs_then_lines_then_sentences_then_words():
    assert split_text("Раз два.\n\nТри четыре", 14) == ["Раз два.", "Три четыре"]
    assert split_text("Раз два\nтри четыре", 14) == ["Раз два", "три четыре"]
    assert split_text("Раз два. Три четыре", 14) == ["Раз два.", "Три четыре"]
    assert split_text("Где? Там. Ну да! Хорошо, иду", 20) == ["Где? Там. Ну да!", "Хорошо, иду"]
    assert split_text("раз два три четыре", 13) == ["раз два три", "четыре"]
    assert split_text("абвгдежз", 3) == ["абв", "где", "жз"]


def test_an_early_separator_makes_no_tiny_part():
    assert split_text("а\n\n" + "б" * 30, 20) == ["а\n\n" + "б" * 17, "б" * 13]


def test_invisible_texts_are_nothing():
    assert split_text("") == []
    assert split_text(" \n\t ") == []
