"""The conversation policy as a function: every combination, held by properties."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.groups.plan import Policy, mirrors, plan
from dealgram.actors.names import GroupConversation

DEALS = st.lists(st.integers(1, 10**9), unique=True, max_size=6)
PEOPLE = st.none() | st.integers(1, 2**52)
POLICIES = st.sampled_from(Policy)


@pytest.mark.parametrize(
    ("policy", "sender", "expected"),
    [
        (Policy.DEAL_PARTICIPANT, 7, {"g1-d10-u7", "g1-d20-u7"}),
        (Policy.DEAL, 7, {"g1-d10", "g1-d20"}),
        (Policy.PARTICIPANT, 7, {"g1-u7"}),
        (Policy.DEAL_PARTICIPANT, None, {"g1-d10", "g1-d20"}),
        (Policy.DEAL, None, {"g1-d10", "g1-d20"}),
        (Policy.PARTICIPANT, None, {"g1-d10", "g1-d20"}),
    ],
)
def test_the_plan_of_two_deals(policy, sender, expected):
    assert {str(one) for one in plan(1, [10, 20], sender, policy)} == expected


@given(DEALS, PEOPLE, POLICIES)
def test_every_deal_is_served_exactly_once_or_by_one_shared_conversation(deals, sender, policy):
    conversations = plan(1, deals, sender, policy)
    shared = [one for one in conversations if one.deal_id is None]
    if not deals:
        assert conversations == frozenset()
    elif shared:
        assert policy is Policy.PARTICIPANT
        assert conversations == {GroupConversation(1, None, sender)}
    else:
        assert sorted(one.deal_id for one in conversations) == sorted(deals)


@given(DEALS, st.integers(1, 2**52), POLICIES)
def test_unlinking_a_deal_takes_its_conversations_away_and_no_others(deals, sender, policy):
    for deal in deals:
        rest = [one for one in deals if one != deal]
        before, after = plan(1, deals, sender, policy), plan(1, rest, sender, policy)
        if rest:
            assert after == frozenset(one for one in before if one.deal_id != deal)
        else:
            assert after == frozenset()


@given(DEALS, st.integers(1, 10**9), PEOPLE)
def test_an_answer_is_imported_into_every_other_deal_and_never_into_its_own(deals, origin, sender):
    targets = mirrors(1, deals, GroupConversation(1, origin, sender))
    assert {one.deal_id for one in targets} == set(deals) - {origin}
    assert all(one.user_id is None and one.group_id == 1 for one in targets)


def test_an_answer_in_a_conversation_that_all_deals_share_is_imported_nowhere():
    assert mirrors(1, [10, 20], GroupConversation(1, None, 7)) == frozenset()
