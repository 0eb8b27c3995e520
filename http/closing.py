"""The end of a request: what it holds until then, however it ends, and answers that cannot be finished.

A client may go at any moment, also after a handler has returned and before the first byte of its answer is asked for:
then nobody looks at the answer's body, so nothing that the body would close is closed. What is given to `at_the_end`
is called in any case.

An answer that has begun and cannot go on raises `BrokenOffError`. Hypercorn then closes the connection before the
promised end, which is all that can be told to the client; to the operator it is a line, and no failure of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable
from quart import request

from dealgram.http.hooks import HookConnection

_log = logging.getLogger("dealgram.http")

_KEY = "dealgram.at_the_end"


class BrokenOffError(Exception):
    """The answer cannot go on. The text is for the log."""


class Exchange(HookConnection):
    """One request and its answer."""

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        with ExitStack() as stack:
            cast("dict[str, Any]", self.scope)[_KEY] = stack
            try:
                await super().__call__(receive, send)
            except* BrokenOffError as group:
                _log.info("an answer was broken off: %s", group.exceptions[0])


def at_the_end(close: Callable[[], None]) -> None:
    """Call something when the current request is over."""
    stack: ExitStack = cast("dict[str, Any]", request.scope)[_KEY]
    stack.callback(close)
