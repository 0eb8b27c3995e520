"""The journal against a real database, one promise a test."""

from __future__ import annotations

import asyncpg
import pytest
import trio
import trio.testing

from dealgram.persistence import (
    Commit,
    Completed,
    Database,
    DatabaseUnavailable,
    DeliveryEndedError,
    Journal,
    Link,
    NewDelivery,
    NewEntry,
    accounts,
    dead_letters,
    links,
)
from dealgram.persistence.records import Account
from dealgram.runtime import Address, Failure

GROUP = Address("group", "1")
BOOM = Failure(kind="ValueError", message="boom\x00", traceback="Traceback\x00: boom")


def entry(key: str, *, address: Address = GROUP, account_id: int = 1, payload: bytes = b"{}") -> NewEntry:
    return NewEntry(account_id=account_id, address=address, source="test", source_key=key, payload=payload)


def delivery(dedupe: str, *, lane: str = "a", account_id: int = 1) -> NewDelivery:
    return NewDelivery(account_id=account_id, address=GROUP, lane=lane, kind="send", body=b"body", dedupe=dedupe)


class Heard(list):
    """What on_accepted was told, flat."""

    def __call__(self, entries):
        self.extend(entries)

    @property
    def keys(self):
        return [one.source_key for one in self]


@pytest.fixture
async def heard():
    return Heard()


@pytest.fixture
async def journal(db, heard):
    async with Journal.open(db, on_accepted=heard) as opened:
        yield opened


async def test_accepted_entries_are_durable_and_announced_in_order(db, journal, heard):
    ids = await journal.accept([entry("a"), entry("b"), entry("c")])
    assert ids == sorted(ids)
    assert [one.id for one in heard] == list(ids)
    assert await db.fetchval("SELECT count(*) FROM inbox") == 3
    assert [one.source_key for one in await journal.pending(GROUP, 10)] == ["a", "b", "c"]
    assert [one.source_key for one in await journal.pending(GROUP, 2)] == ["a", "b"]
    assert (await journal.pending(GROUP, 1))[0] == heard[0]


async def test_nothing_to_accept_is_nothing(journal):
    assert await journal.accept([]) == ()
    assert journal.statistics().commits == 0


async def test_a_duplicate_is_none_within_a_call_and_against_the_table(journal, heard):
    first = await journal.accept([entry("a"), entry("b"), entry("a")])
    assert first[2] is None
    assert None not in first[:2]
    again = await journal.accept([entry("b"), entry("c")])
    assert again[0] is None
    assert again[1] is not None
    assert heard.keys == ["a", "b", "c"]


async def test_duplicates_from_two_callers_in_one_batch_are_accepted_once(journal, heard):
    results = []

    async def accept():
        results.extend(await journal.accept([entry("same"), entry(f"own{len(results)}")]))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(accept)
    assert sum(one is not None for one in results) == heard.keys.count("same") + len(heard) - 1
    assert heard.keys.count("same") == 1


async def test_a_commit_does_everything_at_once(db, journal, heard):
    await journal.accept([entry("a")])
    [pending] = await journal.pending(GROUP, 10)
    other = Address("bot", "7")
    sent = await journal.commit(
        Commit(
            account_id=1,
            entry_id=pending.id,
            result="mirrored",
            deliveries=(delivery("d1"), delivery("d2", lane="b")),
            rows=(Link(group_id=1, deal_id=5, account_id=1, deal_name="Кухня"),),
            entries=(entry("told", address=other),),
        )
    )
    assert [one.lane for one in sent] == ["a", "b"]
    assert sent[0].id < sent[1].id
    assert await journal.pending(GROUP, 10) == []
    assert await journal.pending_lanes(GROUP) == ["a", "b"]
    assert await journal.pending_deliveries(GROUP, "a", 0, 10) == [sent[0]]
    assert await journal.pending_deliveries(GROUP, "a", sent[0].id, 10) == []
    assert [link.deal_name for link in await links.for_group(db, 1, 1)] == ["Кухня"]
    assert heard.keys == ["a", "told"]
    assert await db.fetchval("SELECT result FROM inbox WHERE id = $1", pending.id) == "mirrored"
    assert set(await journal.addresses_with_work()) == {GROUP, other}

    await journal.commit(Commit(account_id=1, completed=(Completed(delivery_id=sent[0].id, state="done"),)))
    assert await journal.pending_lanes(GROUP) == ["b"]


