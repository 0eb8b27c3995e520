"""The event stream of the sandbox's page and the health that it shows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import pairwise

import httpx
import orjson
import pytest
import trio

from dealgram.sandbox.page.health import INTERVAL_S, HealthWatch
from dealgram.sandbox.page.live import KEEP_ALIVE_S, MIN_INTERVAL_S, Bell, LivePage, PartsSent

URL = "http://service.test/health/actors"


class Source:
    """A stream of changes that a test rings; knows who listens."""

    def __init__(self) -> None:
        self.listeners = 0
        self._send, self._receive = trio.open_memory_channel[object](1000)

    def change(self) -> None:
        self._send.send_nowait(object())

    @contextmanager
    def subscribe(self) -> Iterator[AsyncIterator[object]]:
        self.listeners += 1
        try:
            yield self._receive
        finally:
            self.listeners -= 1


def read(event: bytes) -> dict[str, object]:
    name, data, _, _ = event.split(b"\n")
    assert name == b"event: parts"
    return orjson.loads(data.removeprefix(b"data: "))


def test_the_first_event_holds_everything_and_the_next_only_the_difference():
    sent = PartsSent()
    assert read(sent.difference({"a": 1, "b": [2]})) == {"reset": True, "parts": {"a": 1, "b": [2]}, "removed": []}
    assert sent.difference({"a": 1, "b": [2]}) is None
    assert read(sent.difference({"b": [3], "c": "я"})) == {
        "reset": False,
        "parts": {"b": [3], "c": "я"},
        "removed": ["a"],
    }


def test_an_empty_state_is_sent_once():
    sent = PartsSent()
    assert read(sent.difference({})) == {"reset": True, "parts": {}, "removed": []}
    assert sent.difference({}) is None


async def test_a_change_goes_out_at_once_and_floods_are_put_together(autojump_clock):
    source = Source()
    state = {"count": 0}
    arrived: list[tuple[float, object]] = []
    done = trio.Event()

    async def look() -> None:
        async with LivePage(lambda: state, sources=(source.subscribe,)) as events:
            async for event in events:
                if event.startswith(b"event:"):
                    arrived.append((trio.current_time(), read(event)["parts"]["count"]))
                    if state["count"] == arrived[-1][1] == 100:
                        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        await trio.sleep(10)
        assert [count for _, count in arrived] == [0]
        started = trio.current_time()
        for _ in range(100):
            state["count"] += 1
            source.change()
            await trio.sleep(0.01)
        await done.wait()
        nursery.cancel_scope.cancel()
    assert arrived[1] == (started, 1)
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(arrived[1:])]
    assert min(gaps) >= MIN_INTERVAL_S - 1e-9
    assert len(arrived) <= 8


async def test_a_change_that_changes_nothing_is_not_sent_and_silence_is_kept_alive(autojump_clock):
    source = Source()
    async with LivePage(lambda: {"a": 1}, sources=(source.subscribe,)) as events:
        await anext(events)
        await anext(events)
        started = trio.current_time()
        source.change()
        assert (await anext(events)).startswith(b":")
        assert trio.current_time() - started >= KEEP_ALIVE_S


async def test_everything_ends_with_the_connection(autojump_clock):
    source = Source()
    ended: list[str] = []

    async def beside(bell: Bell) -> None:
        try:
            await trio.sleep_forever()
        finally:
            ended.append("beside")

    page = LivePage(lambda: {"a": 1}, sources=(source.subscribe, source.subscribe), tasks=(beside,))
    with trio.move_on_after(1) as gone:
        async with page as events:
            async for _ in events:
                assert source.listeners == 2
    assert gone.cancelled_caught
    assert source.listeners == 0
    assert ended == ["beside"]


def actors_body(**actor: object) -> dict[str, object]:
    known = {"kind": "group", "key": "12", "state": "running", "last_activity_at": "2026-01-02T03:04:05.500Z"}
    return {"total": 3, "summary": {"by_state": {"running": 3}}, "actors": [{**known, **actor}]}


async def health_of(answer: httpx.Response | Exception) -> dict[str, object]:
    async def service(request: httpx.Request) -> httpx.Response:
        assert str(request.url).startswith(URL)
        if isinstance(answer, Exception):
            raise answer
        return answer

    watch = HealthWatch(URL, transport=httpx.MockTransport(service))
    assert watch.latest is None
    async with trio.open_nursery() as nursery:
        bell = Bell()
        nursery.start_soon(watch.watch, bell)
        await bell.wait()
        nursery.cancel_scope.cancel()
    assert watch.latest is not None
    return watch.latest


async def test_the_health_of_a_service_is_shown_with_what_it_leaves_out():
    health = await health_of(httpx.Response(200, json=actors_body(restarts=2, last_error="беда")))
    assert (health["reachable"], health["total"], health["states"]) == (True, 3, {"running": 3})
    assert health["actors"] == [
        {
            "address": "group:12",
            "kind": "group",
            "key": "12",
            "state": "running",
            "mailbox": 0,
            "backlog": 0,
            "lanes": {"running": 0, "queued": 0, "waiting": 0},
            "restarts": 2,
            "last_error": "беда",
            "last_activity_at": 1767323045.5,
            "waiting_for": None,
        }
    ]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.ConnectError("refused"), "никто не отвечает"),
        (httpx.ReadTimeout("slow"), "слишком долго"),
        (httpx.Response(401), "токен оператора"),
        (httpx.Response(503), "кодом 503"),
        (httpx.Response(200, text="<html>"), "непонятно"),
        (httpx.Response(200, json=[1]), "непонятно"),
        (httpx.Response(200, json=actors_body(last_activity_at="вчера")), "непонятно"),
        (httpx.Response(200, json={"actors": [{"kind": "bot"}]}), "непонятно"),
    ],
)
async def test_a_service_that_does_not_answer_well_is_told_in_words(answer, reason):
    health = await health_of(answer)
    assert health["reachable"] is False
    assert reason in health["reason"]
    assert health["url"] == URL


async def test_health_is_asked_once_a_second_and_rings_only_for_news(autojump_clock):
    asked: list[float] = []
    mailbox = 0

    async def service(request: httpx.Request) -> httpx.Response:
        asked.append(trio.current_time())
        return httpx.Response(200, json=actors_body(mailbox=mailbox))

    watch = HealthWatch(URL, transport=httpx.MockTransport(service))
    bell = Bell()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.watch, bell)
        await bell.wait()
        with trio.move_on_after(5.5 * INTERVAL_S) as quiet:
            await bell.wait()
        assert quiet.cancelled_caught
        mailbox = 7
        await bell.wait()
        nursery.cancel_scope.cancel()
    assert watch.latest is not None
    assert watch.latest["actors"][0]["mailbox"] == 7
    assert len(asked) == 7
    assert [round(later - earlier, 6) for earlier, later in pairwise(asked)] == [INTERVAL_S] * 6


async def test_without_a_service_nothing_is_asked():
    watch = HealthWatch(None)
    await watch.watch(Bell())
    assert watch.latest is not None
    assert watch.latest["reachable"] is False
