"""The account's groups for the settings page, searched and in pages: a handful of queries for thousands of groups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dealgram.actors.desk import search
from dealgram.actors.desk.bot_list import BotList
from dealgram.actors.desk.bot_status import hears_nothing
from dealgram.actors.desk.group_status import GroupFacts, group_status
from dealgram.actors.desk.views import DealView, GroupView, TopicView
from dealgram.actors.registry import AccountInfo
from dealgram.actors.services import ACCOUNT_PAUSE_S, AccountGone, Services
from dealgram.persistence import desk
from dealgram.persistence.desk import DealOfGroup
from dealgram.persistence.records import Bot, Group


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupPage:
    """Some of the groups that match, the newest first, and how many match."""

    groups: tuple[GroupView, ...]
    total: int


class GroupList:
    """See the module."""

    def __init__(self, services: Services, bot_list: BotList) -> None:
        self._services = services
        self._bots = bot_list

    async def page(
        self, account_id: int, bot_id: int | None, query: str | None, *, limit: int, offset: int
    ) -> GroupPage:
        """A page of the groups, of one bot or of all.

        Raises:
            BotRefusedError: ``not_connected``.
        """
        db = self._services.db
        if bot_id is not None:
            await self._bots.row(account_id, bot_id)
        words = search.words_of(query)
        if words:
            titles = await desk.titles(db, account_id, bot_id)
            found = [each.group_id for each in titles if search.matches(words, each.title)]
            total = len(found)
            rows = await desk.these(db, account_id, found[offset : offset + limit])
        else:
            total = await desk.count_groups(db, account_id, bot_id)
            rows = await desk.page(db, account_id, bot_id, limit=limit, offset=offset)
        return GroupPage(groups=await self._views(account_id, rows), total=total)

    async def row(self, account_id: int, group_id: int) -> Group | None:
        """The row of a group that the page may show."""
        rows = await desk.these(self._services.db, account_id, [group_id])
        return rows[0] if rows else None

    async def view(self, row: Group) -> GroupView:
        """One group as it is now."""
        fresh = await self.row(row.account_id, row.group_id)
        (view,) = await self._views(row.account_id, [fresh or row])
        return view

    async def _views(self, account_id: int, rows: Sequence[Group]) -> tuple[GroupView, ...]:
        if not rows:
            return ()
        account = self._account(account_id)
        known = {bot.bot_id: bot for bot in await self._bots.rows(account_id)}
        # A group needs no pipelines: whether its bot hears anything does not depend on them.
        down = {
            bot_id: status.title
            for bot_id, bot in known.items()
            if hears_nothing(status := self._bots.status(bot, None))
        }
        deals: defaultdict[int, list[DealView]] = defaultdict(list)
        for deal in await desk.deals_of(self._services.db, account_id, [row.group_id for row in rows]):
            deals[deal.group_id].append(_deal(account, deal))
        return tuple(_view(row, known, down, deals[row.group_id]) for row in rows)

    def _account(self, account_id: int) -> AccountInfo:
        account = self._services.registry.account(account_id)
        if account is None:
            raise AccountGone(f"account {account_id} is not connected", retry_after_s=ACCOUNT_PAUSE_S)
        return account


def _view(row: Group, known: Mapping[int, Bot], down: Mapping[int, str], deals: Sequence[DealView]) -> GroupView:
    assert row.status != "merged", "merged groups are not shown"
    bot = known.get(row.bot_id)
    facts = GroupFacts(
        state=row.status,
        username=bot.username if bot is not None else "",
        sees_everything=bot is not None and bot.can_read_all_group_messages,
        bot_down=down.get(row.bot_id),
    )
    return GroupView(
        id=row.group_id,
        bot_id=row.bot_id,
        title=row.title,
        kind=row.kind,
        state=row.status,
        status=group_status(facts, deals),
        deals=tuple(deals),
    )


def _deal(account: AccountInfo, deal: DealOfGroup) -> DealView:
    topic = None
    if deal.thread_id is not None:
        topic = TopicView(id=deal.thread_id, name=deal.topic or "")
    return DealView(
        deal_id=deal.deal_id,
        name=deal.name or f"Сделка № {deal.deal_id}",
        url=account.deal_link(deal.deal_id),
        state=deal.state,
        topic=topic,
        linked_at=deal.linked_at,
    )
