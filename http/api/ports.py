"""What the API needs from the service; the composition root implements it, the tests fake it.

`Transient` out of any of these means that it cannot be known or done now; `AccountGone` that an administrator has to
allow access first; gateway errors what they say. Nothing has been changed then, unless a method says otherwise.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.http.api.tokens import Verifier

if TYPE_CHECKING:
    from dealgram.http.api.account_port import AccountPort
    from dealgram.http.api.bot_ports import DeskPort


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAccount:
    """An account as the frame needs it. ``host``: its base URL."""

    account_id: int
    host: str
    status: Literal["new", "active", "reauthorise"]


@dataclass(frozen=True, slots=True)
class Begun:
    """A request with an id of its own may be carried out now, by whoever holds this ``claim``."""

    claim: int


@dataclass(frozen=True, slots=True)
class Finished:
    """It was carried out before: this is what it was answered."""

    status: int
    body: bytes


Claimed = Begun | Finished | Literal["running", "different"]
"""``running``: somebody carries it out; ``different``: the id was used for another request."""


class Gatekeeper(Protocol):
    """What the frame asks about whoever calls."""

    @property
    def authorise_url(self) -> str | None:
        """Where an administrator allows access; None where the service cannot be reached from outside."""

    async def account(self, account_id: int) -> KnownAccount | None:
        """The account, unless it is unknown or was removed."""

    async def has_moved_to(self, account_id: int, host: str) -> bool:
        """Whether the account, known at another address, lives at this base URL by now."""

    async def use_token(self, account_id: int, jti: str, expires_at: dt.datetime) -> bool:
        """Note that a token was used; False if it was before."""

    async def is_admin(self, account_id: int, user_id: int) -> bool:
        """Whether amoCRM says that the user administers the account (now, or a minute ago at most)."""

    async def begin(self, account_id: int, request_id: str, digest: bytes) -> Claimed:
        """Claim a request of the account. ``digest``: of everything that makes it this request."""

    async def finish(self, account_id: int, request_id: str, claim: int, status: int, body: bytes) -> None:
        """Keep the answer for whoever repeats the request."""

    async def release(self, account_id: int, request_id: str, claim: int) -> None:
        """The request came to nothing: it may be tried again under its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WidgetApi:
    """Everything that the API is built over."""

    gatekeeper: Gatekeeper
    account: AccountPort
    bots: DeskPort
    verifier: Verifier | None
    """The integration's; None where none is configured: nobody is let in."""
    hosts: AmoHosts
    now: Callable[[], dt.datetime]
    one_time: bool = True
    """Tokens are good for one call (`DEALGRAM_API_TOKEN_USES`)."""
