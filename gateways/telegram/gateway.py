"""The Bot API as dealgram uses it: one gateway for all bots, thin typed calls, our errors.

`TelegramGateway.bot(token)` is cheap (microseconds); make one per use or keep it, both are fine. Calls that may be
repeated end a broken connection as `Interrupted` (Transient); `send_text` and its like end it as `OutcomeUnknown`.
Rate limits are not kept here but in `limits.TelegramLimits`, because only the caller knows what may wait.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from telegram import (
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllChatAdministrators,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeDefault,
    LinkPreviewOptions,
    MessageEntity,
    ReactionTypeEmoji,
    ReplyParameters,
)
from telegram.constants import ParseMode

from dealgram.gateways.errors import GatewayError, OutcomeUnknown, Refused, ServiceFailed, Unauthorised
from dealgram.gateways.telegram.bot import CarriedError, TransportRequest, TrioBot, is_repeatable, last_result
from dealgram.gateways.telegram.errors import SERVICE
from dealgram.gateways.telegram.keyboards import Keyboard, Markup, as_keyboard, as_markup
from dealgram.gateways.telegram.media_calls import GENERAL_TOPIC, MediaCalls, ReplyTo
from dealgram.gateways.telegram.replies import (
    ChatInfo,
    CustomEmoji,
    File,
    Me,
    Member,
    PhotoSize,
    ProfilePhotos,
    SentMessageId,
    WebhookInfo,
)
from dealgram.gateways.transport import HttpTransport

T = TypeVar("T")

_TOKEN = re.compile(r"([0-9]{1,19}):[A-Za-z0-9_-]{1,200}")


COMMAND_SCOPES: dict[str, Callable[[], BotCommandScope]] = {
    "default": BotCommandScopeDefault,
    "private": BotCommandScopeAllPrivateChats,
    "groups": BotCommandScopeAllGroupChats,
    "administrators": BotCommandScopeAllChatAdministrators,
}


def bot_id_of(token: str) -> int:
    """The bot's id, which is the part of its token before the colon.

    Raises:
        Unauthorised: no token. Its text does not quote it.
    """
    match = _TOKEN.fullmatch(token)
    if not match:
        raise Unauthorised("this is not the token of a bot", service=SERVICE)
    return int(match[1])


class TelegramGateway:
    """Makes bots over one shared transport.

    Args:
        transport: for sends and short calls only; long polls have connections of their own (see `intake`).
        api_url: e.g. `https://api.telegram.org`.
        uploads: connections for files, so that a message never waits for one; by default the same.
    """

    def __init__(
        self,
        transport: HttpTransport,
        api_url: str,
        *,
        uploads: HttpTransport | None = None,
        deadline_s: float = 60.0,
    ) -> None:
        self._api_url = api_url
        self._request = TransportRequest(transport, deadline_s)
        self._uploads = uploads or transport

    def bot(self, token: str) -> BotCalls:
        """The calls of one bot.

        Raises:
            Unauthorised: no token.
        """
        bot = TrioBot(token, self._api_url, self._request)
        return BotCalls(bot_id_of(token), bot, MediaCalls(bot.base_url, self._uploads))


class BotCalls:
    """The Bot API's methods for one bot; see telegram.errors for what they raise besides the transport's errors:
    ChatMigrated, ChatGone and BotBlocked, Unauthorised (the token is revoked), Refused with a `reason`."""

    def __init__(self, bot_id: int, bot: TrioBot, media: MediaCalls) -> None:
        self.bot_id = bot_id
        self.media = media
        """The methods that send files."""
        self._bot = bot

    def __repr__(self) -> str:
        return f"BotCalls({self.bot_id})"

    async def get_me(self) -> Me:
        """The bot itself. Checks the token."""
        return await _call("getMe", self._bot.get_me, Me)

    async def send_text(
        self,
        chat_id: int,
        text: str,
        *,
        reply_to: int | ReplyTo | None = None,
        reply_markup: Markup | None = None,
        thread: int | None = None,
        silent: bool = False,
        link_preview: bool = True,
        html: bool = False,
        bold: int = 0,
    ) -> int:
        """Sends 1 to 4096 characters of plain text; returns the message id.

        Args:
            bold: so many UTF-16 units at the beginning of plain text are bold, whatever characters they are.
            html: `text` is Bot API's HTML instead; the limit counts what is left without the tags.
            reply_to: a message of the same chat to answer; if it is gone, the text is sent without it, unless a
                `ReplyTo` says otherwise.
            thread: the forum topic; the General topic is no thread for Telegram and is left out.

        Raises:
            OutcomeUnknown: it may have been sent. Never repeat this blindly: there is no idempotency key.
        """
        reply = ReplyTo(message_id=reply_to) if isinstance(reply_to, int) else reply_to
        sent = await _call(
            "sendMessage",
            lambda: self._bot.send_message(
                chat_id,
                text,
                reply_parameters=None if reply is None else ReplyParameters(**reply.fields()),
                reply_markup=as_markup(reply_markup),
                message_thread_id=None if thread == GENERAL_TOPIC else thread,
                disable_notification=True if silent else None,
                link_preview_options=None if link_preview else LinkPreviewOptions(is_disabled=True),
                parse_mode=ParseMode.HTML if html else None,
                entities=[MessageEntity(MessageEntity.BOLD, 0, bold)] if bold else None,
            ),
            SentMessageId,
        )
        return sent.message_id

    async def edit_text(
        self, chat_id: int, message_id: int, text: str, *, reply_markup: Keyboard | None = None, html: bool = False
    ) -> None:
        """Replaces text and buttons of an own message; None takes the buttons off. No change is no error."""
        try:
            await _call(
                "editMessageText",
                lambda: self._bot.edit_message_text(
                    text,
                    chat_id=chat_id,
                    message_id=message_id,
                    reply_markup=as_keyboard(reply_markup),
                    parse_mode=ParseMode.HTML if html else None,
                ),
                object,
            )
        except Refused as refused:
            if refused.reason != "not_modified":
                raise

    async def edit_keyboard(self, chat_id: int, message_id: int, reply_markup: Keyboard | None) -> None:
        """Replaces the buttons of an own message, None takes them off; the text stays. No change is no error."""
        try:
            await _call(
                "editMessageReplyMarkup",
                lambda: self._bot.edit_message_reply_markup(
                    chat_id=chat_id, message_id=message_id, reply_markup=as_keyboard(reply_markup)
                ),
                object,
            )
        except Refused as refused:
            if refused.reason != "not_modified":
                raise

    async def delete_message(self, chat_id: int, message_id: int) -> None:
        """Deletes a message (own ones up to 48 hours). One that is gone already is no error."""
        try:
            await _call("deleteMessage", lambda: self._bot.delete_message(chat_id, message_id), object)
        except Refused as refused:
            if refused.reason != "message_not_found":
                raise

    async def set_reaction(self, chat_id: int, message_id: int, emoji: str | None) -> None:
        """Sets the bot's one reaction to a message, None takes it off. Of an album it comes to stand on the first item.

        Raises:
            Refused: reason "reaction_invalid" (no such reaction, or not in this chat), "message_not_found" and others.
        """
        reaction = [ReactionTypeEmoji(emoji)] if emoji else []
        await _call("setMessageReaction", lambda: self._bot.set_message_reaction(chat_id, message_id, reaction), object)

    async def send_chat_action(self, chat_id: int, action: str, thread: int | None = None) -> None:
        """Shows the bot as doing something ("typing", …) for up to 5 seconds, or until its next message comes.

        Args:
            thread: the forum topic; other than a send, this call knows the General topic by its number.
        """
        await _call(
            "sendChatAction",
            lambda: self._bot.send_chat_action(chat_id, action, message_thread_id=thread),
            object,
        )

    async def get_custom_emoji(self, custom_emoji_id: str) -> str | None:
        """The ordinary emoji that a custom one stands for; None for one that Telegram does not know (any more)."""
        found = await _call(
            "getCustomEmojiStickers",
            lambda: self._bot.get_custom_emoji_stickers([custom_emoji_id]),
            list[CustomEmoji],
        )
        return found[0].emoji or None if found else None

    async def answer_callback(self, callback_id: str, text: str | None = None, *, alert: bool = False) -> None:
        """Ends the waiting of a pressed button, with up to 200 characters to show. Too late is no error: the person
        has long stopped looking."""
        try:
            await _call(
                "answerCallbackQuery",
                lambda: self._bot.answer_callback_query(
                    callback_id, text=text[:200] if text else None, show_alert=True if alert else None
                ),
                object,
            )
        except Refused as refused:
            if refused.reason != "query_too_old":
                raise

    async def get_chat(self, chat_id: int) -> ChatInfo:
        """Title, type and settings of a chat."""
        return await _call("getChat", lambda: self._bot.get_chat(chat_id), ChatInfo)

    async def get_profile_photos(self, user_id: int) -> tuple[PhotoSize, ...]:
        """A person's newest picture in all its sizes; empty for people who have none or show it to nobody.

        With the bot's own id: its picture, of which a bot has one at most (tdlib/telegram-bot-api#466)."""
        found = await _call(
            "getUserProfilePhotos", lambda: self._bot.get_user_profile_photos(user_id, limit=1), ProfilePhotos
        )
        return found.photos[0] if found.photos else ()

    async def get_file(self, file_id: str) -> File:
        """Where a file can be downloaded.

        Raises:
            Refused: not this bot's file, gone, or over 20 MB (reason "file_too_big").
        """
        return await _call("getFile", lambda: self._bot.get_file(file_id), File)

    async def get_chat_member(self, chat_id: int, user_id: int) -> Member:
        """The place of a person in a chat."""
        return await _call("getChatMember", lambda: self._bot.get_chat_member(chat_id, user_id), Member)

    async def get_chat_administrators(self, chat_id: int) -> list[Member]:
        """Owner and administrators, without other bots."""
        return await _call("getChatAdministrators", lambda: self._bot.get_chat_administrators(chat_id), list[Member])

    async def set_commands(
        self, commands: Sequence[tuple[str, str]], *, scope: str = "default", language: str | None = None
    ) -> None:
        """Sets the command menu: pairs of command and description; `scope` is a key of COMMAND_SCOPES.

        Args:
            language: for people whose Telegram speaks it (two letters); None for all who have no menu of their own.
        """
        entries = [BotCommand(command, description) for command, description in commands]
        where = COMMAND_SCOPES[scope]()
        await _call(
            "setMyCommands", lambda: self._bot.set_my_commands(entries, scope=where, language_code=language), object
        )

    async def set_description(self, text: str, *, language: str | None = None) -> None:
        """What an empty chat with the bot shows; up to 512 characters. `language` as in `set_commands`."""
        await _call("setMyDescription", lambda: self._bot.set_my_description(text, language_code=language), object)

    async def set_short_description(self, text: str, *, language: str | None = None) -> None:
        """What the bot's profile shows; up to 120 characters. `language` as in `set_commands`."""
        await _call(
            "setMyShortDescription", lambda: self._bot.set_my_short_description(text, language_code=language), object
        )

    async def set_webhook(
        self,
        url: str,
        *,
        secret_token: str,
        allowed_updates: Sequence[str],
        max_connections: int = 40,
        drop_pending_updates: bool = False,
    ) -> None:
        """Asks Telegram to push updates to `url`, with `secret_token` in X-Telegram-Bot-Api-Secret-Token."""
        await _call(
            "setWebhook",
            lambda: self._bot.set_webhook(
                url,
                secret_token=secret_token,
                allowed_updates=list(allowed_updates),
                max_connections=max_connections,
                drop_pending_updates=True if drop_pending_updates else None,
            ),
            object,
        )

    async def delete_webhook(self, *, drop_pending_updates: bool = False) -> None:
        """Takes the webhook off, so that polling can begin."""
        await _call(
            "deleteWebhook",
            lambda: self._bot.delete_webhook(drop_pending_updates=True if drop_pending_updates else None),
            object,
        )

    async def get_webhook_info(self) -> WebhookInfo:
        """The webhook's address, backlog and last error."""
        return await _call("getWebhookInfo", self._bot.get_webhook_info, WebhookInfo)

    async def leave_chat(self, chat_id: int) -> None:
        """Leaves a group."""
        await _call("leaveChat", lambda: self._bot.leave_chat(chat_id), object)


async def _call(method: str, call: Callable[[], Awaitable[object]], kind: type[T]) -> T:
    """Runs a method of python-telegram-bot and reads the raw result as `kind`."""
    token = last_result.set(None)
    failure: GatewayError | None = None
    try:
        try:
            await call()
        except CarriedError as carried:
            failure = carried.error
        except (TypeError, ValueError, KeyError, AttributeError):
            # python-telegram-bot could not make its object of a successful answer; ours decides below.
            if last_result.get() is None:
                raise
        raw = last_result.get()
    finally:
        last_result.reset(token)
    if failure is not None:
        raise failure  # outside of the handlers: its carrier is no part of the story
    assert raw is not None, "a call without an error has a result"
    try:
        return msgspec.json.decode(raw, type=kind)
    except (ValueError, RecursionError):
        detail = "the result is not what the Bot API promises"
        if is_repeatable(method):
            raise ServiceFailed(detail, service=SERVICE, operation=method) from None
        raise OutcomeUnknown(detail, service=SERVICE, operation=method) from None
