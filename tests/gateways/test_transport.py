"""HttpTransport: what it says about a broken call is true, and it leaks neither slots nor secrets."""

from __future__ import annotations

import contextlib
import logging
import random
from functools import partial

import pytest
import trio
import trio.lowlevel
import trio.testing

from dealgram.gateways import transport as transport_module
from dealgram.gateways.errors import GatewayError, Interrupted, NotSent, OutcomeUnknown, Refused, ServiceFailed
from dealgram.gateways.transport import Answer, HttpTransport, Upstream
from dealgram.runtime import Transient

SECRET = "7000001:AAsecretSecretSecret"


def call(transport, url, *, deadline_s=5.0, repeatable=False, method="POST", **more):
    more.setdefault("content", b"{}")
    return transport.request("try", method, url, deadline_s=deadline_s, repeatable=repeatable, **more)


async def after_s(clock, seconds, make, reached):
    """Runs `make` on a clock that stands still until `reached` says so, and then jumps."""
    errors = []

    async def run():
        try:
            await make()
        except GatewayError as error:
            errors.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await reached()
        clock.jump(seconds)
    (error,) = errors
    raise error


async def waiting(transport, count):
    while transport.statistics().waiting < count:
        await trio.testing.wait_all_tasks_blocked()


async def test_an_answer_comes_back_whole_whatever_its_status(server, transport):
    server.reply(b"not there", status=404, content_type="text/plain", headers={"Retry-After": "7"})
    answer = await call(transport, server.base_url + "/x")
    assert (answer.status, answer.body, answer.ok, answer.is_json) == (404, b"not there", False, False)
    assert answer.retry_after_s == 7.0


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT", "²"])
def test_a_retry_after_that_is_no_plain_number_counts_as_none(value):
    assert Answer(status=429, headers={"retry-after": value}, body=b"").retry_after_s is None


async def test_nobody_listens_is_not_sent(transport, dead_url):
    with pytest.raises(NotSent) as caught:
        await call(transport, dead_url)
    assert isinstance(caught.value, Transient)
    assert transport.statistics().not_sent == 1


async def test_waiting_in_vain_for_a_free_connection_is_not_sent(server, mock_clock):
    server.hang()
    async with HttpTransport.open(Upstream(name="one", max_connections=1)) as transport, trio.open_nursery() as nursery:
        nursery.start_soon(partial(call, transport, server.base_url, deadline_s=60))
        await server.arrived(1)
        with pytest.raises(NotSent):
            await after_s(mock_clock, 6, partial(call, transport, server.base_url), lambda: waiting(transport, 1))
        nursery.cancel_scope.cancel()
    assert len(server.seen) == 1


async def test_a_handshake_without_end_is_not_sent(server, transport):
    # The server reads our TLS hello as broken HTTP and closes: nothing of the request has left.
    with pytest.raises(NotSent):
        await call(transport, server.base_url.replace("http:", "https:"))
    assert server.seen == []


async def test_closing_after_reading_leaves_the_outcome_unknown(server, transport):
    server.close()
    with pytest.raises(OutcomeUnknown) as caught:
        await call(transport, server.base_url)
    assert len(server.seen) == 1
    assert not isinstance(caught.value, Transient), "whoever retries on Transient must not repeat this"


async def test_closing_before_reading_is_unknown_too_because_we_cannot_tell(server, transport):
    server.close_at_once = True
    with pytest.raises(OutcomeUnknown):
        await call(transport, server.base_url)
    assert server.seen == []


async def test_a_repeatable_call_of_unknown_outcome_is_transient(server, transport):
    server.close()
    with pytest.raises(Interrupted) as caught:
        await call(transport, server.base_url, repeatable=True)
    assert isinstance(caught.value, OutcomeUnknown)
    assert isinstance(caught.value, Transient)


async def test_no_answer_in_time_leaves_the_outcome_unknown(server, transport, mock_clock):
    server.hang()
    with pytest.raises(OutcomeUnknown):
        await after_s(mock_clock, 6, partial(call, transport, server.base_url), lambda: server.arrived(1))
    assert len(server.seen) == 1
    assert transport.statistics().running == 0


async def test_half_an_answer_leaves_the_outcome_unknown(server, transport):
    server.reply(b"0123456789", cut=True)
    with pytest.raises(OutcomeUnknown):
        await call(transport, server.base_url)


@pytest.mark.parametrize(("repeatable", "kind"), [(True, ServiceFailed), (False, OutcomeUnknown)])
async def test_an_answer_without_measure_is_not_read_to_its_end(server, repeatable, kind):
    server.reply(b"x" * 5000)
    async with HttpTransport.open(Upstream(name="small", max_answer_bytes=1000)) as transport:
        with pytest.raises(kind):
            await call(transport, server.base_url, repeatable=repeatable)


async def test_connections_are_kept_alive_and_shared(server, transport):
    for _ in range(6):
        server.reply()
        await call(transport, server.base_url)
    assert (len(server.seen), server.connections) == (6, 1)


async def test_no_more_calls_at_once_than_connections(server, transport):
    server.reply()
    fine = server.queue.pop()

    async def slowly(seen):
        await trio.sleep(0.005)
        return fine

    server.answer = slowly
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(call, transport, server.base_url)
    assert len(server.seen) == 20
    assert server.most_running <= 4
    assert server.connections <= 4


async def test_cookies_are_never_kept(server, transport):
    server.reply(headers={"Set-Cookie": "session=of-account-one; Path=/"})
    server.reply()
    await call(transport, server.base_url)
    await call(transport, server.base_url)
    assert "cookie" not in server.seen[1].headers


