"""Text that PostgreSQL can store.

People and other systems send characters that a ``text`` column refuses: NUL (U+0000) and lone surrogates. A message
must not be lost for one of those, so they are removed or replaced on the way in, everywhere, before keys are compared.
"""

from __future__ import annotations

from typing import Any

import orjson


def clean(value: str) -> str:
    """The text without NUL characters and with lone surrogates replaced by ``?``."""
    if value.isascii():
        return value.replace("\x00", "") if "\x00" in value else value
    if "\x00" in value:
        value = value.replace("\x00", "")
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
    return value


def clean_or_none(value: str | None) -> str | None:
    """`clean` that lets None through."""
    return None if value is None else clean(value)


def json_text(value: Any) -> str | None:
    """JSON for a ``jsonb`` column (which refuses NUL even as an escape); None stays None (SQL NULL)."""
    return None if value is None else orjson.dumps(_clean_deep(value), option=orjson.OPT_NON_STR_KEYS).decode()


def _clean_deep(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {(clean(key) if isinstance(key, str) else key): _clean_deep(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean_deep(item) for item in value]
    return value
