"""An actor that decides in its mailbox and delivers in its lanes.

Owns the way of a decision: one commit that marks the inbox entry done and writes outbox rows, then those rows into the
lanes in the order of their ids. A lane runs one row at a time; what a row led to is again one commit. After a crash the
lanes are read from the outbox, so memory is never the only place of anything.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import structlog
import trio

from dealgram.actors.bodies import decode
from dealgram.actors.body_parts import Body
from dealgram.actors.services import Services
from dealgram.gateways.errors import Forbidden, OutcomeUnknown, Unauthorised
from dealgram.persistence.entries import Commit, Completed, Delivery, InboxEntry, NewDelivery, NewEntry
from dealgram.persistence.journal import DeliveryEndedError
from dealgram.persistence.records import Message
from dealgram.persistence.tables import Row
from dealgram.runtime import Actor, Failure, Lanes, Permanent, Question, Transient

log = structlog.get_logger(__name__)

ACCOUNT_TROUBLE_PAUSE_S = 30.0
REFUSED_PAUSE_S = 5.0  # the account's gate holds back what amoCRM refuses; looking again asks only the gate
BACKGROUND_MARK = "bulk-"

TAKE_BACK_S = 5.0  # a stop does not interrupt this; a database that is away for longer leaves the outcome unknown


def background(lane: str) -> str:
    """The lane beside ``lane`` for what nobody waits for: it runs when no lane that somebody waits for does. Known by
    its name alone, since after a crash a lane is nothing but its name in the outbox."""
    return f"{BACKGROUND_MARK}{lane}"


def is_background(lane: str) -> bool:
    """Whether a lane was named by :func:`background`."""
    return lane.startswith(BACKGROUND_MARK)


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Told to an actor whose outbox was changed from outside, by an operator who retries a dead letter."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Told to actors when an account can be worked for again (it was authorised, paid, connected): what waits for it
    need not wait any longer."""

    account_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBody:
    """Something to do, and the lane in which it waits its turn. ``dedupe`` names it within its cause."""

    lane: str
    body: Body
    dedupe: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What handling something came to: rows to keep, things to do, a result for whoever asked."""

    rows: tuple[Row, ...] = ()
    todo: tuple[NewBody, ...] = ()
    entries: tuple[NewEntry, ...] = ()
    result: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Decision):
    """What a delivery came to. ``unknown``: it may or may not have happened and is not repeated."""

    state: Literal["done", "unknown", "dead"] = "done"
    error: str | None = None
    carried: tuple[int, ...] = ()
    """Further rows that the same call carried, by their ids: they end with this one, in the same way."""


DONE = Outcome()


@dataclass(frozen=True, slots=True)
class _LaneRows:
    """The outbox as the source of an actor's lanes."""

    actor: OutboxActor

    async def pending(self, lane: str, after: Delivery | None, limit: int) -> Sequence[Delivery]:
        return await self.actor.services.journal.pending_deliveries(
            self.actor.context.address, lane, after.id if after else 0, limit
        )


