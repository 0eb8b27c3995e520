"""``dealgram bot``: connecting Telegram bots to accounts, changing them, and seeing what is wrong with them."""

from __future__ import annotations

import sys
from getpass import getpass

import click
import msgspec
from rich.console import Console
from rich.table import Table

from dealgram.actors.bots.bot_choices import changed_choices
from dealgram.actors.bots.bot_troubles import sentences
from dealgram.actors.cards.deal_title import TitleError
from dealgram.actors.choices import BotSettings
from dealgram.actors.groups.invitations import invitation
from dealgram.cli.context import ID, Desk, open_desk, run
from dealgram.cli.failure import Failure
from dealgram.connections import open_gateways
from dealgram.persistence import accounts, bots, groups
from dealgram.persistence.records import Account, Bot


@click.group()
def bot() -> None:
    """Connect Telegram bots to accounts."""


@bot.command("add")
@click.argument("account_id", type=ID)
@click.option("--pipeline", "pipeline_id", type=ID, help="Pipeline of new deals; the main one if left out.")
@click.option("--take-over", is_flag=True, help="Take the bot from another service that has set a webhook for it.")
def add_bot(account_id: int, pipeline_id: int | None, take_over: bool) -> None:
    """Connect a bot to an account. The token is asked for on a terminal, else read from standard input."""
    token = _ask_for_token()

    async def main() -> None:
        async with open_desk() as desk, open_gateways(desk.settings) as gateways:
            row = await _account(desk, account_id)
            connected = await gateways.connector(desk.db, desk.box).connect(
                row, token, pipeline_id=pipeline_id, public_url=_public_url(desk), take_over=take_over
            )
            await desk.announce()
            click.echo(f"@{connected.username} is connected to account {account_id}, pipeline {connected.pipeline_id}")
            for sentence in sentences(connected.troubles):
                click.echo(f"! {sentence}")
            click.echo(f"bring it into a group: {invitation(connected.username)}")

    run(main)


@bot.command("list")
def list_bots() -> None:
    """Show the bots of all accounts, and what is wrong with them."""

    async def main() -> None:
        async with open_desk() as desk:
            table = Table("id", "bot", "account", "pipeline", "intake", "state", "groups", "checked", "troubles")
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
                        f"{each.checked_at:%Y-%m-%d %H:%M}" if each.checked_at is not None else "–",
                        "\n".join(sentences(each.troubles)) or "–",
                    )
            Console().print(table)

    run(main)


@bot.command("set")
@click.argument("bot_id", type=ID)
@click.option("--pipeline", "pipeline_id", type=ID, help="Pipeline in which the bot's new deals appear.")
@click.option("--take-over", is_flag=True, help="Take the bot back from another service that has set a webhook for it.")
@click.option(
    "--token", "new_token", is_flag=True, help="Go on with a new token of the bot; it is asked for, as in add."
)
@click.option("--unsorted", type=click.Choice(["on", "off"]), help="New people in private go to the unsorted ones.")
@click.option("--deal-title", help="Name of a new deal; {name}, {username}, {bot} and {pipeline} are filled in.")
@click.option("--deal-tag", "deal_tags", multiple=True, help="Tag of a new deal; give it several times, '' for none.")
def set_bot(
    bot_id: int,
    pipeline_id: int | None,
    take_over: bool,
    new_token: bool,
    unsorted: str | None,
    deal_title: str | None,
    deal_tags: tuple[str, ...],
) -> None:
    """Change a connected bot: its pipeline, its token, and how deals of people who are new in private begin."""
    changes = _changes(unsorted, deal_title, deal_tags)
    if not changes and pipeline_id is None and not take_over and not new_token:
        raise click.UsageError("nothing to change: see dealgram bot set --help")
    token = _ask_for_token() if new_token else None

    async def main() -> None:
        async with open_desk() as desk, open_gateways(desk.settings) as gateways:
            row = await _connected(desk, bot_id)
            connector = gateways.connector(desk.db, desk.box)
            # The steps that somebody else may refuse come first.
            if token is not None:
                await connector.replace_token(bot_id, token, public_url=_public_url(desk))
            if pipeline_id is not None:
                await connector.move(bot_id, pipeline_id)
            if take_over:
                await connector.take_back(bot_id, public_url=_public_url(desk))
            if changes and not await bots.change_settings(desk.db, row.account_id, bot_id, changes):
                raise Failure(f"there is no connected bot {bot_id}")
            await desk.announce()
            click.echo("changed")

    run(main)


@bot.command("invite")
@click.argument("bot_id", type=ID)
@click.option("--deal", "deal_id", type=ID, help="Link the group to this deal as soon as the bot is in it.")
def invite_bot(bot_id: int, deal_id: int | None) -> None:
    """Print the link that brings a bot into a group as an administrator, so that it sees every message there."""

    async def main() -> None:
        async with open_desk() as desk:
            row = await _connected(desk, bot_id)
            click.echo(invitation(row.username, deal_id))

    run(main)


@bot.command("remove")
@click.argument("bot_id", type=ID)
def remove_bot(bot_id: int) -> None:
    """Disconnect a bot: the links of its groups end, its source and webhook go. What was written stays in amoCRM."""

    async def main() -> None:
        async with open_desk() as desk, open_gateways(desk.settings) as gateways:
            row = await _connected(desk, bot_id)
            is_clean = await gateways.connector(desk.db, desk.box).remove(bot_id)
            await desk.announce()
            click.echo(f"@{row.username} is disconnected")
            if not is_clean:
                click.echo("its source or webhook could not be deleted now; the running service tries again")

    run(main)


def _changes(unsorted: str | None, deal_title: str | None, deal_tags: tuple[str, ...]) -> dict[str, object]:
    try:
        changes = changed_choices(
            unsorted=None if unsorted is None else unsorted == "on",
            deal_title=deal_title,
            deal_tags=deal_tags or None,
        )
    except TitleError as error:
        raise click.UsageError(f"--deal-title: {error}") from error
    try:
        msgspec.convert(changes, BotSettings)
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from error
    return changes


def _ask_for_token() -> str:
    # Never an argument: those are seen by everybody on the machine and stay in the shell's history.
    return getpass("Token from BotFather: ") if sys.stdin.isatty() else sys.stdin.readline()


def _public_url(desk: Desk) -> str | None:
    return desk.settings.public_url if desk.settings.intake == "webhook" else None


async def _connected(desk: Desk, bot_id: int) -> Bot:
    row = await bots.get(desk.db, bot_id)
    if row is None or row.status in ("removed", "connecting"):
        raise Failure(f"there is no connected bot {bot_id}")
    return row


async def _account(desk: Desk, account_id: int) -> Account:
    row = await accounts.get(desk.db, account_id)
    if row is None:
        raise Failure(f"there is no account {account_id}")
    return row
