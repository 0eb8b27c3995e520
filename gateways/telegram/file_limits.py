"""How large files may be on their way through the Bot API: the one place that knows.

Promises: everybody who decides by size (what becomes a link, what is uploaded, what is served) takes the same limits.
"""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """Bytes; a file of exactly this size still passes."""

    download: int
    """What getFile serves."""
    upload: int
    """What one upload may hold, all files of an album together included."""
    photo: int = 10 * MB
    """What may be uploaded as a photo; a larger picture goes as a document (Bot API, sendPhoto)."""


CLOUD = FileLimits(download=20 * MB, upload=50 * MB)
"""api.telegram.org, and a server of one's own that runs without ``--local`` (Bot API, getFile and sending files)."""

OWN_SERVER = FileLimits(download=2000 * MB, upload=2000 * MB)
"""A server of one's own with ``--local``: uploads up to 2000 MB; downloads have no limit of their own, and this is the
largest file that people without a subscription can send (README of tdlib/telegram-bot-api)."""
