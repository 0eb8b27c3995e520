"""Any Telegram message as text for the deal card: what was written, or a short readable line with the caption. Pure.

Nothing a person sent is silently missing: a kind that this version does not know is named and points to Telegram.
Events of the chat are lines of their own; which of them nobody needs is stated too. docs/telegram-kinds.md lists all.
"""

from __future__ import annotations

from collections.abc import Callable

from dealgram.gateways.telegram import Message

SILENT_EVENTS = frozenset(
    {
        "migrate_to_chat_id",  # the upgrade of a group has its own line
        "migrate_from_chat_id",
        "supergroup_chat_created",
        "message_auto_delete_timer_changed",
        "general_forum_topic_hidden",
        "general_forum_topic_unhidden",
        "chat_background_set",
        "proximity_alert_triggered",
        "write_access_allowed",
        "boost_added",
        "managed_bot_created",
        "direct_message_price_changed",  # prices and suggested posts are between a channel and Telegram
        "paid_message_price_changed",
        "suggested_post_approved",
        "suggested_post_approval_failed",
        "suggested_post_declined",
        "suggested_post_paid",
        "suggested_post_refunded",
        "empty",
    }
)
"""Events that say nothing to a manager: they are accepted and leave no line."""

NAMED = {
    "rich_message": "📝 Сообщение с оформлением: откройте его в Telegram",
    "live_photo": "🖼 Живая фотография",
    "gift": "🎁 Подарок",
    "unique_gift": "🎁 Уникальный подарок",
    "gift_upgrade_sent": "🎁 Улучшение подарка",
    "giveaway_created": "🎁 Объявили розыгрыш",
    "giveaway": "🎁 Розыгрыш подарков",
    "giveaway_winners": "🎁 Выбрали победителей розыгрыша",
    "giveaway_completed": "🎁 Розыгрыш завершён",
    "successful_payment": "💳 Оплата прошла",
    "refunded_payment": "💳 Оплату вернули",
    "users_shared": "👤 Отправили контакты из Telegram",
    "chat_shared": "👥 Отправили чат из Telegram",
    "connected_website": "🌐 Вошли на сайт через Telegram",
    "passport_data": "🪪 Отправили данные Telegram Passport",
    "web_app_data": "🧩 Отправили данные из мини-приложения",
    "checklist_tasks_done": "☑️ Отметили пункты в списке дел",
    "checklist_tasks_added": "☑️ Добавили пункты в список дел",
    "poll_option_added": "📊 Добавили вариант в опрос",
    "poll_option_deleted": "📊 Убрали вариант из опроса",
    "chat_owner_left": "👑 Владелец вышел из группы",
    "chat_owner_changed": "👑 У группы новый владелец",
}
"""Kinds of which the name alone is shown: their content is not read."""


def describe(message: Message) -> str | None:
    """The text for the card; ``None`` for what leaves no line."""
    kind = message.kind
    if kind in SILENT_EVENTS:
        return None
    is_readable = message.is_known and getattr(message, kind, True) is not None
    if is_readable and kind == "text":
        return message.text
    if is_readable:
        line = (_CONTENT.get(kind) or _EVENTS[kind])(message)
    elif kind in NAMED:
        line = NAMED[kind]
    else:
        line = f"❔ Сообщение, которое бот не умеет показать ({kind}): откройте его в Telegram"
    return f"{line}\n{message.caption}" if message.caption else line


def _named(label: str, name: str | None) -> str:
    return f"{label}: {name}" if name else label


def _seconds(duration: int | None) -> str:
    return f" ({duration // 60}:{duration % 60:02d})" if duration else ""


def _poll(message: Message) -> str:
    assert message.poll is not None
    options = "\n".join(f"▫️ {option.text}" for option in message.poll.options)
    return f"📊 Опрос: {message.poll.question}" + (f"\n{options}" if options else "")


def _checklist(message: Message) -> str:
    assert message.checklist is not None
    tasks = "\n".join(f"▫️ {task.text}" for task in message.checklist.tasks)
    return _named("☑️ Список дел", message.checklist.title) + (f"\n{tasks}" if tasks else "")


