"""How answers are written: structs as JSON, moments in RFC 3339 and UTC, problems in the one shape."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from quart import Response

from dealgram.http.api.problems import ApiProblem

ANSWER_S = 50.0
"""The longest time that a call may take; browsers and proxies give up at about a minute."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """An answer with the status 202: begun, not finished."""

    answer: msgspec.Struct


def response_of(answer: object, status: int) -> tuple[int, bytes]:
    """Status and body of what a route returned."""
    if isinstance(answer, Accepted):
        return 202, msgspec.json.encode(answer.answer)
    if answer is None:
        return 204, b""
    assert isinstance(answer, msgspec.Struct), "a route answers with a struct"
    return status, msgspec.json.encode(answer)


def problem_response(problem: ApiProblem, request_id: str) -> Response:
    """The answer to a call that came to nothing."""
    response = Response(
        msgspec.json.encode(problem.body(request_id)), status=problem.status, content_type="application/json"
    )
    response.headers.update(problem.headers())
    return response
