"""LISTEN on a connection of its own, for as long as the owner wants.

A notification is a hint, never the truth: those sent while the connection was down are gone. So whoever listens also
looks by itself now and then, and is told through ``on_gap`` that there may be something to look for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from dealgram.persistence.errors import DatabaseUnavailable

if TYPE_CHECKING:
    import asyncpg

    from dealgram.persistence.database import Database

_log = logging.getLogger("dealgram.persistence")

_PROBE_EVERY_S = 30.0
_RECONNECT_MIN_S = 0.1
_RECONNECT_MAX_S = 5.0


async def listen(
    db: Database,
    channel: str,
    callback: Callable[[str], None],
    *,
    on_gap: Callable[[], None] | None = None,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Call ``callback(payload)`` for every notification on ``channel``, until cancelled.

    Started (`task_status`) when the first LISTEN is in force. A lost connection is made again with growing pauses (0.1
    s to 5 s); after each new LISTEN ``on_gap()`` is called, because notifications may have been missed. A silent
    connection is probed every 30 s. Both callbacks are synchronous, run in this task, in the order of arrival; what
    they raise ends the listening and is raised here.
    """
    token = trio.lowlevel.current_trio_token()
    arrived: deque[str] = deque()
    signal = trio.Event()
    lost = False
    current: object = None  # the connection that listens now; the end of an earlier one says nothing

    def on_notification(_connection: object, _pid: int, _channel: str, payload: object) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(note_payload, str(payload))

    def on_termination(connection: object) -> None:
        with contextlib.suppress(trio.RunFinishedError):
            token.run_sync_soon(note_end, connection)

    def note_payload(payload: str) -> None:
        arrived.append(payload)
        signal.set()

    def note_end(connection: object) -> None:
        nonlocal lost
        if connection is current:
            lost = True
            signal.set()

    async def start(connection: asyncpg.Connection[Any]) -> None:
        nonlocal current
        current = connection
        connection.add_termination_listener(on_termination)
        await connection.add_listener(channel, on_notification)

    async def probe(connection: asyncpg.Connection[Any]) -> None:
        await asyncio.wait_for(connection.execute("SELECT 1"), 5)

    held = db.held_connection(f"dealgram-listen-{channel}")
    started = False
    delay_s = _RECONNECT_MIN_S
    try:
        while True:
            lost = False
            try:
                await held.run(start)
                delay_s = _RECONNECT_MIN_S
                if not started:
                    started = True
                    task_status.started()
                elif on_gap is not None:
                    on_gap()
                while not lost:
                    with trio.move_on_after(_PROBE_EVERY_S) as quiet:
                        await signal.wait()
                    signal = trio.Event()
                    while arrived:
                        callback(arrived.popleft())
                    if quiet.cancelled_caught:
                        await held.run(probe)
            except DatabaseUnavailable as error:
                _log.warning("listening on %s was interrupted: %s", channel, error)
            await held.close()
            await trio.sleep(delay_s)
            delay_s = min(_RECONNECT_MAX_S, delay_s * 2)
    finally:
        await held.close()
