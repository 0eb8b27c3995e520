"""What was said in a group lately, as the journal still holds it: the updates that were taken for words of the group
and the managers' answers that were sent. Finished rows are kept for ``journal_keep_days`` (see `retention`); nothing of
this is kept for longer, and nothing from before the bot was in the group was ever there.

Each query reads an index that holds nothing else (``inbox_said``, ``outbox_answers``), newest first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dealgram.persistence.database import Database
from dealgram.persistence.text import clean
from dealgram.runtime import Address

SAID = "said"
"""The result of an inbox entry that was a word (or a service line) of its group."""
EDITED = "edited"
"""The result of an inbox entry that was an edit of one."""


@dataclass(frozen=True, slots=True)
class SaidRow:
    """An update as it came in."""

    entry_id: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """An answer as it was sent (``body`` of its outbox row), and where it stands in Telegram if that is known."""

    delivery_id: int
    body: bytes
    is_certain: bool


async def said(db: Database, account_id: int, address: Address, *, before: int | None, limit: int) -> list[SaidRow]:
    """The latest words and edits of a group with ids below ``before``, newest first."""
    assert address.kind == "group", "only groups have such rows"
    records = await db.fetch(
        f"SELECT id, payload FROM inbox WHERE address_kind = 'group' AND result IN ('{SAID}', '{EDITED}')"
        " AND address_key = $1 AND account_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4",
        clean(address.key),
        account_id,
        2**63 - 1 if before is None else before,
        limit,
    )
    return [SaidRow(record["id"], record["payload"]) for record in records]


async def answers(db: Database, account_id: int, address: Address, *, limit: int) -> Sequence[AnswerRow]:
    """The latest answers that were sent to a group, newest first; also those of which nobody knows that they were."""
    assert address.kind == "group", "only groups have such rows"
    records = await db.fetch(
        "SELECT id, body, state = 'done' AS is_certain FROM outbox WHERE address_kind = 'group' AND kind = 'tg.answer'"
        " AND (state = 'unknown' OR (state = 'done' AND error IS NULL)) AND address_key = $1 AND account_id = $2"
        " ORDER BY id DESC LIMIT $3",
        clean(address.key),
        account_id,
        limit,
    )
    return [AnswerRow(record["id"], record["body"], record["is_certain"]) for record in records]
