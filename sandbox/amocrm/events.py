"""Who watches the simulated account: a stream of small change notices with bounded buffers.

Owns `EventStream`. Publishing is synchronous and never waits: a watcher who does not read loses the oldest notices
and is told so by one notice of kind "overflow", upon which it should read everything anew.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import trio


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Something changed. `kind`: message, message_changed, lead, contact, link, chat, talk, unsorted, source, note,
    hook, typing, account, overflow. Ids are given where they are known."""

    kind: str
    account_id: int = 0
    lead_id: int | None = None
    chat_uuid: str | None = None


class Subscription:
    """One watcher: iterate it, close it (or use it as a context manager) when done."""

    def __init__(self, stream: EventStream, size: int) -> None:
        self._stream = stream
        self._size = size
        self._waiting: deque[Change] = deque()
        self._lost = False
        self._closed = False
        self._ready = trio.Event()

    def push(self, change: Change) -> None:
        if len(self._waiting) >= self._size:
            self._waiting.popleft()
            self._lost = True
        self._waiting.append(change)
        self._ready.set()

    def close(self) -> None:
        self._closed = True
        self._stream.forget(self)
        self._ready.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> Change:
        while True:
            await trio.lowlevel.checkpoint()
            if self._lost:
                self._lost = False
                return Change(kind="overflow")
            if self._waiting:
                return self._waiting.popleft()
            if self._closed:
                raise StopAsyncIteration
            self._ready = trio.Event()
            await self._ready.wait()


class EventStream:
    """The set of watchers."""

    def __init__(self) -> None:
        self._watchers: list[Subscription] = []

    def subscribe(self, size: int = 1000) -> Subscription:
        watcher = Subscription(self, size)
        self._watchers.append(watcher)
        return watcher

    def forget(self, watcher: Subscription) -> None:
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    def publish(
        self, kind: str, *, account_id: int = 0, lead_id: int | None = None, chat_uuid: str | None = None
    ) -> None:
        if self._watchers:
            change = Change(kind=kind, account_id=account_id, lead_id=lead_id, chat_uuid=chat_uuid)
            for watcher in self._watchers:
                watcher.push(change)
