"""The one way out: HTTP/1.1 over a shared httpx client, with a limiter in front and honest errors behind.

Promises:
- At most `max_connections` calls of an upstream are inside httpx at once; the others wait, in order, in a
  trio.CapacityLimiter outside of it. httpcore 1.0.9 collapses when calls queue in its own pool and loses slots when
  queued calls are cancelled (encode/httpcore#1093, #1035). Should a slot be lost all the same, the client is replaced.
- Every call has one deadline over everything: waiting, connecting, writing, reading.
- A failure says whether the request can have reached the other side. That is not guessed from exception types:
  httpcore's own trace tells when it started to write.
- No URL, header or body is logged or put into an exception text. Nothing of the environment (proxies, .netrc) is read,
  and no cookie is ever kept: one client serves many accounts.

Cancelling a call at any point leaves the pool whole. Every call is a checkpoint.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Self

import httpx
import trio

from dealgram.gateways.errors import GatewayError, Interrupted, NotSent, OutcomeUnknown, Refused, ServiceFailed
from dealgram.gateways.request_bodies import StreamedBody, as_stream

_MOST_CONNECTIONS = 100  # per client; beyond ~200 httpcore's bookkeeping is quadratic (measured, telegram-facts §4.3)
_CLOSE_DEADLINE_S = 2.0
_POOL_PATIENCE_S = 2.0  # behind the limiter nobody waits inside the pool at all, unless it has lost slots
_WRITING_STARTED = "http11.send_request_headers.started"

# httpx prints every URL at INFO, and Bot API URLs hold the token; httpcore and python-telegram-bot print requests at
# DEBUG. Their levels are set here, where the first client is made possible, so that no configuration can forget it.
for _name in ("httpx", "httpcore", "telegram"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """Settings of the connections to one outside service."""

    name: str
    max_connections: int = 50
    connect_timeout_s: float = 10.0
    keepalive_expiry_s: float = 60.0  # httpx's default of 5 s means a new TLS handshake for most sparse calls
    max_answer_bytes: int = 16 * 1024 * 1024
    proxy: str | None = None
    user_agent: str = "dealgram"

    def __post_init__(self) -> None:
        if not 1 <= self.max_connections <= _MOST_CONNECTIONS:
            raise ValueError(f"max_connections must be 1..{_MOST_CONNECTIONS}, not {self.max_connections}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A complete HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def ok(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300

    @property
    def retry_after_s(self) -> float | None:
        """The Retry-After header in seconds; None if absent or not a plain number."""
        value = self.headers.get("retry-after", "").strip()
        return float(value) if value.isascii() and value.isdigit() else None

    @property
    def is_json(self) -> bool:
        """True if the answer says that it is JSON of any kind (also problem+json)."""
        return "json" in self.headers.get("content-type", "").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportStatistics:
    """Counters since the start and gauges of this moment, for health and metrics."""

    name: str
    running: int
    waiting: int
    calls: int
    not_sent: int
    unknown: int
    recycled: int


class _Progress:
    """Follows one request through httpcore: had it begun to write?"""

    __slots__ = ("writing",)

    def __init__(self) -> None:
        self.writing = False

    async def __call__(self, event: str, info: Mapping[str, Any]) -> None:
        if event == _WRITING_STARTED:
            self.writing = True


class _Generation:
    """One httpx client and the number of calls inside it, so that a replaced client is closed by its last user."""

    __slots__ = ("client", "retired", "users")

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.users = 0
        self.retired = False


@cache
def _ssl_context() -> ssl.SSLContext:
    # Reading the CA bundle costs ~30 ms of CPU: once a process, not once a client.
    return httpx.create_ssl_context()


class HttpTransport:
    """A shared client of one upstream. Open it with `HttpTransport.open`; do not make one per actor."""

    # Invariants:
    # - calls inside httpx <= max_connections, hence httpcore never queues;
    # - _generation.users == calls inside the current client; a retired client with no users is closed.

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._limiter = trio.CapacityLimiter(upstream.max_connections)
        self._generation = _Generation(self._make_client())
        self._closed = False
        self._calls = 0
        self._not_sent = 0
        self._unknown = 0
        self._recycled = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, upstream: Upstream) -> AsyncIterator[Self]:
        """Opens the transport and closes its connections on leaving, at most two seconds late."""
        transport = cls(upstream)
        try:
            yield transport
        finally:
            await transport.aclose()

    async def aclose(self) -> None:
        """Closes the connections. Calls after it raise NotSent; calls that still run break off."""
        self._closed = True
        with trio.move_on_after(_CLOSE_DEADLINE_S, shield=True):
            await self._generation.client.aclose()

    async def request(
        self,
        operation: str,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | StreamedBody = b"",
        deadline_s: float,
        repeatable: bool,
    ) -> Answer:
        """Makes one call and reads its whole answer; redirects are not followed, statuses are not judged.

        Args:
            operation: a name for errors and metrics, with nothing secret in it.
            content: the body; one that is streamed is read while it is sent, and never held as a whole.
            deadline_s: seconds for the whole call, waiting for a free connection included.
            repeatable: repeating the call after an unknown outcome does no harm (a read, or a call with its own key).

        Raises:
            NotSent: it certainly did not reach the upstream.
            OutcomeUnknown: it may have; Interrupted (Transient) if the call is `repeatable`.
            ServiceFailed: the answer is larger than `max_answer_bytes`, and the call is `repeatable`.
            Refused: an address or a header that HTTP cannot carry.
        """
        self._calls += 1
        self._check_headers(operation, headers or {})
        progress = _Progress()
        failure: GatewayError | None = None
        with trio.move_on_after(deadline_s):
            try:
                async with self._limiter:
                    return await self._exchange(method, url, headers or {}, content, deadline_s, progress)
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, OverflowError, _AnswerTooLargeError) as error:
                failure = self._classify(operation, error, progress, repeatable=repeatable)
        if failure is None:
            failure = self._broken(operation, f"no answer within {deadline_s:g} s", progress, repeatable=repeatable)
        # Raised here and not above, so that it drags no httpx exception along: those hold the request and its URL.
        raise failure

    async def download(
        self,
        operation: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        begin: Callable[[Answer], None],
        write: Callable[[bytes], Awaitable[bool]],
        deadline_s: float,
        idle_s: float,
    ) -> None:
        """GETs something that may be large, without holding it: ``begin`` gets status and headers (with no body), then
        ``write`` each part; it answers False when no more is wanted.

        Args:
            deadline_s: seconds until the answer begins, waiting for a free connection included.
            idle_s: seconds that may pass between two parts, a slow ``write`` included.

        Raises:
            NotSent, Interrupted: nothing came, or it broke off. What ``begin`` raises ends the call as well.
        """
        self._calls += 1
        self._check_headers(operation, headers or {})
        progress = _Progress()
        failure: GatewayError | None = None
        with trio.move_on_after(deadline_s) as patience:

            async def pass_on(part: bytes) -> bool:
                patience.deadline = trio.current_time() + idle_s
                return await write(part)

            try:
                async with self._limiter:
                    return await self._transfer(url, headers or {}, begin, pass_on, deadline_s, progress)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                failure = self._classify(operation, error, progress, repeatable=True)
        if failure is None:
            failure = self._broken(operation, "the transfer stood still", progress, repeatable=True)
        raise failure  # here and not above: see `request`

    def statistics(self) -> TransportStatistics:
        """Counters and gauges; synchronous and cheap."""
        limiter = self._limiter.statistics()
        return TransportStatistics(
            name=self.upstream.name,
            running=limiter.borrowed_tokens,
            waiting=limiter.tasks_waiting,
            calls=self._calls,
            not_sent=self._not_sent,
            unknown=self._unknown,
            recycled=self._recycled,
        )

    @property
    def free(self) -> int:
        """How many calls could start right now without waiting."""
        return int(self._limiter.available_tokens)

    async def _transfer(
        self,
        url: str,
        headers: Mapping[str, str],
        begin: Callable[[Answer], None],
        write: Callable[[bytes], Awaitable[bool]],
        deadline_s: float,
        progress: _Progress,
    ) -> None:
        async with self._client_in_use() as client:
            request = client.build_request(
                "GET",
                url,
                headers={**headers, "Accept-Encoding": "identity"},
                timeout=self._timeouts(deadline_s),
                extensions={"trace": progress},
            )
            response = await client.send(request, stream=True)
            try:
                begin(Answer(status=response.status_code, headers=response.headers, body=b""))
                parts = response.aiter_raw()
                try:
                    async for part in parts:
                        if not await write(part):
                            break
                finally:
                    with trio.CancelScope() as reading:  # see `_read`; the writer may have been cancelled as well
                        reading.cancel(reason="nobody reads any more")
                        async for _ in parts:
                            pass
            finally:
                await response.aclose()

    def _timeouts(self, deadline_s: float) -> httpx.Timeout:
        return httpx.Timeout(
            deadline_s, connect=self.upstream.connect_timeout_s, pool=min(_POOL_PATIENCE_S, deadline_s / 2)
        )

    @asynccontextmanager
    async def _client_in_use(self) -> AsyncIterator[httpx.AsyncClient]:
        if self._closed:
            raise httpx.PoolTimeout("the transport is closed")
        generation = self._generation
        generation.users += 1
        try:
            yield generation.client
        except httpx.PoolTimeout:
            # The limiter leaves room for every call that gets here, so httpcore has lost slots (httpcore#1093).
            self._recycle(generation)
            raise
        finally:
            generation.users -= 1
            if generation.retired and not generation.users:
                with trio.move_on_after(_CLOSE_DEADLINE_S, shield=True):
                    await generation.client.aclose()

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | StreamedBody,
        deadline_s: float,
        progress: _Progress,
    ) -> Answer:
        whole = content if isinstance(content, bytes) else b""
        if not isinstance(content, bytes):
            headers = {**headers, "Content-Length": str(content.length)}
        async with self._client_in_use() as client:
            request = client.build_request(
                method,
                url,
                headers=headers,
                content=whole,
                timeout=self._timeouts(deadline_s),
                extensions={"trace": progress},
            )
            request.stream = as_stream(content)
            response = await client.send(request, stream=True)
            try:
                body = await self._read(response)
            finally:
                await response.aclose()
            return Answer(status=response.status_code, headers=response.headers, body=body)

    async def _read(self, response: httpx.Response) -> bytes:
        parts: list[bytes] = []
        size = 0
        # Leaving the loop early would leave httpx's nested generators to the garbage collector; a cancelled read
        # unwinds them all.
        with trio.CancelScope() as reading:
            async for part in response.aiter_bytes():
                size += len(part)
                if size > self.upstream.max_answer_bytes:
                    parts.clear()
                    reading.cancel(reason="the answer is too large")
                else:
                    parts.append(part)
        if size > self.upstream.max_answer_bytes:
            raise _AnswerTooLargeError
        return b"".join(parts)

    def _check_headers(self, operation: str, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            # h11 and the codecs would quote the value, which may be a token, in their exceptions.
            if not value.isascii() or any(character in value for character in "\r\n\0"):
                detail = f"the header {name} holds characters that HTTP cannot carry"
                raise Refused(detail, service=self.upstream.name, operation=operation, reason="bad_header")

    def _recycle(self, generation: _Generation) -> None:
        if generation is self._generation and not self._closed:
            generation.retired = True
            self._generation = _Generation(self._make_client())
            self._recycled += 1

    def _classify(self, operation: str, error: Exception, progress: _Progress, *, repeatable: bool) -> GatewayError:
        service = self.upstream.name
        if isinstance(error, _AnswerTooLargeError):
            detail = f"the answer is larger than {self.upstream.max_answer_bytes} bytes"
            if repeatable:
                return ServiceFailed(detail, service=service, operation=operation)
            return self._broken(operation, detail, progress, repeatable=False)
        if not isinstance(error, httpx.HTTPError) or isinstance(error, httpx.UnsupportedProtocol):
            return Refused("the address cannot be used", service=service, operation=operation, reason="bad_address")
        detail = f"the connection failed: {type(error).__name__}"
        if isinstance(error, httpx.ConnectError):
            detail += f" ({error})"  # the system's own words about the host; others' texts may quote more
        return self._broken(operation, detail, progress, repeatable=repeatable)

    def _broken(self, operation: str, detail: str, progress: _Progress, *, repeatable: bool) -> GatewayError:
        service = self.upstream.name
        if not progress.writing:
            self._not_sent += 1
            return NotSent(detail, service=service, operation=operation)
        self._unknown += 1
        kind = Interrupted if repeatable else OutcomeUnknown
        return kind(detail, service=service, operation=operation)

    def _make_client(self) -> httpx.AsyncClient:
        upstream = self.upstream
        client = httpx.AsyncClient(
            verify=_ssl_context(),
            trust_env=False,
            proxy=upstream.proxy,
            follow_redirects=False,
            headers={"User-Agent": upstream.user_agent},
            limits=httpx.Limits(
                max_connections=upstream.max_connections,
                # httpcore counts all connections as surplus, not only idle ones: fewer would close live ones.
                max_keepalive_connections=upstream.max_connections,
                keepalive_expiry=upstream.keepalive_expiry_s,
            ),
        )
        client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        return client


class _AnswerTooLargeError(Exception):
    """The upstream sends more than we are ready to hold in memory."""
