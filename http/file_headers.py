"""The headers under which a stranger's file leaves our address: its type, its name, and that nothing in it may run.

Type and name come from whoever sent the file. Promises: no browser shows anything of it but pictures, sounds and films;
what could hold a script is called an octet stream; a name is one line without a path, also for clients that read only
ASCII.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

OCTETS = "application/octet-stream"
_NAME_CHARACTERS = 120

_SHOWN = re.compile(r"image/(?:jpeg|png|webp|gif)|(?:audio|video)/[a-z0-9][a-z0-9.-]*")
"""Types that a browser may show in place. None has a plus: ``…+xml`` is read as XML whatever stands before it."""
_SAVED = re.compile(
    r"application/(?:pdf|zip|gzip|rtf|msword|json|x-[a-z0-9.-]+|vnd\.[a-z0-9.-]+)"
    r"|text/(?:plain|csv)|image/(?:avif|bmp|heic|heif|tiff|vnd\.[a-z0-9.-]+|x-[a-z0-9.-]+)"
)
"""Types that are told and never shown. All others might be active (HTML, SVG, scripts)."""
_ACTIVE = re.compile(r"script|html|xml|flash")


def file_headers(content_type: str, file_name: str) -> dict[str, str]:
    """Content-Type, Content-Disposition, and what keeps browsers from guessing and running."""
    shown = _SHOWN.fullmatch(content_type) is not None
    saved = _SAVED.fullmatch(content_type) is not None and not _ACTIVE.search(content_type)
    name = plain_name(file_name)
    headers = {
        "Content-Type": content_type if shown or saved else OCTETS,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Referrer-Policy": "no-referrer",
    }
    if name or not shown:
        headers["Content-Disposition"] = _disposition("inline" if shown else "attachment", name or "file")
    return headers


def plain_name(name: str) -> str:
    """A sender's file name as a name alone: no path, no control or formatting characters, nothing hidden."""
    kept = "".join("_" if _is_unfit(letter) else letter for letter in name)
    kept = kept.strip().lstrip(".").rstrip(". ")
    if len(kept) > _NAME_CHARACTERS:
        stem, dot, ending = kept.rpartition(".")
        ending = f"{dot}{ending}" if stem and len(ending) <= 20 else ""
        kept = kept[: _NAME_CHARACTERS - len(ending)] + ending
    return kept


def _is_unfit(letter: str) -> bool:
    return letter in '/\\:*?"<>|' or unicodedata.category(letter) in _UNFIT


_UNFIT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _disposition(how: str, name: str) -> str:
    """RFC 6266, with RFC 8187's form of the name; the other form is for clients that do not know it."""
    plain = "".join(letter if letter.isascii() and letter != "%" else "_" for letter in name)
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
