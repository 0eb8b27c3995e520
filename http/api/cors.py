"""Which pages may read our answers: those of amoCRM's accounts, each its own account's.

Every call of the widget carries a header of its own, so browsers ask first (`preflight`). At that moment nobody knows
the account, which may not be known to us at all yet; so the question is answered for every origin on amoCRM's domains.
The real answer is opened to the token's own origin only; without a good token to any of amoCRM's, since it then says
nothing but what is wrong (decision 0015). There are no cookies, so never credentials, and never a star.
"""

from __future__ import annotations

from quart import Response, g, request

from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.http.api.tokens import HEADER, is_amocrm_origin

METHODS = "GET,POST,PATCH,DELETE,OPTIONS"
HEADERS = f"{HEADER}, Content-Type"
MAX_AGE_S = 600
_KEY = "dealgram_origin"


def origin_of_request() -> str | None:
    """The page's origin, None where there is none. One that is sent twice is none of amoCRM's."""
    given = request.headers.getlist("Origin")
    if not given:
        return None
    return given[0] if len(given) == 1 else "null"


def believe(origin: str) -> None:
    """The current request has a good token of this origin: no other page may read its answer."""
    setattr(g, _KEY, origin)


def open_answer(response: Response, hosts: AmoHosts) -> Response:
    """Let the page that asked read the answer, if it may."""
    response.headers.add("Vary", "Origin")
    origin = origin_of_request()
    if origin is None:
        return response
    believed = getattr(g, _KEY, None)
    if origin == believed or (believed is None and is_amocrm_origin(origin, hosts)):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After, X-Request-Id"
    return response


def preflight(hosts: AmoHosts) -> Response:
    """Answer a browser that asks whether it may ask; `open_answer` adds the origin."""
    response = Response(b"", status=204)
    origin = origin_of_request()
    if origin is not None and is_amocrm_origin(origin, hosts):
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Allow-Headers"] = HEADERS
        response.headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
    return response
