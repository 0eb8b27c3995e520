"""Forgetting an account: everything of it, in every table, and nothing of anybody else."""

from __future__ import annotations

import datetime as dt

from dealgram.persistence import account_purge, records, subscriptions
from dealgram.persistence.records import Account, Contact, Installation, Link, Message, Registration, SetupStep, User

GRACE_S = 30 * 86_400.0


async def fill(db, account_id: int) -> None:
    await records.upsert(
        db,
        Account(account_id=account_id, host=f"https://a{account_id}.amocrm.ru", subdomain=f"a{account_id}"),
        User(account_id=account_id, user_id=1),
        SetupStep(account_id=account_id, step="users"),
        Link(group_id=account_id, deal_id=1, account_id=account_id),
        Installation(install_key=f"k{account_id}", host="h", installed_id=account_id),
        Registration(registration_key=f"account:{account_id}", account_id=account_id, host="h", phone="79990000000"),
        *(Contact(account_id=account_id, user_id=number, contact_id=number) for number in range(25)),
        *(Message(account_id=account_id, conversation_id="c", msgid=str(n), bot_id=1) for n in range(25)),
    )
    await db.execute(
        "INSERT INTO inbox (account_id, shard, address_kind, address_key, source, source_key, payload)"
        " VALUES ($1, 0, 'group', $2, 't', $2, 'x')",
        account_id,
        str(account_id),
    )


async def left(db, account_id: int) -> int:
    total = 0
    for name in await db.fetch(
        "SELECT table_name FROM information_schema.columns WHERE column_name = 'account_id' AND table_schema = 'public'"
        " AND table_name NOT LIKE 'subscription%'"
    ):
        total += await db.fetchval(f"SELECT count(*) FROM {name[0]} WHERE account_id = $1", account_id)
    return total + await db.fetchval("SELECT count(*) FROM installations WHERE installed_id = $1", account_id)


async def uninstalled(db, account_id: int, days: int) -> None:
    await db.execute(
        "UPDATE accounts SET status = 'uninstalled', uninstalled_at = now() - make_interval(days => $2)"
        " WHERE account_id = $1",
        account_id,
        days,
    )


async def test_an_account_goes_from_every_table_in_batches_and_others_stay(db):
    await fill(db, 1)
    await fill(db, 2)
    others = await left(db, 2)
    await uninstalled(db, 1, 31)
    assert await account_purge.due(db, GRACE_S) == [1]
    forgotten = await account_purge.forget(db, 1, grace_s=GRACE_S, batch=10)
    assert await left(db, 1) == 0
    assert await left(db, 2) == others
    assert [str(address.key) for address in forgotten.addresses] == ["1"]
    assert forgotten.rows == others


async def test_an_account_that_is_back_or_not_due_loses_nothing(db):
    await fill(db, 1)
    before = await left(db, 1)
    await account_purge.forget(db, 1, grace_s=GRACE_S)  # connected
    await uninstalled(db, 1, 29)
    assert await account_purge.due(db, GRACE_S) == []
    await account_purge.forget(db, 1, grace_s=GRACE_S)  # within its time
    assert await left(db, 1) == before


async def test_a_purge_that_was_cut_short_is_continued(db):
    await fill(db, 1)
    await uninstalled(db, 1, 31)
    await db.execute("DELETE FROM contacts WHERE account_id = 1 AND user_id < 20")
    await account_purge.forget(db, 1, grace_s=GRACE_S)
    assert await left(db, 1) == 0


async def test_the_paid_life_outlives_the_account_so_that_no_second_trial_begins(db):
    now = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    await fill(db, 1)
    assert await subscriptions.begin_trial(db, 1, now)
    before = await subscriptions.get(db, 1)
    await uninstalled(db, 1, 31)
    await account_purge.forget(db, 1, grace_s=GRACE_S)
    assert await subscriptions.everyone(db) == []
    assert not await subscriptions.begin_trial(db, 1, now + dt.timedelta(days=100))
    assert await subscriptions.get(db, 1) == before
    assert [change.change for change in await subscriptions.changes(db, 1)] == ["trial"]
