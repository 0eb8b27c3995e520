"""``dealgram subscription``: until when accounts are served, for operators.

A change is written down with its maker and told to a running service, which goes on at once with what it has kept.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table

from dealgram.actors.subscriptions.state import Subscription
from dealgram.cli.context import ID, Desk, open_desk, run
from dealgram.cli.failure import Failure
from dealgram.connections import utc_now
from dealgram.persistence import subscriptions
from dealgram.persistence.subscriptions import KEPT_DAYS, Stored
from dealgram.settings import Settings

OPERATOR = "operator"
MOST_DAYS = 3660


@click.group()
def subscription() -> None:
    """Show and change until when accounts are served: the trial, and what was paid."""


@subscription.command("show")
@click.argument("account_id", type=ID)
def show_subscription(account_id: int) -> None:
    """Show an account's subscription and what was changed in it, the latest first."""

    async def main() -> None:
        async with open_desk() as desk:
            row = await subscriptions.get(desk.db, account_id)
            if row is None:
                raise _unknown(account_id)
            _print(desk.settings, row)
            table = Table("when", "who", "change", "until", "request")
            for change in await subscriptions.changes(desk.db, account_id):
                table.add_row(
                    _shown(desk.settings, change.changed_at),
                    change.changed_by,
                    change.change,
                    _shown(desk.settings, change.new_until),
                    change.request_id or "",
                )
            Console().print(table)

    run(main)


@subscription.command("extend")
@click.argument("account_id", type=ID)
@click.option("--days", type=click.IntRange(1, MOST_DAYS), required=True, help="How many days are added.")
def extend_subscription(account_id: int, days: int) -> None:
    """Add days, counted from the end of the access or, if that has come, from now."""
    _change(account_id, lambda desk: subscriptions.extend(desk.db, account_id, days=days, now=utc_now(), by=OPERATOR))


@subscription.command("until")
@click.argument("account_id", type=ID)
@click.argument("moment")
def set_subscription(account_id: int, moment: str) -> None:
    """Let the access end at MOMENT, earlier or later than it would.

    MOMENT is a day (2026-12-31, the whole of it in DEALGRAM_TIME_ZONE) or a moment with its zone
    (2026-12-31T21:00:00Z). A moment in the past ends the access now.
    """

    def change(desk: Desk) -> Awaitable[Stored | None]:
        return subscriptions.set_until(
            desk.db, account_id, read_moment(moment, desk.settings), now=utc_now(), by=OPERATOR
        )

    _change(account_id, change)


def read_moment(text: str, settings: Settings) -> dt.datetime:
    """A day's end in the service's time zone, or a moment with its zone.

    Raises:
        Failure: it is neither.
    """
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        pass
    else:
        if day.year >= dt.MAXYEAR:
            raise Failure(f"{text} is too far away")
        return dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), ZoneInfo(settings.time_zone))
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 1970 < moment.year < dt.MAXYEAR:
        raise Failure(f"{text!r} is neither a day (2026-12-31) nor a moment with its zone (2026-12-31T21:00:00Z)")
    return moment


def state_line(settings: Settings, row: Stored | None) -> str:
    """An account's state in a few words: «active until 2026-12-31 23:59, 40 days left»."""
    if row is None:
        return "not begun"
    found, now = Subscription.of(row), utc_now()
    until = _shown(settings, found.until)
    if found.is_lapsed(now):
        return f"lapsed since {until}"
    days = found.days_left(now)
    return f"{found.state(now)} until {until}, {days} day{'' if days == 1 else 's'} left"


def _change(account_id: int, change: Callable[[Desk], Awaitable[Stored | None]]) -> None:
    async def main() -> None:
        async with open_desk() as desk:
            row = await change(desk)
            if row is None:
                raise _unknown(account_id)
            await desk.announce()
            _print(desk.settings, row)

    run(main)


def _print(settings: Settings, row: Stored) -> None:
    click.echo(f"account {row.account_id}: {state_line(settings, row)}")
    dropped = Subscription.of(row).dropped_lately(utc_now())
    if dropped:
        click.echo(f"messages that were kept for more than {KEPT_DAYS} days and dropped: {dropped}")


def _shown(settings: Settings, moment: dt.datetime) -> str:
    return f"{moment.astimezone(ZoneInfo(settings.time_zone)):%Y-%m-%d %H:%M}"


def _unknown(account_id: int) -> Failure:
    return Failure(f"account {account_id} has never been installed")
