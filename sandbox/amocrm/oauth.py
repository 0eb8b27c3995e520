"""The OAuth 2.0 endpoints (amoCRM contract §2): codes, rotating tokens, the account's current subdomain.

Owns issuing and taking back of tokens. Promises: a code works once and for 20 minutes; a refresh token works once;
an access token works until it expires or the integration is removed, also after a refresh.
"""

from __future__ import annotations

from typing import Any

import jwt
import orjson

from dealgram.sandbox.amocrm.account import SimAccount
from dealgram.sandbox.amocrm.answers import JSON, Answer, refuse
from dealgram.sandbox.amocrm.shapes import Shape, text
from dealgram.sandbox.amocrm.world import RawRequest, Token, World

_JWT_KEY = "the key of the simulated amoCRM, known to nobody else"
_FILLED = text(least=1)
_COMMON = {"client_id": _FILLED, "client_secret": _FILLED, "redirect_uri": _FILLED}
_GRANTS = {
    "authorization_code": Shape({**_COMMON, "grant_type": _FILLED, "code": _FILLED}),
    "refresh_token": Shape({**_COMMON, "grant_type": _FILLED, "refresh_token": _FILLED}),
}


def issue_code(world: World, account: SimAccount, user_id: int) -> str:
    account.is_installed = True
    code = "def50200" + world.ids.secret(120)
    expires_at = world.now() + world.integration.code_s
    world.codes[code] = Token(account_id=account.id, user_id=user_id, expires_at=expires_at)
    return code


def issue_pair(world: World, account_id: int, user_id: int) -> tuple[str, str]:
    """A fresh access and refresh token. Expired tokens are forgotten here, so the tables stay small."""
    now = world.now()
    world.accounts[account_id].is_installed = True
    for table in (world.access_tokens, world.refresh_tokens, world.codes):
        for stale in [token for token, grant in table.items() if grant.expires_at <= now]:
            del table[stale]
    integration = world.integration
    access = _jwt(world, account_id, user_id, now + integration.access_token_s)
    refresh = "def50200" + world.ids.secret(world.rng.randrange(480, 900))  # its length varies, as documented
    world.access_tokens[access] = Token(
        account_id=account_id, user_id=user_id, expires_at=now + integration.access_token_s
    )
    world.refresh_tokens[refresh] = Token(
        account_id=account_id, user_id=user_id, expires_at=now + integration.refresh_token_s
    )
    return access, refresh


def revoke(world: World, account: SimAccount) -> None:
    """What switching the integration off does: every code and token of the account dies."""
    for table in (world.access_tokens, world.refresh_tokens, world.codes):
        for token in [token for token, grant in table.items() if grant.account_id == account.id]:
            del table[token]


def access_token(world: World, request: RawRequest) -> Answer:
    """POST /oauth2/access_token."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        raise refuse(400, "the body is not JSON", extra={"hint": "Request body is not JSON"}) from None
    kind = body.get("grant_type") if isinstance(body, dict) else None
    shape = _GRANTS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise _refused(f"grant_type is {kind!r}", "Check the `grant_type` parameter")
    problems = world.check(shape, body, "oauth.access_token")
    if problems:
        raise _refused("; ".join(str(one) for one in problems), "Check the parameters")
    integration = world.integration
    if body["client_id"] != integration.client_id or body["client_secret"] != integration.client_secret:
        raise _refused("client authentication failed", "Check `client_id` and `client_secret`")
    if body["redirect_uri"] != integration.redirect_uri:
        raise _refused("redirect_uri differs from the integration's", "Check the `redirect_uri` parameter")
    return _exchange(world, request, body)


def _exchange(world: World, request: RawRequest, body: dict[str, Any]) -> Answer:
    if body["grant_type"] == "authorization_code":
        table, token, what = world.codes, body["code"], "the authorization code"
    else:
        table, token, what = world.refresh_tokens, body["refresh_token"], "the refresh token"
    grant = table.get(token)
    if grant is None:
        raise _refused(f"{what} is unknown, used or revoked", "Token has been revoked")
    if not world.is_at_home(request, grant.account_id):
        host = request.headers.get("host", "")
        if world.hosts[host] is None:
            raise refuse(world.switches.foreign_host_status, f"nobody lives at {host} any more")
        raise _refused(f"{what} belongs to another account than {host}", "Token has been revoked")
    del table[token]
    if grant.expires_at <= world.now():
        raise _refused(f"{what} has expired", "Token has expired")
    access, refresh = issue_pair(world, grant.account_id, grant.user_id)
    answer = {
        "token_type": "Bearer",
        "expires_in": int(world.integration.access_token_s),
        "server_time": world.seconds,
        "access_token": access,
        "refresh_token": refresh,
    }
    return Answer(status=200, body=answer, content_type=JSON)


def current_subdomain(world: World, request: RawRequest) -> Answer:
    """GET /oauth2/account/current/subdomain with the header X-Refresh-Token; the token is not used up."""
    grant = world.refresh_tokens.get(request.headers.get("x-refresh-token", ""))
    if grant is None or grant.expires_at <= world.now():
        raise refuse(401, "the refresh token is unknown, used, expired or revoked")
    if request.headers.get("host", "") in world.hosts:
        raise refuse(404, "the method is served by the token's api_domain only")
    account = world.accounts[grant.account_id]
    body = {
        "id": account.id,
        "subdomain": account.subdomain,
        "domain": world.host_of(account),
        "top_level_domain": world.domain.rsplit(".", 1)[-1],
    }
    return Answer(status=200, body=body, content_type=JSON)


def _refused(detail: str, hint: str) -> Exception:
    return refuse(400, detail, extra={"hint": hint})


def _jwt(world: World, account_id: int, user_id: int, expires_at: float) -> str:
    """The access token: a JWT that nobody but amoCRM can check, so its key is the simulator's own affair."""
    claims = {
        "aud": world.integration.client_id,
        "jti": world.ids.secret(),
        "iat": world.seconds,
        "nbf": world.seconds,
        "exp": int(expires_at),
        "sub": str(user_id),
        "grant_type": "",
        "account_id": account_id,
        "base_domain": world.domain,
        "version": 2,
        "scopes": ["push_notifications", "files", "crm", "notifications"],
        "api_domain": world.api_host or f"api-b.{world.domain}",
    }
    return jwt.encode(claims, _JWT_KEY, algorithm="HS256")
