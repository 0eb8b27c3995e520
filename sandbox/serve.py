"""Serves a simulator on a loopback port: hypercorn's trio connection handler around our own accept loop.

Why not `hypercorn.trio.serve`: a simulator has to close a connection without an answer (the fault "the work was done
and nobody was told"), and it has to be gone at once when its scope is cancelled. Both need the socket, which hypercorn
keeps to itself. Promises: the port is bound before `serve` reports itself started; a cancelled `serve` leaves no task
and no socket behind; a trigger lets requests that are being answered finish for `grace_s` seconds first.
"""

from __future__ import annotations

import logging
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, Framework
from hypercorn.utils import wrap_app

from dealgram.sandbox.faults import DROP_EXTENSION

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


async def serve(
    app: Framework,
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    shutdown: Callable[[], Awaitable[object]] | None = None,
    grace_s: float = 1.0,
    keep_alive_s: float = 60.0,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serves `app` until it is cancelled or `shutdown()` returns; reports the bound port through `task_status`.

    Usage: `port = await nursery.start(serve, simulator.app)`. Port 0 takes a free one. Raises OSError when the port is
    taken. The app's own start-up and shut-down handlers run (shut-down only after the trigger, not on cancellation).
    """
    config = _config(keep_alive_s)
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    context = WorkerContext(None)
    state: dict[str, Any] = {}
    lifespan = Lifespan(wrapped, config, state)
    listeners = await trio.open_tcp_listeners(port, host=host)
    bound: int = listeners[0].socket.getsockname()[1]

    async def connection(stream: trio.SocketStream) -> None:
        await TCPServer(_with_drop(wrapped, stream), config, context, ConnectionState(state.copy()), stream)  # type: ignore[arg-type]

    async with trio.open_nursery() as outer:
        try:
            await outer.start(lifespan.handle_lifespan)
            await lifespan.wait_for_startup()
            async with trio.open_nursery() as connections:
                async with trio.open_nursery() as accepting:
                    await accepting.start(_accept, connection, listeners, connections)
                    task_status.started(bound)
                    if shutdown is None:
                        await trio.sleep_forever()
                    else:
                        await shutdown()
                    accepting.cancel_scope.cancel()
                await context.terminated.set()  # idle keep-alive connections close themselves now
                connections.cancel_scope.deadline = trio.current_time() + grace_s
            await lifespan.wait_for_shutdown()
        finally:
            outer.cancel_scope.cancel()
            for listener in listeners:
                listener.socket.close()


async def _accept(
    connection: Callable[[trio.SocketStream], Awaitable[None]],
    listeners: list[trio.SocketListener],
    connections: trio.Nursery,
    *,
    task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
) -> None:
    await trio.serve_listeners(connection, listeners, handler_nursery=connections, task_status=task_status)


def _with_drop(app: Any, stream: trio.SocketStream) -> Any:
    def drop(*, reset: bool = False) -> None:
        if reset:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        stream.socket.close()

    async def dropping(scope: Any, receive: Any, send: Any, sync_spawn: Any, call_soon: Any) -> None:
        scope["extensions"][DROP_EXTENSION] = drop
        await app(scope, receive, send, sync_spawn, call_soon)

    return dropping


def _config(keep_alive_s: float) -> Config:
    config = Config()
    config.accesslog = None
    config.errorlog = logging.getLogger("dealgram.sandbox.serve")
    config.keep_alive_timeout = keep_alive_s
    config.include_server_header = False
    return config
