"""One Telegram message as the page shows it: a bubble or a line in the middle.

Pure: takes a Message object of the Bot API, gives a small dictionary. Whatever a message holds, something readable
comes out, and texts are passed on as they are: the page shows them as text, never as markup.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dealgram.sandbox.page.file_view import media_of

Json = dict[str, Any]

_KINDS = {
    "photo": "Фотография",
    "animation": "Анимация",
    "video": "Видео",
    "video_note": "Видеосообщение",
    "voice": "Голосовое сообщение",
    "audio": "Аудиозапись",
    "document": "Файл",
    "sticker": "Стикер",
    "contact": "Контакт",
    "venue": "Место",
    "location": "Геопозиция",
    "poll": "Опрос",
    "dice": "Кубик",
    "story": "История",
    "game": "Игра",
}


def shown(message: Json) -> Json:
    """The message for the page. `service` ones have only a text; `keyboard` is a list of rows of buttons; `media` is
    what `file_view` makes of a file; `forwarded` and `about` are lines above the text."""
    sender = message.get("sender_chat") or message.get("from") or {}
    service = _service_text(message)
    kind = None if service is not None else _kind(message)
    markup = message.get("reply_markup") or {}
    return {
        "id": message["message_id"],
        "date": message["date"],
        "from": {"id": sender.get("id", 0), "name": _name(sender), "bot": bool(sender.get("is_bot"))},
        "text": service if service is not None else message.get("text") or message.get("caption") or "",
        "entities": message.get("entities") or message.get("caption_entities") or [],
        "kind": kind,
        "media": media_of(message),
        "album": message.get("media_group_id"),
        "forwarded": _origin(message.get("forward_origin")),
        "about": _about(message),
        "thread": message.get("message_thread_id") if message.get("is_topic_message") else None,
        "service": service is not None,
        "edited": "edit_date" in message,
        "reply": _reply(message),
        "keyboard": _keyboard(markup),
        "force_reply": _force_reply(markup, message),
        "old": False,
    }


def one_line(message: Json) -> str:
    """The message in the list of chats."""
    text = " ".join(message["text"].split())
    return " ".join(part for part in (message["kind"], text) if part)[:120]


def _name(party: Json) -> str:
    names = (party.get("first_name"), party.get("last_name"))
    return party.get("title") or " ".join(name for name in names if name) or "Кто-то"


def _kind(message: Json) -> str | None:
    for field, name in _KINDS.items():
        if field in message:
            detail = message[field]
            if field == "venue" or (field == "location" and "venue" in message):
                return "Место"
            if field == "sticker":
                return f"{name} {detail.get('emoji', '')}".strip()
            if field == "contact":
                return f"{name}: {_name(detail)}"
            if field == "poll":
                return f"{name}: {detail.get('question', '')}"
            return name
    return None if "text" in message else "Сообщение"


def _reply(message: Json) -> Json | None:
    """What is answered: a message here, of which a part may be quoted, or one of another chat."""
    picked = (message.get("quote") or {}).get("text", "")
    answered = message.get("reply_to_message")
    if answered is not None and "forum_topic_created" not in answered:
        seen = shown({**answered, "reply_to_message": None})
        return {"id": seen["id"], "name": seen["from"]["name"], "text": picked or one_line(seen)}
    elsewhere = message.get("external_reply")
    if elsewhere is not None:
        return {"id": None, "name": _origin(elsewhere.get("origin")) or "Другой чат", "text": picked}
    return None


def _origin(origin: Json | None) -> str:
    if origin is None:
        return ""
    party = origin.get("sender_user") or origin.get("sender_chat") or origin.get("chat")
    return str(origin.get("sender_user_name") or (_name(party) if party else ""))


def _about(message: Json) -> str:
    """A line for what stands in no text: where, who, which options."""
    if "venue" in message:
        return f"{message['venue'].get('title', '')}, {message['venue'].get('address', '')}"
    if "location" in message:
        place = message["location"]
        live = "Идёт трансляция · " if place.get("live_period") else ""
        return f"{live}{place['latitude']:.5f}, {place['longitude']:.5f}"
    if "contact" in message:
        return str(message["contact"].get("phone_number", ""))
    if "poll" in message:
        return " · ".join(option.get("text", "") for option in message["poll"].get("options", []))
    if "dice" in message:
        return f"{message['dice'].get('emoji', '')} {message['dice'].get('value', '')}"
    return ""


def _keyboard(markup: Json) -> list[list[Json]] | None:
    rows = markup.get("inline_keyboard")
    if not rows:
        return None
    return [
        [{"text": button["text"], "data": button.get("callback_data"), "url": button.get("url")} for button in row]
        for row in rows
    ]


def _force_reply(markup: Json, message: Json) -> Json | None:
    """Who is asked for an answer: with `selective` those it mentions or replies to (Bot API: ForceReply)."""
    if not markup.get("force_reply"):
        return None
    wanted: list[int] | None = None
    if markup.get("selective"):
        mentioned = [one["user"]["id"] for one in message.get("entities") or [] if one["type"] == "text_mention"]
        answered = (message.get("reply_to_message") or {}).get("from") or {}
        wanted = [*mentioned, *([answered["id"]] if "id" in answered else [])] or None
    return {"placeholder": markup.get("input_field_placeholder"), "for": wanted}


def _service_text(message: Json) -> str | None:
    for field, text in _SERVICE.items():
        if field in message:
            return text(message[field], _name(message.get("from") or {}))
    return None


def _joined(people: list[Json], who: str) -> str:
    names = ", ".join(_name(one) for one in people)
    return f"{names} теперь в группе" if names == who else f"{who} приглашает: {names}"


_SERVICE: dict[str, Callable[[Any, str], str]] = {
    "new_chat_members": _joined,
    "left_chat_member": lambda one, who: (
        f"{_name(one)} выходит из группы" if _name(one) == who else f"{who} удаляет: {_name(one)}"
    ),
    "group_chat_created": lambda _, who: f"{who} создаёт группу",
    "supergroup_chat_created": lambda _, who: f"{who} создаёт супергруппу",
    "migrate_to_chat_id": lambda *_: "Группа становится супергруппой",
    "migrate_from_chat_id": lambda *_: "Супергруппа создана из группы",
    "new_chat_title": lambda title, who: f"{who} меняет название на «{title}»",
    "new_chat_photo": lambda _, who: f"{who} меняет фотографию группы",
    "delete_chat_photo": lambda _, who: f"{who} удаляет фотографию группы",
    "pinned_message": lambda _, who: f"{who} закрепляет сообщение",
    "message_auto_delete_timer_changed": lambda _, who: f"{who} меняет срок хранения сообщений",
    "forum_topic_created": lambda topic, who: f"{who} создаёт тему «{topic.get('name', '')}»",
    "forum_topic_closed": lambda _, who: f"{who} закрывает тему",
    "forum_topic_reopened": lambda _, who: f"{who} открывает тему снова",
    "forum_topic_edited": lambda _, who: f"{who} меняет тему",
    "video_chat_started": lambda *_: "Начинается видеочат",
    "video_chat_ended": lambda *_: "Видеочат закончен",
    "video_chat_scheduled": lambda *_: "Видеочат запланирован",
    "video_chat_participants_invited": lambda _, who: f"{who} зовёт в видеочат",
    "boost_added": lambda _, who: f"{who} усиливает группу",
    "chat_background_set": lambda _, who: f"{who} меняет фон",
    "write_access_allowed": lambda *_: "Боту разрешено писать",
    "users_shared": lambda _, who: f"{who} делится контактами",
    "chat_shared": lambda _, who: f"{who} делится чатом",
}
