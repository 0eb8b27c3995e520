"""Telegram bots as stored: one row per bot and account that it is or was connected to.

The row has several writers (connection, check-up, comparison of sources, pollers, administrators), so each changes its
own columns only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from dealgram.persistence.database import Database
from dealgram.persistence.records import Bot
from dealgram.persistence.sharding import shard_of
from dealgram.persistence.tables import row_of, upsert_rows
from dealgram.persistence.text import clean, json_text

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection

CLAIM_S = 120
"""Seconds after which a connection that was begun and not finished no longer stands in anybody's way."""

# An expired claim on a bot that was connected before (it has a source) is a bot whose token was revoked.
_EXPIRED = f"status = 'connecting' AND updated_at < now() - interval '{CLAIM_S} s'"


async def get(db: Database, bot_id: int) -> Bot | None:
    """The bot where it is connected, else where it was last; whoever acts for an account takes `of_account`."""
    record = await db.fetchrow(
        Bot.table.select("WHERE bot_id = $1 ORDER BY status = 'removed', updated_at DESC LIMIT 1"), bot_id
    )
    return None if record is None else row_of(Bot, record)


async def of_account(db: Database, account_id: int, bot_id: int) -> Bot | None:
    """The bot as the account has it, or had it."""
    record = await db.fetchrow(Bot.table.select("WHERE account_id = $1 AND bot_id = $2"), account_id, bot_id)
    return None if record is None else row_of(Bot, record)


async def by_webhook_key(db: Database, webhook_key: str) -> Bot | None:
    """The bot of a webhook path."""
    record = await db.fetchrow(Bot.table.select("WHERE webhook_key = $1"), webhook_key)
    return None if record is None else row_of(Bot, record)


async def webhook_keys(db: Database, bot_id: int) -> frozenset[str]:
    """Every webhook key that the bot has or had here, in whichever account: addresses that are our own."""
    records = await db.fetch("SELECT webhook_key FROM bots WHERE bot_id = $1", bot_id)
    return frozenset(record["webhook_key"] for record in records)


async def for_account(db: Database, account_id: int) -> list[Bot]:
    """The account's bots in every state, by id."""
    records = await db.fetch(Bot.table.select("WHERE account_id = $1 ORDER BY bot_id"), account_id)
    return [row_of(Bot, record) for record in records]


async def all_active(db: Database) -> list[Bot]:
    """Active bots of accounts that are not uninstalled, by id: those whose updates are fetched."""
    records = await db.fetch(
        Bot.table.select(
            "JOIN accounts AS a ON a.account_id = t.account_id"
            " WHERE t.status = 'active' AND a.status <> 'uninstalled' ORDER BY t.bot_id"
        )
    )
    return [row_of(Bot, record) for record in records]


async def for_accounts(db: Database, account_ids: Sequence[int]) -> list[Bot]:
    """The bots of some accounts in every state, by account and id."""
    records = await db.fetch(
        Bot.table.select("WHERE account_id = ANY($1::bigint[]) ORDER BY account_id, bot_id"), list(account_ids)
    )
    return [row_of(Bot, record) for record in records]


async def due_for_checkup(db: Database, *, every_s: float, unfinished_every_s: float) -> list[int]:
    """Active bots that were last checked too long ago, longest first; sooner those whose profile is not set yet."""
    records = await db.fetch(
        "SELECT t.bot_id FROM bots AS t JOIN accounts AS a ON a.account_id = t.account_id"
        " WHERE t.status = 'active' AND a.status <> 'uninstalled' AND (t.checked_at IS NULL OR t.checked_at <"
        " now() - make_interval(secs => CASE WHEN t.troubles ? 'profile' THEN $2::float8 ELSE $1::float8 END))"
        " ORDER BY t.checked_at NULLS FIRST",
        every_s,
        unfinished_every_s,
    )
    return [record["bot_id"] for record in records]


# Connecting


