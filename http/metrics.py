"""GET /metrics: the process in Prometheus' text format.

Request and hook counters are kept here, one registry per application, so that two applications in one process (tests,
the sandbox) do not mix. Everything else is collected from snapshots at the moment of the scrape. Labels are kinds,
states, routes and reasons, never keys: their number must not grow with accounts, bots or groups.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import trio
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from quart import Blueprint, Response, g, request
from quart_trio import QuartTrio

from dealgram.gateways.gates import GatesFigures
from dealgram.http.access import require_operator
from dealgram.http.account_ports import STATUSES, SUBSCRIPTION_STATES, AccountFigures
from dealgram.http.errors import route_template
from dealgram.http.ports import HttpServices, OutboxFigures
from dealgram.persistence import WriterStatistics
from dealgram.runtime import LoopLag, SystemSnapshot

_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class RequestFigures:
    """Counters of one application's requests and hooks."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._requests = Counter(
            "dealgram_http_requests",
            "Answered HTTP requests.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "dealgram_http_request_seconds",
            "Time from the request's headers to its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._accepted = Counter(
            "dealgram_hooks_accepted",
            "Genuine hooks answered 200.",
            ("hook", "outcome"),
            registry=self.registry,
        )
        self._refused = Counter(
            "dealgram_hooks_refused",
            "Hooks that were not taken in.",
            ("hook", "reason"),
            registry=self.registry,
        )

    def hook_accepted(self, hook: str, outcome: str) -> None:
        """Count one hook that was taken in."""
        self._accepted.labels(hook, outcome).inc()

    def hook_refused(self, hook: str, reason: str) -> None:
        """Count one hook that was not taken in."""
        self._refused.labels(hook, reason).inc()

    def watch(self, app: QuartTrio) -> None:
        """Count and time every answered request of this application."""

        @app.before_request
        async def _started() -> None:
            g.started_at = trio.current_time()

        @app.after_request
        async def _answered(response: Response) -> Response:
            route = route_template()
            # The method is the sender's text: unknown ones share one label value.
            method = request.method if request.method in _METHODS else "other"
            self._requests.labels(method, route, str(response.status_code)).inc()
            self._seconds.labels(route).observe(trio.current_time() - g.started_at)
            return response


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """What one scrape sees."""

    system: SystemSnapshot
    lag: LoopLag
    journal: WriterStatistics | None
    outbox: OutboxFigures | None
    accounts: AccountFigures
    gates: GatesFigures | None


class _MomentCollector(Collector):
    """Turns one moment into metric families."""

    def __init__(self, moment: _Moment) -> None:
        self._moment = moment

    def collect(self) -> Iterator[Metric]:
        yield from _actor_families(self._moment.system)
        yield from _loop_families(self._moment.lag)
        if self._moment.journal is not None:
            yield from _journal_families(self._moment.journal)
        yield from _outbox_families(self._moment.outbox)
        yield from _account_families(self._moment.accounts)
        if self._moment.gates is not None:
            yield from _gate_families(self._moment.gates)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)


def _actor_families(system: SystemSnapshot) -> Iterator[Metric]:
    states: Tally[tuple[str, str]] = Tally()
    mailbox: Tally[str] = Tally()
    deepest: dict[str, int] = {}
    backlog: Tally[str] = Tally()
    lanes: Tally[tuple[str, str]] = Tally()
    for actor in system.actors:
        kind = actor.address.kind
        states[kind, actor.state.value] += 1
        mailbox[kind] += actor.mailbox
        deepest[kind] = max(deepest.get(kind, 0), actor.mailbox)
        backlog[kind] += actor.backlog
        lanes[kind, "running"] += actor.lanes.running
        lanes[kind, "queued"] += actor.lanes.queued
        lanes[kind, "waiting"] += actor.lanes.waiting

    family = GaugeMetricFamily("dealgram_actors", "Activated actors.", labels=("kind", "state"))
    for (kind, state), count in sorted(states.items()):
        family.add_metric((kind, state), count)
    yield family
    for name, text, values in (
        ("dealgram_mailbox_messages", "Messages in mailboxes.", mailbox),
        ("dealgram_mailbox_deepest", "Messages in the fullest mailbox.", deepest),
        ("dealgram_actors_with_backlog", "Actors whose journal holds more than their mailbox.", backlog),
    ):
        family = GaugeMetricFamily(name, text, labels=("kind",))
        for kind, count in sorted(values.items()):
            family.add_metric((kind,), count)
        yield family
    family = GaugeMetricFamily("dealgram_lanes", "Lanes with work.", labels=("kind", "state"))
    for (kind, state), count in sorted(lanes.items()):
        family.add_metric((kind, state), count)
    yield family

    # tells, restarts, dead letters, passivations, ask timeouts, …
    events = CounterMetricFamily("dealgram_runtime_events", "What the actor system counted.", labels=("event",))
    for event, count in asdict(system.counters).items():
        events.add_metric((event,), count)
    yield events


