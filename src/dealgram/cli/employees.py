"""``dealgram employee``: which Telegram users are amoCRM users of an account.

A change takes effect at once where the service runs, and from then on: what was posted before stays where it is.
"""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from dealgram.cli.context import ID, Desk, Failure, open_desk, run
from dealgram.persistence import accounts, employees, participants, users
from dealgram.persistence.records import Employee, upsert

_MAX_ID = 2**52 - 1
"""Telegram's ids have no more bits (telegram-facts §1.4)."""
_MOST_DIGITS = 16


@click.group()
def employee() -> None:
    """Say which people in Telegram work for an account: what they write is the amoCRM user's, not a client's."""


@employee.command("add")
@click.argument("account_id", type=ID)
@click.argument("person")
@click.option("--user", "amo_user_id", type=ID, required=True, help="The amoCRM user's id.")
def add_employee(account_id: int, person: str, amo_user_id: int) -> None:
    """PERSON (a Telegram id, or the @username of somebody seen in a group of the account) is an amoCRM user."""

    async def main() -> None:
        async with open_desk() as desk:
            await _check_account(desk, account_id)
            user = await users.get(desk.db, account_id, amo_user_id)
            if user is None:
                raise Failure(f"account {account_id} has no user {amo_user_id}; amoCRM shows the ids under Users")
            user_id = await _person(desk, account_id, person)
            await upsert(desk.db, Employee(account_id=account_id, user_id=user_id, amo_user_id=amo_user_id))
            await desk.announce()
            click.echo(f"{user_id} is «{user.name}» ({amo_user_id})")
            if not user.amojo_id:
                click.echo("amoCRM knows no chats of this user yet: the words appear as the channel's, with the name")

    run(main)


@employee.command("list")
@click.argument("account_id", type=ID)
def list_employees(account_id: int) -> None:
    """Show the employees of an account."""

    async def main() -> None:
        async with open_desk() as desk:
            await _check_account(desk, account_id)
            table = Table("Telegram id", "amoCRM user", "name")
            for row in await employees.for_account(desk.db, account_id):
                user = await users.get(desk.db, account_id, row.amo_user_id)
                table.add_row(str(row.user_id), str(row.amo_user_id), user.name if user is not None else "–")
            Console().print(table)

    run(main)


@employee.command("remove")
@click.argument("account_id", type=ID)
@click.argument("person")
def remove_employee(account_id: int, person: str) -> None:
    """PERSON (a Telegram id or @username) is a client again, from now on."""

    async def main() -> None:
        async with open_desk() as desk:
            await _check_account(desk, account_id)
            user_id = await _person(desk, account_id, person)
            if not await employees.remove(desk.db, account_id, user_id):
                raise Failure(f"{user_id} is no employee of account {account_id}")
            await desk.announce()
            click.echo(f"{user_id} is no employee any more")

    run(main)


async def _check_account(desk: Desk, account_id: int) -> None:
    if not any(row.account_id == account_id for row in await accounts.all_accounts(desk.db)):
        raise Failure(f"there is no account {account_id}; see: dealgram account list")


async def _person(desk: Desk, account_id: int, person: str) -> int:
    """The Telegram id that an operator means."""
    if person.isascii() and person.isdigit():
        if len(person) > _MOST_DIGITS or not 0 < int(person) <= _MAX_ID:
            raise Failure(f"{person[:40]} is no Telegram id")
        return int(person)
    if not person.startswith("@") or len(person) < 2:
        raise Failure("name a person by the Telegram id or by @username")
    found = await participants.by_username(desk.db, account_id, person[1:])
    ids = list(dict.fromkeys(row.user_id for row in found))
    if not ids:
        raise Failure(f"nobody with the name {person} was seen in the groups of account {account_id}")
    if len(ids) > 1:
        listed = ", ".join(map(str, ids))
        raise Failure(f"several people went by {person}: {listed}; name the one you mean by the id")
    return ids[0]
