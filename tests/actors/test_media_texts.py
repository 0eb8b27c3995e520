"""How sizes, lengths and origins are put into words."""

from __future__ import annotations

import pytest

from dealgram.actors.reading import media_texts


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 байт"),
        (1, "1 байт"),
        (3, "3 байта"),
        (1023, "1023 байта"),
        (1024, "1 КБ"),
        (1536, "1,5 КБ"),
        (20 * 2**20, "20 МБ"),
        (2**20 - 1, "1 МБ"),
        (36_910_000, "35,2 МБ"),
        (2000 * 2**20, "2 ГБ"),
        (2**50, "1048576 ГБ"),
    ],
)
def test_sizes_are_told_as_people_say_them(size, words):
    assert media_texts.human_size(size) == words


@pytest.mark.parametrize(("seconds", "words"), [(5, "0:05"), (67, "1:07"), (3600, "1:00:00"), (3723, "1:02:03")])
def test_lengths(seconds, words):
    assert media_texts.clock(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (60, "1 минута"),
        (10, "1 минута"),
        (900, "15 минут"),
        (3600, "1 час"),
        (28_800, "8 часов"),
        (5400, "1 час 30 минут"),
        (0x7FFFFFFF, "пока не остановят"),
    ],
)
def test_periods(seconds, words):
    assert media_texts.period(seconds) == words


def test_origins():
    assert media_texts.whence_chat("channel", "Новости", "Редактор") == "канал «Новости» (Редактор)"
    assert media_texts.whence_chat("supergroup", "Кофейня", "") == "группа «Кофейня»"
    assert media_texts.chat_name("channel", "Новости «Север»") == "Канал «Новости „Север“»"
    assert media_texts.forwarded_line("Анна", 1_700_000_000, None) == "↪️ Переслано: Анна, 14.11.2023"
    assert media_texts.forwarded_line("", None, "https://t.me/a/1") == "↪️ Переслано https://t.me/a/1"
