"""What the settings page shows of an account, as one digest: whether anything of it has changed, and as counts."""

from __future__ import annotations

from dataclasses import dataclass

from dealgram.persistence import desk
from dealgram.persistence.database import Database

# Whole rows, so that a column which a page shows some day is not left out; without those that change all the time.
_ROWS = {
    "accounts": "- 'access_token' - 'refresh_token' - 'token_expires_at' - 'updated_at'",
    "bots": "- 'token' - 'webhook_secret' - 'checked_at' - 'updated_at'",
    "groups": "- 'dialog' - 'updated_at'",
    "links": "",
    "setup_steps": "",
    "employees": "",
    "users": "",
    "subscriptions": "- 'updated_at'",
    "topics": "- 'updated_at'",
    "participants": "- 'group_id' - 'is_present' - 'seen_at'",
    "persons": "- 'bot_id' - 'seen_at'",
}
# Of tables with very many rows those that the page shows, by their keys: this is asked every two seconds.
_SHOWN = {
    "topics": "AND (t.group_id, t.thread_id) IN"
    " (SELECT group_id, thread_id FROM links WHERE account_id = $1 AND status = 'linked')",
    "participants": "AND (t.group_id, t.user_id) IN (SELECT g.group_id, e.user_id FROM groups AS g, employees AS e"
    " WHERE g.account_id = $1 AND e.account_id = $1)",
    "persons": "AND t.user_id IN (SELECT user_id FROM employees WHERE account_id = $1)",
}
TABLES = frozenset(_ROWS)
"""All that the digest is made of."""
_DIGEST = " || ".join(
    f"coalesce((SELECT md5(string_agg(md5((to_jsonb(t) {without})::text), '' ORDER BY md5((to_jsonb(t) {without})"
    f"::text))) FROM {table} AS t WHERE t.account_id = $1 {_SHOWN.get(table, '')}), '-')"
    for table, without in _ROWS.items()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How much an account has."""

    bots: int
    groups: int
    linked_groups: int


async def digest(db: Database, account_id: int) -> str:
    """A text that is the same for as long as nothing that the page shows of the account has changed."""
    found: str = await db.fetchval(f"SELECT md5({_DIGEST})", account_id)
    return found


async def counts(db: Database, account_id: int) -> Counts:
    """The account's bots and groups as the page lists them."""
    bots = await db.fetchval("SELECT count(*) FROM bots WHERE account_id = $1 AND status <> 'removed'", account_id)
    groups = (await desk.groups_by_bot(db, account_id)).values()
    return Counts(
        bots=bots,
        groups=sum(each.total for each in groups),
        linked_groups=sum(each.linked for each in groups),
    )
