"""What every sending method does around its content: where it goes, what it answers, whether it may, how it is stored.

Owns `SendCall`, the parameters that they share, and the order of the checks: chat, keyboard, topic, answer, rights,
slow mode, flood control. Nothing is stored and no allowance is taken unless all of them are passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dealgram.sandbox.telegram.access import chat_for
from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.errors import bad_request, misuse, too_many_requests
from dealgram.sandbox.telegram.formatting import parse
from dealgram.sandbox.telegram.keyboards import checked
from dealgram.sandbox.telegram.limits import FloodControl
from dealgram.sandbox.telegram.media import CAPTIONED, Media
from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.methods import ChatCall
from dealgram.sandbox.telegram.permissions import require_may_post, require_not_slowed, topic_of
from dealgram.sandbox.telegram.replies import Answered, ReplyParameters, answered
from dealgram.sandbox.telegram.text import TEXT_LIMIT, FormattedText, finish
from dealgram.sandbox.telegram.world import Json, SimBot, SimChat

CAPTION_LIMIT = 1024


class SendCall(ChatCall, kw_only=True):
    message_thread_id: int | None = None
    reply_parameters: ReplyParameters | None = None
    reply_markup: dict[str, Any] | None = None
    protect_content: bool = False


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a message goes."""

    chat: SimChat
    markup: Json | None
    topic: Stored | None
    answered: Answered
    about: Json


class Posting:
    def __init__(self, cloud: Cloud, flood: FloodControl) -> None:
        self._cloud = cloud
        self._flood = flood

    def spot(self, bot: SimBot, call: SendCall, kinds: Sequence[str], *, count: int = 1) -> Spot:
        """The place for `count` messages of these kinds, with the allowance for them taken."""
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        markup = checked(call.reply_markup)
        topic = topic_of(chat, call.message_thread_id)
        found = answered(
            self._cloud.world, chat, bot, call.reply_parameters, topic, any_topic=call.message_thread_id is None
        )
        if topic is None and call.message_thread_id is None and found.here is not None:
            topic = found.here.topic
        require_may_post(chat, bot, topic, *kinds)
        require_not_slowed(chat, bot, self._cloud.now())
        self.take_allowance(bot, chat, count)
        chat.spoke_at[bot.id] = self._cloud.now()
        return Spot(chat, markup, topic, found, {"has_protected_content": True} if call.protect_content else {})

    def post(
        self, bot: SimBot, spot: Spot, content: Json, *, media: Media | None = None, album: str | None = None
    ) -> Json:
        """Stores one message there and returns it as the bot sees it."""
        message = self._cloud.post(
            spot.chat,
            bot,
            content,
            media=media,
            about=spot.about | ({} if album is None else {"media_group_id": album}),
            reply_to=spot.answered.here,
            elsewhere=spot.answered.elsewhere,
            quote=spot.answered.quote,
            topic=spot.topic,
            markup=spot.markup,
        )
        return message.as_message(bot)

    def take_allowance(self, bot: SimBot, chat: SimChat, count: int = 1) -> None:
        wait_s = self._flood.take(bot.id, chat.id, count)
        if wait_s > 0:
            raise too_many_requests(wait_s)


def message_text(text: str, parse_mode: str, entities: list[Json] | None) -> FormattedText:
    """The text of a message; raises the 400 of an empty or too long one."""
    made = formatted(text, parse_mode, entities)
    if not made.text:
        raise bad_request("message text is empty")
    if len(made.text) > TEXT_LIMIT:
        raise misuse("message is too long")
    return made


def formatted(text: str, parse_mode: str, entities: list[Json] | None) -> FormattedText:
    """A text without its markup, with the entities that Telegram finds."""
    plain, found = (text, entities) if entities is not None else parse(text, parse_mode)
    return finish(plain, found)


def caption(text: str, parse_mode: str, entities: list[Json] | None, kind: str, *, above: bool = False) -> Json:
    """The fields of a caption; kinds without one drop it, as the service does."""
    made = formatted(text, parse_mode, entities)
    if len(made.text) > CAPTION_LIMIT:
        raise misuse("message caption is too long")
    if not made.text or kind not in CAPTIONED:
        return {}
    fields: Json = {"caption": made.text}
    if made.entities:
        fields["caption_entities"] = list(made.entities)
    if above and kind in ("photo", "video", "animation"):
        fields["show_caption_above_media"] = True
    return fields
