"""Who speaks in a message, and what it means."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors import texts
from dealgram.actors.reading.incoming import Someone, read_message, within_album
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
        assert (one.author.id, one.author.name, one.author.user_id) == ("tgc--100600", "Канал «Новости»", None)
        assert not one.from_bot


def test_telegram_itself_is_no_person():
    assert read(**{"from": TELEGRAM}).author.user_id is None
    assert read(**{"from": None}).author.user_id is None


def test_another_bot_is_told_apart_and_never_a_person():
    one = read(**{"from": {"id": 8, "is_bot": True, "first_name": "Other"}})
    assert (one.from_bot, one.bot_id) == (True, 8)
    assert (one.author.id, one.author.name, one.author.user_id) == ("tgb-8", "🤖 Other", None)
    assert (read().from_bot, read().bot_id) == (False, None)
    assert read(**{"from": ANONYMOUS, "sender_chat": GROUP}).bot_id is None


def test_what_a_channel_publishes_in_its_group_is_shown_as_such():
    origin = {"type": "channel", "date": 1, "chat": CHANNEL | {"username": "news"}, "message_id": 44}
    one = read(**{"from": TELEGRAM, "sender_chat": CHANNEL, "is_automatic_forward": True, "forward_origin": origin})
    assert (one.author.name, one.author.user_id) == ("Канал «Новости»", None)
    assert one.above == ("📢 Запись в канале https://t.me/news/44",)


DAY = 86_400
OTHER = {"id": 9, "is_bot": False, "first_name": "Пётр"}


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        ({"type": "user", "sender_user": OTHER}, "↪️ Переслано: Пётр"),
        ({"type": "hidden_user", "sender_user_name": "Скрытный"}, "↪️ Переслано: Скрытный"),
        ({"type": "chat", "sender_chat": GROUP, "author_signature": "Шеф"}, "↪️ Переслано: группа «Кофейня» (Шеф)"),
        ({"type": "channel", "chat": CHANNEL, "message_id": 44}, "↪️ Переслано: канал «Новости»"),
        (
            {"type": "channel", "chat": CHANNEL | {"username": "news"}, "message_id": 44, "author_signature": "Ред."},
            "↪️ Переслано: канал «Новости» (Ред.) https://t.me/news/44",
        ),
        ({"type": "of_tomorrow"}, "↪️ Переслано"),
    ],
)
def test_what_was_forwarded_says_whence_and_when_if_it_is_old(origin, line):
    now = 1_700_000_000
    assert read(forward_origin=origin | {"date": now - DAY}).above == (line,)
    old = read(forward_origin=origin | {"date": now - DAY - 1}).above[0]
    assert old.replace(", 13.11.2023", "") == line
    assert "13.11.2023" in old


def test_what_was_sent_through_an_inline_bot_says_so():
    assert read(via_bot={"id": 8, "is_bot": True, "first_name": "Gif", "username": "gif"}).above == (
        "🤖 Через бота @gif",
    )


def test_the_note_of_a_topic_is_no_quote_but_a_real_answer_is():
    note = {"message_id": 2, "date": 1, "chat": GROUP, "from": PERSON, "forum_topic_created": {"name": "Тема"}}
    assert read(reply_to_message=note).reply_to is None
    said = {"message_id": 2, "date": 1, "chat": GROUP, "from": PERSON, "text": "Раньше"}
    answer = read(reply_to_message=said)
    assert (answer.reply_to, answer.reply_to_own_bot) == (2, False)
    own = said | {"from": {"id": BOT, "is_bot": True, "first_name": "Бот"}}
    assert read(reply_to_message=own).reply_to_own_bot


SAID = {"message_id": 2, "date": 1, "chat": GROUP, "from": OTHER, "text": "Сто рублей за всё"}


def test_what_is_answered_is_told_with_its_author():
    one = read(reply_to_message=SAID)
    assert (one.reply_to, one.quoted, one.picked) == (2, "↩️ Пётр: Сто рублей за всё", "")
    own = SAID | {"from": {"id": BOT, "is_bot": True, "first_name": "Бот"}}
    assert read(reply_to_message=own).quoted == f"↩️ {texts.MANAGER}: Сто рублей за всё"
    picture = {
        "message_id": 2,
        "date": 1,
        "chat": GROUP,
        "from": OTHER,
        "photo": [{"file_id": "a", "file_unique_id": "b"}],
    }
    assert read(reply_to_message=picture).quoted == "↩️ Пётр: 🖼 Фотография"


def test_a_stretch_that_was_picked_out_is_told_in_full_even_where_amocrm_quotes_all():
    words = "рублей " * 40
    one = read(reply_to_message=SAID, quote={"text": words, "position": 4, "is_manual": True})
    assert (one.quoted, one.picked) == (f"↩️ Пётр: «{words.strip()}»", f"↩️ «{words.strip()}»")
    # What Telegram picked by itself, say of a long text, is no choice of the person's.
    automatic = read(reply_to_message=SAID, quote={"text": "Сто", "position": 0})
    assert (automatic.quoted, automatic.picked) == ("↩️ Пётр: Сто рублей за всё", "")


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (
            {
                "origin": {"type": "user", "sender_user": OTHER, "date": 1},
                "photo": [{"file_id": "a", "file_unique_id": "b"}],
            },
            "↩️ Пётр: 🖼 Фотография",
        ),
        (
            {
                "origin": {"type": "user", "sender_user": OTHER, "date": 1},
                "chat": {"id": -1001000000007, "type": "supergroup", "title": "Склад"},
                "message_id": 5,
            },
            "↩️ Пётр (группа «Склад») https://t.me/c/1000000007/5",
        ),
        ({"origin": {"type": "channel", "chat": CHANNEL, "date": 1}, "chat": CHANNEL}, "↩️ Канал «Новости»"),
        ({"origin": {"type": "user", "sender_user": OTHER, "date": 1}, "chat": GROUP}, "↩️ Пётр (другая тема)"),
        (
            {"origin": {"type": "hidden_user", "sender_user_name": "Икс", "date": 1}, "poll": {"question": "Да?"}},
            "↩️ Икс: 📊 Опрос: Да?",
        ),
    ],
)
def test_an_answer_to_another_chat_tells_whose_words_it_answers(reply, line):
    assert (read(external_reply=reply).quoted, read(external_reply=reply).reply_to) == (line, None)
    picked = read(external_reply=reply, quote={"text": "ровно это", "position": 0, "is_manual": True}).quoted
    assert "«ровно это»" in picked


def test_an_answer_to_a_story_names_whose():
    story = {"chat": {"id": 9, "type": "private", "first_name": "Пётр", "username": "petr"}, "id": 3}
    assert read(reply_to_story=story).quoted == "↩️ Пётр: 📖 История https://t.me/petr/s/3"


def test_in_an_album_what_belongs_to_all_is_said_once():
    one = read(
        reply_to_message=SAID, forward_origin={"type": "user", "sender_user": OTHER, "date": 1}, media_group_id="7"
    )
    rest = within_album(one)
    assert (one.album, one.follows_in_album, rest.follows_in_album) == ("7", False, True)
    assert (rest.above, rest.reply_to, rest.quoted, rest.picked) == ((), None, "", "")
    assert (rest.line, rest.text, rest.author) == (one.line, one.text, one.author)


def test_a_location_moves_until_it_ends():
    spot = {"latitude": 1.0, "longitude": 2.0}
    assert read(text=None, location=spot | {"live_period": 60}).live == "moves"
    assert read(text=None, location=spot).live == "no"


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
    assert one.author.user_id in (None, 5)
    assert (one.author.user_id is None) == one.author.id.startswith(("tgc-", "tgb-"))
