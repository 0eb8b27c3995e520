"""What of a manager's answer goes to Telegram."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors import texts
from dealgram.actors.answering.albums import AlbumTexts
from dealgram.actors.answering.answer_quotes import Answered
from dealgram.actors.answering.answers import (
    NAME_LIMIT,
    Writer,
    answer_parts_again,
    answer_text,
    file_of,
    refuse,
    report,
    send_answer,
    shown_name,
)
from dealgram.actors.answering.attachment_texts import REASON_UNKNOWN_KIND
from dealgram.actors.answering.split_text import CAPTION_LIMIT, TEXT_LIMIT, utf16_length
from dealgram.actors.bodies import ReportStatus, SendAnswer, decode
from dealgram.actors.body_parts import AmoFile, Button
from dealgram.actors.outbox import is_background
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


FORWARD = {"text": "Когда замер?", "sender": {"id": "x", "name": "Анна"}}


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"text": "  Добрый день \n"}, "Добрый день"),
        ({"text": ""}, ""),
        ({"type": "picture", "text": "Макет", "media": "https://a.ru/1.png"}, "Макет"),
        (
            {"text": "Гляньте", "forwards": {"messages": [FORWARD]}},
            "Гляньте\n\n↪️ Переслано: Анна\nКогда замер?",
        ),
        ({"text": "", "forwards": {"messages": [{"text": "Да"}]}}, "↪️ Переслано\nДа"),
        (
            {"forwards": {"messages": [FORWARD | {"type": "picture", "media": "https://a.ru/2.png"}]}},
            "↪️ Переслано: Анна\nКогда замер?",
        ),
        (
            {
                "type": "picture",
                "media": "https://a.ru/1.png",
                "forwards": {"messages": [{"type": "file", "media": "https://a.ru/2.pdf", "file_name": "2.pdf"}]},
            },
            "↪️ Переслано\n📎 Файл: 2.pdf\nhttps://a.ru/2.pdf",
        ),
    ],
)
def test_everything_that_was_written_and_forwarded_is_in_the_text(message, text):
    assert answer_text(hook(**message)) == text


@pytest.mark.parametrize(
    ("message", "file"),
    [
        ({"text": "Да"}, None),
        (
            {"type": "picture", "media": "https://a.ru/1.png", "file_name": "Макет 1.png", "file_size": 5},
            AmoFile(type="picture", url="https://a.ru/1.png", name="Макет 1.png", size=5),
        ),
        ({"type": "voice", "media": "https://a.ru/v"}, AmoFile(type="voice", url="https://a.ru/v")),
        ({"type": "hologram", "media": "https://a.ru/h"}, AmoFile(type="file", url="https://a.ru/h")),
        (
            {"text": "", "forwards": {"messages": [{"type": "audio", "media": "https://a.ru/a"}]}},
            AmoFile(type="audio", url="https://a.ru/a"),
        ),
    ],
)
def test_the_file_of_an_answer_is_its_own_or_that_of_what_it_forwards(message, file):
    assert file_of(hook(**message)) == file


OLGA = Writer(name="Ольга", is_person=True)
SALESBOT = Writer(name="Salesbot", is_person=False)


def send(one: MessageHook, writer: Writer = OLGA, **more):
    more.setdefault("answered", Answered(message_id=9))
    return send_answer(one, chat_id=5, lane="telegram-5", writer=writer, **more)


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


PICTURE = {"type": "picture", "media": "https://a.ru/1.png", "file_name": "1.png"}
BUTTONS = {"buttons": [[{"text": "Согласен"}, {"text": "Почта", "url": "mailto:a@a.ru"}]]}


def test_text_file_and_buttons_come_together():
    (row,) = send(hook(text="Макет", **PICTURE, markup=BUTTONS))
    assert row.body.text == "Макет\n\n▫️ Почта: mailto:a@a.ru"
    assert row.body.media == AmoFile(type="picture", url="https://a.ru/1.png", name="1.png")
    assert row.body.buttons == ((Button(text="Согласен", data="say:0:p7-5"),),)


def shape(rows) -> list[tuple[str, str, int, str, bool]]:
    """Of each row: its file's type, its album, the length of its text, whose name it shows, whether it has buttons."""
    bodies = [row.body for row in rows]
    return [
        (body.media.type if body.media else "", body.album, len(body.text), body.shown_name, bool(body.buttons))
        for body in bodies
    ]


