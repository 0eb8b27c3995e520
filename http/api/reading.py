"""How a call's path, query and body are read: whole, typed, within limits, and with nothing unknown in them.

Owns the base classes of bodies and queries. What is refused is named by its field; what was sent is not repeated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from quart import request
from werkzeug.exceptions import RequestEntityTooLarge, RequestTimeout

from dealgram.http.api.problems import ApiProblem, invalid, not_found

BODY_LIMIT = 64 * 1024
"""Bytes; the largest genuine body is a form of some hundred."""
_ID = re.compile(r"[1-9][0-9]{0,18}")
_MOST = 2**63 - 1
_WHERE = re.compile(r" - at `\$\.?([^`]*)`\Z")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]{1,64})`")
_MISSING = re.compile(r"Object missing required field `([^`]{1,64})`")


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of bodies. Fields that are left out have their defaults; there are no others."""


class Change(Body, frozen=True, kw_only=True):
    """Base of the bodies of POST."""

    request_id: UUID | None = None
    """The same id again changes nothing again and gets the same answer, for 24 hours."""


class Query(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of queries: texts, numbers and flags (0 or 1), each given once at most."""


S = TypeVar("S", bound=msgspec.Struct)


def read_id(text: str) -> int:
    """An id in a path. Raises 404 for what can be none."""
    if not _ID.fullmatch(text) or int(text) > _MOST:
        raise not_found()
    return int(text)


async def read_raw() -> bytes:
    """The body's bytes. Raises 422 for one that is too large, or that does not arrive in time."""
    length = request.content_length
    try:
        if length is not None and length > BODY_LIMIT:
            raise too_large()
        raw: bytes = await request.get_data(cache=False, as_text=False, parse_form_data=False)
    except RequestEntityTooLarge:
        raise too_large() from None
    except RequestTimeout:
        raise ApiProblem(408, "invalid", "Запрос не пришёл вовремя.") from None
    if len(raw) > BODY_LIMIT:
        raise too_large()
    return raw


def too_large() -> ApiProblem:
    """The answer to a body that is too large."""
    return ApiProblem(413, "invalid", "Запрос слишком большой.")


def read_body(raw: bytes, kind: type[S]) -> S:
    """A body of this kind. An empty one counts as `{}`."""
    if raw and request.mimetype != "application/json":
        raise ApiProblem(415, "invalid", "Тело запроса должно быть JSON (Content-Type: application/json).")
    try:
        body = msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise invalid(None, "Тело запроса — не JSON.") from None
    _refuse_nul(body, None)
    return body


def read_query(kind: type[S]) -> S:
    """The query, by its types."""
    given: dict[str, str] = {}
    for name in request.args:
        values = request.args.getlist(name)
        if name not in kind.__struct_fields__:
            raise invalid(None, "В запросе есть неизвестный параметр.")
        if len(values) > 1:
            raise invalid(name, "Параметр указан дважды.")
        given[name] = values[0]
    try:
        query = msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error) from None
    _refuse_nul(query, None)
    return query


def _invalid(error: msgspec.ValidationError) -> ApiProblem:
    """In words for people. msgspec's own are for programmers, but they name the field."""
    text = str(error)
    found = _WHERE.search(text)
    field = re.sub(r"\[(\d*|\.\.\.)\]", "", found[1]) if found is not None else ""
    if (unknown := _UNKNOWN.search(text)) is not None:
        name = f"{field}.{unknown[1]}" if field else unknown[1]
        return invalid(
            name if name.isascii() and name.replace("_", "").replace(".", "").isalnum() else None,
            "В запросе есть неизвестное поле.",
        )
    if (missing := _MISSING.search(text)) is not None:
        return invalid(f"{field}.{missing[1]}" if field else missing[1], "Поле не заполнено.")
    return invalid(field or None, _words(text))


def _words(text: str) -> str:
    if (limit := re.search(r"(`int`|`str`|`array`).*(<=|>=) (\d+)", text)) is not None:
        bound = "не больше" if limit[2] == "<=" else "не меньше"
        what = {"`int`": "Число должно быть", "`str`": "Длина должна быть", "`array`": "Их должно быть"}[limit[1]]
        return f"{what} {bound} {limit[3]}."
    if "enum value" in text:
        return "Такого значения нет в списке."
    return "Значение не подходит."


def _refuse_nul(value: Any, field: str | None) -> None:
    """No NUL anywhere: the database keeps none, and no form holds one."""
    match value:
        case str() if "\0" in value:
            raise invalid(field, "Значение не подходит.")
        case msgspec.Struct():
            for name in value.__struct_fields__:
                _refuse_nul(getattr(value, name), name)
        case list() | tuple():
            for each in value:
                _refuse_nul(each, field)
        case Mapping():
            for name, each in value.items():
                _refuse_nul(name, field)
                _refuse_nul(each, field)
        case _:
            pass
