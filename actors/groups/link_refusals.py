"""Why a deal that was named outside Telegram is not linked: a code for programs and a sentence for people. Pure.

The group's actor leaves both in the ``error`` of the delivery that looked the deal up; whoever gave the command reads
them there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEAL_NOT_FOUND = "deal_not_found"
DEAL_DELETED = "deal_deleted"
OTHER_BOT = "linked_by_other_bot"
NO_ROOM = "no_room"
LAPSED = "lapsed"
REFUSED = "link_refused"
"""For any other reason."""
FAILED = "link_failed"
"""Not refused but given up; the text is for operators."""

_TOLD = re.compile(r"([a-z_]{1,40}): (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LinkRefusal:
    """See the module."""

    code: str
    text: str

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


def read_refusal(error: str) -> LinkRefusal:
    """What a delivery's ``error`` says; one without a code is a failure of another kind."""
    match = _TOLD.fullmatch(error)
    return LinkRefusal(match[1], match[2]) if match is not None else LinkRefusal(FAILED, error)
