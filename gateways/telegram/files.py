"""Downloads of Telegram files, part by part: the token of the bot stays on this side.

A download runs in a task of `TelegramFiles`, whoever reads it; it ends when it is read to its end, when its reader
closes it, or when neither side moves for a while. A server of one's own that runs with ``--local`` names files on its
disk: they are read there (`local_files`) if that disk is shared, and fetched like all others if not. How large files
may be stands in `file_limits`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, Self

import structlog
import trio

from dealgram.gateways.errors import GatewayError, NotFound, Refused, ServiceFailed
from dealgram.gateways.refusals import refusal
from dealgram.gateways.telegram.errors import SERVICE
from dealgram.gateways.telegram.local_files import LocalFiles, path_within
from dealgram.gateways.transport import Answer, HttpTransport

log = structlog.get_logger(__name__)

_ANSWER_DEADLINE_S = 20.0
_IDLE_S = 30.0
_WINDOW = 4  # parts that wait for a slow reader
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,511}")
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,19})-[0-9]{1,19}/([0-9]{1,19})")
_OPERATION = "download"


class Download(Protocol):
    """A file on its way. Close it, whatever happens."""

    @property
    def size(self) -> int | None:
        """Bytes of the whole file; None if the server does not say."""

    @property
    def start(self) -> int:
        """The first byte that comes: what was asked for, or 0 where the server serves whole files only."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to the end. Raises `GatewayError` if they break off."""

    def close(self) -> None:
        """Nobody reads it any more."""


class _Transfer:
    """A download over HTTP: what its task has put into the channel."""

    def __init__(self, size: int | None, start: int, parts: trio.MemoryReceiveChannel[bytes]) -> None:
        self.size = size
        self.start = start
        self.failure: GatewayError | None = None
        self._parts = parts

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await self._parts.receive()
        except trio.EndOfChannel:
            if self.failure is not None:
                raise self.failure from None
            raise StopAsyncIteration from None

    def close(self) -> None:
        self._parts.close()


class TelegramFiles:
    """Open it with `TelegramFiles.open`; one for the whole service."""

    def __init__(
        self, transport: HttpTransport, api_url: str, nursery: trio.Nursery, local: LocalFiles | None = None
    ) -> None:
        self._transport = transport
        self._base = f"{api_url.rstrip('/')}/file/bot"
        self._nursery = nursery
        self._local = local

    @classmethod
    @asynccontextmanager
    async def open(cls, transport: HttpTransport, api_url: str, folder: Path | None = None) -> AsyncIterator[Self]:
        """Leaving the block ends all downloads. ``transport`` is for files alone, so that sends never wait for them;
        ``folder`` is what a server with ``--local`` keeps its files in, where it is shared with us."""
        local = LocalFiles(folder) if folder is not None else None
        async with trio.open_nursery() as nursery:
            yield cls(transport, api_url, nursery, local)
            nursery.cancel_scope.cancel()

    async def download(self, token: str, path: str, start: int = 0) -> Download:
        """Begin to download what getFile gave this path for, if the server can from byte ``start`` on (the Bot API says
        nothing about ranges, so both answers count); returns when Telegram has answered.

        Raises:
            NotFound: the path is no good any more (it lives for an hour), or has no byte ``start``: ask getFile again.
            GatewayError: see gateways.errors.
        """
        if path.startswith("/"):
            if self._local is not None:
                return await self._local.open(token, path, start)
            path = "/".join(path_within(token, path))
        if not _PATH.fullmatch(path) or ".." in path:
            raise Refused("no path of a file", service=SERVICE, operation=_OPERATION)
        begun: Download = await self._nursery.start(self._run, f"{self._base}{token}/{path}", start)
        return begun

    async def _run(self, url: str, start: int, *, task_status: trio.TaskStatus[Download]) -> None:
        send, receive = trio.open_memory_channel[bytes](_WINDOW)
        transfer: _Transfer | None = None

        def begin(answer: Answer) -> None:
            nonlocal transfer
            size, first = _extent(answer, start)
            transfer = _Transfer(size, first, receive)
            task_status.started(transfer)

        async def write(part: bytes) -> bool:
            try:
                await send.send(part)
            except trio.BrokenResourceError:
                return False
            return True

        with send:
            try:
                await self._transport.download(
                    _OPERATION,
                    url,
                    headers={"Range": f"bytes={start}-"} if start else None,
                    begin=begin,
                    write=write,
                    deadline_s=_ANSWER_DEADLINE_S,
                    idle_s=_IDLE_S,
                )
            except GatewayError as error:
                if transfer is None:
                    receive.close()
                    raise
                transfer.failure = error
                log.info("a download broke off", error=str(error))


def _extent(answer: Answer, start: int) -> tuple[int | None, int]:
    """Size of the whole file and its first byte to come.

    Raises:
        GatewayError: no file comes.
    """
    if not answer.ok:
        raise _refusal(answer)
    if answer.status == 206:
        said = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", "").strip())
        if said is None or int(said[1]) != start:
            raise ServiceFailed("another range than was asked for", service=SERVICE, operation=_OPERATION, status=206)
        return int(said[2]), start
    length = answer.headers.get("content-length", "")
    return int(length) if length.isdecimal() else None, 0


def _refusal(answer: Answer) -> GatewayError:
    if answer.status in (400, 404, 416):
        return NotFound("no such file", service=SERVICE, operation=_OPERATION, code=answer.status)
    return refusal(answer, service=SERVICE, operation=_OPERATION, repeatable=True, detail=f"HTTP {answer.status}")
