"""Bots and groups as the settings page shows them. Nothing but what a page may know: no token, no key, no chat id.

The types are the JSON of the API (`/api/v1/bots`, `/api/v1/groups`), field for field.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

import msgspec

Level = Literal["ok", "warning", "error"]
Action = Literal["check", "take_back", "replace_token", "choose_pipeline"]


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to know about a bot or a group. ``text`` says what is so and what to do; ``action`` is the button that
    does it, None where it is done elsewhere."""

    code: str
    text: str
    action: Action | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How a bot or a group is: the badge and what it stands for, the worst first."""

    level: Level
    title: str
    details: tuple[Detail, ...] = ()


class PipelineView(msgspec.Struct, frozen=True, kw_only=True):
    """The pipeline of a bot's new deals. ``unknown``: amoCRM has not said."""

    id: int | None
    name: str | None
    state: Literal["ok", "archived", "deleted", "unknown"]


class GroupCounts(msgspec.Struct, frozen=True, kw_only=True):
    """A bot's groups: how many, how many of them are linked to deals, and the titles of up to three."""

    total: int = 0
    linked: int = 0
    titles: tuple[str, ...] = ()


class BotChoices(msgspec.Struct, frozen=True, kw_only=True):
    """What administrators chose for a bot: what happens with people who are new in private."""

    unsorted: bool
    deal_title: str
    deal_tags: tuple[str, ...]


class BotView(msgspec.Struct, frozen=True, kw_only=True):
    """A bot. ``groups_found``: how many of its groups match what was searched for."""

    id: int
    name: str
    username: str
    link: str
    avatar_url: str | None
    pipeline: PipelineView
    status: Status
    groups: GroupCounts
    groups_found: int | msgspec.UnsetType = msgspec.UNSET
    settings: BotChoices
    invite_url: str
    created_at: dt.datetime | None


class CountsView(msgspec.Struct, frozen=True, kw_only=True):
    """How much there is. `attention`: bots whose level is not `ok`."""

    bots: int
    groups: int
    linked_groups: int
    attention: int


class TopicView(msgspec.Struct, frozen=True, kw_only=True):
    """The forum topic that a deal is linked to by itself."""

    id: int
    name: str


class DealView(msgspec.Struct, frozen=True, kw_only=True):
    """A deal that a group is linked to."""

    deal_id: int
    name: str
    url: str
    state: Literal["open", "won", "lost", "deleted"]
    topic: TopicView | None
    linked_at: dt.datetime | None


class GroupView(msgspec.Struct, frozen=True, kw_only=True):
    """A Telegram group, as one bot sees it, with its deals in the order of linking."""

    id: int
    bot_id: int
    title: str
    kind: Literal["group", "supergroup"]
    state: Literal["member", "administrator", "left"]
    status: Status
    deals: tuple[DealView, ...]


class BotCard(msgspec.Struct, frozen=True, kw_only=True):
    """A bot that may not be connected yet."""

    id: int
    name: str
    username: str
    avatar_url: str | None = None


class Remark(msgspec.Struct, frozen=True, kw_only=True):
    """Something to know before a bot is connected."""

    code: str
    text: str


class TokenCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What a token opens. ``warnings`` stand in nobody's way; ``conflict`` does."""

    bot: BotCard
    warnings: tuple[Remark, ...] = ()
    conflict: Remark | None = None
