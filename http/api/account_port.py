"""What the account-level routes speak of, and what they need from the service.

The structs are the answers' JSON, field by field. As in `ports`: after `Transient`, `AccountGone` and gateway errors
nothing is changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

import msgspec

from dealgram.actors.choices import AccountSettings
from dealgram.actors.desk.views import CountsView


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the answers and of what is in them."""


class TroubleView(Answer, frozen=True, kw_only=True):
    """What amoCRM refuses the account for at the moment; `text` says what to do."""

    code: str
    text: str


class AccountView(Answer, frozen=True, kw_only=True):
    """The amoCRM account."""

    id: int
    name: str
    subdomain: str
    status: Literal["new", "active", "reauthorise"]
    status_text: str
    trouble: TroubleView | None
    time_zone: str
    """By its name in the world's time zone database."""


class UserView(Answer, frozen=True, kw_only=True):
    """Who asks. Only administrators may change anything."""

    id: int
    name: str
    is_admin: bool


class SubscriptionView(Answer, frozen=True, kw_only=True):
    """Until when the account is served."""

    state: Literal["trial", "active", "lapsed"]
    until: dt.datetime
    days_left: int
    """Days until the end, each that has begun counted."""
    is_ending: bool
    text: str
    kept_days: int
    """For so many days messages of a lapsed account are kept."""
    dropped: int
    """So many people's messages were kept for too long in the present lapse, or lately in one that is over."""


class StepView(Answer, frozen=True, kw_only=True):
    """One step of the installation. `detail`: what came of it, or why it failed."""

    step: str
    title: str
    state: Literal["pending", "done", "failed"]
    detail: str | None
    updated_at: dt.datetime | None


class SetupView(Answer, frozen=True, kw_only=True):
    """How far the installation is. `authorise_url`: where an administrator allows access anew, if that would help."""

    state: Literal["done", "running", "failed"]
    steps: tuple[StepView, ...]
    authorise_url: str | None


class LimitsView(Answer, frozen=True, kw_only=True):
    """How much there can be."""

    bots: int


class Overview(Answer, frozen=True, kw_only=True):
    """The account as its settings page shows it. `version` is for `GET /changes`."""

    account: AccountView
    user: UserView
    subscription: SubscriptionView
    setup: SetupView
    settings: AccountSettings
    counts: CountsView
    limits: LimitsView
    version: str


class PipelineChoice(Answer, frozen=True, kw_only=True):
    """A sales pipeline."""

    id: int
    name: str
    is_main: bool
    is_archived: bool


class UserChoice(Answer, frozen=True, kw_only=True):
    """An active user of amoCRM. `has_chats`: amoCRM can show words as this user's own."""

    id: int
    name: str
    is_admin: bool
    has_chats: bool


class PersonChoice(Answer, frozen=True, kw_only=True):
    """A person in Telegram, with the titles of the account's groups in which they are."""

    user_id: int
    name: str
    username: str | None
    groups: tuple[str, ...]


class EmployeeView(Answer, frozen=True, kw_only=True):
    """A person in Telegram who is a user of amoCRM. `name` is empty for one who was not seen yet."""

    user_id: int
    name: str
    username: str | None
    amo_user_id: int
    amo_user_name: str


class AccountPort(Protocol):
    """What the service does for the account-level routes."""

    async def overview(self, account_id: int, user_id: int) -> Overview | None:
        """The account as the user sees it; None if it is not there any more."""

    async def change_settings(self, account_id: int, changes: Mapping[str, Any]) -> AccountSettings | None:
        """Change these settings, in force at once; None if the account is not there any more. Raises
        `preferences.BadChoiceError`."""

    async def retry_setup(self, account_id: int) -> SetupView:
        """Have every step of the setup carried out again; how far it is now."""

    async def pipelines(self, account_id: int, *, fresh: bool) -> Sequence[PipelineChoice]:
        """The account's pipelines, as amoCRM showed them a minute ago at most."""

    async def users(self, account_id: int) -> Sequence[UserChoice]:
        """The account's active users, by name."""

    async def people(self, account_id: int, text: str, limit: int) -> Sequence[PersonChoice]:
        """People in the account's groups whose name or username holds a text, or whose id it is."""

    async def employees(self, account_id: int) -> Sequence[EmployeeView]:
        """Who works for the account, by Telegram id."""

    async def add_employee(self, account_id: int, person: str, amo_user_id: int) -> EmployeeView:
        """Say that a person (a Telegram id, or @username) is a user of amoCRM. Raises `staff.StaffError`."""

    async def remove_employee(self, account_id: int, user_id: int) -> bool:
        """Say that a person is a client again; False if they were no employee."""

    async def changed(self, account_id: int, since: str, *, timeout_s: float) -> str:
        """The version of the account's page when it is another than ``since``, or at the end of the time. Raises
        `page_watch.TooManyWaitingError`."""
