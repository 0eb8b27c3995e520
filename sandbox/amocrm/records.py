"""What an amoCRM account holds besides chats: users, pipelines, deals, contacts, fields, sources, notes, hooks.

Plain records without behaviour; `SimAccount` keeps them consistent. Times are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

WON, LOST = 142, 143
"""Statuses of a closed deal, the same in every pipeline (amoCRM contract §12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimChannel:
    """The chat channel as support registers it, one per integration (amoCRM contract §5).

    `quotes` and `typing_hooks` are what support switches on for a channel, `reactions` the list declared to it.
    """

    id: str
    secret: str
    bot_id: str
    title: str = "Telegram"
    code: str = "amo.ext.31000001"
    quotes: bool = True
    typing_hooks: bool = True
    reactions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimIntegration:
    """The OAuth side of the integration; life times in seconds (amoCRM contract §2).

    Without `multiple_sources`, amoCRM makes a default source by itself when the integration is installed.
    """

    client_id: str
    client_secret: str
    redirect_uri: str
    access_token_s: float = 86_400.0
    refresh_token_s: float = 90 * 86_400.0
    code_s: float = 1_200.0
    widget_code: str = "dealgram"
    multiple_sources: bool = True


@dataclass(slots=True, eq=False, kw_only=True)
class SimUser:
    """A user of the account. `amojo_id` is None until the user has opened chats for the first time."""

    id: int
    name: str
    email: str
    uuid: str
    amojo_id: str | None
    is_admin: bool
    is_active: bool = True


@dataclass(slots=True, eq=False, kw_only=True)
class SimStatus:
    id: int
    name: str
    sort: int
    color: str
    type: int = 0
    is_editable: bool = True


@dataclass(slots=True, eq=False, kw_only=True)
class SimPipeline:
    id: int
    name: str
    sort: int
    is_main: bool
    statuses: dict[int, SimStatus]
    is_archive: bool = False
    is_unsorted_on: bool = True
    duplicate_keys: set[str] = field(default_factory=set)

    @property
    def unsorted_status(self) -> int:
        return next(one.id for one in self.statuses.values() if one.type == 1)

    @property
    def first_status(self) -> int:
        return next(one.id for one in self.statuses.values() if one.type == 0)


@dataclass(slots=True, eq=False, kw_only=True)
class SimContact:
    """A contact. `leads` are its deals in the order of linking, `chats` the uuids of its chats.

    `is_hidden`: the contact of an unsorted that nobody has accepted yet. `links_in_trash`: the deals and chats that a
    deleted contact had.
    """

    id: int
    name: str
    first_name: str = ""
    last_name: str = ""
    responsible_user_id: int
    created_by: int
    created_at: int
    updated_at: int
    updated_by: int = 0
    searchable_at: float
    values: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    leads: dict[int, None] = field(default_factory=dict)
    chats: dict[str, None] = field(default_factory=dict)
    haystack: str = ""
    is_deleted: bool = False
    is_hidden: bool = False
    merged_into: int | None = None
    links_in_trash: tuple[list[int], list[str]] | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class SimLead:
    """A deal. `contacts` maps a contact to "is the main one"; `talks` are the talks bound to it, oldest first."""

    id: int
    name: str
    price: int
    pipeline_id: int
    status_id: int
    responsible_user_id: int
    created_by: int
    created_at: int
    updated_at: int
    updated_by: int = 0
    closed_at: int | None = None
    values: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    contacts: dict[int, bool] = field(default_factory=dict)
    talks: list[int] = field(default_factory=list)
    source_id: int | None = None
    is_deleted: bool = False
    is_unsorted: bool = False
    merged_into: int | None = None

    @property
    def is_open(self) -> bool:
        return not self.is_deleted and self.status_id not in (WON, LOST)


@dataclass(slots=True, eq=False, kw_only=True)
class SimField:
    """A custom field of contacts or leads."""

    id: int
    entity: str
    name: str
    type: str
    code: str | None
    sort: int
    is_api_only: bool = False
    is_predefined: bool = False
    enums: list[dict[str, Any]] | None = None
    group_id: str | None = None
    is_visible: bool = True


@dataclass(slots=True, eq=False, kw_only=True)
class SimSource:
    id: int
    name: str
    external_id: str
    pipeline_id: int
    is_default: bool
    origin_code: str | None
    services: list[Any]


@dataclass(slots=True, eq=False, kw_only=True)
class SimNote:
    id: int
    entity: str
    entity_id: int
    note_type: str
    params: dict[str, Any]
    created_by: int
    created_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimTask:
    """A task of a user, by itself or at a card. Times in Unix seconds."""

    id: int
    responsible_user_id: int
    text: str
    complete_till: int
    task_type_id: int
    is_completed: bool
    entity_type: str | None
    entity_id: int | None
    duration: int
    result: str | None
    created_by: int
    created_at: int
    updated_at: int


@dataclass(slots=True, eq=False, kw_only=True)
class SimTemplate:
    """A chat template; `content` may hold markers of Salesbot."""

    id: int
    name: str
    content: str
    created_at: int
    updated_at: int
    is_editable: bool = False
    external_id: str | None = None
    buttons: list[dict[str, Any]] = field(default_factory=list)
    attachment: dict[str, Any] | None = None


@dataclass(slots=True, eq=False, kw_only=True)
class SimWebhook:
    id: int
    destination: str
    settings: list[str]
    sort: int
    created_by: int
    created_at: int
    updated_at: int
    disabled: bool = False


@dataclass(slots=True, eq=False, kw_only=True)
class SimEvent:
    """One line of the list of events. `talk_contact_id` is the contact of the talk that a chat message belongs to."""

    id: str
    type: str
    entity_type: Literal["lead", "contact"]
    entity_id: int
    created_by: int
    created_at: int
    value_after: list[dict[str, Any]]
    value_before: list[dict[str, Any]]
    talk_contact_id: int | None = None
