"""The service's actors, as the page shows them.

Owns the reading of the service's `/health/actors` (design §6). Promises: a service that is absent, slow or answers
nonsense becomes a plain Russian sentence, never an error of the page; fields that are missing show as empty.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import httpx
import orjson
import trio

from dealgram.sandbox.page.live import Bell
from dealgram.sandbox.tls import trusted

INTERVAL_S = 1.0
TIMEOUT_S = 3.0
ACTORS_SHOWN = 500

Json = dict[str, Any]


class HealthWatch:
    """The last known health of the service at `url` (the address of its `/health/actors`; None: there is no service).

    `token` is the operators' token, where the service asks for one; `transport` replaces the network.
    """

    def __init__(
        self, url: str | None, *, token: str | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._transport = transport
        self.latest: Json | None = None if url else silent(url, "Песочница запущена без сервиса.")

    async def watch(self, bell: Bell) -> None:
        """Asks once a second and rings at every answer that says something new. Runs until it is cancelled."""
        if self._url is None:
            return
        async with httpx.AsyncClient(
            verify=trusted(), headers=self._headers, timeout=TIMEOUT_S, trust_env=False, transport=self._transport
        ) as client:
            while True:
                known = self.latest
                self.latest = await self._ask(client, self._url)
                if known != self.latest:
                    bell.ring()
                await trio.sleep(INTERVAL_S)

    async def _ask(self, client: httpx.AsyncClient, url: str) -> Json:
        try:
            answer = await client.get(url, params={"limit": ACTORS_SHOWN})
        except httpx.TimeoutException:
            return silent(url, "Сервис слишком долго молчит.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return silent(url, "По этому адресу никто не отвечает. Сервис остановлен или ещё запускается.")
        if answer.status_code in (401, 403):
            return silent(url, "Сервис не пускает песочницу: ему нужен токен оператора.")
        if answer.status_code != 200:
            return silent(url, f"Сервис ответил кодом {answer.status_code}.")
        try:
            return _alive(orjson.loads(answer.content), url)
        except (ValueError, TypeError, KeyError, AttributeError):
            return silent(url, "Сервис ответил непонятно: возможно, по этому адресу работает другая программа.")


def silent(url: str | None, reason: str) -> Json:
    """The health of a service that does not answer."""
    return {"reachable": False, "url": url or "", "reason": reason, "total": 0, "states": {}, "actors": []}


def _alive(body: Json, url: str) -> Json:
    actors = [_actor(actor) for actor in body["actors"]]
    states = body.get("summary", {}).get("by_state")
    return {
        "reachable": True,
        "url": url,
        "reason": "",
        "total": body.get("total", len(actors)),
        "states": states if states is not None else dict(Counter(actor["state"] for actor in actors)),
        "actors": actors,
    }


def _actor(actor: Json) -> Json:
    lanes = actor.get("lanes") or {}
    return {
        "address": f"{actor['kind']}:{actor['key']}",
        "kind": actor["kind"],
        "key": actor["key"],
        "state": actor["state"],
        "mailbox": actor.get("mailbox", 0),
        "backlog": actor.get("backlog", 0),
        "lanes": {name: lanes.get(name, 0) for name in ("running", "queued", "waiting")},
        "restarts": actor.get("restarts", 0),
        "last_error": actor.get("last_error"),
        "last_activity_at": _unix(actor.get("last_activity_at")),
        "waiting_for": actor.get("waiting_for"),
    }


def _unix(moment: str | None) -> float | None:
    return None if moment is None else datetime.fromisoformat(moment).timestamp()
