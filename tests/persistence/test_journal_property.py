"""The journal under any interleaving: concurrent callers, duplicates, cancellations, refused data, killed connections.

The model is small because the promise is strong: ``accept`` and ``commit`` submit synchronously, so the order in which
they were called *is* the order of the ids, whatever happens to the callers and to the writer's connection.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import asyncpg
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from dealgram.persistence import Commit, Completed, Database, DatabaseUnavailable, Journal, Link, NewDelivery, NewEntry
from dealgram.persistence import batch as batch_module
from dealgram.persistence import writer as writer_module
from dealgram.persistence.batch import Operation
from dealgram.runtime import Address

ADDRESSES = [Address("group", str(number)) for number in range(3)]


@dataclass
class Model:
    """What must be in the tables in the end."""

    entries: list[str] = field(default_factory=list)  # keys in the order of the calls, first calls only
    deliveries: list[str] = field(default_factory=list)
    done: set[int] = field(default_factory=set)
    completed: set[int] = field(default_factory=set)
    heard: list = field(default_factory=list)
    sent: list = field(default_factory=list)
    taken: int = 0


def new_entry(key: int) -> NewEntry:
    name = f"k{key}"
    return NewEntry(account_id=1, address=ADDRESSES[key % 3], source="s", source_key=name, payload=name.encode())


def new_delivery(key: int) -> NewDelivery:
    name = f"d{key}"
    return NewDelivery(account_id=1, address=ADDRESSES[key % 3], lane="l", kind="k", body=b"", dedupe=name)


keys = st.lists(st.integers(0, 40), min_size=1, max_size=4)
# when the caller is cancelled: never, before the call, or while it waits, after so many turns of the scheduler
cancelled = st.sampled_from([None, None, None, -1, 0, 1, 3, 10])
step = st.one_of(
    st.tuples(st.just("accept"), keys, cancelled),
    st.tuples(st.just("commit"), keys, cancelled),
    st.tuples(st.just("complete"), st.just([]), cancelled),
    st.tuples(st.just("guilty"), keys, cancelled),
    st.tuples(st.just("kill"), st.just([]), st.none()),
)


@settings(max_examples=25)
@given(workers=st.lists(st.lists(step, max_size=12), min_size=1, max_size=6))
async def test_any_interleaving_keeps_every_promise(database_url, workers):
    async with Database.open(database_url, min_size=1, max_size=4) as db:
        await db.execute("TRUNCATE inbox, outbox, links, dead_letters")
        model = Model()
        async with Journal.open(db, on_accepted=model.heard.extend) as journal, trio.open_nursery() as nursery:
            for steps in workers:
                nursery.start_soon(work, db, journal, model, steps)
        await check(db, model)


async def check(db, model):
    records = await db.fetch("SELECT * FROM inbox ORDER BY id")
    assert [record["source_key"] for record in records] == model.entries
    assert [one.source_key for one in model.heard] == model.entries
    assert [one.id for one in model.heard] == [record["id"] for record in records]
    assert {record["id"] for record in records if record["done_at"] is not None} == model.done
    records = await db.fetch("SELECT * FROM outbox ORDER BY id")
    assert [record["dedupe"] for record in records] == model.deliveries
    assert {record["id"] for record in records if record["state"] != "pending"} == model.completed
    dead = await db.fetch("SELECT origin_id FROM dead_letters ORDER BY id")
    assert sorted(record["origin_id"] for record in dead) == sorted(model.completed)
    assert await db.fetchval("SELECT count(*) FROM links") == 0


async def work(db, journal, model, steps):
    for action, numbers, cancel_after in steps:
        if action == "kill":
            await db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'dealgram-journal'"
            )
            continue
        with trio.CancelScope() as scope:
            if cancel_after == -1:
                scope.cancel()
            async with trio.open_nursery() as nursery:
                if cancel_after is not None and cancel_after >= 0:
                    nursery.start_soon(cancel_later, scope, cancel_after)
                await act(journal, model, action, numbers, submits=cancel_after != -1)
                nursery.cancel_scope.cancel()


async def cancel_later(scope, turns):
    for _ in range(turns):
        await trio.lowlevel.checkpoint()
    scope.cancel()


async def act(journal, model, action, numbers, *, submits):
    """Note what the call will do, then call; nothing can come between, so the notes are in the order of the calls."""
    if action == "accept":
        first = note(model.entries, [f"k{number}" for number in numbers], submits)
        ids = await journal.accept([new_entry(number) for number in numbers])
        assert [one is not None for one in ids] == first
    elif action == "commit":
        entry_id = None
        if submits and model.taken < len(model.heard):
            entry_id = model.heard[model.taken].id
            model.taken += 1
            model.done.add(entry_id)
        note(model.entries, [f"k{number + 100}" for number in numbers], submits)
        note(model.deliveries, [f"d{number}" for number in numbers], submits)
        commit = Commit(
            account_id=1,
            entry_id=entry_id,
            entries=tuple(new_entry(number + 100) for number in numbers),
            deliveries=tuple(new_delivery(number) for number in numbers),
        )
        sent = await journal.commit(commit)
        by_number = dict(zip(numbers, sent, strict=True))
        assert [by_number[number] for number in numbers] == list(sent)  # asked for twice: one row
        model.sent.extend(sent)
    elif action == "complete":
        ended = tuple(Completed(delivery_id=one.id, state="dead", error="e", traceback="t") for one in model.sent[:2])
        if submits:
            model.completed.update(one.delivery_id for one in ended)
        await journal.commit(Commit(account_id=1, completed=ended))
    else:
        bad = Link(group_id=1, deal_id=numbers[0], account_id=1, status="nonsense")
        with pytest.raises(asyncpg.CheckViolationError):
            await journal.commit(
                Commit(
                    account_id=1,
                    rows=(bad,),
                    entries=(new_entry(numbers[0] + 1000),),
                    deliveries=(new_delivery(numbers[0] + 1000),),
                )
            )


def note(noted, names, submits):
    first = []
    for name in names:
        first.append(submits and name not in noted)
        if first[-1]:
            noted.append(name)
    return first


@pytest.mark.parametrize("failures", [1, 3])
async def test_a_commit_of_unknown_outcome_is_repeated_without_harm(db, monkeypatch, failures):
    """The connection breaks after the server committed and before we are told: nothing is doubled or denied."""
    real = writer_module.write_batch
    left = failures

    async def committed_but_not_told(connection, operations):
        nonlocal left
        await real(connection, operations)
        if left:
            left -= 1
            raise asyncpg.ConnectionDoesNotExistError("cut off")

    heard = []
    async with Journal.open(db, on_accepted=heard.extend) as journal:
        monkeypatch.setattr(writer_module, "write_batch", committed_but_not_told)
        ids = await journal.accept([new_entry(1), new_entry(2), new_entry(1)])
        assert [one is not None for one in ids] == [True, True, False]
        assert [one.id for one in heard] == list(ids[:2])

        left = failures
        [sent] = await journal.commit(Commit(account_id=1, entry_id=ids[0], deliveries=(new_delivery(1),)))
        left = failures
        assert (await journal.begin_delivery(sent)).attempts == 1
        left = failures
        await journal.commit(Commit(account_id=1, completed=(Completed(delivery_id=sent.id, state="dead"),)))
        assert journal.statistics().repeated_batches == 4 * failures
    assert await db.fetchval("SELECT count(*) FROM inbox") == 2
    assert await db.fetchval("SELECT count(*) FROM inbox WHERE done_at IS NOT NULL") == 1
    assert await db.fetchval("SELECT count(*) FROM outbox") == 1
    assert await db.fetchval("SELECT count(*) FROM dead_letters") == 1


async def test_a_duplicate_stays_a_duplicate_when_its_batch_is_repeated(db, monkeypatch):
    heard = []
    async with Journal.open(db, on_accepted=heard.extend) as journal:
        await journal.accept([new_entry(1)])
        real = writer_module.write_batch
        failed = False

        async def cut_off_once(connection, operations):
            nonlocal failed
            await real(connection, operations)
            if not failed:
                failed = True
                raise asyncpg.ConnectionDoesNotExistError("cut off")

        monkeypatch.setattr(writer_module, "write_batch", cut_off_once)
        ids = await journal.accept([new_entry(1), new_entry(2)])
    assert [one is not None for one in ids] == [False, True]
    assert [one.source_key for one in heard] == ["k1", "k2"]


class CrashError(Exception):
    pass


@pytest.mark.parametrize("taken", [False, True])
async def test_ids_that_a_crash_of_the_server_gives_twice_deny_nobody(db, monkeypatch, taken):
    """A crash takes a sequence back to before what was drawn and not committed; perhaps somebody is quicker then."""
    real = writer_module.write_batch
    crashed = False

    async def crash_once(connection, operations):
        nonlocal crashed
        if crashed:
            return await real(connection, operations)
        crashed = True
        with contextlib.suppress(CrashError):
            async with connection.transaction():
                await real(connection, operations)
                raise CrashError
        await connection.execute("SELECT setval('inbox_id_seq', 1, false), setval('outbox_id_seq', 1, false)")
        if taken:
            await real(connection, [Operation(entries=(new_entry(99),), deliveries=(new_delivery(99),))])
        raise asyncpg.ConnectionDoesNotExistError("the server crashed")

    heard = []
    async with Journal.open(db, on_accepted=heard.extend) as journal:
        monkeypatch.setattr(writer_module, "write_batch", crash_once)
        [first] = await journal.commit(Commit(account_id=1, entries=(new_entry(1),), deliveries=(new_delivery(1),)))
        [second] = await journal.commit(Commit(account_id=1, entries=(new_entry(2),), deliveries=(new_delivery(2),)))
        [entry_id] = await journal.accept([new_entry(3)])
    assert entry_id is not None
    assert [one.source_key for one in heard] == ["k1", "k2", "k3"]
    inbox = {record["source_key"]: record["id"] for record in await db.fetch("SELECT source_key, id FROM inbox")}
    assert {key: inbox[key] for key in ("k1", "k2", "k3")} == {one.source_key: one.id for one in heard}
    outbox = {record["dedupe"]: record["id"] for record in await db.fetch("SELECT dedupe, id FROM outbox")}
    assert (outbox[new_delivery(1).dedupe], outbox[new_delivery(2).dedupe]) == (first.id, second.id)
    assert first.id < second.id
    assert len(inbox) + len(outbox) == 5 + 2 * taken


async def test_an_id_that_somebody_takes_in_the_same_moment_is_drawn_anew(db, monkeypatch):
    """Both drew the same id, and the other one commits first."""
    real = batch_module._draw_ids
    given = False

    async def draw_what_is_taken(connection, operations):
        nonlocal given
        await real(connection, operations)
        if not given:
            given = True
            for operation in operations:
                operation.entry_ids = [taken_entry] * len(operation.entries)
                operation.delivery_ids = [taken_delivery.id] * len(operation.deliveries)

    async with Journal.open(db, on_accepted=lambda _: None) as journal:
        [taken_entry] = await journal.accept([new_entry(1)])
        [taken_delivery] = await journal.commit(Commit(account_id=1, deliveries=(new_delivery(1),)))
        monkeypatch.setattr(batch_module, "_draw_ids", draw_what_is_taken)
        [entry_id] = await journal.accept([new_entry(2)])
        given = False
        [delivery] = await journal.commit(Commit(account_id=1, deliveries=(new_delivery(2),)))
    assert entry_id not in (None, taken_entry)
    assert delivery.id != taken_delivery.id
    assert await db.fetchval("SELECT source_key FROM inbox WHERE id = $1", entry_id) == "k2"


async def test_a_large_queue_goes_out_in_bounded_batches_in_order(db, monkeypatch):
    monkeypatch.setattr(writer_module, "BATCH_OPERATIONS", 16)
    heard = []
    async with Journal.open(db, on_accepted=heard.extend) as journal, trio.open_nursery() as nursery:
        for number in range(100):
            nursery.start_soon(journal.accept, [new_entry(number)])
    statistics = journal.statistics()
    assert statistics.largest_batch <= 16
    assert statistics.operations == 100
    assert len(heard) == 100
    assert [one.id for one in heard] == sorted(one.id for one in heard)


async def test_a_full_queue_refuses_instead_of_growing(db, monkeypatch):
    monkeypatch.setattr(writer_module, "QUEUE_OPERATIONS", 3)
    refused = []

    async def accept(number):
        try:
            await journal.accept([new_entry(number)])
        except DatabaseUnavailable:
            refused.append(number)

    async with Journal.open(db, on_accepted=lambda _: None) as journal:
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(accept, number)
        assert refused
        assert await db.fetchval("SELECT count(*) FROM inbox") == 50 - len(refused)
