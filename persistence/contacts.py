"""Which amoCRM contact stands for which Telegram user, as stored."""

from __future__ import annotations

from collections.abc import Sequence

from dealgram.persistence.database import Database
from dealgram.persistence.records import Contact
from dealgram.persistence.tables import row_of


async def get(db: Database, account_id: int, user_id: int) -> Contact | None:
    """The contact of a Telegram user in this account, or None."""
    record = await db.fetchrow(Contact.table.select("WHERE account_id = $1 AND user_id = $2"), account_id, user_id)
    return None if record is None else row_of(Contact, record)


async def of_users(db: Database, account_id: int, user_ids: Sequence[int]) -> dict[int, Contact]:
    """The known contacts of these Telegram users, by user, in one query."""
    if not user_ids:
        return {}
    records = await db.fetch(
        Contact.table.select("WHERE account_id = $1 AND user_id = ANY($2::bigint[])"), account_id, list(user_ids)
    )
    return {row.user_id: row for row in (row_of(Contact, record) for record in records)}


async def forget(db: Database, account_id: int, user_id: int, contact_id: int) -> bool:
    """Forget that this contact is the user's; False if it was not known as theirs (any more)."""
    tag = await db.execute(
        "DELETE FROM contacts WHERE account_id = $1 AND user_id = $2 AND contact_id = $3",
        account_id,
        user_id,
        contact_id,
    )
    return tag == "DELETE 1"


async def by_contact(db: Database, account_id: int, contact_id: int) -> Contact | None:
    """The Telegram user of an amoCRM contact: the earliest known, should several have been merged into one contact."""
    record = await db.fetchrow(
        Contact.table.select("WHERE account_id = $1 AND contact_id = $2 ORDER BY created_at, user_id LIMIT 1"),
        account_id,
        contact_id,
    )
    return None if record is None else row_of(Contact, record)


async def users_of(db: Database, account_id: int, contact_id: int) -> list[Contact]:
    """All Telegram users of an amoCRM contact: several, if their contacts were merged into one."""
    records = await db.fetch(
        Contact.table.select("WHERE account_id = $1 AND contact_id = $2 ORDER BY created_at, user_id"),
        account_id,
        contact_id,
    )
    return [row_of(Contact, record) for record in records]


async def known(db: Database, account_id: int, contact_ids: Sequence[int]) -> list[int]:
    """Those of these amoCRM contacts that anybody here has to do with: as a person's, or a conversation's."""
    records = await db.fetch(
        "SELECT c.id FROM unnest($2::bigint[]) AS c(id) WHERE EXISTS"
        " (SELECT FROM contacts WHERE account_id = $1 AND contact_id = c.id)"
        " OR EXISTS (SELECT FROM conversations WHERE account_id = $1 AND contact_id = c.id)",
        account_id,
        list(contact_ids),
    )
    return [record["id"] for record in records]
