"""Chats of an account: participants, messages, talks and the unsorted, and how people see them.

Plain records; `cards.py` decides which deal shows what. Times are unix seconds, `msec_timestamp` milliseconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

Direction = Literal["in", "out"]


@dataclass(slots=True, eq=False, kw_only=True)
class Participant:
    """Somebody outside amoCRM, known by the integration's `client_id`."""

    uuid: str
    client_id: str
    name: str
    avatar: str = ""
    phone: str = ""
    email: str = ""
    profile_link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who a message is from or to, with the name as it was then. `client_id` is None for users and for the bot."""

    uuid: str
    name: str
    client_id: str | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class SimTalk:
    """A piece of a chat's history that belongs to at most one deal (amoCRM contract §13)."""

    id: int
    chat_uuid: str
    contact_id: int | None
    lead_id: int | None
    created_at: int
    updated_at: int
    is_in_work: bool = True
    is_read: bool = False
    rate: int = 0
    is_new: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """A message as a quote shows it. `amo_id` is None for one that was quoted by its content alone."""

    amo_id: str | None
    msgid: str | None
    author: str
    type: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A reaction with who put it: their name, or their id where nobody knows the name."""

    emoji: str
    by: str
    is_manager: bool


@dataclass(slots=True, eq=False, kw_only=True)
class SimMessage:
    """A message. `status`: "" incoming, "imported", "sent", "delivered", "read" or "error".

    `statuses` are all that it had, as the manager saw them: errors by their text, a repeated one again. A quote is the
    id of a message or, if only its content was given, that; `reactions` maps the uuid of who reacted (their own id if
    nobody knows them) to the emoji.
    """

    id: str
    msgid: str | None
    chat: SimChat
    talk: SimTalk | None
    seq: int
    timestamp: int
    msec_timestamp: int
    direction: Direction
    sender: Author
    receiver: Author | None
    content: dict[str, Any]
    silent: bool
    visible: bool
    status: str = ""
    error_code: int | None = None
    error: str = ""
    edited: bool = False
    quote: str | Quoted | None = None
    forward: str | Quoted | None = None
    reactions: dict[str, str] = field(default_factory=dict)
    statuses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.status:
            self.statuses.append(self.status)

    @property
    def was_written_here(self) -> bool:
        """By a manager or a bot of amoCRM, not posted by the integration."""
        return self.statuses[:1] == ["sent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BotQuestion:
    """A Salesbot's message with text buttons, which waits for the client's next message."""

    message_id: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BotAnswer:
    """What the client wrote next; `button` is the one whose text it is, None when it is none's."""

    text: str
    button: str | None
    amo_id: str


@dataclass(slots=True, eq=False, kw_only=True)
class SimChat:
    """A chat. `client` is the participant whom answers go to, `title` its name as first given for this chat."""

    uuid: str
    client_id: str
    client: Participant | None
    title: str
    source_external_id: str | None = None
    contact_id: int | None = None
    link_id: int | None = None
    messages: deque[SimMessage] = field(default_factory=deque)
    talk: SimTalk | None = None
    unsorted_uid: str | None = None
    typing: dict[str, float] = field(default_factory=dict)
    """Who types (the integration's id) → until when."""
    typing_told: dict[str, float] = field(default_factory=dict)
    """The manager who types → when a hook told of it last."""
    bot_waits: BotQuestion | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class SimUnsorted:
    """An incoming chat that waits for a manager: its hidden contact and the deal it would become."""

    uid: str
    chat_uuid: str
    contact_id: int
    lead_id: int
    pipeline_id: int
    created_at: int
    source_uid: str | None
    source_name: str
    client_name: str
    client_avatar: str
    last_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedItem:
    """One message as a deal card shows it.

    `status`: "" for incoming, "imported", "sent", "delivered", "read", or, when the message was not delivered, the text
    of the error; `statuses` are all of them in order. `arrival` grows by one per accepted message, whatever its
    timestamp says. `data` are the bytes of the file: those that amoCRM fetched from `media`, or a manager attached;
    None where there are none (yet) or they are too many to keep. `duration` in seconds; `location` and `contact` as the
    integration gave them.
    """

    at: float
    conversation: str
    chat_uuid: str
    author: str
    type: str
    text: str
    direction: Direction
    msgid: str | None
    status: str
    amo_id: str
    arrival: int
    media: str = ""
    data: bytes | None = field(default=None, repr=False)
    file_name: str = ""
    file_size: int | None = None
    duration: int | None = None
    location: dict[str, float] | None = None
    contact: dict[str, str] | None = None
    media_group: str | None = None
    quoted: Quoted | None = None
    forwarded: Quoted | None = None
    silent: bool = False
    is_edited: bool = False
    error_code: int | None = None
    reactions: tuple[Reaction, ...] = ()
    statuses: tuple[str, ...] = ()

    @property
    def quote(self) -> str:
        """The text of the message that this one answers, "" where it answers none."""
        return self.quoted.text if self.quoted is not None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOption:
    """One line of the chat selector of a deal card; `name` is what the integration called its participant."""

    chat_uuid: str
    conversation: str
    name: str
    contact_id: int
    contact_name: str
    source_name: str
    last_message_at: float
