"""Moments as operators give them to ``dealgram subscription``, and states as they read them."""

from __future__ import annotations

import datetime as dt

import pytest

from dealgram.cli.context import Failure
from dealgram.cli.subscription import read_moment, state_line
from dealgram.connections import utc_now
from dealgram.persistence.subscriptions import Stored
from dealgram.settings import Settings

SETTINGS = Settings(_env_file=None, time_zone="Asia/Yekaterinburg")
DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-12-31", "2027-01-01T00:00:00+05:00"),
        ("2026-12-31T21:00:00Z", "2026-12-31T21:00:00+00:00"),
        ("2026-12-31T21:00:00+03:00", "2026-12-31T18:00:00+00:00"),
    ],
)
def test_a_day_is_paid_to_its_end_where_the_service_is(text, moment):
    assert read_moment(text, SETTINGS) == dt.datetime.fromisoformat(moment)


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-12-31T10:00:00", "9999-12-31", "2026-02-30", "1e9"])
def test_what_names_no_moment_is_refused(text):
    with pytest.raises(Failure):
        read_moment(text, SETTINGS)


def test_a_state_is_said_in_a_few_words():
    now = utc_now()
    row = Stored(account_id=1, trial_started_at=now, trial_until=now + DAY)
    assert state_line(SETTINGS, row).startswith("trial until ")
    assert state_line(SETTINGS, row).endswith(", 1 day left")
    paid = Stored(account_id=1, trial_started_at=now, trial_until=now, paid_until=now + 9.5 * DAY)
    assert state_line(SETTINGS, paid).startswith("active until ")
    assert state_line(SETTINGS, paid).endswith(", 10 days left")
    assert state_line(SETTINGS, Stored(account_id=1, trial_started_at=now, trial_until=now)).startswith("lapsed since ")
    assert state_line(SETTINGS, None) == "not begun"
