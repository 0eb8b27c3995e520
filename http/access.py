"""Who may read the operators' pages: whoever holds the operators' token, when one is set."""

from __future__ import annotations

import hmac

from quart import request

from dealgram.http.errors import ApiError


def same_secret(given: str, expected: str) -> bool:
    """Compare two secrets in constant time. Any text is allowed: headers may hold non-ASCII characters."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))


def require_operator(token: str | None) -> None:
    """Let the current request pass if no token is set or it carries `Authorization: Bearer <token>`."""
    if token is None:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not same_secret(given.strip(), token):
        raise ApiError(
            401,
            "This page needs the header «Authorization: Bearer <operators' token>».",
            headers={"WWW-Authenticate": 'Bearer realm="dealgram"'},
        )
