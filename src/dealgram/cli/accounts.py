"""``dealgram account``: connecting before the widget exists, and looking at what is connected."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from dealgram.account_adapter import in_order
from dealgram.actors.accounts import connecting, preferences, setup_texts
from dealgram.actors.choices import AccountSettings, read_settings
from dealgram.actors.services import Services
from dealgram.cli.account_options import changes_of, setting_options
from dealgram.cli.context import ID, Desk, effective, open_desk, run
from dealgram.cli.context import read_settings as read_environment
from dealgram.cli.failure import Failure
from dealgram.cli.repair import repair
from dealgram.cli.subscription import state_line
from dealgram.composition import open_services
from dealgram.connections import open_gateways
from dealgram.gateways.amo_hosts import ForeignHostError, host_of
from dealgram.persistence import accounts, bots, setup_steps, subscriptions
from dealgram.persistence.records import Account, SetupStep


@click.group()
def account() -> None:
    """Connect amoCRM accounts and change their settings."""


@account.command("connect")
@click.argument("host")
@click.argument("code")
def connect_account(host: str, code: str) -> None:
    """Connect an account: HOST is its address (https://sub.amocrm.ru), CODE the one amoCRM gave on installation.

    All steps of the setup are carried out at once; a running service is not needed.
    """

    async def main() -> None:
        async with _workbench() as (desk, services):
            try:
                base_url = services.hosts.base_url(host_of(host))
            except ForeignHostError as error:
                raise Failure(f"{error}: expected an address below DEALGRAM_AMOCRM_DOMAINS") from error
            row = await connecting.connect_account(services, base_url, code)
            await desk.announce()
            click.echo(f"account {row.account_id} «{row.name}» is connected")
            _print_steps(await setup_steps.for_account(desk.db, row.account_id))

    run(main)


@account.command("setup")
@click.argument("account_id", type=ID)
def set_up_account(account_id: int) -> None:
    """Carry out the steps of an account's setup again: channel, fields, webhooks, users, sources, bots."""

    async def main() -> None:
        async with _workbench() as (desk, services):
            await _account(desk, account_id)
            steps = await connecting.set_up(services, account_id)
            await desk.announce()
            _print_steps(steps)
            if any(step.state == "failed" for step in steps):
                raise Failure("not every step could be done")

    run(main)


@account.command("link")
def show_link() -> None:
    """Print the link by which an administrator connects an account, or authorises it anew."""
    settings = effective(read_environment())
    if settings.amocrm_client_id is None:
        raise Failure("DEALGRAM_AMOCRM_CLIENT_ID is not set: there is no integration to connect")
    if settings.public_url is None:
        raise Failure("DEALGRAM_PUBLIC_URL is not set: nobody could come back from amoCRM to this service")
    click.echo(f"{settings.public_url}/oauth/start")


@account.command("list")
def list_accounts() -> None:
    """Show the connected accounts."""

    async def main() -> None:
        async with open_desk() as desk:
            table = Table(
                "id", "name", "address", "state", "paid", "setup", "trouble", "bots", "policy", "who may link"
            )
            paid = {row.account_id: row for row in await subscriptions.everyone(desk.db)}
            for row in await accounts.all_accounts(desk.db):
                connected = [bot for bot in await bots.for_account(desk.db, row.account_id) if bot.status == "active"]
                settings = read_settings(row.settings, AccountSettings)
                table.add_row(
                    str(row.account_id),
                    row.name,
                    row.host,
                    row.status,
                    state_line(desk.settings, paid.get(row.account_id)),
                    _summary(await setup_steps.for_account(desk.db, row.account_id)),
                    row.trouble or "",
                    str(len(connected)),
                    settings.policy.value,
                    "everyone" if settings.everyone_may_link else "administrators",
                )
            Console().print(table)

    run(main)


@account.command("show")
@click.argument("account_id", type=ID)
def show_account(account_id: int) -> None:
    """Show one account: its state, its steps, its troubles, its bots and its settings."""

    async def main() -> None:
        async with open_desk() as desk:
            row = await _account(desk, account_id)
            click.echo(f"account {row.account_id} «{row.name}», {row.host}")
            click.echo(f"{row.status}: {setup_texts.ACCOUNT_STATES[row.status]}")
            click.echo(state_line(desk.settings, await subscriptions.get(desk.db, account_id)))
            if row.trouble is not None:
                click.echo(
                    f"trouble {row.trouble} since {row.trouble_since:%Y-%m-%d %H:%M}: {row.trouble_detail or ''}"
                )
            _print_steps(await setup_steps.for_account(desk.db, account_id))
            for bot in await bots.for_account(desk.db, account_id):
                if bot.status != "removed":
                    troubles = f", troubles: {', '.join(bot.troubles)}" if bot.troubles else ""
                    click.echo(f"bot @{bot.username} ({bot.bot_id}): {bot.status}, {bot.intake}{troubles}")
            settings = read_settings(row.settings, AccountSettings)
            table = Table("setting", "value")
            for name in AccountSettings.__struct_fields__:
                table.add_row(name, str(getattr(settings, name)))
            Console().print(table)

    run(main)


@account.command("set")
@click.argument("account_id", type=ID)
@setting_options
def set_account(account_id: int, **given: Any) -> None:
    """Change an account's settings; those that are not given stay as they are."""
    changes = changes_of(given)

    async def main() -> None:
        async with open_desk() as desk:
            if await preferences.change(desk.db, account_id, changes) is None:
                raise Failure(f"there is no account {account_id}")
            await desk.announce()
            click.echo("changed")

    run(main)


account.add_command(repair)


@asynccontextmanager
async def _workbench() -> AsyncIterator[tuple[Desk, Services]]:
    """What an account actor works with, in this process."""
    async with (
        open_desk() as desk,
        open_gateways(desk.settings) as gateways,
        open_services(desk.settings, desk.db, gateways) as services,
    ):
        yield desk, services


async def _account(desk: Desk, account_id: int) -> Account:
    row = await accounts.get(desk.db, account_id)
    if row is None:
        raise Failure(f"there is no account {account_id}")
    return row


def _summary(steps: Sequence[SetupStep]) -> str:
    left = [step.step for step in steps if step.state != "done"]
    return "done" if steps and not left else ", ".join(left) or "not begun"


def _print_steps(steps: Sequence[SetupStep]) -> None:
    table = Table("step", "state", "detail")
    for step in in_order(list(steps)):
        table.add_row(step.step, step.state, step.detail or "")
    Console().print(table)
