"""Answers of the API held against its OpenAPI document."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import httpx
import jsonschema

from dealgram.http.api.application import whole_document


@cache
def described() -> dict[str, Any]:
    """The document."""
    document: dict[str, Any] = json.loads(whole_document())
    return document


def check_documented(answer: httpx.Response, method: str, route: str) -> Any:
    """Check status, content and code of an answer against what the document says of its route; gives the content."""
    responses = described()["paths"][route][method.lower()]["responses"]
    assert str(answer.status_code) in responses, (method, route, answer.text)
    response = responses[str(answer.status_code)]
    if "content" not in response:
        assert answer.content == b""
        return None
    schema = response["content"]["application/json"]["schema"] | {"components": described()["components"]}
    jsonschema.validate(answer.json(), schema, format_checker=jsonschema.FormatChecker())
    if not answer.is_success:
        assert f"`{answer.json()['error']['code']}`" in response["description"], (method, route, answer.text)
    return answer.json()
