"""Used tokens, requests with an id, and the digest of what the settings page shows."""

from __future__ import annotations

import datetime as dt

import pytest
import trio

from dealgram.persistence import (
    Account,
    Bot,
    Employee,
    Group,
    Link,
    Participant,
    Person,
    SetupStep,
    api_requests,
    desk,
    page_state,
    participants,
    records,
    retention,
    subscriptions,
    token_uses,
)
from dealgram.persistence.api_requests import Claim, Kept
from dealgram.persistence.desk import BotGroups
from dealgram.persistence.records import Topic, User

NOW = dt.datetime.now(dt.UTC)
ID = "6f0c5c1e-8d0e-4b52-9a35-0b7c6f7a0001"


def bot(account_id: int = 1, bot_id: int = 3, **more) -> Bot:
    return Bot(
        bot_id=bot_id,
        account_id=account_id,
        token=b"t",
        username="sales_bot",
        external_id=f"tgb-{bot_id}",
        webhook_key=f"key-{account_id}-{bot_id}",
        webhook_secret=b"s",
        **more,
    )


async def test_a_token_is_used_once_per_account_also_by_many_at_once(db):
    won = []

    async def use() -> None:
        won.append(await token_uses.use(db, 1, "jti", NOW))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(use)
    assert sorted(won) == [False] * 7 + [True]
    assert await token_uses.use(db, 2, "jti", NOW)


async def test_a_request_is_claimed_once_and_its_answer_is_kept(db):
    claims = []

    async def begin() -> None:
        claims.append(await api_requests.begin(db, 1, ID, b"digest"))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(begin)
    [claim] = [one for one in claims if isinstance(one, Claim)]
    assert claims.count("running") == 7
    assert await api_requests.begin(db, 1, ID, b"another") == "different"
    await api_requests.finish(db, 1, ID, claim.number + 1, 500, b"not mine")
    assert await api_requests.begin(db, 1, ID, b"digest") == "running"
    await api_requests.finish(db, 1, ID, claim.number, 201, b"{}")
    assert await api_requests.begin(db, 1, ID, b"digest") == Kept(201, b"{}")
    assert await api_requests.begin(db, 1, ID, b"another") == "different"
    await api_requests.release(db, 1, ID, claim.number)
    assert await api_requests.begin(db, 1, ID, b"digest") == Kept(201, b"{}"), "what was answered is not forgotten"
    assert isinstance(await api_requests.begin(db, 2, ID, b"digest"), Claim), "another account's ids are its own"


async def test_a_request_that_came_to_nothing_or_whose_process_died_can_be_tried_again(db):
    first = await api_requests.begin(db, 1, ID, b"digest")
    await api_requests.release(db, 1, ID, first.number)
    second = await api_requests.begin(db, 1, ID, b"digest")
    assert isinstance(second, Claim)
    await db.execute("UPDATE api_requests SET claimed_at = now() - interval '121 seconds'")
    assert await api_requests.begin(db, 1, ID, b"another") == "different"
    third = await api_requests.begin(db, 1, ID, b"digest")
    assert isinstance(third, Claim)
    await api_requests.finish(db, 1, ID, second.number, 200, b"late")
    assert await api_requests.begin(db, 1, ID, b"digest") == "running"
    await api_requests.finish(db, 1, ID, third.number, 200, b"in time")
    assert await api_requests.begin(db, 1, ID, b"digest") == Kept(200, b"in time")


async def test_used_tokens_and_answers_are_kept_for_their_time_and_no_longer(db):
    now = dt.datetime.now(dt.UTC)  # the database compares with its own clock, whenever the test's turn comes
    await token_uses.use(db, 1, "old", now - dt.timedelta(minutes=11))
    await token_uses.use(db, 1, "late", now - dt.timedelta(minutes=9))
    await token_uses.use(db, 1, "good", now + dt.timedelta(minutes=30))
    await api_requests.begin(db, 1, ID, b"digest")
    purged = await retention.purge(db)
    assert (purged.token_uses, purged.api_requests) == (1, 0)
    await db.execute("UPDATE api_requests SET claimed_at = now() - interval '25 hours'")
    purged = await retention.purge(db)
    assert (purged.token_uses, purged.api_requests) == (0, 1)
    assert not await token_uses.use(db, 1, "good", now)


ACCOUNT = Account(account_id=1, host="https://a.amocrm.ru", subdomain="a")
CHANGES = {
    "a setting": "UPDATE accounts SET settings = '{\"notes\": false}'",
    "a trouble": "UPDATE accounts SET trouble = 'unpaid'",
    "a bot's name": "UPDATE bots SET name = 'Новое имя'",
    "a bot's trouble": """UPDATE bots SET troubles = '{"privacy": {}}'""",
    "a group's title": "UPDATE groups SET title = 'Новое название'",
    "a group left": "UPDATE groups SET status = 'left'",
    "a deal's name": "UPDATE links SET deal_name = 'Новая сделка'",
    "a step": "UPDATE setup_steps SET state = 'failed'",
    "a user's name": "UPDATE users SET name = 'Новая фамилия'",
    "a payment": "UPDATE subscriptions SET paid_until = now()",
    "a topic's name": "UPDATE topics SET name = 'Новая тема' WHERE thread_id = 3",
    "an employee's name in a group": "UPDATE participants SET name = 'Новое имя' WHERE user_id = 7",
    "an employee's name in private": "UPDATE persons SET username = 'new_name' WHERE user_id = 7",
    "an unlinked deal": "UPDATE links SET status = 'unlinked'",
    "an employee": "DELETE FROM employees",
}
IRRELEVANT = {
    "tokens": "UPDATE accounts SET access_token = 'x', token_expires_at = now(), updated_at = now()",
    "a look": "UPDATE bots SET checked_at = now(), updated_at = now()",
    "a dialog": "UPDATE groups SET dialog = '{}', updated_at = now()",
    "another topic": "UPDATE topics SET name = 'x' WHERE thread_id = 4; UPDATE topics SET updated_at = now()",
    "a client's name": "UPDATE participants SET name = 'x' WHERE user_id = 70; UPDATE persons SET name = 'x'"
    " WHERE user_id = 70",
    "a message": "UPDATE participants SET seen_at = now(); UPDATE persons SET seen_at = now()",
}


