"""The Bot API's own description of itself (`api.json`), as a checker for calls and objects.

Owns the translation of the published description into checks: types, required and unknown fields, subtypes told apart
by their constant field, and the limits that stand only in the prose ("1-4096 characters", "1-64 bytes", "2-10 items").
Promises: a checker never raises on bad input, it lists what is wrong, each fault with its path (`reply_markup.
inline_keyboard[0][0].callback_data: 0 bytes, expected 1-64`); compiled once, so that every exchange can be checked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any

import orjson

PATH_VARIABLE = "DEALGRAM_TELEGRAM_API_JSON"
_BESIDE_THE_REPOSITORY = Path("shared/data/telegram-bot-api/api.json")

Check = Callable[[object, str, list[str]], None]
"""Takes a value and its path and appends what is wrong with it."""

_RANGE = re.compile(r"(?<![\w+-])(?<!ISO )(\d+)-(\d+)(?![\w-])")
_TEXT_RANGE = re.compile(r"(?<![\w+-])(\d+)-(\d+) (characters|bytes)( after entit)?", re.IGNORECASE)
_CONSTANT = re.compile(r"(?:, always \"(\w+)\"|, must be (\w+)$)")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a multipart request. `mime` is what the client called it."""

    name: str
    size: int
    data: bytes = dataclass_field(default=b"", repr=False)
    mime: str = ""

    def without_data(self) -> Upload:
        """For a log."""
        return Upload(self.name, self.size, mime=self.mime)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    required: bool
    check: Check
    after_parsing: bool


