"""Forum topics: what is learned of them, and which deals what is said in them belongs to."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dealgram.actors.bodies import AttachPerson, CheckDeal, PostEmployee, PostMessage, Say
from dealgram.actors.body_parts import Author
from dealgram.actors.choices import AccountSettings
from dealgram.actors.groups import menu, topic_texts
from dealgram.actors.groups.group_edits import decide_edit
from dealgram.actors.groups.group_messages import Surroundings, decide_message
from dealgram.actors.groups.group_state import GroupState
from dealgram.actors.groups.plan import Policy, mirrors, plan
from dealgram.actors.groups.topics import GENERAL, TopicHeard, labelled, thread_of, topic_heard
from dealgram.actors.names import GroupConversation, parse_conversation
from dealgram.actors.reading.incoming import Incoming, read_message
from dealgram.actors.registry import AccountInfo, BotInfo
from dealgram.gateways.telegram import Message, parse_update
from dealgram.persistence.messages import Place
from dealgram.persistence.records import Account, Bot, Group, Topic, TopicPerson

CHAT, BOT, NOW = -1001, 3, 1_700_000_000
DESIGN, PAYMENT, UNNAMED = 20, 30, 40
FORUM = {"id": CHAT, "type": "supergroup", "title": "Кофейня", "is_forum": True}
PERSON = {"id": 5, "is_bot": False, "first_name": "Анна"}
NOTE = {"message_id": DESIGN, "date": 1, "chat": FORUM, "from": PERSON, "forum_topic_created": {"name": "Дизайн"}}


def message(**fields) -> Message:
    whole = {"message_id": 50, "date": NOW, "chat": FORUM, "from": PERSON} | fields
    update = parse_update(msgspec.json.encode({"update_id": 1, "message": whole}))
    assert isinstance(update.payload, Message)
    return update.payload


def in_topic(thread: int = DESIGN, **fields) -> Message:
    return message(message_thread_id=thread, is_topic_message=True, **fields)


def group(**links: tuple[int, ...]) -> GroupState:
    """A forum whose topics «Дизайн» and «Оплата» are known; links by where: whole, design, payment."""
    state = GroupState.of(
        Group(group_id=1, account_id=2, bot_id=BOT, chat_id=CHAT, title="Кофейня", kind="supergroup"),
        (),
        (),
        [Topic(group_id=1, thread_id=DESIGN, account_id=2, name="Дизайн")],
        (),
    )
    state.topics.hear(PAYMENT, TopicHeard(name="Оплата"))
    threads = {"whole": None, "design": DESIGN, "payment": PAYMENT}
    for where, deals in links.items():
        for deal in deals:
            state.link(deal, f"Сделка {deal}", 5, thread=threads[where])
    return state


def around(policy: Policy = Policy.DEAL_PARTICIPANT, *, topic_links: bool = True, **more) -> Surroundings:
    account = Account(account_id=2, host="https://sever.amocrm.ru", subdomain="sever")
    bot = Bot(
        bot_id=BOT,
        account_id=2,
        token=b"",
        username="sever_bot",
        name="Север",
        external_id="tgb-3",
        webhook_key="k",
        webhook_secret=b"",
    )
    return Surroundings(
        account=AccountInfo(row=account, settings=AccountSettings(policy=policy, topic_links=topic_links)),
        bot=BotInfo(row=bot, token="", webhook_secret=""),
        now=NOW,
        **more,
    )


def says(text: str, thread: int | None, *, user: int = 5, **more) -> Incoming:
    fields = {"author": Author(id=f"tgu-{user}", name=f"Человек {user}", user_id=user), "line": text} | more
    return Incoming(
        chat_id=CHAT,
        chat_title="Кофейня",
        chat_kind="supergroup",
        message_id=10,
        sent_at_ms=NOW * 1000,
        text=text,
        thread=thread,
        **fields,
    )


def bodies(decision, kind) -> list:
    return [new.body for new in decision.todo if isinstance(new.body, kind)]


def posted(state: GroupState, thread: int | None, policy: Policy = Policy.DEAL_PARTICIPANT) -> dict[str, str]:
    decision = decide_message(state, says("Привет", thread), around(policy))
    return {body.conversation: body.text for body in bodies(decision, PostMessage)}


# What is learned


def test_the_topic_of_a_message():
    assert thread_of(in_topic()) == DESIGN
    assert thread_of(message()) == GENERAL
    # A chain of answers in a group without topics has a thread id too.
    plain = {**FORUM, "is_forum": False}
    assert thread_of(message(chat=plain, message_thread_id=44)) is None
    assert thread_of(message(message_thread_id=44)) == GENERAL
    private = {"id": 5, "type": "private", "first_name": "Анна", "is_forum": True}
    assert thread_of(message(chat=private, message_thread_id=44, is_topic_message=True)) is None


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({"text": "Привет"}, None),
        ({"text": "Привет", "reply_to_message": NOTE}, TopicHeard(first_name="Дизайн")),
        ({"forum_topic_created": {"name": "Дизайн"}}, TopicHeard(name="Дизайн", is_closed=False)),
        ({"forum_topic_edited": {"name": "Макеты"}}, TopicHeard(name="Макеты")),
        ({"forum_topic_edited": {"icon_custom_emoji_id": "5"}}, None),
        ({"forum_topic_closed": {}, "reply_to_message": NOTE}, TopicHeard(first_name="Дизайн", is_closed=True)),
        ({"forum_topic_reopened": {}}, TopicHeard(is_closed=False)),
    ],
)
def test_what_a_message_says_about_its_topic(fields, heard):
    assert topic_heard(in_topic(**fields)) == heard


def test_the_general_topic_is_never_learned():
    assert topic_heard(message(forum_topic_edited={"name": "Общее"})) is None
    state = group()
    assert state.topics.hear(GENERAL, TopicHeard(name="Общее")) == ()
    assert state.topic_name(GENERAL) is state.topic_name(None) is None


def test_a_first_name_never_replaces_a_later_one():
    state = group()
    assert state.topics.hear(DESIGN, TopicHeard(first_name="Дизайн")) == ()
    (row,) = state.topics.hear(DESIGN, TopicHeard(name="Макеты"))
    assert isinstance(row, Topic)
    assert row.name == "Макеты"
    assert state.topics.hear(DESIGN, TopicHeard(first_name="Дизайн")) == ()
    assert state.topic_name(DESIGN) == "Макеты"


def test_a_topic_without_a_name_goes_by_its_number_until_one_is_heard():
    state = group()
    assert len(state.topics.hear(UNNAMED, None)) == 1
    assert state.topics.hear(UNNAMED, None) == ()
    assert state.topic_name(UNNAMED) == "Тема № 40"
    state.topics.hear(UNNAMED, TopicHeard(first_name="Доставка"))
    assert state.topic_name(UNNAMED) == "Доставка"


def test_closing_and_reopening_keep_the_name():
    state = group()
    (closed,) = state.topics.hear(DESIGN, TopicHeard(first_name="Дизайн", is_closed=True))
    assert (closed.name, closed.is_closed) == ("Дизайн", True)
    (opened,) = state.topics.hear(DESIGN, TopicHeard(is_closed=False))
    assert not opened.is_closed


def test_the_creation_note_is_nobodys_quotation_and_pins_show_no_such_note():
    """Every message of a topic carries its first note as what it answers (telegram-facts §1.6)."""
    incoming = read_message(in_topic(text="Привет", reply_to_message=NOTE), BOT)
    assert (incoming.reply_to, incoming.quoted, incoming.thread) == (None, "", DESIGN)
    pinned = read_message(in_topic(pinned_message=NOTE, reply_to_message=NOTE), BOT)
    assert "Дизайн" not in pinned.line
    assert pinned.quoted == ""


# Where words go


def test_words_of_a_topic_go_to_its_own_deals_alone_and_all_others_to_those_of_the_group():
    state = group(whole=(10, 11), design=(20,))
    assert set(posted(state, DESIGN)) == {"g1-d20-u5"}
    for thread in (GENERAL, PAYMENT, UNNAMED, None):
        assert set(posted(state, thread)) == {"g1-d10-u5", "g1-d11-u5"}


def test_the_name_of_the_topic_stands_before_words_where_a_card_shows_several():
    state = group(whole=(10,), design=(20,))
    assert posted(state, DESIGN)["g1-d20-u5"] == "Привет"
    assert posted(state, PAYMENT)["g1-d10-u5"] == "[Оплата] Привет"
    assert posted(state, GENERAL)["g1-d10-u5"] == "Привет"
    assert posted(state, PAYMENT, Policy.DEAL)["g1-d10"] == "[Оплата] Человек 5: Привет"
    assert posted(state, PAYMENT, Policy.PARTICIPANT)["g1-u5"] == "[Оплата] Привет"


def test_under_participant_a_topic_has_no_conversation_that_other_deals_share():
    state = group(whole=(10,), design=(20,))
    assert set(posted(state, DESIGN, Policy.PARTICIPANT)) == {"g1-d20"}
    assert set(posted(state, GENERAL, Policy.PARTICIPANT)) == {"g1-u5"}


def test_a_topic_that_is_linked_no_more_is_the_groups_again():
    state = group(whole=(10,), design=(20,))
    state.unlink(20)
    assert set(posted(state, DESIGN)) == {"g1-d10-u5"}


def test_employees_words_and_edits_take_the_same_way():
    state = group(whole=(10,), design=(20,))
    decision = decide_message(state, says("Готово", PAYMENT), around(employees={5: 900}))
    (body,) = bodies(decision, PostEmployee)
    assert (body.conversation, body.text, body.thread) == ("g1-d10", "[Оплата] Готово", PAYMENT)
    (edit,) = decide_edit(state, says("Да", PAYMENT), {Place("g1-d10", "m", is_outgoing=True)}, 900).todo
    assert edit.body.text == "[Оплата] Да"
    (edit,) = decide_edit(state, says("Да", PAYMENT), {Place("g1-d10-u5", "m")}).todo
    assert edit.body.text == "[Оплата] Да"


def test_notes_about_topics_need_no_label_when_they_tell_the_name():
    state = group(whole=(10,))
    made = says("🗂 Новая тема: Сроки", 60, service=True, topic=TopicHeard(name="Сроки", is_closed=False))
    closed = says("🗂 Тему закрыли", DESIGN, service=True, topic=TopicHeard(first_name="Дизайн", is_closed=True))
    texts = [bodies(decide_message(state, one, around()), PostMessage)[0].text for one in (made, closed)]
    assert texts == ["🗂 Новая тема: Сроки", "[Дизайн] 🗂 Тему закрыли"]


def test_the_groups_own_conversation_is_called_by_the_topic():
    state = group(whole=(10,), design=(20,))
    assert (state.title_in(10), state.title_in(20), state.title_in(None)) == ("Кофейня", "Кофейня › Дизайн", "Кофейня")
    service = says("➕", DESIGN, service=True)
    (body,) = bodies(decide_message(state, service, around()), PostMessage)
    assert (body.conversation, body.author.name) == ("g1-d20", "Кофейня › Дизайн")


def test_a_label_may_stand_alone_and_no_label_changes_nothing():
    assert labelled("[Дизайн] ", "") == "[Дизайн]"
    assert labelled("", "Привет ") == "Привет "


# People


@pytest.mark.parametrize(
    ("policy", "attached"),
    [
        (Policy.DEAL_PARTICIPANT, []),  # the conversation brings the contact along
        (Policy.DEAL, [AttachPerson(user_id=5)]),  # new in the group: whatever concerns the person
        (Policy.PARTICIPANT, [AttachPerson(user_id=5, thread=DESIGN)]),
    ],
)
def test_who_writes_in_a_topic_first_comes_into_its_deals(policy, attached):
    state = group(whole=(10,), design=(20,))
    decide_message(state, says("Привет", DESIGN, user=6), around(policy))  # the change of the policy is noted
    decision = decide_message(state, says("Привет", DESIGN), around(policy))
    assert bodies(decision, AttachPerson) == attached
    assert [row for row in decision.rows if isinstance(row, TopicPerson)] == [
        TopicPerson(group_id=1, thread_id=DESIGN, user_id=5, account_id=2)
    ]
    again = decide_message(state, says("Ещё", DESIGN), around(policy))
    assert bodies(again, AttachPerson) == []
    assert not [row for row in again.rows if isinstance(row, TopicPerson)]


def test_who_is_known_in_the_group_comes_into_a_topics_deals_with_the_first_word_there():
    state = group(whole=(10,), design=(20,))
    decide_message(state, says("Привет", GENERAL), around(Policy.DEAL))
    decision = decide_message(state, says("Привет", DESIGN), around(Policy.DEAL))
    assert bodies(decision, AttachPerson) == [AttachPerson(user_id=5, thread=DESIGN)]
    assert bodies(decide_message(state, says("Привет", PAYMENT), around(Policy.DEAL)), AttachPerson) == []


# The menu and the question


def test_the_menu_offers_the_topic_where_it_can_be_linked():
    state = group(whole=(10,), design=(20,))

    def shown(thread: int | None, *, topic_links: bool) -> Say:
        (say,) = bodies(decide_message(state, says("/menu", thread), around(topic_links=topic_links)), Say)
        assert say.thread == thread
        return say

    def offered(say: Say) -> list[str]:
        return [button.data for row in say.buttons for button in row]

    assert offered(shown(DESIGN, topic_links=True)) == ["link", f"topic:{DESIGN}", "list:0", "close"]
    assert offered(shown(DESIGN, topic_links=False)) == ["link", "list:0", "close"]
    assert "1 сделка" in shown(DESIGN, topic_links=False).html
    assert offered(shown(GENERAL, topic_links=True)) == ["link", "list:0", "close"]
    assert "Тема" not in shown(PAYMENT, topic_links=False).html
    assert menu.read_press(f"topic:{DESIGN}") == menu.AskForDeal(DESIGN)
    assert menu.read_press("topic:0") is menu.read_press("topic:x") is None


def test_a_bare_number_answers_in_the_topic_of_the_question_alone():
    state = group(whole=(10,))
    state.open_dialog(5, NOW, thread=DESIGN, topic=DESIGN)
    decision = decide_message(state, says("777", GENERAL), around())
    assert [body.text for body in bodies(decision, PostMessage)] == ["777"]
    (check,) = bodies(decide_message(state, says("777", DESIGN), around()), CheckDeal)
    assert (check.deal_id, check.thread, check.topic) == (777, DESIGN, DESIGN)


def test_what_cannot_be_read_is_asked_again_in_the_topic_and_for_the_topic():
    state = group()
    state.open_dialog(5, NOW, thread=DESIGN, topic=DESIGN)
    state.asked(5, 70, NOW)
    answer = says("не знаю", DESIGN, reply_to=70, reply_to_own_bot=True)
    (again,) = bodies(decide_message(state, answer, around()), Say)
    assert again.thread == DESIGN
    dialog = state.dialogs(NOW)[5]
    assert (dialog.thread, dialog.topic) == (DESIGN, DESIGN)


def test_a_deal_is_linked_to_one_place_and_the_refusal_names_both():
    def refusal(linked, wanted):
        return topic_texts.already_linked_html("Сайт", "https://x", 7, linked=linked, wanted=wanted)

    assert refusal(None, None).startswith("Группа уже связана")
    assert refusal("Дизайн", "Дизайн").startswith("Тема «Дизайн» уже связана")
    assert "со всей группой" in refusal(None, "Дизайн")
    assert "с темой «Дизайн»" in refusal(None, "Дизайн")
    assert "с темой «Оплата»" in refusal("Дизайн", "Оплата")


# The law


THREADS = st.sampled_from([None, GENERAL, DESIGN, PAYMENT, UNNAMED])
PLACES = st.sampled_from([None, DESIGN, PAYMENT, UNNAMED])
STEP = st.one_of(
    st.tuples(st.just("write"), THREADS, st.sampled_from([5, 6, None])),
    st.tuples(st.just("answer"), THREADS, st.integers(10, 14)),
    st.tuples(st.just("link"), PLACES, st.integers(10, 14)),
    st.tuples(st.just("unlink"), st.none(), st.integers(10, 14)),
)


@settings(max_examples=200)
@given(st.lists(STEP, max_size=40), st.sampled_from(Policy))
def test_whatever_is_linked_all_words_go_exactly_where_the_rule_says(steps, policy):
    """Of a topic with deals of its own, to these; all other words to the deals of the whole group; each deal once, and
    no conversation of one side is ever one of the other."""
    state = group()
    linked: dict[int, int | None] = {}
    for kind, thread, other in steps:
        if kind == "link" and other not in linked:
            linked[other] = thread
            state.link(other, "", 1, thread=thread)
        elif kind == "unlink" and other in linked:
            del linked[other]
            state.unlink(other)
        own = {deal for deal, place in linked.items() if place is not None and place == thread}
        expected = own or {deal for deal, place in linked.items() if place is None}
        if kind == "write":
            more = {} if other is not None else {"author": Author(id="tgc--1", name="Администратор")}
            decision = decide_message(state, says("Привет", thread, user=other or 0, **more), around(policy))
            found = [parse_conversation(body.conversation) for body in bodies(decision, PostMessage)]
            deals = [one.deal_id for one in found if one.deal_id is not None]
            if any(one.deal_id is None for one in found):
                assert policy is Policy.PARTICIPANT
                assert not own
                assert deals == []
                assert expected
            else:
                assert sorted(deals) == sorted(expected)
        if kind == "answer":
            origin = GroupConversation(1, other)
            targets = mirrors(1, state.deals_of(thread), origin, of_topic=bool(state.own_deals(thread)))
            assert {one.deal_id for one in targets} == expected - {other}
        assert set(state.deals) == set(linked)


@given(st.lists(st.integers(1, 9), unique=True, min_size=1), st.integers(1, 9), st.sampled_from(Policy))
def test_the_conversations_of_topics_are_never_shared(deals, user, policy):
    assert all(one.deal_id is not None for one in plan(1, deals, user, policy, of_topic=True))
