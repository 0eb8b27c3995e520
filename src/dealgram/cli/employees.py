"""``dealgram employee``: which Telegram users are amoCRM users of an account.

A change takes effect at once where the service runs, and from then on: what was posted before stays where it is.
"""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from dealgram.actors.accounts import staff
from dealgram.cli.context import ID, Desk, open_desk, run
from dealgram.cli.failure import Failure
from dealgram.persistence import accounts


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
            try:
                added = await staff.add(desk.db, account_id, person, amo_user_id)
            except staff.StaffError as error:
                raise _failure(error, account_id, person, amo_user_id) from error
            await desk.announce()
            click.echo(f"{added.user_id} is «{added.amo_user_name}» ({amo_user_id})")
            if not added.has_chats:
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
            for one in await staff.everyone(desk.db, account_id):
                table.add_row(str(one.user_id), str(one.amo_user_id), one.amo_user_name or "–")
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
            try:
                user_id = await staff.person_id(desk.db, account_id, person)
            except staff.StaffError as error:
                raise _failure(error, account_id, person) from error
            if not await staff.remove(desk.db, account_id, user_id):
                raise Failure(f"{user_id} is no employee of account {account_id}")
            await desk.announce()
            click.echo(f"{user_id} is no employee any more")

    run(main)


async def _check_account(desk: Desk, account_id: int) -> None:
    if not any(row.account_id == account_id for row in await accounts.all_accounts(desk.db)):
        raise Failure(f"there is no account {account_id}; see: dealgram account list")


def _failure(error: staff.StaffError, account_id: int, person: str, amo_user_id: int | None = None) -> Failure:
    match error.reason:
        case "unknown_user":
            return Failure(f"account {account_id} has no user {amo_user_id}; amoCRM shows the ids under Users")
        case "unknown_person":
            return Failure(f"nobody with the name {person} was seen in the groups of account {account_id}")
        case "several_people":
            listed = ", ".join(map(str, error.people))
            return Failure(f"several people went by {person}: {listed}; name the one you mean by the id")
        case "bad_person":
            digits = person.isascii() and person.isdigit()
            return Failure(
                f"{person[:40]} is no Telegram id" if digits else "name a person by the Telegram id or by @username"
            )
