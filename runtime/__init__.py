"""An actor runtime on trio: virtual actors, one at a time per address, supervised, with a journal behind mailboxes.

It knows nothing of what its actors do. SEMANTICS.md beside this file states its guarantees, each with the test that
holds it. The names below are its public surface.
"""

from dealgram.runtime.actor import Actor, ActorContext, ActorKind
from dealgram.runtime.address import Address
from dealgram.runtime.backoff import Backoff
from dealgram.runtime.counters import Counters
from dealgram.runtime.dead_letter import DeadLetter, Loss, log_dead_letter
from dealgram.runtime.entry import Admission, Entry, EntrySource
from dealgram.runtime.errors import (
    ActorCrashed,
    ActorStopped,
    AlreadyAnswered,
    AskedItself,
    AskTimeout,
    EntryNotDone,
    HandlerStuck,
    MailboxFull,
    Permanent,
    RuntimeFailure,
    Transient,
    UnknownKind,
)
from dealgram.runtime.failure import Failure
from dealgram.runtime.lanes import LaneCounts, Lanes, LaneSource
from dealgram.runtime.loop_lag import LoopLag
from dealgram.runtime.question import Question, Reply
from dealgram.runtime.rate_limit import TokenBucket, TokenBucketStatistics
from dealgram.runtime.restart import RestartPolicy
from dealgram.runtime.snapshot import ActorSnapshot, SystemSnapshot
from dealgram.runtime.state import ActorState, Transition
from dealgram.runtime.stuck import waiting_for
from dealgram.runtime.system import ActorSystem

__all__ = [
    "Actor",
    "ActorContext",
    "ActorCrashed",
    "ActorKind",
    "ActorSnapshot",
    "ActorState",
    "ActorStopped",
    "ActorSystem",
    "Address",
    "Admission",
    "AlreadyAnswered",
    "AskTimeout",
    "AskedItself",
    "Backoff",
    "Counters",
    "DeadLetter",
    "Entry",
    "EntryNotDone",
    "EntrySource",
    "Failure",
    "HandlerStuck",
    "LaneCounts",
    "LaneSource",
    "Lanes",
    "LoopLag",
    "Loss",
    "MailboxFull",
    "Permanent",
    "Question",
    "Reply",
    "RestartPolicy",
    "RuntimeFailure",
    "SystemSnapshot",
    "TokenBucket",
    "TokenBucketStatistics",
    "Transient",
    "Transition",
    "UnknownKind",
    "log_dead_letter",
    "waiting_for",
]
