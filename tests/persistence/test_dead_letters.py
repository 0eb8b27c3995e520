"""Dead letters: read, retried or discarded, each once."""

from __future__ import annotations

import pytest
import trio

from dealgram.persistence import Commit, Completed, Journal, NewDelivery, NewEntry, dead_letters
from dealgram.runtime import Address, Failure

FAILURE = Failure(kind="Refused", message="no such chat", traceback="Traceback …")


@pytest.fixture
async def journal(db):
    async with Journal.open(db, on_accepted=lambda _: None) as opened:
        yield opened


async def bury_entry(journal, group, key, account_id=1):
    await journal.accept(
        [NewEntry(account_id=account_id, address=group, source="s", source_key=key, payload=key.encode())]
    )
    [entry] = [one for one in await journal.pending(group, 100) if one.source_key == key]
    await journal.attempt_failed(entry, FAILURE)
    await journal.bury(entry, FAILURE)
    return entry


async def bury_delivery(journal, group, dedupe):
    [delivery] = await journal.commit(
        Commit(
            account_id=1,
            deliveries=(NewDelivery(account_id=1, address=group, lane="a", kind="k", body=b"b", dedupe=dedupe),),
        )
    )
    begun = await journal.begin_delivery(delivery)
    await journal.commit(
        Commit(
            account_id=1,
            completed=(Completed(delivery_id=begun.id, state="dead", error="no such chat", traceback="Traceback …"),),
        )
    )
    return delivery


async def test_a_dead_entry_shows_what_and_why(db, journal, group):
    entry = await bury_entry(journal, group, "k")
    [letter] = await dead_letters.list_open(db)
    assert letter == await dead_letters.show(db, letter.id)
    assert (letter.origin, letter.origin_id, letter.address) == ("inbox", entry.id, group)
    assert (letter.body, letter.kind, letter.attempts) == (b"k", "s", 1)
    assert (letter.error, letter.traceback) == ("Refused: no such chat", "Traceback …")
    assert await dead_letters.show(db, letter.id + 1) is None


async def test_a_retried_entry_is_pending_again_as_the_youngest(db, journal, group):
    await bury_entry(journal, group, "dead")
    await journal.accept([NewEntry(account_id=1, address=group, source="s", source_key="later", payload=b"")])
    [letter] = await dead_letters.list_open(db)
    assert await dead_letters.retry(db, letter.id) == group
    pending = await journal.pending(group, 10)
    assert [one.source_key for one in pending] == ["later", "dead"]
    assert pending[1].attempts == 0
    assert await dead_letters.list_open(db) == []
    assert await dead_letters.retry(db, letter.id) is None
    assert await dead_letters.discard(db, letter.id) is False
    # it can die again, and is then a new dead letter
    await journal.bury(pending[1], FAILURE)
    [again] = await dead_letters.list_open(db)
    assert again.id != letter.id
    assert await journal.accept(
        [NewEntry(account_id=1, address=group, source="s", source_key="dead", payload=b"")]
    ) == [None]


async def test_a_retried_delivery_is_pending_again_behind_those_queued(db, journal, group):
    delivery = await bury_delivery(journal, group, "d")
    [later] = await journal.commit(
        Commit(
            account_id=1,
            deliveries=(NewDelivery(account_id=1, address=group, lane="a", kind="k", body=b"", dedupe="later"),),
        )
    )
    [letter] = await dead_letters.list_open(db)
    assert (letter.origin, letter.origin_id, letter.lane, letter.attempts) == ("outbox", delivery.id, "a", 1)
    assert await dead_letters.retry(db, letter.id) == group
    # a lane that reads on from where it is finds it
    [first, again] = await journal.pending_deliveries(group, "a", delivery.id, 10)
    assert first == later
    assert again.body == delivery.body
    assert (again.started_at, again.attempts) == (None, 0)


async def test_discarding_leaves_it_done(db, journal, group):
    await bury_entry(journal, group, "k")
    [letter] = await dead_letters.list_open(db)
    assert await dead_letters.count_open(db) == 1
    assert await dead_letters.discard(db, letter.id) is True
    assert await dead_letters.discard(db, letter.id) is False
    assert await dead_letters.count_open(db) == 0
    assert await journal.pending(group, 10) == []
    resolved = await dead_letters.show(db, letter.id)
    assert resolved is not None
    assert resolved.resolution == "discarded"


async def test_two_operators_at_once_retry_once(db, journal, group):
    await bury_entry(journal, group, "k")
    [letter] = await dead_letters.list_open(db)
    woken = []

    async def operator():
        woken.append(await dead_letters.retry(db, letter.id))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(operator)
        nursery.start_soon(operator)
    assert sorted(woken, key=str) == [None, group]
    assert len(await journal.pending(group, 10)) == 1


async def test_lists_are_paged_and_kept_apart_by_account(db, journal, group):
    for number in range(5):
        await bury_entry(journal, group, f"k{number}", account_id=1 + number % 2)
    every = await dead_letters.list_open(db)
    assert [letter.body for letter in every] == [b"k0", b"k1", b"k2", b"k3", b"k4"]
    assert [letter.body for letter in await dead_letters.list_open(db, account_id=2)] == [b"k1", b"k3"]
    page = await dead_letters.list_open(db, limit=2)
    assert page == every[:2]
    assert await dead_letters.list_open(db, after_id=page[-1].id, limit=2) == every[2:4]


async def test_a_retry_wakes_the_address(db, journal, group):
    await bury_entry(journal, group, "k")
    [letter] = await dead_letters.list_open(db)
    woken = []
    done = trio.Event()

    def hear(payload):
        woken.append(dead_letters.woken_address(payload))
        done.set()

    async with trio.open_nursery() as nursery:
        await nursery.start(db.listen, dead_letters.WAKE_CHANNEL, hear)
        await dead_letters.retry(db, letter.id)
        await done.wait()
        nursery.cancel_scope.cancel()
    assert woken == [group]


def test_only_an_address_wakes():
    address = Address("group", "a:b")
    assert dead_letters.woken_address(dead_letters.wake_payload(address)) == address
    for payload in ("", "group", ":1", "group:"):
        assert dead_letters.woken_address(payload) is None
