"""The stream of events that keeps one open page up to date.

Owns `LivePage`, the body of a Server-Sent Events response. It sends named parts of the page's state: all of them first,
then those that changed. Promises: a change is on its way to the browser at once, but never more than five updates a
second go out, whatever happens; changes that fall together are sent together; nothing runs when nobody looks, and
everything a page started ends with its connection.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager

import orjson
import trio
from quart.wrappers.response import ResponseBody

MIN_INTERVAL_S = 0.2
KEEP_ALIVE_S = 15.0
RETRY_MS = 700

Parts = Mapping[str, object]
Changes = AbstractContextManager[AsyncIterator[object]]


class Bell:
    """Rung by many, waited for by one; rings that nobody has waited for yet count as one."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self) -> None:
        """Until the bell rings, or has rung since the last wait."""
        await self._rung.wait()
        self._rung = trio.Event()


class PartsSent:
    """What a browser already has, so that only the difference goes out. One per connection."""

    def __init__(self) -> None:
        self._sent: dict[str, bytes] = {}
        self._is_first = True

    def difference(self, parts: Parts) -> bytes | None:
        """The event that brings the browser from what it has to `parts`; None when it has them already."""
        fresh = {name: orjson.dumps(value) for name, value in parts.items()}
        changed = {name: value for name, value in fresh.items() if self._sent.get(name) != value}
        removed = [name for name in self._sent if name not in fresh]
        if not (changed or removed or self._is_first):
            return None
        body = orjson.dumps(
            {
                "reset": self._is_first,
                "parts": {name: orjson.Fragment(value) for name, value in changed.items()},
                "removed": removed,
            }
        )
        self._sent = fresh
        self._is_first = False
        return b"event: parts\ndata: " + body + b"\n\n"


class LivePage(ResponseBody):
    """The event stream of one page.

    `snapshot` gives the state; each of `sources` opens a stream of changes; each of `tasks` runs beside and is given
    the bell to ring when it has news.
    """

    def __init__(
        self,
        snapshot: Callable[[], Parts],
        *,
        sources: Iterable[Callable[[], Changes]],
        tasks: Iterable[Callable[[Bell], Awaitable[None]]] = (),
    ) -> None:
        self._snapshot = snapshot
        self._sources = tuple(sources)
        self._tasks = tuple(tasks)
        self._opened: AbstractAsyncContextManager[AsyncIterator[bytes]] | None = None

    async def __aenter__(self) -> AsyncIterator[bytes]:
        self._opened = self._events()
        return await self._opened.__aenter__()

    async def __aexit__(self, *error: object) -> None:
        if self._opened is not None:
            await self._opened.__aexit__(*error)  # type: ignore[arg-type]

    @trio.as_safe_channel
    async def _events(self) -> AsyncGenerator[bytes, None]:
        bell = Bell()
        sent = PartsSent()
        async with trio.open_nursery() as nursery:
            for source in self._sources:
                await nursery.start(_listen, source, bell)
            for task in self._tasks:
                nursery.start_soon(task, bell)
            yield b"retry: %d\n\n" % RETRY_MS
            while True:
                event = sent.difference(self._snapshot())
                if event is not None:
                    yield event
                    await trio.sleep(MIN_INTERVAL_S)
                with trio.move_on_after(KEEP_ALIVE_S) as patience:
                    await bell.wait()
                if patience.cancelled_caught:
                    yield b": still here\n\n"


async def _listen(
    source: Callable[[], Changes], bell: Bell, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with source() as changes:
        task_status.started()
        async for _ in changes:
            bell.ring()