async def test_a_delivery_asked_for_twice_is_one_row(journal):
    [first] = await journal.commit(Commit(account_id=1, deliveries=(delivery("d"),)))
    one, two, other = await journal.commit(
        Commit(account_id=1, deliveries=(delivery("d"), delivery("e"), delivery("d")))
    )
    assert one == other == first
    assert two.id > first.id
    [foreign] = await journal.commit(Commit(account_id=2, deliveries=(delivery("d", account_id=2),)))
    assert foreign.id not in (first.id, two.id)


async def test_the_last_write_of_a_row_in_a_batch_wins(db, journal):
    async def write(name):
        await journal.commit(Commit(account_id=1, rows=(Link(group_id=1, deal_id=1, account_id=1, deal_name=name),)))

    async with trio.open_nursery() as nursery:  # one batch or several: the order of submission decides
        nursery.start_soon(write, "first")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(write, "second")
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(write, "third")
    assert [link.deal_name for link in await links.for_group(db, 1, 1)] == ["third"]


async def test_a_guilty_commit_fails_alone(db, journal, heard):
    """Forty commits go into one batch; two are refused, with different errors; the others and their order stay."""
    outcomes = {}

    async def commit(number):
        status = "nonsense" if number == 17 else "linked"
        body = "not bytes" if number == 30 else b"body"
        try:
            outcomes[number] = await journal.commit(
                Commit(
                    account_id=1,
                    rows=(Link(group_id=number, deal_id=1, account_id=1, status=status),),
                    entries=(entry(f"e{number}"),),
                    deliveries=(
                        NewDelivery(account_id=1, address=GROUP, lane="a", kind="k", body=body, dedupe=f"d{number}"),
                    ),
                )
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            outcomes[number] = error

    async with trio.open_nursery() as nursery:
        for number in range(40):
            nursery.start_soon(commit, number)
    assert isinstance(outcomes[17], asyncpg.CheckViolationError)
    assert isinstance(outcomes[30], asyncpg.DataError)
    good = set(range(40)) - {17, 30}
    assert {number for number, outcome in outcomes.items() if isinstance(outcome, tuple)} == good
    assert await db.fetchval("SELECT count(*) FROM links") == len(good)
    assert sorted(heard.keys) == sorted(f"e{number}" for number in good)
    assert [one.id for one in heard] == sorted(one.id for one in heard)
    assert journal.statistics().failed_operations == 2


async def test_a_row_of_another_account_is_never_overwritten(db, journal):
    await journal.commit(Commit(account_id=1, rows=(Link(group_id=1, deal_id=1, account_id=1, deal_name="ours"),)))
    with pytest.raises(Exception, match="another account"):
        await journal.commit(Commit(account_id=2, rows=(Link(group_id=1, deal_id=1, account_id=2),)))
    assert [link.deal_name for link in await links.for_group(db, 1, 1)] == ["ours"]
    assert await links.for_group(db, 2, 1) == []


async def test_characters_that_postgresql_refuses_do_not_lose_the_message(db, journal, heard):
    await journal.accept([entry("k\x00ey", payload=b"\x00\xff raw")])
    assert await journal.accept([entry("key")]) == [None]  # compared as stored
    [pending] = await journal.pending(GROUP, 1)
    assert pending == heard[0]
    assert pending.payload == b"\x00\xff raw"
    await journal.commit(
        Commit(
            account_id=1,
            entry_id=pending.id,
            result="o\x00k \ud83d",
            rows=(
                Link(group_id=1, deal_id=1, account_id=1, deal_name="a\x00b\ud800"),
                Account(account_id=1, host="h", subdomain="s", settings={"k\x00": ["v\x00", "\\u0000"]}),
            ),
            deliveries=(delivery("d\x00"),),
        )
    )
    assert [link.deal_name for link in await links.for_group(db, 1, 1)] == ["ab?"]
    account = await accounts.get(db, 1)
    assert account is not None
    assert account.settings == {"k": ["v", "\\u0000"]}


async def test_a_cancelled_caller_does_not_undo_its_commit(db, journal, heard):
    with trio.CancelScope() as scope:
        scope.cancel()
        await journal.accept([entry("never asked for")])
    assert scope.cancelled_caught

    async def cancelled_while_waiting():
        with trio.CancelScope() as waiting:
            nursery.start_soon(cancel, waiting)
            await journal.accept([entry("asked for")])

    async def cancel(scope):
        scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(cancelled_while_waiting)
    await journal.settled()
    assert heard.keys == ["asked for"]
    assert await db.fetchval("SELECT count(*) FROM inbox") == 1


async def test_settled_waits_for_everything_submitted(db, journal):
    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(journal.accept, [entry(f"{number}")])
        await trio.testing.wait_all_tasks_blocked()
        await journal.settled()
        assert await db.fetchval("SELECT count(*) FROM inbox") == 20
    await journal.settled()


async def test_leaving_by_cancellation_writes_what_waits(db, heard):
    with trio.CancelScope() as scope:
        async with Journal.open(db, on_accepted=heard) as journal, trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(journal.accept, [entry(f"{number:02}")])
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
    assert sorted(heard.keys) == [f"{number:02}" for number in range(50)]
    assert await db.fetchval("SELECT count(*) FROM inbox") == 50


async def test_a_closed_journal_takes_nothing(db, heard):
    async with Journal.open(db, on_accepted=heard) as journal:
        pass
    with pytest.raises(DatabaseUnavailable):
        await journal.accept([entry("late")])
    with pytest.raises(DatabaseUnavailable):
        await journal.commit(Commit(account_id=1, entries=(entry("late"),)))
    assert heard == []


async def test_a_failing_listener_does_not_end_the_writer(db, caplog):
    def refuse(_entries):
        raise RuntimeError("listener")

    async with Journal.open(db, on_accepted=refuse) as journal:
        assert None not in await journal.accept([entry("a")])
        assert None not in await journal.accept([entry("b")])
    assert "the journal's listener failed" in caplog.text


async def test_beginning_a_delivery_is_durable_and_can_be_taken_back(journal):
    [new] = await journal.commit(Commit(account_id=1, deliveries=(delivery("d"),)))
    begun = await journal.begin_delivery(new)
    assert begun.started_at is not None
    assert begun.attempts == 1
    assert await journal.pending_deliveries(GROUP, "a", 0, 10) == [begun]
    free = await journal.delivery_not_sent(begun)
    assert free.started_at is None
    assert (await journal.begin_delivery(free)).attempts == 2
    await journal.commit(Commit(account_id=1, completed=(Completed(delivery_id=new.id, state="unknown", error="?"),)))
    assert await journal.pending_lanes(GROUP) == []
    with pytest.raises(DeliveryEndedError):
        await journal.begin_delivery(new)
    with pytest.raises(DeliveryEndedError):
        await journal.delivery_not_sent(new)


async def test_the_first_end_of_a_delivery_counts(db, journal):
    [new] = await journal.commit(Commit(account_id=1, deliveries=(delivery("d"),)))
    await journal.commit(
        Commit(
            account_id=1,
            completed=(Completed(delivery_id=new.id, state="done"), Completed(delivery_id=new.id, state="dead")),
        )
    )
    await journal.commit(Commit(account_id=1, completed=(Completed(delivery_id=new.id, state="dead"),)))
    assert await db.fetchval("SELECT state FROM outbox") == "done"
    assert await dead_letters.list_open(db) == []


async def test_failed_attempts_are_counted_and_burial_is_once(db, journal, heard):
    await journal.accept([entry("a"), entry("b")])
    first, second = heard
    assert await journal.attempt_failed(first, BOOM) == 1
    assert await journal.attempt_failed(first, BOOM) == 2
    assert (await journal.pending(GROUP, 1))[0].attempts == 2
    await journal.bury(first, BOOM)
    await journal.bury(first, BOOM)
    assert [one.id for one in await journal.pending(GROUP, 10)] == [second.id]
    [letter] = await dead_letters.list_open(db)
    assert (letter.origin, letter.origin_id, letter.attempts) == ("inbox", first.id, 2)
    assert letter.error == "ValueError: boom"
    assert "\x00" not in letter.traceback


async def test_accept_gives_up_after_its_deadline_and_withdraws(database_url):
    """The database is away (its connections are killed and new ones refused): 503 for the hook, nothing half done."""
    heard = Heard()
    async with (
        Database.open(database_url, min_size=1, max_size=1) as db,
        refused_connections(database_url),
        Journal.open(db, on_accepted=heard, accept_deadline_s=0.3, flush_deadline_s=0.1) as journal,
    ):
        with pytest.raises(DatabaseUnavailable):
            await journal.accept([entry("written by nobody")])
        with pytest.raises(DatabaseUnavailable):
            await journal.accept([entry("behind it")])
        assert journal.statistics().unavailable
        assert journal.statistics().queue_depth == 1  # the first is being tried; the second was taken back
        assert not db.healthy()
    assert heard == []


class refused_connections:  # noqa: N801 - a context manager
    """Nobody can connect to the database, and those connected are cut off."""

    def __init__(self, url):
        from urllib.parse import urlsplit

        self.name = urlsplit(url).path[1:]
        self.admin = url.replace(f"/{self.name}", "/postgres")

    async def __aenter__(self):
        async with Database.open(self.admin, min_size=1, max_size=1) as admin:
            await admin.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS false")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", self.name)

    async def __aexit__(self, *_exc):
        async with Database.open(self.admin, min_size=1, max_size=1) as admin:
            await admin.execute(f"ALTER DATABASE {self.name} ALLOW_CONNECTIONS true")


