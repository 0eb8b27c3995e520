"""The paid life as stored: begun once, changed with a trace, and bounded in what it keeps."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from dealgram.persistence import records, subscriptions
from dealgram.persistence.records import Account
from dealgram.persistence.subscriptions import TOO_OLD, Stored, changed

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


async def test_the_trial_begins_once(db):
    assert await subscriptions.begin_trial(db, 1, NOW)
    assert not await subscriptions.begin_trial(db, 1, NOW + 3 * DAY, days=30)
    assert (await subscriptions.get(db, 1)).until == NOW + 14 * DAY
    assert await subscriptions.get(db, 2) is None


async def test_days_are_added_to_the_later_of_now_and_the_end_and_every_change_is_written_down(db):
    await subscriptions.begin_trial(db, 1, NOW)
    first = await subscriptions.extend(db, 1, days=30, now=NOW + DAY, by="billing", request_id="a")
    assert first.paid_until == NOW + 44 * DAY
    again = await subscriptions.extend(db, 1, days=30, now=NOW + 2 * DAY, by="billing", request_id="a")
    assert again == first
    late = await subscriptions.extend(db, 1, days=10, now=NOW + 50 * DAY, by="operator")
    assert late.paid_until == NOW + 60 * DAY
    assert late.lapses == ((NOW + 44 * DAY, NOW + 50 * DAY),)
    assert await subscriptions.get(db, 1) == late
    told = [(one.changed_by, one.change, one.request_id, one.new_until) for one in await subscriptions.changes(db, 1)]
    assert told == [
        ("operator", "extend 10 days", None, NOW + 60 * DAY),
        ("billing", "extend 30 days", "a", NOW + 44 * DAY),
        ("installation", "trial", None, NOW + 14 * DAY),
    ]
    assert await subscriptions.extend(db, 2, days=1, now=NOW, by="operator") is None


async def test_the_end_can_be_set_also_to_an_earlier_day(db):
    await subscriptions.begin_trial(db, 1, NOW)
    earlier = await subscriptions.set_until(db, 1, NOW + 2 * DAY, now=NOW, by="operator")
    assert earlier.until == NOW + 2 * DAY
    ended = await subscriptions.set_until(db, 1, NOW - DAY, now=NOW + DAY, by="operator")
    assert ended.until == NOW + DAY
    assert ended.lapses == ()


async def keep(db, account_id: int, kind: str, days: float, address: str = "bot", started: bool = False) -> None:
    number = await db.fetchval("SELECT count(*) FROM outbox")
    await db.execute(
        "INSERT INTO outbox (account_id, shard, address_kind, address_key, lane, kind, body, dedupe, created_at,"
        " started_at) VALUES ($1, 0, $2, '1', 'l', $3, 'x', $4, $5::timestamptz,"
        " CASE WHEN $6 THEN $5::timestamptz END)",
        account_id,
        address,
        kind,
        str(number),
        NOW - days * DAY,
        started,
    )


async def test_what_is_kept_for_too_long_is_dropped_and_counted_for_accounts_that_have_lapsed_alone(db):
    for account_id, ended in ((1, NOW - 20 * DAY), (2, NOW + DAY)):
        await records.upsert(db, Account(account_id=account_id, host="https://a.amocrm.ru", subdomain="a"))
        await subscriptions.begin_trial(db, account_id, ended - 14 * DAY)
        for days in (16, 15, 14.1, 13.9, 1):
            await keep(db, account_id, "amo.message", days)
        await keep(db, account_id, "amo.edit", 15)
        await keep(db, account_id, "setup.step", 15, address="account")
        await keep(db, account_id, "tg.answer", 15, started=True)
    assert await subscriptions.drop_old(db, NOW, batch=2) == 3
    assert await subscriptions.drop_old(db, NOW, batch=2) == 0
    waiting = "SELECT count(*) FROM outbox WHERE account_id = $1 AND state = 'pending'"
    assert await db.fetchval(waiting, 1) == 4
    assert await db.fetchval(waiting, 2) == 8
    assert await db.fetchval("SELECT count(*) FROM outbox WHERE error = $1", TOO_OLD) == 4
    # What grew too old since then is dropped by the payment itself, and counted with the rest.
    paid = await subscriptions.extend(db, 1, days=30, now=NOW + DAY, by="operator")
    assert (paid.dropped, paid.dropped_for) == (4, NOW - 20 * DAY)
    assert await db.fetchval(waiting, 1) == 3
    # A later lapse counts anew.
    await keep(db, 1, "amo.message", -32)
    assert await subscriptions.drop_old(db, NOW + 60 * DAY) == 2 + 5  # by then the other account has lapsed too
    again = await subscriptions.get(db, 1)
    assert (again.dropped, again.dropped_for) == (2, NOW + 31 * DAY)


async def test_notes_are_remembered_by_phase(db):
    note = subscriptions.Note(account_id=1, phase="ending", until=NOW)
    await records.upsert(db, note, subscriptions.Note(account_id=1, phase="lapsed", until=NOW))
    await records.upsert(db, subscriptions.Note(account_id=1, phase="ending", until=NOW + DAY))
    assert await subscriptions.notes(db) == {(1, "ending"): NOW + DAY, (1, "lapsed"): NOW}


moments = st.integers(0, 2000).map(lambda hours: NOW + dt.timedelta(hours=hours))


@given(st.lists(st.tuples(st.integers(0, 400), moments), max_size=12))
def test_lapses_never_overlap_and_the_end_is_what_was_asked_for(steps):
    state, now = Stored(account_id=1, trial_started_at=NOW, trial_until=NOW + 14 * DAY), NOW
    for waited, until in steps:
        now += dt.timedelta(hours=waited)
        before, state = state, changed(state, until, now)
        had_lapsed = before.until <= now
        assert state.until == (until if until > now else before.until if had_lapsed else now)
        assert state.lapses[: len(before.lapses)] == before.lapses
        flat = [moment for lapse in state.lapses for moment in lapse]
        assert flat == sorted(flat)
        assert all(since < to <= now for since, to in state.lapses)
        if had_lapsed and until > now and before.until < now:
            assert state.lapses[-1] == (before.until, now)
        assert state.trial_started_at == NOW
        assert state.trial_until <= NOW + 14 * DAY
