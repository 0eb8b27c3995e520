"""Updates of the Bot API, read typed and never stricter than needed (telegram-facts §4.4).

`parse_update` raises BadUpdate only for bytes that are no update at all. An update of a kind that we do not know keeps
its kind's name and, where they can be found, its chat and its sender. A known field of an unexpected shape is dropped
and named; if it is one that nothing works without, the update degrades to its chat and sender.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from dealgram.gateways.errors import BadPayload
from dealgram.gateways.lenient import Int64, UnixTime, convert, read_json, read_object
from dealgram.gateways.telegram.content import Chat, Reaction, User
from dealgram.gateways.telegram.message import Message
from dealgram.gateways.telegram.replies import Member

MESSAGE_KINDS = frozenset({"message", "edited_message", "channel_post", "edited_channel_post"})

ALLOWED_UPDATES: list[str] = [
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "callback_query",
    "message_reaction",
    "message_reaction_count",
    "my_chat_member",
    "chat_member",
]
"""What we ask Telegram for; the last kinds come only if they are asked for (Bot API: getUpdates)."""


class BadUpdate(BadPayload):
    """These bytes are no update: no JSON object with an integer `update_id`."""


class CallbackQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A button was pressed. Answer at once; the app may send an unanswered press again as a new update."""

    id: str
    from_user: User = msgspec.field(name="from")
    message: Message | None = None
    data: str = ""
    inline_message_id: str = ""

    @property
    def chat(self) -> Chat | None:
        """Where the button is."""
        return self.message.chat if self.message else None


class MembershipChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's (`chat_member`) or the bot's own (`my_chat_member`) place in a chat changed."""

    chat: Chat
    from_user: User | None = msgspec.field(name="from", default=None)
    date: UnixTime = 0
    old_chat_member: Member | None = None
    new_chat_member: Member


class ReactionChanged(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changed their reactions to a message; anonymous ones come as `actor_chat`."""

    chat: Chat
    message_id: Int64
    from_user: User | None = msgspec.field(name="user", default=None)
    actor_chat: Chat | None = None
    date: UnixTime = 0
    old_reaction: tuple[Reaction, ...] = ()
    new_reaction: tuple[Reaction, ...] = ()


class ReactionCount(msgspec.Struct, frozen=True, kw_only=True):
    """How often one reaction was given."""

    type: Reaction
    total_count: int = 0


class ReactionsCounted(msgspec.Struct, frozen=True, kw_only=True):
    """The anonymous reactions to a message, as numbers, minutes late."""

    chat: Chat
    message_id: Int64
    date: UnixTime = 0
    reactions: tuple[ReactionCount, ...] = ()


