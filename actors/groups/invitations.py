"""Links that bring a bot into a group, as an administrator, and at once to a deal.

Telegram opens the choice of a group, adds the bot and writes ``/start@bot <payload>`` there in the person's name (Bot
API: deep linking; the payload may hold 64 characters). The payload of ours is ``d`` and the deal's number. It is no
secret, so that it counts for as much as the number typed by hand: the person has to be an administrator of the group.
"""

from __future__ import annotations

import re

_DEAL = re.compile(r"d([1-9][0-9]{0,15})")
_RIGHTS = "manage_chat"
"""The least that makes a bot an administrator, which sees all messages in any privacy mode (telegram-facts §1.6)."""


def invitation(username: str, deal_id: int | None = None) -> str:
    """The address to open in Telegram; with a deal, the group is linked to it when the bot is in."""
    payload = f"=d{deal_id}" if deal_id is not None else ""
    return f"https://t.me/{username}?startgroup{payload}&admin={_RIGHTS}"


def invited_deal(text: str, username: str) -> int | None:
    """The deal that a ``/start`` of an invitation names; None for any other text."""
    command, _, payload = text.strip().partition(" ")
    if command.lower() not in ("/start", f"/start@{username.lower()}"):
        return None
    match = _DEAL.fullmatch(payload.strip())
    return int(match[1]) if match is not None else None
