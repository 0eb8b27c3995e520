"""Deleting what has served its time.

Finished journal rows are kept for the dedupe window at least: as long as a sender may repeat an event, its row must be
there to recognise it. Telegram keeps undelivered updates for 24 hours (Bot API: getUpdates); the window is twice that.
Rows that an open dead letter points to are kept, whatever their age. Work goes in small batches, each a transaction of
its own, so that the service is never held up; a call cut short is simply continued by the next.
"""

from __future__ import annotations

from dataclasses import dataclass

from dealgram.persistence.database import Database

DAY_S = 86_400.0
DEDUPE_WINDOW_S = 2 * DAY_S
# Replies and edits reach back: Telegram lets a bot edit for 48 hours, people answer to old messages for much longer.
MESSAGES_KEEP_S = 400 * DAY_S
DEAD_LETTERS_KEEP_S = 30 * DAY_S
INSTALLATIONS_KEEP_S = 90 * DAY_S
TOKEN_SLACK_S = 600.0  # past a token's end: whoever verifies tokens does it by another clock
STRANGERS_KEEP_S = 30 * DAY_S
"""Registrations of accounts that never were connected: names and phones of people who did not become customers."""


@dataclass(frozen=True, slots=True)
class Purged:
    """Rows deleted by one `purge`."""

    inbox: int
    outbox: int
    messages: int
    dead_letters: int
    installations: int = 0
    originals: int = 0
    reactions: int = 0
    pauses: int = 0
    registrations: int = 0
    token_uses: int = 0
    api_requests: int = 0


async def purge(
    db: Database,
    *,
    keep_s: float = 7 * DAY_S,
    messages_keep_s: float = MESSAGES_KEEP_S,
    dead_letters_keep_s: float = DEAD_LETTERS_KEEP_S,
    batch: int = 1000,
) -> Purged:
    """Delete finished rows older than their limits (seconds, by the database's clock).

    ``keep_s`` below the dedupe window is raised to it. Raises `DatabaseUnavailable`; call again later.
    """
    journal_keep_s = max(keep_s, DEDUPE_WINDOW_S)
    no_open_dead_letter = (
        " AND NOT EXISTS (SELECT FROM dead_letters AS d WHERE d.origin = '{origin}' AND d.origin_id = t.id"
        " AND d.resolved_at IS NULL)"
    )
    return Purged(
        inbox=await _delete(db, "inbox", "done_at", journal_keep_s, batch, no_open_dead_letter.format(origin="inbox")),
        outbox=await _delete(
            db, "outbox", "finished_at", journal_keep_s, batch, no_open_dead_letter.format(origin="outbox")
        ),
        messages=await _delete(db, "messages", "created_at", messages_keep_s, batch),
        dead_letters=await _delete(db, "dead_letters", "resolved_at", dead_letters_keep_s, batch),
        installations=await _delete(db, "installations", "updated_at", INSTALLATIONS_KEEP_S, batch),
        originals=await _delete(db, "originals", "created_at", messages_keep_s, batch),
        reactions=await _delete(db, "reactions", "updated_at", messages_keep_s, batch),
        pauses=await _delete(db, "pauses", "until", DAY_S, batch),
        registrations=await _delete(
            db,
            "registrations",
            "updated_at",
            STRANGERS_KEEP_S,
            batch,
            " AND NOT EXISTS (SELECT FROM accounts AS a WHERE a.account_id = t.account_id)",
        ),
        token_uses=await _delete(db, "token_uses", "expires_at", TOKEN_SLACK_S, batch),
        api_requests=await _delete(db, "api_requests", "claimed_at", DAY_S, batch),
    )


async def _delete(db: Database, table: str, column: str, keep_s: float, batch: int, condition: str = "") -> int:
    deleted = 0
    while True:
        # SKIP LOCKED: a row that somebody is writing is not ours to wait for
        tag = await db.execute(
            f"DELETE FROM {table} WHERE ctid IN (SELECT t.ctid FROM {table} AS t"
            f" WHERE t.{column} < now() - make_interval(secs => $1){condition} LIMIT $2 FOR UPDATE SKIP LOCKED)",
            keep_s,
            batch,
        )
        count = int(tag.rpartition(" ")[2])
        deleted += count
        if count < batch:
            return deleted
