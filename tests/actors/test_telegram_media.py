"""As what each kind of message is shown in amoCRM, under which name and type."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.body_parts import Card, Point
from dealgram.actors.reading.telegram_media import NAME_LIMIT, file_key, said_with, shown_in
from dealgram.gateways.telegram import Message, parse_update

GROUP = {"id": -1001234567890, "type": "supergroup", "title": "Кофейня"}
FILE = {"file_id": "A", "file_unique_id": "U", "file_size": 2048}


def read(chat: dict = GROUP, **content: object) -> Message:
    body = {"message_id": 15, "date": 1, "chat": chat, "from": {"id": 5, "first_name": "Анна"}, **content}
    found = parse_update(json.dumps({"update_id": 1, "message": body}).encode()).payload
    assert isinstance(found, Message)
    return found


def shown(chat: dict = GROUP, **content: object):
    """How a message is shown: type, name, mime, duration of its file."""
    found = shown_in(read(chat, **content))
    assert found is not None
    assert found.file is not None
    return found.file.type, found.file.name, found.file.mime, found.file.duration_s


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"photo": [FILE | {"width": 9, "height": 9}]}, ("picture", "photo_15.jpg", "image/jpeg", None)),
        (
            {"video": FILE | {"duration": 67, "file_name": "обзор.mov", "mime_type": "video/quicktime"}},
            ("video", "обзор.mov", "video/quicktime", 67),
        ),
        ({"video": FILE | {"duration": 67}}, ("video", "video_15.mp4", "video/mp4", 67)),
        (
            {"animation": FILE | {"duration": 3, "mime_type": "video/mp4"}, "document": FILE},
            ("video", "animation_15.mp4", "video/mp4", 3),
        ),
        ({"animation": FILE | {"mime_type": "image/gif"}}, ("picture", "animation_15.gif", "image/gif", None)),
        ({"video_note": FILE | {"duration": 12, "length": 240}}, ("video", "video_note_15.mp4", "video/mp4", 12)),
        ({"voice": FILE | {"duration": 5, "mime_type": "audio/ogg"}}, ("voice", "voice_15.ogg", "audio/ogg", 5)),
        (
            {"audio": FILE | {"duration": 200, "performer": "Кино", "title": "Группа крови"}},
            ("audio", "Кино — Группа крови.mp3", "audio/mpeg", 200),
        ),
        (
            {"audio": FILE | {"duration": 1, "file_name": "демо.m4a", "mime_type": "audio/mp4"}},
            ("audio", "демо.m4a", "audio/mp4", 1),
        ),
        (
            {"document": FILE | {"file_name": "Договор №5.pdf", "mime_type": "application/pdf"}},
            ("file", "Договор №5.pdf", "application/pdf", None),
        ),
        (
            {"document": FILE | {"file_name": "скан.png", "mime_type": "image/png"}},
            ("file", "скан.png", "image/png", None),
        ),
        ({"document": FILE}, ("file", "file_15", "application/octet-stream", None)),
        ({"sticker": FILE | {"emoji": "😡"}}, ("picture", "sticker_15.webp", "image/webp", None)),
    ],
)
def test_files_keep_their_names_and_types(content, expected):
    assert shown(**content) == expected


def test_the_largest_size_of_a_picture_within_the_limit_is_taken():
    sizes = [
        FILE | {"file_id": name, "file_unique_id": f"u{name}", "width": side, "height": side, "file_size": size}
        for name, side, size in (("s", 90, 10), ("l", 1280, 900), ("m", 320, 100))
    ]
    message = read(photo=sizes)
    assert shown_in(message).file.file_id == "l"
    assert shown_in(message, size_limit=500).file.file_id == "m"
    assert shown_in(message, size_limit=5).file.file_id == "l"
    # Which size is taken does not matter for whether it is the same picture.
    assert shown_in(message, size_limit=500).file.unique_id == file_key(message) == "ul"


@pytest.mark.parametrize("kind", ["is_animated", "is_video"])
def test_a_sticker_that_moves_is_shown_by_its_thumbnail_and_its_emoji(kind):
    thumbnail = {"file_id": "T", "file_unique_id": "V", "width": 128, "height": 128, "file_size": 7}
    message = read(sticker=FILE | {"emoji": "😡", kind: True, "thumbnail": thumbnail})
    found = shown_in(message)
    assert (found.file.type, found.file.file_id, found.file.unique_id, said_with(message)) == (
        "picture",
        "T",
        "U",
        "😡",
    )
    assert shown_in(read(sticker=FILE | {"emoji": "😡", kind: True})) is None
    assert said_with(read(sticker=FILE | {"emoji": "😡"})) == ""


def test_places_and_contacts_are_shown_as_such():
    spot = {"latitude": 55.75, "longitude": 37.5}
    place = shown_in(read(location=spot))
    assert (place.point, place.instead) == (
        Point(longitude=37.5, latitude=55.75),
        "📍 Геопозиция: 55.750000, 37.500000",
    )
    assert said_with(read(location=spot)) == ""
    live = read(location=spot | {"live_period": 900})
    assert (shown_in(live).point, said_with(live)) == (place.point, "📍 Трансляция геопозиции (15 минут)")
    venue = read(venue={"location": spot, "title": "Полдень", "address": "ул. Мира, 5"}, location=spot)
    assert (shown_in(venue).point, said_with(venue)) == (place.point, "Полдень, ул. Мира, 5")
    assert shown_in(venue).instead == "📍 Место: Полдень, ул. Мира, 5\n55.750000, 37.500000"
    card = shown_in(read(contact={"phone_number": "+7999", "first_name": "Пётр", "last_name": "Ильин"}))
    assert card.card == Card(name="Пётр Ильин", phone="+7999")
    assert shown_in(read(contact={"phone_number": "+7999"})).card == Card(name="+7999", phone="+7999")
    assert shown_in(read(contact={"phone_number": "", "first_name": "Пётр"})) is None


def test_the_words_instead_name_kind_size_and_address():
    document = FILE | {"file_name": "Договор.pdf", "file_size": 36_910_000}
    found = shown_in(read(document=document, caption="Подпишите"))
    assert found.instead == "📎 Файл: Договор.pdf, 35,2 МБ. Открыть в Telegram: https://t.me/c/1234567890/15\nПодпишите"
    public = GROUP | {"username": "kofe"}
    assert "https://t.me/kofe/15" in shown_in(read(public, document=document)).instead
    for chat in ({"id": -100, "type": "group"}, {"id": 5, "type": "private", "username": "anna"}):
        line = shown_in(read(chat, document=document)).instead
        assert line == "📎 Файл: Договор.pdf, 35,2 МБ. Откройте его в Telegram"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\x00b\n.txt", "a_b_.txt"),
        ("\u202egpj.exe", "_gpj.exe"),
        ("   ", "file"),
        ("д" * 300 + ".pdf", "д" * (NAME_LIMIT - 4) + ".pdf"),
    ],
)
def test_a_strangers_file_name_is_made_harmless(name, kept):
    assert shown(document=FILE | {"file_name": name})[1] == kept


def test_a_type_that_is_none_is_not_believed():
    assert shown(document=FILE | {"file_name": "a", "mime_type": "x\r\nSet-Cookie: 1"})[2] == "application/octet-stream"


@given(st.text(max_size=300), st.text(max_size=60))
def test_whatever_a_file_is_called_it_has_a_name_that_can_be_kept(name, mime):
    kind, kept, found, _ = shown(document=FILE | {"file_name": name, "mime_type": mime})
    assert kind == "file"
    assert 0 < len(kept) <= NAME_LIMIT
    assert not set("/\\\n\r\x00") & set(kept)
    assert found.count("/") == 1
    assert found.isprintable()


def test_text_and_what_cannot_be_read_are_words():
    assert shown_in(read(text="Привет")) is None
    assert shown_in(read(photo="?")) is None
    assert shown_in(read(poll={"question": "?"})) is None
