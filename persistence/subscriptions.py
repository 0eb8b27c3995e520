"""Until when accounts are served, as stored: the trial, what was paid, the lapses that are over, and who changed it.

The rows outlive the account (see `account_purge`), so that a new installation begins no second trial. Every change is
one transaction: the row, its line in ``subscription_changes``, and, when it ends a lapse, the end of what was kept for
too long during that. Moments are given by the caller; stored is never "has lapsed", which would go stale.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from dealgram.persistence.database import Database
from dealgram.persistence.sharding import shard_of
from dealgram.persistence.tables import Row, stored
from dealgram.persistence.text import clean

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection, Record

TRIAL_DAYS = 14
KEPT_DAYS = 14
"""For so long what people write is kept for an account that has lapsed."""
TOO_OLD = "the account had lapsed, and this was kept for too long"
"""What stands in ``outbox.error`` of rows that were dropped."""
MESSAGE_KINDS = ("amo.message", "amo.employee")
"""Kinds of outbox rows that are a person's words in a card: what is counted when it is dropped."""
KEPT_KINDS = (*MESSAGE_KINDS, "amo.edit", "amo.mirror", "amo.reaction")
"""Kinds of rows that people's doings pile up. The others are about links and contacts: few, and not to be lost."""
LAPSES_REMEMBERED = 50
_FAR = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)

Lapse = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A row of ``subscriptions``."""

    account_id: int
    trial_started_at: dt.datetime
    trial_until: dt.datetime
    paid_until: dt.datetime | None = None
    lapses: tuple[Lapse, ...] = ()
    dropped: int = 0
    dropped_for: dt.datetime | None = None

    @property
    def until(self) -> dt.datetime:
        """The end of the access, past or to come."""
        return self.trial_until if self.paid_until is None else max(self.trial_until, self.paid_until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A line of ``subscription_changes``."""

    account_id: int
    changed_at: dt.datetime
    changed_by: str
    change: str
    request_id: str | None
    old_until: dt.datetime | None
    new_until: dt.datetime


