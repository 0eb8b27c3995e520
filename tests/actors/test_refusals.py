"""Every refusal of Telegram becomes a sentence that a manager understands, and the right code of amoCRM."""

from __future__ import annotations

import re

import pytest

from dealgram.actors import texts
from dealgram.actors.answering import refusals
from dealgram.gateways.errors import RateLimited, Refused
from dealgram.gateways.telegram import BotBlocked, ChatGone
from dealgram.gateways.telegram.errors import telegram_refusal
from dealgram.gateways.telegram.reasons import BLOCKED, CHAT_GONE, KNOWN, reason_of
from dealgram.gateways.transport import Answer

# Error texts as the server says them (telegram-facts §1.8, tdlib/telegram-bot-api Client.cpp, TDLib's own checks, the
# errors of Telegram's sending methods), and what the manager is told: words of the sentence, and the code.
SAID = {
    "Forbidden: bot was blocked by the user": ("остановил бота", 901),
    "Forbidden: bot can't initiate conversation with a user": ("первым бот написать не может", 904),
    "Forbidden: bot can't send messages to bots": ("сам бот", 904),
    "Forbidden: the bot can't send messages to the bot": ("сам бот", 904),
    "Forbidden: user is deactivated": ("удалён", 904),
    "Forbidden: bot was kicked from the group chat": ("Бота удалили из группы", 905),
    "Forbidden: bot was kicked from the supergroup chat": ("Бота удалили из группы", 905),
    "Forbidden: bot is not a member of the supergroup chat": ("Бота нет в этой группе", 905),
    "Forbidden: the group chat was deleted": ("Группа в Telegram удалена", 905),
    "Bad Request: chat not found": ("не найден", 904),
    "Bad Request: private chat not found": ("не найден", 904),
    "Bad Request: PEER_ID_INVALID": ("не найден", 904),
    "Bad Request: CHANNEL_PRIVATE": ("Бота нет в этой группе", 905),
    "Bad Request: group chat was upgraded to a supergroup chat": ("супергруппой", 905),
    "Forbidden: something that nobody has seen": ("не пускает бота", 905),
    "Bad Request: PRIVACY_PREMIUM_REQUIRED": ("не от всех", 904),
    "Bad Request: ALLOW_PAYMENT_REQUIRED_5": ("звёздами", 905),
    "Bad Request: PEER_FLOOD": ("ограничил бота", 905),
    "Bad Request: FROZEN_METHOD_INVALID": ("ограничил бота", 905),
    "Bad Request: have no rights to send a message": ("нет права писать", 905),
    "Bad Request: have no write access to the chat": ("нет права писать", 905),
    "Bad Request: need administrator rights in the channel chat": ("нет права писать", 905),
    "Bad Request: CHAT_WRITE_FORBIDDEN": ("нет права писать", 905),
    "Bad Request: CHAT_ADMIN_REQUIRED": ("нет права писать", 905),
    "Bad Request: not enough rights to send text messages to the chat": ("нельзя отправлять текстовые", 905),
    "Bad Request: CHAT_SEND_PLAIN_FORBIDDEN": ("нельзя отправлять текстовые", 905),
    "Bad Request: not enough rights to send photos to the chat": ("нельзя отправлять фотографии", 905),
    "Bad Request: CHAT_SEND_PHOTOS_FORBIDDEN": ("нельзя отправлять фотографии", 905),
    "Bad Request: not enough rights to send videos to the chat": ("нельзя отправлять видео.", 905),
    "Bad Request: CHAT_SEND_VIDEOS_FORBIDDEN": ("нельзя отправлять видео.", 905),
    "Bad Request: not enough rights to send video notes to the chat": ("нельзя отправлять видеосообщения", 905),
    "Bad Request: CHAT_SEND_ROUNDVIDEOS_FORBIDDEN": ("нельзя отправлять видеосообщения", 905),
    "Bad Request: not enough rights to send documents to the chat": ("нельзя отправлять файлы", 905),
    "Bad Request: CHAT_SEND_DOCS_FORBIDDEN": ("нельзя отправлять файлы", 905),
    "Bad Request: not enough rights to send audios to the chat": ("нельзя отправлять аудиозаписи", 905),
    "Bad Request: not enough rights to send music to the chat": ("нельзя отправлять аудиозаписи", 905),
    "Bad Request: CHAT_SEND_AUDIOS_FORBIDDEN": ("нельзя отправлять аудиозаписи", 905),
    "Bad Request: not enough rights to send voice notes to the chat": ("нельзя отправлять голосовые", 905),
    "Bad Request: CHAT_SEND_VOICES_FORBIDDEN": ("нельзя отправлять голосовые", 905),
    "Bad Request: not enough rights to send stickers to the chat": ("нельзя отправлять стикеры", 905),
    "Bad Request: CHAT_SEND_STICKERS_FORBIDDEN": ("нельзя отправлять стикеры", 905),
    "Bad Request: CHAT_SEND_GIFS_FORBIDDEN": ("нельзя отправлять стикеры", 905),
    "Bad Request: CHAT_SEND_MEDIA_FORBIDDEN": ("нельзя отправлять медиафайлы", 905),
    "Bad Request: VOICE_MESSAGES_FORBIDDEN": ("запретил присылать ему голосовые", 905),
    "Bad Request: user restricted receiving of voice note messages": ("запретил присылать ему голосовые", 905),
    "Bad Request: user restricted receiving of video messages": ("запретил присылать ему голосовые", 905),
    "Bad Request: CHAT_RESTRICTED": ("ограничили бота", 905),
    "Bad Request: USER_BANNED_IN_CHANNEL": ("ограничили бота", 905),
    "Bad Request: TOPIC_CLOSED": ("Тема закрыта", 905),
    "Bad Request: TOPIC_DELETED": ("её удалили", 905),
    "Bad Request: message thread not found": ("её удалили", 905),
    "Bad Request: message to be replied not found": ("без цитаты", 905),
    "Bad Request: QUOTE_TEXT_INVALID": ("без цитаты", 905),
    "Bad Request: message is too long": ("слишком длинное", 905),
    "Bad Request: MESSAGE_TOO_LONG": ("слишком длинное", 905),
    "Bad Request: message caption is too long": ("Подпись к файлу слишком длинная", 905),
    "Bad Request: MEDIA_CAPTION_TOO_LONG": ("Подпись к файлу слишком длинная", 905),
    "Bad Request: message text is empty": ("пустое", 905),
    "Bad Request: can't parse entities: unsupported start tag": ("оформление", 905),
    "Bad Request: text must be encoded in UTF-8": ("символы", 905),
    "Bad Request: text buttons are unallowed in the inline keyboard": ("кнопки", 905),
    "Bad Request: inline keyboard button URL 'x' is invalid: wrong HTTP URL": ("кнопки", 905),
    "Bad Request: BUTTON_URL_INVALID": ("кнопки", 905),
    "Bad Request: reply markup is too long": ("кнопки", 905),
    "Bad Request: file is too big": ("слишком большой", 905),
    "Request Entity Too Large": ("слишком большой", 905),
    "Bad Request: PHOTO_INVALID_DIMENSIONS": ("Отправьте её файлом", 905),
    "Bad Request: IMAGE_PROCESS_FAILED": ("открыть картинку", 905),
    "Bad Request: PHOTO_SAVE_FILE_INVALID": ("открыть картинку", 905),
    "Bad Request: can't use the media of the specified type in the album": ("альбом", 905),
    "Bad Request: file must be non-empty": ("Файл пустой", 905),
    "Bad Request: FILE_PARTS_INVALID": ("не смог принять файл", 905),
    "Bad Request: wrong file identifier/HTTP URL specified": ("не смог принять файл", 905),
    "Bad Request: wrong file_id or the file is temporarily unavailable": ("не смог принять файл", 905),
    "Bad Request: wrong type of the web page content": ("не смог принять файл", 905),
    "Bad Request: failed to get HTTP URL content": ("не смог принять файл", 905),
    "Bad Request: MEDIA_EMPTY": ("не смог принять файл", 905),
}


