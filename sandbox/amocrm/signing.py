"""Signatures of the Chats API (amoCRM contract §5, §9): what is signed, what is checked, in which order.

Owns the rules of the four signed headers. Written from the documentation, apart from any client.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

DATE_WINDOW_S = 900.0
_SIGNED = ("date", "content-type", "content-md5", "x-signature")


def request_signature(secret: str, *, method: str, md5: str, content_type: str, date: str, path: str) -> str:
    """Lower hex HMAC-SHA1 over the five lines; `path` without scheme, host and query."""
    lines = f"{method.upper()}\n{md5}\n{content_type}\n{date}\n{path}"
    return hmac.new(secret.encode("ascii"), lines.encode(), hashlib.sha1).hexdigest()


def body_signature(secret: str, body: bytes) -> str:
    """The signature of a hook: over the raw body alone."""
    return hmac.new(secret.encode("ascii"), body, hashlib.sha1).hexdigest()


def why_refused(
    secret: str, *, method: str, path: str, headers: Mapping[str, str], body: bytes, now: float
) -> str | None:
    """None for a properly signed request, else the reason. `headers` have lower-case names, `now` is unix seconds."""
    for name in _SIGNED:
        if not headers.get(name):
            return f"the header {name} is missing"
    date, content_type, md5 = headers["date"], headers["content-type"], headers["content-md5"]
    try:
        signed_at = parsedate_to_datetime(date)
    except ValueError:
        return f"the header date is not an RFC 2822 date: {date!r}"
    if signed_at.tzinfo is None:
        if not date.endswith("-0000"):  # which RFC 2822 reads as UTC said by someone who hides the local zone
            return f"the header date has no zone: {date!r}"
        signed_at = signed_at.replace(tzinfo=UTC)
    if abs(now - signed_at.timestamp()) > DATE_WINDOW_S:
        return f"the signature of {date!r} has expired"
    if content_type.split(";")[0].strip() != "application/json":
        return f"the header content-type is {content_type!r}, not application/json"
    expected_md5 = hashlib.md5(body, usedforsecurity=False).hexdigest()
    if md5 != expected_md5:
        return "the header content-md5 is not the lower hex md5 of the body"
    expected = request_signature(secret, method=method, md5=md5, content_type=content_type, date=date, path=path)
    if not hmac.compare_digest(expected.encode(), headers["x-signature"].encode()):
        return "invalid signature"
    return None
