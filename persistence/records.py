"""The rows of dealgram's own tables, one frozen dataclass each; its table and the key of its upsert above it.

``datetime`` fields that default to None are filled by the database's clock and only read: `created_at` at the first
write, `updated_at`/`seen_at` at every write, `linked_at`/`unlinked_at` when the link's status changes.
Fields of type ``bytes`` are sealed by `SecretBox`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from dealgram.persistence.tables import CREATED, TOUCHED, Clock, Row, stored, upsert_rows

if TYPE_CHECKING:
    from dealgram.persistence.database import Connection, Database


@stored("accounts", key=("account_id",), created_at=CREATED, updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Row):
    """An amoCRM account (tenant). ``host`` is the base URL of its REST API, ``https://…``.

    ``api_domain`` names the account's cluster, where its address can be asked for after it moved. ``hook_key`` is the
    unguessable end of the address that CRM webhooks of this account come to. ``trouble`` is what amoCRM refuses the
    account for at the moment (see `gateways.gate`), None when all is well. ``telegram_field_id`` and ``link_field_id``
    are the contact fields of the Telegram ID and of the link to the person's profile. ``time_zone`` is that of its
    managers by its name in the world's time zone database, None while it is not known.
    """

    account_id: int
    host: str
    subdomain: str
    name: str = ""
    amojo_id: str | None = None
    scope_id: str | None = None
    status: Literal["new", "active", "reauthorise", "uninstalled"] = "new"
    telegram_field_id: int | None = None
    access_token: bytes | None = None
    refresh_token: bytes | None = None
    token_expires_at: datetime | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    api_domain: str | None = None
    drive_url: str | None = None
    is_technical: bool = False
    hook_key: str | None = None
    trouble: str | None = None
    trouble_detail: str | None = None
    trouble_since: datetime | None = None
    reauthorise_since: datetime | None = None
    uninstalled_at: datetime | None = None
    link_field_id: int | None = None
    time_zone: str | None = None


@stored("installations", key=("install_key",), created_at=CREATED, updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Installation(Row):
    """What became of a code that amoCRM gave on an installation (``install_key`` is the code's digest).

    ``account_id`` is 0, since whose code it was is known only afterwards: ``installed_id``."""

    install_key: str
    account_id: int = 0
    host: str
    state: Literal["pending", "done", "failed"] = "pending"
    detail: str | None = None
    installed_id: int | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@stored("registrations", key=("registration_key",), rising="revision", created_at=CREATED, updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Registration(Row):
    """Who registered the widget (see `registrations`); ``account_id`` is 0 while the account is not known.

    ``host`` is the base URL of the account, ``claimed_account`` the id that the widget named, ``phone`` digits only,
    ``consented_at`` when consent was given, ``status`` whether the widget is switched on. ``revision`` counts changes:
    of two that were made from the same one, the second is refused. ``forward_state`` is what became of passing the
    latest on to the seller (``none``: there was nobody to pass it to).
    """

    registration_key: str
    account_id: int = 0
    host: str
    subdomain: str = ""
    claimed_account: int | None = None
    client_name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    consented_at: datetime | None = None
    status: Literal["Y", "N"] = "Y"
    client_uuid: str = ""
    widget_name: str = ""
    enum_id: str = ""
    is_verified: bool = False
    revision: int = 1
    forward_state: Literal["none", "pending", "done", "failed"] = "none"
    created_at: datetime | None = None
    updated_at: datetime | None = None


@stored("setup_steps", key=("account_id", "step"), updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class SetupStep(Row):
    """One step of an account's installation. ``detail``: what came of it, or why it failed, for people to read."""

    account_id: int
    step: str
    state: Literal["pending", "done", "failed"] = "pending"
    detail: str | None = None
    updated_at: datetime | None = None


@stored("employees", key=("account_id", "user_id"), created_at=CREATED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Employee(Row):
    """A Telegram user (``user_id``) who is the amoCRM user ``amo_user_id`` of the account."""

    account_id: int
    user_id: int
    amo_user_id: int
    created_at: datetime | None = None


@stored("users", key=("account_id", "user_id"))
@dataclass(frozen=True, slots=True, kw_only=True)
class User(Row):
    """An amoCRM user of an account."""

    account_id: int
    user_id: int
    name: str = ""
    amojo_id: str | None = None
    is_admin: bool = False
    is_active: bool = True


@stored("bots", key=("account_id", "bot_id"), created_at=CREATED, updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Bot(Row):
    """A Telegram bot in an account, now or earlier: at most one account's row of a bot is not ``removed``.

    ``bot_id`` is Telegram's id of the bot; ``troubles`` are what is wrong with its connection: by code, since when
    and in which words (`actors.bot_troubles`). A removed bot keeps ``source_id`` and ``token`` until its source and
    its webhook are gone. ``connecting`` is a claim that ends by itself (`bots.claim`). ``picture`` is the file of its
    own picture, ``picture_key`` what tells another picture from it."""

    bot_id: int
    account_id: int
    token: bytes
    username: str
    name: str = ""
    pipeline_id: int | None = None
    source_id: int | None = None
    external_id: str
    webhook_key: str
    webhook_secret: bytes
    intake: Literal["polling", "webhook"] = "polling"
    status: Literal["connecting", "active", "revoked", "removed"] = "active"
    can_read_all_group_messages: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    troubles: Mapping[str, Any] = field(default_factory=dict)
    checked_at: datetime | None = None
    removed_at: datetime | None = None
    picture: str | None = None
    picture_key: str | None = None


@stored("groups", key=("group_id",), created_at=CREATED, updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Row):
    """A Telegram group a bot is or was in. ``group_id`` is ours (see `groups.ensure`), ``chat_id`` Telegram's.

    ``merged``: it was a supergroup whose older self was known already (see `groups.note_upgrade`)."""

    group_id: int
    account_id: int
    bot_id: int
    chat_id: int
    title: str
    kind: Literal["group", "supergroup"] = "group"
    status: Literal["member", "administrator", "left", "merged"] = "member"
    dialog: Mapping[str, Any] | None = None
    policy: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@stored("chat_aliases", key=("account_id", "bot_id", "chat_id"))
@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAlias(Row):
    """An old chat id of a group that became a supergroup."""

    bot_id: int
    chat_id: int
    account_id: int
    group_id: int


_LINKED_AT = Clock(
    update="CASE WHEN new.status = 'linked' AND t.status <> 'linked' THEN now() ELSE t.linked_at END",
)
_UNLINKED_AT = Clock(
    insert="CASE WHEN new.status = 'unlinked' THEN now() END",
    update="CASE WHEN new.status = 'linked' THEN NULL WHEN t.status = 'linked' THEN now() ELSE t.unlinked_at END",
)


@stored("links", key=("group_id", "deal_id"), linked_at=_LINKED_AT, unlinked_at=_UNLINKED_AT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Row):
    """A group linked to a deal, now or earlier. ``linked_by`` is a Telegram user id, None when an operator did it;
    ``deal_state`` and ``pipeline_id`` are the deal as last seen; ``reason`` says what made or ended the link other than
    a person (`deal_deleted`, `deal_merged`, …); ``merged_into`` is the deal that this one became part of;
    ``thread_id`` is the forum topic that is linked, None for the whole group."""

    group_id: int
    deal_id: int
    account_id: int
    status: Literal["linked", "unlinked"] = "linked"
    deal_name: str = ""
    linked_by: int | None = None
    linked_at: datetime | None = None
    unlinked_at: datetime | None = None
    deal_state: Literal["open", "won", "lost", "deleted"] = "open"
    pipeline_id: int | None = None
    reason: str | None = None
    merged_into: int | None = None
    thread_id: int | None = None


@stored("participants", key=("group_id", "user_id"), seen_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Participant(Row):
    """A person seen in a group."""

    group_id: int
    user_id: int
    account_id: int
    name: str = ""
    username: str | None = None
    is_present: bool = True
    seen_at: datetime | None = None


@stored("persons", key=("account_id", "bot_id", "user_id"), seen_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Person(Row):
    """A person who wrote to a bot in private. ``told_employee``: they were told that an employee's words go nowhere."""

    bot_id: int
    user_id: int
    account_id: int
    name: str = ""
    username: str | None = None
    blocked: bool = False
    seen_at: datetime | None = None
    told_employee: bool = False


@stored("contacts", key=("account_id", "user_id"), created_at=CREATED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Contact(Row):
    """The amoCRM contact of a Telegram user: one per user and account.

    ``name`` and ``username`` are what we last gave the contact, ``""`` and None where it is not ours to name."""

    account_id: int
    user_id: int
    contact_id: int
    name: str = ""
    username: str | None = None
    created_at: datetime | None = None


@stored("conversations", key=("account_id", "conversation_id"), updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation(Row):
    """Our id for an amojo chat and what is known of it on the other side."""

    account_id: int
    conversation_id: str
    bot_id: int
    group_id: int | None = None
    user_id: int | None = None
    deal_id: int | None = None
    chat_uuid: str | None = None
    contact_id: int | None = None
    ready: bool = False
    updated_at: datetime | None = None


@stored("messages", key=("account_id", "conversation_id", "msgid"), created_at=CREATED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Message(Row):
    """One message as both sides know it; ``chat_id``/``message_id`` are Telegram's, None until it has them."""

    account_id: int
    conversation_id: str
    msgid: str
    bot_id: int
    chat_id: int | None = None
    message_id: int | None = None
    amo_id: str | None = None
    direction: Literal["in", "out"] = "in"
    created_at: datetime | None = None
    thread_id: int | None = None


@stored("originals", key=("account_id", "bot_id", "chat_id", "message_id"), created_at=CREATED, updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Original(Row):
    """A Telegram message as it was first written, and as it is now. ``file_id`` is the unique id of its file; ``album``
    is shared by those that were sent together; ``is_live``: a live location that has not ended."""

    account_id: int
    bot_id: int
    chat_id: int
    message_id: int
    first_text: str = ""
    text: str = ""
    file_id: str | None = None
    album: str | None = None
    edits: int = 0
    is_live: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


@stored("topics", key=("group_id", "thread_id"), updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Topic(Row):
    """A forum topic of a group, as it was last called."""

    group_id: int
    thread_id: int
    account_id: int
    name: str = ""
    is_closed: bool = False
    updated_at: datetime | None = None


@stored("topic_people", key=("group_id", "thread_id", "user_id"))
@dataclass(frozen=True, slots=True, kw_only=True)
class TopicPerson(Row):
    """A person who has written in a forum topic."""

    group_id: int
    thread_id: int
    user_id: int
    account_id: int


@stored("reactions", key=("account_id", "bot_id", "chat_id", "message_id", "manager"), updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction(Row):
    """A reaction of somebody in amoCRM to a message in Telegram; ``manager`` is their amojo id, ``emoji`` None when it
    was taken back. ``at_s`` is the second of the hook; within it the inbox's ``entry_id`` orders the reactions."""

    account_id: int
    bot_id: int
    chat_id: int
    message_id: int
    manager: str
    emoji: str | None = None
    at_s: int = 0
    entry_id: int = 0
    updated_at: datetime | None = None


@stored("pauses", key=("account_id", "bot_id", "chat_id"))
@dataclass(frozen=True, slots=True, kw_only=True)
class Pause(Row):
    """A chat that Telegram makes wait, and until when."""

    account_id: int
    bot_id: int
    chat_id: int
    until: datetime


@stored("repairs", key=("account_id",), updated_at=TOUCHED)
@dataclass(frozen=True, slots=True, kw_only=True)
class Repair(Row):
    """The comparison of an account's chats with what was taken in: ``compared`` of ``chats``; ``found`` messages were
    missing and are delivered, ``late`` ones were too old for that, ``failed`` chats could not be read. ``carried_ms``
    (Unix ms): the beginning of a gap that the next comparison has to see to as well."""

    account_id: int
    state: Literal["running", "done"] = "running"
    chats: int = 0
    compared: int = 0
    found: int = 0
    late: int = 0
    failed: int = 0
    carried_ms: int | None = None
    updated_at: datetime | None = None


async def upsert(db: Database, *rows: Row) -> None:
    """Write whole rows in one transaction, outside the journal: for the command line and the installation.

    Raises:
        ForeignRowError: a key belongs to another account; nothing was written.
        DatabaseUnavailable: the outcome is unknown; writing again is safe.
    """

    async def write(connection: Connection) -> None:
        await upsert_rows(connection, rows)

    await db.transaction(write)
