"""Reading what others send: typed, and never stricter than needed.

What is well-formed is decoded straight into msgspec structs. What is not is read field by field: a field of an
unexpected shape is left at its default and named in `broken`, so that one odd field does not cost us the message.
Nothing here raises anything but BadPayload, whatever the bytes are.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

from dealgram.gateways.errors import BadPayload

S = TypeVar("S", bound=msgspec.Struct)

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""An id that PostgreSQL's bigint can hold; anything else is a broken field."""

UnixTime = Annotated[int, msgspec.Meta(ge=0, le=253402300799)]
"""Seconds since 1970, up to the year 9999: what datetime can hold."""

_WRONG = (msgspec.ValidationError, RecursionError, OverflowError)


def read_object(raw: bytes) -> dict[str, Any]:
    """Decodes a JSON object as plain Python values.

    Takes also what msgspec refuses but people receive: bytes that are not UTF-8 and lone surrogates become U+FFFD.

    Raises:
        BadPayload: not JSON, not an object, or nested beyond reason.
    """
    value = read_json(raw)
    if not isinstance(value, dict):
        raise BadPayload(f"expected a JSON object, got {type(value).__name__}")
    return value


def read_json(raw: bytes) -> Any:
    """Decodes any JSON value; see `read_object`."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        pass
    try:
        return _without_surrogates(json.loads(raw.decode("utf-8", "replace"), parse_constant=_no_constant))
    except (ValueError, RecursionError):
        raise BadPayload("not JSON that can be read") from None


def convert(data: Mapping[str, Any], kind: type[S], broken: list[str], path: str = "") -> S | None:
    """Builds a struct of `kind` from plain values, keeping every field that can be kept.

    Args:
        broken: receives the names (dotted) of the fields whose shape was unexpected.

    Returns:
        None if a field that `kind` requires is missing or broken.
    """
    try:
        return msgspec.convert(data, kind)
    except _WRONG:
        pass
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        given = data.get(field.encode_name)
        if given is None:
            if field.required:
                return None
            continue
        value = _convert_field(given, field.type, broken, f"{path}{field.encode_name}")
        if value is not _NOTHING:
            values[field.name] = value
            continue
        broken.append(f"{path}{field.encode_name}")
        if field.required:
            return None
    return kind(**values)


_NOTHING: Any = object()


def _convert_field(given: Any, kind: Any, broken: list[str], path: str) -> Any:
    for strict in (True, False):
        try:
            return msgspec.convert(given, kind, strict=strict)
        except _WRONG:
            continue
    for option in _options(kind):
        if isinstance(given, Mapping) and isinstance(option, type) and issubclass(option, msgspec.Struct):
            part = convert(given, option, broken, f"{path}.")
            if part is not None:
                return part
        if isinstance(given, list) and get_origin(option) in (list, tuple):
            return _convert_items(given, option, broken, path)
    return _NOTHING


def _convert_items(given: list[Any], kind: Any, broken: list[str], path: str) -> Any:
    item_kind = get_args(kind)[0]
    items = []
    for index, item in enumerate(given):
        value = _convert_field(item, item_kind, broken, f"{path}.{index}")
        if value is _NOTHING:
            broken.append(f"{path}.{index}")
        else:
            items.append(value)
    return tuple(items) if get_origin(kind) is tuple else items


def _options(kind: Any) -> tuple[Any, ...]:
    """The members of a union, or the kind itself."""
    return get_args(kind) if get_origin(kind) not in (list, tuple, dict, Annotated) and get_args(kind) else (kind,)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
