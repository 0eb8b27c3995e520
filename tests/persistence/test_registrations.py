"""Registrations: found, attached to accounts, passed on, and forgotten in time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dealgram.persistence import ForeignRowError, records, registrations, retention, shard_of
from dealgram.persistence.records import Account, Registration

HOST = "https://a.amocrm.ru"
STRANGER = Registration(
    registration_key=registrations.key_of_host(HOST), host=HOST, client_name="Анна", phone="79990000000"
)


async def test_a_stranger_is_attached_once(db):
    await records.upsert(db, STRANGER)
    assert not await registrations.attach(db, registrations.key_of_host("https://b.amocrm.ru"), 1)
    assert await registrations.attach(db, STRANGER.registration_key, 1)
    assert not await registrations.attach(db, STRANGER.registration_key, 2)
    (found,) = await registrations.for_account(db, 1)
    assert (found.account_id, found.client_name) == (1, "Анна")
    assert await db.fetchval("SELECT shard FROM registrations") == shard_of(1)
    assert await registrations.for_account(db, 2) == []


async def test_of_two_changes_of_the_same_revision_one_is_refused(db):
    await records.upsert(db, STRANGER)
    changes = [replace(STRANGER, revision=2, client_name=name) for name in ("Ольга", "Пётр")]
    await records.upsert(db, changes[0])
    for late in (changes[1], STRANGER):
        with pytest.raises(ForeignRowError):
            await records.upsert(db, late)
    found = await registrations.get(db, STRANGER.registration_key)
    assert (found.revision, found.client_name) == (2, "Ольга")
    await records.upsert(db, replace(changes[1], revision=3))
    assert (await registrations.get(db, STRANGER.registration_key)).client_name == "Пётр"


async def test_the_verified_registration_comes_first(db):
    verified = Registration(registration_key=registrations.key_of_account(1), account_id=1, host=HOST, is_verified=True)
    await records.upsert(db, replace(STRANGER, account_id=1, registration_key="a"), verified)
    assert [row.is_verified for row in await registrations.for_account(db, 1)] == [True, False]


@pytest.mark.parametrize(("revision", "state"), [(2, "done"), (1, "pending")])
async def test_what_became_of_an_old_revision_is_not_noted(db, revision, state):
    await records.upsert(db, replace(STRANGER, revision=2, forward_state="pending"))
    await registrations.note_forwarded(db, STRANGER.registration_key, revision, "done")
    found = await registrations.get(db, STRANGER.registration_key)
    assert found.forward_state == state
    assert await db.fetchval("SELECT forwarded_at IS NOT NULL FROM registrations") is (state == "done")


async def test_people_who_did_not_become_customers_are_forgotten_after_a_month(db):
    customer = Registration(registration_key="account:1", account_id=1, host=HOST)
    never_connected = Registration(registration_key="account:2", account_id=2, host=HOST)
    await records.upsert(db, Account(account_id=1, host=HOST, subdomain="a"), STRANGER, customer, never_connected)
    assert (await retention.purge(db)).registrations == 0
    await db.execute("UPDATE registrations SET updated_at = now() - interval '31 days'")
    assert (await retention.purge(db)).registrations == 2
    assert [row["registration_key"] for row in await db.fetch("SELECT * FROM registrations")] == ["account:1"]


async def test_one_registration_is_forgotten_at_once(db):
    await records.upsert(db, STRANGER)
    await registrations.forget(db, STRANGER.registration_key)
    assert await registrations.get(db, STRANGER.registration_key) is None


def test_a_registration_does_not_show_who_it_is():
    assert "Анна" not in repr(STRANGER)
    assert "7999" not in repr(STRANGER)
