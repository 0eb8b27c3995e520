"""`/api/v1/groups`, `/api/v1/bots/{id}/groups`: Telegram groups of the account and the deals they are linked to."""

from __future__ import annotations

from typing import Annotated

import msgspec

from dealgram.actors.desk.group_list import GroupPage
from dealgram.actors.desk.views import GroupView
from dealgram.http.api.answers import Accepted
from dealgram.http.api.bot_ports import GroupsPort
from dealgram.http.api.frame import Api, Caller
from dealgram.http.api.reading import Change, Query

MOST = 100
DEEPEST = 1_000_000


class GroupsQuery(Query, frozen=True, kw_only=True):
    """`q`: a part of a group's title. A page begins at `offset` and has `limit` groups at most."""

    q: Annotated[str, msgspec.Meta(max_length=200)] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = 50
    offset: Annotated[int, msgspec.Meta(ge=0, le=DEEPEST)] = 0


class GroupsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Groups, the newest first; `total`: how many match."""

    groups: tuple[GroupView, ...]
    total: int


class GroupAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One group, as it is now."""

    group: GroupView


class DealToLink(Change, frozen=True, kw_only=True):
    """A deal by its number, or by the address of its card."""

    deal: Annotated[str, msgspec.Meta(min_length=1, max_length=500)] | Annotated[int, msgspec.Meta(ge=0, le=2**53)]


def routes(api: Api, port: GroupsPort) -> None:
    """Add the routes over the port of groups."""

    @api.get("/groups", without_access=True)
    async def list_groups(caller: Caller, query: GroupsQuery) -> GroupsAnswer:
        """The groups of all bots, the newest first."""
        return _answer(await port.groups(caller.account_id, None, query.q, limit=query.limit, offset=query.offset))

    @api.get("/bots/{bot_id}/groups", without_access=True, codes=("not_connected",))
    async def list_groups_of_bot(caller: Caller, bot_id: int, query: GroupsQuery) -> GroupsAnswer:
        """The groups of one bot, the newest first."""
        return _answer(await port.groups(caller.account_id, bot_id, query.q, limit=query.limit, offset=query.offset))

    @api.post(
        "/groups/{group_id}/deals",
        status=201,
        codes=(
            "lapsed",
            "deal_not_found",
            "deal_deleted",
            "linked_by_other_bot",
            "no_room",
            "bot_away",
            "link_refused",
            "link_failed",
        ),
    )
    async def link_deal(caller: Caller, group_id: int, body: DealToLink) -> GroupAnswer | Accepted:
        """Link a group to a deal. 202: amoCRM is slow; the link will be made by itself."""
        group, is_done = await port.link(caller.account_id, caller.user_id, group_id, str(body.deal))
        return GroupAnswer(group=group) if is_done else Accepted(GroupAnswer(group=group))

    @api.delete("/groups/{group_id}/deals/{deal_id}")
    async def unlink_deal(caller: Caller, group_id: int, deal_id: int) -> Accepted | None:
        """Unlink a group from a deal; 204 also if it is linked no more. 202: it will be done by itself."""
        group, is_done = await port.unlink(caller.account_id, caller.user_id, group_id, deal_id)
        return None if is_done else Accepted(GroupAnswer(group=group))


def _answer(page: GroupPage) -> GroupsAnswer:
    return GroupsAnswer(groups=page.groups, total=page.total)
