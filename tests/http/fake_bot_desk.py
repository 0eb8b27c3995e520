"""The desk of bots and groups in memory, behind the API of the tests: it shows, finds, refuses and changes as
the service's does.

The account 1 has two bots: «Север» with a group that is linked to the deal 9 in a topic and one that it has left, and
a bot without groups whose token was revoked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import trio
from msgspec.structs import replace

from dealgram.actors.bots import bot_texts
from dealgram.actors.bots.bot_connection import BotRefusedError, read_token
from dealgram.actors.desk.bot_orders import Removal
from dealgram.actors.desk.group_list import GroupPage
from dealgram.actors.desk.views import (
    BotCard,
    BotChoices,
    BotView,
    DealView,
    Detail,
    GroupCounts,
    GroupView,
    PipelineView,
    Remark,
    Status,
    TokenCheck,
    TopicView,
)
from dealgram.http.api.problems import ApiProblem, not_found

ACCOUNT_ID = 1
BOT_ID, REVOKED_ID, FREE_ID = 42_420_001, 42_420_002, 42_420_003
GROUP_ID, LEFT_ID = 31, 32
DEAL_ID, SLOW_DEAL_ID, NO_DEAL_ID, TAKEN_DEAL_ID = 9, 10, 11, 12
"""A deal that is linked; one that amoCRM is slow with; one that does not exist; one that another bot linked."""
FREE_TOKEN, OWN_TOKEN = f"{FREE_ID}:{'a' * 35}", f"{BOT_ID}:{'b' * 35}"
AT = dt.datetime(2026, 11, 1, 9, 30, tzinfo=dt.UTC)
OK = Status(level="ok", title="Подключён")


async def _at_once() -> None:
    await trio.lowlevel.checkpoint()


def bot_view(bot_id: int, name: str, username: str, **more: Any) -> BotView:
    usual = {
        "link": f"https://t.me/{username}",
        "avatar_url": None,
        "pipeline": PipelineView(id=5, name="Продажи", state="ok"),
        "status": OK,
        "groups": GroupCounts(),
        "settings": BotChoices(unsorted=False, deal_title="{name}", deal_tags=("Telegram",)),
        "invite_url": f"https://t.me/{username}?startgroup=x",
        "created_at": AT,
    }
    return BotView(id=bot_id, name=name, username=username, **(usual | more))


def deal_view(deal_id: int, topic: TopicView | None = None) -> DealView:
    return DealView(
        deal_id=deal_id,
        name=f"Сделка № {deal_id}",
        url=f"https://sever.amocrm.ru/leads/detail/{deal_id}",
        state="open",
        topic=topic,
        linked_at=AT,
    )


def _bots() -> dict[int, BotView]:
    revoked = Detail(code="token_revoked", text="Пришлите новый токен.", action="replace_token")
    return {
        BOT_ID: bot_view(
            BOT_ID,
            "Север",
            "sever_bot",
            avatar_url="https://us.example/media/x",
            groups=GroupCounts(total=2, linked=1, titles=("Группа", "Оставленная")),
        ),
        REVOKED_ID: bot_view(
            REVOKED_ID,
            "Юг",
            "yug_bot",
            pipeline=PipelineView(id=None, name=None, state="unknown"),
            status=Status(level="error", title="Токен отозван", details=(revoked,)),
            created_at=None,
        ),
    }


def _groups() -> dict[int, GroupView]:
    left = Detail(code="left", text="Бота нет в группе.")
    return {
        LEFT_ID: GroupView(
            id=LEFT_ID,
            bot_id=BOT_ID,
            title="Оставленная",
            kind="group",
            state="left",
            status=Status(level="error", title="Бота нет в группе", details=(left,)),
            deals=(),
        ),
        GROUP_ID: GroupView(
            id=GROUP_ID,
            bot_id=BOT_ID,
            title="Группа",
            kind="supergroup",
            state="administrator",
            status=OK,
            deals=(deal_view(DEAL_ID, TopicView(id=3, name="Оплата")),),
        ),
    }


@dataclass
class FakeBotDesk:
    """Implements `dealgram.http.api.bot_ports.DeskPort`. `changes` is what it was told; `work` runs before each
    answer."""

    known: dict[int, BotView] = field(default_factory=_bots)
    shown: dict[int, GroupView] = field(default_factory=_groups)
    removed: set[int] = field(default_factory=set)
    changes: list[tuple[Any, ...]] = field(default_factory=list)
    work: Callable[[], Awaitable[None]] = _at_once

    # Bots

    async def bots(self, account_id: int, query: str | None) -> list[BotView]:
        await self.work()
        mine = sorted(self.known.values() if account_id == ACCOUNT_ID else (), key=lambda bot: bot.name)
        if not query:
            return mine
        found = [replace(bot, groups_found=len(self._found(bot.id, query))) for bot in mine]
        return [
            bot for bot in found if bot.groups_found or query.casefold() in f"{bot.name} @{bot.username}".casefold()
        ]

    async def check_token(self, account_id: int, token: str) -> TokenCheck:
        await self.work()
        bot_id = int(read_token(token).partition(":")[0])
        known = self.known.get(bot_id)
        if known is None:
            warning = Remark(code="privacy_mode", text="Бот видит не всё.")
            return TokenCheck(bot=BotCard(id=bot_id, name="Новый", username="new_bot"), warnings=(warning,))
        return TokenCheck(
            bot=BotCard(id=bot_id, name=known.name, username=known.username, avatar_url=known.avatar_url),
            conflict=Remark(code="connected_here", text=bot_texts.connected_here(known.username)),
        )

    async def add(
        self,
        account_id: int,
        token: str,
        *,
        pipeline_id: int | None,
        choices: Mapping[str, Any],
        take_over: bool,
    ) -> BotView:
        await self.work()
        bot_id = int(read_token(token).partition(":")[0])
        if bot_id in self.known:
            raise BotRefusedError("connected_here", bot_texts.connected_here(self.known[bot_id].username))
        self.changes.append((account_id, "bot", bot_id, pipeline_id, dict(choices), take_over))
        self.known[bot_id] = _chosen(bot_view(bot_id, "Новый", "new_bot"), pipeline_id, choices)
        return self.known[bot_id]

    async def edit(
        self,
        account_id: int,
        bot_id: int,
        *,
        token: str | None,
        pipeline_id: int | None,
        choices: Mapping[str, Any],
    ) -> BotView:
        await self.work()
        bot = self._bot(account_id, bot_id)
        if token is not None and not read_token(token).startswith(f"{bot_id}:"):
            raise BotRefusedError("other_bot", bot_texts.other_bot(bot.username))
        self.changes.append((account_id, "edited", bot_id, token is not None, pipeline_id, dict(choices)))
        self.known[bot_id] = _chosen(bot, pipeline_id, choices)
        return self.known[bot_id]

    async def remove(self, account_id: int, bot_id: int) -> Removal | None:
        await self.work()
        if account_id == ACCOUNT_ID and bot_id in self.removed:
            return None
        bot = self._bot(account_id, bot_id)
        self.changes.append((account_id, "removed", bot_id))
        self.removed.add(bot_id)
        del self.known[bot_id]
        self.shown = {key: group for key, group in self.shown.items() if group.bot_id != bot_id}
        return Removal(is_clean=True, groups=bot.groups.linked)

    async def look_again(self, account_id: int, bot_id: int) -> BotView:
        await self.work()
        bot = self._bot(account_id, bot_id)
        self.changes.append((account_id, "looked at", bot_id))
        return bot

    async def take_back(self, account_id: int, bot_id: int) -> BotView:
        await self.work()
        bot = self._bot(account_id, bot_id)
        if bot_id == REVOKED_ID:
            raise BotRefusedError("token_refused", bot_texts.REFUSED)
        self.changes.append((account_id, "taken back", bot_id))
        return bot

    def _bot(self, account_id: int, bot_id: int) -> BotView:
        if account_id != ACCOUNT_ID or bot_id not in self.known:
            raise BotRefusedError("not_connected", bot_texts.NOT_CONNECTED)
        return self.known[bot_id]

    # Groups

    async def groups(
        self, account_id: int, bot_id: int | None, query: str | None, *, limit: int, offset: int
    ) -> GroupPage:
        await self.work()
        if bot_id is not None:
            self._bot(account_id, bot_id)
        found = self._found(bot_id, query) if account_id == ACCOUNT_ID else []
        return GroupPage(groups=tuple(found[offset : offset + limit]), total=len(found))

    async def link(self, account_id: int, user_id: int, group_id: int, deal: str) -> tuple[GroupView, bool]:
        await self.work()
        group = self._group(account_id, group_id)
        if group.state == "left":
            raise ApiProblem(422, "bot_away", "Бота нет в этой группе.", "deal")
        deal_id = int(deal.rpartition("/")[2])
        if deal_id == NO_DEAL_ID:
            raise ApiProblem(422, "deal_not_found", "Такой сделки нет.", "deal")
        if deal_id == TAKEN_DEAL_ID:
            raise ApiProblem(409, "linked_by_other_bot", "Группу уже связал другой бот.", "deal")
        self.changes.append((account_id, "linked", user_id, group_id, deal_id))
        if deal_id == SLOW_DEAL_ID:
            return group, False
        self.shown[group_id] = replace(group, deals=(*group.deals, deal_view(deal_id)))
        return self.shown[group_id], True

    async def unlink(self, account_id: int, user_id: int, group_id: int, deal_id: int) -> tuple[GroupView, bool]:
        await self.work()
        group = self._group(account_id, group_id)
        self.changes.append((account_id, "unlinked", user_id, group_id, deal_id))
        if deal_id == SLOW_DEAL_ID:
            return group, False
        self.shown[group_id] = replace(group, deals=tuple(each for each in group.deals if each.deal_id != deal_id))
        return self.shown[group_id], True

    def _group(self, account_id: int, group_id: int) -> GroupView:
        if account_id != ACCOUNT_ID or group_id not in self.shown:
            raise not_found("Такой группы нет.")
        return self.shown[group_id]

    def _found(self, bot_id: int | None, query: str | None) -> list[GroupView]:
        """The newest first."""
        mine = [group for group in self.shown.values() if bot_id in (None, group.bot_id)]
        return [group for group in mine if (query or "").casefold() in group.title.casefold()]


def _chosen(bot: BotView, pipeline_id: int | None, choices: Mapping[str, Any]) -> BotView:
    pipeline = bot.pipeline if pipeline_id is None else PipelineView(id=pipeline_id, name="Сервис", state="ok")
    return replace(bot, pipeline=pipeline, settings=replace(bot.settings, **choices))
