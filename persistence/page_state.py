"""What the settings page shows of an account, as one digest: whether anything of it has changed."""

from __future__ import annotations

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


async def digest(db: Database, account_id: int) -> str:
    """A text that is the same for as long as nothing that the page shows of the account has changed."""
    found: str = await db.fetchval(f"SELECT md5({_DIGEST})", account_id)
    return found
