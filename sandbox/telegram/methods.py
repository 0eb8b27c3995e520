"""What a method of the Bot API is to the simulator: a struct for its parameters and a handler.

Handlers get the parameters already decoded from the wire and typed; they answer with the plain JSON value of
`result`, or with `Described` where the real server adds a description, and raise `ApiError` for a refusal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from dealgram.sandbox.telegram.world import SimBot


@dataclass(frozen=True, slots=True)
class Described:
    """A result with the `description` that the server puts beside it."""

    result: Any
    description: str


@dataclass(frozen=True, slots=True)
class Method:
    """`handle(bot, parameters)`; may be async (only getUpdates is)."""

    parameters: type[msgspec.Struct]
    handle: Callable[[SimBot, Any], Awaitable[Any] | Any]


class ChatCall(msgspec.Struct, kw_only=True):
    """The parameters of every call about a chat."""

    chat_id: int | str


class NoParameters(msgspec.Struct):
    pass