def _loop_families(lag: LoopLag) -> Iterator[Metric]:
    yield _gauge("dealgram_loop_lag_seconds", "How late the event loop last woke a timer.", lag.last_s)
    yield _gauge("dealgram_loop_lag_max_seconds", "The event loop's greatest lag since the start.", lag.max_s)


def _journal_families(journal: WriterStatistics) -> Iterator[Metric]:
    yield _counter("dealgram_journal_commits", "Transactions of the journal's writer.", journal.commits)
    yield _counter("dealgram_journal_operations", "Requests committed by the journal's writer.", journal.operations)
    yield _counter("dealgram_journal_entries", "Inbox entries committed.", journal.entries)
    yield _counter("dealgram_journal_deliveries", "Outbox rows committed.", journal.deliveries)
    yield _counter("dealgram_journal_failed_operations", "Requests that failed alone.", journal.failed_operations)
    yield _counter(
        "dealgram_journal_repeated_batches", "Transactions that had to be repeated.", journal.repeated_batches
    )
    yield _gauge("dealgram_journal_queued", "Requests that wait for the journal's writer.", journal.queue_depth)
    yield _gauge("dealgram_journal_last_batch", "Requests in the writer's last transaction.", journal.last_batch)
    yield _gauge("dealgram_journal_largest_batch", "Requests in its largest transaction.", journal.largest_batch)
    yield _gauge("dealgram_journal_last_commit_seconds", "Duration of its last transaction.", journal.last_commit_s)
    yield _gauge("dealgram_journal_unavailable", "Whether the writer waits for the database.", journal.unavailable)


def _outbox_families(outbox: OutboxFigures | None) -> Iterator[Metric]:
    yield _gauge("dealgram_database_up", "Whether the database answered this scrape.", float(outbox is not None))
    if outbox is None:
        return
    yield _gauge("dealgram_outbox_pending", "Deliveries that wait, of accounts that are paid for.", outbox.pending)
    age = "Age of the oldest delivery that waits, of accounts that are paid for."
    yield _gauge("dealgram_outbox_oldest_seconds", age, outbox.oldest_age_s)
    yield _gauge("dealgram_outbox_kept", "Deliveries that wait until somebody pays for their account.", outbox.kept)
    yield _gauge("dealgram_dead_letters", "Dead letters that nobody has resolved.", outbox.dead_letters)


def _gate_families(gates: GatesFigures) -> Iterator[Metric]:
    calls = GaugeMetricFamily("dealgram_amocrm_calls", "Calls to amoCRM.", labels=("service", "state"))
    for state, figures in (("in_flight", gates.in_flight), ("waiting", gates.waiting)):
        for service, count in sorted(figures.items()):
            calls.add_metric((service, state), count)
    yield calls
    ways = GaugeMetricFamily(
        "dealgram_amocrm_gates", "Accounts by the state of their gate.", labels=("service", "state")
    )
    for (service, state), count in sorted(gates.states.items()):
        ways.add_metric((service, state), count)
    yield ways
    troubles = GaugeMetricFamily("dealgram_amocrm_troubles", "Accounts that amoCRM does not serve.", labels=("kind",))
    for kind, count in sorted(gates.troubles.items()):
        troubles.add_metric((kind,), count)
    yield troubles
    text = "Accounts that wait for the shared rate of requests."
    yield _gauge("dealgram_amocrm_egress_waiting", text, gates.egress_waiting)


def _account_families(accounts: AccountFigures) -> Iterator[Metric]:
    by_status = GaugeMetricFamily("dealgram_accounts", "Connected amoCRM accounts.", labels=("status",))
    for status in STATUSES:
        by_status.add_metric((status,), accounts.by_status.get(status, 0))
    yield by_status
    paid = GaugeMetricFamily(
        "dealgram_subscriptions", "Accounts that are not removed, by what is paid for them.", labels=("state",)
    )
    for state in SUBSCRIPTION_STATES:
        paid.add_metric((state,), accounts.by_subscription.get(state, 0))
    yield paid
    yield _gauge("dealgram_accounts_in_trouble", "Accounts that amoCRM refuses at the moment.", accounts.with_trouble)
    if accounts.failed_steps is not None:
        yield _gauge("dealgram_setup_steps_failed", "Steps of accounts' setups that failed.", accounts.failed_steps)


def routes(services: HttpServices, figures: RequestFigures) -> Blueprint:
    """Build the metrics route."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    async def metrics() -> Response:
        require_operator(services.ops_token)
        outbox = await services.metrics.outbox()
        moment = _Moment(
            system=services.health.actors(),
            lag=services.health.loop_lag(),
            journal=services.metrics.journal(),
            outbox=outbox,
            accounts=await services.accounts.account_figures(),
            gates=services.metrics.gates(),
        )
        scrape = CollectorRegistry(auto_describe=False)
        scrape.register(_MomentCollector(moment))
        return Response(generate_latest(figures.registry) + generate_latest(scrape), content_type=_CONTENT_TYPE)

    return blueprint
