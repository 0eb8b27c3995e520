"""Times of day as managers read them: in their zone, rounded up, with the date when it is not today."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.answering.answer_texts import slow_mode_line, wait_line
from dealgram.actors.local_time import moment, zone

MOSCOW, URALS = zone("Europe/Moscow"), zone("Asia/Yekaterinburg")
NOW = dt.datetime(2026, 11, 23, 11, 20, 5, tzinfo=dt.UTC)  # 14:20 in Moscow


@pytest.mark.parametrize(
    ("later", "where", "shown"),
    [
        (dt.timedelta(seconds=55), MOSCOW, "14:21"),
        (dt.timedelta(seconds=56), MOSCOW, "14:22"),
        (dt.timedelta(minutes=15), MOSCOW, "14:36"),
        (dt.timedelta(minutes=15), URALS, "16:36"),
        (dt.timedelta(hours=9, minutes=39, seconds=40), MOSCOW, "24 ноября, 00:00"),
        (dt.timedelta(hours=19), MOSCOW, "24 ноября, 09:21"),
        (dt.timedelta(hours=9), URALS, "24 ноября, 01:21"),
        (dt.timedelta(days=45), MOSCOW, "7 января 2027 года, 14:21"),
    ],
)
def test_moments(later, where, shown):
    assert moment(NOW + later, NOW, where) == shown


def test_an_unknown_zone_is_none():
    assert zone("Нигде/Там") is None
    assert zone("../../etc/passwd") is None


def test_the_lines_say_until_when_and_that_nothing_is_to_be_done():
    assert wait_line("14:35") == "Telegram просит подождать до 14:35. Сообщение уйдёт само."
    assert "до 24 ноября, 09:10. Сообщение уйдёт само." in slow_mode_line("24 ноября, 09:10")


@given(
    at=st.floats(1.58e9, 2.05e9).map(lambda at_s: dt.datetime.fromtimestamp(at_s, dt.UTC)),
    where=st.sampled_from(["Europe/Moscow", "Asia/Kathmandu", "America/New_York", "UTC"]),
)
def test_what_is_promised_is_never_earlier_than_it_happens_and_less_than_a_minute_later(at, where):
    shown = moment(at, at, zone(where))
    hour, minute = map(int, shown[-5:].split(":"))
    here = at.astimezone(zone(where))
    minutes = (hour * 60 + minute - here.hour * 60 - here.minute) % (24 * 60)
    assert (
        minutes == (1 if here.second or here.microsecond else 0)
        or here.utcoffset() != (at + dt.timedelta(minutes=1)).astimezone(zone(where)).utcoffset()
    )