def raised(description: str, status: int | None = None):
    """The exception for an error text, as the gateway makes it."""
    if status is None:
        status = 413 if description.startswith("Request") else 403 if description.startswith("Forbidden") else 400
    body = b'{"ok":false,"error_code":%d,"description":"%s"}' % (status, description.encode())
    answer = Answer(status=status, headers={}, body=body)
    return telegram_refusal(answer, operation="sendMessage", repeatable=False)


@pytest.mark.parametrize("description", SAID)
def test_every_known_text_has_a_sentence_and_a_code(description):
    words, code = SAID[description]
    error = raised(description)
    assert isinstance(error, Refused)
    told = refusals.refusal(error)
    assert words in told.text
    assert told.code == code


def test_the_table_above_meets_every_reason_that_concerns_a_send():
    met = {reason_of(description) for description in SAID}
    not_of_sends = {
        "not_modified",
        "message_not_found",
        "not_editable",
        "not_deletable",
        "query_too_old",
        "reaction_invalid",
    }
    assert met - {""} == KNOWN - not_of_sends


def test_every_sentence_is_russian_plain_and_short_enough_for_a_card():
    assert set(refusals._TOLD) <= KNOWN | {"forbidden"}
    every = (*refusals._TOLD.values(), refusals.GIVEN_UP, refusals.UNKNOWN_OUTCOME, refusals.BOT_REFUSED)
    for told in every:
        assert re.match(r"[А-ЯЁ]|Telegram|dealgram", told.text), told.text
        assert len(told.text) <= 200, told.text
        assert "_" not in told.text
        assert told.code in (901, 902, 903, 904, 905)
        assert not told.text.endswith(".")


