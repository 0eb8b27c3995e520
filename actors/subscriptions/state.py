"""The state of an account's paid life, computed from its times. Pure; nothing here is stored.

trial → active until a date → lapsed, and active again when somebody pays. "Has lapsed" is a question to the clock and
never a flag: nobody has to notice that a moment has come.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Literal

from dealgram.persistence.subscriptions import Lapse, Stored

State = Literal["trial", "active", "lapsed"]
Phase = Literal["ending", "lapsed"]

ENDING_DAYS = 3
"""So many days before the end administrators are told of it."""
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Until when an account is served. All moments are aware of their zone."""

    trial_until: dt.datetime
    paid_until: dt.datetime | None = None
    lapses: tuple[Lapse, ...] = ()
    """Times for which the account had lapsed, each ended by a payment, in order: from, to."""
    dropped: int = 0
    """Messages that were kept for too long during the lapse that began at ``dropped_for``, and are lost."""
    dropped_for: dt.datetime | None = None

    @classmethod
    def of(cls, row: Stored) -> Subscription:
        """The subscription as it is stored."""
        return cls(
            trial_until=row.trial_until,
            paid_until=row.paid_until,
            lapses=row.lapses,
            dropped=row.dropped,
            dropped_for=row.dropped_for,
        )

    @property
    def until(self) -> dt.datetime:
        """The end of the access, past or to come."""
        return self.trial_until if self.paid_until is None else max(self.trial_until, self.paid_until)

    @property
    def resumed_at(self) -> dt.datetime | None:
        """When the latest lapse was ended by a payment; what is older waited through it."""
        return self.lapses[-1][1] if self.lapses else None

    def state(self, now: dt.datetime) -> State:
        """``active`` while it is paid, else ``trial`` while that lasts, else ``lapsed``."""
        if self.is_lapsed(now):
            return "lapsed"
        return "active" if self.paid_until is not None and now < self.paid_until else "trial"

    def is_lapsed(self, now: dt.datetime) -> bool:
        """Whether the access has ended."""
        return now >= self.until

    def was_lapsed(self, moment: dt.datetime) -> bool:
        """Whether the account had lapsed at a moment that is not later than now."""
        return moment >= self.until or any(since <= moment < to for since, to in self.lapses)

    def days_left(self, now: dt.datetime) -> int:
        """Days until the end, each that has begun counted; 0 when it has come."""
        return max(0, math.ceil((self.until - now) / _DAY))

    def is_ending(self, now: dt.datetime) -> bool:
        """Whether the end is near and has not come."""
        return not self.is_lapsed(now) and self.until - now <= ENDING_DAYS * _DAY

    def phase(self, now: dt.datetime) -> Phase | None:
        """What administrators are to be told of, if anything."""
        if self.is_lapsed(now):
            return "lapsed"
        return "ending" if self.is_ending(now) else None

    def dropped_lately(self, now: dt.datetime) -> int:
        """How many messages the present lapse, or the latest one while it is fresh, has cost."""
        if not self.dropped or self.dropped_for is None:
            return 0
        if self.is_lapsed(now):
            return self.dropped if self.dropped_for == self.until else 0
        return self.dropped if self.resumed_at is not None and now - self.resumed_at <= ENDING_DAYS * 5 * _DAY else 0
