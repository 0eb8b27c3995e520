"""What of a manager's answer goes to Telegram."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors import texts
from dealgram.actors.answers import (
    NAME_LIMIT,
    Albums,
    Writer,
    answer_parts_again,
    answer_text,
    refuse,
    report,
    send_answer,
    shown_name,
)
from dealgram.actors.bodies import ReportStatus, SendAnswer, decode
from dealgram.actors.body_parts import Button
from dealgram.actors.outbox import is_background
from dealgram.actors.split_text import TEXT_LIMIT, utf16_length
from dealgram.gateways.amojo import MessageHook, parse_hook


def hook(client_id: str | None = "p7-5", **message: object) -> MessageHook:
    body = {
        "account_id": "acc",
        "time": 1,
        "message": {
            "sender": {"id": "olga"},
            "conversation": {"id": "uuid", **({"client_id": client_id} if client_id else {})},
            "timestamp": 1_700_000_000,
            "msec_timestamp": 1_700_000_000_123,
            "message": {"id": "m1", "type": "text", **message},
        },
    }
    read = parse_hook(msgspec.json.encode(body))
    assert isinstance(read, MessageHook)
    return read


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "  Добрый день \n"}, "Добрый день"),
        ({"text": ""}, ""),
        (
            {"type": "picture", "text": "Макет", "media": "https://a.ru/1.png", "file_name": "1.png"},
            "Макет\n\n🖼 Изображение: 1.png\nhttps://a.ru/1.png",
        ),
        ({"type": "voice", "media": "https://a.ru/v.ogg"}, "🎤 Голосовое сообщение\nhttps://a.ru/v.ogg"),
        ({"type": "hologram", "media": "https://a.ru/h"}, "📎 Файл\nhttps://a.ru/h"),
    ],
)
def test_everything_that_was_written_and_attached_is_in_the_text(message, text):
    assert answer_text(hook(**message)) == text


OLGA = Writer(name="Ольга", is_person=True)
SALESBOT = Writer(name="Salesbot", is_person=False)


def send(one: MessageHook, writer: Writer = OLGA, **more):
    return send_answer(one, chat_id=5, lane="telegram-5", writer=writer, reply_to_message_id=9, **more)


def test_a_short_answer_is_one_row_and_quotes_what_it_answers():
    (row,) = send(hook(text="Да"))
    assert row.lane == "telegram-5"
    assert row.body == SendAnswer(
        chat_id=5,
        conversation="p7-5",
        amo_id="m1",
        text="Да",
        sent_at_ms=1_700_000_000_123,
        manager="olga",
        manager_name="Ольга",
        reply_to_message_id=9,
    )


def test_only_the_first_part_of_a_long_answer_quotes():
    bodies = [row.body for row in send(hook(text="слово " * 2000))]
    assert [body.part for body in bodies] == [1, 2, 3]
    assert {body.parts for body in bodies} == {3}
    assert [body.reply_to_message_id for body in bodies] == [9, None, None]


@given(st.text(max_size=200).map(lambda text: text * 60))
def test_no_part_is_too_long_for_telegram_and_every_row_can_be_read_again(text):
    for row in send(hook(text=text)):
        assert decode(row.body.kind, row.body.encode()) == row.body
        if isinstance(row.body, SendAnswer):
            assert 0 < utf16_length(row.body.text) <= TEXT_LIMIT


def test_an_empty_answer_is_reported_and_not_sent():
    assert send(hook(text=" \n ")) == (refuse("m1", texts.REASON_EMPTY),)


def test_each_answers_status_has_a_lane_of_its_own():
    status = ReportStatus(amo_id="m1", delivered=True)
    assert report(status).lane == "status-m1"
    assert refuse("m2", "почему", 904).body == ReportStatus(
        amo_id="m2", delivered=False, error_code=904, reason="почему"
    )


# The manager's name


def test_the_name_stands_before_the_first_part_only_and_counts_in_its_length():
    bodies = [row.body for row in send(hook(text="слово " * 2000), named=True)]
    assert [body.shown_name for body in bodies] == ["Ольга", "", ""]
    assert utf16_length("Ольга: " + bodies[0].text) <= TEXT_LIMIT
    assert not any("Ольга" in body.text for body in bodies), "what other deals import is what was written"


@given(st.text(max_size=90), st.text(min_size=1, max_size=200).map(lambda text: text * 50))
def test_a_named_answer_always_fits_whatever_the_name_and_the_text_are(name, text):
    for row in send(hook(text=text), Writer(name=name, is_person=True), named=True):
        if isinstance(row.body, SendAnswer):
            assert utf16_length(f"{row.body.shown_name}: {row.body.text}") <= TEXT_LIMIT + 2
            assert len(row.body.shown_name) <= NAME_LIMIT
            assert row.body.shown_name.isprintable()


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Ольга  Белова\n", "Ольга Белова"), ("\u200b\u202e", ""), ("О" * 100, "О" * 63 + "…"), ("<b>&", "<b>&")],
)
def test_a_name_is_shown_on_one_line(name, shown):
    assert shown_name(name) == shown


def test_a_robot_has_no_name_and_waits_in_the_background():
    (row,) = send(hook(text="Да"), SALESBOT, named=True)
    assert (row.body.shown_name, row.body.background) == ("", True)
    assert row.lane != "telegram-5"
    assert is_background(row.lane)
    (human,) = send(hook(text="Да"), named=True)
    assert (human.lane, human.body.background) == ("telegram-5", False)
    assert is_background(refuse("m1", "почему", in_background=True).lane)


# Buttons, templates, albums


def test_buttons_stand_under_the_last_part():
    markup = {
        "mode": "inline",
        "buttons": [[{"text": "Да"}, {"text": "Сайт", "url": "https://a.ru/"}], [{"text": "Нет"}]],
    }
    bodies = [row.body for row in send(hook(text="слово " * 2000, markup=markup))]
    assert [bool(body.buttons) for body in bodies] == [False, False, True]
    assert bodies[-1].buttons == (
        (Button(text="Да", data="say:0:p7-5"), Button(text="Сайт", url="https://a.ru/")),
        (Button(text="Нет", data="say:2:p7-5"),),
    )


def test_text_file_and_buttons_come_together():
    (row,) = send(
        hook(
            type="picture",
            text="Макет",
            media="https://a.ru/1.png",
            file_name="1.png",
            markup={"buttons": [[{"text": "Согласен"}, {"text": "Почта", "url": "mailto:a@a.ru"}]]},
        )
    )
    assert row.body.text == "Макет\n\n🖼 Изображение: 1.png\nhttps://a.ru/1.png\n\n▫️ Почта: mailto:a@a.ru"
    assert row.body.buttons == ((Button(text="Согласен", data="say:0:p7-5"),),)


def test_buttons_without_a_text_are_given_one():
    (row,) = send(hook(text="", markup={"buttons": [[{"text": "Да"}]]}))
    assert row.body.text == texts.CHOOSE


def test_a_templates_text_is_taken_as_it_is_and_its_id_kept():
    template = {"id": 5, "external_id": "hello", "content": "Здравствуйте, {{name}}", "params": [{"key": "name"}]}
    (row,) = send(hook(text="Здравствуйте, Анна", template=template))
    assert (row.body.text, row.body.template) == ("Здравствуйте, Анна", "hello")


def test_refused_buttons_become_lines_of_the_same_part():
    body = send(hook(text="Удобно?", markup={"buttons": [[{"text": "Да"}], [{"text": "С", "url": "https://a.ru"}]]}))[
        0
    ].body
    (again,) = answer_parts_again(body, "telegram-5")
    assert again.body.text == "Удобно?\n\n▫️ Да\n▫️ С: https://a.ru"
    assert (again.body.buttons, again.body.part, again.body.parts) == ((), 1, 1)
    full = msgspec.structs.replace(body, text="я" * TEXT_LIMIT, part=3, parts=3)
    parts = [row.body for row in answer_parts_again(full, "telegram-5")]
    assert [(part.part, part.parts) for part in parts] == [(3, 4), (4, 4)]
    assert all(utf16_length(part.text) <= TEXT_LIMIT for part in parts)


def test_an_albums_text_is_shown_once_whichever_hooks_repeat_it():
    albums = Albums()
    file = {"type": "picture", "text": "Два макета", "media": "https://a.ru/1.png", "media_group_id": "g"}
    first, second = hook(**file), hook(**{**file, "id": "m2"})
    assert [albums.text_of(one) for one in (first, second, first)] == ["Два макета", "", "Два макета"]
    other = hook(**{**file, "id": "m3", "text": "Другое"})
    alone = hook(**{key: value for key, value in file.items() if key != "media_group_id"} | {"id": "m4"})
    assert [albums.text_of(one) for one in (other, alone)] == ["Другое", "Два макета"]
