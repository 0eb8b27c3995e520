"""The one byte range that a request may name (RFC 9110 §14)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=([0-9]{0,30})-([0-9]{0,30})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a file: its first and its last byte, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """Bytes."""
        return self.last - self.first + 1


class OutsideError(Exception):
    """No byte of the range is in the file (416)."""


def span_of(header: str, size: int) -> Span | None:
    """The part of a file of ``size`` bytes that a Range header names; None for the whole file, which is also the answer
    to several ranges and to a header that cannot be read.

    Raises:
        OutsideError: there is no such part.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[1] == match[2] == "":
        return None
    if not match[1]:
        tail = min(int(match[2]), size)
        if not tail:
            raise OutsideError
        return Span(size - tail, size - 1)
    first = int(match[1])
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise OutsideError
    return Span(first, min(int(match[2]), size - 1) if match[2] else size - 1)
