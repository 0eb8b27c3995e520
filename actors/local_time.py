"""The time of day as an account's managers read it.

In the account's own time zone, as amoCRM tells it (amoCRM contract §4: ``datetime_settings``), else in the one that the
operator chose. A moment is rounded up to the next minute: what is promised for 14:35 has happened by 14:35.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dealgram.actors.services import Services

_MONTHS = (
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
)
_MINUTE = dt.timedelta(minutes=1)


@lru_cache(maxsize=256)
def zone(name: str) -> ZoneInfo | None:
    """The time zone of that name in the world's time zone database; None if there is no such."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_of(services: Services, account_id: int) -> dt.tzinfo:
    """The time zone in which an account's managers live."""
    account = services.registry.account(account_id)
    name = account.row.time_zone if account is not None else None
    return (zone(name) if name else None) or services.time_zone


def moment(until: dt.datetime, now: dt.datetime, where: dt.tzinfo) -> str:
    """«14:35»; on another day «24 ноября, 09:10»; in another year with the year as well."""
    here, today = until.astimezone(where), now.astimezone(where).date()
    if here.second or here.microsecond:
        here = (until + _MINUTE).astimezone(where).replace(second=0, microsecond=0)
    clock = f"{here:%H:%M}"
    if here.date() == today:
        return clock
    year = f" {here.year} года" if here.year != today.year else ""
    return f"{here.day} {_MONTHS[here.month - 1]}{year}, {clock}"
