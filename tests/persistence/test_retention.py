"""Retention: what has served its time goes, what is still needed stays."""

from __future__ import annotations

import pytest

from dealgram.persistence import (
    Commit,
    Completed,
    Journal,
    Message,
    NewDelivery,
    NewEntry,
    dead_letters,
    records,
    retention,
)
from dealgram.runtime import Failure

DAY_S = retention.DAY_S


def entry(group, key):
    return NewEntry(account_id=1, address=group, source="s", source_key=key, payload=b"")


@pytest.fixture
async def journal(db):
    async with Journal.open(db, on_accepted=lambda _: None) as opened:
        yield opened


async def age(db, table, column, seconds, where="true"):
    await db.execute(f"UPDATE {table} SET {column} = now() - make_interval(secs => $1) WHERE {where}", seconds)


async def test_finished_rows_go_and_pending_ones_stay(db, journal, group):
    ids = await journal.accept([entry(group, f"{number}") for number in range(25)])
    sent = await journal.commit(
        Commit(
            account_id=1,
            deliveries=tuple(
                NewDelivery(account_id=1, address=group, lane="l", kind="k", body=b"", dedupe=f"{number}")
                for number in range(25)
            ),
        )
    )
    for number in range(20):
        await journal.commit(
            Commit(
                account_id=1,
                entry_id=ids[number],
                completed=(Completed(delivery_id=sent[number].id, state="done"),),
            )
        )
    await age(db, "inbox", "received_at", 100 * DAY_S)
    await age(db, "inbox", "done_at", 8 * DAY_S, "done_at IS NOT NULL AND id % 2 = 0")
    await age(db, "outbox", "finished_at", 8 * DAY_S, "finished_at IS NOT NULL")
    purged = await retention.purge(db, batch=3)
    assert (purged.inbox, purged.outbox) == (10, 20)
    assert len(await journal.pending(group, 100)) == 5
    assert len(await journal.pending_deliveries(group, "l", 0, 100)) == 5
    assert await retention.purge(db) == retention.Purged(inbox=0, outbox=0, messages=0, dead_letters=0)


async def test_the_dedupe_window_is_kept_whatever_is_asked(db, journal, group):
    [first, second] = await journal.accept([entry(group, "inside"), entry(group, "outside")])
    await journal.commit(Commit(account_id=1, entry_id=first))
    await journal.commit(Commit(account_id=1, entry_id=second))
    await age(db, "inbox", "done_at", retention.DEDUPE_WINDOW_S - 60, f"id = {first}")
    await age(db, "inbox", "done_at", retention.DEDUPE_WINDOW_S + 60, f"id = {second}")
    assert (await retention.purge(db, keep_s=0)).inbox == 1
    assert await journal.accept([entry(group, "inside")]) == [None]


async def test_what_an_open_dead_letter_points_to_is_kept(db, journal, group):
    await journal.accept([entry(group, "k")])
    [pending] = await journal.pending(group, 1)
    await journal.bury(pending, Failure(kind="E", message="m", traceback=""))
    await age(db, "inbox", "done_at", 1000 * DAY_S)
    assert (await retention.purge(db)).inbox == 0
    [letter] = await dead_letters.list_open(db)
    assert await dead_letters.retry(db, letter.id) == group
    [pending] = await journal.pending(group, 1)
    await journal.commit(Commit(account_id=1, entry_id=pending.id))
    await age(db, "inbox", "done_at", 1000 * DAY_S)
    await age(db, "dead_letters", "resolved_at", 1000 * DAY_S)
    purged = await retention.purge(db)
    assert (purged.inbox, purged.dead_letters) == (1, 1)


async def test_the_message_map_has_a_limit_of_its_own(db):
    for number in range(4):
        await records.upsert(db, Message(account_id=1, conversation_id="c", msgid=f"{number}", bot_id=1))
    await age(db, "messages", "created_at", 30 * DAY_S, "msgid = '0'")
    await age(db, "messages", "created_at", 401 * DAY_S, "msgid = '1'")
    assert (await retention.purge(db)).messages == 1
    assert (await retention.purge(db, messages_keep_s=DAY_S)).messages == 1
