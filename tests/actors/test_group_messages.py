"""What a group does with a message, without any outside world."""

from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.bodies import AttachDeal, AttachPerson, CheckDeal, EditMessage, PostMessage, Say
from dealgram.actors.body_parts import Author
from dealgram.actors.choices import AccountSettings
from dealgram.actors.groups.group_edits import decide_edit
from dealgram.actors.groups.group_messages import Surroundings, decide_message, group_lines
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.plan import Policy
from dealgram.actors.reading.authors import chat_author_id
from dealgram.actors.reading.incoming import Incoming, Someone
from dealgram.actors.registry import AccountInfo, BotInfo
from dealgram.persistence.messages import Place
from dealgram.persistence.records import Account, Bot, Group, Original

CHAT = -100
HOST = "https://sever.amocrm.ru"
NOW = 1_700_000_000


def around(policy: Policy = Policy.DEAL_PARTICIPANT, **more) -> Surroundings:
    account = Account(account_id=2, host=HOST, subdomain="sever")
    bot = Bot(
        bot_id=3,
        account_id=2,
        token=b"",
        username="sever_bot",
        name="Север",
        external_id="tgb-3",
        webhook_key="k",
        webhook_secret=b"",
    )
    return Surroundings(
        account=AccountInfo(row=account, settings=AccountSettings(policy=policy)),
        bot=BotInfo(row=bot, token="", webhook_secret=""),
        now=NOW,
        **more,
    )


def group(*deals: int) -> GroupState:
    state = GroupState.of(Group(group_id=1, account_id=2, bot_id=3, chat_id=CHAT, title="Кофейня"), (), ())
    for deal in deals:
        state.link(deal, f"Сделка {deal}", 5)
    return state


def says(text: str, *, user: int = 5, message: int = 10, **more) -> Incoming:
    author = Author(id=f"tgu-{user}", name=f"Человек {user}", user_id=user)
    fields = {"author": author, "line": text, "chat_title": "Кофейня", "chat_kind": "group"} | more
    return Incoming(chat_id=CHAT, message_id=message, sent_at_ms=NOW * 1000 + message, text=text, **fields)


def bodies(decision, kind=object) -> list:
    return [new.body for new in decision.todo if isinstance(new.body, kind)]


def posted(decision) -> set[str]:
    return {body.conversation for body in bodies(decision, PostMessage)}


def test_words_go_to_the_linked_deals_and_nothing_is_said_in_the_group():
    decision = decide_message(group(10, 20), says("Привет"), around())
    assert posted(decision) == {"g1-d10-u5", "g1-d20-u5"}
    assert bodies(decision, Say) == []
    assert {new.lane for new in decision.todo} == posted(decision)


@pytest.mark.parametrize("text", ["/menu", "/MENU@Sever_Bot", "/start@sever_bot payload", "@sever_bot", " @SEVER_BOT "])
def test_words_for_the_bot_alone_open_the_menu_and_stay_out_of_the_cards(text):
    decision = decide_message(group(10), says(text), around())
    assert posted(decision) == set()
    (menu,) = bodies(decision, Say)
    assert menu.reply_to_message_id == 10


@pytest.mark.parametrize("text", ["/menu@other_bot", "/help", "a/menu", "@sever_bot2"])
def test_words_for_others_are_words_of_the_group(text):
    decision = decide_message(group(10), says(text), around())
    assert posted(decision) == {"g1-d10-u5"}


def test_another_bots_words_go_nowhere_but_its_arrival_is_a_line():
    assert decide_message(group(10), says("бип", from_bot=True), around()).todo == ()
    line = decide_message(group(10), says("➕", service=True, from_bot=True), around())
    (body,) = bodies(line, PostMessage)
    assert (body.conversation, body.silent, body.author.id) == ("g1-d10", True, "tgg-1-d10")


def test_somebody_who_is_no_person_speaks_as_the_group_with_the_title():
    author = Author(id="tgc--500", name="Новости")
    (body,) = bodies(decide_message(group(10), says("Открылись", author=author), around()), PostMessage)
    assert (body.conversation, body.text, body.author.name) == ("g1-d10", "Новости: Открылись", "Кофейня")


