"""``dealgram group`` and ``dealgram link``: groups and their deals, for operators.

Links belong to the group's actor. A command is put into its inbox and carried out by the service, now if it runs, else
at its next start; the answer is read back from there.
"""

from __future__ import annotations

import click
import trio
from rich.console import Console
from rich.table import Table

from dealgram.actors.commands import LinkDeal, UnlinkDeal
from dealgram.actors.groups.link_command import LinkRefusedError, carry_out
from dealgram.actors.names import group_address
from dealgram.cli.context import ID, Desk, open_desk, run
from dealgram.cli.failure import Failure
from dealgram.persistence import accounts, groups, links, topics
from dealgram.persistence.dead_letters import WAKE_CHANNEL, wake_payload
from dealgram.persistence.journal import Journal
from dealgram.persistence.records import Link

ANSWER_DEADLINE_S = 15.0
LOOK_EVERY_S = 0.2


@click.group()
def group() -> None:
    """Look at Telegram groups."""


@group.command("list")
def list_groups() -> None:
    """Show the groups that the bots are in, and the deals they are linked to."""

    async def main() -> None:
        async with open_desk() as desk:
            table = Table("id", "group", "chat", "bot", "account", "bot's state", "deals")
            for account in await accounts.all_accounts(desk.db):
                for each in await groups.for_account(desk.db, account.account_id):
                    linked = await links.for_group(desk.db, account.account_id, each.group_id)
                    table.add_row(
                        str(each.group_id),
                        each.title,
                        str(each.chat_id),
                        str(each.bot_id),
                        str(account.account_id),
                        each.status,
                        ", ".join(_place(link) for link in linked) or "–",
                    )
            Console().print(table)

    run(main)


@group.command("topics")
@click.argument("group_id", type=ID)
def list_topics(group_id: int) -> None:
    """Show the forum topics of group GROUP_ID that the bot has heard of, and the deals linked to each by itself."""

    async def main() -> None:
        async with open_desk() as desk:
            row = await groups.find(desk.db, group_id)
            if row is None:
                raise Failure(f"there is no group {group_id}; see: dealgram group list")
            linked = await links.for_group(desk.db, row.account_id, group_id)
            table = Table("topic", "name", "state", "deals")
            for topic in await topics.for_group(desk.db, row.account_id, group_id):
                deals = [str(link.deal_id) for link in linked if link.thread_id == topic.thread_id]
                state = "closed" if topic.is_closed else "open"
                table.add_row(str(topic.thread_id), topic.name or "–", state, ", ".join(deals) or "–")
            Console().print(table)

    run(main)


def _place(link: Link) -> str:
    return str(link.deal_id) if link.thread_id is None else f"{link.deal_id} (topic {link.thread_id})"


@click.group()
def link() -> None:
    """Link groups to deals and unlink them, as the group's administrators do in Telegram."""


@link.command("add")
@click.argument("group_id", type=ID)
@click.argument("deal_id", type=ID)
@click.option("--topic", type=ID, help="Link this forum topic alone (see `group topics`), not the whole group.")
def add_link(group_id: int, deal_id: int, topic: int | None) -> None:
    """Link group GROUP_ID (see `group list`) to deal DEAL_ID."""
    _command(group_id, LinkDeal(deal_id=deal_id, topic=topic), "linked")


@link.command("remove")
@click.argument("group_id", type=ID)
@click.argument("deal_id", type=ID)
def remove_link(group_id: int, deal_id: int) -> None:
    """Unlink group GROUP_ID from deal DEAL_ID."""
    _command(group_id, UnlinkDeal(deal_id=deal_id), "unlinked")


def _command(group_id: int, command: LinkDeal | UnlinkDeal, done: str) -> None:
    async def main() -> None:
        async with open_desk() as desk:
            row = await groups.find(desk.db, group_id)
            if row is None:
                raise Failure(f"there is no group {group_id}; see: dealgram group list")
            async with Journal.open(desk.db, on_accepted=lambda _: None) as journal:
                with trio.move_on_after(ANSWER_DEADLINE_S) as patience:
                    try:
                        await carry_out(desk.db, journal, row, command, _Pause(desk, group_id))
                    except LinkRefusedError as refusal:
                        raise Failure(str(refusal)) from refusal
            late = "accepted; it will be carried out when the service runs"
            click.echo(late if patience.cancelled_caught else done)

    run(main)


class _Pause:
    """Before the first look: wake a service that runs elsewhere. Then a pause before each look."""

    def __init__(self, desk: Desk, group_id: int) -> None:
        self._desk = desk
        self._payload = wake_payload(group_address(group_id))
        self._woken = False

    async def __call__(self) -> None:
        if not self._woken:
            self._woken = True
            await self._desk.db.execute("SELECT pg_notify($1, $2)", WAKE_CHANNEL, self._payload)
        await trio.sleep(LOOK_EVERY_S)
