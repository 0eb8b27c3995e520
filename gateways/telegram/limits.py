"""Telegram's limits on sending, kept by us so that Telegram need not keep them (telegram-facts §1.1).

A send passes up to three token buckets: its chat's (about one a second, short bursts pass), its group's (20 a minute)
and its bot's (30 a second). An album counts as the messages that it is made of. The real limits are unpublished and
depend on what is sent, so a 429 is obeyed besides: it pauses that chat; only when a second chat of the same bot is told
to wait at the same time is the bot paused too, and never for long, because one chat can be told to wait for a day.

A chat that has to wait for long is parked: nobody waits for it here, and nothing is sent there until its time.

Bucket sizes are chosen so that no window of a minute (a second) ever holds more than Telegram allows: burst + rate x
window = limit. An album may be larger than the burst; before one, the last minute of its group is counted.
"""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import trio

from dealgram.gateways.errors import RateLimited
from dealgram.gateways.telegram.errors import SERVICE
from dealgram.runtime import TokenBucket

_LONGEST_BOT_PAUSE_S = 30.0
_TOGETHER_S = 30.0  # chats told to wait within this time were told so together
_MINUTE_S = 60.0
_LOOKED_AT = 8  # old chats looked at for each new one: more than one, so that a surplus shrinks
_EVICTABLE_AFTER_S = 60.0  # by then every bucket of a chat is full again: forgetting it changes nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Rates per second and burst sizes of the three buckets. ``park_from_s``: a longer wait parks its chat."""

    chat_rate_per_s: float = 1.0
    chat_burst: float = 3.0
    group_rate_per_s: float = 15 / 60
    group_burst: float = 5.0
    bot_rate_per_s: float = 25.0
    bot_burst: float = 5.0
    park_from_s: float = 60.0
    remembered_chats: int = 20_000


@dataclass(slots=True)
class _ChatLimit:
    buckets: tuple[TokenBucket, ...]
    used_at: float = 0.0
    users: int = 0
    parked_until: float = 0.0  # trio time
    sent: list[tuple[float, int]] | None = None  # when how many messages went to a group within the last minute

    @property
    def pause_left_s(self) -> float:
        return max(bucket.statistics().pause_left_s for bucket in self.buckets)


@dataclass(slots=True)
class _BotLimit:
    bucket: TokenBucket
    told: dict[int, tuple[float, float]] = field(default_factory=dict)  # chat id -> when it was told to wait, till when


