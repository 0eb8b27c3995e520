"""All gates of this process: one per account, with what accounts share and have to share fairly.

Accounts are named by their id. Before an account's id is known (its installation begins with a host, the Chats API
names it by a scope), its calls go through a gate of that name; such gates are few and forgotten in turn, because
anybody may send us the name of a host.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dealgram.gateways.gate import Gate
from dealgram.gateways.gate_policy import GatePolicy, Service
from dealgram.gateways.places import Places
from dealgram.gateways.trouble import Trouble, TroubleKind
from dealgram.runtime import TokenBucket

_log = logging.getLogger(__name__)

CONNECTIONS = 100
"""Connections of the transport of each service, see `HttpTransport`."""

PLACES = 90
"""Of those, what gates give out. The others are for OAuth and for what is being closed."""

_EGRESS_BURST_S = 0.1
_MOST_NEWCOMERS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class GatesFigures:
    """All gates together, for metrics: nothing here grows with the number of accounts.

    Attributes:
        in_flight, waiting: calls by service.
        states: gates by service and state.
        troubles: accounts by trouble.
        egress_waiting: accounts that wait for the shared bucket.
    """

    in_flight: Mapping[Service, int]
    waiting: Mapping[Service, int]
    states: Mapping[tuple[Service, str], int]
    troubles: Mapping[TroubleKind, int]
    egress_waiting: int


class Gates:
    """Makes gates and keeps them.

    Attributes:
        account_of_scope: which account a scope of the Chats API is; set by whoever knows accounts.
        on_trouble: called with an account's id when its trouble has changed (None: there is none any more), and once
            after its first call that went well.
    """

    def __init__(
        self,
        policy: GatePolicy | None = None,
        *,
        rng: random.Random | None = None,
        now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
    ) -> None:
        self.policy = policy or GatePolicy()
        self._rng = rng or random.Random()  # noqa: S311 - jitter, not secrets
        self._now = now
        self._places = {service: Places(PLACES, self.policy.calls_at_once) for service in Service}
        egress = self.policy.egress_rate_per_s
        self._egress = TokenBucket(egress, max(1.0, egress * _EGRESS_BURST_S))
        self._gates: dict[int, Gate] = {}
        self._newcomers: OrderedDict[str, Gate] = OrderedDict()
        self._unsigned: set[int | str] = set()  # gates whose signature was refused last
        self.account_of_scope: Callable[[str], int | None] = lambda scope_id: None
        self.on_trouble: Callable[[int, Trouble | None], object] = lambda account_id, trouble: None

    def of(self, account_id: int, host: str | None = None) -> Gate:
        """The gate of an account; that of its `host` becomes it, if the account came through that one."""
        gate = self._gates.get(account_id)
        if gate is None:
            gate = (self._newcomers.pop(_host(host), None) if host is not None else None) or self._make()
            self._gates[account_id] = gate
            gate.on_trouble = lambda trouble: self._told(account_id, trouble)
        return gate

    def of_host(self, base_url: str) -> Gate:
        """The gate of an account of which only the base URL is known yet."""
        return self._newcomer(_host(base_url))

    def of_scope(self, scope_id: str) -> Gate:
        """The gate of the account of a Chats API scope."""
        account_id = self.account_of_scope(scope_id)
        return self.of(account_id) if account_id is not None else self._newcomer(f"scope {scope_id}")

    def forget(self, account_id: int) -> None:
        """The account is gone. Calls that are under way end undisturbed."""
        self._gates.pop(account_id, None)
        self._unsigned.discard(account_id)

    def figures(self) -> GatesFigures:
        """The sums of this moment."""
        in_flight: Counter[Service] = Counter()
        waiting: Counter[Service] = Counter()
        states: Counter[tuple[Service, str]] = Counter()
        troubles: Counter[TroubleKind] = Counter()
        for gate in (*self._gates.values(), *self._newcomers.values()):
            found = gate.figures()
            for service, figures in found.services.items():
                in_flight[service] += figures.in_flight
                waiting[service] += figures.waiting
                states[service, figures.state] += 1
            if found.trouble is not None:
                troubles[found.trouble.kind] += 1
        return GatesFigures(
            in_flight=in_flight,
            waiting=waiting,
            states=states,
            troubles=troubles,
            egress_waiting=self._egress.statistics().waiting,
        )

    def _newcomer(self, name: str) -> Gate:
        gate = self._newcomers.get(name)
        if gate is None:
            if len(self._newcomers) >= _MOST_NEWCOMERS:
                self._newcomers.popitem(last=False)
            gate = self._newcomers[name] = self._make()
            gate.on_trouble = lambda trouble: self._sign(name, trouble)
        self._newcomers.move_to_end(name)
        return gate

    def _make(self) -> Gate:
        return Gate(self.policy, self._places, self._egress, rng=self._rng, now=self._now)

    def _told(self, account_id: int, trouble: Trouble | None) -> None:
        self._sign(account_id, trouble)
        self.on_trouble(account_id, trouble)

    def _sign(self, name: int | str, trouble: Trouble | None) -> None:
        """A refused signature is the service's trouble, whichever account meets it: one alarm for all of them."""
        was_fine = not self._unsigned
        if trouble is not None and trouble.kind is TroubleKind.BAD_SIGNATURE:
            self._unsigned.add(name)
            if was_fine:
                _log.critical("amoCRM refuses our signature of the Chats API: check the channel's secret and the clock")
        elif name in self._unsigned:
            self._unsigned.discard(name)
            if not self._unsigned:
                _log.warning("amoCRM accepts our signature of the Chats API again")


def _host(base_url: str) -> str:
    return base_url.rstrip("/").lower()
