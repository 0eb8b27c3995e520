"""What a group actor remembers: every change gives the rows that keep it, and none when nothing changed."""

from __future__ import annotations

import dataclasses

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from dealgram.actors.groups.group_state import DIALOG_LIFE_S, GroupState
from dealgram.actors.groups.topics import TopicHeard
from dealgram.persistence.records import ChatAlias, Group, Link, Participant, Topic, TopicPerson

ROW = Group(group_id=1, account_id=2, bot_id=3, chat_id=-100, title="Кофейня")


def state(**row) -> GroupState:
    return GroupState.of(dataclasses.replace(ROW, **row), (), ())


def test_linked_deals_stand_in_the_order_of_linking_and_a_relinked_one_at_the_end():
    group = state()
    for deal in (30, 10, 20):
        group.link(deal, f"Сделка {deal}", 5)
    group.unlink(30)
    assert group.deals == (10, 20)
    assert not group.is_linked(30)
    group.link(30, "Сделка 30", 5)
    assert group.deals == (10, 20, 30)


def test_a_deal_without_a_name_is_named_by_its_number():
    group = state()
    group.link(30, "", None)
    assert group.deal_name(30) == group.deal_name(31).replace("31", "30") == "Сделка № 30"


def test_an_upgrade_is_noted_once_under_both_ids():
    group = state()
    rows = group.migrate(-1001)
    assert [row.chat_id for row in rows if isinstance(row, ChatAlias)] == [-100, -1001]
    assert (group.row.chat_id, group.row.kind) == (-1001, "supergroup")
    assert group.migrate(-1001) == ()


def test_a_bot_that_left_the_old_chat_is_a_member_of_the_new_one():
    group = state(status="left")
    group.migrate(-1001)
    assert group.row.status == "member"
    group = state(status="administrator")
    group.migrate(-1001)
    assert group.row.status == "administrator"


def test_what_was_written_before_an_upgrade_makes_no_basic_group_of_it_again():
    group = state(kind="supergroup")
    assert group.rename("Кофейня", "group") == ()
    assert group.rename(None, "group") == ()
    (row,) = group.rename("Кофейня 2", "group")
    assert (row.title, row.kind) == ("Кофейня 2", "supergroup")


def test_nothing_new_about_a_person_writes_nothing():
    group = state()
    assert group.saw(5, "Анна", "anna") != ()
    assert group.saw(5, "Анна", "anna") == ()
    (row,) = group.saw(5, "Анна", "anna", present=False)
    assert isinstance(row, Participant)
    assert group.present_people == ()


def test_a_dialog_ends_by_itself():
    group = state()
    group.open_dialog(5, 1000)
    assert set(group.dialogs(1000 + DIALOG_LIFE_S - 1)) == {5}
    assert group.dialogs(1000 + DIALOG_LIFE_S) == {}


def test_a_question_that_was_answered_meanwhile_is_not_noted():
    group = state()
    group.open_dialog(5, 1000)
    group.close_dialog(5, 1001)
    assert group.asked(5, 77, 1002) == ()
    assert group.row.dialog is None


class Remembering(RuleBasedStateMachine):
    """The rows of all changes, kept like the database keeps them, give the same state again."""

    DEALS = st.integers(1, 4)
    PEOPLE = st.integers(1, 3)
    THREADS = st.sampled_from([None, 1, 20, 30])
    NAMES = st.sampled_from(["", "Дизайн", "Оплата"])

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000
        self.state = GroupState.of(ROW, (), ())
        self.row = ROW
        self.links: dict[int, Link] = {}
        self.people: dict[int, Participant] = {}
        self.topics: dict[int, Topic] = {}
        self.writers: set[TopicPerson] = set()

    def keep(self, rows) -> None:
        for row in rows:
            match row:
                case Group():
                    self.row = row
                case Link():
                    if self.links.get(row.deal_id, row).status == "unlinked":
                        self.links.pop(row.deal_id, None)  # linked_at is renewed when the status changes
                    self.links[row.deal_id] = row
                case Participant():
                    self.people[row.user_id] = row
                case Topic():
                    self.topics[row.thread_id] = row
                case TopicPerson():
                    assert row not in self.writers
                    self.writers.add(row)

    @rule(deal=DEALS, thread=THREADS)
    def link(self, deal, thread) -> None:
        if not self.state.is_linked(deal):
            self.keep(self.state.link(deal, f"Сделка {deal}", 1, thread=thread))

    @rule(thread=THREADS, user=PEOPLE, first=NAMES, name=NAMES, closed=st.none() | st.booleans())
    def hear(self, thread, user, first, name, closed) -> None:
        self.keep(self.state.topics.hear(thread, TopicHeard(name=name, first_name=first, is_closed=closed)))
        self.keep(self.state.topics.saw(thread, user))

    @rule(deal=DEALS)
    def unlink(self, deal) -> None:
        if self.state.is_linked(deal):
            self.keep(self.state.unlink(deal))

    @rule(user=PEOPLE, present=st.booleans())
    def see(self, user, present) -> None:
        self.keep(self.state.saw(user, f"Человек {user}", None, present=present))

    @rule(user=PEOPLE, thread=THREADS, topic=THREADS)
    def ask(self, user, thread, topic) -> None:
        self.keep(self.state.open_dialog(user, self.now, thread=thread, topic=topic))

    @rule(user=PEOPLE, question=st.integers(1, 99))
    def asked(self, user, question) -> None:
        self.keep(self.state.asked(user, question, self.now))

    @rule(user=PEOPLE)
    def close(self, user) -> None:
        self.keep(self.state.close_dialog(user, self.now))

    @rule(seconds=st.integers(1, DIALOG_LIFE_S))
    def wait(self, seconds) -> None:
        self.now += seconds

    @rule(chat=st.sampled_from([-100, -1001, -1002]))
    def migrate(self, chat) -> None:
        self.keep(self.state.migrate(chat))

    @rule(status=st.sampled_from(["member", "administrator", "left"]))
    def status(self, status) -> None:
        self.keep(self.state.set_status(status))

    @invariant()
    def a_new_life_knows_the_same(self) -> None:
        linked = [link for link in self.links.values() if link.status == "linked"]
        again = GroupState.of(self.row, linked, self.people.values(), self.topics.values(), self.writers)
        assert again.row == self.state.row
        assert again.deals == self.state.deals
        assert again.participants == self.state.participants
        assert again.dialogs(self.now) == self.state.dialogs(self.now)
        assert again.topics == self.state.topics
        for thread in (None, 1, 20, 30):
            assert again.deals_of(thread) == self.state.deals_of(thread)


TestRemembering = Remembering.TestCase
TestRemembering.settings = settings(max_examples=60, stateful_step_count=30)
