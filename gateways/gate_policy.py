"""The figures of the gates in front of amoCRM (`gateways.gate`), and what a gate shows of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dealgram.gateways.breaker import Pauses
from dealgram.gateways.trouble import Trouble

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0


class Service(StrEnum):
    """The services of one account behind its gate."""

    REST = "rest"
    CHATS = "chats"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePolicy:
    """The figures of all gates.

    Attributes:
        calls_at_once: calls in flight per account and service.
        rest_rate_per_s, chats_rate_per_s: requests of one account in a second; None for no pace.
        egress_rate_per_s: REST requests of all accounts in a second.
        patience_s: how long a call may wait in line.
        short_pause_s: a pause that was asked for is waited out in line up to this length.
        most_wait_s: the longest `retry_after_s` that is told: those who wait look again that often, at no cost.
        shown_pause_s: a pause (429) is a trouble worth showing from this length on.
        open_after: failures in a row that open a breaker.
    """

    calls_at_once: int = 8
    rest_rate_per_s: float = 6.0
    chats_rate_per_s: float | None = None
    egress_rate_per_s: float = 50.0
    patience_s: float = 60.0
    short_pause_s: float = 5.0
    most_wait_s: float = 60.0
    shown_pause_s: float = 10.0
    open_after: int = 5
    hasty: Pauses = field(default_factory=lambda: Pauses(first_s=1, most_s=_MINUTE_S))
    unavailable: Pauses = field(default_factory=lambda: Pauses(first_s=2, most_s=_MINUTE_S))
    bad_signature: Pauses = field(default_factory=lambda: Pauses(first_s=30, most_s=5 * _MINUTE_S))
    ip_blocked: Pauses = field(default_factory=lambda: Pauses(first_s=5 * _MINUTE_S, most_s=5 * _MINUTE_S))
    no_rights: Pauses = field(default_factory=lambda: Pauses(first_s=5 * _MINUTE_S, most_s=5 * _MINUTE_S))
    blocked: Pauses = field(default_factory=lambda: Pauses(first_s=10 * _MINUTE_S, most_s=_HOUR_S))
    unpaid: Pauses = field(default_factory=lambda: Pauses(first_s=_DAY_S, most_s=_DAY_S, jitter=0.05))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceFigures:
    """One service of one account at this moment. `state`: closed, open, half_open, or paused (429)."""

    in_flight: int
    waiting: int
    state: str
    left_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFigures:
    """One gate at this moment."""

    services: Mapping[Service, ServiceFigures]
    trouble: Trouble | None
