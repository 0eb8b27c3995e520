"""The health pages: live on the loop alone, ready with reasons, and every actor in filtered pages."""

from __future__ import annotations

import pytest

from dealgram.http.paging import MAX_LIMIT
from dealgram.http.ports import NotReady
from dealgram.runtime import Failure

TOKEN = {"Authorization": "Bearer operators-token"}


async def test_live_depends_on_the_loop_alone(world):
    world.health.reasons.append(NotReady(code="database", message="The database does not answer."))
    world.health.lag.last_s, world.health.lag.max_s = 0.0021, 0.2
    answer = await world.client.get("/health/live")
    assert answer.status_code == 200
    assert answer.json() == {"status": "alive", "loop_lag_s": 0.0021, "loop_lag_max_s": 0.2}
    assert answer.headers["Cache-Control"] == "no-store"
    world.health.lag.last_s = 10.5
    answer = await world.client.get("/health/live")
    assert (answer.status_code, answer.json()["status"]) == (503, "stalled")


async def test_ready_says_why_not(world):
    answer = await world.client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "reasons": []})
    world.health.reasons += [
        NotReady(code="database", message="No answer from postgresql://dealgram:hunter2@db."),
        NotReady(code="draining", message="The service is stopping."),
    ]
    answer = await world.client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not_ready",
        "reasons": [
            {"code": "database", "message": "No answer from postgresql://dealgram:***@db."},
            {"code": "draining", "message": "The service is stopping."},
        ],
    }


async def test_an_actor_is_shown_with_all_that_an_operator_needs(world, actor):
    world.health.known = [
        actor(
            "group",
            "12",
            state="backing_off",
            lanes=(1, 2, 3),
            mailbox=4,
            backlog=True,
            restarts=5,
            activations=6,
            last_error=Failure("ServiceFailed", "POST /bot700123456:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc/x: 502", "…"),
            last_error_at=1767225601.25,
            last_activity_at=1767225600.0,
            handling_s=1.23456,
            waiting_for="amojo",
        )
    ]
    answer = await world.client.get("/health/actors")
    assert answer.status_code == 200
    assert answer.json() == {
        "total": 1,
        "limit": 100,
        "offset": 0,
        "summary": {
            "by_state": {"backing_off": 1},
            "by_kind": {"group": 1},
            "mailbox": 4,
            "with_backlog": 1,
            "restarts": 5,
        },
        "actors": [
            {
                "kind": "group",
                "key": "12",
                "state": "backing_off",
                "mailbox": 4,
                "backlog": True,
                "lanes": {"running": 1, "queued": 2, "waiting": 3},
                "restarts": 5,
                "activations": 6,
                "last_error": "ServiceFailed: POST /bot700123456:***/x: 502",
                "last_error_at": "2026-01-01T00:00:01.250Z",
                "last_activity_at": "2026-01-01T00:00:00.000Z",
                "handling_s": 1.235,
                "waiting_for": "amojo",
            }
        ],
    }


async def test_pages_are_ordered_and_cover_everything_once(world, actor):
    keys = [str(number) for number in range(25)]
    world.health.known = [actor("group", key) for key in reversed(keys)] + [actor("bot", "x"), actor("bot", "7")]
    seen = []
    for offset in range(0, 30, 10):
        page = (await world.client.get(f"/health/actors?limit=10&offset={offset}")).json()
        assert page["total"] == 27
        assert page["summary"]["by_kind"] == {"bot": 2, "group": 25}
        seen += [(shown["kind"], shown["key"]) for shown in page["actors"]]
    assert seen == [("bot", "7"), ("bot", "x")] + [("group", key) for key in keys]
    assert (await world.client.get("/health/actors?offset=27")).json()["actors"] == []


async def test_filters_narrow_the_summary_too(world, actor):
    world.health.known = [
        actor("group", "12", state="failed", restarts=9),
        actor("group", "120"),
        actor("group", "7", state="failed"),
        actor("bot", "12", state="failed"),
    ]
    found = (await world.client.get("/health/actors?kind=group&state=failed&q=12")).json()
    assert [(shown["kind"], shown["key"]) for shown in found["actors"]] == [("group", "12")]
    assert found["summary"]["by_state"] == {"failed": 1}
    assert (await world.client.get("/health/actors?q=12")).json()["total"] == 3
    assert (await world.client.get("/health/actors?kind=nothing")).json()["total"] == 0


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("limit=0", f"limit must be a whole number from 1 to {MAX_LIMIT}"),
        (f"limit={MAX_LIMIT + 1}", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.0", "limit"),
        ("limit=%2B1", "limit"),
        ("limit=1_0", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("offset=-1", "offset must be a whole number from 0"),
        ("offset=99999999999", "offset"),
        ("limit=1&limit=2", "limit is given more than once"),
        ("limit=", "limit is empty"),
        ("state=sleeping", "state must be one of: starting, running, backing_off, failed, draining, stopped"),
        ("page=2", "'page'"),
    ],
)
async def test_a_wrong_query_is_explained(world, query, part):
    answer = await world.client.get(f"/health/actors?{query}")
    assert answer.status_code == 400
    assert part in answer.json()["error"]["message"]


async def test_the_operators_pages_need_the_token_where_one_is_set(serve_world, services):
    world = await serve_world(services, ops_token="operators-token")
    for path in ("/health/actors", "/metrics"):
        for headers in (
            {},
            {"Authorization": "operators-token"},
            {"Authorization": "Bearer"},
            {"Authorization": "Bearer operators-toke"},
            {"Authorization": "Basic operators-token"},
            {b"Authorization": b"Bearer \xff\xfe"},
        ):
            answer = await world.client.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "unauthorised"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert "operators-token" not in answer.text
        assert (await world.client.get(path, headers=TOKEN)).status_code == 200
        assert (await world.client.get(path, headers={"authorization": "bearer operators-token"})).status_code == 200
    for path in ("/health/live", "/health/ready"):
        assert (await world.client.get(path)).status_code == 200


async def test_the_token_is_not_in_the_services_text(services):
    assert "the-secret-token" not in repr(services.intake.bots["key-of-bot-700"])
    assert "Intake" not in repr(services)
