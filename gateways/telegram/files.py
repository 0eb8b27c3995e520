"""Downloads of Telegram files, part by part: the token of the bot stays on this side.

A download runs in a task of `TelegramFiles`, whoever reads it; it ends when it is read to its end, when its reader
closes it, or when neither side moves for a while. How large files may be stands in `file_limits`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Self

import structlog
import trio

from dealgram.gateways.errors import GatewayError, NotFound, Refused
from dealgram.gateways.refusals import refusal
from dealgram.gateways.telegram.errors import SERVICE
from dealgram.gateways.transport import Answer, HttpTransport

log = structlog.get_logger(__name__)

_ANSWER_DEADLINE_S = 20.0
_IDLE_S = 30.0
_WINDOW = 4  # parts that wait for a slow reader
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,511}")
_OPERATION = "download"


@dataclass(frozen=True, slots=True)
class Download:
    """A file on its way. ``size`` in bytes, None if Telegram does not say. Close it, whatever happens."""

    size: int | None
    _parts: trio.MemoryReceiveChannel[bytes]

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The parts; a download that breaks off ends early, so compare what came with ``size``."""
        return self._parts

    def close(self) -> None:
        """Nobody reads it any more."""
        self._parts.close()


class TelegramFiles:
    """Open it with `TelegramFiles.open`; one for the whole service."""

    def __init__(self, transport: HttpTransport, api_url: str, nursery: trio.Nursery) -> None:
        self._transport = transport
        self._base = f"{api_url.rstrip('/')}/file/bot"
        self._nursery = nursery

    @classmethod
    @asynccontextmanager
    async def open(cls, transport: HttpTransport, api_url: str) -> AsyncIterator[Self]:
        """Leaving the block ends all downloads. ``transport`` is for files alone, so that sends never wait for them."""
        async with trio.open_nursery() as nursery:
            yield cls(transport, api_url, nursery)
            nursery.cancel_scope.cancel()

    async def download(self, token: str, path: str) -> Download:
        """Begin to download what getFile gave this path for; returns when Telegram has answered.

        Raises:
            NotFound: the path is no good any more (it lives for an hour): ask getFile again.
            GatewayError: see gateways.errors.
        """
        if not _PATH.fullmatch(path) or ".." in path:
            raise Refused("no path of a file", service=SERVICE, operation=_OPERATION)
        begun: Download = await self._nursery.start(self._run, f"{self._base}{token}/{path}")
        return begun

    async def _run(self, url: str, *, task_status: trio.TaskStatus[Download]) -> None:
        send, receive = trio.open_memory_channel[bytes](_WINDOW)
        has_begun = False

        def begin(answer: Answer) -> None:
            nonlocal has_begun
            if not answer.ok:
                raise _refusal(answer)
            length = answer.headers.get("content-length", "")
            has_begun = True
            task_status.started(Download(int(length) if length.isdecimal() else None, receive))

        async def write(part: bytes) -> bool:
            try:
                await send.send(part)
            except trio.BrokenResourceError:
                return False
            return True

        try:
            with send:
                await self._transport.download(
                    _OPERATION, url, begin=begin, write=write, deadline_s=_ANSWER_DEADLINE_S, idle_s=_IDLE_S
                )
        except GatewayError as error:
            if not has_begun:
                raise
            log.info("a download broke off", error=str(error))


def _refusal(answer: Answer) -> GatewayError:
    if answer.status in (400, 404):
        return NotFound("no such file", service=SERVICE, operation=_OPERATION, code=answer.status)
    return refusal(answer, service=SERVICE, operation=_OPERATION, repeatable=True, detail=f"HTTP {answer.status}")