async def claim(db: Database, row: Bot, *, command: bytes = b"") -> Bot | None:
    """Reserve the bot for an account, before anything is done at Telegram or amoCRM on its behalf.

    Whoever comes second gets the row that stands in the way: of two that connect a bot at the same moment one wins,
    by the lock and, behind it, the unique index. The claim ends with `finish` or `release`, or by itself after
    `CLAIM_S`. What the account chose for the bot earlier is kept where ``row`` chooses nothing else. A bot of an
    account that has removed the integration is free: it leaves that account as `retire` has it (``command``). Returns
    None when the claim is made.
    """

    async def in_transaction(connection: Connection) -> Bot | None:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('dealgram bot', $1))", row.bot_id)
        await _expire(connection, row.bot_id)
        record = await connection.fetchrow(
            Bot.table.select("WHERE bot_id = $1 AND status <> 'removed' FOR UPDATE"), row.bot_id
        )
        holder = None if record is None else row_of(Bot, record)
        if holder is not None and holder.account_id != row.account_id and await _is_left(connection, holder):
            await _retire(connection, holder.account_id, holder.bot_id, command)
            holder = None
        if holder is not None and not (holder.status == "revoked" and holder.account_id == row.account_id):
            return holder
        record = await connection.fetchrow(
            Bot.table.select("WHERE account_id = $1 AND bot_id = $2 FOR UPDATE"), row.account_id, row.bot_id
        )
        claimed = dataclasses.replace(row, status="connecting")
        if record is not None:
            earlier = row_of(Bot, record)
            claimed = dataclasses.replace(
                claimed,
                settings={**earlier.settings, **row.settings},
                source_id=earlier.source_id,
                picture=earlier.picture,
                picture_key=earlier.picture_key,
            )
        await upsert_rows(connection, [claimed])
        return None

    return await db.transaction(in_transaction)


async def _is_left(connection: Connection, holder: Bot) -> bool:
    status = await connection.fetchval("SELECT status FROM accounts WHERE account_id = $1", holder.account_id)
    return bool(status in (None, "uninstalled"))


async def expire_claims(db: Database) -> None:
    """End the claims of connections that were begun and never finished."""
    await db.transaction(lambda connection: _expire(connection, None))


async def _expire(connection: Connection, bot_id: int | None) -> None:
    await connection.execute(
        "UPDATE bots SET status = CASE WHEN source_id IS NULL THEN 'removed' ELSE 'revoked' END, updated_at = now()"
        f" WHERE {_EXPIRED} AND ($1::bigint IS NULL OR bot_id = $1)",
        bot_id,
    )


async def finish(db: Database, row: Bot) -> bool:
    """Turn a claim into a connected bot; False if the claim ended meanwhile."""
    done = await db.fetchval(
        "UPDATE bots SET status = 'active', source_id = $4, pipeline_id = $5, checked_at = now(), removed_at = NULL,"
        " updated_at = now() WHERE account_id = $1 AND bot_id = $2 AND webhook_key = $3 AND status = 'connecting'"
        " RETURNING bot_id",
        row.account_id,
        row.bot_id,
        row.webhook_key,
        row.source_id,
        row.pipeline_id,
    )
    return done is not None


async def release(db: Database, row: Bot, *, earlier: str | None) -> None:
    """Give a claim back; ``earlier`` is the state that the account's bot had before, None if there was none."""
    claimed = "account_id = $1 AND bot_id = $2 AND webhook_key = $3 AND status = 'connecting'"
    key = (row.account_id, row.bot_id, row.webhook_key)
    if earlier is None:
        await db.execute(f"DELETE FROM bots WHERE {claimed}", *key)
        return
    state = "revoked" if earlier == "revoked" else "removed"
    await db.execute(f"UPDATE bots SET status = $4, updated_at = now() WHERE {claimed}", *key, state)


# Living


async def mark_revoked(db: Database, row: Bot) -> bool:
    """Telegram refuses the token of this row; False if the bot has another token or state by now."""
    done = await db.fetchval(
        "UPDATE bots SET status = 'revoked', updated_at = now()"
        " WHERE account_id = $1 AND bot_id = $2 AND token = $3 AND status = 'active' RETURNING bot_id",
        row.account_id,
        row.bot_id,
        row.token,
    )
    return done is not None


async def set_identity(
    db: Database, account_id: int, bot_id: int, *, username: str, name: str, can_read_all_group_messages: bool
) -> None:
    """What the bot is called at Telegram, and whether privacy mode is off."""
    await db.execute(
        "UPDATE bots SET username = $3, name = $4, can_read_all_group_messages = $5, updated_at = now()"
        " WHERE account_id = $1 AND bot_id = $2",
        account_id,
        bot_id,
        clean(username),
        clean(name),
        can_read_all_group_messages,
    )


async def set_picture(db: Database, account_id: int, bot_id: int, picture: str | None, key: str | None) -> bool:
    """The file of the bot's own picture, None for none; False if it is the one that is known."""
    changed = await db.fetchval(
        "UPDATE bots SET picture = $3, picture_key = $4, updated_at = now()"
        " WHERE account_id = $1 AND bot_id = $2 AND picture_key IS DISTINCT FROM $4 RETURNING bot_id",
        account_id,
        bot_id,
        picture,
        key,
    )
    return changed is not None


async def set_token(db: Database, account_id: int, bot_id: int, *, old: bytes, new: bytes) -> bool:
    """Give a connected bot another token, instead of the ``old`` one; False if the bot is connected no more, or
    somebody else gave it one meanwhile."""
    changed = await db.fetchval(
        "UPDATE bots SET token = $4, updated_at = now()"
        " WHERE account_id = $1 AND bot_id = $2 AND token = $3 AND status = 'active' RETURNING bot_id",
        account_id,
        bot_id,
        old,
        new,
    )
    return changed is not None


