"""The policies of links, as a table: every choice, both ways, and what holds for all of them."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.choices import AccountSettings
from dealgram.actors.groups.link_policy import (
    DEAL_CLOSED,
    DEAL_DELETED,
    DEAL_MERGED,
    DEAL_MOVED,
    DEAL_REOPENED,
    DEAL_RESTORED,
    DealNow,
    End,
    Follow,
    Keep,
    LetGo,
    Relink,
    judge,
)
from dealgram.persistence.records import Link

LINKED = Link(group_id=1, deal_id=42, account_id=7, pipeline_id=5)
OPEN = DealNow(state="open", name="Кофейня", pipeline_id=5)
WON = DealNow(state="won", name="Кофейня", pipeline_id=5)
LOST = DealNow(state="lost", name="Кофейня", pipeline_id=5)
MOVED = DealNow(state="open", name="Кофейня", pipeline_id=6)
DELETED = DealNow(state="deleted")
MERGED = DealNow(state="deleted", merged_into=43)


def ended(reason: str | None, state: Any = "deleted") -> Link:
    return dataclasses.replace(LINKED, status="unlinked", reason=reason, deal_state=state)


CASES = [
    # what is kept, what the deal is now, the choice that is not the default, the verdict
    (LINKED, OPEN, {}, Keep()),
    (LINKED, WON, {}, Keep()),
    (LINKED, LOST, {"on_deal_closed": "unlink"}, End(DEAL_CLOSED)),
    (LINKED, WON, {"on_deal_closed": "unlink"}, End(DEAL_CLOSED)),
    (dataclasses.replace(LINKED, deal_state="won"), WON, {"on_deal_closed": "unlink"}, Keep()),
    (dataclasses.replace(LINKED, deal_state="won"), LOST, {"on_deal_closed": "unlink"}, Keep()),
    (dataclasses.replace(LINKED, deal_state="lost"), OPEN, {"on_deal_closed": "unlink"}, Keep()),
    (LINKED, DELETED, {}, End(DEAL_DELETED)),
    (LINKED, DELETED, {"on_deal_deleted": "keep"}, Keep()),
    (LINKED, MERGED, {}, Follow(43)),
    (LINKED, MERGED, {"on_deal_merged": "unlink"}, End(DEAL_MERGED)),
    (LINKED, MERGED, {"on_deal_deleted": "keep"}, Follow(43)),
    (LINKED, MOVED, {}, Keep()),
    (LINKED, MOVED, {"on_deal_moved": "unlink"}, End(DEAL_MOVED)),
    (dataclasses.replace(LINKED, pipeline_id=None), MOVED, {"on_deal_moved": "unlink"}, Keep()),
    (ended(DEAL_DELETED), OPEN, {}, Relink(DEAL_RESTORED)),
    (ended(DEAL_DELETED), OPEN, {"on_deal_restored": "stay"}, LetGo()),
    (ended(DEAL_DELETED), WON, {}, Relink(DEAL_RESTORED)),
    (ended(DEAL_DELETED), WON, {"on_deal_closed": "unlink"}, LetGo()),
    (ended(DEAL_DELETED), DELETED, {}, Keep()),
    (ended(DEAL_DELETED), MERGED, {}, Follow(43)),
    (ended(DEAL_DELETED), MERGED, {"on_deal_merged": "unlink"}, End(DEAL_MERGED)),
    (ended(DEAL_CLOSED, "won"), OPEN, {}, Relink(DEAL_REOPENED)),
    (ended(DEAL_CLOSED, "won"), OPEN, {"on_deal_restored": "stay"}, LetGo()),
    (ended(DEAL_CLOSED, "won"), LOST, {}, Keep()),
    (ended(DEAL_CLOSED, "won"), DELETED, {}, Keep()),
    (ended(DEAL_MERGED), OPEN, {}, Keep()),
    (ended(DEAL_MOVED, "open"), OPEN, {}, Keep()),
    (ended(None), OPEN, {}, Keep()),
    (ended(None), MERGED, {}, Keep()),
]


@pytest.mark.parametrize(("link", "now", "choice", "verdict"), CASES)
def test_every_policy_both_ways(link, now, choice, verdict):
    assert judge(link, now, AccountSettings(**choice)) == verdict


_STATES = st.sampled_from(["open", "won", "lost", "deleted"])
_LINKS = st.builds(
    lambda status, reason, state, pipeline: Link(
        group_id=1,
        deal_id=42,
        account_id=7,
        status=status,
        reason=reason,
        deal_state=state,
        pipeline_id=pipeline,
    ),
    st.sampled_from(["linked", "unlinked"]),
    st.sampled_from([None, DEAL_CLOSED, DEAL_DELETED, DEAL_MERGED, DEAL_MOVED, DEAL_RESTORED, DEAL_REOPENED]),
    _STATES,
    st.sampled_from([None, 5, 6]),
)
_NOWS = st.builds(
    lambda state, pipeline, survivor: DealNow(
        state=state, name="x", pipeline_id=pipeline, merged_into=survivor if state == "deleted" else None
    ),
    _STATES,
    st.sampled_from([5, 6]),
    st.sampled_from([None, 43]),
)
_CHOICES = st.fixed_dictionaries(
    {
        "on_deal_closed": st.sampled_from(["keep", "unlink"]),
        "on_deal_deleted": st.sampled_from(["keep", "unlink"]),
        "on_deal_merged": st.sampled_from(["follow", "unlink"]),
        "on_deal_restored": st.sampled_from(["relink", "stay"]),
        "on_deal_moved": st.sampled_from(["keep", "unlink"]),
    }
)


def after(link: Link, now: DealNow, settings: AccountSettings) -> Link:
    """The link as the verdict leaves it, as `link_changes` does."""
    seen = {"deal_state": now.state} | ({} if now.state == "deleted" else {"pipeline_id": now.pipeline_id})
    match judge(link, now, settings):
        case Keep():
            known = seen if link.status == "linked" else {"deal_state": now.state}
            return dataclasses.replace(link, **known)
        case End(reason=reason):
            return dataclasses.replace(link, status="unlinked", reason=reason, merged_into=now.merged_into, **seen)
        case Follow(survivor=survivor):
            return dataclasses.replace(
                link, status="unlinked", reason=DEAL_MERGED, merged_into=survivor, deal_state="deleted"
            )
        case LetGo():
            return dataclasses.replace(link, reason=None, **seen)
        case Relink(reason=reason):
            return dataclasses.replace(link, status="linked", reason=reason, **seen)


@given(_LINKS, _NOWS, _CHOICES)
def test_looking_twice_changes_nothing_more(link, now, choice):
    settings = AccountSettings(**choice)
    once = after(link, now, settings)
    assert judge(once, now, settings) == Keep()
    assert after(once, now, settings) == once


@given(_LINKS, st.lists(_NOWS, max_size=6), _CHOICES)
def test_what_a_person_unlinked_stays_unlinked(link, nows, choice):
    link = dataclasses.replace(link, status="unlinked", reason=None)
    for now in nows:
        link = after(link, now, AccountSettings(**choice))
        assert link.status == "unlinked"
