"""The account's bots for the settings page: three queries however many bots and groups there are, and no call to
Telegram. amoCRM is asked for the pipelines once a minute at most, and not waited for long.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from dealgram.actors.bots import bot_texts
from dealgram.actors.bots.bot_connection import BotRefusedError
from dealgram.actors.bots.bot_picture import picture_url
from dealgram.actors.choices import BotSettings, read_settings
from dealgram.actors.desk import search
from dealgram.actors.desk.bot_status import BotFacts, Hold, bot_status, pipeline_view
from dealgram.actors.desk.pipelines import PipelineBook
from dealgram.actors.desk.views import BotChoices, BotView, CountsView, GroupCounts, Status
from dealgram.actors.groups.invitations import invitation
from dealgram.actors.services import Services
from dealgram.gateways.amocrm import Pipeline
from dealgram.persistence import bots, desk
from dealgram.persistence.desk import BotGroups
from dealgram.persistence.records import Bot

_NO_GROUPS = BotGroups(total=0, linked=0)


class BotList:
    """See the module."""

    def __init__(self, services: Services, pipelines: PipelineBook) -> None:
        self._services = services
        self._pipelines = pipelines

    async def bots(self, account_id: int, query: str | None = None) -> list[BotView]:
        """The connected bots by name; with a query those whose name or username it finds, or one of whose groups."""
        rows = await self.rows(account_id)
        words = search.words_of(query)
        found: Mapping[int, int] = {}
        if words:
            titles = await desk.titles(self._services.db, account_id)
            found = Counter(each.bot_id for each in titles if search.matches(words, each.title))
            rows = [row for row in rows if row.bot_id in found or search.matches(words, row.name, f"@{row.username}")]
        views = await self._views(account_id, rows)
        if words:
            views = [msgspec.structs.replace(view, groups_found=found.get(view.id, 0)) for view in views]
        return sorted(views, key=lambda view: (search.normal(view.name), view.id))

    async def bot(self, account_id: int, bot_id: int) -> BotView:
        """One bot.

        Raises:
            BotRefusedError: ``not_connected``.
        """
        (view,) = await self._views(account_id, [await self.row(account_id, bot_id)])
        return view

    async def counts(self, account_id: int) -> CountsView:
        """How many there are of what the page lists, and how many bots `bots` shows as anything but well."""
        rows = await self.rows(account_id)
        pipelines = await self._pipelines.soon(account_id) if rows else None
        counted = await desk.groups_by_bot(self._services.db, account_id) if rows else {}
        return CountsView(
            bots=len(rows),
            groups=sum(each.total for each in counted.values()),
            linked_groups=sum(each.linked for each in counted.values()),
            attention=sum(self.status(row, pipelines, counted.get(row.bot_id)).level != "ok" for row in rows),
        )

    async def row(self, account_id: int, bot_id: int) -> Bot:
        """The row of a bot that is connected to the account, or is being connected.

        Raises:
            BotRefusedError: ``not_connected``.
        """
        row = await bots.of_account(self._services.db, account_id, bot_id)
        if row is None or row.status == "removed":
            raise BotRefusedError("not_connected", bot_texts.NOT_CONNECTED)
        return row

    async def rows(self, account_id: int) -> list[Bot]:
        """The rows of the bots that are shown."""
        return [row for row in await bots.for_account(self._services.db, account_id) if row.status != "removed"]

    def status(self, row: Bot, pipelines: Sequence[Pipeline] | None, counted: BotGroups | None = None) -> Status:
        """How a bot is, with the groups that it has."""
        groups = counted or _NO_GROUPS
        return bot_status(
            BotFacts(
                username=row.username,
                status=row.status,
                pipeline=pipeline_view(row.pipeline_id, pipelines, row.troubles),
                troubles=row.troubles,
                hold=self._hold(row.account_id),
                is_trusted=0 < groups.total == groups.administered,
            )
        )

    async def _views(self, account_id: int, rows: Sequence[Bot]) -> list[BotView]:
        if not rows:
            return []
        counted = await desk.groups_by_bot(self._services.db, account_id)
        pipelines = await self._pipelines.soon(account_id)
        return [self._view(row, counted.get(row.bot_id, _NO_GROUPS), pipelines) for row in rows]

    def _view(self, row: Bot, counted: BotGroups, pipelines: Sequence[Pipeline] | None) -> BotView:
        settings = read_settings(row.settings, BotSettings)
        return BotView(
            id=row.bot_id,
            name=row.name or row.username,
            username=row.username,
            link=f"https://t.me/{row.username}",
            avatar_url=picture_url(self._services.media_links, row),
            pipeline=pipeline_view(row.pipeline_id, pipelines, row.troubles),
            status=self.status(row, pipelines, counted),
            groups=GroupCounts(total=counted.total, linked=counted.linked, titles=counted.titles),
            settings=BotChoices(
                unsorted=settings.unsorted, deal_title=settings.deal_title, deal_tags=settings.deal_tags
            ),
            invite_url=invitation(row.username),
            created_at=row.created_at,
        )

    def _hold(self, account_id: int) -> Hold | None:
        account = self._services.registry.account(account_id)
        if account is None:
            return None
        if account.is_lapsed(self._services.now()):
            return "lapsed"
        if account.row.status == "reauthorise":
            return "reauthorise"
        return "amocrm_trouble" if account.row.trouble is not None else None
