"""The line about the subscription, in good Russian."""

from __future__ import annotations

import datetime as dt

import pytest

from dealgram.actors.accounts.subscription_line import subscription_line
from dealgram.actors.subscriptions.state import Subscription

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
TRIAL = Subscription(trial_until=NOW + 14 * DAY)
KEPT = "Сообщения клиентов хранятся 14 дней и появятся в сделках после оплаты; ответы из amoCRM не отправляются."
CASES = {
    "a trial": (NOW, TRIAL, "Пробный период до 6 декабря, 12:00: осталось 14 дней."),
    "two days": (NOW + 12 * DAY, TRIAL, "Пробный период до 6 декабря, 12:00: осталось 2 дня."),
    "the last day": (NOW + 13.5 * DAY, TRIAL, "Пробный период до 12:00: остался 1 день."),
    "twenty-one": (NOW - 7 * DAY, TRIAL, "Пробный период до 6 декабря, 12:00: остался 21 день."),
    "eleven": (NOW + 3 * DAY, TRIAL, "Пробный период до 6 декабря, 12:00: осталось 11 дней."),
    "paid": (
        NOW,
        Subscription(trial_until=NOW, paid_until=NOW + 400 * DAY),
        "Оплачено до 27 декабря 2027 года, 12:00.",
    ),
    "paid, ending": (
        NOW,
        Subscription(trial_until=NOW, paid_until=NOW + 3 * DAY),
        "Оплачено до 25 ноября, 12:00: осталось 3 дня.",
    ),
    "the trial is over": (
        NOW + 15 * DAY,
        TRIAL,
        f"Пробный период закончился (6 декабря, 12:00). {KEPT}",
    ),
    "what was paid is over": (
        NOW + DAY,
        Subscription(trial_until=NOW - DAY, paid_until=NOW),
        f"Оплаченный период закончился (22 ноября, 12:00). {KEPT}",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_line_says_how_it_stands(case):
    now, paid, line = CASES[case]
    assert subscription_line(paid, now, dt.UTC) == line
