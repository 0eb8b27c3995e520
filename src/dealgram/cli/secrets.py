"""``dealgram secrets``: keys for what is encrypted in the database."""

from __future__ import annotations

import click

from dealgram.cli.context import open_desk, run
from dealgram.persistence.secret_box import generate_key, rotate_all


@click.group()
def secrets() -> None:
    """Make and rotate the keys that encrypt tokens at rest."""


@secrets.command("new-key")
def new_key() -> None:
    """Print a new key. Put it first in DEALGRAM_SECRET_KEYS and keep the old ones behind it until all is rotated."""
    click.echo(generate_key())


@secrets.command("rotate")
def rotate() -> None:
    """Seal every stored secret with the newest key. The service does this at every start too."""

    async def main() -> None:
        async with open_desk() as desk:
            click.echo(f"{await rotate_all(desk.db, desk.box)} secrets sealed anew")

    run(main)