async def test_redirects_are_not_followed(server, transport):
    server.reply(status=302, headers={"Location": "/elsewhere"})
    assert (await call(transport, server.base_url)).status == 302
    assert len(server.seen) == 1


async def test_the_environment_is_not_consulted(server, monkeypatch, dead_url):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, dead_url)
    server.reply()
    async with HttpTransport.open(Upstream(name="plain")) as transport:
        assert (await call(transport, server.base_url)).status == 200


async def test_after_closing_nothing_is_sent(server):
    async with HttpTransport.open(Upstream(name="closed")) as transport:
        pass
    with pytest.raises(NotSent):
        await call(transport, server.base_url)
    assert server.seen == []


def test_too_many_connections_for_one_client_are_refused():
    with pytest.raises(ValueError, match="max_connections"):
        Upstream(name="big", max_connections=101)


async def everything_still_works(server, transport):
    """All slots are there: as many calls as connections are held until the last of them has arrived."""
    before = len(server.seen)
    wanted = transport.upstream.max_connections
    all_there = trio.Event()
    server.reply()
    fine = server.queue.pop()

    async def together(seen):
        if len(server.seen) - before == wanted:
            all_there.set()
        await all_there.wait()
        return fine

    server.answer = together
    async with trio.open_nursery() as nursery:
        for _ in range(wanted):
            nursery.start_soon(partial(call, transport, server.base_url, deadline_s=20))


@pytest.mark.parametrize("seed", range(4))
async def test_cancelling_under_contention_leaves_the_transport_whole(server, transport, seed):
    rng = random.Random(seed)
    server.reply()
    fine = server.queue.pop()

    async def sometime(seen):
        for _ in range(rng.randrange(4)):
            await trio.lowlevel.checkpoint()
        return fine if rng.random() < 0.9 else object()

    server.answer = sometime
    scopes: list[trio.CancelScope] = []

    async def one():
        with trio.CancelScope() as scope:
            scopes.append(scope)
            with contextlib.suppress(GatewayError):
                await call(transport, server.base_url)

    async with trio.open_nursery() as nursery:
        for _ in range(150):
            nursery.start_soon(one)
            for _ in range(rng.randrange(12)):
                await trio.lowlevel.checkpoint()
            if scopes and rng.random() < 0.7:
                scopes.pop(rng.randrange(len(scopes))).cancel()
    assert transport.statistics().running == 0
    await everything_still_works(server, transport)


async def test_cancelling_at_every_point_leaves_the_transport_whole(server, transport):
    server.reply()
    fine = server.queue.pop()
    server.answer = lambda seen: fine
    for ticks in range(60):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                for _ in range(6):
                    nursery.start_soon(call, transport, server.base_url)
                for _ in range(ticks):
                    await trio.lowlevel.checkpoint()
                scope.cancel()
    assert transport.statistics().running == 0
    await everything_still_works(server, transport)


async def test_slots_that_httpcore_loses_are_healed(server, transport, monkeypatch):
    monkeypatch.setattr(transport_module, "_POOL_PATIENCE_S", 0.05)
    server.reply()
    await call(transport, server.base_url)
    # What encode/httpcore#1093 leaves behind: connections that are neither used nor ever free again.
    pool = transport._generation.client._transport._pool
    origin = pool._connections[0]._origin
    await pool._connections[0].aclose()
    pool._connections[:] = [pool.create_connection(origin) for _ in range(4)]
    with pytest.raises(NotSent):
        await call(transport, server.base_url)
    server.reply()
    assert (await call(transport, server.base_url)).status == 200
    assert transport.statistics().recycled == 1
    await everything_still_works(server, transport)


async def test_no_secret_reaches_a_log(server, transport, caplog):
    caplog.set_level(logging.DEBUG)
    server.reply()
    server.close()
    await call(transport, f"{server.base_url}/bot{SECRET}/getMe", headers={"Authorization": f"Bearer {SECRET}"})
    with pytest.raises(OutcomeUnknown):
        await call(transport, f"{server.base_url}/bot{SECRET}/getMe", headers={"Authorization": f"Bearer {SECRET}"})
    assert SECRET in server.seen[0].target
    assert SECRET not in caplog.text
    assert "127.0.0.1" not in caplog.text, "an address in the log means that requests are logged"


@pytest.mark.parametrize("trouble", ["refused", "closed", "slow", "bad scheme", "bad port", "bad host"])
async def test_no_secret_reaches_an_exception(server, transport, dead_url, told, mock_clock, trouble):
    if trouble == "slow":
        server.hang()
    else:
        server.close()
    base = {"refused": dead_url, "bad scheme": "gopher://x", "bad port": "http://h:99999999", "bad host": "http://a..b"}
    url = f"{base.get(trouble, server.base_url)}/bot{SECRET}/getMe"
    headers = {"Authorization": f"Bearer {SECRET}"}
    make = partial(call, transport, url, headers=headers)
    with pytest.raises(GatewayError) as caught:
        await (after_s(mock_clock, 6, make, lambda: server.arrived(1)) if trouble == "slow" else make())
    assert SECRET not in told(caught.value)
    assert "upstream try" in str(caught.value)


@pytest.mark.parametrize("tail", ["\n", "\r\nX: y", "\0", "é"])
async def test_a_header_that_http_cannot_carry_is_refused_without_being_quoted(server, transport, told, tail):
    with pytest.raises(Refused) as caught:
        await call(transport, server.base_url, headers={"Authorization": f"Bearer {SECRET}{tail}"})
    assert SECRET not in told(caught.value)
    assert "Authorization" in str(caught.value)
    assert server.seen == []
