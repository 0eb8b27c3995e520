"""What changed, for a page or a test that looks on.

Owns the fan-out. Promises: publishing never blocks and never waits for a slow reader; a reader that falls behind its
buffer loses what it has not read and gets one `reset` event instead, after which it reads the whole state anew.
"""

from __future__ import annotations

import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import Literal, Self

import trio

from dealgram.sandbox.telegram.world import Json

EventKind = Literal[
    "reset",
    "message",
    "edited",
    "deleted",
    "chat",
    "member",
    "person",
    "bot",
    "reaction",
    "action",
    "callback",
    "answer",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """One change. `bot_id` is set where a private chat alone would be ambiguous; `data` is ready for JSON."""

    kind: EventKind
    chat_id: int | None = None
    bot_id: int | None = None
    data: Json = field(default_factory=dict)


class Subscription:
    """An async iterator over changes from now on; leave its `with` block, or drop it, to end it."""

    def __init__(self, feed: Feed, size: int) -> None:
        self._feed = feed
        self._size = size
        self._events: deque[ChangeEvent] = deque()
        self._arrival = trio.Event()

    def put(self, event: ChangeEvent) -> None:
        if len(self._events) >= self._size:
            self._events.clear()
            event = ChangeEvent(kind="reset")
        self._events.append(event)
        self._arrival.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._feed.forget(self)

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> ChangeEvent:
        await trio.lowlevel.checkpoint()
        while not self._events:
            self._arrival = trio.Event()
            await self._arrival.wait()
        return self._events.popleft()


class Feed:
    def __init__(self) -> None:
        self._subscriptions: weakref.WeakSet[Subscription] = weakref.WeakSet()

    def subscribe(self, size: int = 256) -> Subscription:
        subscription = Subscription(self, size)
        self._subscriptions.add(subscription)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def publish(self, event: ChangeEvent) -> None:
        for subscription in tuple(self._subscriptions):
            subscription.put(event)

    @property
    def watched(self) -> bool:
        """Whether anybody looks; lets the publisher skip the rendering otherwise."""
        return bool(self._subscriptions)
