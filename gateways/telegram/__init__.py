"""The Telegram Bot API: outgoing calls, long polling, updates as typed values, and the limits on sending."""

from dealgram.gateways.telegram.content import Chat, Entity, InlineKey, InlineKeyboard, Origin, Reaction, User
from dealgram.gateways.telegram.errors import BotBlocked, ChatGone, ChatMigrated, IntakeConflict
from dealgram.gateways.telegram.file_limits import CLOUD, OWN_SERVER, FileLimits
from dealgram.gateways.telegram.files import Download, TelegramFiles
from dealgram.gateways.telegram.gateway import BotCalls, TelegramGateway, bot_id_of
from dealgram.gateways.telegram.intake import PollingPool
from dealgram.gateways.telegram.keyboards import AskReply, Key, Keyboard
from dealgram.gateways.telegram.limits import LimitSettings, TelegramLimits
from dealgram.gateways.telegram.media_calls import Caption, MediaCalls, MediaKind, OutFile, ReplyTo, Sent
from dealgram.gateways.telegram.message import Message
from dealgram.gateways.telegram.replies import ChatInfo, Me, Member, PhotoSize, WebhookInfo
from dealgram.gateways.telegram.updates import (
    ALLOWED_UPDATES,
    BadUpdate,
    CallbackQuery,
    Located,
    MembershipChanged,
    Payload,
    ReactionChanged,
    ReactionsCounted,
    Update,
    chat_of,
    parse_update,
    sender_of,
    update_id,
)

__all__ = [
    "ALLOWED_UPDATES",
    "CLOUD",
    "OWN_SERVER",
    "AskReply",
    "BadUpdate",
    "BotBlocked",
    "BotCalls",
    "CallbackQuery",
    "Caption",
    "Chat",
    "ChatGone",
    "ChatInfo",
    "ChatMigrated",
    "Download",
    "Entity",
    "FileLimits",
    "InlineKey",
    "InlineKeyboard",
    "IntakeConflict",
    "Key",
    "Keyboard",
    "LimitSettings",
    "Located",
    "Me",
    "MediaCalls",
    "MediaKind",
    "Member",
    "MembershipChanged",
    "Message",
    "Origin",
    "OutFile",
    "Payload",
    "PhotoSize",
    "PollingPool",
    "Reaction",
    "ReactionChanged",
    "ReactionsCounted",
    "ReplyTo",
    "Sent",
    "TelegramFiles",
    "TelegramGateway",
    "TelegramLimits",
    "Update",
    "User",
    "WebhookInfo",
    "bot_id_of",
    "chat_of",
    "parse_update",
    "sender_of",
    "update_id",
]
