"""Who speaks in a message, and what it means."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors import texts
from dealgram.actors.incoming import Someone, read_message
from dealgram.gateways.telegram import Message, parse_update

BOT = 7
PERSON = {"id": 5, "is_bot": False, "first_name": "Анна", "last_name": "Смирнова", "username": "anna"}
GROUP = {"id": -100500, "type": "supergroup", "title": "Кофейня"}
CHANNEL = {"id": -100600, "type": "channel", "title": "Новости"}
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
CHANNEL_BOT = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
TELEGRAM = {"id": 777000, "is_bot": False, "first_name": "Telegram"}


def message(**fields: object) -> Message:
    body = {"message_id": 3, "date": 1_700_000_000, "chat": GROUP, "from": PERSON, "text": "Привет", **fields}
    body = {name: value for name, value in body.items() if value is not None}
    found = parse_update(json.dumps({"update_id": 1, "message": body}).encode()).payload
    assert isinstance(found, Message)
    return found


def read(**fields: object):
    return read_message(message(**fields), BOT)


def test_a_person_is_named_and_may_have_a_contact():
    author = read().author
    assert (author.id, author.name, author.user_id, author.username) == ("tgu-5", "Анна Смирнова", 5, "anna")


def test_nobody_is_without_a_name():
    assert read(**{"from": {"id": 5, "first_name": "", "username": "anna"}}).author.name == "@anna"
    assert read(**{"from": {"id": 5, "first_name": ""}}).author.name == "Пользователь 5"


def test_an_anonymous_administrator_is_the_group_and_no_person():
    one = read(**{"from": ANONYMOUS, "sender_chat": GROUP, "author_signature": "Директор"})
    assert (one.author.name, one.author.user_id, one.from_bot) == ("Директор", None, False)
    plain = read(**{"from": ANONYMOUS, "sender_chat": GROUP})
    assert plain.author.name == texts.ADMINISTRATOR_OF_GROUP


def test_a_channel_is_a_channel_and_no_person():
    for sender in (CHANNEL_BOT, TELEGRAM, None):
        one = read(**{"from": sender, "sender_chat": CHANNEL})
        assert (one.author.id, one.author.name, one.author.user_id) == ("tgc--100600", "Новости", None)
        assert not one.from_bot


def test_telegram_itself_is_no_person():
    assert read(**{"from": TELEGRAM}).author.user_id is None
    assert read(**{"from": None}).author.user_id is None


def test_another_bot_is_told_apart():
    assert read(**{"from": {"id": 8, "is_bot": True, "first_name": "Other"}}).from_bot
    assert not read().from_bot


def test_the_note_of_a_topic_is_no_quote_but_a_real_answer_is():
    note = {"message_id": 2, "date": 1, "chat": GROUP, "from": PERSON, "forum_topic_created": {"name": "Тема"}}
    assert read(reply_to_message=note).reply_to is None
    said = {"message_id": 2, "date": 1, "chat": GROUP, "from": PERSON, "text": "Раньше"}
    answer = read(reply_to_message=said)
    assert (answer.reply_to, answer.reply_to_own_bot) == (2, False)
    own = said | {"from": {"id": BOT, "is_bot": True, "first_name": "Бот"}}
    assert read(reply_to_message=own).reply_to_own_bot


def test_people_who_come_and_go_are_named_and_bots_are_not():
    other_bot = {"id": 8, "is_bot": True, "first_name": "Other"}
    joined = read(text=None, new_chat_members=[PERSON, other_bot])
    assert joined.joined == (Someone(5, "Анна Смирнова", "anna"),)
    assert joined.service
    assert read(text=None, left_chat_member=PERSON).left == Someone(5, "Анна Смирнова", "anna")
    assert read(text=None, left_chat_member=other_bot).left is None


def test_what_leaves_no_line_has_an_empty_one():
    assert read(text=None).line == ""
    assert read(text=None, migrate_to_chat_id=-1).migrate_to == -1
    assert read(text=None, migrate_to_chat_id=-1).line == ""


def test_a_caption_is_text_and_part_of_the_line():
    photo = [{"file_id": "a", "file_unique_id": "b", "width": 1, "height": 1}]
    one = read(text=None, photo=photo, caption=" /menu ")
    assert (one.text, one.line) == ("/menu", "🖼 Фотография\n /menu".strip())


@given(first=st.integers(1, 900), gap=st.integers(1, 99))
def test_messages_of_one_second_keep_their_order(first, gap):
    assert read(message_id=first).sent_at_ms < read(message_id=first + gap).sent_at_ms
    assert read(message_id=first).sent_at_ms // 1000 == 1_700_000_000


_PEOPLE = st.sampled_from([PERSON, ANONYMOUS, CHANNEL_BOT, TELEGRAM, {"id": 8, "is_bot": True}, None, {}, "?"])
_CHATS = st.sampled_from([GROUP, CHANNEL, {"id": 5, "type": "private"}, {"id": 1}, None])


@given(
    sender=_PEOPLE, sender_chat=_CHATS, chat=_CHATS.filter(lambda chat: chat is not None), date=st.integers(0, 2**31)
)
def test_whoever_sends_there_is_an_author_with_a_name_and_only_persons_have_contacts(sender, sender_chat, chat, date):
    one = read(**{"from": sender, "sender_chat": sender_chat, "chat": chat, "date": date})
    assert one.author.name.strip()
    assert one.author.user_id in (None, 5, 8)
    assert (one.author.user_id is None) == one.author.id.startswith("tgc-")
