"""``dealgram account repair``: an operator has deal cards compared with what was taken in."""

from __future__ import annotations

import re
import secrets
import time

import click

from dealgram.actors.accounts.account_repair import RepairOrder, repair_entry
from dealgram.cli.context import ID, open_desk, run
from dealgram.cli.failure import Failure
from dealgram.persistence import accounts
from dealgram.persistence.dead_letters import WAKE_CHANNEL, wake_payload
from dealgram.persistence.journal import Journal


@click.command("repair")
@click.argument("account_id", type=ID)
@click.option("--since", default="2h", show_default=True, help="How far to look back, such as 30m, 2h or 1d.")
def repair(account_id: int, since: str) -> None:
    """Compare an account's deal cards with what was taken in, and deliver what was missed."""
    back_s = duration_s(since)

    async def main() -> None:
        async with open_desk() as desk:
            if await accounts.get(desk.db, account_id) is None:
                raise Failure(f"there is no account {account_id}")
            until_ms = int(time.time() * 1000)
            order = RepairOrder(since_ms=until_ms - int(back_s * 1000), until_ms=until_ms)
            entry = repair_entry(account_id, order, key=f"asked-{secrets.token_hex(8)}")
            async with Journal.open(desk.db, on_accepted=lambda _: None) as journal:
                await journal.accept([entry])
            await desk.db.execute("SELECT pg_notify($1, $2)", WAKE_CHANNEL, wake_payload(entry.address))
            click.echo("accepted; how far it is stands in /health/accounts")

    run(main)


def duration_s(text: str) -> float:
    """A span of time such as 90s, 30m, 2h or 1d, in seconds.

    Raises:
        click.UsageError: it is none.
    """
    match = re.fullmatch(r"([0-9]{1,5})([smhd])", text)
    if match is None or not int(match[1]):
        raise click.UsageError("--since is a number with s, m, h or d, such as 2h")
    return int(match[1]) * {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}[match[2]]