class ApiSchema:
    """Checks against one version of the Bot API (`version`, e.g. "Bot API 10.1")."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.version: str = description["version"]
        self._types: Mapping[str, Any] = description["types"]
        self._methods: Mapping[str, Any] = description["methods"]
        self._checks: dict[str, Check] = {}
        self._calls: dict[str, tuple[_Field, ...]] = {}
        self._results: dict[str, Check] = {}

    @classmethod
    def load(cls, path: Path | None = None) -> ApiSchema | None:
        """The schema from `path`, the variable DEALGRAM_TELEGRAM_API_JSON or beside the repository; None if absent."""
        source = path or _default_path()
        return cls(orjson.loads(source.read_bytes())) if source.is_file() else None

    @property
    def methods(self) -> frozenset[str]:
        return frozenset(self._methods)

    def parameter_types(self, method: str) -> dict[str, tuple[str, ...]]:
        """The parameters of a method with the names of the types that each accepts."""
        return {field["name"]: tuple(field["types"]) for field in self._methods[method].get("fields", ())}

    def fields_of(self, type_name: str) -> frozenset[str]:
        return frozenset(field["name"] for field in self._types[type_name].get("fields", ()))

    def validate_call(self, method: str, params: Mapping[str, object]) -> list[str]:
        """What is wrong with a call whose values are already decoded from the wire; empty when nothing is."""
        if method not in self._methods:
            return [f"no such method: {method}"]
        if method not in self._calls:
            self._calls[method] = self._fields(self._methods[method].get("fields", ()))
        faults: list[str] = []
        fields = self._calls[method]
        if params.get("parse_mode") or params.get("quote_parse_mode"):
            fields = tuple(_without_limit(field) for field in fields)  # the limit counts the text without its markup
        _check_fields(params, "", fields, faults)
        return faults

    def validate_object(self, type_name: str, value: object) -> list[str]:
        """What is wrong with a value of a type of the Bot API, such as "Update" or "Array of ChatMember"."""
        faults: list[str] = []
        self._check_for(type_name)(value, type_name, faults)
        return faults

    def validate_result(self, method: str, value: object) -> list[str]:
        """What is wrong with the result of a method."""
        if method not in self._results:
            self._results[method] = self._union(tuple(self._methods[method]["returns"]))
        faults: list[str] = []
        self._results[method](value, method, faults)
        return faults

    def _check_for(self, type_name: str) -> Check:
        known = self._checks.get(type_name)
        if known is not None:
            return known

        def late(value: object, path: str, faults: list[str]) -> None:
            self._checks[type_name](value, path, faults)

        self._checks[type_name] = late  # types refer to themselves: a message has the message it replies to
        self._checks[type_name] = self._compile(type_name)
        return self._checks[type_name]

    def _compile(self, type_name: str) -> Check:
        if type_name.startswith("Array of "):
            return _array(self._check_for(type_name.removeprefix("Array of ")))
        if type_name in _PRIMITIVES:
            return _PRIMITIVES[type_name]
        described = self._types[type_name]
        if "subtypes" in described:
            return self._union(tuple(described["subtypes"]))
        if type_name == "InputFile":
            return _upload
        return _object(type_name, self._fields(described.get("fields", ())))

    def _union(self, names: tuple[str, ...]) -> Check:
        if len(names) == 1:
            return self._check_for(names[0])
        if all(name.startswith("Array of ") for name in names):  # an album mixes its kinds
            return _array(self._union(tuple(name.removeprefix("Array of ") for name in names)))
        options = [(self._constants(name), self._check_for(name)) for name in names]

        def check(value: object, path: str, faults: list[str]) -> None:
            best: list[str] | None = None
            for constants, option in options:
                if constants and not (
                    isinstance(value, dict) and all(value.get(name) == constant for name, constant in constants.items())
                ):
                    continue
                found: list[str] = []
                option(value, path, found)
                if not found:
                    return
                if best is None or len(found) < len(best):
                    best = found
            faults.extend(best if best is not None else [f"{path}: none of {', '.join(names)}"])

        return check

    def _constants(self, type_name: str) -> dict[str, str]:
        """The fields of a type whose value is fixed: they tell the subtypes of a union apart."""
        constants: dict[str, str] = {}
        for field in self._types.get(type_name, {}).get("fields", ()):
            match = _CONSTANT.search(field["description"])
            if match and field["required"] and field["types"] == ["String"]:
                constants[field["name"]] = match[1] or match[2]
        return constants

    def _fields(self, described: Any) -> tuple[_Field, ...]:
        return tuple(self._field(field) for field in described)

    def _field(self, described: Any) -> _Field:
        types = tuple(described["types"])
        check = self._union(types)
        limit = _limit(types, described["description"])
        return _Field(
            name=described["name"],
            required=described["required"],
            check=check if limit is None else _both(check, limit),
            after_parsing=limit is not None and "after entit" in described["description"],
        )


def _default_path() -> Path:
    named = os.environ.get(PATH_VARIABLE)
    if named:
        return Path(named)
    repository = Path(__file__).resolve().parent.parent
    return repository.parent / _BESIDE_THE_REPOSITORY


def _check_fields(value: Mapping[str, object], path: str, fields: tuple[_Field, ...], faults: list[str]) -> None:
    prefix = f"{path}." if path else ""
    seen = 0
    for field in fields:
        if field.name in value:
            seen += 1
            field.check(value[field.name], prefix + field.name, faults)
        elif field.required:
            faults.append(f"{prefix}{field.name}: required and missing")
    if seen != len(value):
        known = {field.name for field in fields}
        faults.extend(f"{prefix}{name}: unknown field" for name in value if name not in known)


def _object(type_name: str, fields: tuple[_Field, ...]) -> Check:
    def check(value: object, path: str, faults: list[str]) -> None:
        if isinstance(value, dict):
            _check_fields(value, path, fields, faults)
        else:
            faults.append(f"{path}: {_shown(value)} is no {type_name}")

    return check


def _array(item: Check) -> Check:
    def check(value: object, path: str, faults: list[str]) -> None:
        if not isinstance(value, list):
            faults.append(f"{path}: {_shown(value)} is no array")
            return
        for index, element in enumerate(value):
            item(element, f"{path}[{index}]", faults)

    return check


def _primitive(name: str, accepts: Callable[[object], bool]) -> Check:
    def check(value: object, path: str, faults: list[str]) -> None:
        if not accepts(value):
            faults.append(f"{path}: {_shown(value)} is no {name}")

    return check


_PRIMITIVES: dict[str, Check] = {
    "Integer": _primitive("Integer", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    "Float": _primitive("Float", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "String": _primitive("String", lambda value: isinstance(value, str)),
    "Boolean": _primitive("Boolean", lambda value: isinstance(value, bool)),
}
_upload = _primitive("InputFile", lambda value: isinstance(value, Upload))


def _both(first: Check, second: Check) -> Check:
    def check(value: object, path: str, faults: list[str]) -> None:
        first(value, path, faults)
        second(value, path, faults)

    return check


def _limit(types: tuple[str, ...], prose: str) -> Check | None:
    """The limit that the description of a field states in words."""
    if types == ("String",):
        match = _TEXT_RANGE.search(prose)
        if match is None:
            return None
        unit = match[3].lower()
        return _within(
            int(match[1]), int(match[2]), unit, lambda text: len(text if unit == "characters" else text.encode()), str
        )
    ranges = [(int(low), int(high)) for low, high in _RANGE.findall(prose)]
    if not ranges:
        return None
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    if types[0].startswith("Array of "):
        return _within(low, high, "items", len, list)
    if types in (("Integer",), ("Float",)):
        return _within(low, high, "as value", lambda number: number, int | float)
    return None


def _within(low: int, high: int, unit: str, measure: Callable[[Any], float], kind: Any) -> Check:
    def check(value: object, path: str, faults: list[str]) -> None:
        if isinstance(value, kind) and not low <= measure(value) <= high:
            faults.append(f"{path}: {measure(value)} {unit}, expected {low}-{high}")

    return check


def _without_limit(field: _Field) -> _Field:
    return _Field(field.name, field.required, _PRIMITIVES["String"], False) if field.after_parsing else field


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
