"""amoCRM's one-time token: who sends a request out of which account (amoCRM contract §3, amocrm-widget §1.6).

Owns the reading and the checks that need nothing but the token, the integration's secret and the time. Whether the
account is known, lives at that address and has used the token before is for the frame to find out. Every refusal is one
of two words to the outside, since a reason would only help whoever forges.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from dealgram.gateways.amo_hosts import AmoHosts, ForeignHostError, host_of
from dealgram.http.api.problems import ApiProblem, problem

HEADER = "X-Auth-Token"
LEEWAY_S = 60
"""How far amoCRM's clock and ours may differ."""
LONGEST = 4096
LONGEST_ID = 200
_MOST = 2**63 - 1
_FAR_S = 366 * 86_400
_REQUIRED = ["iss", "aud", "jti", "exp", "account_id", "user_id", "client_uuid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a verified token says. ``origin``: the account's own, ``https://sub.amocrm.ru``."""

    account_id: int
    user_id: int
    subdomain: str
    origin: str
    jti: str
    expires_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Verifies tokens of one integration. ``audience``: addresses (scheme and host, with or without a port) under which
    amoCRM may know us."""

    client_id: str
    secret: str
    audience: frozenset[str]
    hosts: AmoHosts

    def __repr__(self) -> str:
        return f"Verifier(client_id={self.client_id!r})"

    def read(self, token: str, now: dt.datetime) -> Claims:
        """The claims of a good token.

        Raises:
            ApiProblem: 401; ``token_expired`` only for one that amoCRM did sign for us.
        """
        if not token:
            raise problem("token_missing")
        if len(token) > LONGEST:
            raise problem("token_invalid")
        try:
            said = jwt.decode(
                token,
                self.secret,
                algorithms=["HS256"],
                audience=sorted(self.audience),
                # Times are compared below, with our clock and to the second.
                options={"require": _REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, ValueError, UnicodeError):
            raise problem("token_invalid") from None
        return self._checked(said, now)

    def _checked(self, said: dict[str, Any], now: dt.datetime) -> Claims:
        at_s = now.timestamp()
        exp, nbf, iat = (_moment(said.get(name, at_s)) for name in ("exp", "nbf", "iat"))
        jti, client = said["jti"], said["client_uuid"]
        if client != self.client_id or not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_ID or "\0" in jti:
            raise problem("token_invalid")
        if nbf - LEEWAY_S > at_s or iat - LEEWAY_S > at_s:
            raise problem("token_invalid")
        if exp + LEEWAY_S <= at_s:
            raise problem("token_expired")
        last_s = min(exp, at_s + _FAR_S) + LEEWAY_S
        subdomain = said.get("subdomain")
        return Claims(
            account_id=_id(said["account_id"]),
            user_id=_id(said["user_id"]),
            subdomain=subdomain[:100] if isinstance(subdomain, str) else "",
            origin=self._origin(said["iss"]),
            jti=jti,
            expires_at=dt.datetime.fromtimestamp(last_s, dt.UTC),
        )

    def _origin(self, iss: object) -> str:
        if not isinstance(iss, str):
            raise problem("token_invalid")
        origin = iss.rstrip("/")
        if not self.hosts.is_ours(origin):
            raise problem("token_invalid")
        return origin


def audience_of(redirect_uri: str) -> frozenset[str]:
    """What ``aud`` may be for an integration with this redirect address: with its port and, as amoCRM's own library
    takes it, without."""
    parts = urlsplit(redirect_uri)
    return frozenset({f"{parts.scheme}://{parts.netloc}", f"{parts.scheme}://{parts.hostname}"})


def is_amocrm_origin(origin: str, hosts: AmoHosts) -> bool:
    """Whether a page of this origin is one of amoCRM's."""
    try:
        return hosts.base_url(host_of(origin)) == origin
    except ForeignHostError:
        return False


def _id(value: object) -> int:
    """An id; amoCRM writes ids as strings here and there."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST:
        raise problem("token_invalid")
    return value


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise problem("token_invalid")
    return float(value)


__all__ = ["HEADER", "ApiProblem", "Claims", "Verifier", "audience_of", "is_amocrm_origin"]
