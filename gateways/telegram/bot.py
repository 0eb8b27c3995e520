"""python-telegram-bot's Bot on trio, over the shared transport.

`telegram.Bot` is asyncio in two places only (`initialize` and `shutdown`) and otherwise leaves I/O to its request
object. One `TransportRequest` serves all bots: with one of its own, each bot would cost 32 ms and 1.7 MB.

Answers outside 2xx are turned into our errors here, where status, header and body are all at hand; python-telegram-bot
would blur 401 with 404 and 500 with 504. They travel through its code inside a `CarriedError`.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, final

import httpx
import msgspec
import orjson
import telegram
from telegram.error import TelegramError
from telegram.request import BaseRequest, RequestData

from dealgram.gateways.errors import GatewayError
from dealgram.gateways.refusals import unreadable
from dealgram.gateways.telegram.errors import SERVICE, telegram_refusal
from dealgram.gateways.transport import Answer, HttpTransport

DEADLINE_S = 60.0
"""Seconds for one call: Telegram itself holds a message up to 10 s in a group with slow mode."""

_READS = (
    "get",
    "answerCallbackQuery",
    "set",
    "sendChatAction",
    "deleteWebhook",
    "deleteMessage",
    "edit",
    "leaveChat",
)
"""Methods (or beginnings of their names) that may be repeated: doing them twice is doing them once."""

last_result: ContextVar[bytes | None] = ContextVar("last_result", default=None)
"""The raw `result` of the last successful call of this task.

Our own decoders read it: python-telegram-bot's objects are strict about required fields, and a message that has been
sent must not look unsent because a new Bot API version left a field out."""


class _Success(msgspec.Struct):
    ok: bool
    result: msgspec.Raw


_success = msgspec.json.Decoder(_Success)


class CarriedError(TelegramError):
    """Takes one of our errors through python-telegram-bot's code, which lets only its own errors pass unchanged."""

    def __init__(self, error: GatewayError) -> None:
        super().__init__(str(error))
        self.error = error


def is_repeatable(method: str) -> bool:
    """True if doing this Bot API method twice is the same as doing it once."""
    return method.startswith(_READS)


@final
class TransportRequest(BaseRequest):
    """The request object of python-telegram-bot, over an HttpTransport that someone else owns and closes."""

    __slots__ = ("_deadline_s", "_transport")

    def __init__(self, transport: HttpTransport, deadline_s: float = DEADLINE_S) -> None:
        self._transport = transport
        self._deadline_s = deadline_s

    @property
    def read_timeout(self) -> float | None:
        """Seconds for a call."""
        return self._deadline_s

    async def initialize(self) -> None:
        """Nothing to do: the transport is open already."""

    async def shutdown(self) -> None:
        """Nothing to do: other bots use the transport too."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Decodes an answer that `do_request` has found to be well-formed."""
        read: dict[str, Any] = orjson.loads(payload)
        return read

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = None,
        write_timeout: Any = None,
        connect_timeout: Any = None,
        pool_timeout: Any = None,
    ) -> tuple[int, bytes]:
        """Makes the call; a non-success comes out as `CarriedError`. The deadline is the transport's own."""
        operation = url.rpartition("/")[2]
        repeatable = is_repeatable(operation)
        content, content_type = _encode(request_data)
        try:
            answer = await self._transport.request(
                operation,
                method,
                url,
                headers={"Content-Type": content_type},
                content=content,
                deadline_s=self._deadline_s,
                repeatable=repeatable,
            )
        except GatewayError as error:
            raise CarriedError(error) from None
        try:
            result = read_success(answer, operation, repeatable=repeatable)
        except GatewayError as error:
            raise CarriedError(error) from None
        last_result.set(result)
        return answer.status, answer.body


class TrioBot(telegram.Bot):
    """A bot on trio. Making one costs microseconds; it owns nothing that must be closed."""

    def __init__(self, token: str, api_url: str, request: TransportRequest) -> None:
        """`api_url` without `/bot`, e.g. `https://api.telegram.org`."""
        base = api_url.rstrip("/")
        super().__init__(
            token,
            base_url=f"{base}/bot",
            base_file_url=f"{base}/file/bot",
            request=request,
            get_updates_request=request,
        )

    async def initialize(self) -> None:
        """Opens the request objects, one after the other. Does not call getMe: thousands of bots start at once."""
        for request in dict.fromkeys(self._request):
            await request.initialize()
        self._requests_initialized = True

    async def shutdown(self) -> None:
        """Leaves the shared request alone."""
        self._requests_initialized = False
        self._bot_initialized = False

    def __repr__(self) -> str:
        """Without the token, which the inherited one prints."""
        return f"TrioBot({self.token.partition(':')[0]})"

    __str__ = __repr__


def read_success(answer: Answer, operation: str, *, repeatable: bool) -> bytes:
    """The raw `result` of an answer of the Bot API.

    Raises:
        GatewayError: the answer is a refusal, or no answer of the Bot API at all.
    """
    if not answer.ok:
        raise telegram_refusal(answer, operation=operation, repeatable=repeatable)
    try:
        return bytes(_success.decode(answer.body).result)
    except (ValueError, RecursionError):
        pass
    if b'"ok":false' in answer.body.replace(b" ", b""):
        raise telegram_refusal(answer, operation=operation, repeatable=repeatable)
    raise unreadable(answer, service=SERVICE, operation=operation, repeatable=repeatable)


def _encode(data: RequestData | None) -> tuple[bytes, str]:
    if data is None:
        return b"", "application/json"
    if not data.contains_files:
        return orjson.dumps(data.parameters), "application/json"
    # httpx knows multipart; only its encoder is borrowed. InputFile holds bytes already, so reading does not block.
    form = httpx.Request("POST", "http://multipart", data=data.json_parameters, files=data.multipart_data)
    return form.read(), form.headers["Content-Type"]
