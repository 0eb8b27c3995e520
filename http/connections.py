"""One client's connection: HTTP/1.1 and nothing else, and whatever its bytes are, they harm no other connection.

Hypercorn runs all connections in one nursery and lets what goes wrong in one of them out: half a dozen bytes of broken
HTTP/2 would end the server with everything in it. And it offers HTTP/2 without TLS and WebSockets to everybody, though
nothing here speaks them. So upgrades are ignored, as RFC 9110 §7.8 allows, and what still breaks is that connection's
own end. Its writes are shielded without a deadline, so a client that reads a byte now and then would hold its
connection, and what stands behind it, for days: here every write has an end.
"""

from __future__ import annotations

import logging

import h11
import trio
from hypercorn.events import Closed, Event, RawData
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.trio.tcp_server import TCPServer

_log = logging.getLogger("dealgram.http")

_WRITE_S = 20.0
_WRITE_BYTES_PER_S = 4 * 1024
"""A write may take so long, and as much more as its bytes need at this rate."""


class Connection(TCPServer):
    """Serves one client; raises nothing but cancellation."""

    async def run(self) -> None:
        """Serve until the client goes."""
        try:
            await super().run()
        except Exception as error:  # noqa: BLE001 - the border between one client and all others
            _log.warning("a connection was broken off: %s", _names(error))
        except BaseExceptionGroup as group:
            errors, rest = group.split(Exception)
            if errors is not None:
                _log.warning("a connection was broken off: %s", _names(errors))
            if rest is not None:
                raise rest from None

    async def protocol_send(self, event: Event) -> None:
        """Hypercorn's own, but for the deadline of a write."""
        if not isinstance(event, RawData):
            await super().protocol_send(event)
            return
        async with self.send_lock:
            try:
                with trio.fail_after(_WRITE_S + len(event.data) / _WRITE_BYTES_PER_S, shield=True):
                    await self.stream.send_all(event.data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                await self.protocol.handle(Closed())
            except trio.TooSlowError:
                # Part of it may have been written, so nothing can follow it.
                await trio.aclose_forcefully(self.stream)
                await self.protocol.handle(Closed())

    async def _read_data(self) -> None:
        # Nothing has been read yet: this takes the place of the protocol that could become another one.
        made = self.protocol
        made.protocol = _Http11(
            made.app,
            made.config,
            made.context,
            made.task_group,
            made.state,
            made.ssl,
            made.client,
            made.server,
            made.send,
        )
        await super()._read_data()


class _Http11(H11Protocol):
    """Hypercorn's HTTP/1.1 without a way out of it."""

    async def _check_protocol(self, event: h11.Request) -> None:
        await trio.lowlevel.checkpoint()

    async def _create_stream(self, request: h11.Request) -> None:
        kept = [(name, value) for name, value in request.headers if name != b"upgrade"]
        await super()._create_stream(
            h11.Request(method=request.method, target=request.target, headers=kept, http_version=request.http_version)
        )


def _names(error: BaseException) -> str:
    """The kinds of what went wrong. Their texts may quote what the client sent."""
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(dict.fromkeys(_names(each) for each in error.exceptions))
    return type(error).__name__
