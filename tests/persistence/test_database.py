"""The pool behind trio: every statement ends, every connection comes back, trouble has one name."""

from __future__ import annotations

import random

import asyncpg
import pytest
import trio
import trio.testing

from dealgram.persistence import Database, DatabaseUnavailable

KILL_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"


async def test_statements_and_transactions(db):
    assert await db.fetchval("SELECT 1 + $1::int", 2) == 3
    assert [row["n"] for row in await db.fetch("SELECT generate_series(1, 3) AS n")] == [1, 2, 3]
    assert await db.fetchrow("SELECT 1 WHERE false") is None

    async def fail(connection):
        await connection.execute("INSERT INTO users VALUES (1, 1, 0, '', NULL, false, true)")
        raise KeyError("undo")

    with pytest.raises(KeyError):
        await db.transaction(fail)
    assert await db.fetchval("SELECT count(*) FROM users") == 0
    with pytest.raises(asyncpg.UndefinedTableError):
        await db.execute("DELETE FROM nothing")
    assert db.healthy()


async def test_random_cancellation_leaves_the_pool_whole(database_url):
    rng = random.Random(7)
    async with Database.open(database_url, min_size=2, max_size=4) as db:

        async def caller(patience_s, in_transaction):
            with trio.move_on_after(patience_s):
                if in_transaction:
                    await db.transaction(lambda connection: connection.execute("SELECT pg_sleep(0.005)"))
                else:
                    await db.fetchval("SELECT pg_sleep(0.005)")

        async with trio.open_nursery() as nursery:
            for _ in range(200):
                nursery.start_soon(caller, rng.random() * 0.3, rng.random() < 0.5)
        assert db.bridge.running == 0
        assert db._pool.get_idle_size() == db._pool.get_size()
        # none of ours is left in a statement or in a transaction
        busy = await db.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dealgram'"
            " AND state <> 'idle' AND pid <> pg_backend_pid()"
        )
        assert busy == 0
        together = trio.Event()
        arrived = 0

        async def hold(connection):
            return await connection.fetchval("SELECT 1")

        async def use():
            nonlocal arrived
            assert await db.transaction(hold) == 1
            arrived += 1
            if arrived == 4:
                together.set()

        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(use)
        assert together.is_set()


async def test_killed_connections_are_unavailable_and_then_replaced(database_url):
    async with Database.open(database_url, min_size=1, max_size=1) as db, trio.open_nursery() as nursery:
        failed = trio.Event()

        async def victim():
            with pytest.raises(DatabaseUnavailable):
                await db.fetchval("SELECT pg_sleep(60)")
            failed.set()

        nursery.start_soon(victim)
        async with Database.open(database_url, min_size=1, max_size=1) as killer:
            sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE $1"
            while not await killer.fetchval(sleeping, "%pg_sleep(60)"):
                await trio.lowlevel.checkpoint()
            me = await killer.fetchval("SELECT pg_backend_pid()")
            assert db.healthy()
            await killer.execute(KILL_OTHERS, me)
            await failed.wait()
        assert not db.healthy()
        assert await db.ping()
        assert db.healthy()


async def test_nobody_there_is_unavailable(tmp_path):
    with pytest.raises(DatabaseUnavailable):
        async with Database.open(f"postgresql://postgres@/postgres?host={tmp_path}"):
            pass


async def test_ping_has_a_deadline(database_url):
    async with Database.open(database_url, min_size=1, max_size=1) as db, trio.open_nursery() as nursery:
        started = trio.Event()

        async def occupy():
            with trio.CancelScope() as scope:
                nursery.start_soon(watch, scope)
                await db.fetchval("SELECT pg_sleep(60)")

        async def watch(scope):
            started.set()
            await trio.testing.wait_all_tasks_blocked()
            assert not await db.ping(timeout_s=0.05)  # the only connection is taken
            scope.cancel()

        nursery.start_soon(occupy)
        await started.wait()


async def test_a_statement_that_takes_too_long_is_unavailable(database_url):
    async with Database.open(database_url, min_size=1, max_size=1, command_timeout_s=0.05) as db:
        with pytest.raises(DatabaseUnavailable):
            await db.fetchval("SELECT pg_sleep(60)")
        assert await db.fetchval("SELECT 1") == 1


async def test_after_closing_everything_is_unavailable(database_url):
    async with Database.open(database_url) as db:
        pass
    with pytest.raises(DatabaseUnavailable):
        await db.fetchval("SELECT 1")


async def test_notifications_arrive_in_order(db):
    heard = []
    done = trio.Event()

    def hear(payload):
        heard.append(payload)
        if payload == "last":
            done.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(db.listen, "news", hear)
        for payload in ("first", "second", "last"):
            await db.execute("SELECT pg_notify('news', $1)", payload)
        await done.wait()
        nursery.cancel_scope.cancel()
    assert heard == ["first", "second", "last"]


async def test_listening_survives_its_connection(db):
    heard = []
    gap, done = trio.Event(), trio.Event()

    def hear(payload):
        heard.append(payload)
        done.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: db.listen("news", hear, on_gap=gap.set, task_status=task_status))
        killed = await db.fetchval(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'dealgram-listen-news'"
        )
        assert killed == 1
        await gap.wait()
        await db.execute("SELECT pg_notify('news', 'again')")
        await done.wait()
        nursery.cancel_scope.cancel()
    assert heard == ["again"]


async def test_what_a_listener_raises_is_raised_to_its_owner(db):
    def refuse(_payload):
        raise KeyError("listener")

    async def owner():
        async with trio.open_nursery() as nursery:
            await nursery.start(db.listen, "news", refuse)
            await db.execute("SELECT pg_notify('news', '')")
            await trio.sleep_forever()

    with pytest.RaisesGroup(pytest.RaisesExc(KeyError, match="listener")):
        await owner()
