"""What amoCRM fetches from the addresses that integrations give: media of messages and pictures of participants.

Owns the queue of downloads and the bounded shelf of what they gave. The documentation says that an address must be
reachable from outside and give the file (amoCRM contract §7); when, how often and by which requests is open (§20.18),
so the caller decides. Promises: asking never waits; at most eight downloads go at a time; a body is kept up to 32 MiB,
its length and hash always; all of it ends with `run`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import httpx
import trio

from dealgram.sandbox.tls import trusted

First = Literal["get", "head", "range"]
Done = Callable[["Download"], None]

_SIDE_BY_SIDE = 8
_WAITING = 10_000
_STEP_S = 20.0
_WHOLE_S = 300.0
_BIGGEST = 32 * 1024 * 1024
_SHELF_BYTES = 256 * 1024 * 1024
_FIRST_PART = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """What an address gave. `status` 0: nobody answered. `trouble` is empty when the file came whole."""

    url: str
    status: int = 0
    content_type: str = ""
    size: int = 0
    sha256: str = ""
    body: bytes | None = field(default=None, repr=False)
    trouble: str = ""


class Shelf:
    """Downloads by a key of the caller's; the oldest are forgotten beyond `entries` or 256 MiB."""

    def __init__(self, entries: int) -> None:
        self.fetched: OrderedDict[str, Download] = OrderedDict()
        self._entries = entries
        self._bytes = 0
        self._asked: OrderedDict[str, None] = OrderedDict()

    def first_time(self, key: str) -> bool:
        """Whether nobody asked for it before, as far as is remembered; from now on somebody did."""
        is_new = key not in self._asked
        self._asked[key] = None
        if len(self._asked) > self._entries:
            self._asked.popitem(last=False)
        return is_new

    def keep(self, key: str, download: Download) -> None:
        self._drop(self.fetched.pop(key, None))
        self.fetched[key] = download
        self._bytes += len(download.body or b"")
        while len(self.fetched) > self._entries or (self._bytes > _SHELF_BYTES and len(self.fetched) > 1):
            self._drop(self.fetched.popitem(last=False)[1])

    def get(self, key: str) -> Download | None:
        return self.fetched.get(key)

    def _drop(self, download: Download | None) -> None:
        self._bytes -= len(download.body or b"") if download is not None else 0


@dataclass(frozen=True, slots=True)
class _Job:
    url: str
    done: Done
    first: First
    after_s: float


class Downloads:
    """Fetches what it is asked for while `run` runs; what is asked for before waits for it."""

    def __init__(self) -> None:
        self._waiting: deque[_Job] = deque()
        self._added = trio.Event()
        self._limit = trio.CapacityLimiter(_SIDE_BY_SIDE)
        self.pending = 0
        """Downloads that were asked for and are not yet done."""

    def ask(self, url: str, done: Done, *, first: First = "get", after_s: float = 0.0) -> None:
        """Fetches `url` after `after_s` seconds of trio's clock and tells `done`; beyond 10,000 waiting, never."""
        if self.pending < _WAITING:
            self.pending += 1
            self._waiting.append(_Job(url, done, first, after_s))
            self._added.set()

    async def run(self) -> None:
        """Until cancelled."""
        await self._added.wait()  # a client takes a tenth of a second to make; many a simulator never needs one
        async with (
            httpx.AsyncClient(verify=trusted(), timeout=_STEP_S, trust_env=False, follow_redirects=True) as client,
            trio.open_nursery() as nursery,
        ):
            while True:
                while self._waiting:
                    nursery.start_soon(self._one, self._waiting.popleft(), client)
                self._added = trio.Event()
                await self._added.wait()

    async def _one(self, job: _Job, client: httpx.AsyncClient) -> None:
        await trio.sleep(job.after_s)
        async with self._limit:
            found = await _download(client, job.url, job.first)
        self.pending -= 1
        job.done(found)


@dataclass(slots=True)
class _Body:
    """The pieces of a file as they come."""

    size: int = 0
    pieces: list[bytes] | None = field(default_factory=list)
    hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    async def take(self, answer: httpx.Response) -> None:
        async for piece in answer.aiter_bytes():
            self.size += len(piece)
            self.hash.update(piece)
            if self.size > _BIGGEST:
                self.pieces = None
            elif self.pieces is not None:
                self.pieces.append(piece)


async def _download(client: httpx.AsyncClient, url: str, first: First) -> Download:
    """Never raises for what the other side does."""
    body = _Body()
    status, content_type, trouble = 0, "", f"no whole answer within {_WHOLE_S:g} s"
    try:
        with trio.move_on_after(_WHOLE_S):
            promised: str | None = None
            if first == "head":
                head = await client.head(url)
                status, promised = head.status_code, head.headers.get("content-length")
                if status != httpx.codes.OK:
                    return Download(url=url, status=status, trouble=f"HEAD is answered {status}")
            headers = {"Range": f"bytes=0-{_FIRST_PART - 1}"} if first == "range" else {}
            async with client.stream("GET", url, headers=headers) as answer:
                status, content_type = answer.status_code, answer.headers.get("content-type", "")
                total = answer.headers.get("content-range", "").rpartition("/")[2]
                if answer.is_success:
                    await body.take(answer)
            if status == httpx.codes.PARTIAL_CONTENT and total.isdecimal() and body.size < int(total):
                async with client.stream("GET", url, headers={"Range": f"bytes={body.size}-"}) as rest:
                    status = rest.status_code
                    await body.take(rest)
                if body.size != int(total):
                    return Download(url=url, status=status, trouble=f"the parts make {body.size} bytes of {total}")
            if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE and total == "0":
                status = httpx.codes.OK
            trouble = "" if status in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT) else f"GET is answered {status}"
            if not trouble and promised is not None and promised != str(body.size):
                trouble = f"HEAD promised {promised} bytes, GET gave {body.size}"
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        trouble = f"{type(error).__name__}: {error}"
    whole = b"".join(body.pieces) if body.pieces is not None and not trouble else None
    return Download(
        url=url,
        status=status,
        content_type=content_type,
        size=body.size,
        sha256=body.hash.hexdigest(),
        body=whole,
        trouble=trouble,
    )
