"""What is said: Russian plurals, and HTML that no name can break."""

from __future__ import annotations

import inspect
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors import texts
from dealgram.actors.groups.deal_reference import Unreadable

NASTY = "<b>&\"'</a> Иван"


class Tags(HTMLParser):
    """Collects what Telegram would read: tags in balance, and the text between them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        assert tag in {"b", "a", "code", "i"}
        self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data


HTML = [one for name, one in vars(texts).items() if name.endswith("_html") and inspect.isfunction(one)]


@pytest.mark.parametrize("function", HTML, ids=lambda one: one.__name__)
def test_names_cannot_break_the_html(function):
    given_values = {
        "user_id": 7,
        "linked": 3,
        "deal_id": 12345,
        "sees_everything": False,
        "link": 'https://a.amocrm.ru/leads/detail/1?"<>',
        "account_host": "https://a.amocrm.ru",
    }
    names = inspect.signature(function).parameters
    for reason in Unreadable:
        values = {**given_values, "reason": reason}
        html = function(**{name: values.get(name, NASTY) for name in names})
        parser = Tags()
        parser.feed(html)
        parser.close()
        assert parser.open == []
        assert texts.plain(html) == parser.text
        if {"name", "title", "user_name"} & set(names):
            assert NASTY in parser.text


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 сделок"),
        (1, "1 сделка"),
        (2, "2 сделки"),
        (4, "4 сделки"),
        (5, "5 сделок"),
        (11, "11 сделок"),
        (12, "12 сделок"),
        (21, "21 сделка"),
        (104, "104 сделки"),
        (111, "111 сделок"),
    ],
)
def test_plurals(count, words):
    assert texts.deals(count) == words


@given(st.text(max_size=300), st.integers(2, 80))
def test_a_short_name_is_one_line_within_its_limit(name, limit):
    short = texts.short(name, limit)
    assert len(short) <= limit
    assert "\n" not in short
    if len(" ".join(name.split())) <= limit:
        assert short == " ".join(name.split())


def test_what_telegram_shows_above_a_press_is_within_its_limit():
    for text in (texts.ONLY_ADMINISTRATORS, texts.PRESS_FAILED, texts.PRESS_STALE, texts.ALREADY_UNLINKED):
        assert len(text) <= 200


@given(st.text(max_size=50))
def test_plain_gives_back_what_was_escaped(text):
    assert texts.plain(f"<b>{texts.esc(text)}</b>") == text
