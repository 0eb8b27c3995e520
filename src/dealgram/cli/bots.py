"""``dealgram bot``: connecting Telegram bots to accounts."""

from __future__ import annotations

import dataclasses
import sys
from getpass import getpass

import click
from rich.console import Console
from rich.table import Table

from dealgram.cli.context import Desk, Failure, open_desk, run
from dealgram.connections import open_gateways
from dealgram.persistence import accounts, bots, groups, records
from dealgram.persistence.records import Account


@click.group()
def bot() -> None:
    """Connect Telegram bots to accounts."""


@bot.command("add")
@click.argument("account_id", type=int)
@click.option("--pipeline", "pipeline_id", type=int, help="Pipeline of new deals; the main one if left out.")
def add_bot(account_id: int, pipeline_id: int | None) -> None:
    """Connect a bot to an account. The token is asked for on a terminal, else read from standard input."""
    # Never an argument: those are seen by everybody on the machine and stay in the shell's history.
    token = getpass("Token from BotFather: ") if sys.stdin.isatty() else sys.stdin.readline()

    async def main() -> None:
        async with open_desk() as desk, open_gateways(desk.settings) as gateways:
            row = await _account(desk, account_id)
            public_url = desk.settings.public_url if desk.settings.intake == "webhook" else None
            connected = await gateways.connector(desk.db, desk.box).connect(
                row, token.strip(), pipeline_id=pipeline_id, public_url=public_url
            )
            await desk.announce()
            click.echo(f"@{connected.username} is connected to account {account_id}, pipeline {connected.pipeline_id}")

    run(main)


@bot.command("list")
def list_bots() -> None:
    """Show the connected bots."""

    async def main() -> None:
        async with open_desk() as desk:
            table = Table("id", "bot", "account", "pipeline", "intake", "state", "groups")
            for row in await accounts.all_accounts(desk.db):
                for each in await bots.for_account(desk.db, row.account_id):
                    known = await groups.for_bot(desk.db, row.account_id, each.bot_id)
                    table.add_row(
                        str(each.bot_id),
                        f"@{each.username}",
                        f"{row.account_id} {row.name}",
                        str(each.pipeline_id),
                        each.intake,
                        each.status,
                        str(len(known)),
                    )
            Console().print(table)

    run(main)


@bot.command("remove")
@click.argument("bot_id", type=int)
def remove_bot(bot_id: int) -> None:
    """Disconnect a bot. Its links and its history stay; connecting it again takes them up."""

    async def main() -> None:
        async with open_desk() as desk:
            row = await bots.get(desk.db, bot_id)
            if row is None or row.status == "removed":
                raise Failure(f"there is no connected bot {bot_id}")
            await records.upsert(desk.db, dataclasses.replace(row, status="removed"))
            await desk.announce()
            click.echo(f"@{row.username} is disconnected")

    run(main)


async def _account(desk: Desk, account_id: int) -> Account:
    row = await accounts.get(desk.db, account_id)
    if row is None:
        raise Failure(f"there is no account {account_id}")
    return row
