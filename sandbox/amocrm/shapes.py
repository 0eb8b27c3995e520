"""Strictly typed checks of decoded JSON: what the tables of the documentation say, as values.

Owns the checks (`text`, `integer`, `Shape`, ...) and `Problem`. A check looks at a value and appends what is wrong;
it changes nothing and never raises. Promises: a string is never taken for a number, a bool never for an int, a field
that the table does not list is reported as UNKNOWN, so that a switch can decide about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

UNKNOWN = "NotSupportedField"
MISSING = "FieldMissing"
WRONG_TYPE = "InvalidType"
BAD_CHOICE = "NotSupportedChoice"
BAD_VALUE = "InvalidValue"

_URL = re.compile(r"https?://[^\s/]+\S*\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong; `path` is dotted, as in amoCRM's `validation-errors`."""

    code: str
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path or '(body)'}: {self.detail}"


Check = Callable[[object, str, "list[Problem]"], None]


def join(path: str, part: str | int) -> str:
    return f"{path}.{part}" if path else str(part)


def text(
    *,
    least: int = 0,
    most: int | None = None,
    one_of: Collection[str] | None = None,
    pattern: re.Pattern[str] | None = None,
) -> Check:
    """A string of `least` to `most` characters, out of `one_of`, matching `pattern` wholly."""

    def check(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, str):
            problems.append(Problem(WRONG_TYPE, path, f"a string is expected, not {_kind(value)}"))
        elif len(value) < least:
            problems.append(Problem(BAD_VALUE, path, "the value should not be empty"))
        elif most is not None and len(value) > most:
            problems.append(Problem(BAD_VALUE, path, f"the value is longer than {most} characters"))
        elif one_of is not None and value not in one_of:
            problems.append(Problem(BAD_CHOICE, path, f"{value!r} is not one of {', '.join(sorted(one_of))}"))
        elif pattern is not None and not pattern.fullmatch(value):
            problems.append(Problem(BAD_VALUE, path, f"{value!r} has characters that are not allowed"))

    return check


def url(value: object, path: str, problems: list[Problem]) -> None:
    """An absolute http(s) address, which amoCRM would have to fetch or to show."""
    if not isinstance(value, str):
        problems.append(Problem(WRONG_TYPE, path, f"a string is expected, not {_kind(value)}"))
    elif not _URL.match(value):
        problems.append(Problem(BAD_VALUE, path, f"{value!r} is not an absolute http(s) address"))


def optional_url(value: object, path: str, problems: list[Problem]) -> None:
    """As `url`, but an empty string stands for nothing."""
    if value != "":
        url(value, path, problems)


def integer(*, least: int | None = None, one_of: Collection[int] | None = None) -> Check:
    def check(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            problems.append(Problem(WRONG_TYPE, path, f"an integer is expected, not {_kind(value)}"))
        elif least is not None and value < least:
            problems.append(Problem(BAD_VALUE, path, f"{value} is less than {least}"))
        elif one_of is not None and value not in one_of:
            problems.append(Problem(BAD_CHOICE, path, f"{value} is not one of {sorted(one_of)}"))

    return check


def number(value: object, path: str, problems: list[Problem]) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        problems.append(Problem(WRONG_TYPE, path, f"a number is expected, not {_kind(value)}"))


def boolean(value: object, path: str, problems: list[Problem]) -> None:
    if not isinstance(value, bool):
        problems.append(Problem(WRONG_TYPE, path, f"a boolean is expected, not {_kind(value)}"))


def anything(value: object, path: str, problems: list[Problem]) -> None:
    """Every value will do: the documentation says that the field is ignored."""


def nullable(inner: Check) -> Check:
    def check(value: object, path: str, problems: list[Problem]) -> None:
        if value is not None:
            inner(value, path, problems)

    return check


def items(inner: Check, *, least: int = 0, most: int | None = None) -> Check:
    """An array of `least` to `most` items, each of which passes `inner`."""

    def check(value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, list):
            problems.append(Problem(WRONG_TYPE, path, f"an array is expected, not {_kind(value)}"))
            return
        if len(value) < least:
            problems.append(Problem(BAD_VALUE, path, f"at least {least} items are expected"))
        if most is not None and len(value) > most:
            problems.append(Problem(BAD_VALUE, path, f"more than {most} items"))
        for index, item in enumerate(value):
            inner(item, join(path, index), problems)

    return check


class Shape:
    """An object with `required` and `optional` fields, and no others."""

    def __init__(
        self, required: Mapping[str, Check] | None = None, optional: Mapping[str, Check] | None = None
    ) -> None:
        self.required = dict(required or {})
        self.optional = dict(optional or {})
        self._all = {**self.required, **self.optional}

    def __call__(self, value: object, path: str, problems: list[Problem]) -> None:
        if not isinstance(value, dict):
            problems.append(Problem(WRONG_TYPE, path, f"an object is expected, not {_kind(value)}"))
            return
        problems.extend(
            Problem(MISSING, join(path, name), "the field is required") for name in self.required if name not in value
        )
        for name, item in value.items():
            check = self._all.get(name)
            if check is None:
                problems.append(Problem(UNKNOWN, join(path, name), "the documentation knows no such field"))
            else:
                check(item, join(path, name), problems)


def _kind(value: object) -> str:
    names = {
        str: "a string",
        bool: "a boolean",
        int: "an integer",
        float: "a float",
        list: "an array",
        dict: "an object",
    }
    return "null" if value is None else names.get(type(value), type(value).__name__)
