"""The exceptions of the runtime, told apart by what the one who meets them can do.

`Transient` and `Permanent` are raised by actors (and by the ports they use) to tell the supervisor what a failure
means; every other exception is a crash. The others are raised by the runtime itself. Those of them that will pass by
themselves (an actor that stops, a full mailbox, an answer that came too late) are `Transient` too: an actor that lets
one through simply waits and repeats its message.
"""

from __future__ import annotations

from dataclasses import dataclass


class Transient(Exception):  # noqa: N818 - the supervisor's vocabulary, not an error of its own
    """A dependency fails for now: wait, then repeat the same thing. Not a crash; counts nowhere.

    `retry_after_s` is how long the other side asked us to wait; None leaves it to the back-off.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Permanent(Exception):  # noqa: N818 - see Transient
    """This item can never succeed: it goes to the dead letters at once, and its actor goes on."""


class RuntimeFailure(Exception):  # noqa: N818 - base of the runtime's own exceptions
    """Base of everything that the runtime itself raises."""


class AskTimeout(RuntimeFailure, Transient):
    """The asked actor did not answer within the deadline. It may still be working on the question."""


class ActorStopped(RuntimeFailure, Transient):
    """The actor (or the whole system) stops, or the instance that had taken the question is gone."""


class MailboxFull(RuntimeFailure, Transient):
    """A bounded queue in memory has no room, and there is no journal behind it that would keep the message."""


class ActorCrashed(RuntimeFailure):
    """The asked actor crashed on this very question. Asking again would crash it again."""


class AskedItself(RuntimeFailure):
    """An actor asked itself from within its own handler: it would wait for itself for ever."""


class AlreadyAnswered(RuntimeFailure):
    """A question was answered a second time."""


class UnknownKind(RuntimeFailure):
    """No actor kind of this name is registered with the system."""


class HandlerStuck(RuntimeFailure):
    """A handler ran past its hard limit and was cancelled."""


class EntryNotDone(RuntimeFailure):
    """A handler returned, but its journal entry is still pending: it would be handled again and again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a failure asks for: `retry` in place, `bury` the item, or `crash` (restart the actor)."""

    action: str
    retry_after_s: float | None = None


RETRY = "retry"
BURY = "bury"
CRASH = "crash"


def leaves(error: BaseException) -> list[BaseException]:
    """Return the exceptions that an exception group holds at any depth; a plain exception is its own only leaf."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in leaves(inner)]
    return [error]


def judge(error: BaseException) -> Verdict:
    """Decide what to do about a failure. Of a group, the worst leaf decides: crash before bury before retry."""
    parts = leaves(error)
    if any(not isinstance(part, Transient | Permanent) for part in parts):
        return Verdict(CRASH)
    if any(isinstance(part, Permanent) for part in parts):
        return Verdict(BURY)
    waits = [part.retry_after_s for part in parts if isinstance(part, Transient) and part.retry_after_s is not None]
    return Verdict(RETRY, max(waits, default=None))
