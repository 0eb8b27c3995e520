"""``dealgram account`` and ``dealgram bot``: connecting before the widget exists, and looking at what is connected."""

from __future__ import annotations

import dataclasses
import sys
from getpass import getpass

import click
from rich.console import Console
from rich.table import Table

from dealgram.actors.plan import Policy
from dealgram.cli.context import Desk, Failure, open_desk, run
from dealgram.connections import open_gateways
from dealgram.persistence import accounts, bots, groups, records
from dealgram.persistence.records import Account


@click.group()
def account() -> None:
    """Connect amoCRM accounts and change their settings."""


@account.command("connect")
@click.argument("host")
@click.argument("code")
def connect_account(host: str, code: str) -> None:
    """Connect an account: HOST is its address (https://sub.amocrm.ru), CODE the one amoCRM gave on installation."""

    async def main() -> None:
        async with open_desk() as desk, open_gateways(desk.settings) as gateways:
            row = await gateways.installer(desk.db, desk.box).connect_account(_base_url(host), code)
            await desk.announce()
            click.echo(f"account {row.account_id} «{row.name}» is connected")

    run(main)


@account.command("list")
def list_accounts() -> None:
    """Show the connected accounts."""

    async def main() -> None:
        async with open_desk() as desk:
            table = Table("id", "name", "address", "state", "bots", "policy", "who may link")
            for row in await accounts.all_accounts(desk.db):
                connected = [bot for bot in await bots.for_account(desk.db, row.account_id) if bot.status == "active"]
                table.add_row(
                    str(row.account_id),
                    row.name,
                    row.host,
                    row.status,
                    str(len(connected)),
                    str(row.settings.get("policy", Policy.DEAL_PARTICIPANT)),
                    "everyone" if row.settings.get("everyone_may_link") else "administrators",
                )
            Console().print(table)

    run(main)


@account.command("set")
@click.argument("account_id", type=int)
@click.option("--policy", type=click.Choice([policy.value for policy in Policy]), help="Layout of group messages.")
@click.option("--who-may-link", type=click.Choice(["administrators", "everyone"]), help="Who links groups to deals.")
def set_account(account_id: int, policy: str | None, who_may_link: str | None) -> None:
    """Change an account's settings."""
    changes: dict[str, object] = {}
    if policy is not None:
        changes["policy"] = policy
    if who_may_link is not None:
        changes["everyone_may_link"] = who_may_link == "everyone"
    if not changes:
        raise click.UsageError("nothing to change: give --policy or --who-may-link")

    async def main() -> None:
        async with open_desk() as desk:
            if not await accounts.change_settings(desk.db, account_id, changes):
                raise Failure(f"there is no account {account_id}")
            await desk.announce()
            click.echo("changed")

    run(main)


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
            connected = await gateways.installer(desk.db, desk.box).connect_bot(
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


def _base_url(host: str) -> str:
    return host.rstrip("/") if "://" in host else f"https://{host.rstrip('/')}"