class OutboxActor(Actor, ABC):
    """Base of the account, bot and group actors."""

    lane_concurrency: ClassVar[int] = 16

    account_id: int
    """The tenant: an address names no account, so bots and groups learn it when they load their state."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._lanes: Lanes[Delivery] | None = None
        # Invariants: rows enter a lane in the order of their ids; of a stored row, the newest version is written last.
        # Commits that bring either are therefore made one after another, in the order in which they were decided. Those
        # that only finish rows, and note where a message is, need no order and do not wait here.
        self._order = trio.Lock()
        # Calls begun by this instance whose end is not recorded, by the row's id. A row met again with such a call, say
        # because its record was refused, must not look as if nothing had happened.
        self._begun: dict[int, Delivery] = {}

    async def open_outbox(self) -> None:
        """Take up what earlier lives left undone. Call at the end of ``activate``."""
        self._lanes = self.context.lanes(
            run=self._run,
            source=_LaneRows(self),
            concurrency=self.lane_concurrency,
            is_background=is_background,
            on_dead=self._bury,
        )
        await self._wake_lanes()

    async def _wake_lanes(self) -> None:
        with self.context.dependency("database"):
            for lane in await self.services.journal.pending_lanes(self.context.address):
                self.lanes.wake(lane)

    async def handle(self, message: object) -> None:
        match message:
            case InboxEntry():
                await self.handle_entry(message)
            case Question():
                self.handle_question(message)
            case LookAgain():
                await self._wake_lanes()
            case TryAgain(account_id=account_id):
                if account_id == self.account_id:
                    self.lanes.hurry()
            case _:
                raise Permanent(f"{self.context.address} does not understand {type(message).__name__}")

    @abstractmethod
    async def handle_entry(self, entry: InboxEntry) -> None:
        """Decide what an inbox entry comes to, and :meth:`finish` it."""

    def handle_question(self, question: Question[object]) -> None:
        """Answer a question, or see to it that it is answered."""
        raise Permanent(f"{self.context.address} answers no questions")

    @abstractmethod
    async def deliver(self, body: Body, delivery: Delivery) -> Outcome:
        """Carry out one row. Raises ``Transient`` to be called again later, ``Permanent`` to give it up."""

    async def carry_out(self, body: Body, delivery: Delivery) -> Outcome:
        """:meth:`deliver`, unless there is a reason not to; raises as that does."""
        return await self.deliver(body, delivery)

    async def finish(self, entry: InboxEntry, decision: Decision) -> None:
        """Commit what handling ``entry`` came to; the entry is done afterwards."""
        await self._commit(decision, cause=f"e{entry.id}", entry_id=entry.id, result=decision.result, completed=())

    async def decide(self, decision: Decision, *, cause: str) -> None:
        """Commit a decision that no entry caused. ``cause`` must be the same when the decision is repeated."""
        await self._commit(decision, cause=cause, entry_id=None, result=None, completed=())

    async def begin(self, delivery: Delivery) -> None:
        """Write down that a call is about to be made which must not be repeated blindly. From now on, also for this
        instance, the row has ``started_at``."""
        with self.context.dependency("database"):
            self._begun[delivery.id] = await self.services.journal.begin_delivery(delivery)

    async def take_back(self, delivery: Delivery) -> None:
        """The call certainly did not happen: the row may be carried out as if it had never been begun."""
        self._begun.pop(delivery.id, None)
        with trio.CancelScope(shield=True, deadline=trio.current_time() + TAKE_BACK_S):
            await self.services.journal.delivery_not_sent(delivery)

    async def _run(self, lane: str, delivery: Delivery) -> None:
        delivery = self._begun.get(delivery.id, delivery)
        try:
            body = decode(delivery.kind, delivery.body)
        except ValueError as error:
            raise Permanent(str(error)) from error
        try:
            outcome = await self.carry_out(body, delivery)
        except DeliveryEndedError:
            self._begun.pop(delivery.id, None)
            return  # an operator or an earlier life ended it
        except OutcomeUnknown as error:
            # What reaches this place carries its own key or looks before it creates: repeating is safe.
            raise Transient(str(error), retry_after_s=getattr(error, "retry_after_s", None)) from error
        except Forbidden as error:
            raise Transient(str(error), retry_after_s=REFUSED_PAUSE_S) from error
        except Unauthorised as error:
            # The account's trouble, not this row's: it waits until somebody has set the account right.
            raise Transient(str(error), retry_after_s=ACCOUNT_TROUBLE_PAUSE_S) from error
        ended = dict.fromkeys((delivery.id, *outcome.carried))
        completed = [Completed(delivery_id=one, state=outcome.state, error=outcome.error) for one in ended]
        await self._end(delivery, completed, outcome)

    async def _bury(self, lane: str, delivery: Delivery, failure: Failure) -> None:
        log.error(
            "a delivery was given up and put to the dead letters",
            address=str(self.context.address),
            lane=lane,
            delivery=delivery.id,
            kind=delivery.kind,
            error=failure.message,
        )
        try:
            outcome = self.given_up(decode(delivery.kind, delivery.body), failure)
        except ValueError:
            outcome = Outcome()
        completed = Completed(delivery_id=delivery.id, state="dead", error=failure.message, traceback=failure.traceback)
        await self._end(delivery, [completed], outcome)

    async def _end(self, delivery: Delivery, completed: Sequence[Completed], outcome: Outcome) -> None:
        await self._commit(outcome, cause=f"d{delivery.id}", entry_id=None, result=None, completed=tuple(completed))
        for one in completed:
            self._begun.pop(one.delivery_id, None)

    def owned(self, rows: tuple[Row, ...]) -> tuple[Row, ...]:
        """Those of the rows that this actor may write, asked right before the commit."""
        return rows

    def given_up(self, body: Body, failure: Failure) -> Outcome:
        """What else follows when a row ends as a dead letter (a manager is told, for instance)."""
        return Outcome()

    async def _commit(
        self,
        decision: Decision,
        *,
        cause: str,
        entry_id: int | None,
        result: str | None,
        completed: tuple[Completed, ...],
    ) -> None:
        address = self.context.address
        rows = self.owned(decision.rows)
        commit = Commit(
            account_id=self.account_id,
            entry_id=entry_id,
            result=result,
            rows=rows,
            completed=completed,
            entries=decision.entries,
            deliveries=tuple(
                NewDelivery(
                    account_id=self.account_id,
                    address=address,
                    lane=new.lane,
                    kind=new.body.kind,
                    body=new.body.encode(),
                    dedupe=f"{address}-{cause}-{index}-{new.dedupe}",
                )
                for index, new in enumerate(decision.todo)
            ),
        )
        with self.context.dependency("database"):
            if not commit.deliveries and all(isinstance(row, Message) for row in rows):
                await self.services.journal.commit(commit)
            else:
                async with self._order:
                    for delivery in await self.services.journal.commit(commit):
                        if not delivery.is_ended:  # by an earlier life that made the same decision
                            self.lanes.put(delivery.lane, delivery)
        self.services.committed.tell(address)

    @property
    def lanes(self) -> Lanes[Delivery]:
        assert self._lanes is not None, "open_outbox() comes first"
        return self._lanes
