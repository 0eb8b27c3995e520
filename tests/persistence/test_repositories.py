"""Records and repositories: what is written comes back, the database keeps the time, accounts stay apart."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime

import asyncpg
import pytest
import trio

from dealgram.persistence import (
    SHARDS,
    Account,
    Bot,
    ChatAlias,
    Contact,
    Conversation,
    Employee,
    ForeignRowError,
    Group,
    Installation,
    Link,
    Message,
    Participant,
    Person,
    Row,
    SetupStep,
    User,
    accounts,
    bots,
    contacts,
    conversations,
    employees,
    groups,
    installations,
    links,
    messages,
    originals,
    participants,
    pauses,
    persons,
    reactions,
    records,
    registrations,
    repairs,
    setup_steps,
    shard_of,
    topics,
    users,
)
from dealgram.persistence.records import Original, Pause, Reaction, Registration, Repair, Topic, TopicPerson
from dealgram.persistence.tables import Clock

ROWS: list[Row] = [
    Account(account_id=1, host="https://a.amocrm.ru", subdomain="a", scope_id="s1", settings={"policy": "deal"}),
    User(account_id=1, user_id=2, name="Анна", amojo_id="u", is_admin=True),
    Bot(
        bot_id=3,
        account_id=1,
        token=b"t",
        username="bot",
        pipeline_id=9,
        external_id="tgb-3",
        webhook_key="w",
        webhook_secret=b"s",
        settings={},
    ),
    Group(group_id=4, account_id=1, bot_id=3, chat_id=-100, title="Г", kind="supergroup", dialog={"step": 1}),
    ChatAlias(bot_id=3, chat_id=-5, account_id=1, group_id=4),
    Link(group_id=4, deal_id=5, account_id=1, deal_name="Кухня", linked_by=6),
    Participant(group_id=4, user_id=6, account_id=1, name="Борис", username="b"),
    Person(bot_id=3, user_id=6, account_id=1, name="Борис"),
    Contact(account_id=1, user_id=6, contact_id=7, name="Борис"),
    Conversation(account_id=1, conversation_id="g4-d5", bot_id=3, group_id=4, deal_id=5, chat_uuid="c", ready=True),
    Message(account_id=1, conversation_id="g4-d5", msgid="m", bot_id=3, chat_id=-100, message_id=8, amo_id="x"),
    Installation(install_key="k", account_id=1, host="https://a.amocrm.ru", state="done", installed_id=1),
    SetupStep(account_id=1, step="channel", state="failed", detail="d"),
    Employee(account_id=1, user_id=6, amo_user_id=2),
    Repair(account_id=1, state="running", chats=40, compared=12, found=1, late=2, failed=3, carried_ms=4),
    Original(account_id=1, bot_id=3, chat_id=-100, message_id=8, first_text="А", text="Б", album="7", edits=1),
    Topic(group_id=4, thread_id=9, account_id=1, name="Доставка", is_closed=True),
    TopicPerson(group_id=4, thread_id=9, user_id=6, account_id=1),
    Reaction(account_id=1, bot_id=3, chat_id=-100, message_id=8, manager="u", emoji="👍", at_s=7, entry_id=5),
    Pause(account_id=1, bot_id=3, chat_id=-100, until=datetime(2100, 1, 1, tzinfo=UTC)),
    Registration(
        registration_key="account:1",
        account_id=1,
        host="https://a.amocrm.ru",
        subdomain="a",
        claimed_account=1,
        client_name="Анна",
        phone="79990000000",
        consented_at=datetime(2026, 1, 1, tzinfo=UTC),
        client_uuid="u",
        widget_name="w",
        enum_id="7",
        is_verified=True,
        revision=2,
        forward_state="pending",
    ),
]


async def read(db, row):
    match row:
        case Account():
            return await accounts.get(db, 1)
        case Installation():
            return await installations.get(db, "k")
        case SetupStep():
            return (await setup_steps.for_account(db, 1))[0]
        case Repair():
            return await repairs.get(db, row.account_id)
        case Employee():
            return (await employees.for_account(db, 1))[0]
        case User():
            return await users.by_amojo(db, 1, "u")
        case Bot():
            return await bots.of_account(db, 1, 3)
        case Group():
            return await groups.get(db, 1, 4)
        case Link():
            return (await links.for_deal(db, 1, 5))[0]
        case Participant():
            return (await participants.for_group(db, 1, 4))[0]
        case Person():
            return await persons.get(db, 1, 3, 6)
        case Contact():
            return await contacts.by_contact(db, 1, 7)
        case Conversation():
            return await conversations.get(db, 1, "g4-d5")
        case Message():
            return await messages.by_msgid(db, 1, "g4-d5", "m")
        case Original():
            return await originals.get(db, 1, 3, -100, 8)
        case Topic():
            return (await topics.for_group(db, 1, 4))[0]
        case TopicPerson():
            return (await topics.people(db, 1, 4))[0]
        case Reaction():
            return (await reactions.for_message(db, 1, 3, -100, 8))[0]
        case Registration():
            return await registrations.get(db, "account:1")
        case Pause():
            return (await pauses.of_bot(db, 1, 3))[0]
    return None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.table.name)
async def test_a_written_row_comes_back_whole(db, row):
    await records.upsert(db, row)
    if row.table.rising is not None:
        row = replace(row, **{row.table.rising: getattr(row, row.table.rising) + 1})
    await records.upsert(db, row)
    assert await db.fetchval(f"SELECT count(*) FROM {row.table.name}") == 1
    assert await db.fetchval(f"SELECT shard FROM {row.table.name}") == shard_of(1)
    stored = await read(db, row)
    if isinstance(row, ChatAlias):
        return
    clocks = {name: getattr(stored, name) for name, kind in row.table.columns.items() if isinstance(kind, Clock)}
    assert replace(row, **clocks) == stored
    assert all(value is not None for name, value in clocks.items() if name != "unlinked_at")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.table.name)
async def test_a_key_of_another_account_is_refused(db, row):
    await records.upsert(db, row)
    foreign = replace(row, account_id=2)
    if "account_id" in row.table.key:
        if isinstance(row, Bot):
            foreign = replace(foreign, status="removed", webhook_key="another")  # connected to one account at a time
        await records.upsert(db, *([] if isinstance(row, Account) else [foreign]))
        return
    with pytest.raises(ForeignRowError):
        await records.upsert(db, foreign)
    assert await db.fetchval(f"SELECT account_id FROM {row.table.name}") == 1


def test_every_table_has_a_record_and_every_record_its_columns():
    types = {item for item in vars(records).values() if isinstance(item, type) and issubclass(item, Row)} - {Row}
    assert {type(row) for row in ROWS} == types
    for row in ROWS:
        assert set(row.table.columns) == {item.name for item in fields(row)}


async def test_the_database_keeps_the_time_of_creation_and_change(db):
    account = ROWS[0]
    await records.upsert(db, account)
    first = await accounts.get(db, 1)
    await records.upsert(db, replace(account, name="new"))
    second = await accounts.get(db, 1)
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at
    assert second.name == "new"


async def test_a_link_remembers_when_it_was_made_and_undone(db):
    link = Link(group_id=1, deal_id=1, account_id=1)
    await records.upsert(db, link)
    [made] = await links.for_group(db, 1, 1)
    assert made.unlinked_at is None
    await records.upsert(db, replace(made, deal_name="renamed"))
    [renamed] = await links.for_group(db, 1, 1)
    assert renamed.linked_at == made.linked_at
    await records.upsert(db, replace(link, status="unlinked"))
    assert await links.for_group(db, 1, 1) == []
    [undone] = await links.for_group(db, 1, 1, unlinked=True)
    assert undone.linked_at == made.linked_at
    assert undone.unlinked_at > made.linked_at
    await records.upsert(db, replace(link, status="unlinked"))
    [still] = await links.for_deal(db, 1, 1, unlinked=True)
    assert still.unlinked_at == undone.unlinked_at
    await records.upsert(db, link)
    [again] = await links.for_deal(db, 1, 1)
    assert again.linked_at > made.linked_at
    assert again.unlinked_at is None


async def test_ensuring_a_group_makes_one_whoever_asks(db):
    found = []

    async def ask(title):
        found.append(await groups.ensure(db, 1, 3, -7, title, "group"))

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(ask, f"title {number}\x00")
    assert len({group.group_id for group in found}) == 1
    assert len({group.title for group in found}) == 1
    moved = await groups.ensure(db, 2, 3, -7, "the same bot's in its next account", "group")
    other = await groups.ensure(db, 2, 4, -7, "another bot's", "group")
    assert len({found[0].group_id, moved.group_id, other.group_id}) == 3
    assert (await groups.by_chat(db, 1, 3, -7)).group_id == found[0].group_id


async def test_a_bot_is_connected_to_one_account_at_a_time(db):
    bot = next(row for row in ROWS if isinstance(row, Bot))
    await records.upsert(db, bot)
    elsewhere = replace(bot, account_id=2, webhook_key="another")
    for status in ("connecting", "active", "revoked"):
        with pytest.raises(asyncpg.UniqueViolationError):
            await records.upsert(db, replace(elsewhere, status=status))
    await records.upsert(db, replace(bot, status="removed"), elsewhere)
    assert (await bots.get(db, 3)).account_id == 2
    assert (await bots.of_account(db, 1, 3)).status == "removed"


async def test_a_group_is_found_by_its_old_chat_id(db):
    group = await groups.ensure(db, 1, 3, -7, "Г", "group")
    await records.upsert(
        db,
        replace(group, chat_id=-1007, kind="supergroup"),
        ChatAlias(bot_id=3, chat_id=-7, account_id=1, group_id=group.group_id),
    )
    for chat_id in (-7, -1007):
        found = await groups.by_chat(db, 1, 3, chat_id)
        assert found is not None
        assert (found.group_id, found.chat_id) == (group.group_id, -1007)
    assert await groups.by_chat(db, 1, 4, -7) is None
    assert (await groups.ensure(db, 1, 3, -7, "Г", "group")).group_id == group.group_id


async def test_accounts_see_only_their_own(db):
    await records.upsert(db, *ROWS)
    assert await users.for_account(db, 2) == []
    assert await users.by_amojo(db, 2, "u") is None
    assert await bots.for_account(db, 2) == []
    assert await groups.get(db, 2, 4) is None
    assert await groups.for_account(db, 2) == []
    assert await groups.for_bot(db, 2, 3) == []
    assert await links.for_group(db, 2, 4) == []
    assert await links.for_deal(db, 2, 5) == []
    assert await participants.for_group(db, 2, 4) == []
    assert await persons.get(db, 2, 3, 6) is None
    assert await contacts.get(db, 2, 6) is None
    assert await contacts.by_contact(db, 2, 7) is None
    assert await conversations.get(db, 2, "g4-d5") is None
    assert await conversations.by_chat_uuid(db, 2, "c") is None
    assert await conversations.for_group(db, 2, 4) == []
    assert await messages.by_amo(db, 2, "x") is None
    assert await messages.by_msgid(db, 2, "g4-d5", "m") is None
    assert await messages.by_telegram(db, 2, 3, -100, 8) == []


async def test_the_other_ways_to_find_a_row(db):
    await records.upsert(db, *ROWS)
    assert (await accounts.by_scope(db, "s1")).account_id == 1
    assert await accounts.by_scope(db, "s2") is None
    assert [one.account_id for one in await accounts.all_accounts(db)] == [1]
    assert [one.user_id for one in await users.for_account(db, 1)] == [2]
    assert (await bots.by_webhook_key(db, "w")).bot_id == 3
    assert await bots.by_webhook_key(db, "") is None
    assert [one.bot_id for one in await bots.for_account(db, 1)] == [3]
    assert [one.group_id for one in await groups.for_account(db, 1)] == [4]
    assert [one.group_id for one in await groups.for_bot(db, 1, 3)] == [4]
    assert (await groups.find(db, 4)).title == "Г"
    assert (await contacts.get(db, 1, 6)).contact_id == 7
    assert (await conversations.by_chat_uuid(db, 1, "c")).conversation_id == "g4-d5"
    assert [one.conversation_id for one in await conversations.for_group(db, 1, 4)] == ["g4-d5"]
    assert (await messages.by_amo(db, 1, "x")).msgid == "m"
    assert [one.msgid for one in await messages.by_telegram(db, 1, 3, -100, 8)] == ["m"]


async def test_only_bots_that_work_are_active(db):
    bot = ROWS[2]
    await records.upsert(db, ROWS[0], bot, replace(bot, bot_id=4, webhook_key="v", status="revoked"))
    assert [one.bot_id for one in await bots.all_active(db)] == [3]
    await records.upsert(db, replace(ROWS[0], status="uninstalled"))
    assert await bots.all_active(db) == []


def test_shards_never_move():
    assert [shard_of(account_id) for account_id in (1, 2, 31415926)] == [183, 13, 248]
    assert {shard_of(account_id) for account_id in range(5000)} == set(range(SHARDS))
