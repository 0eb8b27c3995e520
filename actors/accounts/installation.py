"""What connecting accounts and bots has in common: how it is refused, and tokens outside of the account actor."""

from __future__ import annotations

from dataclasses import dataclass

from dealgram.gateways.errors import Unauthorised
from dealgram.persistence import accounts
from dealgram.persistence.database import Database
from dealgram.persistence.secret_box import SecretBox
from dealgram.runtime import Transient


class InstallationError(Exception):
    """The account or the bot cannot be connected as asked; the text says why, for the person who asked."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token provider that knows one token and cannot make another."""

    value: str

    async def token(self, stale: str | None) -> str:
        """The token, unless it has just been refused."""
        if stale == self.value:
            raise Unauthorised("the access token is no longer good")
        return self.value

    async def has_moved(self, base_url: str) -> bool:
        """Not that anybody here knew."""
        return False


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token provider outside the service: reads what the account actor stored, never rotates it itself."""

    db: Database
    box: SecretBox
    account_id: int

    async def token(self, stale: str | None) -> str:
        """The stored access token.

        Raises:
            Transient: it is expired; the running service rotates it.
        """
        row = await accounts.get(self.db, self.account_id)
        token = self.box.open(row.access_token) if row is not None and row.access_token else None
        if token is None or token == stale:
            raise Transient("the account's access token has expired; start the service, it renews tokens by itself")
        return token

    async def has_moved(self, base_url: str) -> bool:
        """Whether the running service has found the account elsewhere."""
        row = await accounts.get(self.db, self.account_id)
        return row is not None and row.host != base_url