def test_a_text_that_fits_is_a_caption_and_a_longer_one_follows_its_file_whole():
    assert shape(send(hook(text="я" * CAPTION_LIMIT, **PICTURE))) == [("picture", "", 1024, "", False)]
    rows = send(hook(text="я" * (CAPTION_LIMIT + 1), **PICTURE, markup=BUTTONS))
    assert shape(rows) == [("picture", "", 0, "", False), ("", "", 1025 + len("\n\n▫️ Почта: mailto:a@a.ru"), "", True)]
    assert [row.body.reply_to_message_id for row in rows] == [9, None]
    assert [(row.body.part, row.body.parts) for row in rows] == [(1, 2), (2, 2)]


def test_the_name_and_what_is_answered_take_room_of_the_caption():
    taken = utf16_length("Ольга: ↩️ Анна: да\n")
    answered = Answered(message_id=9, line="↩️ Анна: да")
    whole = "я" * (CAPTION_LIMIT - taken)
    assert len(send(hook(text=whole, **PICTURE), named=True, answered=answered)) == 1
    assert len(send(hook(text=whole + "я", **PICTURE), named=True, answered=answered)) == 2


def test_a_sticker_says_nothing_so_its_text_follows_with_the_name_and_the_quotation():
    sticker = {"type": "sticker", "media": "https://a.ru/s.webp"}
    rows = send(hook(text="Ура", **sticker), named=True)
    assert shape(rows) == [("sticker", "", 0, "", False), ("", "", 3, "Ольга", False)]
    assert [row.body.reply_to_message_id for row in rows] == [None, 9]
    (alone,) = send(hook(text="", **sticker), named=True)
    assert alone.body.reply_to_message_id == 9


def test_files_of_one_answer_know_their_album_and_have_their_buttons_under_a_text():
    (row,) = send(hook(text="Макет", media_group_id="g", **PICTURE))
    assert shape([row]) == [("picture", "g", 5, "", False)]
    rows = send(hook(text="Макет", media_group_id="g", **PICTURE, markup=BUTTONS))
    assert [(body[0], body[1], body[4]) for body in shape(rows)] == [("picture", "g", False), ("", "", True)]
    assert rows[1].body.text.startswith("Макет\n\n")
    rows = send(hook(text="", media_group_id="g", **PICTURE, markup={"buttons": [[{"text": "Да"}]]}))
    assert rows[1].body.text == texts.CHOOSE


@pytest.mark.parametrize("kind", ["voice", "sticker"])
def test_what_telegram_shows_in_no_album_is_in_none(kind):
    (row,) = send(hook(type=kind, text="", media="https://a.ru/x", media_group_id="g"))
    assert row.body.album == ""


def test_a_kind_of_message_that_cannot_be_passed_on_is_reported():
    assert send(hook(type="hologram")) == (refuse("m1", REASON_UNKNOWN_KIND),)
    (row,) = send(hook(type="hologram", text="Слова"))
    assert row.body.text == "Слова"


def test_what_is_answered_goes_with_the_first_part():
    answered = Answered(message_id=None, amo_id="m0", quote="", line="↩️ Анна: да")
    first, second = [row.body for row in send(hook(text="слово " * 1000), answered=answered)]
    assert (first.quoted, first.answered, first.reply_to_message_id) == ("↩️ Анна: да", "m0", None)
    assert (second.quoted, second.answered) == ("", "")
    assert utf16_length(f"{first.quoted}\n{first.text}") <= TEXT_LIMIT


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


def test_refused_buttons_of_a_file_stand_in_its_caption_or_in_a_text_after_it():
    body = send(hook(text="Макет", **PICTURE, markup={"buttons": [[{"text": "Да"}]]}))[0].body
    (again,) = answer_parts_again(body, "telegram-5")
    assert (again.body.text, again.body.media, again.body.buttons) == ("Макет\n\n▫️ Да", body.media, ())
    full = msgspec.structs.replace(body, text="я" * CAPTION_LIMIT)
    file, text = [row.body for row in answer_parts_again(full, "telegram-5")]
    assert (file.media, utf16_length(file.text), file.part, file.parts) == (body.media, CAPTION_LIMIT, 1, 2)
    assert (text.media, text.text, text.part, text.parts) == (None, "▫️ Да", 2, 2)


def test_an_albums_text_is_shown_once_whichever_hooks_repeat_it():
    albums = AlbumTexts()
    file = {"type": "picture", "text": "Два макета", "media": "https://a.ru/1.png", "media_group_id": "g"}
    first, second = hook(**file), hook(**{**file, "id": "m2"})
    assert [albums.text_of(one) for one in (first, second, first)] == ["Два макета", "", "Два макета"]
    other = hook(**{**file, "id": "m3", "text": "Другое"})
    alone = hook(**{key: value for key, value in file.items() if key != "media_group_id"} | {"id": "m4"})
    assert [albums.text_of(one) for one in (other, alone)] == ["Другое", "Два макета"]
