"""Faults that a test orders from a simulator, and the one place that carries them out.

Owns `FaultPlan`, a list of orders such as "the next two `sendMessage` of this bot: do the work, then close the
connection without an answer". Both simulators pass every call through `FaultPlan.carry_out`, so a fault means the
same everywhere. Promises: an order is taken at most `times` times; the oldest fitting order is taken first; at most
one order applies to a call; taking is synchronous, so two calls that arrive together cannot both take the last one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson
import trio
from quart import Response, request

DROP_EXTENSION = "dealgram.drop_connection"
"""Key in the ASGI scope's `extensions` under which `sandbox.serve` puts a function that closes the connection."""

Facts = Mapping[str, object]
When = Callable[[Facts], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one call instead of, or after, the work.

    With `after_work` the work is done first; without it a dropped or refused call does nothing. Then `delay_s` (seconds
    of trio's clock) passes and `gate` opens, then the connection is closed (`drop`), or `status` is answered, or, with
    neither, the call goes on normally.
    """

    after_work: bool = False
    drop: bool = False
    reset: bool = False
    status: int | None = None
    body: object = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    gate: trio.Event | None = None


@dataclass(slots=True, eq=False)
class Order:
    """A fault with the calls it is meant for. `hits` counts how often it was taken; `cancel` withdraws the rest."""

    name: str | None
    when: When | None
    fault: Fault
    left: int | None
    hits: int = 0
    _taken: trio.Event = field(default_factory=trio.Event)

    def take(self) -> None:
        """A call has it."""
        self.hits += 1
        if self.left is not None:
            self.left -= 1
        if not self.fault.after_work:
            self._taken.set()

    def worked(self) -> None:
        """The work of a call that has it is done."""
        self._taken.set()

    async def taken(self) -> None:
        """Wait until a call has it, and its work is done where the fault comes after it."""
        await self._taken.wait()

    def fits(self, name: str, facts: Facts) -> bool:
        return (
            self.left != 0 and self.name in (None, name) and (self.when is None or self.when({**facts, "name": name}))
        )

    def cancel(self) -> None:
        self.left = 0

    def release(self) -> None:
        """Let go on what a `hold` holds, and withdraw the rest."""
        self.left = 0
        if self.fault.gate is not None:
            self.fault.gate.set()


class FaultPlan:
    """The orders of one simulator.

    A call is matched by `name` (the method of the Bot API, the operation of amoCRM; None fits every call) and by the
    predicate `when`, which sees the facts that the simulator gives for the call, and `name`. `times=None` is for ever.
    """

    def __init__(self) -> None:
        self._orders: list[Order] = []

    def add(self, fault: Fault, name: str | None = None, *, when: When | None = None, times: int | None = 1) -> Order:
        order = Order(name, when, fault, times)
        self._orders.append(order)
        return order

    def drop_before(
        self, name: str | None = None, *, when: When | None = None, times: int | None = 1, reset: bool = False
    ) -> Order:
        """The connection is closed and nothing was done. `reset` closes it with RST instead of FIN."""
        return self.add(Fault(drop=True, reset=reset), name, when=when, times=times)

    def drop_after(
        self, name: str | None = None, *, when: When | None = None, times: int | None = 1, reset: bool = False
    ) -> Order:
        """The work is done and the connection is closed without an answer: the outcome is unknown to the caller."""
        return self.add(Fault(drop=True, reset=reset, after_work=True), name, when=when, times=times)

    def answer(
        self,
        name: str | None = None,
        *,
        status: int,
        body: object = b"",
        headers: Mapping[str, str] | None = None,
        after_work: bool = False,
        when: When | None = None,
        times: int | None = 1,
    ) -> Order:
        """Answers `status` and `body` (bytes, text, or anything that becomes JSON)."""
        fault = Fault(status=status, body=body, headers=headers or {}, after_work=after_work)
        return self.add(fault, name, when=when, times=times)

    def delay(
        self,
        name: str | None = None,
        *,
        seconds: float,
        after_work: bool = False,
        when: When | None = None,
        times: int | None = 1,
    ) -> Order:
        """The call waits `seconds` on trio's clock, before the work or between the work and its answer."""
        return self.add(Fault(delay_s=seconds, after_work=after_work), name, when=when, times=times)

    def hold(
        self,
        name: str | None = None,
        *,
        after_work: bool = False,
        when: When | None = None,
        times: int | None = None,
    ) -> Order:
        """The calls hang until the order's `release`, before the work or between the work and its answer."""
        return self.add(Fault(after_work=after_work, gate=trio.Event()), name, when=when, times=times)

    def clear(self) -> None:
        self._orders.clear()

    def take(self, name: str, facts: Facts | None = None) -> Fault | None:
        """The fault for this call, counted as used; None for a call that goes well."""
        order = self._take(name, facts or {})
        return order.fault if order is not None else None

    def _take(self, name: str, facts: Facts) -> Order | None:
        for order in self._orders:
            if order.fits(name, facts):
                order.take()
                self._orders = [kept for kept in self._orders if kept.left != 0]
                return order
        return None

    async def carry_out(self, name: str, facts: Facts, work: Callable[[], Awaitable[Response]]) -> Response:
        """Runs `work` inside a Quart request, with the fault that is planned for it. Not a checkpoint without one."""
        order = self._take(name, facts)
        if order is None:
            return await work()
        fault = order.fault
        response: Response | None = None
        if fault.after_work:
            response = await work()
            order.worked()
        if fault.delay_s:
            await trio.sleep(fault.delay_s)
        if fault.gate is not None:
            await fault.gate.wait()
        if fault.drop:
            drop_connection(reset=fault.reset)
            return Response(b"", status=500)  # never sent: there is nobody left to send it to
        if fault.status is not None:
            return _answer(fault.status, fault)
        return response if response is not None else await work()


def drop_connection(*, reset: bool = False) -> None:
    """Closes the connection of the current request without an answer. Needs `sandbox.serve`, which owns the socket."""
    drop = request.scope.get("extensions", {}).get(DROP_EXTENSION)
    if not callable(drop):
        raise RuntimeError("only an app served by dealgram.sandbox.serve can close a connection without an answer")
    drop(reset=reset)


def _answer(status: int, fault: Fault) -> Response:
    body = fault.body
    if isinstance(body, str):
        body = body.encode()
    is_json = not isinstance(body, bytes)
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    response = Response(content, status=status, content_type="application/json" if is_json else "text/html")
    response.headers.update(dict(fault.headers))
    return response
