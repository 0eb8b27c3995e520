"""What all hooks share: a whole body is accepted durably, whatever the sender does next.

Quart-Trio cancels a handler when its client disconnects. amoCRM sends a chat hook once and never again, so from the
moment the body is complete two things hold: a disconnect no longer cancels the request (`HookConnection`), and the
commit is shielded from a server that is stopping, with a deadline (`Hooks.commit`).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import orjson
import trio
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGIReceiveEvent,
    ASGISendCallable,
    ASGISendEvent,
    HTTPRequestEvent,
    HTTPScope,
)
from quart import request
from quart_trio.asgi import TrioASGIHTTPConnection

from dealgram.gateways.errors import BadPayload
from dealgram.gateways.lenient import read_json
from dealgram.http.errors import ApiError, bad_request, unavailable
from dealgram.http.metrics import RequestFigures
from dealgram.http.ports import HookOutcome
from dealgram.runtime import Transient

_log = logging.getLogger("dealgram.http")

T = TypeVar("T")

BODY_LIMIT = 1024 * 1024  # bytes; the largest genuine update or hook is some tens of KiB
_PATH_VALUE = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_LINGER_BYTES = 16 * BODY_LIMIT  # how much of a body that is too large is read away before it is refused
_LINGER_S = 5.0
_DURABLE_PATHS = ("/oauth/", "/telegram/", "/amojo/", "/amocrm/hooks/", "/widget_controller/")


def _is_durable(scope: HTTPScope) -> bool:
    """Hooks, and what is changed through the API; who only reads may go."""
    path: str = scope["path"]
    return path.startswith(_DURABLE_PATHS) or (path.startswith("/api/v1/") and scope["method"] not in ("GET", "HEAD"))


class HookConnection(TrioASGIHTTPConnection):
    """A request that changes something outlives its client once its body is complete; all others end with the client.

    Works on the ASGI messages alone, so that it does not depend on how Quart keeps a body.
    """

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        exchange = _Exchange(receive, send, durable=_is_durable(self.scope))
        await super().__call__(exchange.receive, exchange.send)


class _Exchange:
    """The messages of one request, on their way between Hypercorn and Quart-Trio.

    It also lets early answers arrive. Hypercorn reports a disconnect while the last part of an answer to an unfinished
    request (413, 408) is being sent, just before it closes the connection; the cancellation that Quart-Trio makes of
    this would leave the connection open for as long as the client likes. And a connection that is closed on a client
    which still writes is reset before the answer is read, so the rest of a body that is too large is read first, and
    dropped: newer versions of Quart would keep all of it before they refuse it.
    """

    def __init__(self, receive: ASGIReceiveCallable, send: ASGISendCallable, *, durable: bool) -> None:
        self._receive = receive
        self._send = send
        self._durable = durable
        self._received = 0
        self._complete = False
        self._body_over = trio.Event()
        self._finishing = False

    async def receive(self) -> ASGIReceiveEvent:
        message = await self._receive()
        if message["type"] == "http.request":
            return self._part(message)
        if message["type"] == "http.disconnect":
            self._body_over.set()
            if self._finishing or (self._durable and self._complete):
                await trio.sleep_forever()  # until the answer is made; then Quart-Trio ends this task
        return message

    def _part(self, message: HTTPRequestEvent) -> HTTPRequestEvent:
        part, more = message.get("body", b""), message.get("more_body", False)
        excess = self._received > BODY_LIMIT
        self._received += len(part)
        if self._received > _LINGER_BYTES:
            more = False
        if not more:
            self._complete = True
            self._body_over.set()
        return {"type": "http.request", "body": b"" if excess else part, "more_body": more}

    async def send(self, message: ASGISendEvent) -> None:
        if message["type"] == "http.response.start" and message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            with trio.move_on_after(_LINGER_S):
                await self._body_over.wait()
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self._finishing = True
        await self._send(message)


class Hooks:
    """The steps every hook goes through; one per hook route, it knows the route's name for the counters."""

    def __init__(self, name: str, figures: RequestFigures, *, commit_deadline_s: float) -> None:
        self._name = name
        self._figures = figures
        self._commit_deadline_s = commit_deadline_s

    async def body(self) -> bytes:
        """Read the whole body. Raises 413 past `BODY_LIMIT` and 408 past the application's body deadline."""
        return await request.get_data(cache=False, as_text=False, parse_form_data=False)

    def count_refusal(self, reason: str) -> None:
        """Count a hook that was not taken in."""
        self._figures.hook_refused(self._name, reason)

    def refuse(self, reason: str, error: ApiError) -> ApiError:
        """Count a refusal and hand its answer back to be raised."""
        self.count_refusal(reason)
        return error

    def path_value(self, value: str) -> str:
        """Check a key from the path before it reaches a query: what cannot be ours is answered 404."""
        if not _PATH_VALUE.fullmatch(value):
            raise self.refuse("unknown", ApiError(404, "There is no such hook."))
        return value

    def json_object(self, raw: bytes) -> dict[str, object]:
        """Parse the body; anything but a JSON object is answered 400.

        As forgiving as the readers behind it: people's texts come with broken surrogates and bytes, and what is refused
        here is lost (amoCRM) or holds a bot's queue (Telegram).
        """
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            try:
                value = read_json(raw)
            except BadPayload:
                raise self.refuse("bad_body", bad_request(f"The body is not JSON: {error.msg}.")) from None
        if not isinstance(value, dict):
            raise self.refuse("bad_body", bad_request("The body must be a JSON object."))
        return value

    async def durably(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run the look-ups and the commit of a whole body to their end, within the commit deadline.

        Neither a sender that hangs up nor a stopping server interrupts it. Raises 503 with Retry-After when the
        database does not answer in time: nothing is known to be accepted then, and a repetition is harmless because
        the inbox knows its source keys.
        """
        with trio.move_on_after(self._commit_deadline_s, shield=True):
            try:
                return await work()
            except Transient as error:
                _log.warning("hook not accepted: %s: %s", self._name, error)
                raise self.refuse("unavailable", self._unavailable(error.retry_after_s)) from error
        _log.warning("hook not accepted: %s: no commit within %s s", self._name, self._commit_deadline_s)
        raise self.refuse("unavailable", self._unavailable(None))

    def count_accepted(self, outcome: HookOutcome) -> None:
        """Count a hook that was taken in."""
        self._figures.hook_accepted(self._name, outcome.value)

    @staticmethod
    def _unavailable(retry_after_s: float | None) -> ApiError:
        return unavailable("The database does not answer; nothing was accepted, please repeat.", retry_after_s)
