"""Linking and unlinking a group from the settings page.

The group's actor does it, in its turn and with everything that belongs to it (`groups.link_command`); here is who may
be linked to what, and how long a page waits for the answer.
"""

from __future__ import annotations

import trio

from dealgram.actors.commands import LinkDeal, UnlinkDeal
from dealgram.actors.desk import desk_texts
from dealgram.actors.groups.deal_reference import Unreadable, read_deal
from dealgram.actors.groups.link_command import LinkRefusedError, carry_out
from dealgram.actors.groups.link_refusals import LinkRefusal
from dealgram.actors.names import group_address
from dealgram.actors.services import ACCOUNT_PAUSE_S, AccountGone, Services
from dealgram.persistence import users
from dealgram.persistence.records import Group

PATIENCE_S = 15.0
BOT_AWAY = "bot_away"
_UNREADABLE = {
    Unreadable.NOT_A_NUMBER: desk_texts.DEAL_UNREADABLE,
    Unreadable.OUT_OF_RANGE: desk_texts.DEAL_OUT_OF_RANGE,
    Unreadable.NOT_A_DEAL_LINK: desk_texts.DEAL_LINK_UNREADABLE,
    Unreadable.FOREIGN_ACCOUNT: desk_texts.DEAL_FOREIGN,
}


class UnreadableDealError(ValueError):
    """What was entered names no deal of the account; the text says in Russian what would."""


class GroupOrders:
    """See the module."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def link(self, group: Group, deal: str, user_id: int) -> bool:
        """Link a group to a deal, given by its number or its address. False: it takes longer than a page waits, and
        will be done.

        Raises:
            UnreadableDealError: that is no deal.
            LinkRefusedError: with the reason.
        """
        account = self._services.registry.account(group.account_id)
        if account is None:
            raise AccountGone(f"account {group.account_id} is not connected", retry_after_s=ACCOUNT_PAUSE_S)
        read = read_deal(deal, account.row.host)
        if isinstance(read, Unreadable):
            raise UnreadableDealError(_UNREADABLE[read])
        if group.status == "left":
            bot = self._services.registry.bot_of(group.account_id, group.bot_id)
            text = desk_texts.bot_away(bot.username if bot is not None else "")
            raise LinkRefusedError(LinkRefusal(BOT_AWAY, text))
        by = await self._name(group.account_id, user_id)
        return await self._command(group, LinkDeal(deal_id=read.deal_id, by=by))

    async def unlink(self, group: Group, deal_id: int, user_id: int) -> bool:
        """Unlink a group from a deal, should it be linked. False as in `link`."""
        by = await self._name(group.account_id, user_id)
        return await self._command(group, UnlinkDeal(deal_id=deal_id, by=by))

    async def _command(self, group: Group, command: LinkDeal | UnlinkDeal) -> bool:
        services = self._services
        with services.committed.watch(group_address(group.group_id)) as watch:
            with trio.move_on_after(PATIENCE_S) as patience:
                await carry_out(services.db, services.journal, group, command, watch.next)
            return not patience.cancelled_caught

    async def _name(self, account_id: int, user_id: int) -> str:
        """Whoever does it, for the notes in the deal."""
        user = await users.get(self._services.db, account_id, user_id)
        return user.name if user is not None else ""
