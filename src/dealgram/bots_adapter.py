"""The account's bots and groups as the widget's API shows and changes them: over the settings page's own views and
orders (`dealgram.actors.desk`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dealgram.actors.bots.bot_checkup import BotCheckups
from dealgram.actors.desk import desk_texts
from dealgram.actors.desk.bot_list import BotList
from dealgram.actors.desk.bot_orders import BotOrders, Removal
from dealgram.actors.desk.group_list import GroupList, GroupPage
from dealgram.actors.desk.group_orders import GroupOrders, UnreadableDealError
from dealgram.actors.desk.views import BotView, GroupView, TokenCheck
from dealgram.actors.groups import link_refusals
from dealgram.actors.groups.link_command import LinkRefusedError
from dealgram.actors.services import Services
from dealgram.http.api.problems import ApiProblem, invalid, not_found, problem
from dealgram.persistence.records import Group

_CONFLICTS = frozenset({link_refusals.OTHER_BOT})
"""Refusals of a link that are about what is there already, not about what was asked for."""


class BotsAdapter:
    """Implements `dealgram.http.api.bot_ports.DeskPort`.

    Args:
        changed: called when something that the page shows was changed here.
    """

    def __init__(
        self,
        services: Services,
        bots: BotList,
        checkups: BotCheckups,
        *,
        public_url: str | None,
        changed: Callable[[], None],
    ) -> None:
        self._services = services
        self._changed = changed
        self._bots = bots
        self._orders = BotOrders(services, self._bots, checkups, public_url=public_url)
        self._groups = GroupList(services, self._bots)
        self._group_orders = GroupOrders(services)

    # Bots

    async def bots(self, account_id: int, query: str | None) -> Sequence[BotView]:
        return await self._bots.bots(account_id, query)

    async def check_token(self, account_id: int, token: str) -> TokenCheck:
        return await self._orders.check(account_id, token)

    async def add(
        self,
        account_id: int,
        token: str,
        *,
        pipeline_id: int | None,
        choices: Mapping[str, Any],
        take_over: bool,
    ) -> BotView:
        self._refuse_lapsed(account_id)
        bot_id = await self._orders.add(
            account_id, token, pipeline_id=pipeline_id, choices=choices, take_over=take_over
        )
        return await self._shown(account_id, bot_id)

    async def edit(
        self,
        account_id: int,
        bot_id: int,
        *,
        token: str | None,
        pipeline_id: int | None,
        choices: Mapping[str, Any],
    ) -> BotView:
        await self._orders.edit(account_id, bot_id, token=token, pipeline_id=pipeline_id, choices=choices)
        return await self._shown(account_id, bot_id)

    async def remove(self, account_id: int, bot_id: int) -> Removal | None:
        removal = await self._orders.remove(account_id, bot_id)
        self._changed()
        return removal

    async def look_again(self, account_id: int, bot_id: int) -> BotView:
        await self._orders.look_again(account_id, bot_id)
        return await self._shown(account_id, bot_id)

    async def take_back(self, account_id: int, bot_id: int) -> BotView:
        await self._orders.take_back(account_id, bot_id)
        return await self._shown(account_id, bot_id)

    async def _shown(self, account_id: int, bot_id: int) -> BotView:
        """A bot that was changed, as it is now."""
        self._changed()
        return await self._bots.bot(account_id, bot_id)

    # Groups

    async def groups(
        self, account_id: int, bot_id: int | None, query: str | None, *, limit: int, offset: int
    ) -> GroupPage:
        return await self._groups.page(account_id, bot_id, query, limit=limit, offset=offset)

    async def link(self, account_id: int, user_id: int, group_id: int, deal: str) -> tuple[GroupView, bool]:
        self._refuse_lapsed(account_id)
        group = await self._group(account_id, group_id)
        try:
            is_done = await self._group_orders.link(group, deal, user_id)
        except UnreadableDealError as error:
            raise invalid("deal", str(error)) from None
        except LinkRefusedError as error:
            raise _refusal(error) from error
        self._changed()
        return await self._groups.view(group), is_done

    async def unlink(self, account_id: int, user_id: int, group_id: int, deal_id: int) -> tuple[GroupView, bool]:
        group = await self._group(account_id, group_id)
        is_done = await self._group_orders.unlink(group, deal_id, user_id)
        self._changed()
        return await self._groups.view(group), is_done

    async def _group(self, account_id: int, group_id: int) -> Group:
        group = await self._groups.row(account_id, group_id)
        if group is None:
            raise not_found(desk_texts.NO_GROUP)
        return group

    def _refuse_lapsed(self, account_id: int) -> None:
        if self._services.has_lapsed(account_id):
            raise problem("lapsed")


def _refusal(error: LinkRefusedError) -> ApiProblem:
    if error.code == link_refusals.FAILED:
        return ApiProblem(422, error.code, desk_texts.LINK_FAILED, "deal")
    return ApiProblem(409 if error.code in _CONFLICTS else 422, error.code, str(error), "deal")
