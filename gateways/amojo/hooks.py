"""What amoCRM sends us about chats (amoCRM contract §9): hooks of version 2 as typed values.

Sent once and never repeated, so reading is as forgiving as can be: unknown fields are ignored, a known field of an
unexpected shape stays at its default, and both forms of every point that the documentation leaves open (§20 points 2,
3 and 4) are understood. What is no message, typing or reaction is an UnknownHook, to be answered 200 and logged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from dealgram.gateways.lenient import Int64, convert, read_object

_END_OF_TIME = 2**40  # seconds; what is later is no time, and would not fit where milliseconds are kept


class HookUser(msgspec.Struct, frozen=True, kw_only=True):
    """A participant. `id` is amojo's; `client_id` is ours and may be absent; `name` seldom comes."""

    id: str | None = None
    client_id: str | None = None
    name: str | None = None
    phone: str | None = None
    email: str | None = None


class HookConversation(msgspec.Struct, frozen=True, kw_only=True):
    """The chat: `id` is the amojo uuid, `client_id` ours; without it the chat was not begun by us."""

    id: str
    client_id: str | None = None


class HookSource(msgspec.Struct, frozen=True, kw_only=True):
    """The amoCRM source, that is the bot."""

    external_id: str | None = None


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """An inline button; one without `url` is answered by sending its text as the client's message."""

    text: str
    url: str | None = None


class Markup(msgspec.Struct, frozen=True, kw_only=True):
    """Buttons under a message, in rows."""

    mode: str = "inline"
    buttons: tuple[tuple[Button, ...], ...] = ()


class TemplateParam(msgspec.Struct, frozen=True, kw_only=True):
    """One substituted value of a template."""

    key: str
    value: str = ""


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """The chat template that the text was made from; the text is already substituted."""

    id: Int64 | str | None = None
    external_id: str | None = None
    content: str = ""
    params: tuple[TemplateParam, ...] = ()


class QuotedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message inside `reply_to` or `forwards`; `msgid` is ours, where amoCRM knows it."""

    id: str | None = None
    msgid: str | None = None
    type: str = "text"
    text: str = ""
    media: str = ""
    thumbnail: str = ""
    file_name: str = ""
    file_size: Int64 | None = None
    timestamp: Int64 | None = None
    msec_timestamp: Int64 | None = None
    sender: HookUser | None = None
    receiver: HookUser | None = None


class ReplyTo(msgspec.Struct, frozen=True, kw_only=True):
    """The message that the manager answers."""

    message: QuotedMessage | None = None


class Forwards(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that the manager forwards, and the chat they come from."""

    messages: tuple[QuotedMessage, ...] = ()
    conversation_ref_id: str | None = None


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """The post that a comment belongs to."""

    id: str | None = None
    url: str | None = None


class HookContent(msgspec.Struct, frozen=True, kw_only=True):
    """What the manager wrote. Text, media and buttons may come together."""

    id: str
    client_id: str | None = None
    msgid: str | None = None
    type: str = "text"
    text: str = ""
    media: str = ""
    thumbnail: str = ""
    file_name: str = ""
    file_size: Int64 | None = None
    tag: str = ""
    media_group_id: str | None = None
    markup: Markup | None = None
    template: Template | None = None
    reply_to: ReplyTo | None = None
    forwards: Forwards | None = None
    post: Post | None = None


class _Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """`message` of a message hook."""

    message: HookContent
    conversation: HookConversation
    sender: HookUser | None = None
    receiver: HookUser | None = None
    source: HookSource | None = None
    timestamp: Int64 | None = None
    msec_timestamp: Int64 | None = None
    media_group_id: str | None = None
    reply_to: ReplyTo | None = None
    forwards: Forwards | None = None


class MessageHook(msgspec.Struct, frozen=True, kw_only=True):
    """A manager (or a Salesbot) wrote.

    Attributes:
        account_id: the account's amojo id.
        content: the message; `content.id` is amoCRM's id of it.
        sender: `sender.id` is the manager's amojo id, or the bot's.
        sent_at_ms: Unix milliseconds.
        broken: names of fields whose shape was unexpected.
    """

    account_id: str
    content: HookContent
    conversation: HookConversation
    sender: HookUser
    receiver: HookUser
    source_external_id: str | None = None
    sent_at_ms: int = 0
    broken: tuple[str, ...] = ()

    @property
    def our_id(self) -> str | None:
        """Our id of the message, which only one that we imported can have; no hook is documented to carry it."""
        return self.content.msgid or self.content.client_id

    @property
    def quoted(self) -> QuotedMessage | None:
        """The message that this one answers."""
        return self.content.reply_to.message if self.content.reply_to else None

    @property
    def forwarded(self) -> tuple[QuotedMessage, ...]:
        """Messages that this one passes on."""
        return self.content.forwards.messages if self.content.forwards else ()

    @property
    def buttons(self) -> tuple[tuple[Button, ...], ...]:
        """Inline buttons in rows."""
        return self.content.markup.buttons if self.content.markup else ()


