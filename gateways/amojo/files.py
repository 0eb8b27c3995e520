"""What managers attach, fetched from where amoCRM keeps it.

The address comes with a hook, so only amoCRM's own hosts are asked and nobody else, over HTTPS (plain HTTP on loopback,
in the sandbox), without any credentials. A redirection is followed by hand and checked in the same way. The file is
streamed into a `Spool`, within a limit of bytes and of time.
"""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import trio

from dealgram.gateways.amo_hosts import AmoHosts, ForeignHostError
from dealgram.gateways.errors import GatewayError, Interrupted, NotFound, Refused, ServiceFailed
from dealgram.gateways.refusals import refusal
from dealgram.gateways.spool import Spool
from dealgram.gateways.transport import Answer, HttpTransport

_SERVICE = "amojo"
_OPERATION = "file"
_REDIRECTIONS = 3
_ANSWER_DEADLINE_S = 30.0
_IDLE_S = 30.0
_BASE_DEADLINE_S = 120.0
_SLOWEST_BYTES_PER_S = 64 * 1024
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


class FileTooLarge(Refused):
    """The file is larger than the limit. ``size`` in bytes, None if amoCRM did not say."""

    def __init__(self, size: int | None) -> None:
        super().__init__("the file is too large", service=_SERVICE, operation=_OPERATION, reason="file_too_big")
        self.size = size


class ForeignFile(Refused):
    """The address of the file, or one that it led to, is none of amoCRM's."""

    def __init__(self) -> None:
        detail = "the file does not lie with amoCRM"
        super().__init__(detail, service=_SERVICE, operation=_OPERATION, reason="foreign_host")


class AmoFiles:
    """Fetches attachments over one transport of its own, so that chats never wait for files."""

    def __init__(self, transport: HttpTransport, hosts: AmoHosts) -> None:
        self._transport = transport
        self._hosts = hosts

    async def fetch(self, url: str, limit: int) -> Spool:
        """The file at an address, of at most ``limit`` bytes. Close what comes back.

        Raises:
            ForeignFile: not asked for, or not any further.
            FileTooLarge: nothing is kept.
            NotFound: amoCRM does not have the file, or does not give it out.
            NotSent, Interrupted, ServiceFailed, RateLimited: it may be there the next time.
        """
        spool = Spool()
        try:
            with trio.move_on_after(_BASE_DEADLINE_S + limit / _SLOWEST_BYTES_PER_S):
                address = self._checked(url)
                for _ in range(_REDIRECTIONS + 1):
                    location = await self._get(address, spool, limit)
                    if location is None:
                        return spool
                    address = self._checked(urljoin(address, location))
                raise NotFound("the file is only redirected to", service=_SERVICE, operation=_OPERATION, code=310)
            raise Interrupted("the file takes too long", service=_SERVICE, operation=_OPERATION)
        except BaseException:
            spool.close()
            raise

    def _checked(self, url: str) -> str:
        """The address with a host that is amoCRM's.

        Raises:
            ForeignFile: any other, or something that may be read as another.
        """
        url = url.strip(" ").replace(" ", "%20")
        if _FORBIDDEN.search(url):
            raise ForeignFile
        try:
            parts = urlsplit(url)
            base = self._hosts.base_url(parts.netloc)
        except (ForeignHostError, ValueError):
            raise ForeignFile from None
        if parts.scheme.lower() != base.partition(":")[0]:
            raise ForeignFile
        return f"{base}{parts.path or '/'}" + (f"?{parts.query}" if parts.query else "")

    async def _get(self, url: str, spool: Spool, limit: int) -> str | None:
        """Fetch one address into the spool; gives where it redirects to, if it does."""
        location: str | None = None
        failure: GatewayError | None = None

        def begin(answer: Answer) -> None:
            nonlocal location, failure
            if answer.status in (301, 302, 303, 307, 308) and answer.headers.get("location"):
                location = answer.headers["location"]
            else:
                failure = _refusal(answer, limit)

        async def write(part: bytes) -> bool:
            nonlocal failure
            if location is not None or failure is not None:
                return False
            if spool.size + len(part) > limit:
                failure = FileTooLarge(None)
                return False
            try:
                await spool.write(part)
            except OSError as error:
                failure = ServiceFailed(f"no room for the file: {error}", service=_SERVICE, operation=_OPERATION)
            return failure is None

        await self._transport.download(
            _OPERATION, url, begin=begin, write=write, deadline_s=_ANSWER_DEADLINE_S, idle_s=_IDLE_S
        )
        if failure is not None:
            raise failure
        return location


def _refusal(answer: Answer, limit: int) -> GatewayError | None:
    if answer.status in (400, 401, 403, 404, 410):
        return NotFound("no such file", service=_SERVICE, operation=_OPERATION, code=answer.status)
    if not answer.ok:
        return refusal(answer, service=_SERVICE, operation=_OPERATION, repeatable=True, detail=f"HTTP {answer.status}")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        return ServiceFailed("the file came packed, unasked", service=_SERVICE, operation=_OPERATION)
    length = answer.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        return FileTooLarge(int(length))
    return None
