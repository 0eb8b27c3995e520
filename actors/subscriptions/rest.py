"""What rests while an account has lapsed: one table for every kind of row. Pure.

Nothing goes to amoCRM or comes from there, except that a manager is told why an answer was not sent. What people write
waits; what managers do is refused or let go, also afterwards if they did it during the lapse. Between people and the
bot in Telegram nothing changes, and the account's own affairs (its tokens, its setup, its removal) go on.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import Enum

from dealgram.actors.account_bodies import CompareChat, PlanRepair
from dealgram.actors.bodies import (
    AddNote,
    AttachDeal,
    AttachPerson,
    DetachDeal,
    EditMessage,
    FindAdopted,
    FollowPerson,
    LookForContact,
    MirrorAnswer,
    PostEmployee,
    PostMessage,
    ReviewContact,
    ReviewDeal,
    SendAnswer,
)
from dealgram.actors.body_parts import Body
from dealgram.actors.gesture_bodies import FindReacted, ReactInCard, ShowReaction
from dealgram.actors.subscriptions.state import Subscription


class Rest(Enum):
    """What becomes of a row that is to be carried out."""

    GO_ON = "go on"
    WAIT = "wait"
    """For the payment."""
    REFUSE = "refuse"
    """Somebody is told that it is not done."""
    LET_GO = "let go"
    """Nobody misses it, or the review after the payment makes up for it."""


RESTING: Mapping[type[Body], Rest] = {
    **dict.fromkeys((PostMessage, PostEmployee, EditMessage, MirrorAnswer, ReactInCard), Rest.WAIT),
    **dict.fromkeys((AttachDeal, DetachDeal, AttachPerson, FollowPerson, AddNote), Rest.WAIT),
    **dict.fromkeys((LookForContact, FindAdopted, ReviewContact), Rest.WAIT),
    **dict.fromkeys((PlanRepair, CompareChat), Rest.WAIT),
    **dict.fromkeys((FindReacted, ShowReaction, ReviewDeal), Rest.LET_GO),
    SendAnswer: Rest.REFUSE,
}
"""Every other kind of row goes on."""

_A_SECOND = dt.timedelta(seconds=1)


def rest_of(body: Body, subscription: Subscription, now: dt.datetime) -> Rest:
    """What becomes of a row now."""
    rest = RESTING.get(type(body), Rest.GO_ON)
    if rest is Rest.GO_ON or subscription.is_lapsed(now):
        return rest
    # What a manager did during a lapse comes late: the hook was still on its way, or was found missing afterwards.
    done_at = _done_by_manager(body)
    return rest if done_at is not None and subscription.was_lapsed(min(done_at, now)) else Rest.GO_ON


def was_kept(written_ms: int, decided_at: dt.datetime, subscription: Subscription) -> bool:
    """Whether a message waited through a lapse, or was written during one: it is imported without anybody's notice.

    ``written_ms`` by Telegram's clock (Unix ms, of whole seconds), ``decided_at`` by the database's.
    """
    resumed_at = subscription.resumed_at
    if resumed_at is None:
        return False
    return decided_at < resumed_at or _at(written_ms) + _A_SECOND <= resumed_at


def _done_by_manager(body: Body) -> dt.datetime | None:
    match body:
        case SendAnswer(sent_at_ms=at_ms):
            return _at(at_ms)
        case FindReacted(at_s=at_s) | ShowReaction(at_s=at_s):
            return _at(at_s * 1000)
        case _:
            return None


def _at(ms: int) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
    except (OverflowError, ValueError, OSError):  # a time that somebody outside made up
        return dt.datetime.max.replace(tzinfo=dt.UTC) - _A_SECOND if ms > 0 else dt.datetime.min.replace(tzinfo=dt.UTC)
