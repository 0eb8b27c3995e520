"""The listening side: Hypercorn's connections around an ASGI application, with an end that is certain.

`serve` binds first, so that a taken port is one clear error before anything else starts; reports the bound address;
and ends within `graceful_s + _OVERTIME_S` after its trigger, except for a client that stops reading: Hypercorn shields
its sends without a deadline, so the kernel is asked to break such a connection (`TCP_USER_TIMEOUT`). The service keeps
a hard deadline of its own outside.
"""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Awaitable, Callable
from functools import partial

import trio
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app
from quart_trio import QuartTrio

from dealgram.http.connections import Connection
from dealgram.http.listening import Bound, bind

_log = logging.getLogger("dealgram.http")

_OVERTIME_S = 2.0  # what Hypercorn gets past its own graceful timeout
_KEEP_ALIVE_S = 75.0  # longer than Telegram keeps an idle webhook connection (50 s, telegram-facts §1.2)
_HEADER_BYTES = 16 * 1024
_BACKLOG = 1024


def _config(graceful_s: float) -> Config:
    config = Config()
    config.graceful_timeout = graceful_s
    config.keep_alive_timeout = _KEEP_ALIVE_S
    config.h11_max_incomplete_size = _HEADER_BYTES
    config.include_server_header = False
    config.accesslog = None  # requests are counted in /metrics; a path may hold a webhook key
    config.errorlog = logging.getLogger("hypercorn.error")  # as it is: no handler of its own
    return config


async def serve(
    app: QuartTrio,
    host: str,
    port: int,
    *,
    shutdown_trigger: Callable[[], Awaitable[None]],
    graceful_s: float = 5.0,
    task_status: trio.TaskStatus[Bound] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve until the trigger returns, then let running requests finish for at most `graceful_s`.

    Reports `Bound` once connections are accepted. Raises `ListenError` if the address is taken or unknown.
    """
    with bind(host, port) as listener, trio.CancelScope(deadline=math.inf) as outer:

        async def trigger() -> None:
            await shutdown_trigger()
            outer.deadline = trio.current_time() + graceful_s + _OVERTIME_S

        async with trio.open_nursery() as nursery:
            await nursery.start(_run, app, listener, trigger, graceful_s)
            name = listener.getsockname()
            task_status.started(Bound(host=name[0], port=name[1]))
    if outer.cancelled_caught:
        _log.warning("server: some requests did not finish within %s s and were cut off", graceful_s)


async def _run(
    app: QuartTrio,
    listener: socket.socket,
    trigger: Callable[[], Awaitable[None]],
    graceful_s: float,
    *,
    task_status: trio.TaskStatus[None],
) -> None:
    """Hypercorn's own worker, but for the connections: see `connections`."""
    config = _config(graceful_s)
    wrapped = wrap_app(app, config.wsgi_max_body_size, "asgi")
    context = WorkerContext(None)
    state: dict[str, object] = {}
    lifespan = Lifespan(wrapped, config, state)

    async def connection(stream: trio.SocketStream) -> None:
        await Connection(wrapped, config, context, ConnectionState(state.copy()), stream)  # type: ignore[arg-type]  # TLS

    async with trio.open_nursery() as outer:
        await outer.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        listener.listen(_BACKLOG)
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                listeners = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
                accept = partial(trio.serve_listeners, connection, listeners, handler_nursery=connections)
                await accepting.start(accept)
                task_status.started()
                await trigger()
                accepting.cancel_scope.cancel()
            await context.terminated.set()  # idle connections close themselves now
            connections.cancel_scope.deadline = trio.current_time() + graceful_s
        await lifespan.wait_for_shutdown()
        outer.cancel_scope.cancel()