@stored("subscription_notes", key=("account_id", "phase"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Row):
    """That administrators were told of a phase (``ending`` or ``lapsed``) of the period that ends at ``until``."""

    account_id: int
    phase: str
    until: dt.datetime


# Reading


async def get(db: Database, account_id: int) -> Stored | None:
    """The account's subscription, or None."""
    record = await db.fetchrow("SELECT * FROM subscriptions WHERE account_id = $1", account_id)
    return None if record is None else _stored(record)


async def everyone(db: Database) -> list[Stored]:
    """The subscriptions of all accounts that are known now."""
    records = await db.fetch("SELECT s.* FROM subscriptions AS s JOIN accounts USING (account_id)")
    return [_stored(record) for record in records]


async def changes(db: Database, account_id: int, limit: int = 50) -> list[Change]:
    """What was changed, the latest first."""
    records = await db.fetch(
        "SELECT * FROM subscription_changes WHERE account_id = $1 ORDER BY id DESC LIMIT $2", account_id, limit
    )
    return [_change(record) for record in records]


async def change_of(db: Database, account_id: int, request_id: str) -> Change | None:
    """The change that a request made."""
    record = await db.fetchrow(
        "SELECT * FROM subscription_changes WHERE account_id = $1 AND request_id = $2", account_id, clean(request_id)
    )
    return None if record is None else _change(record)


async def notes(db: Database) -> dict[tuple[int, str], dt.datetime]:
    """For which period each account was told of a phase last."""
    records = await db.fetch("SELECT account_id, phase, until FROM subscription_notes")
    return {(record["account_id"], record["phase"]): record["until"] for record in records}


# Changing


async def begin_trial(
    db: Database, account_id: int, now: dt.datetime, *, days: float = TRIAL_DAYS, by: str = "installation"
) -> bool:
    """The account is met for the first time: its trial begins. False if it ever had one; nothing is changed then."""
    until = now + dt.timedelta(days=days)
    began = await db.fetchval(
        "WITH begun AS (INSERT INTO subscriptions (account_id, shard, trial_started_at, trial_until)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (account_id) DO NOTHING RETURNING account_id, shard)"
        " INSERT INTO subscription_changes (account_id, shard, changed_at, changed_by, change, new_until)"
        " SELECT account_id, shard, $3, $5, 'trial', $4 FROM begun RETURNING account_id",
        account_id,
        shard_of(account_id),
        now,
        until,
        clean(by),
    )
    return began is not None


async def extend(
    db: Database, account_id: int, *, days: float, now: dt.datetime, by: str, request_id: str | None = None
) -> Stored | None:
    """Add days, counted from the later of now and the end of the access; None if the account is unknown.

    A ``request_id`` that the account has had before changes nothing; the present state is given.
    """
    more = dt.timedelta(days=days)
    return await _change_to(
        db,
        account_id,
        lambda before: _later(max(before.until, now), more),
        now,
        by,
        extension(days),
        request_id,
    )


async def set_until(
    db: Database, account_id: int, until: dt.datetime, *, now: dt.datetime, by: str, request_id: str | None = None
) -> Stored | None:
    """Let the access end at a moment, later or earlier than it would; one in the past means now. Else as `extend`."""
    return await _change_to(db, account_id, lambda _: until, now, by, new_end(until), request_id)


def extension(days: float) -> str:
    """How an extension is written down."""
    return f"extend {days:g} days"


def new_end(until: dt.datetime) -> str:
    """How a new end is written down."""
    return f"until {until.isoformat()}"


def changed(before: Stored, until: dt.datetime, now: dt.datetime) -> Stored:
    """The state after the access was made to end at ``until`` (at ``now``, if that is later). Pure.

    What of the past was served stays served, and a lapse that this ends is written down.
    """
    has_lapsed = before.until <= now
    if until <= now:
        # Nobody's access ends in the past: what has lapsed stays lapsed since then, what has not ends now.
        if has_lapsed:
            return before
        until = now
    lapses = (*before.lapses, (before.until, now))[-LAPSES_REMEMBERED:] if has_lapsed and before.until < now else None
    return replace(
        before,
        trial_until=min(before.trial_until, until),
        paid_until=until,
        lapses=before.lapses if lapses is None else lapses,
    )


async def _change_to(
    db: Database,
    account_id: int,
    until: Callable[[Stored], dt.datetime],
    now: dt.datetime,
    by: str,
    change: str,
    request_id: str | None,
) -> Stored | None:
    async def in_transaction(connection: Connection) -> Stored | None:
        record = await connection.fetchrow("SELECT * FROM subscriptions WHERE account_id = $1 FOR UPDATE", account_id)
        if record is None:
            return None
        before = _stored(record)
        if request_id is not None and await connection.fetchval(
            "SELECT EXISTS (SELECT FROM subscription_changes WHERE account_id = $1 AND request_id = $2)",
            account_id,
            clean(request_id),
        ):
            return before
        after = changed(before, until(before), now)
        if after.lapses != before.lapses:
            # Whoever pays just after the time is over gets no less honest a count than who pays a day later.
            after = _with_dropped(after, before.until, await _drop(connection, account_id, _oldest_kept(now), None))
        await connection.execute(
            "UPDATE subscriptions SET trial_until = $2, paid_until = $3, lapses = $4::jsonb, dropped = $5,"
            " dropped_for = $6, updated_at = now() WHERE account_id = $1",
            account_id,
            after.trial_until,
            after.paid_until,
            _lapses_text(after.lapses),
            after.dropped,
            after.dropped_for,
        )
        await connection.execute(
            "INSERT INTO subscription_changes (account_id, shard, changed_at, changed_by, change, request_id,"
            " old_until, new_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            account_id,
            shard_of(account_id),
            now,
            clean(by),
            clean(change),
            None if request_id is None else clean(request_id),
            before.until,
            after.until,
        )
        return after

    return await db.transaction(in_transaction)


# What was kept for too long


async def drop_old(db: Database, now: dt.datetime, *, batch: int = 1000) -> int:
    """End what accounts that have lapsed were kept for longer than `KEPT_DAYS`; gives how many messages that were.

    Raises:
        DatabaseUnavailable: call again; it goes on where it was.
    """
    records = await db.fetch(
        "SELECT account_id FROM subscriptions WHERE greatest(trial_until, paid_until) <= $1 ORDER BY account_id", now
    )
    total = 0
    for record in records:
        while True:
            ended, messages = await _drop_some(db, record["account_id"], now, batch)
            total += messages
            if ended < batch:
                break
    return total


async def _drop_some(db: Database, account_id: int, now: dt.datetime, batch: int) -> tuple[int, int]:
    async def in_transaction(connection: Connection) -> tuple[int, int]:
        record = await connection.fetchrow("SELECT * FROM subscriptions WHERE account_id = $1 FOR UPDATE", account_id)
        before = None if record is None else _stored(record)
        if before is None or before.until > now:
            return 0, 0
        ended = await _drop(connection, account_id, _oldest_kept(now), batch)
        messages = _messages(ended)
        if messages:
            after = _with_dropped(before, before.until, ended)
            await connection.execute(
                "UPDATE subscriptions SET dropped = $2, dropped_for = $3, updated_at = now() WHERE account_id = $1",
                account_id,
                after.dropped,
                after.dropped_for,
            )
        return len(ended), messages

    return await db.transaction(in_transaction)


async def _drop(connection: Connection, account_id: int, before: dt.datetime, batch: int | None) -> list[str]:
    """End old rows of conversations that wait; gives their kinds."""
    records = await connection.fetch(
        "UPDATE outbox SET state = 'done', finished_at = now(), error = $3 WHERE id IN ("
        "SELECT id FROM outbox WHERE account_id = $1 AND state = 'pending' AND created_at < $2"
        " AND kind = ANY($5) ORDER BY id LIMIT $4 FOR UPDATE) RETURNING kind",
        account_id,
        before,
        TOO_OLD,
        batch,
        list(KEPT_KINDS),
    )
    return [record["kind"] for record in records]


def _oldest_kept(now: dt.datetime) -> dt.datetime:
    return now - dt.timedelta(days=KEPT_DAYS)


def _messages(kinds: Iterable[str]) -> int:
    return sum(kind in MESSAGE_KINDS for kind in kinds)


def _with_dropped(state: Stored, lapsed_from: dt.datetime, kinds: Iterable[str]) -> Stored:
    before = state.dropped if state.dropped_for == lapsed_from else 0
    messages = _messages(kinds)
    if not messages and state.dropped_for != lapsed_from:
        return state
    return replace(state, dropped=before + messages, dropped_for=lapsed_from)


def _later(moment: dt.datetime, more: dt.timedelta) -> dt.datetime:
    return moment + more if more < _FAR - moment else _FAR


def _lapses_text(lapses: Iterable[Lapse]) -> str:
    return orjson.dumps([[_ms(since), _ms(to)] for since, to in lapses]).decode()


def _ms(moment: dt.datetime) -> int:
    return int(moment.timestamp() * 1000)


def _at(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


def _stored(record: Record) -> Stored:
    lapses: list[list[Any]] = orjson.loads(record["lapses"])
    return Stored(
        account_id=record["account_id"],
        trial_started_at=record["trial_started_at"],
        trial_until=record["trial_until"],
        paid_until=record["paid_until"],
        lapses=tuple((_at(since), _at(to)) for since, to in lapses),
        dropped=record["dropped"],
        dropped_for=record["dropped_for"],
    )


def _change(record: Record) -> Change:
    return Change(
        account_id=record["account_id"],
        changed_at=record["changed_at"],
        changed_by=record["changed_by"],
        change=record["change"],
        request_id=record["request_id"],
        old_until=record["old_until"],
        new_until=record["new_until"],
    )
