"""What becomes of a group's link when something happens to its deal: the account's choices as one pure function.

The table with reasons for people is docs/link-policies.md. Every answer depends only on the link as it is kept and on
the deal as it is now, never on what a hook said: hooks may be lost, late, doubled or in another order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from dealgram.actors.choices import AccountSettings
from dealgram.gateways.amocrm import WON, Lead
from dealgram.persistence.records import Link

DealState = Literal["open", "won", "lost", "deleted"]

DEAL_CLOSED: Final = "deal_closed"
DEAL_DELETED: Final = "deal_deleted"
DEAL_MERGED: Final = "deal_merged"
DEAL_MOVED: Final = "deal_moved"
OTHER_BOT: Final = "other_bot"
"""While the bot was away from the group, another bot of ours there was linked to the deal."""
DEAL_RESTORED: Final = "deal_restored"
DEAL_REOPENED: Final = "deal_reopened"

CLOSED_STATES = ("won", "lost")


@dataclass(frozen=True, slots=True, kw_only=True)
class DealNow:
    """A deal as amoCRM shows it at this moment. ``merged_into`` is told of deleted ones only."""

    state: DealState
    name: str = ""
    pipeline_id: int | None = None
    merged_into: int | None = None

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED_STATES


@dataclass(frozen=True, slots=True)
class Keep:
    """The link stays as it is; what is known of the deal is brought up to date."""


@dataclass(frozen=True, slots=True)
class End:
    """The group is unlinked from the deal."""

    reason: str


@dataclass(frozen=True, slots=True)
class Follow:
    """The link goes over to the deal that this one was merged into."""

    survivor: int


@dataclass(frozen=True, slots=True)
class Relink:
    """The group is linked again: what ended the link is undone."""

    reason: str


@dataclass(frozen=True, slots=True)
class LetGo:
    """The link had ended because of the deal; from now on it counts as ended for good."""


Verdict = Keep | End | Follow | Relink | LetGo


def deal_state(lead: Lead) -> DealState:
    """The state of a deal that is there."""
    if not lead.is_closed:
        return "open"
    return "won" if lead.status_id == WON else "lost"


def judge(link: Link, now: DealNow, settings: AccountSettings) -> Verdict:
    """Decide what becomes of a link."""
    if link.status == "linked":
        return _judge_linked(link, now, settings)
    match link.reason:
        case "deal_deleted":
            return _judge_deleted(now, settings)
        case "deal_closed" if now.state == "open":
            return _again(DEAL_REOPENED, settings)
        case _:
            return Keep()


def _judge_linked(link: Link, now: DealNow, settings: AccountSettings) -> Verdict:
    if now.state == "deleted":
        if now.merged_into is not None:
            return _merged(now.merged_into, settings)
        return End(DEAL_DELETED) if settings.on_deal_deleted == "unlink" else Keep()
    # A deal may be linked when it is closed already, or be kept and the setting changed later: only closing counts.
    if now.is_closed and link.deal_state not in CLOSED_STATES and settings.on_deal_closed == "unlink":
        return End(DEAL_CLOSED)
    moved = None not in (link.pipeline_id, now.pipeline_id) and link.pipeline_id != now.pipeline_id
    if moved and settings.on_deal_moved == "unlink":
        return End(DEAL_MOVED)
    return Keep()


def _judge_deleted(now: DealNow, settings: AccountSettings) -> Verdict:
    """The link ended because the deal was deleted."""
    if now.state == "deleted":
        # A merger may look like a deletion at first: amoCRM tells of its two halves in any order.
        return Keep() if now.merged_into is None else _merged(now.merged_into, settings)
    if now.is_closed and settings.on_deal_closed == "unlink":
        return LetGo()
    return _again(DEAL_RESTORED, settings)


def _merged(survivor: int, settings: AccountSettings) -> Verdict:
    return Follow(survivor) if settings.on_deal_merged == "follow" else End(DEAL_MERGED)


def _again(reason: str, settings: AccountSettings) -> Verdict:
    return Relink(reason) if settings.on_deal_restored == "relink" else LetGo()
