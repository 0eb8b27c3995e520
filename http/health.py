"""The health pages: is the process alive, should it get traffic, and what is every actor doing.

`/health/live` depends on the event loop alone: restarting a process does not mend a database. `/health/ready` gathers
what a request needs. `/health/actors` shows the actors to operators; keys and error texts may name customers' objects,
so it is behind the operators' token where one is set.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from quart import Blueprint, Response, request

from dealgram.http.access import require_operator
from dealgram.http.errors import bad_request, json_response
from dealgram.http.paging import check_parameters, page_of
from dealgram.http.ports import HttpServices
from dealgram.logs import redact
from dealgram.runtime import ActorSnapshot, ActorState

STATES = tuple(state.value for state in ActorState)
_PARAMETERS = ("kind", "state", "q", "limit", "offset")


def routes(services: HttpServices) -> Blueprint:
    """Build the health routes over the health port."""
    blueprint = Blueprint("health", __name__)
    health = services.health

    @blueprint.get("/health/live")
    async def live() -> Response:
        lag = health.loop_lag()
        alive = lag.last_s <= services.live_lag_limit_s
        body = {
            "status": "alive" if alive else "stalled",
            "loop_lag_s": round(lag.last_s, 6),
            "loop_lag_max_s": round(lag.max_s, 6),
        }
        return json_response(body, 200 if alive else 503)

    @blueprint.get("/health/ready")
    async def ready() -> Response:
        reasons = await health.not_ready()
        body = {
            "status": "not_ready" if reasons else "ready",
            "reasons": [{"code": reason.code, "message": redact(reason.message)} for reason in reasons],
        }
        return json_response(body, 503 if reasons else 200)

    @blueprint.get("/health/actors")
    async def actors() -> Response:
        require_operator(services.ops_token)
        query = request.args
        check_parameters(query, _PARAMETERS)
        state = query.get("state")
        if state is not None and state not in STATES:
            raise bad_request(f"state must be one of: {', '.join(STATES)}.")
        limit, offset = page_of(query)
        found = health.actors(kind=query.get("kind"), state=state, key_contains=query.get("q")).actors
        ordered = sorted(found, key=lambda actor: (actor.address.kind, _natural(actor.address.key)))
        return json_response(
            {
                "total": len(ordered),
                "limit": limit,
                "offset": offset,
                "summary": _summary(ordered),
                "actors": [_shown(actor) for actor in ordered[offset : offset + limit]],
            }
        )

    return blueprint


def _natural(key: str) -> tuple[int, int, str]:
    """Order numeric keys as numbers, before all others."""
    if key.isascii() and key.isdigit() and len(key) <= 20:
        return (0, int(key), key)
    return (1, 0, key)


def _summary(actors: list[ActorSnapshot]) -> dict[str, object]:
    """Count everything that matched, not only the page."""
    return {
        "by_state": dict(sorted(Counter(actor.state.value for actor in actors).items())),
        "by_kind": dict(sorted(Counter(actor.address.kind for actor in actors).items())),
        "mailbox": sum(actor.mailbox for actor in actors),
        "with_backlog": sum(actor.backlog for actor in actors),
        "restarts": sum(actor.restarts for actor in actors),
    }


def _shown(actor: ActorSnapshot) -> dict[str, object]:
    return {
        "kind": actor.address.kind,
        "key": actor.address.key,
        "state": actor.state.value,
        "mailbox": actor.mailbox,
        "backlog": actor.backlog,
        "lanes": {"running": actor.lanes.running, "queued": actor.lanes.queued, "waiting": actor.lanes.waiting},
        "restarts": actor.restarts,
        "activations": actor.activations,
        "last_error": None if actor.last_error is None else redact(str(actor.last_error)),
        "last_error_at": _moment(actor.last_error_at),
        "last_activity_at": _moment(actor.last_activity_at),
        "handling_s": None if actor.handling_s is None else round(actor.handling_s, 3),
        "waiting_for": actor.waiting_for,
    }


def _moment(unix_s: float | None) -> str | None:
    """Write a moment as RFC 3339 in UTC."""
    if unix_s is None:
        return None
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