@pytest.mark.parametrize("description", SAID)
def test_what_closes_a_chat_is_told_apart_from_what_one_message_suffers(description):
    error = raised(description)
    reason = reason_of(description)
    gone = reason in CHAT_GONE | BLOCKED or (description.startswith("Forbidden") and not reason)
    assert isinstance(error, ChatGone) == gone
    assert isinstance(error, BotBlocked) == (reason in BLOCKED)


def test_slow_mode_in_words_is_a_wait_and_not_a_refusal():
    for status in (400, 420):
        error = raised("Bad Request: SLOWMODE_WAIT_30", status)
        assert isinstance(error, RateLimited)
        assert error.retry_after_s == 30


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Bad Request: STRANGE_THING", "Telegram не принял сообщение. Он ответил: «STRANGE_THING»"),
        (
            "Bad Request: bot123456:made-up_made-up_made-up_made-up_mad said no",
            "Telegram не принял сообщение. Он ответил: «bot… said no»",
        ),
        (
            "Bad Request: cannot read https://amo.example/file?token=secret here",
            "Telegram не принял сообщение. Он ответил: «cannot read … here»",
        ),
        ("Bad Request:\u0000 a\nb", "Telegram не принял сообщение. Он ответил: «a b»"),
        ("", "Telegram не принял сообщение и не сказал почему"),
    ],
)
def test_unknown_words_are_quoted_without_secrets(said, shown):
    assert refusals.unknown(said).text == shown
    assert refusals.unknown(said).code == 905


def test_long_words_are_cut():
    assert len(refusals.unknown("x" * 5000).text) < 260


def test_the_outcome_that_nobody_knows_sends_the_manager_into_the_chat():
    assert "проверьте в чате" in refusals.UNKNOWN_OUTCOME.text
    assert refusals.UNKNOWN_OUTCOME.text == texts.REASON_UNKNOWN_OUTCOME