class TypingHook(msgspec.Struct, frozen=True, kw_only=True):
    """A manager is typing until `expired_at` (Unix seconds)."""

    account_id: str
    conversation: HookConversation
    user: HookUser
    expired_at: int = 0


class ReactionHook(msgspec.Struct, frozen=True, kw_only=True):
    """A manager reacted to a message, or took the reaction off (`emoji` None).

    Attributes:
        amo_id: amoCRM's id of the message.
        msgid: our id of it, where amoCRM names it.
        told_at: when amoCRM told of it (Unix seconds); 0 where it does not say.
    """

    account_id: str
    conversation: HookConversation
    user: HookUser
    amo_id: str
    msgid: str | None = None
    emoji: str | None = None
    told_at: int = 0


class UnknownHook(msgspec.Struct, frozen=True, kw_only=True):
    """A hook of a kind that we do not know, or one without what its kind needs."""

    account_id: str | None
    kinds: tuple[str, ...]


ChatHook = MessageHook | TypingHook | ReactionHook | UnknownHook


class _Typing(msgspec.Struct, frozen=True, kw_only=True):
    conversation: HookConversation
    user: HookUser | None = None
    expired_at: Int64 = 0


class _ReactedMessage(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    client_id: str | None = None


class _Reaction(msgspec.Struct, frozen=True, kw_only=True):
    conversation: HookConversation
    user: HookUser | None = None
    msgid: str | None = None
    message: _ReactedMessage | None = None
    type: str = "react"
    emoji: str | None = None


def parse_hook(raw: bytes) -> ChatHook:
    """Reads the body of a chat hook. Verify its signature first.

    Raises:
        BadPayload: not a JSON object at all.
    """
    data = read_object(raw)
    account_id = data.get("account_id")
    account = account_id if isinstance(account_id, str) else None
    message, action = data.get("message"), data.get("action")
    hook: ChatHook | None = None
    if account and isinstance(message, Mapping):
        hook = _message(account, message, data.get("time"))
    elif account and isinstance(action, Mapping):
        hook = _typing(account, action) or _reaction(account, action, data.get("time"))
    if hook is not None:
        return hook
    inner = action if isinstance(action, Mapping) else {}
    kinds = tuple(str(key) for key in data if key not in {"account_id", "time"}) + tuple(map(str, inner))
    return UnknownHook(account_id=account, kinds=kinds)


def _message(account_id: str, data: Mapping[str, Any], hook_time: Any) -> MessageHook | None:
    broken: list[str] = []
    read = convert(data, _Envelope, broken)
    if read is None:
        return None
    content = read.message
    # The documentation shows some fields beside the inner message and some within it: either place counts.
    moved = {
        name: getattr(read, name)
        for name in ("media_group_id", "reply_to", "forwards")
        if getattr(content, name) is None and getattr(read, name) is not None
    }
    if moved:
        content = msgspec.structs.replace(content, **moved)
    seconds = read.timestamp or (hook_time if isinstance(hook_time, int) else 0)
    return MessageHook(
        account_id=account_id,
        content=content,
        conversation=read.conversation,
        sender=read.sender or HookUser(),
        receiver=read.receiver or HookUser(),
        source_external_id=read.source.external_id if read.source else None,
        sent_at_ms=read.msec_timestamp or seconds * 1000,
        broken=tuple(broken),
    )


def _typing(account_id: str, action: Mapping[str, Any]) -> TypingHook | None:
    data = action.get("typing")
    if not isinstance(data, Mapping):
        return None
    read = convert(data, _Typing, [])
    if read is None:
        return None
    return TypingHook(
        account_id=account_id,
        conversation=read.conversation,
        user=read.user or _user_beside(action),
        expired_at=read.expired_at,
    )


def _reaction(account_id: str, action: Mapping[str, Any], hook_time: Any) -> ReactionHook | None:
    data = action.get("reaction")
    if not isinstance(data, Mapping):
        return None
    read = convert(data, _Reaction, [])
    amo_id = read and ((read.message and read.message.id) or read.msgid)
    if read is None or not amo_id:
        return None
    return ReactionHook(
        account_id=account_id,
        conversation=read.conversation,
        user=read.user or _user_beside(action),
        amo_id=amo_id,
        msgid=read.message.client_id if read.message else None,
        emoji=None if read.type == "unreact" else read.emoji or None,
        told_at=hook_time if _is_unix_time(hook_time) else 0,
    )


def _is_unix_time(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < _END_OF_TIME


def _user_beside(action: Mapping[str, Any]) -> HookUser:
    user = action.get("user")
    return (convert(user, HookUser, []) if isinstance(user, Mapping) else None) or HookUser()
