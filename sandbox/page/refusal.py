"""What the page asks for, checked; and why an action was not done, in words for the person who asked.

Owns `Refusal` and the reading of a request's body. Nothing here knows the simulators.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

Shape = TypeVar("Shape")


class Refusal(Exception):  # noqa: N818 - an answer to a person, not a fault
    """The action changed nothing. The message is a Russian sentence, shown as it is; `status` is the HTTP code."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def decode(body: bytes, shape: type[Shape]) -> Shape:
    """The body as `shape`. Raises `Refusal` with the decoder's own words for the one field that is wrong."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal(f"Песочница не поняла запрос: {error}.") from error


def text_of(value: str, *, limit: int, empty: str) -> str:
    """The text without blanks around it; refuses an empty one (with the sentence `empty`) and one past `limit`."""
    text = value.replace("\0", "").strip()
    if not text:
        raise Refusal(empty)
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > limit:
        raise Refusal(f"Слишком длинно: поместится не больше {limit} знаков.")
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise Refusal("В тексте есть знаки, которых не бывает.")
    return text
