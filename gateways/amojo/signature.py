"""How requests to the Chats API and its hooks are signed (amoCRM contract §5 and §9).

Pure functions; the test vectors are in amoCRM contract §22.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from email.utils import format_datetime

CONTENT_TYPE = "application/json"


def http_date(moment: datetime) -> str:
    """RFC 2822 in UTC with a numeric zone, e.g. `Thu, 01 Jan 2026 00:00:00 +0000`. `moment` must be aware."""
    return format_datetime(moment.astimezone(UTC))


def content_md5(body: bytes) -> str:
    """Lower-case hex MD5 of exactly the bytes that are sent; of the empty string for a GET."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def sign_request(secret: str, method: str, md5: str, date: str, path: str) -> str:
    """The X-Signature of a request.

    Args:
        path: no scheme, no host, no query.
    """
    text = f"{method}\n{md5}\n{CONTENT_TYPE}\n{date}\n{path}"
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).hexdigest()


def signed_headers(secret: str, method: str, path: str, body: bytes, moment: datetime) -> dict[str, str]:
    """All headers that amoCRM demands, for exactly this body. The signature is good for 15 minutes."""
    date = http_date(moment)
    md5 = content_md5(body)
    return {
        "Date": date,
        "Content-Type": CONTENT_TYPE,
        "Content-MD5": md5,
        "X-Signature": sign_request(secret, method, md5, date, path),
    }


def verify_hook(secret: str, raw: bytes, signature: str | None) -> bool:
    """True if a chat hook comes from amoCRM: HMAC-SHA1 over the raw body, compared in constant time.

    amoCRM has been seen to hash the body without its final line break, so that form is accepted too.
    """
    if not signature:
        return False
    given = signature.strip().encode("utf-8", "replace")
    accepted = False
    for body in (raw, raw.rstrip(b"\r\n")):
        expected = hmac.new(secret.encode(), body, hashlib.sha1).hexdigest().encode()
        accepted |= hmac.compare_digest(expected, given)
    return accepted