@pytest.fixture
async def filled(db):
    await records.upsert(
        db,
        ACCOUNT,
        bot(),
        Group(group_id=4, account_id=1, bot_id=3, chat_id=-7, title="Группа"),
        Group(group_id=5, account_id=1, bot_id=3, chat_id=-8, title="Ещё группа"),
        Group(group_id=6, account_id=1, bot_id=3, chat_id=-9, title="Оставленная", status="left"),
        Link(account_id=1, group_id=4, deal_id=9, thread_id=3),
        Link(account_id=1, group_id=6, deal_id=9),
        SetupStep(account_id=1, step="users"),
        Employee(account_id=1, user_id=7, amo_user_id=8),
        User(account_id=1, user_id=8, name="Ольга"),
        *(Topic(account_id=1, group_id=4, thread_id=each, name="Тема") for each in (3, 4)),
        *(Participant(account_id=1, group_id=4, user_id=each, name="Имя") for each in (7, 70)),
        *(Person(account_id=1, bot_id=3, user_id=each, name="Имя") for each in (7, 70)),
    )
    await subscriptions.begin_trial(db, 1, NOW, by="connection")
    return db


async def test_the_digest_follows_everything_that_the_page_shows_and_nothing_else(filled):
    seen = {await page_state.digest(filled, 1)}
    for what, sql in CHANGES.items():
        await filled.execute(sql)
        found = await page_state.digest(filled, 1)
        assert found not in seen, what
        seen.add(found)
    await records.upsert(filled, Employee(account_id=1, user_id=7, amo_user_id=8))
    await filled.execute("UPDATE links SET status = 'linked'")
    last = await page_state.digest(filled, 1)
    for what, sql in IRRELEVANT.items():
        await filled.execute(sql)
        assert await page_state.digest(filled, 1) == last, what
    await records.upsert(filled, bot(account_id=2, bot_id=30), Employee(account_id=2, user_id=7, amo_user_id=8))
    assert await page_state.digest(filled, 1) == last, "another account's doings are its own"


def test_every_table_of_the_digest_has_its_change():
    assert {sql.removeprefix("UPDATE ").removeprefix("DELETE FROM ").split()[0] for sql in CHANGES.values()} == (
        page_state.TABLES
    )


async def test_groups_are_counted_of_bots_that_are_connected(filled):
    await records.upsert(
        filled, bot(bot_id=11, status="removed"), Group(group_id=7, account_id=1, bot_id=11, chat_id=-10, title="Чья?")
    )
    (counted,) = (await desk.groups_by_bot(filled, 1)).items()
    # A group that the bot has left counts while a deal is linked to it: the page lists it as a problem.
    assert counted == (3, BotGroups(total=3, linked=2, titles=("Оставленная", "Группа", "Ещё группа")))
    assert await desk.groups_by_bot(filled, 2) == {}


async def test_people_are_found_by_name_username_and_id_within_the_account(filled):
    await records.upsert(
        filled,
        Participant(group_id=4, user_id=700, account_id=1, name="Анна Иванова", username="Anna_I"),
        Participant(group_id=5, user_id=700, account_id=1, name="Анна Иванова", username="Anna_I"),
        Participant(group_id=4, user_id=701, account_id=1, name="100%_Пётр"),
        Participant(group_id=4, user_id=702, account_id=1, name="Ушедшая", is_present=False),
        Group(group_id=40, account_id=2, bot_id=30, chat_id=-7, title="Чужая"),
        Participant(group_id=40, user_id=703, account_id=2, name="Анна Чужая"),
        Person(bot_id=3, user_id=704, account_id=1, name="Лично"),
    )
    [anna] = await participants.search(filled, 1, "АННА", 20)
    assert (anna.user_id, anna.username, set(anna.groups)) == (700, "Anna_I", {"Группа", "Ещё группа"})
    for text in ("anna_i", "700", "Иванова"):
        assert [one.user_id for one in await participants.search(filled, 1, text, 20)] == [700], text
    assert [one.user_id for one in await participants.search(filled, 1, "%_", 20)] == [701]
    assert {one.user_id for one in await participants.search(filled, 1, "", 20)} == {7, 70, 700, 701}
    assert len(await participants.search(filled, 1, "", 1)) == 1
    known = await participants.names(filled, 1, [700, 703, 704])
    assert known == {700: ("Анна Иванова", "Anna_I"), 704: ("Лично", None)}
