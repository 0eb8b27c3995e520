"""``dealgram deadletters``: what could not be done, for an operator to read, retry or discard."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from dealgram.cli.context import ID, open_desk, run
from dealgram.cli.failure import Failure
from dealgram.logs import redact
from dealgram.persistence import dead_letters

SHOWN_BODY = 4000


@click.group()
def deadletters() -> None:
    """Read, retry and discard what could not be delivered."""


@deadletters.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 1000))
def list_letters(limit: int) -> None:
    """Show the open dead letters, the oldest first."""

    async def main() -> None:
        async with open_desk() as desk:
            table = Table("id", "since", "actor", "what", "attempts", "reason")
            for letter in await dead_letters.list_open(desk.db, limit=limit):
                table.add_row(
                    str(letter.id),
                    f"{letter.created_at:%Y-%m-%d %H:%M:%S}",
                    str(letter.address),
                    letter.kind,
                    str(letter.attempts),
                    redact(letter.error)[:120],
                )
            Console().print(table)

    run(main)


@deadletters.command("show")
@click.argument("letter_id", type=ID)
def show_letter(letter_id: int) -> None:
    """Show one dead letter with its traceback and its body."""

    async def main() -> None:
        async with open_desk() as desk:
            letter = await dead_letters.show(desk.db, letter_id)
            if letter is None:
                raise Failure(f"there is no dead letter {letter_id}")
            click.echo(f"{letter.id}  {letter.origin} {letter.origin_id}  {letter.address}  {letter.kind}")
            click.echo(f"created {letter.created_at:%Y-%m-%d %H:%M:%S}, attempts {letter.attempts}")
            click.echo(f"state   {letter.resolution or 'open'}")
            click.echo(f"reason  {redact(letter.error)}\n")
            click.echo(redact(letter.traceback))
            click.echo(redact(letter.body[:SHOWN_BODY].decode("utf-8", "replace")))

    run(main)


@deadletters.command("retry")
@click.argument("letter_id", type=ID)
def retry_letter(letter_id: int) -> None:
    """Put a dead letter back into its queue, as the youngest there."""

    async def main() -> None:
        async with open_desk() as desk:
            address = await dead_letters.retry(desk.db, letter_id)
            if address is None:
                raise Failure(f"there is no open dead letter {letter_id}")
            click.echo(f"{letter_id} waits again at {address}")

    run(main)


@deadletters.command("discard")
@click.argument("letter_id", type=ID)
def discard_letter(letter_id: int) -> None:
    """Mark a dead letter as not to be done."""

    async def main() -> None:
        async with open_desk() as desk:
            if not await dead_letters.discard(desk.db, letter_id):
                raise Failure(f"there is no open dead letter {letter_id}")
            click.echo(f"{letter_id} is discarded")

    run(main)
