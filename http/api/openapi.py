"""The description of the API in OpenAPI 3.1, made of the routes themselves, so that it cannot say anything else.

Served at `/api/v1/openapi.json` and kept in `docs/openapi.json`, which a test compares.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from dealgram.http.api.frame import PREFIX, Route
from dealgram.http.api.problems import KINDS
from dealgram.http.api.tokens import HEADER

TITLE = "dealgram widget API"
VERSION = "1"
_REF = "#/components/schemas/{name}"
_ALWAYS = (
    "token_missing",
    "token_invalid",
    "token_expired",
    "token_used",
    "foreign_origin",
    "invalid",
    "account_unknown",
    "too_many",
    "internal",
    "unavailable",
)
_BEGUN = "Begun; `GET /changes` tells when it is done."
_DESCRIPTION = """\
What the dealgram widget's settings page asks and does, for one amoCRM account at a time. Every call carries one of
amoCRM's one-time tokens and speaks for the user and the account in it; nothing of another account can be seen or
changed. Reading is for every user of the account, changing for its administrators.

Messages of errors are Russian, for people; programs go by `code`. The body of a POST may carry a `request_id` (UUID):
the same request under the same id changes nothing again and gets the same answer, for 24 hours.
"""


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a call came to nothing. `field`: of the body or the query. `authorise_url`: where an administrator allows
    access to amoCRM."""

    code: str
    message: str
    request_id: str
    field: str = ""
    authorise_url: str = ""


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every refusal."""

    error: ErrorBody


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The whole document, as JSON values."""
    kinds = {kind for route in routes for kind in (route.body, route.answer) if kind is not None} | {Error}
    ordered = sorted(kinds, key=lambda kind: kind.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=_REF)
    for component in components.values():
        if "description" in component:
            component["description"] = _in_one_line(component["description"])
    refs = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route, refs)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION, "description": _DESCRIPTION},
        "servers": [{"url": PREFIX}],
        "security": [{"amocrm": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "amocrm": {
                    "type": "apiKey",
                    "in": "header",
                    "name": HEADER,
                    "description": "amoCRM's one-time token (JWT, HS256), as `$authorizedAjax` sends it.",
                }
            },
        },
    }


def _in_one_line(docstring: str) -> str:
    """A docstring's text; Pythons differ in how much of the indentation they leave in it."""
    return re.sub(r"\s+", " ", docstring).strip()


def as_json(described: dict[str, Any]) -> bytes:
    """The document as it is served and kept."""
    return msgspec.json.format(msgspec.json.encode(described), indent=2) + b"\n"


def _operation(route: Route, refs: dict[type[msgspec.Struct], Any]) -> dict[str, Any]:
    summary, _, rest = _in_one_line(route.handler.__doc__ or "").partition(". ")
    found: dict[str, Any] = {
        "operationId": route.name,
        "summary": summary.rstrip("."),
        "parameters": [*map(_path_parameter, route.ids), *_query_parameters(route.query)],
        "responses": _responses(route, refs),
    }
    notes = [rest] if rest else []
    if route.admin:
        notes.append("For administrators of the account.")
    if notes:
        found["description"] = " ".join(notes)
    if route.body is not None:
        found["requestBody"] = {
            "required": _has_required(route.body),
            "content": {"application/json": {"schema": refs[route.body]}},
        }
    return found


def _has_required(kind: type[msgspec.Struct]) -> bool:
    return any(field.required for field in msgspec.structs.fields(kind))


def _path_parameter(name: str) -> dict[str, Any]:
    schema = {"type": "integer", "format": "int64", "minimum": 1}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(kind: type[msgspec.Struct] | None) -> Iterable[dict[str, Any]]:
    if kind is None:
        return
    for field in msgspec.structs.fields(kind):
        schema = msgspec.json.schema(field.type)
        if not field.required:
            schema = schema | {"default": field.default}
        yield {"name": field.encode_name, "in": "query", "required": field.required, "schema": schema}


def _responses(route: Route, refs: dict[type[msgspec.Struct], Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if route.answer is not None:
        content = {"application/json": {"schema": refs[route.answer]}}
        statuses = [route.status] if route.status != 202 else []
        for status in (*statuses, *([202] if route.accepted else [])):
            found[str(status)] = {"description": _BEGUN if status == 202 else "Done.", "content": content}
    elif route.accepted:
        found["202"] = {"description": _BEGUN, "content": {"application/json": {"schema": {"type": "object"}}}}
    if route.may_be_empty:
        found["204"] = {"description": "Done."}
    return found | _problems(route, refs)


def _problems(route: Route, refs: dict[type[msgspec.Struct], Any]) -> dict[str, Any]:
    codes = [*_ALWAYS]
    if not route.without_access:
        codes += ["reauthorise", "amocrm_unavailable"]
    if route.admin:
        codes.append("not_admin")
    if route.ids:
        codes.append("not_found")
    if route.method == "POST":
        codes += ["in_progress", "request_id_reused"]
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in (*codes, *route.codes):
        status = KINDS[code].status if code in KINDS else 422
        if code not in by_status[status]:
            by_status[status].append(code)
    if route.body is not None:
        for status in (408, 413, 415):
            by_status[status].append("invalid")
    content = {"application/json": {"schema": refs[Error]}}
    return {
        str(status): {"description": "Codes: " + ", ".join(f"`{code}`" for code in found) + ".", "content": content}
        for status, found in sorted(by_status.items())
    }
