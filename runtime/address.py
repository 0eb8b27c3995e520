"""Who a message is for. An address is a value: it exists whether or not an actor is active behind it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """The name of one actor: its kind (`group`) and its key within the kind (`12`)."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"
