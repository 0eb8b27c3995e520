"""sendMessage, sendLocation, sendVenue, sendContact, sendChatAction and answerCallbackQuery (Bot API, telegram-facts
§1.5 and §1.8). Files are in `media_methods.py`, changes in `editing.py`."""

from __future__ import annotations

import msgspec

from dealgram.sandbox.telegram.access import chat_for
from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.errors import QUERY_TOO_OLD, bad_request, misuse
from dealgram.sandbox.telegram.methods import ChatCall, Method
from dealgram.sandbox.telegram.permissions import topic_of
from dealgram.sandbox.telegram.posting import Posting, SendCall, message_text
from dealgram.sandbox.telegram.switches import Switches
from dealgram.sandbox.telegram.world import GENERAL, Json, SimBot

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


class SendMessage(SendCall, kw_only=True):
    text: str
    parse_mode: str = ""
    entities: list[Json] | None = None


class SendLocation(SendCall, kw_only=True):
    latitude: float
    longitude: float
    horizontal_accuracy: float | None = None
    live_period: int | None = None


class SendVenue(SendCall, kw_only=True):
    latitude: float
    longitude: float
    title: str
    address: str


class SendContact(SendCall, kw_only=True):
    phone_number: str
    first_name: str
    last_name: str | None = None
    vcard: str | None = None


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
    def __init__(self, cloud: Cloud, posting: Posting, switches: Switches) -> None:
        self._cloud = cloud
        self._posting = posting
        self._switches = switches

    def methods(self) -> dict[str, Method]:
        return {
            "sendMessage": Method(SendMessage, self.send_message),
            "sendLocation": Method(SendLocation, self.send_location),
            "sendVenue": Method(SendVenue, self.send_venue),
            "sendContact": Method(SendContact, self.send_contact),
            "sendChatAction": Method(SendChatAction, self.act),
            "answerCallbackQuery": Method(AnswerCallbackQuery, self.answer_press),
        }

    def send_message(self, bot: SimBot, call: SendMessage) -> Json:
        text = message_text(call.text, call.parse_mode, call.entities)
        return self._posting.post(bot, self._posting.spot(bot, call, ("text",)), text.content())

    def send_location(self, bot: SimBot, call: SendLocation) -> Json:
        content = {"location": _given(call, "latitude", "longitude", "horizontal_accuracy", "live_period")}
        return self._posting.post(bot, self._posting.spot(bot, call, ("location",)), content)

    def send_venue(self, bot: SimBot, call: SendVenue) -> Json:
        location = _given(call, "latitude", "longitude")
        content = {"venue": _given(call, "title", "address") | {"location": location}, "location": location}
        return self._posting.post(bot, self._posting.spot(bot, call, ("venue",)), content)

    def send_contact(self, bot: SimBot, call: SendContact) -> Json:
        content = {"contact": _given(call, "phone_number", "first_name", "last_name", "vcard")}
        return self._posting.post(bot, self._posting.spot(bot, call, ("contact",)), content)

    def act(self, bot: SimBot, call: SendChatAction) -> bool:
        """The General topic may be named here (the server's source: `process_send_chat_action_query`)."""
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        if call.action not in _ACTIONS:
            raise misuse("wrong parameter action in request")
        if not (chat.is_forum and call.message_thread_id == GENERAL):
            topic_of(chat, call.message_thread_id)
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


def _given(call: SendCall, *names: str) -> Json:
    return {name: value for name in names if (value := getattr(call, name)) is not None}
