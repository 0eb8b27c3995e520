"""The updates that wait for one bot.

Owns numbering, retention, the filter by kind and the queues of a webhook. Promises: ids are sequential per bot (after
seven quiet days they go on from a random value, Bot API: Update); an update waits until it is confirmed or expires;
`allowed_updates` is remembered and never applied afterwards. Sources: telegram-facts §1.2, §1.3.
"""

from __future__ import annotations

import math
import random
from collections import OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import trio

from dealgram.sandbox.telegram.world import Json

RETENTION_S = 24 * 3600.0
CALLBACK_RETENTION_S = 150.0
_QUIET_S = 7 * 24 * 3600.0
ON_REQUEST = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
"""Kinds that are sent only to bots that asked for them."""

_LANES = {"callback_query": 3, "my_chat_member": 5, "chat_member": 6, "message_reaction": 8}


def lane_id(kind: str, *, chat_id: int, user_id: int) -> int:
    """The queue of an update: updates of one queue are delivered one after another, queues beside each other."""
    owner = user_id if kind in ("callback_query", "chat_member") else chat_id
    return owner + (_LANES.get(kind, 0) << 33)


@dataclass(frozen=True, slots=True)
class Pending:
    update_id: int
    kind: str
    lane: int
    body: Json
    expires_at: float


class UpdateQueue:
    """Not safe to share between threads; every method but `wait` is synchronous."""

    # Invariants: the ids in `_pending` rise; `_lanes` holds exactly the same ids, rising within each lane.

    def __init__(self, *, now: Callable[[], float], rng: random.Random, capacity: int) -> None:
        self._now = now
        self._rng = rng
        self._capacity = capacity
        self._pending: OrderedDict[int, Pending] = OrderedDict()
        self._next_expiry = math.inf
        self._lanes: dict[int, deque[int]] = {}
        self._next_id = rng.randrange(100_000_000, 900_000_000)
        self._last_at = now()
        self._arrival = trio.Event()
        self.allowed: frozenset[str] = frozenset()
        self.overflowed = 0

    def __len__(self) -> int:
        self._expire()
        return len(self._pending)

    @property
    def next_id(self) -> int:
        return self._next_id

    def allow(self, kinds: Collection[str] | None) -> None:
        """Remembers `allowed_updates`: None keeps the previous list, an empty one means the default."""
        if kinds is not None:
            self.allowed = frozenset(kinds)

    def wants(self, kind: str) -> bool:
        return kind in self.allowed if self.allowed else kind not in ON_REQUEST

    def push(self, kind: str, payload: object, *, lane: int, expires_at: float) -> int:
        """Adds an update, whether it is allowed or not, and returns its id."""
        return self.push_raw(kind, {kind: payload}, lane=lane, expires_at=expires_at)

    def push_raw(self, kind: str, body: Json, *, lane: int, expires_at: float) -> int:
        """Adds an update whose body is given but for its id."""
        now = self._now()
        if now - self._last_at > _QUIET_S:
            self._next_id = self._rng.randrange(100_000_000, 900_000_000)
            self.drop_all()  # older than a day anyway, and ids must rise
        self._last_at = now
        update_id = self._next_id
        self._next_id += 1
        self._pending[update_id] = Pending(update_id, kind, lane, {**body, "update_id": update_id}, expires_at)
        self._lanes.setdefault(lane, deque()).append(update_id)
        self._next_expiry = min(self._next_expiry, expires_at)
        if len(self._pending) > self._capacity:
            self.overflowed += 1
            self.remove(next(iter(self._pending)))
        self.signal()
        return update_id

    def signal(self) -> None:
        """Wakes everybody who waits for a change."""
        self._arrival.set()
        self._arrival = trio.Event()

    async def wait(self) -> None:
        """Until the next update arrives or `signal` is called."""
        await self._arrival.wait()

    def confirm_before(self, offset: int) -> None:
        """getUpdates' offset: a positive one confirms everything below it, a negative one keeps only the last ones.

        A positive offset beyond the newest id is bad and ignored, as the real server starts again at the head.
        """
        self._expire()
        if offset < 0:
            for update_id in list(self._pending)[:offset]:
                self.remove(update_id)
        elif offset <= self._next_id:
            while self._pending and (oldest := next(iter(self._pending))) < offset:
                self.remove(oldest)

    def head(self, limit: int) -> list[Pending]:
        """The oldest waiting updates, in order."""
        self._expire()
        return [pending for _, pending in zip(range(limit), self._pending.values(), strict=False)]

    def lane_heads(self, lanes: int) -> Iterator[Pending]:
        """The oldest update of each of the first `lanes` queues (all that a webhook looks at)."""
        self._expire()
        for _, ids in zip(range(lanes), list(self._lanes.values()), strict=False):
            yield self._pending[ids[0]]

    def remove(self, update_id: int) -> None:
        """Forgets an update that was confirmed, delivered or dropped; its queue goes behind the other queues."""
        pending = self._pending.pop(update_id, None)
        if pending is None:
            return
        ids = self._lanes.pop(pending.lane)
        ids.remove(update_id)
        if ids:
            self._lanes[pending.lane] = ids

    def drop_all(self) -> None:
        """`drop_pending_updates`."""
        self._pending.clear()
        self._lanes.clear()

    def _expire(self) -> None:
        now = self._now()
        if now < self._next_expiry:
            return
        for pending in [pending for pending in self._pending.values() if pending.expires_at <= now]:
            self.remove(pending.update_id)
        self._next_expiry = min((pending.expires_at for pending in self._pending.values()), default=math.inf)