async def test_callers_wait_out_an_outage(database_url, heard):
    """Commits submitted while the database is away are done, in order, when it is back."""
    async with (
        Database.open(database_url, min_size=1, max_size=1) as db,
        Journal.open(db, on_accepted=heard, accept_deadline_s=60) as journal,
    ):
        await journal.accept([entry("before")])
        async with trio.open_nursery() as nursery, refused_connections(database_url):
            for number in range(30):
                nursery.start_soon(journal.accept, [entry(f"{number}")])
            while not journal.statistics().unavailable:
                await trio.lowlevel.checkpoint()
            assert heard.keys == ["before"]
        assert len(heard) == 31
        assert [one.id for one in heard] == sorted(one.id for one in heard)
        assert not journal.statistics().unavailable
        assert journal.statistics().repeated_batches > 0


async def test_closing_with_the_database_away_ends_within_the_deadline(database_url, caplog):
    failed = []

    async def accept(journal):
        try:
            await journal.accept([entry("lost to nobody: its sender was told")])
        except DatabaseUnavailable:
            failed.append(True)

    async with (
        Database.open(database_url, min_size=1, max_size=1) as db,
        refused_connections(database_url),
        trio.open_nursery() as nursery,
        Journal.open(db, on_accepted=lambda _: None, flush_deadline_s=0.2, accept_deadline_s=60) as journal,
    ):
        nursery.start_soon(accept, journal)
        await trio.testing.wait_all_tasks_blocked()
    assert failed == [True]
    assert "1 operations unwritten" in caplog.text


async def test_statistics_add_up(journal):
    await journal.accept([entry("a"), entry("a"), entry("b")])
    await journal.commit(Commit(account_id=1, deliveries=(delivery("d"),)))
    statistics = journal.statistics()
    assert (statistics.commits, statistics.operations, statistics.entries, statistics.deliveries) == (2, 2, 2, 1)
    assert statistics.queue_depth == 0
    assert statistics.recent_mean_batch == 1.0
