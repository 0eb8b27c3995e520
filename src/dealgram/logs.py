"""Logs: structlog over the standard library, readable on a terminal, JSON lines otherwise, and never a secret.

`configure` owns the root logger's handler. Redaction is the last step before rendering, after exceptions have become
text, so nothing passes it: neither a token in an URL of a foreign library's message nor one in a traceback.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "***"

_SECRET_KEY = re.compile(r"token|secret|password|authorization|api_?key|cookie", re.IGNORECASE)
# Bot API tokens: <bot id>:<35 characters>; the id may stay, it tells whose token it was
_BOT_TOKEN = re.compile(r"(\d{3,}):[A-Za-z0-9_-]{30,}")
_BEARER = re.compile(r"(?i)\b(bearer)\s+[A-Za-z0-9._~+/=-]{6,}")
_URL_PASSWORD = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
_ASSIGNED = re.compile(  # token=…, client_secret='…', "refresh_token": "…"
    r"""(?i)\b([a-z_-]*(?:token|secret|password)[a-z_-]*)(=["']?|["']\s*:\s*["'])[^\s"'&,;}]+"""
)
_LEAST_SECRET = 6  # shorter values would hide ordinary words
QUIET = ("httpx", "httpcore", "hypercorn", "hpack", "telegram", "asyncio", "quart")


_FIRST = ("timestamp", "level", "logger", "message")


class _Secrets:
    """The known secret values of this process."""

    def __init__(self) -> None:
        self._pattern: re.Pattern[str] | None = None

    def set(self, values: Iterable[str]) -> None:
        """Replace the known values; the longest is matched first."""
        known = sorted({value for value in values if len(value) >= _LEAST_SECRET}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, known))) if known else None

    def hide(self, text: str) -> str:
        """Hide the known values."""
        return text if self._pattern is None else self._pattern.sub(HIDDEN, text)


_known = _Secrets()


def redact(text: str) -> str:
    """Hide what looks like a secret, and every secret that was configured."""
    text = _known.hide(text)
    text = _BOT_TOKEN.sub(rf"\1:{HIDDEN}", text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _ASSIGNED.sub(rf"\1\2{HIDDEN}", text)


def _redact_value(value: object) -> Any:
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {redact(str(name)): _redact_item(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redact_value(item) for item in value]
    # Anything else would be written as text by the renderer, after this step.
    return redact(repr(value) if isinstance(value, BaseException | bytes) else str(value))


def _redact_item(name: str, value: object) -> Any:
    if _SECRET_KEY.search(name) and not isinstance(value, bool) and value is not None:
        return HIDDEN
    return _redact_value(value)


def redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact one event: values by their names, texts by their content."""
    redacted: EventDict = _redact_value(event)
    return redacted


class _Handler(logging.StreamHandler[TextIO]):
    """Ours, so that a second `configure` finds and replaces it."""


def configure(
    *,
    level: str = "info",
    log_format: Literal["auto", "console", "json"] = "auto",
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up logging of the whole process; `secrets` are values that must never be written. Repeatable."""
    target = sys.stderr if stream is None else stream
    terminal = target.isatty()
    _known.set(secrets)

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )

    readable = log_format == "console" or (log_format == "auto" and terminal)
    renderer = _console(colors=terminal and not os.environ.get("NO_COLOR")) if readable else _json()
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact_event,
            *renderer,
        ],
    )
    handler = _Handler(target)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)


def _console(*, colors: bool) -> list[Processor]:
    # format_exc_info has already made text of exceptions: a pretty traceback would show local variables
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]


def _json() -> list[Processor]:
    return [structlog.processors.EventRenamer("message"), structlog.processors.JSONRenderer(serializer=_dump)]


def _dump(event: Any, **_: Any) -> str:
    ordered = {name: event[name] for name in _FIRST if name in event} | event  # for whoever reads it without a tool
    return json.dumps(ordered, ensure_ascii=False)
