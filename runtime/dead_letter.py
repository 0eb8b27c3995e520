"""Messages that will not be handled. No message is lost without one of these."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from dealgram.runtime.address import Address
from dealgram.runtime.failure import Failure

_log = logging.getLogger("dealgram.runtime")


class Loss(StrEnum):
    """Why a message became a dead letter."""

    CRASHED = "crashed"
    """Direct message; its handler crashed. Never repeated."""
    PERMANENT = "permanent"
    """The handler said that it can never succeed."""
    POISON = "poison"
    """Journal entry or lane item; it failed too often."""
    STOPPED = "stopped"
    """In memory only when its actor stopped."""
    CANCELLED = "cancelled"
    """In memory only, and its handler was cancelled by the end of the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """One lost message. `durable` says that the journal keeps it too, where an operator can retry it."""

    address: Address
    message: object
    reason: Loss
    failure: Failure | None = None
    durable: bool = False
    lane: str | None = None


DeadLetterSink = Callable[[DeadLetter], None]


def log_dead_letter(letter: DeadLetter) -> None:
    """Log a dead letter: its address, type and reason. Not its content, which may be private."""
    _log.error(
        "dead letter: %s for %s (%s)%s",
        type(letter.message).__name__,
        letter.address,
        letter.reason,
        f": {letter.failure}" if letter.failure else "",
    )
