"""Answers of amoCRM: HAL documents, problem documents, the Chats API's own error objects.

Owns `Answer` and `Refused`, the exception by which a handler refuses a request. Promises: a refusal says in one
readable line why, for the list of violations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from dealgram.sandbox.amocrm.shapes import Problem

HAL = "application/hal+json"
JSON = "application/json"
PROBLEM = "application/problem+json"
HTML = "text/html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What goes back; `body` None is an empty body, bytes go as they are, anything else becomes JSON."""

    status: int
    body: Any = None
    content_type: str = HAL
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):  # noqa: N818 - reads as what happened to the request
    """A request that breaks a documented rule."""

    def __init__(self, answer: Answer, reason: str) -> None:
        super().__init__(reason)
        self.answer = answer
        self.reason = reason


NO_CONTENT = Answer(status=204)


def hal(body: Any, status: int = 200) -> Answer:
    return Answer(status=status, body=body)


def refuse(
    status: int,
    detail: str,
    *,
    errors: Sequence[tuple[str, Sequence[Problem]]] = (),
    extra: Mapping[str, Any] | None = None,
) -> Refused:
    """A problem document (amoCRM contract §16); `errors` are pairs of request_id and its problems."""
    body: dict[str, Any] = {}
    if errors:
        body["validation-errors"] = [
            {
                "request_id": request_id,
                "errors": [{"code": one.code, "path": one.path, "detail": one.detail} for one in problems],
            }
            for request_id, problems in errors
        ]
    body |= {
        "title": HTTPStatus(status).phrase,
        "type": f"https://httpstatus.es/{status}",
        "status": status,
        "detail": detail,
    }
    body |= extra or {}
    listed = "; ".join(f"[{request_id}] {one}" for request_id, problems in errors for one in problems)
    return Refused(Answer(status=status, body=body, content_type=PROBLEM), f"{detail}: {listed}" if listed else detail)


def refuse_amojo(status: int, kind: str, reason: str, *, empty: bool = False) -> Refused:
    """An error object of the Chats API (amoCRM contract §5); `empty` answers the bare status, as some clients saw."""
    body = {"status": 0, "error_code": status, "error_type": kind, "error_description": reason}
    return Refused(Answer(status=status, body=None if empty else body, content_type=JSON), f"{kind}: {reason}")
