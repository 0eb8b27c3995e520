"""Which Telegram users work for an account: one way to say it for the command line and for the settings page.

Owns who may be named (a Telegram id, or the username of somebody seen in a group of the account) and the refusals, by
codes; whoever asks puts them into the words of their readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dealgram.persistence import employees, participants, users
from dealgram.persistence.database import Database
from dealgram.persistence.records import Employee, User, upsert

MAX_ID = 2**52 - 1
"""Telegram's ids have no more bits (telegram-facts §1.4)."""

Reason = Literal["bad_person", "unknown_person", "several_people", "unknown_user"]


class StaffError(Exception):
    """Nobody can be made an employee like this. ``people``: the ids of all who went by the name."""

    def __init__(self, reason: Reason, people: Sequence[int] = ()) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
        self.people = tuple(people)


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffMember:
    """An employee, with what is known of both sides. Names are empty where nobody was seen."""

    user_id: int
    name: str
    username: str | None
    amo_user_id: int
    amo_user_name: str
    has_chats: bool
    """amoCRM knows chats of the user; otherwise the words appear as the channel's, with the name."""


async def everyone(db: Database, account_id: int) -> list[StaffMember]:
    """The account's employees, by Telegram id."""
    rows = await employees.for_account(db, account_id)
    known = {user.user_id: user for user in await users.for_account(db, account_id)}
    seen = await participants.names(db, account_id, [row.user_id for row in rows])
    return [_member(row, known.get(row.amo_user_id), seen.get(row.user_id)) for row in rows]


async def add(db: Database, account_id: int, person: str, amo_user_id: int) -> StaffMember:
    """From now on, what the person writes is the amoCRM user's. Of a person who is an employee, the user is changed.

    Raises:
        StaffError: nothing was changed.
    """
    user = await users.get(db, account_id, amo_user_id)
    if user is None:
        raise StaffError("unknown_user")
    user_id = await person_id(db, account_id, person)
    row = Employee(account_id=account_id, user_id=user_id, amo_user_id=amo_user_id)
    await upsert(db, row)
    seen = await participants.names(db, account_id, [user_id])
    return _member(row, user, seen.get(user_id))


async def remove(db: Database, account_id: int, user_id: int) -> bool:
    """The person is a client again, from now on; False if they were no employee."""
    return await employees.remove(db, account_id, user_id)


async def person_id(db: Database, account_id: int, person: str) -> int:
    """The Telegram id that is meant by an id or a @username.

    Raises:
        StaffError: nobody is, or it is not clear who.
    """
    if person.isascii() and person.isdigit():
        if len(person) > len(str(MAX_ID)) or not 0 < int(person) <= MAX_ID:
            raise StaffError("bad_person")
        return int(person)
    if not person.startswith("@") or len(person) < 2:
        raise StaffError("bad_person")
    found = await participants.by_username(db, account_id, person[1:])
    ids = list(dict.fromkeys(row.user_id for row in found))
    if not ids:
        raise StaffError("unknown_person")
    if len(ids) > 1:
        raise StaffError("several_people", ids)
    return ids[0]


def _member(row: Employee, user: User | None, seen: tuple[str, str | None] | None) -> StaffMember:
    name, username = seen if seen is not None else ("", None)
    return StaffMember(
        user_id=row.user_id,
        name=name,
        username=username,
        amo_user_id=row.amo_user_id,
        amo_user_name=user.name if user is not None else "",
        has_chats=user is not None and bool(user.amojo_id),
    )
