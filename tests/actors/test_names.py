"""The names that go out to amoCRM and come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.names import (
    GroupConversation,
    PrivateConversation,
    answer_msgid,
    group_person_id,
    mirror_msgid,
    parse_conversation,
    read_bot_key,
    service_msgid,
    source_external_id,
    telegram_msgid,
)

IDS = st.integers(min_value=1, max_value=2**63 - 1)
TELEGRAM_IDS = st.integers(min_value=1, max_value=2**52 - 1)
PRIVATE = st.builds(PrivateConversation, IDS, IDS)
GROUP = st.builds(GroupConversation, IDS, st.none() | IDS, st.none() | IDS).filter(
    lambda one: one.deal_id is not None or one.user_id is not None
)


@given(PRIVATE | GROUP)
def test_a_conversation_that_comes_back_is_the_one_that_went_out(conversation):
    assert parse_conversation(str(conversation)) == conversation


@given(PRIVATE | GROUP, PRIVATE | GROUP)
def test_different_conversations_have_different_names(one, other):
    assert (str(one) == str(other)) == (one == other)


@given(st.text(alphabet="pgdu-0123456789 ١", max_size=24))
def test_what_is_read_as_ours_is_exactly_what_we_issue(text):
    found = parse_conversation(text)
    assert found is None or str(found) == text


@given(st.text())
def test_any_text_can_be_asked(text):
    parse_conversation(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p1",
        "p0-1",
        "p01-1",
        "p1-1 ",
        " p1-1",
        "p1-1\n",
        "P1-1",
        "p-1-1",
        "p1-1-1",
        "p١-1",
        "g1",
        "g1-d0",
        "g1-u1-d1",
        "g1-d1-u1-u2",
        f"p{2**63}-1",
        f"g1-d{2**63}",
        "p" + "9" * 400 + "-1",
    ],
)
def test_what_we_never_issue_is_not_ours(text):
    assert parse_conversation(text) is None


def test_the_owner_of_a_conversation_is_the_actor_that_answers_for_it():
    assert str(PrivateConversation(7, 5).owner(31)) == "bot:31-7"
    assert read_bot_key("31-7") == (31, 7)
    assert str(GroupConversation(3, 9, 5).owner(31)) == "group:3"


def test_names_are_what_the_documents_say():
    private, group = PrivateConversation(7, 5), GroupConversation(3, 9, 5)
    assert [str(private), str(group), str(GroupConversation(3, 9)), str(GroupConversation(3, None, 5))] == [
        "p7-5",
        "g3-d9-u5",
        "g3-d9",
        "g3-u5",
    ]
    assert telegram_msgid(7, 5, 11, private) == "tg-7-5-11"
    assert telegram_msgid(7, -100, 11, group) == "tg-7--100-11-d9"
    assert source_external_id(7) == "tgb-7"
    assert answer_msgid("abc", 2) == "amo-abc-2"
    assert mirror_msgid("abc", 9) == "amo-abc-d9"
    assert service_msgid("e4", private) == "sys-e4-p7-5"


@given(GROUP, GROUP, st.integers(1, 2**31), st.integers(1, 2**31))
def test_posts_of_one_message_differ_by_deal_and_posts_of_two_messages_differ(one, other, first, second):
    same = telegram_msgid(7, -100, first, one) == telegram_msgid(7, -100, second, other)
    assert same == (first == second and one.deal_id == other.deal_id)


@given(TELEGRAM_IDS, TELEGRAM_IDS, IDS, IDS)
def test_names_fit_into_what_amocrm_is_known_to_take(bot_id, user_id, group_id, deal_id):
    group = GroupConversation(group_id, deal_id, user_id)
    assert len(source_external_id(bot_id)) <= 36
    for name in (str(PrivateConversation(bot_id, user_id)), str(group), group_person_id(group)):
        assert name.isascii()
        assert name.isprintable()
        assert len(name) <= 64
