"""``dealgram account``: connecting before the widget exists, and looking at what is connected."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from dealgram.actors import connecting
from dealgram.actors.plan import Policy
from dealgram.cli.context import Failure, open_desk, run
from dealgram.composition import open_services
from dealgram.connections import open_gateways
from dealgram.persistence import accounts, bots


@click.group()
def account() -> None:
    """Connect amoCRM accounts and change their settings."""


@account.command("connect")
@click.argument("host")
@click.argument("code")
def connect_account(host: str, code: str) -> None:
    """Connect an account: HOST is its address (https://sub.amocrm.ru), CODE the one amoCRM gave on installation."""

    async def main() -> None:
        async with (
            open_desk() as desk,
            open_gateways(desk.settings) as gateways,
            open_services(desk.settings, desk.db, gateways) as services,
        ):
            row = await connecting.connect_account(services, _base_url(host), code)
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


def _base_url(host: str) -> str:
    return host.rstrip("/") if "://" in host else f"https://{host.rstrip('/')}"
