"""What goes wrong with hooks on their way, as a test orders it: lost, doubled, overtaken, late.

Owns the orders; the senders of both kinds of hooks carry them out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

Trouble = Literal["drop", "duplicate", "reorder", "delay"]
Hook = TypeVar("Hook")


@dataclass(slots=True, eq=False, kw_only=True)
class HookOrder(Generic[Hook]):
    """A fault for the next `left` hooks that fit; None is for ever."""

    trouble: Trouble
    left: int | None
    when: Callable[[Hook], bool] | None
    delay_s: float = 0.0


class HookFaults(Generic[Hook]):
    """What goes wrong with hooks on their way. The oldest fitting order is taken first, one per hook."""

    def __init__(self) -> None:
        self._orders: list[HookOrder[Hook]] = []

    def drop(self, times: int | None = 1, *, when: Callable[[Hook], bool] | None = None) -> HookOrder[Hook]:
        return self._add(HookOrder(trouble="drop", left=times, when=when))

    def duplicate(self, times: int | None = 1, *, when: Callable[[Hook], bool] | None = None) -> HookOrder[Hook]:
        return self._add(HookOrder(trouble="duplicate", left=times, when=when))

    def reorder(self, times: int | None = 1, *, when: Callable[[Hook], bool] | None = None) -> HookOrder[Hook]:
        """The hook is held until the next one of the same account has been sent."""
        return self._add(HookOrder(trouble="reorder", left=times, when=when))

    def delay(
        self, seconds: float, times: int | None = 1, *, when: Callable[[Hook], bool] | None = None
    ) -> HookOrder[Hook]:
        """The hook leaves its place in the order and goes `seconds` (trio's clock) later."""
        return self._add(HookOrder(trouble="delay", left=times, when=when, delay_s=seconds))

    def clear(self) -> None:
        self._orders.clear()

    def take(self, hook: Hook) -> HookOrder[Hook] | None:
        for order in self._orders:
            if order.left != 0 and (order.when is None or order.when(hook)):
                if order.left is not None:
                    order.left -= 1
                self._orders = [kept for kept in self._orders if kept.left != 0]
                return order
        return None

    def _add(self, order: HookOrder[Hook]) -> HookOrder[Hook]:
        self._orders.append(order)
        return order
