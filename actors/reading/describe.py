"""Any Telegram message in words: what was written, or a short readable line with the caption. Pure.

Nothing a person sent is silently missing: a kind that this version does not know is named and points to Telegram.
Events of the chat are lines of their own; which of them nobody needs is stated too. docs/telegram-kinds.md lists all.
What amoCRM can show as itself (files, places, contacts) is in `telegram_media`; the words stand where it cannot.
"""

from __future__ import annotations

from collections.abc import Callable

from dealgram.actors.reading.media_texts import STORY, TO_OPEN, clock, named, period
from dealgram.actors.reading.message_links import message_link, story_link
from dealgram.actors.reading.rich_text import plain
from dealgram.actors.texts import plural
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


EVENTS_OF_THE_CHAT = frozenset({"chat_owner_left", "chat_owner_changed", "giveaway_created", "giveaway_completed"})
"""Those of them that nobody wrote."""


def describe(message: Message) -> str | None:
    """The message in words; ``None`` for what leaves no line."""
    line = kind_line(message)
    if line is None:
        return None
    body = rich_body(message)
    return f"{line}\n{body}" if line and body else line or body


def rich_body(message: Message) -> str:
    """The text or the caption, with its formatting as signs."""
    return plain(message.body, message.body_entities)


def kind_line(message: Message) -> str | None:
    """The kind in words, without the text or the caption: empty for a text, ``None`` for what leaves no line."""
    kind = message.kind
    if kind in SILENT_EVENTS:
        return None
    is_readable = message.is_known and getattr(message, kind, True) is not None
    if is_readable and kind == "text":
        return ""
    if is_readable:
        line = (_CONTENT.get(kind) or _EVENTS[kind])(message)
    else:
        line = NAMED.get(kind) or f"❔ Сообщение, которое бот не умеет показать ({kind}): {TO_OPEN}"
    link = message_link(message.chat, message.message_id) if line.endswith(TO_OPEN) else None
    return f"{line} {link}" if link else line


def _seconds(duration: int | None) -> str:
    return f" ({clock(duration)})" if duration else ""


def _poll(message: Message) -> str:
    assert message.poll is not None
    poll = message.poll
    label = "📊 Викторина" if poll.type == "quiz" else "📊 Опрос"
    notes = [note for told, note in ((poll.allows_multiple_answers, "можно несколько ответов"),) if told]
    notes += ["завершён"] if poll.is_closed else []
    options = "\n".join(f"▫️ {option.text}" for option in poll.options)
    label += f" ({', '.join(notes)})" if notes else ""
    return f"{label}: {poll.question}" + (f"\n{options}" if options else "")


def _checklist(message: Message) -> str:
    assert message.checklist is not None
    tasks = "\n".join(f"{'✅' if task.is_done else '▫️'} {task.text}" for task in message.checklist.tasks)
    return named("☑️ Список дел", message.checklist.title) + (f"\n{tasks}" if tasks else "")


def _place(message: Message) -> str:
    assert message.location is not None
    return f"{place_label(message)}: {message.location.latitude:.6f}, {message.location.longitude:.6f}"


def place_label(message: Message) -> str:
    """What a location is, without where: a point, or a live location and for how long."""
    live = message.location.live_period if message.location is not None else None
    return f"📍 Трансляция геопозиции ({period(live)})" if live else "📍 Геопозиция"


def venue_name(message: Message) -> str:
    """The name and the address of a place."""
    venue = message.venue
    return ", ".join(part for part in (venue.title, venue.address) if part) if venue is not None else ""


def _contact(message: Message) -> str:
    assert message.contact is not None
    name = f"{message.contact.first_name} {message.contact.last_name}".strip()
    return "👤 Контакт: " + ", ".join(part for part in (name, message.contact.phone_number) if part)


def _audio(message: Message) -> str:
    assert message.audio is not None
    track = " — ".join(part for part in (message.audio.performer, message.audio.title) if part)
    return named("🎵 Аудио", track or message.audio.file_name) + _seconds(message.audio.duration)


def _paid_media(message: Message) -> str:
    assert message.paid_media is not None
    paid = message.paid_media
    line = "⭐ Платное медиа"
    line += f" за {plural(paid.star_count, 'звезду', 'звезды', 'звёзд')}" if paid.star_count else ""
    count = len(paid.paid_media)
    line += f" ({plural(count, 'вложение', 'вложения', 'вложений')})" if count else ""
    return f"{line}: {TO_OPEN}"


