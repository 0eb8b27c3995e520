"""The gate in front of amoCRM: everything that one account asks of REST v4 and of the Chats API goes through it.

What it sees to, per account and service, in the order in which a call meets it:

1. **Trouble.** While amoCRM does not serve the account (see `gateways.trouble`), calls fail at once with `GateClosed`,
   which nobody has to guess about: nothing was sent. Breakers find out when it is over, with one call at a time.
2. **The line.** Calls go in the order in which they came. One that would wait longer than `patience_s` is sent away
   with a time to come again, so a line is never longer than the account's pace can serve.
3. **A place** among the connections, at most `calls_at_once` and never a share that others would miss: see
   `gateways.places`. Only the head of a line holds a place while it waits for the rest.
4. **The egress bucket**: all accounts' REST calls of this process leave from one address, and amoCRM may count by
   address (amoCRM contract §16). Only heads of lines wait there, so an account can have one turn in it, however long
   its own line is, and accounts take turns.
5. **The pace**: the account's REST calls are spread evenly, below the 7 in a second that amoCRM allows; of the Chats
   API no limit is known, so there is a pace only where one is set.

What an answer does (amoCRM contract §16, §23); docs/limits.md has the table for people:

- 429: the line stands still for as long as asked, else a second, doubling. Short pauses are waited out in line.
- 402: the account is parked, both services, and tried once a day, or when somebody asks (`retry_now`).
- 403 in HTML: amoCRM's front server blocks us; the service rests for long.
- 403 code 113 (address not in the white list): the service rests for minutes. Other 403 of REST: that operation does,
  because other operations may be allowed. 403 of the Chats API: our signature is refused.
- failures in a row (5xx, broken connections, no answer in time): the service rests for seconds, doubling to a minute.
- everything else, 401 and refusals too, shows that the service works.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from types import TracebackType

import trio

from dealgram.gateways.breaker import Breaker, BreakerState, Pass, Pauses
from dealgram.gateways.errors import (
    Forbidden,
    GateClosed,
    NotSent,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Refused,
    ServiceFailed,
    Unauthorised,
)
from dealgram.gateways.gate_policy import GateFigures, GatePolicy, Service, ServiceFigures
from dealgram.gateways.places import Holder, Places
from dealgram.gateways.trouble import Trouble, TroubleKind, worst
from dealgram.runtime import TokenBucket, Transient, waiting_for

ADDRESS_REFUSED = 113
"""amoCRM's code for an address that the account's white list does not hold (amoCRM contract §16)."""

_MOST_ASKED_S = 86_400.0  # a retry_after beyond all reason is not believed
_LEAST_SLEEP_S = 1e-5  # less might not move the clock at all, by the rounding of floats
_MOST_FAILED_S = 3600.0  # nor one that comes with a failure


class _Way:
    """The way to one service of one account: its line, its pace, its breaker."""

    __slots__ = (
        "breaker",
        "haste",
        "holder",
        "in_flight",
        "is_slowed",
        "line",
        "pace",
        "paused_at",
        "places",
        "rate_per_s",
        "service",
        "waiting",
    )

    def __init__(self, service: Service, places: Places, rate_per_s: float | None, breaker: Breaker) -> None:
        self.service = service
        self.places = places
        self.rate_per_s = rate_per_s
        # Without a rate there is a pace all the same, for its pauses; such a bucket makes nobody wait.
        self.pace = TokenBucket(rate_per_s, 1.0) if rate_per_s is not None else TokenBucket(1e9, 1e9)
        self.breaker = breaker
        self.holder = Holder()
        self.line = trio.Lock()  # fair: first come, first served
        self.waiting = 0
        self.in_flight = 0
        self.haste = 0  # pauses in a row
        self.paused_at = -1.0  # when the last one was asked for
        self.is_slowed = False  # the pauses are long enough to be shown

    @property
    def pause_left_s(self) -> float:
        return self.pace.statistics().pause_left_s


class Gate:
    """The gate of one account; made by `gateways.gates.Gates`.

    Args:
        places: per service.
        egress: the bucket of all REST calls.

    Attributes:
        on_trouble: called, synchronously, when the trouble to be shown has changed, and once after the first success.
    """

    # Invariants: held places == calls in flight + heads of lines that wait for egress or pace

    def __init__(
        self,
        policy: GatePolicy,
        places: dict[Service, Places],
        egress: TokenBucket,
        *,
        rng: random.Random,
        now: Callable[[], dt.datetime],
    ) -> None:
        self.policy = policy
        self._egress = egress
        self._rng = rng
        self._now = now
        self.on_trouble: Callable[[Trouble | None], object] = lambda trouble: None
        self._account = Breaker(rng)  # parks both services
        self._operations: dict[str, Breaker] = {}  # of REST, those that lack rights
        rates = {Service.REST: policy.rest_rate_per_s, Service.CHATS: policy.chats_rate_per_s}
        self._ways = {
            service: _Way(service, places[service], rates[service], Breaker(rng, open_after=policy.open_after))
            for service in Service
        }
        self._since: dict[TroubleKind, dt.datetime] = {}
        self._told: TroubleKind | None = None
        self._has_told = False

    def turn(self, service: Service, operation: str) -> Turn:
        """`async with gate.turn(...)`: one call, whose outcome is what leaves the block. See `Turn`."""
        return Turn(self, self._ways[service], operation, is_express=False)

    def express(self, operation: str) -> Turn:
        """The same for OAuth, which shares REST's host: past the line and the pace, because everything in the line may
        be waiting for this very token, but not past a trouble."""
        return Turn(self, self._ways[Service.REST], operation, is_express=True)

    def retry_now(self) -> None:
        """Somebody says that the trouble is over (an operator, a check-up, a new authorisation): the next call tries.
        Pauses that amoCRM itself asked for, and its blocks, which asking would prolong, stay."""
        for breaker in (self._account, *(way.breaker for way in self._ways.values()), *self._operations.values()):
            if breaker.kind is not TroubleKind.BLOCKED:
                breaker.retry_now()

    @property
    def trouble(self) -> Trouble | None:
        """What is to be shown now."""
        left = self._troubles()
        kind = worst(frozenset(left))
        if kind is None:
            return None
        now = self._now()
        return Trouble(
            kind=kind, since=self._since.get(kind, now), until=now + dt.timedelta(seconds=max(0.0, left[kind]))
        )

    def figures(self) -> GateFigures:
        """The state of this moment; synchronous and cheap."""
        services = {}
        for service, way in self._ways.items():
            breaker = self._account if self._account.kind is not None else way.breaker
            is_paused = breaker.state is BreakerState.CLOSED and way.pause_left_s > 0
            services[service] = ServiceFigures(
                in_flight=way.in_flight,
                waiting=way.waiting,
                state="paused" if is_paused else breaker.state.value,
                left_s=max(breaker.left_s(), way.pause_left_s),
            )
        return GateFigures(services=services, trouble=self.trouble)

    # --- the way in

    def _breakers(self, way: _Way, operation: str) -> tuple[Breaker, ...]:
        own = self._operations.get(operation) if way.service is Service.REST else None
        return (self._account, way.breaker) if own is None else (self._account, way.breaker, own)

    def _check(self, way: _Way, operation: str, *, is_waiting: bool) -> None:
        """Raise what says when to come again if this call must not go now.

        Args:
            is_waiting: the call stands in line already, and may see a short pause out there.
        """
        closed = max(self._breakers(way, operation), key=lambda one: one.left_s())
        if (left_s := closed.left_s()) > 0:
            assert closed.kind is not None, "a closed breaker asks for no wait"
            detail = f"not asked, because of the account's trouble: {closed.kind}"
            raise GateClosed(
                detail,
                kind=closed.kind,
                service=way.service,
                operation=operation,
                retry_after_s=self._told_wait_s(left_s),
            )
        pause_s = way.pause_left_s
        if pause_s > self.policy.short_pause_s:
            detail = f"not asked: amoCRM wants to be left alone for {pause_s:.0f} s more"
            raise RateLimited(
                detail, service=way.service, operation=operation, retry_after_s=self._told_wait_s(pause_s)
            )
        if is_waiting or way.rate_per_s is None:
            return
        expected_s = way.waiting / way.rate_per_s
        if expected_s > self.policy.patience_s:
            raise self._too_long(way, operation, expected_s)

    def _too_long(self, way: _Way, operation: str, expected_s: float) -> NotSent:
        detail = "too many calls of this account wait already"
        wait_s = self._told_wait_s(expected_s / 2)
        return NotSent(detail, service=way.service, operation=operation, retry_after_s=wait_s)

    def _told_wait_s(self, left_s: float) -> float:
        # Those who wait come back one after the other, in an order that chance makes: a call that fails for reasons
        # of its own must not be the probe every time.
        return min(left_s, self.policy.most_wait_s) * (1.0 + 0.2 * self._rng.random()) + 0.001

    async def _enter(self, way: _Way, operation: str) -> tuple[tuple[Breaker, Pass], ...]:
        """Wait in line; returns with a place held and the call admitted, or raises with neither."""
        self._check(way, operation, is_waiting=False)
        way.waiting += 1
        try:
            with trio.move_on_after(self.policy.patience_s), waiting_for("amoCRM's limits"):
                async with way.line:
                    self._check(way, operation, is_waiting=True)
                    await way.places.acquire(way.holder)
                    try:
                        await self._get_ready(way, operation)
                    except BaseException:
                        way.places.release(way.holder)
                        raise
                    way.in_flight += 1
                    # No checkpoint from here to the call itself.
                    return tuple((breaker, breaker.admit()) for breaker in self._breakers(way, operation))
        finally:
            way.waiting -= 1
        raise self._too_long(way, operation, self.policy.patience_s)

    async def _get_ready(self, way: _Way, operation: str) -> None:
        """The head of the line waits for its pace and the egress bucket, and takes from both at once."""
        while True:
            self._check(way, operation, is_waiting=True)
            if (wait_s := way.pace.wait_s()) > 0:
                await trio.sleep(max(wait_s, _LEAST_SLEEP_S))
                continue
            if way.service is Service.REST:
                await self._egress.acquire()
                self._check(way, operation, is_waiting=True)
            if way.pace.try_acquire():
                return

    # --- the way out

    def _leave(self, way: _Way) -> None:
        way.in_flight -= 1
        way.places.release(way.holder)

    def _judge(self, turn: Turn, error: BaseException | None) -> None:
        """Draw the consequences of a call that has ended."""
        way, passes = turn.way, turn.passes
        match error:
            case None | Refused() | Unauthorised():
                if not turn.is_express:
                    way.haste, way.is_slowed = 0, False
                for breaker, admitted in passes:
                    turn.works(breaker, admitted)
            case RateLimited():
                self._pause(turn, error.retry_after_s)
                # Whoever sent this call need not wait for longer than those who were sent away after it.
                error.retry_after_s = self._told_wait_s(way.pause_left_s)
                for breaker, admitted in passes:
                    turn.works(breaker, admitted)
            case PaymentRequired():
                self._trip(turn, self._account, TroubleKind.UNPAID, self.policy.unpaid)
                error.retry_after_s = self._told_wait_s(self._account.left_s())
            case Forbidden(is_html=True):
                self._trip(turn, way.breaker, TroubleKind.BLOCKED, self.policy.blocked)
            case Forbidden() if way.service is Service.CHATS:
                self._trip(turn, way.breaker, TroubleKind.BAD_SIGNATURE, self.policy.bad_signature)
            case Forbidden(code=code) if code == ADDRESS_REFUSED:
                self._trip(turn, way.breaker, TroubleKind.IP_BLOCKED, self.policy.ip_blocked)
            case Forbidden():
                own = self._operations.get(turn.operation)
                if own is None:
                    own = self._operations[turn.operation] = Breaker(self._rng)
                    turn.passes = (*passes, (own, own.admit()))
                self._trip(turn, own, TroubleKind.NO_RIGHTS, self.policy.no_rights)
            case NotSent() | OutcomeUnknown() | ServiceFailed():
                asked_s = min(getattr(error, "retry_after_s", None) or 0.0, _MOST_FAILED_S)
                for breaker, admitted in passes:
                    if breaker is way.breaker:
                        breaker.failed(admitted, TroubleKind.UNAVAILABLE, self.policy.unavailable, at_least_s=asked_s)
                        if isinstance(error, Transient) and (left_s := breaker.left_s()) > 0:
                            error.retry_after_s = self._told_wait_s(left_s)
                    else:
                        breaker.abandoned(admitted)
            case _:  # cancelled, or a mistake of ours: says nothing of amoCRM
                for breaker, admitted in passes:
                    breaker.abandoned(admitted)
        for operation in [name for name, one in self._operations.items() if one.kind is None]:
            del self._operations[operation]
        self._tell(is_success=error is None)

    def _trip(self, turn: Turn, tripped: Breaker, kind: TroubleKind, pauses: Pauses) -> None:
        """One breaker opens; amoCRM has answered, so that the others learn only that their own way is free."""
        for breaker, admitted in turn.passes:
            if breaker is tripped:
                breaker.trip(admitted, kind, pauses)
            elif tripped is self._account:
                breaker.abandoned(admitted)  # an unpaid account says nothing of what comes behind it
            else:
                turn.works(breaker, admitted)

    def _pause(self, turn: Turn, asked_s: float | None) -> None:
        way = turn.way
        if turn.began_at < way.paused_at:
            return  # went out before the last pause was asked for: the same haste, not another
        if asked_s is None:
            pause_s = self.policy.hasty.length_s(way.haste, self._rng)
        else:
            pause_s = min(asked_s, _MOST_ASKED_S) + 0.1 * self._rng.random()
        way.haste += 1
        way.paused_at = trio.current_time()
        way.is_slowed = way.is_slowed or pause_s >= self.policy.shown_pause_s
        way.pace.pause_for(pause_s)

    def _troubles(self) -> dict[TroubleKind, float]:
        """Every present trouble with the seconds until the next attempt."""
        now = trio.current_time()
        left: dict[TroubleKind, float] = {}
        for breaker in (self._account, *(way.breaker for way in self._ways.values()), *self._operations.values()):
            if breaker.kind is not None:
                left[breaker.kind] = max(left.get(breaker.kind, 0.0), breaker.until - now)
        for way in self._ways.values():
            if way.is_slowed:
                left[TroubleKind.RATE_LIMITED] = max(left.get(TroubleKind.RATE_LIMITED, 0.0), way.pause_left_s)
        return left

    def _tell(self, *, is_success: bool) -> None:
        if is_success and self._has_told and self._told is None:
            return  # nearly every call
        kinds = frozenset(self._troubles())
        now = self._now()
        self._since = {kind: self._since.get(kind, now) for kind in kinds}
        kind = worst(kinds)
        if kind is self._told and (self._has_told or not is_success):
            return
        self._told, self._has_told = kind, True
        self.on_trouble(self.trouble)


class Turn:
    """One call on its way through a gate: entered when it may go, left with its outcome.

    The exceptions of `gateways.errors` that leave the block tell the gate how amoCRM is; the block must make exactly
    one call, with a deadline, and raise what its answer means.

    Raises on entering:
        GateClosed: amoCRM does not serve the account at the moment.
        RateLimited: amoCRM wants to be left alone for longer than a call waits.
        NotSent: the line is too long.
    """

    __slots__ = ("_gate", "began_at", "is_express", "operation", "passes", "way")

    def __init__(self, gate: Gate, way: _Way, operation: str, *, is_express: bool) -> None:
        self._gate = gate
        self.is_express = is_express
        self.way = way
        self.operation = operation
        self.passes: tuple[tuple[Breaker, Pass], ...] = ()
        self.began_at = 0.0

    async def __aenter__(self) -> None:
        gate, way = self._gate, self.way
        breakers = gate._breakers(way, self.operation)  # noqa: SLF001 - one mechanism in two classes
        if self.is_express:
            gate._check(way, self.operation, is_waiting=True)  # noqa: SLF001
            # Not the probe: the one that is will need the token that this call is for.
            self.passes = tuple((one, one.glance()) for one in breakers)
        else:
            self.passes = await gate._enter(way, self.operation)  # noqa: SLF001
        self.began_at = trio.current_time()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self.is_express:
            self._gate._leave(self.way)  # noqa: SLF001
        self._gate._judge(self, error)  # noqa: SLF001

    def works(self, breaker: Breaker, admitted: Pass) -> None:
        """amoCRM has answered. That OAuth answers does not prove that the API does."""
        if not self.is_express:
            breaker.succeeded(admitted)