def _place(message: Message) -> str:
    assert message.location is not None
    label = "📍 Трансляция геопозиции" if message.location.live_period else "📍 Геопозиция"
    return f"{label}: {message.location.latitude:.6f}, {message.location.longitude:.6f}"


def _venue(message: Message) -> str:
    assert message.venue is not None
    return _named("📍 Место", ", ".join(part for part in (message.venue.title, message.venue.address) if part))


def _contact(message: Message) -> str:
    assert message.contact is not None
    name = f"{message.contact.first_name} {message.contact.last_name}".strip()
    return f"👤 Контакт: {name}, {message.contact.phone_number}"


def _audio(message: Message) -> str:
    assert message.audio is not None
    track = " — ".join(part for part in (message.audio.performer, message.audio.title) if part)
    return _named("🎵 Аудио", track or message.audio.file_name) + _seconds(message.audio.duration)


_CONTENT: dict[str, Callable[[Message], str]] = {
    "photo": lambda _: "🖼 Фотография",
    "video": lambda m: (
        _named("🎬 Видео", m.video.file_name if m.video else None) + _seconds(m.video.duration if m.video else None)
    ),
    "animation": lambda _: "🎞 Анимация",
    "video_note": lambda m: "🎥 Видеосообщение" + _seconds(m.video_note.duration if m.video_note else None),
    "voice": lambda m: "🎤 Голосовое сообщение" + _seconds(m.voice.duration if m.voice else None),
    "audio": _audio,
    "document": lambda m: _named("📎 Файл", m.document.file_name if m.document else None),
    "sticker": lambda m: f"🙂 Стикер {m.sticker.emoji if m.sticker else ''}".rstrip(),
    "location": _place,
    "venue": _venue,
    "contact": _contact,
    "poll": _poll,
    "dice": lambda m: f"🎲 {m.dice.emoji if m.dice else ''} выпало {m.dice.value if m.dice else 0}",
    "story": lambda m: _named("📖 История", m.story.chat.title if m.story and m.story.chat else None),
    "paid_media": lambda _: "⭐ Платное медиа: откройте его в Telegram",
    "checklist": _checklist,
    "invoice": lambda m: _named("🧾 Счёт", m.invoice.title if m.invoice else None),
    "game": lambda m: _named("🎮 Игра", m.game.title if m.game else None),
}

_EVENTS: dict[str, Callable[[Message], str]] = {
    "new_chat_members": lambda m: "➕ В группе: " + ", ".join(user.full_name for user in m.new_chat_members),
    "left_chat_member": lambda m: f"➖ Нет в группе: {m.left_chat_member.full_name if m.left_chat_member else ''}",
    "new_chat_title": lambda m: f"✏️ Группа теперь называется «{m.new_chat_title}»",
    "new_chat_photo": lambda _: "🖼 Сменили фотографию группы",
    "delete_chat_photo": lambda _: "🖼 Убрали фотографию группы",
    "group_chat_created": lambda _: "🆕 Группа создана",
    "channel_chat_created": lambda _: "🆕 Канал создан",
    "pinned_message": lambda m: _named(
        "📌 Закрепили сообщение", m.pinned_message.body[:100] if m.pinned_message else None
    ),
    "forum_topic_created": lambda m: _named(
        "🗂 Новая тема", m.forum_topic_created.name if m.forum_topic_created else None
    ),
    "forum_topic_edited": lambda m: _named(
        "🗂 Тему изменили", m.forum_topic_edited.name if m.forum_topic_edited else None
    ),
    "forum_topic_closed": lambda _: "🗂 Тему закрыли",
    "forum_topic_reopened": lambda _: "🗂 Тему снова открыли",
    "video_chat_scheduled": lambda _: "📹 Запланировали видеочат",
    "video_chat_started": lambda _: "📹 Начали видеочат",
    "video_chat_ended": lambda _: "📹 Видеочат закончился",
    "video_chat_participants_invited": lambda _: "📹 Пригласили в видеочат",
}
