"""How things end inside an actor: an instance, a handler in trouble, a call of the journal."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from dealgram.runtime.errors import CRASH
from dealgram.runtime.failure import Failure


class End(Enum):
    """Why an instance ended."""

    CRASHED = "crashed"
    PASSIVATED = "passivated"
    RESTARTED = "restarted"
    STOPPED = "stopped"


class Left(Enum):
    """In place of the journal's answer: the actor was told to leave while it waited."""

    LEFT = "left"


LEFT: Final = Left.LEFT


@dataclass(frozen=True, slots=True)
class Trouble:
    """A message whose handler failed, and what the failure asks for. Without an item, the actor itself failed."""

    item: object | None
    failure: Failure
    action: str = CRASH
    retry_after_s: float | None = None
