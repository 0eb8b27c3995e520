"""Reading the deal that a person names in Telegram: a number or a link to the deal card.

Pure. What cannot be read gives a reason that the menu turns into a helpful Russian sentence.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

MAX_DEAL_ID = 2**31 - 1
"""amoCRM's ids of deals are 32-bit numbers; a longer one is a typing error, not a deal."""

_NUMBER = re.compile(r"(?:id|сделка|сделки|№|#|:|\s)*(\d[\d\s\u00a0]*)", re.IGNORECASE)
_PATH = re.compile(r"/leads/detail/(\d+)/?")


class Unreadable(enum.Enum):
    """Why a person's words do not name a deal of the account."""

    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    NOT_A_DEAL_LINK = "not_a_deal_link"
    FOREIGN_ACCOUNT = "foreign_account"


@dataclass(frozen=True, slots=True)
class DealReference:
    """A deal id that a person typed, not yet checked with amoCRM."""

    deal_id: int


def read_deal(text: str, account_host: str) -> DealReference | Unreadable:
    """Read a deal id from ``text``.

    Accepts ``12345``, ``№ 12345``, ``12 345`` and a link such as ``https://sub.amocrm.ru/leads/detail/12345``. A link
    must lead to the account's own host (``account_host``, a URL or a bare host); other hosts give ``FOREIGN_ACCOUNT``.
    """
    words = text.strip().strip("«»\"'()[].,;")
    if "/" in words or "://" in words:
        return _read_link(words, account_host)
    match = _NUMBER.fullmatch(words)
    if match is None:
        return Unreadable.NOT_A_NUMBER
    return _checked(re.sub(r"\D", "", match[1]))


def looks_like_deal(text: str) -> bool:
    """Whether a message that is no direct answer to the bot's question is still meant as one."""
    words = text.strip()
    return bool(re.fullmatch(r"[№#]?\s*\d{1,10}", words)) or (
        len(words) < 300 and not re.search(r"\s", words) and "/leads/detail/" in words
    )


def _read_link(words: str, account_host: str) -> DealReference | Unreadable:
    link = words if "://" in words else f"https://{words}"
    try:
        parts = urlsplit(link)
        host = parts.netloc.rpartition("@")[2].lower()
    except ValueError:
        return Unreadable.NOT_A_DEAL_LINK
    match = _PATH.fullmatch(parts.path)
    if match is None or not host:
        return Unreadable.NOT_A_DEAL_LINK
    own = (urlsplit(account_host).netloc if "://" in account_host else account_host).lower()
    if host != own:
        return Unreadable.FOREIGN_ACCOUNT
    return _checked(match[1])


def _checked(digits: str) -> DealReference | Unreadable:
    if not digits or len(digits) > 19 or not 0 < int(digits) <= MAX_DEAL_ID:
        return Unreadable.OUT_OF_RANGE
    return DealReference(int(digits))
