"""OAuth 2.0 of amoCRM (amoCRM contract §2): codes and refresh tokens into token pairs, and the uninstall signature.

Refresh tokens are single-use and rotate: the new pair must be stored before it is used, and one account's refreshes
must not run side by side. Neither is this module's business; it only makes the calls.
"""

from __future__ import annotations

import hashlib
import hmac
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dealgram.gateways.errors import BadPayload, Refused
from dealgram.gateways.gate import Gate
from dealgram.gateways.lenient import read_object
from dealgram.gateways.refusals import refusal, unreadable
from dealgram.gateways.transport import Answer, HttpTransport

_DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """A pair of tokens; `expires_in_s` seconds from now for the access token. Its repr hides them."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in_s: int


class GrantRefused(Refused):
    """The code or the refresh token is expired, used already or revoked: the account must be authorised again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subdomain:
    """Where an account lives now; `domain` is a host such as `sub.amocrm.ru`."""

    account_id: int
    subdomain: str
    domain: str


class OAuthClient:
    """The integration's side of OAuth, for all accounts.

    Args:
        redirect_uri: exactly as it is set in the integration.
    """

    def __init__(self, transport: HttpTransport, client_id: str, client_secret: str, redirect_uri: str) -> None:
        self._transport = transport
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri

    async def exchange(self, base_url: str, code: str, gate: Gate | None = None) -> Tokens:
        """The code of an installation into tokens; a code lives 20 minutes and works once.

        Args:
            base_url: of the account, made from the redirect's `referer`, e.g. `https://sub.amocrm.ru`.
            gate: of the account; a call does not wait in its line, but respects its troubles.

        Raises:
            GrantRefused: the code is no good (400, 401).
            OutcomeUnknown: the code may be used up.
        """
        return await self._grant("exchange", base_url, gate, grant_type="authorization_code", code=code)

    async def refresh(self, base_url: str, refresh_token: str, gate: Gate | None = None) -> Tokens:
        """A refresh token into a new pair; the old one dies.

        Raises:
            GrantRefused: the token is no good, or the account has moved (400, 401, 404): see `find_subdomain`.
            OutcomeUnknown: the old token may be dead and the new one lost. Try it once more; then re-authorise.
        """
        return await self._grant("refresh", base_url, gate, grant_type="refresh_token", refresh_token=refresh_token)

    async def find_subdomain(self, api_url: str, refresh_token: str) -> Subdomain:
        """Asks where the account has moved. `api_url` comes from the token's `api_domain` claim.

        Raises:
            GrantRefused: the token is dead, wherever the account lives.
        """
        answer = await self._transport.request(
            "find_subdomain",
            "GET",
            f"{api_url.rstrip('/')}/oauth2/account/current/subdomain",
            headers={"X-Refresh-Token": refresh_token},
            deadline_s=_DEADLINE_S,
            repeatable=True,
        )
        said = self._read("find_subdomain", answer, repeatable=True)
        account_id, subdomain, domain = said.get("id"), said.get("subdomain"), said.get("domain")
        if not (isinstance(account_id, int) and isinstance(subdomain, str) and isinstance(domain, str)):
            raise unreadable(answer, service=self._transport.upstream.name, operation="find_subdomain", repeatable=True)
        return Subdomain(account_id=account_id, subdomain=subdomain, domain=domain)

    async def _grant(self, operation: str, base_url: str, gate: Gate | None, **grant: str) -> Tokens:
        body = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            **grant,
            "redirect_uri": self._redirect_uri,
        }
        async with nullcontext() if gate is None else gate.express(operation):
            answer = await self._transport.request(
                operation,
                "POST",
                f"{base_url.rstrip('/')}/oauth2/access_token",
                headers={"Content-Type": "application/json"},
                content=msgspec.json.encode(body),
                deadline_s=_DEADLINE_S,
                repeatable=False,
            )
            said = self._read(operation, answer, repeatable=False)
        access, refresh, expires = said.get("access_token"), said.get("refresh_token"), said.get("expires_in")
        if not (isinstance(access, str) and isinstance(refresh, str) and isinstance(expires, int)):
            raise unreadable(answer, service=self._transport.upstream.name, operation=operation, repeatable=False)
        return Tokens(access_token=access, refresh_token=refresh, expires_in_s=expires)

    def _read(self, operation: str, answer: Answer, *, repeatable: bool) -> dict[str, Any]:
        service = self._transport.upstream.name
        try:
            said = read_object(answer.body)
        except BadPayload:
            if answer.ok:
                raise unreadable(answer, service=service, operation=operation, repeatable=repeatable) from None
            said = {}
        if answer.ok:
            return said
        # `detail` never quotes what we sent; `hint` is what amoCRM's OAuth server calls the cause.
        told = next((said[name] for name in ("hint", "detail", "title") if isinstance(said.get(name), str)), "")
        if answer.status in (400, 401, 404):
            raise GrantRefused(
                told or f"HTTP {answer.status}", service=service, operation=operation, code=answer.status
            )
        raise refusal(answer, service=service, operation=operation, repeatable=repeatable, detail=told)


def verify_uninstall(client_secret: str, client_uuid: str, account_id: str, signature: str) -> bool:
    """True if amoCRM itself says that an account uninstalled us; in constant time (amoCRM contract §2, §22)."""
    message = f"{client_uuid}|{account_id}".encode()
    expected = hmac.new(client_secret.encode(), message, hashlib.sha256).hexdigest().encode()
    return hmac.compare_digest(expected, signature.strip().encode("utf-8", "replace"))