class TestDialog:
    def asked(self, *deals: int, question: int | None = 50) -> GroupState:
        state = group(*deals)
        state.open_dialog(5, NOW)
        if question is not None:
            state.asked(5, question, NOW)
        return state

    def test_an_answer_is_checked_and_is_no_word_of_the_group(self):
        for more in ({"reply_to": 50, "reply_to_own_bot": True}, {}):
            decision = decide_message(self.asked(10), says("777", **more), around())
            (check,) = bodies(decision)
            assert (check.deal_id, check.user_id) == (777, 5)

    def test_an_answer_may_overtake_the_note_of_the_question(self):
        decision = decide_message(
            self.asked(10, question=None), says("№ 777", reply_to=50, reply_to_own_bot=True), around()
        )
        assert isinstance(bodies(decision)[0], CheckDeal)

    def test_an_earlier_question_of_the_dialog_counts_too(self):
        decision = decide_message(self.asked(10), says("777", reply_to=49, reply_to_own_bot=True), around())
        assert isinstance(bodies(decision)[0], CheckDeal)

    def test_a_number_in_reply_to_a_manager_or_another_person_is_for_them(self):
        relayed = around(reply_is_relayed=True)
        answer = says("777", reply_to=30, reply_to_own_bot=True)
        assert posted(decide_message(self.asked(10), answer, relayed)) == {"g1-d10-u5"}
        assert posted(decide_message(self.asked(10), says("777", reply_to=31), around())) == {"g1-d10-u5"}

    def test_what_cannot_be_read_is_asked_again(self):
        state = self.asked(10)
        (again,) = bodies(decide_message(state, says("не знаю", reply_to=50, reply_to_own_bot=True), around()))
        assert again.force_reply
        assert (again.reply_to_message_id, again.dialog_user_id) == (10, 5)
        assert 5 in state.dialogs(NOW)

    def test_somebody_elses_number_is_a_word_of_the_group(self):
        assert posted(decide_message(self.asked(10), says("777", user=6), around())) == {"g1-d10-u6"}

    def test_an_expired_dialog_reads_nothing(self):
        late = dataclasses.replace(around(), now=NOW + 10_000)
        assert posted(decide_message(self.asked(10), says("777"), late)) == {"g1-d10-u5"}

    def test_an_anonymous_administrator_answers_by_reply_but_a_channel_does_not(self):
        anonymous = Author(id=chat_author_id(CHAT), name="Администратор")
        reply = says("777", author=anonymous, reply_to=50, reply_to_own_bot=True)
        (check,) = bodies(decide_message(self.asked(10), reply, around()))
        assert check.user_id == 5
        channel = Author(id=chat_author_id(-500), name="Новости")
        reply = says("777", author=channel, reply_to=50, reply_to_own_bot=True)
        assert bodies(decide_message(self.asked(10), reply, around()), CheckDeal) == []


def test_newcomers_contacts_come_by_themselves_only_where_all_share_a_conversation():
    newcomer = says("Привет", user=9)
    assert bodies(decide_message(group(10), newcomer, around()), AttachPerson) == []
    state = group(10)
    state.note_policy(Policy.DEAL)
    (attach,) = bodies(decide_message(state, newcomer, around(Policy.DEAL)), AttachPerson)
    assert attach.user_id == 9
    assert bodies(decide_message(state, newcomer, around(Policy.DEAL)), AttachPerson) == []
    assert bodies(decide_message(group(), newcomer, around(Policy.DEAL)), AttachPerson) == []
    joined = says("➕", user=9, service=True, joined=(Someone(11, "Пётр"), Someone(12, "Олег")))
    assert [body.user_id for body in bodies(decide_message(state, joined, around(Policy.DEAL)), AttachPerson)] == [
        11,
        12,
    ]


def places(decision) -> set[Place]:
    return {Place(body.conversation, body.msgid) for body in bodies(decision, PostMessage)}


@given(st.sampled_from(Policy), st.sets(st.integers(1, 9), max_size=4), st.integers(1, 5))
def test_an_edit_goes_where_its_message_went_under_whatever_policy(policy, deals, user):
    state = group(*deals)
    new = decide_message(state, says("Привет", user=user), around(policy))
    edit = decide_edit(state, says("Привет!", user=user), places(new))
    assert places(new) == {Place(body.conversation, body.msgid) for body in bodies(edit, EditMessage)}
    assert all(body.text in ("Привет!", f"Человек {user}: Привет!") for body in bodies(edit, EditMessage))
    assert {new.lane for new in edit.todo} == posted(new)


def test_an_edit_stays_out_of_deals_that_are_linked_no_more():
    state = group(10, 20)
    new = decide_message(state, says("Привет"), around())
    state.unlink(10)
    (edit,) = bodies(decide_edit(state, says("Привет!"), places(new)), EditMessage)
    assert edit.conversation == "g1-d20-u5"
    shared = {Place("g1-u5", "tg-3--100-10")}
    assert len(bodies(decide_edit(state, says("Привет!"), shared))) == 1
    state.unlink(20)
    assert bodies(decide_edit(state, says("Привет!"), shared)) == []


def test_an_edit_keeps_the_name_where_people_share_a_conversation_and_none_in_an_outgoing_one():
    shared = {Place("g1-d10", "tg-3--100-10-d10"), Place("g1-d20", "e", is_outgoing=True)}
    edits = bodies(decide_edit(group(10, 20), says("Привет!"), shared), EditMessage)
    assert [body.text for body in edits] == ["Человек 5: Привет!", "Привет!"]