class Located(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of an update of another kind, or of one that cannot be read any further."""

    chat: Chat | None = None
    from_user: User | None = None
    message_id: Int64 | None = None


Payload = Message | CallbackQuery | MembershipChanged | ReactionChanged | ReactionsCounted | Located


class Update(msgspec.Struct, frozen=True, kw_only=True):
    """One update.

    Attributes:
        kind: Bot API's name, e.g. "edited_message"; a name we do not know; "" if there is nothing in it.
        payload: what happened; `Located` for kinds that are not mapped and for content that cannot be read.
        broken: names of known fields whose shape was unexpected.
        raw: the bytes as they came.
    """

    update_id: int
    kind: str
    payload: Payload
    broken: tuple[str, ...] = ()
    raw: bytes = b""

    @property
    def message(self) -> Message | None:
        """The message of a message update (not the one under a pressed button)."""
        return self.payload if isinstance(self.payload, Message) else None

    @property
    def is_edit(self) -> bool:
        """The message is a new version of an older one."""
        return self.kind in {"edited_message", "edited_channel_post"}


_KINDS: dict[str, type[Any]] = {
    **dict.fromkeys(sorted(MESSAGE_KINDS), Message),
    "callback_query": CallbackQuery,
    "my_chat_member": MembershipChanged,
    "chat_member": MembershipChanged,
    "message_reaction": ReactionChanged,
    "message_reaction_count": ReactionsCounted,
}

P = TypeVar("P", bound=msgspec.Struct)

_Keys = dict[str, msgspec.Raw]
_UNREADABLE = (ValueError, RecursionError)  # msgspec.DecodeError and UnicodeDecodeError are ValueErrors
_keys = msgspec.json.Decoder(_Keys)
_decoders: dict[str, msgspec.json.Decoder[Any]] = {kind: msgspec.json.Decoder(model) for kind, model in _KINDS.items()}
_update_id = msgspec.json.Decoder(Int64)


class _OnlyId(msgspec.Struct):
    update_id: Int64


_only_id = msgspec.json.Decoder(_OnlyId)


def update_id(raw: bytes) -> int:
    """The id alone, for the polling offset; about a microsecond.

    Raises:
        BadUpdate: no update.
    """
    try:
        return _only_id.decode(raw).update_id
    except _UNREADABLE:
        return parse_update(raw).update_id


def parse_update(raw: bytes) -> Update:
    """Reads one update; see the module's promises.

    Raises:
        BadUpdate: no update at all. Nothing else, whatever the bytes are.
    """
    try:
        fields = _keys.decode(raw)
        number = _update_id.decode(fields["update_id"])
        kind = _kind_of(fields)
        payload = _decoders[kind].decode(fields[kind]) if kind in _decoders else None
        if payload is not None:
            return Update(update_id=number, kind=kind, payload=_named(payload, fields[kind]), raw=raw)
    except (KeyError, *_UNREADABLE):
        pass
    return _parse_leniently(raw)


def chat_of(update: Update) -> Chat | None:
    """The chat that an update belongs to, for routing; None for updates without one."""
    return update.payload.chat


def sender_of(update: Update) -> User | None:
    """Who caused an update, as far as Telegram tells; see `Message.from_user` for anonymous senders."""
    return getattr(update.payload, "from_user", None)


def _kind_of(fields: Mapping[str, Any]) -> str:
    names = [name for name in fields if name != "update_id"]
    return next((name for name in names if name in _KINDS), names[0] if names else "")


def _named(payload: P, raw: msgspec.Raw) -> P:
    """Fills in `Message.keys` for a message, for the one it answers and for the one under a button."""
    if isinstance(payload, Message):
        fields = _keys.decode(raw)
        msgspec.structs.force_setattr(payload, "keys", tuple(fields))
        msgspec.structs.force_setattr(payload, "broken", ())
        for name in ("reply_to_message", "pinned_message"):
            if getattr(payload, name) is not None:
                _named(getattr(payload, name), fields[name])
    elif isinstance(payload, CallbackQuery) and payload.message is not None:
        _named(payload.message, _keys.decode(raw)["message"])
    return payload


def _parse_leniently(raw: bytes) -> Update:
    try:
        data = read_object(raw)
        number = msgspec.convert(data.get("update_id"), Int64)
    except (BadPayload, msgspec.ValidationError):
        raise BadUpdate("not an update: no JSON object with an integer update_id") from None
    kind = _kind_of(data)
    content = data.get(kind)
    broken: list[str] = []
    payload: Any = None
    if isinstance(content, Mapping) and kind in _KINDS:
        payload = convert(content, _KINDS[kind], broken)
        if payload is None:
            broken.append(kind)
        else:
            _name_leniently(payload, content, broken)
    if payload is None:
        payload = _locate(content)
    return Update(update_id=number, kind=kind, payload=payload, broken=tuple(broken), raw=raw)


def _name_leniently(payload: Any, content: Mapping[str, Any], broken: list[str]) -> None:
    if isinstance(payload, Message):
        msgspec.structs.force_setattr(payload, "keys", tuple(content))
        msgspec.structs.force_setattr(payload, "broken", tuple(broken))
        for name in ("reply_to_message", "pinned_message"):
            if getattr(payload, name) is not None:
                inner = [path.removeprefix(f"{name}.") for path in broken if path.startswith(f"{name}.")]
                _name_leniently(getattr(payload, name), content[name], inner)
    elif isinstance(payload, CallbackQuery) and payload.message is not None:
        _name_leniently(
            payload.message,
            content["message"],
            [path.removeprefix("message.") for path in broken if path.startswith("message.")],
        )


def _locate(content: Any) -> Located:
    """Looks for a chat, a sender and a message id where the Bot API is wont to put them."""
    if not isinstance(content, Mapping):
        return Located()
    message = content.get("message")
    inner = message if isinstance(message, Mapping) else {}
    chat = _first(Chat, content.get("chat"), inner.get("chat"), content.get("voter_chat"))
    sender = _first(User, content.get("from"), content.get("user"))
    ids = (content.get("message_id"), inner.get("message_id"))
    return Located(chat=chat, from_user=sender, message_id=next((id_ for id_ in ids if _is_id(id_)), None))


def _first(kind: type[P], *candidates: Any) -> P | None:
    read = (convert(candidate, kind, []) for candidate in candidates if isinstance(candidate, Mapping))
    return next((value for value in read if value is not None), None)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63


def split_updates(raw: bytes) -> list[bytes]:
    """Takes the answer of getUpdates apart: one element per update, as it came, not looked into.

    Raises:
        BadPayload: not a successful answer of getUpdates.
    """
    try:
        batch = _batch.decode(raw)
        if batch.ok:
            return [bytes(item) for item in batch.result]
    except _UNREADABLE:
        pass
    # One string that msgspec cannot hold (a lone surrogate) must not cost the whole batch.
    data = read_json(raw)
    items = data.get("result") if isinstance(data, dict) and data.get("ok") is True else None
    if not isinstance(items, list):
        raise BadPayload("not an answer of getUpdates")
    return [msgspec.json.encode(item) for item in items]


class _Batch(msgspec.Struct):
    ok: bool
    result: list[msgspec.Raw]


_batch = msgspec.json.Decoder(_Batch)
