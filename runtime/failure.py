"""A failure as plain data: what is left of an exception in a log, a dead letter, a health page or a table row."""

from __future__ import annotations

import traceback as tracebacks
from dataclasses import dataclass

from dealgram.runtime.errors import leaves

_MESSAGE_CHARS = 2_000
_TRACEBACK_CHARS = 16_000


@dataclass(frozen=True, slots=True)
class Failure:
    """A flattened exception. Of a group, `kind` and `message` name the leaves and `traceback` shows the whole."""

    kind: str
    message: str
    traceback: str

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Flatten `error`. Long texts are cut: the message at its end, the traceback in its middle."""
        parts = leaves(error)
        kinds = list(dict.fromkeys(type(part).__name__ for part in parts))
        message = "; ".join(str(part) or type(part).__name__ for part in parts)
        if len(message) > _MESSAGE_CHARS:
            message = message[: _MESSAGE_CHARS - 1] + "…"
        text = "".join(tracebacks.format_exception(error))
        if len(text) > _TRACEBACK_CHARS:
            half = _TRACEBACK_CHARS // 2
            text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
        return cls(kind=" + ".join(kinds), message=message, traceback=text)

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"
