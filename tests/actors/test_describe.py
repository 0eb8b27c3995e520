"""What a card shows for every kind of message, and the document that says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.reading import describe as module
from dealgram.actors.reading.describe import NAMED, SILENT_EVENTS, describe
from dealgram.actors.reading.telegram_media import shown_in
from dealgram.gateways.telegram import ALLOWED_UPDATES, Message, message, parse_update, updates
from dealgram.playground import api_schema

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "telegram-kinds.md"

PERSON = {"id": 5, "is_bot": False, "first_name": "Анна", "last_name": "Смирнова"}
FILE = {"file_id": "a", "file_unique_id": "b", "file_size": 10}

SAMPLES: dict[str, object] = {
    "animation": FILE | {"width": 1, "height": 1, "duration": 3},
    "photo": [FILE | {"width": 1, "height": 1}],
    "live_photo": FILE | {"photo": [FILE | {"width": 1, "height": 1}], "duration": 3},
    "video": FILE | {"width": 1, "height": 1, "duration": 67, "file_name": "обзор.mp4"},
    "audio": FILE | {"duration": 200, "performer": "Кино", "title": "Группа крови"},
    "voice": FILE | {"duration": 5},
    "video_note": FILE | {"length": 1, "duration": 12},
    "document": FILE | {"file_name": "Договор.pdf"},
    "sticker": FILE | {"emoji": "😡"},
    "venue": {"location": {"latitude": 1.0, "longitude": 2.0}, "title": "Полдень", "address": "ул. Мира, 5"},
    "location": {"latitude": 55.751244, "longitude": 37.618423},
    "contact": {"phone_number": "+79991234567", "first_name": "Пётр", "last_name": "Ильин"},
    "poll": {"question": "Когда?", "options": [{"text": "Утром"}, {"text": "Вечером"}]},
    "dice": {"emoji": "🎯", "value": 6},
    "story": {"chat": {"id": -100, "type": "channel", "title": "Новости"}, "id": 2},
    "paid_media": {"star_count": 5, "paid_media": [{"type": "preview"}, {"type": "preview", "duration": 9}]},
    "checklist": {
        "title": "Запуск",
        "tasks": [{"id": 1, "text": "Домен", "completion_date": 1}, {"id": 2, "text": "Макет"}],
    },
    "invoice": {"title": "Оплата сайта", "currency": "RUB", "total_amount": 1500050},
    "game": {"title": "Змейка"},
    "new_chat_members": [PERSON],
    "left_chat_member": PERSON,
    "new_chat_title": "Кофейня",
    "new_chat_photo": [FILE | {"width": 1, "height": 1}],
    "delete_chat_photo": True,
    "group_chat_created": True,
    "channel_chat_created": True,
    "pinned_message": {"message_id": 1, "chat": {"id": 1, "type": "private"}, "date": 1, "text": "Адрес: ул. Мира, 5"},
    "forum_topic_created": {"name": "Макеты"},
    "forum_topic_edited": {"name": "Вёрстка"},
    "forum_topic_closed": {},
    "forum_topic_reopened": {},
    "video_chat_scheduled": {"start_date": 1},
    "video_chat_started": {},
    "video_chat_ended": {"duration": 60},
    "video_chat_participants_invited": {"users": [PERSON]},
}


def read(**content: object) -> Message:
    """A message with some content, as it comes out of the gateway."""
    body = {"message_id": 1, "date": 1, "chat": {"id": 5, "type": "private"}, "from": PERSON, **content}
    found = parse_update(json.dumps({"update_id": 1, "message": body}).encode()).payload
    assert isinstance(found, Message)
    return found


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """A table of the document: kind → what becomes of it, and the line or the rule."""
    section = DOCUMENT.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    found = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", section, flags=re.MULTILINE)
    return {kind: (verdict.strip(), line.strip()) for kind, verdict, line in found}


def verdict(found: Message) -> str:
    """As what amoCRM shows a message."""
    shown = shown_in(found)
    if shown is None:
        return "words"
    return shown.file.type if shown.file is not None else "location" if shown.point is not None else "contact"


def test_every_kind_that_we_know_has_a_sample_here():
    assert set(SAMPLES) | SILENT_EVENTS | {"text"} >= set(message._KINDS)
    assert set(SAMPLES) == set(module._CONTENT) | set(module._EVENTS)


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_document_quotes_the_line_of_every_kind(kind):
    found = read(**{kind: SAMPLES[kind]})
    line = describe(found)
    assert line is not None
    assert rows("Messages")[kind] == (verdict(found), line.replace("\n", " ⏎ "))


@pytest.mark.parametrize("kind", NAMED)
def test_the_document_quotes_the_kinds_of_which_the_name_is_shown(kind):
    assert describe(read(**{kind: {"anything": 1}})) == NAMED[kind]
    assert rows("Messages")[kind] == ("words", NAMED[kind])


@pytest.mark.parametrize("kind", sorted(SILENT_EVENTS))
def test_the_document_says_why_a_kind_leaves_no_line(kind):
    assert describe(read(**({} if kind == "empty" else {kind: 1}))) is None
    verdict, rule = rows("Messages")[kind]
    assert verdict == "ignored"
    assert rule


def test_the_document_knows_every_kind_of_message_that_the_gateway_and_the_bot_api_know():
    schema = api_schema()
    documented = schema.fields_of("Message") - message._ABOUT if schema is not None else set()
    assert set(rows("Messages")) >= documented | set(message._KINDS)


def test_the_document_knows_every_kind_of_update():
    schema = api_schema()
    documented = schema.fields_of("Update") - {"update_id"} if schema is not None else set()
    table = rows("Updates")
    assert set(table) >= documented | set(updates._KINDS) | set(ALLOWED_UPDATES)
    asked = {kind for kind, (verdict, _) in table.items() if verdict != "not asked for"}
    assert asked == set(ALLOWED_UPDATES)


def test_a_caption_stands_below_the_line():
    assert describe(read(photo=SAMPLES["photo"], caption="Макет")) == "🖼 Фотография\nМакет"
    assert describe(read(gift={}, caption="Вам")) == "🎁 Подарок\nВам"
    assert describe(read(hologram={}, caption="Ого")) == (
        "❔ Сообщение, которое бот не умеет показать (hologram): откройте его в Telegram\nОго"
    )


@pytest.mark.parametrize("broken", [None, [], "?", 7, {"file_id": None}, {"location": []}])
@pytest.mark.parametrize("kind", sorted(set(SAMPLES) - {"new_chat_title"}))
def test_a_kind_whose_content_cannot_be_read_is_still_shown(kind, broken):
    line = describe(read(**{kind: broken}))
    assert line, "something must stand in the card"


def test_a_text_that_cannot_be_read_is_not_silently_missing():
    assert describe(read(text=["not", "a", "text"])) == (
        "❔ Сообщение, которое бот не умеет показать (text): откройте его в Telegram"
    )


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_DEEPER = st.dictionaries(
    st.sampled_from(["file_id", "duration", "emoji", "title", "text", "name", "question", "first_name", "phone_number"])
    | st.sampled_from(
        ["options", "tasks", "location", "latitude", "longitude", "chat", "id", "users", "value", "date"]
    ),
    _VALUES,
    max_size=5,
)


@given(
    st.dictionaries(
        st.sampled_from(sorted({*message._KINDS, *NAMED, *SILENT_EVENTS, "caption", "entities", "reply_to_message"})),
        _VALUES | _DEEPER | st.lists(_DEEPER, max_size=2),
        max_size=4,
    )
)
def test_describe_takes_whatever_comes(content):
    line = describe(read(**content))
    assert line is None or isinstance(line, str)


def test_what_is_only_named_points_to_telegram_where_messages_have_addresses():
    public = {"id": -1001234567890, "type": "supergroup", "title": "Кофейня", "username": "kofe"}
    assert describe(read(chat=public, rich_message={})) == f"{NAMED['rich_message']} https://t.me/kofe/1"
    closed = public | {"username": ""}
    assert (describe(read(chat=closed, hologram={})) or "").endswith(
        "откройте его в Telegram https://t.me/c/1234567890/1"
    )


def test_words_carry_the_formatting_of_texts_and_captions_as_signs():
    struck = [{"type": "strikethrough", "offset": 0, "length": 4}]
    assert describe(read(text="1000 800", entities=struck)) == "~~1000~~ 800"
    photo = [FILE | {"width": 1, "height": 1}]
    assert describe(read(photo=photo, caption="1000 800", caption_entities=struck)) == "🖼 Фотография\n~~1000~~ 800"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ({"poll": {"question": "?", "type": "quiz", "is_closed": True}}, "📊 Викторина (завершён): ?"),
        ({"poll": {"question": "?", "allows_multiple_answers": True}}, "📊 Опрос (можно несколько ответов): ?"),
        ({"invoice": {"title": "Сайт", "currency": "RUB", "total_amount": 100}}, "🧾 Счёт: Сайт, 1 RUB"),
        ({"invoice": {"title": "Сайт", "currency": "XTR", "total_amount": 2}}, "🧾 Счёт: Сайт, 2 звезды"),
        ({"invoice": {"title": "Сайт", "currency": "JPY", "total_amount": 2}}, "🧾 Счёт: Сайт"),
        (
            {"story": {"chat": {"id": 1, "title": "Анна", "username": "anna"}, "id": 7}},
            "📖 История: Анна https://t.me/anna/s/7",
        ),
        (
            {"location": {"latitude": 1.0, "longitude": 2.0, "live_period": 2**31 - 1}},
            "📍 Трансляция геопозиции (пока не остановят): 1.000000, 2.000000",
        ),
        ({"contact": {"phone_number": "+7"}}, "👤 Контакт: +7"),
    ],
)
def test_details_are_told_where_they_say_something(content, line):
    assert describe(read(**content)) == line
