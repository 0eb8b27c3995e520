"""What a person does in the Telegram pane besides writing: files, albums, places, contacts, edits, reactions, topics.

Owns `ACTIONS`: name → function of the view, the page's files and the JSON body. As in `telegram_actions`, each checks
what it is given, then calls the simulator, and raises `Refusal` and changes nothing otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from dealgram.sandbox.page.files import Chosen, PageFile, PageFiles
from dealgram.sandbox.page.refusal import Refusal, decode, text_of
from dealgram.sandbox.page.telegram_actions import TEXT_LIMIT, find_group, find_person, find_place, possible
from dealgram.sandbox.page.telegram_view import TelegramView
from dealgram.sandbox.telegram import SimChat

CAPTION_LIMIT = 1024
TOPIC_LIMIT = 128
ALBUM_LIMIT = 10

Json = dict[str, Any]
Action = Callable[[TelegramView, PageFiles, bytes], Json]
Kind = Literal["photo", "video", "animation", "document", "audio", "voice", "video_note", "sticker"]

_PICTURES = frozenset({"image/jpeg", "image/png", "image/webp"})


class _File(Chosen):
    kind: Kind | None = None


class _Send(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    chat: str
    files: list[_File]
    caption: str = ""
    reply_to: int | None = None
    thread: int | None = None


class _Edit(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    chat: str
    message: int
    text: str


class _React(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    chat: str
    message: int
    emoji: str | None = None


class _Simple(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    chat: str
    what: Literal["location", "live", "venue", "contact", "poll", "dice"]
    thread: int | None = None


class _Topic(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    group: int
    name: str


class _Forum(msgspec.Struct, forbid_unknown_fields=True):
    person: int
    group: int


def _send(view: TelegramView, files: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _Send)
    person = find_person(view, wanted.person)
    place = find_place(view, wanted.chat, person)
    if not 1 <= len(wanted.files) <= ALBUM_LIMIT:
        raise Refusal(f"В одном сообщении — от одного до {ALBUM_LIMIT} файлов.")
    caption = text_of(wanted.caption, limit=CAPTION_LIMIT, empty="") if wanted.caption.strip() else None
    chosen = [(one, files.chosen(one)) for one in wanted.files]
    kinds = [_kind(one, file) for one, file in chosen]
    is_album = len(kinds) > 1
    if is_album and not ({*kinds} <= {"photo", "video"} or len({*kinds}) == 1):
        kinds = ["document"] * len(kinds)  # as the apps do: what does not go together goes as files
    with possible("Отправить не получилось: это сообщение или тема уже удалены, или писать здесь нельзя."):
        album = f"page-{view.next_album()}" if is_album else None
        sent = [
            view.telegram.send_media(
                person,
                place,
                kind,
                file.data,
                caption=caption if number == 0 else None,
                file_name=file.name if kind in ("document", "video", "audio", "animation") else None,
                size=file.size,
                reply_to=wanted.reply_to,
                thread=wanted.thread,
                album=album,
                emoji="🙂" if kind == "sticker" else None,
            )
            for number, (kind, (_, file)) in enumerate(zip(kinds, chosen, strict=True))
        ]
    return {"message": sent[0]["message_id"]}


def _kind(wanted: _File, file: PageFile) -> Kind:
    """How a file is sent: as it is asked for, else as the apps would send it."""
    if wanted.sample is not None:
        return "document" if wanted.sample == "big" else wanted.kind or wanted.sample  # type: ignore[return-value]
    if wanted.kind is not None:
        return wanted.kind
    if file.content_type in _PICTURES:
        return "photo"
    return {"video/mp4": "video", "audio/mpeg": "audio", "audio/mp4": "audio", "audio/ogg": "voice"}.get(
        file.content_type, "document"
    )  # type: ignore[return-value]


def _edit(view: TelegramView, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _Edit)
    person = find_person(view, wanted.person)
    place = find_place(view, wanted.chat, person)
    text = text_of(wanted.text, limit=TEXT_LIMIT, empty="Пустым сообщение не сделать.")
    with possible("Это сообщение изменить нельзя."):
        message = view.telegram.edit(person, place, wanted.message, text)
    return {"message": message["message_id"]}


def _react(view: TelegramView, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _React)
    person = find_person(view, wanted.person)
    place = find_place(view, wanted.chat, person)
    with possible("Такую реакцию здесь поставить нельзя."):
        view.telegram.react(person, place, wanted.message, *([wanted.emoji] if wanted.emoji else []))
    return {}


def _simple(view: TelegramView, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _Simple)
    person = find_person(view, wanted.person)
    place = find_place(view, wanted.chat, person)
    with possible("Отправить не получилось: писать здесь нельзя."):
        match wanted.what:
            case "location" | "live":
                period = 900 if wanted.what == "live" else None
                sent = view.telegram.share_location(
                    person, place, 37.617698, 55.755864, live_period=period, thread=wanted.thread
                )
            case "venue":
                point = {"longitude": 37.609218, "latitude": 55.760178}
                venue = {"location": point, "title": "Кофейня «Полдень»", "address": "ул. Тверская, 9"}
                sent = view.telegram.send(person, place, thread=wanted.thread, venue=venue, location=point)
            case "contact":
                card = {"phone_number": "+79161234567", "first_name": "Пётр", "last_name": "Ильин"}
                sent = view.telegram.send(person, place, thread=wanted.thread, contact=card)
            case "poll":
                sent = view.telegram.send(person, place, thread=wanted.thread, poll=_poll())
            case "dice":
                dice = {"emoji": "🎲", "value": 5}
                sent = view.telegram.send(person, place, thread=wanted.thread, dice=dice)
    return {"message": sent["message_id"]}


def _poll() -> Json:
    options = [{"persistent_id": str(n), "text": text, "voter_count": 0} for n, text in enumerate(("Утром", "Вечером"))]
    return {
        "id": "5300000000000000001",
        "question": "Когда удобнее встретиться?",
        "options": options,
        "total_voter_count": 0,
        "is_closed": False,
        "is_anonymous": True,
        "type": "regular",
        "allows_multiple_answers": False,
        "allows_revoting": True,
        "members_only": False,
    }


def _topic(view: TelegramView, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _Topic)
    person, chat = _administrator(view, wanted.person, wanted.group)
    name = text_of(wanted.name, limit=TOPIC_LIMIT, empty="Назовите тему.")
    with possible("Тем в этой группе нет: сначала включите их."):
        return {"thread": view.telegram.create_topic(person, chat, name)}


def _forum(view: TelegramView, _: PageFiles, body: bytes) -> Json:
    wanted = decode(body, _Forum)
    _, chat = _administrator(view, wanted.person, wanted.group)
    if chat.is_forum:
        raise Refusal("Темы в этой группе уже включены.", 409)
    return {"chat": f"g{view.telegram.make_forum(chat).id}"}


def _administrator(view: TelegramView, person_id: int, group_id: int) -> tuple[Any, SimChat]:
    person, chat = find_person(view, person_id), find_group(view, group_id)
    if not chat.is_admin(person):
        raise Refusal("Это могут только администраторы группы.", 403)
    return person, chat


ACTIONS: dict[str, Action] = {
    "send": _send,
    "edit": _edit,
    "react": _react,
    "simple": _simple,
    "topics": _topic,
    "forum": _forum,
}
