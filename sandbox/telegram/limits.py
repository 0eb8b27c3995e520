"""The flood limits of the Bot API (telegram-facts §1.1), switched off unless a test or a demo asks for them.

One message a second per chat with a short burst, 20 a minute per group, 30 a second per bot. A refused call takes
nothing from any allowance. Memory is bounded: chats that were quiet longest are forgotten first.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

_REMEMBERED_CHATS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The allowances. `chat_burst` messages may follow each other at once before `chat_per_s` counts."""

    chat_per_s: float = 1.0
    chat_burst: int = 3
    group_per_minute: int = 20
    bot_per_s: float = 30.0


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float

    def wait(self, now: float, rate: float, burst: float) -> float:
        """Seconds until there is a token; refills first."""
        self.tokens = min(burst, self.tokens + (now - self.at) * rate)
        self.at = now
        return 0.0 if self.tokens >= 1 else (1 - self.tokens) / rate


class FloodControl:
    """Counts against `limits()`, which may change at any time; None lets everything through."""

    def __init__(self, limits: Callable[[], Limits | None], now: Callable[[], float]) -> None:
        self._limits = limits
        self._now = now
        self._bots: dict[int, _Bucket] = {}
        self._chats: OrderedDict[tuple[int, int], tuple[_Bucket, deque[float]]] = OrderedDict()

    def take(self, bot_id: int, chat_id: int, count: int = 1) -> float:
        """Takes the allowance for a call: 0, or the seconds to wait, with nothing taken.

        An album of `count` messages counts as so many in the minute of a group (telegram-facts §1.1).
        """
        limits = self._limits()
        if limits is None:
            return 0.0
        now = self._now()
        bot = self._bots.setdefault(bot_id, _Bucket(limits.bot_per_s, now))
        bucket, minute = self._chat(bot_id, chat_id, limits, now)
        while minute and minute[0] <= now - 60:
            minute.popleft()
        waits = [
            bot.wait(now, limits.bot_per_s, limits.bot_per_s),
            bucket.wait(now, limits.chat_per_s, limits.chat_burst),
        ]
        too_many = len(minute) + count - limits.group_per_minute
        if chat_id < 0 and minute and too_many > 0:
            waits.append(minute[min(too_many, len(minute)) - 1] + 60 - now)
        wait = max(waits)
        if wait > 0:
            return wait
        bot.tokens -= 1
        bucket.tokens -= 1
        minute.extend([now] * count)
        return 0.0

    def _chat(self, bot_id: int, chat_id: int, limits: Limits, now: float) -> tuple[_Bucket, deque[float]]:
        key = (bot_id, chat_id)
        if key not in self._chats:
            self._chats[key] = (_Bucket(limits.chat_burst, now), deque(maxlen=math.ceil(limits.group_per_minute)))
            if len(self._chats) > _REMEMBERED_CHATS:
                self._chats.popitem(last=False)
        self._chats.move_to_end(key)
        return self._chats[key]
