"""What amoCRM says of the users who work in the widget: their names, and whether they administer the account.

Asked of amoCRM itself, since a token says nothing of rights and rights are taken away (amoCRM contract §3). Owns a
bounded memory: a right is good for a minute, a missing one for some seconds, so that whoever was just made an
administrator need not wait. Several who ask at the same moment cause one request.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from dealgram.actors.latest import Latest
from dealgram.actors.services import KeyedLocks, Services
from dealgram.gateways.amocrm import User
from dealgram.persistence import records

GOOD_FOR_S = 60.0
MISSING_FOR_S = 5.0
_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    user: User | None
    until: float


def administers(user: User | None) -> bool:
    """Whether a user may change the account's settings."""
    return user is not None and user.is_admin and user.is_active


def user_row(account_id: int, user: User) -> records.User:
    """A user as dealgram remembers them."""
    return records.User(
        account_id=account_id,
        user_id=user.id,
        name=user.name,
        amojo_id=user.amojo_id,
        is_admin=user.is_admin,
        is_active=user.is_active,
    )


class UserBook:
    """See the module."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._known: Latest[tuple[int, int], _Known] = Latest(_REMEMBERED)
        self._locks = KeyedLocks()

    async def user(self, account_id: int, user_id: int) -> User | None:
        """The user as amoCRM shows them (a minute ago at most); None if the account has no such user.

        Raises:
            AccountGone: the account has to be authorised first.
            GatewayError, Transient: amoCRM does not say.
        """
        if (known := self._good(account_id, user_id)) is not None:
            await trio.lowlevel.checkpoint()
            return known.user
        async with self._locks(account_id, user_id):
            if (known := self._good(account_id, user_id)) is not None:
                return known.user
            found = await self._services.amocrm(account_id).user(user_id)
            user = found if found is not None and found.id == user_id else None
            good_for_s = GOOD_FOR_S if administers(user) else MISSING_FOR_S
            self._known[account_id, user_id] = _Known(user, trio.current_time() + good_for_s)
            return user

    async def is_admin(self, account_id: int, user_id: int) -> bool:
        """Whether the user administers the account. Raises as `user` does."""
        return administers(await self.user(account_id, user_id))

    def _good(self, account_id: int, user_id: int) -> _Known | None:
        known = self._known.get((account_id, user_id))
        return known if known is not None and trio.current_time() < known.until else None
