"""Account, users and pipelines of amoCRM (amoCRM contract §4, §12)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dealgram.gateways.amocrm.session import Session
from dealgram.gateways.lenient import Int64


class _Datetime(msgspec.Struct, frozen=True, kw_only=True):
    timezone: str | None = None


class _AboutAccount(msgspec.Struct, frozen=True, kw_only=True):
    datetime_settings: _Datetime | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The account. `amojo_id` is what the Chats API knows it by (only `with=amojo_id`)."""

    id: Int64
    name: str = ""
    subdomain: str = ""
    amojo_id: str | None = None
    drive_url: str | None = None
    is_unsorted_on: bool | None = None
    is_api_filter_enabled: bool | None = None
    is_technical_account: bool = False
    current_user_id: Int64 | None = None
    embedded: _AboutAccount = msgspec.field(name="_embedded", default_factory=_AboutAccount)

    @property
    def time_zone(self) -> str | None:
        """The name of the account's time zone (only `with=datetime_settings`)."""
        settings = self.embedded.datetime_settings
        return settings.timezone if settings is not None else None


class UserRights(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do, as far as we ask."""

    is_admin: bool = False
    is_free: bool = False
    is_active: bool = True


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A user of the account. `amojo_id` is None for one who never opened chats: no message can be theirs."""

    id: Int64
    name: str = ""
    email: str = ""
    amojo_id: str | None = None
    rights: UserRights = UserRights()

    @property
    def is_admin(self) -> bool:
        """Administrator of the account."""
        return self.rights.is_admin

    @property
    def is_active(self) -> bool:
        """Not switched off."""
        return self.rights.is_active


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A stage. `type` 1 is the unsorted one; ids 142 (won) and 143 (lost) are the same in every pipeline."""

    id: Int64
    name: str = ""
    sort: int = 0
    type: int = 0


class _Statuses(msgspec.Struct, frozen=True, kw_only=True):
    statuses: tuple[Status, ...] = ()


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """A sales pipeline."""

    id: Int64
    name: str = ""
    sort: int = 0
    is_main: bool = False
    is_unsorted_on: bool = False
    is_archive: bool = False
    embedded: _Statuses = msgspec.field(name="_embedded", default_factory=_Statuses)

    @property
    def statuses(self) -> tuple[Status, ...]:
        """Its stages."""
        return self.embedded.statuses


class AccountCalls(Session):
    """Reads of the account itself."""

    async def account(self, with_: Sequence[str] = ("amojo_id", "drive_url")) -> Account:
        """The account that the token belongs to."""
        query = [("with", ",".join(with_))] if with_ else []
        found = await self._one("account", "account", Account, query)
        if found is None:
            raise self._unreadable(204, "account", repeatable=True)
        return found

    async def users(self) -> list[User]:
        """All users; needs an administrator's token."""
        return await self._pages("users", "users", "users", User, [("with", "amojo_id")])

    async def user(self, user_id: int) -> User | None:
        """One user; None if there is no such."""
        return await self._one("user", f"users/{int(user_id)}", User, [("with", "amojo_id")])

    async def pipelines(self) -> list[Pipeline]:
        """All pipelines with their stages."""
        return await self._list("pipelines", "leads/pipelines", "pipelines", Pipeline)