class TelegramLimits:
    """The buckets of all chats and bots. In memory only: after a restart everything starts full."""

    # Invariants:
    # - a chat that is paused, or that somebody waits for, is never forgotten;
    # - else at most `remembered_chats` chats are held, the least recently used go first.

    def __init__(self, settings: LimitSettings | None = None) -> None:
        self._settings = settings or LimitSettings()
        self._chats: OrderedDict[tuple[int, int], _ChatLimit] = OrderedDict()
        self._bots: dict[int, _BotLimit] = {}

    async def acquire(
        self, bot_id: int, chat_id: int, *, background: bool = False, count: int = 1, max_wait_s: float | None = None
    ) -> None:
        """Waits until `count` messages (an album) may be sent; in order of arrival within a chat. Negative chat ids are
        groups.

        `background`: a message that nobody waits for. In its chat and for its bot those that somebody waits for go
        first, though never more than `runtime.rate_limit.BACKGROUND_PATIENCE` in a row.

        Raises:
            RateLimited: the chat is parked, or a pause lasts longer than `max_wait_s` (by default the time from which
                chats are parked); `retry_after_s` says how long. Nothing was taken.
        """
        chat, bot = self._chat(bot_id, chat_id), self._bot(bot_id)
        longest_s = self._settings.park_from_s if max_wait_s is None else max_wait_s
        pause_s = max(chat.pause_left_s, bot.bucket.statistics().pause_left_s)
        if pause_s > longest_s or (max_wait_s is None and chat.parked_until > trio.current_time()):
            raise RateLimited(f"the chat is paused for {pause_s:.0f} s more", service=SERVICE, retry_after_s=pause_s)
        chat.users += 1
        try:
            if count > 1:
                await self._room_for(chat, count)
            # The bot's bucket last: whoever waits for a slow chat must not hold up the bot's other chats.
            for bucket in (*chat.buckets, bot.bucket):
                await bucket.acquire(count, background=background, owing=True)
            self._note_sent(chat, count)
        finally:
            chat.users -= 1
            chat.used_at = trio.current_time()

    async def _room_for(self, chat: _ChatLimit, count: int) -> None:
        """Waits until the group's last minute has room for an album."""
        room = self._settings.group_burst + self._settings.group_rate_per_s * _MINUTE_S
        while chat.sent:
            now = trio.current_time()
            chat.sent = [(at, sent) for at, sent in chat.sent if at > now - _MINUTE_S]
            if not chat.sent or sum(sent for _, sent in chat.sent) + count <= room:
                return
            await trio.sleep(max(chat.sent[0][0] + _MINUTE_S - now, 0.001))

    def _note_sent(self, chat: _ChatLimit, count: int) -> None:
        if len(chat.buckets) < 2:
            return  # a person's chat has no limit per minute
        now = trio.current_time()
        chat.sent = [(at, sent) for at, sent in chat.sent or () if at > now - _MINUTE_S]
        chat.sent.append((now, count))

    def try_acquire(self, bot_id: int, chat_id: int) -> bool:
        """True, and a message may be sent now; or False, and nothing was taken."""
        chat = self._chat(bot_id, chat_id)
        buckets = (*chat.buckets, self._bot(bot_id).bucket)
        if not _all_ready(buckets):
            return False
        chat.used_at = trio.current_time()
        taken = [bucket.try_acquire() for bucket in buckets]
        assert all(taken), "a bucket that was ready gave nothing"
        self._note_sent(chat, 1)
        return True

    def pause(self, bot_id: int, chat_id: int, retry_after_s: float) -> bool:
        """Telegram answered 429 to a message for this chat. True: the wait is so long that the chat is parked."""
        now = trio.current_time()
        chat, bot = self._chat(bot_id, chat_id), self._bot(bot_id)
        parked = self._hold(chat, retry_after_s)
        bot.told = {
            other: (heard, end) for other, (heard, end) in bot.told.items() if end > now and heard > now - _TOGETHER_S
        }
        bot.told[chat_id] = (now, now + retry_after_s)
        if len(bot.told) >= 2:
            bot.bucket.pause_for(min(retry_after_s, _LONGEST_BOT_PAUSE_S))
        return parked

    def recall(self, bot_id: int, chat_id: int, left_s: float) -> None:
        """A chat was parked in an earlier life and is for `left_s` more; that says nothing of the bot."""
        chat = self._chat(bot_id, chat_id)
        self._hold(chat, left_s)
        chat.parked_until = max(chat.parked_until, trio.current_time() + left_s)

    def _hold(self, chat: _ChatLimit, wait_s: float) -> bool:
        chat.buckets[0].pause_for(wait_s)
        parked = wait_s >= self._settings.park_from_s
        if parked:
            chat.parked_until = max(chat.parked_until, trio.current_time() + wait_s)
        return parked

    def parked_left_s(self, bot_id: int, chat_id: int) -> float:
        """Seconds until a parked chat may be written to again; 0 if it is not parked."""
        found = self._chats.get((bot_id, chat_id))
        return max(0.0, found.parked_until - trio.current_time()) if found else 0.0

    def pause_left_s(self, bot_id: int, chat_id: int) -> float:
        """Seconds until the chat's (or the bot's) pause ends; 0 without one."""
        found = self._chats.get((bot_id, chat_id))
        bot = self._bots.get(bot_id)
        return max(found.pause_left_s if found else 0.0, bot.bucket.statistics().pause_left_s if bot else 0.0)

    def forget_bot(self, bot_id: int) -> None:
        """Drops what is known of a removed bot; its idle chats leave by age."""
        self._bots.pop(bot_id, None)

    def __len__(self) -> int:
        """Chats held."""
        return len(self._chats)

    def _bot(self, bot_id: int) -> _BotLimit:
        limit = self._bots.get(bot_id)
        if limit is None:
            settings = self._settings
            limit = self._bots[bot_id] = _BotLimit(TokenBucket(settings.bot_rate_per_s, settings.bot_burst))
        return limit

    def _chat(self, bot_id: int, chat_id: int) -> _ChatLimit:
        key = (bot_id, chat_id)
        limit = self._chats.get(key)
        if limit is None:
            settings = self._settings
            buckets = [TokenBucket(settings.chat_rate_per_s, settings.chat_burst)]
            if chat_id < 0:
                buckets.append(TokenBucket(settings.group_rate_per_s, settings.group_burst))
            limit = self._chats[key] = _ChatLimit(tuple(buckets), used_at=trio.current_time())
            self._evict()
        self._chats.move_to_end(key)
        return limit

    def _evict(self) -> None:
        """Forgets the least recently used chats above the bound, as far as forgetting them changes nothing."""
        now = trio.current_time()
        for key in list(itertools.islice(self._chats, _LOOKED_AT)):
            if len(self._chats) <= self._settings.remembered_chats:
                return
            limit = self._chats[key]
            if limit.users or limit.pause_left_s:
                self._chats.move_to_end(key)  # or a few long pauses would stand in the way for ever
            elif now - limit.used_at >= _EVICTABLE_AFTER_S:
                del self._chats[key]


def _all_ready(buckets: Sequence[TokenBucket]) -> bool:
    figures = [bucket.statistics() for bucket in buckets]
    return all(not one.waiting and one.available >= 1 and not one.pause_left_s for one in figures)
