"""Filters and pages of the operators' lists: every parameter known, given once, and within its limits."""

from __future__ import annotations

from collections.abc import Sequence

from werkzeug.datastructures import MultiDict

from dealgram.http.errors import bad_request

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
_MAX_OFFSET = 10_000_000


def check_parameters(query: MultiDict[str, str], known: Sequence[str]) -> None:
    """Refuse parameters that are unknown, repeated or empty: a typing mistake must not look like an answer."""
    for name in query:
        if name not in known:
            raise bad_request(f"There is no parameter {name[:40]!r}; there are: {', '.join(known)}.")
        if len(query.getlist(name)) > 1:
            raise bad_request(f"{name} is given more than once.")
        if not query[name]:
            raise bad_request(f"{name} is empty; leave it out instead.")


def page_of(query: MultiDict[str, str]) -> tuple[int, int]:
    """The wanted limit and offset."""
    limit = _whole_number(query, "limit", default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    return limit, _whole_number(query, "offset", default=0, least=0, most=_MAX_OFFSET)


def _whole_number(query: MultiDict[str, str], name: str, *, default: int, least: int, most: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    # isdecimal() also accepts other scripts' digits, and int() signs, spaces and underscores
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
        raise bad_request(f"{name} must be a whole number from {least} to {most}.")
    return int(text)
