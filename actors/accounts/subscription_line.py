"""The one line that says until when an account is served, for its settings page."""

from __future__ import annotations

import datetime as dt

from dealgram.actors.local_time import moment
from dealgram.actors.subscriptions.lapse_texts import dropped_line
from dealgram.actors.subscriptions.state import Subscription
from dealgram.persistence.subscriptions import KEPT_DAYS


def subscription_line(paid: Subscription, now: dt.datetime, where: dt.tzinfo) -> str:
    """What a subscription is now, in Russian; ``where``: the time zone of those who read it."""
    until = moment(paid.until, now, where)
    is_trial = paid.paid_until is None
    match paid.state(now):
        case "trial":
            line = f"Пробный период до {until}: {_days_left(paid.days_left(now))}."
        case "active":
            left = f": {_days_left(paid.days_left(now))}" if paid.is_ending(now) else ""
            line = f"Оплачено до {until}{left}."
        case "lapsed":
            what = "Пробный период закончился" if is_trial else "Оплаченный период закончился"
            line = (
                f"{what} ({until}). Сообщения клиентов хранятся {KEPT_DAYS} дней и появятся в сделках после оплаты;"
                " ответы из amoCRM не отправляются."
            )
    dropped = paid.dropped_lately(now)
    return f"{line} {dropped_line(dropped, KEPT_DAYS)}" if dropped else line


def _days_left(days: int) -> str:
    if days % 10 == 1 and days % 100 != 11:
        return f"остался {days} день"
    few = days % 10 in (2, 3, 4) and days % 100 not in (12, 13, 14)
    return f"осталось {days} {'дня' if few else 'дней'}"
