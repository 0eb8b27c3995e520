"""`/api/v1`: the account itself: how it is, its settings, its setup, its pipelines and users, and what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from dealgram.actors.accounts.page_watch import TooManyWaitingError
from dealgram.actors.accounts.preferences import BadChoiceError
from dealgram.actors.choices import AccountSettings
from dealgram.http.api.account_port import (
    AccountPort,
    Answer,
    Overview,
    PipelineChoice,
    SetupView,
    UserChoice,
)
from dealgram.http.api.answers import Accepted
from dealgram.http.api.frame import Api, Caller
from dealgram.http.api.problems import invalid, problem
from dealgram.http.api.reading import Body, Change, Query

WAIT_S = 25.0
"""Longest wait for a change: jQuery's and proxies' usual deadlines are 30 s and more."""

if TYPE_CHECKING:

    class SettingsChange(Body, frozen=True, kw_only=True):
        """Any of the settings."""

else:
    SettingsChange = msgspec.defstruct(
        "SettingsChange",
        [
            (field.encode_name, field.type | msgspec.UnsetType, msgspec.UNSET)
            for field in msgspec.structs.fields(AccountSettings)
        ],
        bases=(Body,),
        frozen=True,
        kw_only=True,
        module=__name__,
    )
    SettingsChange.__doc__ = "Any of the settings; what is left out stays as it is."


class SettingsAnswer(Answer, frozen=True, kw_only=True):
    """All settings, as they are now."""

    settings: AccountSettings


class SetupAnswer(Answer, frozen=True, kw_only=True):
    """How far the installation is."""

    setup: SetupView


class PipelinesQuery(Query, frozen=True, kw_only=True):
    """`fresh=1`: as amoCRM shows them at this moment."""

    fresh: Annotated[int, msgspec.Meta(ge=0, le=1)] = 0


class PipelinesAnswer(Answer, frozen=True, kw_only=True):
    """The account's sales pipelines, in their order."""

    pipelines: tuple[PipelineChoice, ...]


class UsersAnswer(Answer, frozen=True, kw_only=True):
    """The account's active users, by name."""

    users: tuple[UserChoice, ...]


class ChangesQuery(Query, frozen=True, kw_only=True):
    """`since`: the version that the page shows."""

    since: Annotated[str, msgspec.Meta(max_length=64)] = ""


class ChangesAnswer(Answer, frozen=True, kw_only=True):
    """The version now, and whether it is another one."""

    version: str
    changed: bool


def routes(api: Api, port: AccountPort) -> None:
    """Add the routes over the account port."""

    @api.get("/account", without_access=True)
    async def get_account(caller: Caller) -> Overview:
        """The account as its settings page shows it."""
        overview = await port.overview(caller.account_id, caller.user_id)
        if overview is None:
            raise problem("account_unknown")
        return overview

    @api.patch("/settings")
    async def change_settings(caller: Caller, body: SettingsChange) -> SettingsAnswer:
        """Change any of the account's settings, in force at once."""
        given: dict[str, Any] = msgspec.to_builtins(body)
        if not given:
            raise invalid(None, "Не указано, что изменить.")
        try:
            settings = await port.change_settings(caller.account_id, given)
        except BadChoiceError:
            raise invalid(None, "Значение не подходит.") from None
        if settings is None:
            raise problem("account_unknown")
        return SettingsAnswer(settings=settings)

    @api.post("/setup/retry", status=202)
    async def retry_setup(caller: Caller, body: Change) -> Accepted | SetupAnswer:
        """Have every step of the installation carried out again. Watch it with `GET /changes`."""
        return Accepted(SetupAnswer(setup=await port.retry_setup(caller.account_id)))

    @api.get("/pipelines")
    async def list_pipelines(caller: Caller, query: PipelinesQuery) -> PipelinesAnswer:
        """The account's sales pipelines, as amoCRM showed them a minute ago at most."""
        found = await port.pipelines(caller.account_id, fresh=bool(query.fresh))
        return PipelinesAnswer(pipelines=tuple(found))

    @api.get("/users", without_access=True)
    async def list_users(caller: Caller) -> UsersAnswer:
        """The account's active users in amoCRM, to choose from."""
        return UsersAnswer(users=tuple(await port.users(caller.account_id)))

    @api.get("/changes", without_access=True)
    async def wait_for_changes(caller: Caller, query: ChangesQuery) -> ChangesAnswer:
        """Wait until anything that the settings page shows is another than at a version, for 25 seconds at most."""
        try:
            version = await port.changed(caller.account_id, query.since, timeout_s=WAIT_S)
        except TooManyWaitingError:
            raise problem("too_many", "Слишком много открытых страниц настроек.", retry_after_s=30) from None
        return ChangesAnswer(version=version, changed=version != query.since)
