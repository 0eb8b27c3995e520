"""Secrets at rest and the rotation of their keys."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.persistence import Account, Bot, SecretBox, SecretError, accounts, bots, generate_key, records, rotate_all

OLD, NEW = generate_key(), generate_key()


@given(st.text())
def test_what_is_sealed_opens(secret):
    box = SecretBox([OLD])
    sealed = box.seal(secret)
    assert box.open(sealed) == secret
    assert len(secret) < 4 or secret.encode() not in sealed


def test_every_key_of_the_list_opens_and_the_first_seals():
    old, both = SecretBox([OLD]), SecretBox([NEW, OLD])
    sealed = old.seal("token")
    assert both.open(sealed) == "token"
    assert both.needs_rotation(sealed)
    assert not both.needs_rotation(both.seal("token"))
    assert both.current_key_id == SecretBox([NEW]).current_key_id != old.current_key_id
    with pytest.raises(SecretError, match="not in the list"):
        SecretBox([NEW]).open(sealed)


def test_a_damaged_value_is_told_from_a_missing_key():
    box = SecretBox([OLD])
    sealed = bytearray(box.seal("token"))
    sealed[-1] ^= 1
    with pytest.raises(SecretError, match="damaged"):
        box.open(bytes(sealed))
    with pytest.raises(SecretError):
        box.open(b"")


@pytest.mark.parametrize("keys", [[], [""], ["short"], [OLD, "x" * 44]])
def test_wrong_keys_are_named_by_number_and_never_shown(keys):
    with pytest.raises(SecretError) as caught:
        SecretBox(keys)
    assert OLD not in str(caught.value)
    assert OLD not in repr(SecretBox([OLD]))


async def test_rotation_seals_everything_with_the_new_key(db):
    old, both = SecretBox([OLD]), SecretBox([NEW, OLD])
    await records.upsert(
        db,
        Account(account_id=1, host="h", subdomain="s", access_token=old.seal("a"), refresh_token=both.seal("r")),
        Account(account_id=2, host="h", subdomain="s"),
    )
    for number in range(250):  # more than one batch
        bot = Bot(
            bot_id=number,
            account_id=1,
            token=old.seal(f"t{number}"),
            username="b",
            external_id="e",
            webhook_key=f"w{number}",
            webhook_secret=old.seal("s"),
        )
        await records.upsert(db, bot)
    assert await rotate_all(db, both) == 501
    assert await rotate_all(db, both) == 0
    new = SecretBox([NEW])
    account = await accounts.get(db, 1)
    assert new.open(account.access_token) == "a"
    assert new.open(account.refresh_token) == "r"
    for bot in await bots.for_account(db, 1):
        assert new.open(bot.token) == f"t{bot.bot_id}"
        assert new.open(bot.webhook_secret) == "s"


async def test_rotation_does_not_overwrite_a_token_refreshed_meanwhile(db):
    old, both = SecretBox([OLD]), SecretBox([NEW, OLD])
    account = Account(account_id=1, host="h", subdomain="s", access_token=old.seal("old"))
    await records.upsert(db, account)

    class RefreshedMeanwhile:
        async def fetch(self, sql, *args):
            found = await db.fetch(sql, *args)
            await records.upsert(db, replace(account, access_token=both.seal("fresh")))
            return found

        execute = db.execute

    assert await rotate_all(RefreshedMeanwhile(), both) == 0
    assert both.open((await accounts.get(db, 1)).access_token) == "fresh"
