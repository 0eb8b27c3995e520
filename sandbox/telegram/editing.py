"""editMessageText, editMessageCaption, editMessageMedia, editMessageReplyMarkup, deleteMessage.

Owns what may be edited into what (Bot API, telegram-facts §1.8): a bot edits its own messages; texts and captions have
methods of their own; an album keeps its kind; the same again is refused as "not modified".
"""

from __future__ import annotations

from typing import Any

from dealgram.sandbox.telegram.access import chat_for, message_in
from dealgram.sandbox.telegram.cloud import Cloud
from dealgram.sandbox.telegram.errors import NOT_MODIFIED, bad_request, misuse
from dealgram.sandbox.telegram.keyboards import checked
from dealgram.sandbox.telegram.media import CAPTIONED, Media
from dealgram.sandbox.telegram.media_methods import kind_of, words_of
from dealgram.sandbox.telegram.messages import Stored
from dealgram.sandbox.telegram.methods import ChatCall, Method
from dealgram.sandbox.telegram.posting import Posting, caption, message_text
from dealgram.sandbox.telegram.uploads import Uploads
from dealgram.sandbox.telegram.world import Json, SimBot

DELETE_WITHIN_S = 48 * 3600
_EDITABLE = frozenset({"animation", "audio", "document", "photo", "video"})


class EditMessageReplyMarkup(ChatCall, kw_only=True):
    message_id: int
    reply_markup: dict[str, Any] | None = None


class EditMessageText(EditMessageReplyMarkup, kw_only=True):
    text: str
    parse_mode: str = ""
    entities: list[dict[str, Any]] | None = None


class EditMessageCaption(EditMessageReplyMarkup, kw_only=True):
    caption: str = ""
    parse_mode: str = ""
    caption_entities: list[dict[str, Any]] | None = None
    show_caption_above_media: bool = False


class EditMessageMedia(EditMessageReplyMarkup, kw_only=True):
    media: dict[str, Any]


class DeleteMessage(ChatCall, kw_only=True):
    message_id: int


class Editing:
    def __init__(self, cloud: Cloud, posting: Posting, uploads: Uploads) -> None:
        self._cloud = cloud
        self._posting = posting
        self._uploads = uploads

    def methods(self) -> dict[str, Method]:
        return {
            "editMessageText": Method(EditMessageText, self.edit_text),
            "editMessageCaption": Method(EditMessageCaption, self.edit_caption),
            "editMessageMedia": Method(EditMessageMedia, self.edit_media),
            "editMessageReplyMarkup": Method(EditMessageReplyMarkup, self.edit_markup),
            "deleteMessage": Method(DeleteMessage, self.delete),
        }

    def edit_text(self, bot: SimBot, call: EditMessageText) -> Json:
        message, markup = self._own(bot, call)
        if "text" not in message.content:
            raise bad_request("there is no text in the message to edit")
        text = message_text(call.text, call.parse_mode, call.entities)
        return self._edited(bot, message, text.content(), markup)

    def edit_caption(self, bot: SimBot, call: EditMessageCaption) -> Json:
        message, markup = self._own(bot, call)
        if message.media is None or message.media.kind not in CAPTIONED:
            raise bad_request("there is no caption in the message to edit")
        kind, above = message.media.kind, call.show_caption_above_media
        words = caption(call.caption, call.parse_mode, call.caption_entities, kind, above=above)
        return self._edited(bot, message, words, markup)

    def edit_media(self, bot: SimBot, call: EditMessageMedia) -> Json:
        message, markup = self._own(bot, call)
        before = message.media.kind if message.media is not None else None
        if before not in _EDITABLE and "text" not in message.content:
            raise bad_request("message media can't be edited")
        kind = kind_of(call.media)
        if "media_group_id" in message.about:
            if kind == "animation":
                raise misuse("message content type can't be used in an album")
            if _album_of(kind) != _album_of(before):
                raise misuse("can't change media type in the album")
        sure = kind == "document" and "media_group_id" in message.about
        media = self._uploads.media(bot, kind, call.media.get("media"), call.media, sure=sure)
        return self._edited(bot, message, words_of(call.media), markup, media)

    def edit_markup(self, bot: SimBot, call: EditMessageReplyMarkup) -> Json:
        message, markup = self._own(bot, call)
        return self._edited(bot, message, message.content, markup)

    def delete(self, bot: SimBot, call: DeleteMessage) -> bool:
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        message = message_in(chat, bot, call.message_id, "message to delete not found")
        may = message.sender is bot or chat.kind == "private" or chat.is_admin(bot)
        if not may or self._cloud.now() - message.date > DELETE_WITHIN_S:
            raise bad_request("message can't be deleted")
        self._cloud.delete(message)
        return True

    def _own(self, bot: SimBot, call: EditMessageReplyMarkup) -> tuple[Stored, Json | None]:
        """The bot's message and its new keyboard."""
        chat = chat_for(self._cloud.world, bot, call.chat_id)
        message = message_in(chat, bot, call.message_id, "message to edit not found")
        if message.sender is not bot or message.service:
            raise bad_request("message can't be edited")
        markup = checked(call.reply_markup, inline_only=True)
        if markup is not None and "media_group_id" in message.about:
            raise misuse("message of an album can't have a keyboard")
        return message, markup

    def _edited(
        self, bot: SimBot, message: Stored, content: Json, markup: Json | None, media: Media | None = None
    ) -> Json:
        if content == message.content and markup == message.markup and media in (None, message.media):
            raise bad_request(NOT_MODIFIED)
        self._posting.take_allowance(bot, message.chat)
        self._cloud.edit(message, content, markup, media=media)
        return message.as_message(bot)


def _album_of(kind: str | None) -> str | None:
    """Photos and videos make albums together."""
    return "photo" if kind == "video" else kind
