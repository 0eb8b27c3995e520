"""Buttons under an answer: what fits, what becomes a line, whom a link may lead to, what a press says."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.answering import answer_buttons
from dealgram.actors.answering.answer_buttons import (
    MAX_BUTTONS,
    MAX_BYTES,
    MAX_TEXT,
    is_answer_press,
    is_safe_url,
    lay_out,
    read_pressed,
)
from dealgram.actors.body_parts import Button
from dealgram.actors.groups.menu import main_buttons, read_press
from dealgram.actors.names import GroupConversation, PrivateConversation
from dealgram.gateways.amojo import Button as HookButton
from dealgram.gateways.telegram import CallbackQuery, parse_update

BOT = 700


def press(data: str, rows, *, by_bot: int = BOT, **message) -> CallbackQuery:
    keyboard = [
        [{"text": key.text, **({"url": key.url} if key.url else {"callback_data": key.data})} for key in row]
        for row in rows
    ]
    shown = {
        "message_id": 5,
        "date": 1,
        "chat": {"id": 9001, "type": "private"},
        "from": {"id": by_bot, "is_bot": True, "first_name": "Бот"},
        "text": "Удобно?",
        "reply_markup": {"inline_keyboard": keyboard},
        **message,
    }
    query = {"id": "1", "from": {"id": 9001, "first_name": "Анна"}, "message": shown, "data": data}
    update = parse_update(msgspec.json.encode({"update_id": 1, "callback_query": query}))
    assert isinstance(update.payload, CallbackQuery)
    return update.payload


def test_what_is_pressed_is_read_from_the_message_itself():
    laid = lay_out(
        [[HookButton(text="Да"), HookButton(text="Сайт", url="https://a.ru/")], [HookButton(text="Нет")]], "g4-d5-u6"
    )
    pressed = read_pressed(press("say:2:g4-d5-u6", laid.rows), BOT)
    assert pressed is not None
    assert (pressed.index, pressed.text, pressed.conversation) == (2, "Нет", GroupConversation(4, 5, 6))
    assert pressed.links == ((Button(text="Сайт", url="https://a.ru/"),),)
    assert read_pressed(
        press("say:0:p7-5", [[Button(text="Да", data="say:0:p7-5")]]), BOT
    ).conversation == PrivateConversation(7, 5)


def test_two_buttons_of_one_text_are_two_buttons():
    laid = lay_out([[HookButton(text="Да"), HookButton(text="Да")]], "p7-5")
    assert [key.data for key in laid.rows[0]] == ["say:0:p7-5", "say:1:p7-5"]


@pytest.mark.parametrize(
    "query",
    [
        press("say:9:p7-5", [[Button(text="Да", data="say:0:p7-5")]]),
        press("say:0:p7-5", [[Button(text="Да", data="say:0:p7-5")]], by_bot=701),
        press("say:0:p7-5", [], date=0),
        press("link", main_buttons(0)),
        press("say:0:p7-5", main_buttons(0)),
    ],
    ids=["forged number", "another bot's message", "too old", "our menu", "forged data under our menu"],
)
def test_what_is_no_press_of_an_answer_is_none(query):
    assert read_pressed(query, BOT) is None


@given(st.text(max_size=70))
def test_menu_presses_and_answer_presses_never_mix(data):
    assert not (is_answer_press(data) and read_press(data) is not None)


def test_our_own_menu_is_no_answer():
    assert not any(is_answer_press(key.data) for row in main_buttons(3) for key in row)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "http://example.com:8080/путь?a=1#b",
        "HTTPS://Example.COM/",
        "https://пример.рф/x",
        "http://192.168.0.1/",
        "tg://resolve?domain=durov",
    ],
)
def test_links_that_may_stand_on_a_button(url):
    assert is_safe_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://example.com",
        "mailto:a@b.ru",
        "tel:+7",
        "example.com",
        "https://",
        "https://localhost/",
        "https://user:secret@example.com/",
        "https://bank.ru@evil.com/",
        "https://exa mple.com/",
        "https://example.com/\n",
        "https://example.com/\u202eexe",
        "https://[::1",
        "https://example.com:99999999/",
        "tg:resolve",
        "https://example.com/" + "a" * 2000,
        "",
    ],
)
def test_links_that_may_not(url):
    assert not is_safe_url(url)


def test_an_unsafe_link_and_a_too_long_text_become_lines_and_nothing_is_lost():
    laid = lay_out(
        [
            [HookButton(text="Да"), HookButton(text="Позвонить", url="tel:+7900")],
            [HookButton(text="д" * (MAX_TEXT + 1))],
        ],
        "p7-5",
    )
    assert laid.rows == ((Button(text="Да", data="say:0:p7-5"),),)
    assert laid.lines == ("▫️ Позвонить: tel:+7900", "▫️ " + "д" * (MAX_TEXT + 1))


def test_a_button_without_anything_is_let_go_and_a_link_without_a_text_is_a_line():
    laid = lay_out([[HookButton(text=" \n")], [HookButton(text="", url="https://a.ru/")]], "p7-5")
    assert (laid.rows, laid.lines) == ((), ("▫️ https://a.ru/",))


@given(
    st.lists(
        st.lists(
            st.builds(
                HookButton,
                text=st.text(max_size=300),
                url=st.none() | st.sampled_from(["https://a.ru/x", "tel:+7", "https://a.ru/" + "x" * 900]),
            ),
            max_size=30,
        ),
        max_size=30,
    )
)
def test_every_keyboard_is_within_telegrams_limits_and_every_button_is_somewhere(buttons):
    conversation = str(GroupConversation(2**62, 2**62, 2**62))
    laid = lay_out(buttons, conversation)
    keys = [key for row in laid.rows for key in row]
    assert len(keys) <= MAX_BUTTONS
    assert all(1 <= len(row) <= answer_buttons.MAX_PER_ROW for row in laid.rows)
    assert sum(len(key.text.encode()) + len((key.url or "").encode()) for key in keys) <= MAX_BYTES
    assert all(key.data is None or (1 <= len(key.data.encode()) <= 64 and is_answer_press(key.data)) for key in keys)
    assert len({key.data for key in keys if key.data}) == sum(key.data is not None for key in keys)
    shown = sum(1 for row in buttons for one in row if one.url or answer_buttons._one_line(one.text))
    assert len(keys) + len(laid.lines) == shown