def _invoice(message: Message) -> str:
    assert message.invoice is not None
    invoice = message.invoice
    line = named("🧾 Счёт", invoice.title)
    if invoice.currency in _HUNDREDTHS and invoice.total_amount:
        whole, rest = divmod(invoice.total_amount, 100)
        amount = f"{whole:,}".replace(",", " ") + (f",{rest:02d}" if rest else "")
        line += f", {amount} {invoice.currency}"
    elif invoice.currency == "XTR" and invoice.total_amount:
        line += ", " + plural(invoice.total_amount, "звезда", "звезды", "звёзд")
    return line


_HUNDREDTHS = frozenset({"RUB", "USD", "EUR", "UAH", "KZT", "BYN", "UZS", "GBP", "TRY", "AED", "GEL", "AMD", "AZN"})
"""Currencies whose smallest unit is a hundredth. Of others the amount is not told: better none than a wrong one."""


def _story(message: Message) -> str:
    assert message.story is not None
    line = named(STORY, message.story.chat.title if message.story.chat else None)
    link = story_link(message.story.chat, message.story.id)
    return f"{line} {link}" if link else line


_CONTENT: dict[str, Callable[[Message], str]] = {
    "photo": lambda _: "🖼 Фотография",
    "live_photo": lambda _: "🖼 Живая фотография",
    "video": lambda m: (
        named("🎬 Видео", m.video.file_name if m.video else None) + _seconds(m.video.duration if m.video else None)
    ),
    "animation": lambda _: "🎞 Анимация",
    "video_note": lambda m: "🎥 Видеосообщение" + _seconds(m.video_note.duration if m.video_note else None),
    "voice": lambda m: "🎤 Голосовое сообщение" + _seconds(m.voice.duration if m.voice else None),
    "audio": _audio,
    "document": lambda m: named("📎 Файл", m.document.file_name if m.document else None),
    "sticker": lambda m: f"🙂 Стикер {m.sticker.emoji if m.sticker else ''}".rstrip(),
    "location": _place,
    "venue": lambda m: named("📍 Место", venue_name(m)),
    "contact": _contact,
    "poll": _poll,
    "dice": lambda m: f"🎲 {m.dice.emoji if m.dice else ''} выпало {m.dice.value if m.dice else 0}",
    "story": _story,
    "paid_media": _paid_media,
    "checklist": _checklist,
    "invoice": _invoice,
    "game": lambda m: named("🎮 Игра", m.game.title if m.game else None),
}

_EVENTS: dict[str, Callable[[Message], str]] = {
    "new_chat_members": lambda m: "➕ В группе: " + ", ".join(user.full_name for user in m.new_chat_members),
    "left_chat_member": lambda m: f"➖ Нет в группе: {m.left_chat_member.full_name if m.left_chat_member else ''}",
    "new_chat_title": lambda m: f"✏️ Группа теперь называется «{m.new_chat_title}»",
    "new_chat_photo": lambda _: "🖼 Сменили фотографию группы",
    "delete_chat_photo": lambda _: "🖼 Убрали фотографию группы",
    "group_chat_created": lambda _: "🆕 Группа создана",
    "channel_chat_created": lambda _: "🆕 Канал создан",
    "pinned_message": lambda m: named(
        "📌 Закрепили сообщение", m.pinned_message.body[:100] if m.pinned_message else None
    ),
    "forum_topic_created": lambda m: named(
        "🗂 Новая тема", m.forum_topic_created.name if m.forum_topic_created else None
    ),
    "forum_topic_edited": lambda m: named(
        "🗂 Тему изменили", m.forum_topic_edited.name if m.forum_topic_edited else None
    ),
    "forum_topic_closed": lambda _: "🗂 Тему закрыли",
    "forum_topic_reopened": lambda _: "🗂 Тему снова открыли",
    "video_chat_scheduled": lambda _: "📹 Запланировали видеочат",
    "video_chat_started": lambda _: "📹 Начали видеочат",
    "video_chat_ended": lambda _: "📹 Видеочат закончился",
    "video_chat_participants_invited": lambda _: "📹 Пригласили в видеочат",
}
