"""Error answers: one JSON shape for every status, in English, without a trace of the inside.

The shape is `{"error": {"code": "<for programs>", "message": "<for people>"}}`. What went wrong inside is in the log,
under the route's template: a path can hold a webhook key and is never logged.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping

import orjson
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException

_log = logging.getLogger("dealgram.http")

_CODES = {
    400: "bad_request",
    401: "unauthorised",
    404: "not_found",
    405: "method_not_allowed",
    408: "body_too_slow",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    500: "internal_error",
    503: "unavailable",
}
_MESSAGES = {
    404: "There is nothing at this address.",
    405: "This address does not accept this method.",
    408: "The body did not arrive in time.",
    413: "The body is larger than this address accepts.",
    500: "The service failed to handle this request; the cause is in its log.",
}


class ApiError(Exception):
    """A request is answered with this status, code and message; nothing has been changed."""

    def __init__(
        self, status: int, message: str, *, code: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or _CODES.get(status, "error")
        self.headers = headers or {}


def bad_request(message: str) -> ApiError:
    """Refuse a request that can never be right as it is."""
    return ApiError(400, message)


def unavailable(message: str, retry_after_s: float | None = None) -> ApiError:
    """Ask the sender to repeat: nothing was accepted. Telegram honours Retry-After (facts §1.2)."""
    seconds = 2 if retry_after_s is None else min(max(math.ceil(retry_after_s), 1), 3600)
    return ApiError(503, message, headers={"Retry-After": str(seconds)})


def too_many(message: str, retry_after_s: float) -> ApiError:
    """Ask the sender to come again later: nothing was accepted."""
    return ApiError(429, message, headers={"Retry-After": str(max(math.ceil(retry_after_s), 1))})


def json_response(body: object, status: int = 200) -> Response:
    """Answer with JSON that no cache keeps."""
    response = Response(orjson.dumps(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def error_response(status: int, code: str, message: str) -> Response:
    """Answer in the one shape of all errors."""
    return json_response({"error": {"code": code, "message": message}}, status)


def route_template() -> str:
    """Name the route of the current request without its values, which may be secret."""
    return "unmatched" if request.url_rule is None else str(request.url_rule.rule)


Refusal = Callable[[str, int, Mapping[str, str]], Response | None]
"""Answers a path with a status and headers where another shape is spoken; None for all other paths."""


def register(app: QuartTrio, *, refusal: Refusal | None = None) -> None:
    """Answer every error of this application in the one shape, and nothing that a browser may take for a page."""

    def elsewhere(status: int, headers: Mapping[str, str]) -> Response | None:
        return refusal(request.path, status, headers) if refusal is not None else None

    @app.after_request
    async def _not_to_be_guessed_at(response: Response) -> Response:
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        return response

    @app.errorhandler(ApiError)
    async def _expected(error: ApiError) -> Response:
        response = error_response(error.status, error.code, error.message)
        response.headers.update(error.headers)
        return response

    @app.errorhandler(HTTPException)
    async def _framework(error: HTTPException) -> Response:
        status = error.code or 500
        headers = {
            name: value
            for name, value in error.get_headers()
            if name.lower() in ("allow", "retry-after", "www-authenticate")
        }
        if (response := elsewhere(status, headers)) is not None:
            return response
        response = error_response(
            status, _CODES.get(status, "error"), _MESSAGES.get(status, f"The request was refused: {error.name}.")
        )
        response.headers.update(headers)
        return response

    @app.errorhandler(Exception)
    async def _unexpected(error: Exception) -> Response:
        _log.error("request failed: %s %s", request.method, route_template(), exc_info=error)
        return elsewhere(500, {}) or error_response(500, _CODES[500], _MESSAGES[500])
