"""What of a manager's answer goes to Telegram."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors import texts
from dealgram.actors.answers import answer_text, refuse, report, send_answer
from dealgram.actors.bodies import ReportStatus, SendAnswer, decode
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
        (
            {
                "text": "Выберите",
                "markup": {"mode": "inline", "buttons": [[{"text": "Да"}], [{"text": "Сайт", "url": "u"}]]},
            },
            "Выберите\n\n▫️ Да\n▫️ Сайт: u",
        ),
    ],
)
def test_everything_that_was_written_and_attached_is_in_the_text(message, text):
    assert answer_text(hook(**message)) == text


def send(one: MessageHook):
    return send_answer(one, chat_id=5, lane="telegram-5", manager_name="Ольга", reply_to_message_id=9)


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
