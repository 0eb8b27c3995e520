"""The Chats API of amoCRM ("amojo"): the client, what it sends, and the hooks that come back."""

from dealgram.gateways.amojo.client import AmojoClient
from dealgram.gateways.amojo.files import AmoFiles, FileTooLarge, ForeignFile
from dealgram.gateways.amojo.hooks import (
    Button,
    ChatHook,
    HookContent,
    HookConversation,
    HookUser,
    MessageHook,
    QuotedMessage,
    ReactionHook,
    TypingHook,
    UnknownHook,
    parse_hook,
)
from dealgram.gateways.amojo.messages import (
    ChatUser,
    Content,
    ContentType,
    CreatedChat,
    DeliveryError,
    DeliveryStatus,
    EditMessage,
    HistoryItem,
    NewMessage,
    Quote,
    SentMessage,
    text,
)
from dealgram.gateways.amojo.signature import verify_hook

__all__ = [
    "AmoFiles",
    "AmojoClient",
    "Button",
    "ChatHook",
    "ChatUser",
    "Content",
    "ContentType",
    "CreatedChat",
    "DeliveryError",
    "DeliveryStatus",
    "EditMessage",
    "FileTooLarge",
    "ForeignFile",
    "HistoryItem",
    "HookContent",
    "HookConversation",
    "HookUser",
    "MessageHook",
    "NewMessage",
    "Quote",
    "QuotedMessage",
    "ReactionHook",
    "SentMessage",
    "TypingHook",
    "UnknownHook",
    "parse_hook",
    "text",
    "verify_hook",
]
