"""Links under which amoCRM fetches Telegram files from us, and nobody else can make any.

Owns their form: a version byte, a signature and what the link names (account, bot, file, type, for how long), in
URL-safe base64. The signing keys are derived from the keys for secrets at rest: the first signs, all verify, so that a
rotation of keys kills no link. Nothing secret is in a link, but who has it can read the file: a file id names one file
of one bot only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

VERSION = b"\x01"
LONGEST = 2048
"""Characters of the longest link that is looked at."""
LONGEST_NAME = 120
"""Characters of a file's name that go into its link."""
DAY_S = 86_400

OCTETS = "application/octet-stream"

_TYPE = re.compile(r"[a-z]{1,20}/[a-z0-9][a-z0-9.+_-]{0,99}")
_SIGNATURE_BYTES = 16
_PURPOSE = b"dealgram media links, version 1"


class MediaLink(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a link names. ``expires_at``: Unix time in seconds, 0 for a link that stays good."""

    account_id: int
    bot_id: int
    file_id: str
    content_type: str = OCTETS
    file_name: str = ""
    expires_at: int = 0


class BadLinkError(Exception):
    """A link that opens nothing: ``unknown`` (not one of ours), ``forged`` (not signed by us) or ``expired``."""

    def __init__(self, reason: Literal["unknown", "forged", "expired"]) -> None:
        super().__init__(reason)
        self.reason = reason


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(MediaLink)


@dataclass(frozen=True, slots=True, repr=False)
class MediaLinks:
    """Signs and verifies. ``address`` gives our public address; None where nobody can reach us (yet). ``days``: how
    long links to files of messages stay good; 0 for ever."""

    keys: tuple[bytes, ...]
    address: Callable[[], str | None]
    days: int = 0

    @classmethod
    def of(cls, secret_keys: Sequence[str], address: Callable[[], str | None], days: int = 0) -> MediaLinks:
        """With keys of their own, derived from the service's secret keys (newest first)."""
        keys = (hmac.new(key.strip().encode(), _PURPOSE, hashlib.sha256).digest() for key in secret_keys)
        return cls(tuple(keys), address, days)

    def file_url(self, link: MediaLink, now_s: float) -> str | None:
        """The address of a message's file; None without a public address.

        Its life ends with a day, so whoever asks again on the same day gets the same address. Name and type may be
        what a stranger's app said: a very long name loses its middle, never its ending, and what is no type is an
        octet stream.
        """
        name = link.file_name.encode(errors="replace").decode()
        if len(name) > LONGEST_NAME:
            name = f"{name[: LONGEST_NAME - 21]}…{name[-20:]}"
        kind = link.content_type.partition(";")[0].strip().lower()
        if not _TYPE.fullmatch(kind):
            kind = OCTETS
        end = (int(now_s) // DAY_S + 1 + self.days) * DAY_S if self.days else 0
        return self.url(msgspec.structs.replace(link, file_name=name, content_type=kind, expires_at=end))

    def url(self, link: MediaLink) -> str | None:
        """The address of a file; None without a public address. The same link always has the same address."""
        public_url = self.address()
        if public_url is None:
            return None
        return f"{public_url.rstrip('/')}/media/{self.sign(link)}"

    def sign(self, link: MediaLink) -> str:
        """The signed name of a file, as it stands in the address."""
        body = _encoder.encode(link)
        raw = VERSION + _signature(self.keys[0], body) + body
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def verify(self, name: str, now_s: float) -> MediaLink:
        """What a signed name stands for; compared in constant time.

        Raises:
            BadLinkError: with the reason.
        """
        raw = _decoded(name)
        if len(raw) <= 1 + _SIGNATURE_BYTES or raw[:1] != VERSION:
            raise BadLinkError("unknown")
        signature, body = raw[1 : 1 + _SIGNATURE_BYTES], raw[1 + _SIGNATURE_BYTES :]
        # All keys are tried, whichever fits: how long it takes tells nothing.
        fits = [hmac.compare_digest(signature, _signature(key, body)) for key in self.keys]
        if not any(fits):
            raise BadLinkError("forged")
        try:
            link = _decoder.decode(body)
        except msgspec.DecodeError:
            raise BadLinkError("unknown") from None
        if link.expires_at and link.expires_at <= now_s:
            raise BadLinkError("expired")
        return link


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, VERSION + body, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _decoded(name: str) -> bytes:
    if not name.isascii() or not 0 < len(name) <= LONGEST:
        raise BadLinkError("unknown")
    try:
        raw = base64.b64decode(name + "=" * (-len(name) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadLinkError("unknown") from None
    # Base64 has several spellings of one value; only ours is a link.
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != name:
        raise BadLinkError("unknown")
    return raw
