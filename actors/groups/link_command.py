"""Linking and unlinking a deal from outside Telegram: a command to the group's actor, and what came of it.

Used by the settings page and by the command line. The actor owns the links, so a command goes into its inbox and is
carried out in its turn, by whichever process runs the service; the answer is read from where it left it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from dealgram.actors.commands import LinkDeal, UnlinkDeal, command_entry
from dealgram.actors.groups.link_refusals import REFUSED, LinkRefusal, read_refusal
from dealgram.actors.names import group_address
from dealgram.persistence import desk, links
from dealgram.persistence.database import Database
from dealgram.persistence.journal import Journal
from dealgram.persistence.records import Group

BOT_NOT_CONNECTED = "the bot is not connected"
"""A result that the group's actor gives a command to link."""
_NO_BOT = "Бот этой группы не подключён: связать её со сделкой нельзя."


class LinkRefusedError(Exception):
    """The deal is not linked, and will not be."""

    def __init__(self, refusal: LinkRefusal) -> None:
        super().__init__(refusal.text)
        self.code = refusal.code


async def carry_out(
    db: Database, journal: Journal, group: Group, command: LinkDeal | UnlinkDeal, wait: Callable[[], Awaitable[None]]
) -> None:
    """Give the command and return when it is carried out.

    Args:
        wait: returns when it is time to look (again) whether it is. Whoever calls sets the deadline: a command whose
            answer nobody waited for is carried out all the same.

    Raises:
        LinkRefusedError: it was to link, and came to nothing.
        DatabaseUnavailable: not known to be accepted.
    """
    address = group_address(group.group_id)
    (entry_id,) = await journal.accept([command_entry(group.account_id, address, command)])
    assert entry_id is not None, "a command has a key of its own"
    linking = isinstance(command, LinkDeal)
    while True:
        await wait()
        found = await links.for_group(db, group.account_id, group.group_id)
        is_linked = any(link.deal_id == command.deal_id for link in found)
        state = await desk.command_state(db, group.account_id, entry_id, f"{address}-e{entry_id}-0-")
        if state.result is None:
            continue
        if is_linked == linking or not linking:
            return
        if state.result == BOT_NOT_CONNECTED:
            raise LinkRefusedError(LinkRefusal(REFUSED, _NO_BOT))
        if state.is_ended:
            # It may have been linked and unlinked again meanwhile: then there is no error to tell.
            if state.error is None:
                return
            raise LinkRefusedError(read_refusal(state.error))
