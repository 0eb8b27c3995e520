"""The loopback server of the simulators, and the faults that it carries out, over real sockets."""

from __future__ import annotations

import httpx
import pytest
import trio
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.faults import FaultPlan
from dealgram.sandbox.serve import serve


class Counter:
    """An app that counts the work it did; every call goes through its fault plan."""

    def __init__(self) -> None:
        self.app = QuartTrio(__name__)
        self.faults = FaultPlan()
        self.done = 0
        self.log: list[str] = []
        self.holding = trio.Event()
        self.app.before_serving(self._started)
        self.app.after_serving(self._stopped)
        self.app.add_url_rule("/work/<name>", view_func=self.work, methods=["POST"])
        self.app.add_url_rule("/hold", view_func=self.hold, methods=["POST"])

    async def _started(self) -> None:
        self.log.append("started")

    async def _stopped(self) -> None:
        self.log.append("stopped")

    async def work(self, name: str) -> Response:
        facts = {"who": request.args.get("who")}

        async def count() -> Response:
            self.done += 1
            return Response(f"done {self.done}")

        return await self.faults.carry_out(name, facts, count)

    async def hold(self) -> Response:
        self.holding.set()
        await trio.sleep(0.05)
        return Response("held")


async def test_serves_on_a_free_port_and_is_gone_when_cancelled(nursery):
    counter = Counter()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as servers:
            port = await servers.start(serve, counter.app)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                assert (await client.post("/work/a")).text == "done 1"
                assert counter.log == ["started"]
            scope.cancel()
    with pytest.raises(OSError, match="all attempts to connect"):
        await trio.open_tcp_stream("127.0.0.1", port)


async def test_the_given_port_is_used_and_a_taken_port_is_an_error(nursery):
    counter = Counter()
    port = await nursery.start(serve, counter.app)
    with pytest.raises(OSError, match="in use"):
        await serve(Counter().app, port=port)
    nursery.cancel_scope.cancel()


async def test_a_trigger_lets_the_running_request_finish_and_runs_the_shutdown_handlers():
    counter = Counter()
    trigger = trio.Event()
    answers: list[str] = []
    async with trio.open_nursery() as nursery:
        port = await nursery.start(_serve_until, counter.app, trigger)

        async def ask() -> None:
            async with httpx.AsyncClient() as client:
                answers.append((await client.post(f"http://127.0.0.1:{port}/hold")).text)

        nursery.start_soon(ask)
        await counter.holding.wait()
        trigger.set()
    assert answers == ["held"]
    assert counter.log == ["started", "stopped"]


async def _serve_until(app, trigger, *, task_status):
    await serve(app, shutdown=trigger.wait, task_status=task_status)


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(("after_work", "done"), [(False, 0), (True, 1)])
async def test_a_dropped_call_gets_no_answer_and_the_next_is_served(nursery, after_work, done, reset):
    counter = Counter()
    port = await nursery.start(serve, counter.app)
    drop = counter.faults.drop_after if after_work else counter.faults.drop_before
    order = drop("a", reset=reset)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await client.post("/work/a")
        assert counter.done == done
        assert order.hits == 1
        assert (await client.post("/work/a")).text == f"done {done + 1}"
    nursery.cancel_scope.cancel()


async def test_answers_are_matched_by_name_and_predicate_and_counted(nursery):
    counter = Counter()
    port = await nursery.start(serve, counter.app)
    counter.faults.answer("a", status=429, body={"wait": 3}, headers={"Retry-After": "3"}, times=2)
    counter.faults.answer(
        status=502, body="bad gateway", when=lambda facts: facts["who"] == "b" and facts["name"] == "b"
    )
    counter.faults.answer("c", status=500, after_work=True)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        assert (await client.post("/work/b")).text == "done 1"
        for _ in range(2):
            refused = await client.post("/work/a")
            assert (refused.status_code, refused.json(), refused.headers["Retry-After"]) == (429, {"wait": 3}, "3")
        assert (await client.post("/work/a")).text == "done 2"
        gateway = await client.post("/work/b?who=b")
        assert (gateway.status_code, gateway.text) == (502, "bad gateway")
        assert (await client.post("/work/b?who=b")).text == "done 3"
        assert (await client.post("/work/c")).status_code == 500
        assert counter.done == 4
    nursery.cancel_scope.cancel()


async def test_delays_run_on_trios_clock(autojump_clock):
    counter = Counter()
    counter.faults.delay("a", seconds=30)
    order = counter.faults.delay("a", seconds=30, after_work=True, times=None)
    client = counter.app.test_client()
    begun = trio.current_time()
    assert (await client.post("/work/a")).status_code == 200
    assert trio.current_time() - begun == pytest.approx(30, abs=0.5)
    with trio.move_on_after(10):
        await client.post("/work/a")
    assert counter.done == 2  # the caller gave up, but the work had been done
    order.cancel()
    await client.post("/work/a")
    assert order.hits == 1


def test_the_oldest_fitting_order_is_taken_first_and_clear_forgets_all():
    plan = FaultPlan()
    plan.answer("a", status=500)
    plan.answer("a", status=501)
    plan.answer(status=502, times=None)
    assert [plan.take("a").status, plan.take("b").status, plan.take("a").status, plan.take("a").status] == [
        500,
        502,
        501,
        502,
    ]
    plan.clear()
    assert plan.take("a") is None
