"""What a manager reads when an answer did not reach Telegram: one sentence per reason, and amoCRM's code for it.

Each sentence says what happened and what to do now. The codes are those of the amoCRM contract §8: 901 the person ended
the conversation, 902 the channel is switched off at its side, 903 our own failure, 904 no conversation can be begun,
905 everything else. What Telegram says and we do not know is quoted, without whatever looks like a secret or a link.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dealgram.actors import texts
from dealgram.gateways.amojo import DeliveryError
from dealgram.gateways.errors import Refused

QUOTED_LIMIT = 160  # characters of Telegram's own words


@dataclass(frozen=True, slots=True)
class Told:
    """What the manager is told: a sentence, and amoCRM's code."""

    text: str
    code: int = int(DeliveryError.OTHER)


BOT_REFUSED = Told(texts.REASON_BOT_REFUSED, int(DeliveryError.INTEGRATION_OFF))
BOT_REMOVED = Told(texts.REASON_BOT_REMOVED, int(DeliveryError.INTEGRATION_OFF))
UNKNOWN_OUTCOME = Told(texts.REASON_UNKNOWN_OUTCOME)
GIVEN_UP = Told(
    "Сообщение не отправлено из-за внутренней ошибки dealgram. Отправьте его ещё раз; если не поможет, сообщите "
    "администратору",
    int(DeliveryError.INTERNAL),
)

_ASK = "Попросите администратора группы разрешить это боту или сделать его администратором"


def _forbidden(what: str) -> Told:
    return Told(f"В этой группе боту нельзя отправлять {what}. {_ASK}")


_TOLD: dict[str, Told] = {
    # The chat, or the person
    "blocked": Told(texts.REASON_BLOCKED, int(DeliveryError.CHAT_DELETED)),
    "never_started": Told(
        "Клиент ещё не писал этому боту, а первым бот написать не может. Попросите его открыть бота и нажать «Старт»",
        int(DeliveryError.CANNOT_START),
    ),
    "is_bot": Told("Этот собеседник сам бот: боты в Telegram друг другу не пишут", int(DeliveryError.CANNOT_START)),
    "deactivated": Told(texts.REASON_DEACTIVATED, int(DeliveryError.CANNOT_START)),
    "kicked": Told(texts.REASON_KICKED),
    "not_member": Told(
        "Бота нет в этой группе, или писать в ней могут только участники. Добавьте его и отправьте сообщение снова"
    ),
    "chat_deleted": Told("Группа в Telegram удалена: писать больше некуда"),
    "chat_not_found": Told(texts.REASON_CHAT_GONE, int(DeliveryError.CANNOT_START)),
    "upgraded": Told("Группа стала супергруппой, а её нового адреса Telegram не назвал. Отправьте сообщение ещё раз"),
    "forbidden": Told("Telegram не пускает бота в этот чат. Проверьте, что бот на месте и может в нём писать"),
    "premium_required": Told(
        "Клиент принимает сообщения не от всех: так он настроил Telegram. Попросите его написать боту самому",
        int(DeliveryError.CANNOT_START),
    ),
    "paid_messages": Told(
        "За сообщения в этот чат Telegram берёт плату звёздами, боту они недоступны. Попросите администратора группы "
        "освободить бота от платы"
    ),
    "bot_limited": Told(
        "Telegram временно ограничил бота из-за жалоб или рассылок. Ограничение снимает только поддержка Telegram: "
        "@SpamBot, @BotSupport"
    ),
    # Rights
    "no_rights": Told(texts.REASON_NO_RIGHTS),
    "no_right_text": _forbidden("текстовые сообщения"),
    "no_right_photos": _forbidden("фотографии"),
    "no_right_videos": _forbidden("видео"),
    "no_right_video_notes": _forbidden("видеосообщения"),
    "no_right_files": _forbidden("файлы"),
    "no_right_audio": _forbidden("аудиозаписи"),
    "no_right_voices": _forbidden("голосовые сообщения"),
    "no_right_stickers": _forbidden("стикеры и анимации"),
    "no_right_media": _forbidden("медиафайлы"),
    "voices_refused": Told(
        "Клиент запретил присылать ему голосовые и видеосообщения. Отправьте текст или обычный файл"
    ),
    "chat_restricted": Told(
        "Администраторы ограничили бота в этой группе. Попросите снять ограничение и отправьте сообщение снова"
    ),
    # Topics
    "topic_closed": Told(
        "Тема закрыта: писать в ней могут только администраторы. Откройте тему или сделайте бота администратором группы"
    ),
    "thread_not_found": Told("Темы, в которую шёл ответ, больше нет: её удалили. Напишите в другую тему"),
    # What is answered
    "reply_not_found": Told("Сообщения, на которое вы отвечаете, в чате уже нет. Отправьте ответ без цитаты"),
    "bad_quote": Told("Процитированных слов в том сообщении уже нет. Отправьте ответ без цитаты"),
    # The text
    "too_long": Told("Сообщение слишком длинное для Telegram. Разделите его на части"),
    "caption_too_long": Told("Подпись к файлу слишком длинная для Telegram. Отправьте файл и текст по отдельности"),
    "empty": Told(texts.REASON_EMPTY),
    "bad_entities": Told("Telegram не разобрал оформление текста. Отправьте его без оформления"),
    "bad_text": Told("В тексте есть символы, которые Telegram не принимает. Наберите его заново"),
    "bad_buttons": Told("Telegram не принял кнопки сообщения. Проверьте ссылки в них или отправьте текст без кнопок"),
    # Files
    "file_too_big": Told("Файл слишком большой: такие Telegram от ботов не принимает. Отправьте ссылку на файл"),
    "photo_dimensions": Told(
        "Картинка слишком большая или слишком вытянутая: фотографией Telegram её не принял. Отправьте её файлом"
    ),
    "bad_photo": Told("Telegram не смог открыть картинку. Сохраните её как JPG или PNG или отправьте файлом"),
    "bad_album": Told("Эти файлы нельзя собрать в один альбом. Отправьте их по одному"),
    "file_empty": Told("Файл пустой: отправлять нечего"),
    "bad_file": Told("Telegram не смог принять файл: он повреждён, недоступен или такого вида не поддерживается"),
}

_TOKEN = re.compile(r"\d{3,}:[A-Za-z0-9_-]{20,}")
_LINK = re.compile(r"(?i)\b[a-z][a-z0-9+.-]*://\S+")
_PREFIX = re.compile(r"^(Bad Request|Forbidden|Unauthorized|Internal Server Error):\s*")


def refusal(error: Refused) -> Told:
    """What a refusal of Telegram comes to."""
    known = _TOLD.get(error.reason)
    return known if known is not None else unknown(error.detail)


def unknown(detail: str) -> Told:
    """A refusal without a sentence of its own: Telegram's words, cleaned."""
    words = _quoted(detail)
    return Told(
        f"{texts.REASON_REFUSED}. Он ответил: «{words}»" if words else f"{texts.REASON_REFUSED} и не сказал почему"
    )


def _quoted(detail: str) -> str:
    words = _LINK.sub("…", _TOKEN.sub("…", detail))
    words = "".join(char if char.isprintable() else " " for char in words)
    return texts.short(_PREFIX.sub("", " ".join(words.split())), QUOTED_LIMIT)