def test_what_is_answered_goes_along_for_conversations_that_lack_it():
    reply = says("Синий", reply_to=7, quoted="↩️ Мария: Какой цвет?")
    (body,) = bodies(decide_message(group(10), reply, around()), PostMessage)
    assert (body.text, body.reply_to_message_id, body.quoted) == ("Синий", 7, "↩️ Мария: Какой цвет?")
    (edit,) = bodies(decide_edit(group(10), reply, {Place("g1-d10-u5", body.msgid)}), EditMessage)
    assert (edit.text, edit.reply_to_message_id, edit.quoted) == ("Синий", 7, "↩️ Мария: Какой цвет?")


class TestSwitch:
    """A change of the account's policy, as a group notices it with its next message."""

    def switched(self, policy: Policy, *, deals=(10, 20)):
        state = group(*deals)
        decide_message(state, says("Раз"), around())
        return state, decide_message(state, says("Два", message=11), around(policy))

    @pytest.mark.parametrize("policy", [Policy.DEAL, Policy.PARTICIPANT])
    def test_contacts_come_into_the_deals_at_once(self, policy):
        state, decision = self.switched(policy)
        assert [body.deal_id for body in bodies(decision, AttachDeal)] == [10, 20]
        assert [row.policy for row in decision.rows if isinstance(row, Group)] == [policy]
        again = decide_message(state, says("Три", message=12), around(policy))
        assert bodies(again, AttachDeal) == []
        assert [row for row in again.rows if not isinstance(row, Original)] == []

    def test_back_to_the_default_they_come_with_their_conversations(self):
        state, _ = self.switched(Policy.DEAL)
        back = decide_message(state, says("Три", message=12), around())
        assert bodies(back, AttachDeal) == []
        assert [row.policy for row in back.rows if isinstance(row, Group)] == [Policy.DEAL_PARTICIPANT]

    def test_somebody_who_is_back_is_attached_where_conversations_are_older_than_links(self):
        state, _ = self.switched(Policy.PARTICIPANT)
        decide_message(state, says("➖", service=True, left=Someone(5, "Человек 5")), around(Policy.PARTICIPANT))
        back = decide_message(state, says("Снова я"), around(Policy.PARTICIPANT))
        assert [body.user_id for body in bodies(back, AttachPerson)] == [5]
        stranger = decide_message(state, says("Привет", user=9), around(Policy.PARTICIPANT))
        assert bodies(stranger, AttachPerson) == []  # the contact comes with the conversation


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("says"), st.integers(1, 3)),
        st.tuples(st.just("link"), st.integers(1, 4)),
        st.tuples(st.just("unlink"), st.integers(1, 4)),
        st.tuples(st.just("note"), st.just(0)),
    ),
    max_size=40,
)


@given(OPERATIONS, st.sampled_from([Policy.DEAL_PARTICIPANT, Policy.DEAL]))
def test_every_deal_gets_exactly_what_was_written_while_it_was_linked(operations, policy):
    state = group()
    model: dict[int, list[str]] = {}
    lanes: dict[str, list[PostMessage]] = {}
    linked: set[int] = set()
    for number, (what, which) in enumerate(operations, 1):
        todo = ()
        match what:
            case "says":
                todo = decide_message(state, says(f"Слово {number}", user=which, message=number), around(policy)).todo
                for deal in linked:
                    model.setdefault(deal, []).append(f"Слово {number}")
            case "note":
                todo = group_lines(state, f"Слово {number}", f"e{number}", NOW * 1000)
                for deal in linked:
                    model.setdefault(deal, []).append(f"Слово {number}")
            case "link" if which not in linked:
                state.link(which, "", 1)
                linked.add(which)
            case "unlink" if which in linked:
                state.unlink(which)
                linked.remove(which)
        for new in todo:
            if isinstance(new.body, PostMessage):
                assert new.lane == new.body.conversation
                lanes.setdefault(new.lane, []).append(new.body)

    cards: dict[int, list[PostMessage]] = {}
    for conversation, lane in lanes.items():
        deal = int(re.search(r"-d(\d+)", conversation)[1])
        cards.setdefault(deal, []).extend(lane)
        numbers = [int(body.text.rpartition(" ")[2]) for body in lane]
        assert numbers == sorted(numbers), "in order within a conversation"
    found = {
        deal: sorted((body.text.rpartition(": ")[2] for body in bodies), key=lambda text: int(text.split()[1]))
        for deal, bodies in cards.items()
    }
    assert found == model
    every = [body.msgid for lane in lanes.values() for body in lane]
    assert len(every) == len(set(every)), "no two posts share an id"
