"""The guard against restart storms: how many actors may load their state at the same time."""

from __future__ import annotations

from collections import deque

import trio


class Gate:
    """A counting gate, first come first served. Cancelled waiters leave no trace.

    It differs from a capacity limiter in `step_back_in`: an actor that found its dependency down lets others pass
    while it waits, and then goes on without queueing again, even if that makes one too many for a moment.

    # Invariants:
    #   somebody waits implies that _inside >= _places
    """

    __slots__ = ("_inside", "_places", "_waiting")

    def __init__(self, places: int) -> None:
        if places < 1:
            raise ValueError("a gate needs at least one place")
        self._places = places
        self._inside = 0
        self._waiting: deque[trio.Event] = deque()

    async def enter(self) -> None:
        """Wait for a place and take it. Not a checkpoint if there is one."""
        if self._inside < self._places:
            self._inside += 1
            return
        turn = trio.Event()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn.is_set():  # the place was handed over, and then the wait was cancelled
                self.leave()
            else:
                self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        """Give the place back; the one who waits longest gets it."""
        self._inside -= 1
        while self._waiting and self._inside < self._places:
            self._inside += 1
            self._waiting.popleft().set()

    def step_back_in(self) -> None:
        """Take a place without waiting, whether there is one or not."""
        self._inside += 1

    def check_invariants(self) -> None:
        """Raise AssertionError if one of the invariants above does not hold."""
        assert self._inside >= 0
        assert not self._waiting or self._inside >= self._places


class Ticket:
    """One visitor's way through the gate: it cannot leave twice."""

    __slots__ = ("_gate", "_inside")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._inside = False

    async def enter(self) -> None:
        """Wait for a place and take it."""
        await self._gate.enter()
        self._inside = True

    def leave(self) -> bool:
        """Give the place back. Returns False if there was none to give."""
        inside, self._inside = self._inside, False
        if inside:
            self._gate.leave()
        return inside

    def step_back_in(self) -> None:
        """Take a place again without queueing."""
        if not self._inside:
            self._inside = True
            self._gate.step_back_in()
