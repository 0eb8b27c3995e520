"""Questions to the account actor, and how to put them.

Asking goes one way only, from groups and bots to their account, so that nobody can wait in a circle.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from dealgram.actors.names import account_address
from dealgram.actors.registry import Registry
from dealgram.actors.services import ACCOUNT_PAUSE_S, AccountGone
from dealgram.persistence.secret_box import SecretBox
from dealgram.runtime import ActorStopped, ActorSystem, AskTimeout, MailboxFull, Transient

ASK_DEADLINE_S = 60.0
"""How long an actor waits for the account's answer before its item is repeated."""

REFRESH_EARLY = dt.timedelta(minutes=5)
"""An access token that expires sooner is not used any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """Ask for a token that works. ``stale`` is one that amoCRM has just refused. Answer: ``str``."""

    stale: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FindAddress:
    """Nobody seems to be at ``host``, where the account lived: ask whether it lives elsewhere. Answer: ``bool``."""

    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindContact:
    """Ask for the contact whose «Telegram ID» is ``value``; created under ``name`` if ``create``.

    Answer: ``int | None``, the contact's id; ``None`` only without ``create``.
    """

    value: str
    name: str
    user_id: int | None = None
    username: str | None = None
    create: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class FindContacts:
    """Ask for the contacts of many people at once. Answer: ``dict[str, int]``, contact ids by ``value``."""

    people: tuple[FindContact, ...]
    create: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContact:
    """amoCRM refused something with this contact: is it still there? Answer: ``bool``, True if it was forgotten."""

    value: str
    contact_id: int
    user_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptContact:
    """amoCRM itself gave a person's chat this contact: make it the person's. ``given_names`` are those that the chat's
    participant had. Answer: ``int | None``, the person's contact; ``None`` while amoCRM does not show this one."""

    user_id: int
    contact_id: int
    name: str
    username: str | None = None
    given_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRenamed:
    """A person has another name or public name: their contact is to follow. Answer: ``None``."""

    user_id: int
    name: str
    username: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Ask to connect the chat channel again, because amoCRM no longer knows it. Answer: ``None``."""


async def ask_account(system: ActorSystem, account_id: int, request: object) -> object:
    """Put a question to the account actor.

    Raises:
        Transient: no answer in time, or the account is stopping or overloaded: repeat the item later.
        Exception: whatever the account's work came to (see its module).
    """
    try:
        return await system.ask(account_address(account_id), request, timeout_s=ASK_DEADLINE_S)
    except (AskTimeout, ActorStopped, MailboxFull) as error:
        raise Transient(f"account {account_id} gave no answer") from error


@dataclass(frozen=True, slots=True)
class AccountTokens:
    """The token provider of an account's REST client: asks the account actor, never refreshes by itself."""

    system: Callable[[], ActorSystem]
    registry: Registry
    box: SecretBox
    now: Callable[[], dt.datetime]
    account_id: int

    async def token(self, stale: str | None) -> str:
        """A token that is not ``stale``. The usual case reads the registry and asks nobody.

        Raises:
            AccountGone: an administrator has to authorise the account first.
            Transient: the account was found to have moved; repeat the item with a new client.
        """
        account = self.registry.account(self.account_id)
        if account is not None and account.row.status in ("reauthorise", "uninstalled"):
            raise AccountGone(f"account {self.account_id} is not authorised", retry_after_s=ACCOUNT_PAUSE_S)
        if account is not None and account.row.access_token and account.row.token_expires_at:
            token = self.box.open(account.row.access_token)
            if token != stale and account.row.token_expires_at - self.now() > REFRESH_EARLY:
                return token
        answer = await ask_account(self.system(), self.account_id, AccessToken(stale=stale))
        assert isinstance(answer, str)
        present = self.registry.account(self.account_id)
        if account is not None and present is not None and present.row.host != account.row.host:
            # The client that asks still speaks to the old address; the next one is made for the new.
            raise Transient(f"account {self.account_id} has another address now", retry_after_s=0.1)
        return answer

    async def has_moved(self, base_url: str) -> bool:
        """Whether the account lives elsewhere by now, as far as amoCRM says.

        Raises:
            Transient: the account gave no answer in time.
        """
        account = self.registry.account(self.account_id)
        if account is None or account.row.status != "active":
            return False
        if account.row.host != base_url:
            return True
        return bool(await ask_account(self.system(), self.account_id, FindAddress(host=base_url)))
