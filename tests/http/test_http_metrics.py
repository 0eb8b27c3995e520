"""GET /metrics: what a Prometheus parser reads, and that no label ever holds a key."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dealgram.gateways.gate_policy import Service
from dealgram.gateways.gates import GatesFigures
from dealgram.gateways.trouble import TroubleKind
from dealgram.http.ports import OutboxFigures
from dealgram.persistence import WriterStatistics
from dealgram.runtime import Counters


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


async def test_a_scrape_is_readable_and_complete(world, actor):
    world.health.known = [
        actor("group", "12", mailbox=3, lanes=(1, 0, 2)),
        actor("group", "13", mailbox=5, backlog=True),
        actor("group", "14", state="failed"),
        actor("bot", "700", lanes=(0, 4, 0)),
    ]
    world.health.counters = Counters(restarts=8, dead_letters=2, ask_timeouts=1)
    world.health.lag.last_s, world.health.lag.max_s = 0.25, 0.5
    world.metrics.journal_figures = WriterStatistics(
        commits=10,
        operations=50,
        entries=40,
        deliveries=30,
        failed_operations=1,
        repeated_batches=2,
        queue_depth=3,
        last_batch=4,
        recent_mean_batch=5.0,
        largest_batch=9,
        last_commit_s=0.0125,
        unavailable=True,
    )
    world.metrics.outbox_figures = OutboxFigures(pending=6, oldest_age_s=12.5, dead_letters=7, kept=11)
    world.metrics.gates_figures = GatesFigures(
        in_flight={Service.REST: 3, Service.CHATS: 1},
        waiting={Service.REST: 40},
        states={(Service.REST, "closed"): 8, (Service.REST, "open"): 1},
        troubles={TroubleKind.UNPAID: 2},
        egress_waiting=4,
    )
    answer = await world.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = samples(answer.text)
    assert value(found, "dealgram_actors", kind="group", state="running") == 2
    assert value(found, "dealgram_actors", kind="group", state="failed") == 1
    assert value(found, "dealgram_actors", kind="bot", state="running") == 1
    assert value(found, "dealgram_mailbox_messages", kind="group") == 8
    assert value(found, "dealgram_mailbox_deepest", kind="group") == 5
    assert value(found, "dealgram_actors_with_backlog", kind="group") == 1
    assert value(found, "dealgram_lanes", kind="group", state="waiting") == 2
    assert value(found, "dealgram_lanes", kind="bot", state="queued") == 4
    assert value(found, "dealgram_runtime_events_total", event="restarts") == 8
    assert value(found, "dealgram_runtime_events_total", event="dead_letters") == 2
    assert value(found, "dealgram_outbox_kept") == 11
    assert value(found, "dealgram_loop_lag_seconds") == 0.25
    assert value(found, "dealgram_loop_lag_max_seconds") == 0.5
    assert value(found, "dealgram_journal_commits_total") == 10
    assert value(found, "dealgram_journal_entries_total") == 40
    assert value(found, "dealgram_journal_deliveries_total") == 30
    assert value(found, "dealgram_journal_queued") == 3
    assert value(found, "dealgram_journal_last_batch") == 4
    assert value(found, "dealgram_journal_last_commit_seconds") == 0.0125
    assert value(found, "dealgram_journal_unavailable") == 1
    assert value(found, "dealgram_database_up") == 1
    assert value(found, "dealgram_outbox_pending") == 6
    assert value(found, "dealgram_outbox_oldest_seconds") == 12.5
    assert value(found, "dealgram_dead_letters") == 7
    assert value(found, "dealgram_amocrm_calls", service="rest", state="in_flight") == 3
    assert value(found, "dealgram_amocrm_calls", service="rest", state="waiting") == 40
    assert value(found, "dealgram_amocrm_calls", service="chats", state="in_flight") == 1
    assert value(found, "dealgram_amocrm_gates", service="rest", state="closed") == 8
    assert value(found, "dealgram_amocrm_gates", service="rest", state="open") == 1
    assert value(found, "dealgram_amocrm_troubles", kind="unpaid") == 2
    assert value(found, "dealgram_amocrm_egress_waiting") == 4


async def test_a_scrape_without_the_database_says_so_and_shows_the_rest(world):
    found = samples(await world.scrape())
    assert value(found, "dealgram_database_up") == 0
    assert ("dealgram_outbox_pending", ()) not in found
    assert ("dealgram_journal_commits_total", ()) not in found
    assert ("dealgram_loop_lag_seconds", ()) in found


async def test_requests_are_counted_by_route_and_status_and_never_by_key(world):
    await world.client.post("/telegram/very-secret-key", content=b"{}")
    await world.client.post("/telegram/another-secret-key", content=b"{}")
    await world.client.get("/wp-login.php")
    await world.client.request("BREW", "/telegram/very-secret-key")
    await world.client.get("/health/live")
    text = await world.scrape()
    found = samples(text)
    assert value(found, "dealgram_http_requests_total", method="POST", route="/telegram/<key>", status="404") == 2
    assert value(found, "dealgram_http_requests_total", method="GET", route="unmatched", status="404") == 1
    assert value(found, "dealgram_http_requests_total", method="other", route="unmatched", status="405") == 1
    assert value(found, "dealgram_http_requests_total", method="GET", route="/health/live", status="200") == 1
    assert value(found, "dealgram_http_request_seconds_count", route="/telegram/<key>") == 2
    assert value(found, "dealgram_hooks_refused_total", hook="telegram", reason="unknown") == 2
    for key in ("very-secret-key", "another-secret-key", "wp-login", "BREW"):
        assert key not in text


async def test_two_applications_count_apart(world, serve_world, services):
    other = await serve_world(services)
    await other.client.get("/health/live")
    found = samples(await world.scrape())
    with pytest.raises(KeyError):
        value(found, "dealgram_http_requests_total", method="GET", route="/health/live", status="200")