async def set_source(
    db: Database, account_id: int, bot_id: int, *, source_id: int | None, pipeline_id: int | None
) -> None:
    """The bot's source in amoCRM, None while there is none, and the pipeline of new deals."""
    await db.execute(
        "UPDATE bots SET source_id = $3, pipeline_id = $4, updated_at = now()"
        " WHERE account_id = $1 AND bot_id = $2 AND status <> 'removed'",
        account_id,
        bot_id,
        source_id,
        pipeline_id,
    )


async def change_settings(db: Database, account_id: int, bot_id: int, changes: Mapping[str, Any]) -> bool:
    """Change some settings and keep the others; False if the bot is not connected to the account."""
    changed = await db.fetchval(
        "UPDATE bots SET settings = settings || $3::jsonb, updated_at = now()"
        " WHERE account_id = $1 AND bot_id = $2 AND status <> 'removed' RETURNING bot_id",
        account_id,
        bot_id,
        orjson.dumps(dict(changes)).decode(),
    )
    return changed is not None


async def note_troubles(
    db: Database,
    account_id: int,
    bot_id: int,
    found: Mapping[str, str],
    cleared: Collection[str] = (),
    *,
    checked: bool = False,
) -> None:
    """Keep what is wrong (code → sentence) since it was first found, and forget what is no longer wrong.

    ``checked``: the bot's check-up took place now.
    """
    await db.execute(
        "UPDATE bots SET checked_at = CASE WHEN $5 THEN now() ELSE checked_at END,"
        " troubles = (troubles - $4::text[]) || coalesce((SELECT jsonb_object_agg(f.key, jsonb_build_object("
        "'since', coalesce(troubles -> f.key -> 'since', to_jsonb(now())), 'detail', f.value))"
        " FROM jsonb_each($3::jsonb) AS f), '{}')"
        " WHERE account_id = $1 AND bot_id = $2"
        " AND ($5 OR troubles ?| $4::text[] OR EXISTS (SELECT FROM jsonb_each($3::jsonb) AS f"
        " WHERE troubles -> f.key -> 'detail' IS DISTINCT FROM f.value))",
        account_id,
        bot_id,
        json_text(dict(found)),
        [code for code in cleared if code not in found],
        checked,
    )


# Leaving


async def retire(db: Database, account_id: int, bot_id: int, *, command: bytes) -> Sequence[int] | None:
    """The bot leaves the account: it is removed, and every group of it is told so by an entry ``command`` in the same
    commit. Returns the groups' ids; None if the bot is not connected to the account."""

    return await db.transaction(lambda connection: _retire(connection, account_id, bot_id, command))


async def _retire(connection: Connection, account_id: int, bot_id: int, command: bytes) -> Sequence[int] | None:
    removed_at = await connection.fetchval(
        "UPDATE bots SET status = 'removed', troubles = '{}', removed_at = now(), updated_at = now()"
        " WHERE account_id = $1 AND bot_id = $2 AND status <> 'removed' RETURNING removed_at",
        account_id,
        bot_id,
    )
    if removed_at is None:
        return None
    records = await connection.fetch(
        "INSERT INTO inbox (account_id, shard, address_kind, address_key, source, source_key, payload)"
        " SELECT $1, $3, 'group', g.group_id::text, 'command',"
        " 'bot-removed-' || g.group_id || '-' || extract(epoch FROM $4::timestamptz), $5"
        " FROM groups AS g WHERE g.account_id = $1 AND g.bot_id = $2 AND g.status <> 'merged'"
        " ORDER BY g.group_id RETURNING address_key",
        account_id,
        bot_id,
        shard_of(account_id),
        removed_at,
        command,
    )
    return [int(record["address_key"]) for record in records]


async def to_clean_up(db: Database, account_id: int) -> list[Bot]:
    """Removed bots of the account that amoCRM or Telegram may still know."""
    records = await db.fetch(
        Bot.table.select("WHERE account_id = $1 AND status = 'removed' AND octet_length(token) > 0 ORDER BY bot_id"),
        account_id,
    )
    return [row_of(Bot, record) for record in records]


async def cleaned_up(db: Database, row: Bot) -> None:
    """Nothing outside knows the removed bot any more: its secrets go too."""
    await db.execute(
        "UPDATE bots SET source_id = NULL, token = '', webhook_secret = '', updated_at = now()"
        " WHERE account_id = $1 AND bot_id = $2 AND webhook_key = $3 AND status = 'removed'",
        row.account_id,
        row.bot_id,
        row.webhook_key,
    )
