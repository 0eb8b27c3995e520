"""Methods that write: sendMessage, editMessageText, editMessageReplyMarkup, deleteMessage, sendChatAction and
answerCallbackQuery (Bot API, telegram-facts §1.5 and §1.8).

Owns the checks that need more than types: lengths after parsing, reply targets, topics, "not modified", who may delete.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dealgram.sandbox.telegram.access import chat_for, message_in
from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.errors import NOT_MODIFIED, QUERY_TOO_OLD, bad_request, too_many_requests
from dealgram.sandbox.telegram.formatting import parse
from dealgram.sandbox.telegram.keyboards import checked
from dealgram.sandbox.telegram.limits import FloodControl
from dealgram.sandbox.telegram.messages import Stored, find
from dealgram.sandbox.telegram.methods import ChatCall, Method
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.text import TEXT_LIMIT, FormattedText, finish, utf16_length
from dealgram.sandbox.telegram.world import Json, SimBot, SimChat

DELETE_WITHIN_S = 48 * 3600
_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


class ReplyParameters(msgspec.Struct, kw_only=True):
    message_id: int
    chat_id: int | str | None = None
    allow_sending_without_reply: bool = False
    quote: str | None = None


class SendMessage(ChatCall, kw_only=True):
    text: str
    parse_mode: str = ""
    entities: list[dict[str, Any]] | None = None
    message_thread_id: int | None = None
    reply_parameters: ReplyParameters | None = None
    reply_markup: dict[str, Any] | None = None


class EditMessageText(ChatCall, kw_only=True):
    message_id: int
    text: str
    parse_mode: str = ""
    entities: list[dict[str, Any]] | None = None
    reply_markup: dict[str, Any] | None = None


class EditMessageReplyMarkup(ChatCall, kw_only=True):
    message_id: int
    reply_markup: dict[str, Any] | None = None


class DeleteMessage(ChatCall, kw_only=True):
    message_id: int


class SendChatAction(ChatCall, kw_only=True):
    action: str
    message_thread_id: int | None = None


class AnswerCallbackQuery(msgspec.Struct, kw_only=True):
    callback_query_id: str
    text: str | None = None
    show_alert: bool | None = None
    url: str | None = None
    cache_time: int | None = None


class Sending:
    def __init__(self, cloud: Cloud, flood: FloodControl, switches: Switches) -> None:
        self._cloud = cloud
        self._flood = flood
        self._switches = switches

    def methods(self) -> dict[str, Method]:
        return {
            "sendMessage": Method(SendMessage, self.send_message),
            "editMessageText": Method(EditMessageText, self.edit_text),
            "editMessageReplyMarkup": Method(EditMessageReplyMarkup, self.edit_markup),
            "deleteMessage": Method(DeleteMessage, self.delete),
            "sendChatAction": Method(SendChatAction, self.act),
            "answerCallbackQuery": Method(AnswerCallbackQuery, self.answer_press),
        }

    def send_message(self, bot: SimBot, call: SendMessage) -> Json:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        text = _formatted(call.text, call.parse_mode, call.entities)
        markup = checked(call.reply_markup)
        reply_to, quote = _reply(chat, bot, call.reply_parameters)
        topic = _topic(chat, call.message_thread_id)
        if topic is None and call.message_thread_id is None and reply_to is not None:
            topic = reply_to.topic
        self._take_allowance(bot, chat)
        message = self._cloud.post(
            chat, bot, text.content(), reply_to=reply_to, quote=quote, topic=topic, markup=markup
        )
        return message.as_message(bot)

    def edit_text(self, bot: SimBot, call: EditMessageText) -> Json:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        message = _own(chat, bot, call.message_id)
        if "text" not in message.content:
            raise bad_request("there is no text in the message to edit")
        text = _formatted(call.text, call.parse_mode, call.entities)
        markup = checked(call.reply_markup, inline_only=True)
        return self._edited(bot, message, text.content(), markup)

    def edit_markup(self, bot: SimBot, call: EditMessageReplyMarkup) -> Json:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        message = _own(chat, bot, call.message_id)
        return self._edited(bot, message, message.content, checked(call.reply_markup, inline_only=True))

    def delete(self, bot: SimBot, call: DeleteMessage) -> bool:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        message = message_in(chat, bot, call.message_id, "message to delete not found")
        may = message.sender is bot or chat.kind == "private" or chat.is_admin(bot)
        if not may or self._cloud.now() - message.date > DELETE_WITHIN_S:
            raise bad_request("message can't be deleted")
        self._cloud.delete(message)
        return True

    def act(self, bot: SimBot, call: SendChatAction) -> bool:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        if call.action not in _ACTIONS:
            raise bad_request("wrong parameter action in request")
        _topic(chat, call.message_thread_id)
        self._cloud.act(chat, bot, call.action, call.message_thread_id)
        return True

    def answer_press(self, bot: SimBot, call: AnswerCallbackQuery) -> bool:
        press = self._cloud.presses.get(call.callback_query_id)
        if press is None or press.bot is not bot or self._cloud.now() - press.at > self._switches.callback_timeout_s:
            raise bad_request(QUERY_TOO_OLD)
        if len(call.text or "") > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        answer = {name: value for name, value in msgspec.structs.asdict(call).items() if value is not None}
        self._cloud.answer(press, answer)
        return True

    def _edited(self, bot: SimBot, message: Stored, content: Json, markup: Json | None) -> Json:
        if content == message.content and markup == message.markup:
            raise bad_request(NOT_MODIFIED)
        self._take_allowance(bot, message.chat)
        self._cloud.edit(message, content, markup)
        return message.as_message(bot)

    def _take_allowance(self, bot: SimBot, chat: SimChat) -> None:
        wait_s = self._flood.take(bot.id, chat.id)
        if wait_s > 0:
            raise too_many_requests(wait_s)


def _formatted(text: str, parse_mode: str, entities: list[Json] | None) -> FormattedText:
    plain, found = (text, entities) if entities is not None else parse(text, parse_mode)
    formatted = finish(plain, found)
    if not formatted.text:
        raise bad_request("message text is empty")
    if len(formatted.text) > TEXT_LIMIT:
        raise bad_request("message is too long")
    return formatted


def _own(chat: SimChat, bot: SimBot, message_id: int) -> Stored:
    message = message_in(chat, bot, message_id, "message to edit not found")
    if message.sender is not bot or message.service:
        raise bad_request("message can't be edited")
    return message


def _topic(chat: SimChat, thread_id: int | None) -> Stored | None:
    """The topic's first message; the General topic has no id, so that 1 is refused like any unknown one."""
    if thread_id is None:
        return None
    topic = chat.topics.get(thread_id)
    if topic is None:
        raise bad_request("message thread not found")
    return topic


def _reply(chat: SimChat, bot: SimBot, reply: ReplyParameters | None) -> tuple[Stored | None, Json | None]:
    if reply is None:
        return None, None
    same_chat = reply.chat_id in (None, chat.id)
    target = find(chat, bot, reply.message_id) if same_chat else None
    if target is None:
        if reply.allow_sending_without_reply:
            return None, None
        raise bad_request("message to be replied not found")
    if not reply.quote:
        return target, None
    text = target.content.get("text") or target.content.get("caption") or ""
    start = text.find(reply.quote)
    if start < 0:
        raise bad_request("QUOTE_TEXT_INVALID")
    return target, {"text": reply.quote, "position": utf16_length(text[:start]), "is_manual": True}
