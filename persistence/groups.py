"""Telegram groups as stored. Group ids are ours: a group that becomes a supergroup keeps its id and changes a
column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from dealgram.persistence.database import Database
from dealgram.persistence.entries import NewEntry
from dealgram.persistence.records import Group
from dealgram.persistence.sharding import shard_of
from dealgram.persistence.tables import row_of
from dealgram.persistence.text import clean
from dealgram.runtime import Address

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection


async def ensure(
    db: Database,
    account_id: int,
    bot_id: int,
    chat_id: int,
    title: str,
    kind: Literal["group", "supergroup"],
) -> Group:
    """The group of this chat, inserted if it is new; an existing row, found through old chat ids too, is left as it is.

    Outside the journal; safe to call again and from several tasks at once. The same chat under another account, from
    the time when the bot was connected there, is another group.
    """
    group = await by_chat(db, account_id, bot_id, chat_id)
    if group is None:

        async def in_transaction(connection: Connection) -> None:
            await _keep_ids(connection, account_id, bot_id)
            await connection.execute(
                "INSERT INTO groups (account_id, shard, bot_id, chat_id, title, kind, status)"
                " SELECT $1, $2, $3::bigint, $4::bigint, $5, $6, 'member' WHERE NOT EXISTS"
                " (SELECT FROM chat_aliases WHERE account_id = $1 AND bot_id = $3 AND chat_id = $4)"
                " ON CONFLICT (account_id, bot_id, chat_id) WHERE status <> 'merged' DO NOTHING",
                account_id,
                shard_of(account_id),
                bot_id,
                chat_id,
                clean(title),
                kind,
            )

        await db.transaction(in_transaction)
        group = await by_chat(db, account_id, bot_id, chat_id)
    assert group is not None, "groups are never deleted while their bot brings updates"
    return group


def inherited(source_key: str, group_id: int) -> str:
    """The key of an inbox entry that a merged group handed on to ``group_id``, so that it is handed on once."""
    return f"{source_key}~{group_id}"


async def inheritance(db: Database, stranger_id: int, heir_id: int) -> list[NewEntry]:
    """All updates that a group was given before it turned out to be another one's newer self, for that one's inbox."""
    records = await db.fetch(
        "SELECT account_id, address_kind, source, source_key, payload FROM inbox"
        " WHERE address_kind = 'group' AND address_key = $1 AND source LIKE 'telegram:%' ORDER BY id",
        str(stranger_id),
    )
    return [
        NewEntry(
            account_id=record["account_id"],
            address=Address(record["address_kind"], str(heir_id)),
            source=record["source"],
            source_key=inherited(record["source_key"], heir_id),
            payload=record["payload"],
        )
        for record in records
    ]


async def get(db: Database, account_id: int, group_id: int) -> Group | None:
    """The account's group, or None."""
    record = await db.fetchrow(Group.table.select("WHERE account_id = $1 AND group_id = $2"), account_id, group_id)
    return None if record is None else row_of(Group, record)


async def find(db: Database, group_id: int) -> Group | None:
    """The group by our id alone: for its own actor, whose address carries nothing else."""
    record = await db.fetchrow(Group.table.select("WHERE group_id = $1"), group_id)
    return None if record is None else row_of(Group, record)


async def by_chat(db: Database, account_id: int, bot_id: int, chat_id: int) -> Group | None:
    """The group an account's bot knows under this chat id, now or before it became a supergroup."""
    record = await db.fetchrow(
        Group.table.select(
            "WHERE t.account_id = $1 AND t.bot_id = $2 AND t.status <> 'merged' AND (t.chat_id = $3 OR t.group_id IN"
            " (SELECT group_id FROM chat_aliases WHERE account_id = $1 AND bot_id = $2 AND chat_id = $3))"
            " ORDER BY t.chat_id = $3 DESC LIMIT 1"
        ),
        account_id,
        bot_id,
        chat_id,
    )
    return None if record is None else row_of(Group, record)


async def for_bot(db: Database, account_id: int, bot_id: int) -> list[Group]:
    """The bot's groups within the account, by id."""
    records = await db.fetch(
        Group.table.select("WHERE account_id = $1 AND bot_id = $2 ORDER BY group_id"), account_id, bot_id
    )
    return [row_of(Group, record) for record in records]


async def for_account(db: Database, account_id: int) -> list[Group]:
    """The account's groups, by id."""
    records = await db.fetch(Group.table.select("WHERE account_id = $1 ORDER BY group_id"), account_id)
    return [row_of(Group, record) for record in records]


async def _keep_ids(connection: Connection, account_id: int, bot_id: int) -> None:
    """Until the transaction ends nobody else says which group a chat id of the bot's names. A stranger that came in
    between the merging and its aliases would keep the id from the group's own row for good."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended($1, $2))", f"dealgram chats {account_id}", bot_id
    )


async def note_upgrade(
    db: Database, account_id: int, bot_id: int, old_chat_id: int, new_chat_id: int, title: str
) -> int:
    """A group became a supergroup: both chat ids name it from now on. Returns our id of it; idempotent.

    The group under the old id keeps everything. Should the new id have been taken for another group before this was
    known, that stranger is merged away (what was written in it: `inheritance`). The row's ``chat_id`` is left to the
    group's actor, who owns the row.
    """
    group = await by_chat(db, account_id, bot_id, old_chat_id)
    if group is None:
        group = await ensure(db, account_id, bot_id, new_chat_id, title, "supergroup")

    async def in_transaction(connection: Connection) -> None:
        await _keep_ids(connection, account_id, bot_id)
        await connection.execute(
            "UPDATE groups SET status = 'merged', updated_at = now()"
            " WHERE account_id = $1 AND bot_id = $2 AND chat_id = $3 AND group_id <> $4 AND status <> 'merged'",
            account_id,
            bot_id,
            new_chat_id,
            group.group_id,
        )
        await connection.executemany(
            "INSERT INTO chat_aliases (bot_id, chat_id, account_id, shard, group_id) VALUES ($1, $2, $3, $4, $5)"
            " ON CONFLICT (account_id, bot_id, chat_id) DO UPDATE SET group_id = excluded.group_id",
            [
                (bot_id, chat_id, account_id, shard_of(account_id), group.group_id)
                for chat_id in (old_chat_id, new_chat_id)
            ],
        )

    await db.transaction(in_transaction)
    return group.group_id
