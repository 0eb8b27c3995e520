"""The asyncio thread behind trio: values, errors, and above all cancellation."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest
import trio
import trio.testing

from dealgram.persistence.bridge import AsyncioThread, BridgeClosedError


async def test_values_and_errors_come_back_from_another_thread():
    async def double(number):
        await asyncio.sleep(0)
        return threading.get_ident(), number * 2

    async def fail():
        raise KeyError("lost")

    async with AsyncioThread.open() as bridge:
        thread, value = await bridge.run(double, 21)
        assert value == 42
        assert thread != threading.get_ident()
        with pytest.raises(KeyError, match="lost"):
            await bridge.run(fail)
        assert bridge.running == 0


async def test_a_cancelled_call_is_over_when_the_cancellation_is_seen():
    events = []
    started = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def slow():
        token.run_sync_soon(started.set)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            events.append("cleaned up")
            raise

    async with AsyncioThread.open() as bridge:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bridge.run, slow)
                await started.wait()
                scope.cancel()
        events.append("cancelled")
        assert scope.cancelled_caught
        assert bridge.running == 0
    assert events == ["cleaned up", "cancelled"]


async def test_a_call_that_finishes_in_spite_of_the_cancellation_keeps_its_value():
    started = trio.Event()
    token = trio.lowlevel.current_trio_token()

    async def stubborn():
        token.run_sync_soon(started.set)
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return "done anyway"

    results = []

    async def call():
        results.append(await bridge.run(stubborn))
        await trio.lowlevel.checkpoint()
        results.append("not reached")

    async with AsyncioThread.open() as bridge:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call)
                await started.wait()
                scope.cancel()
    assert results == ["done anyway"]


async def test_a_call_in_a_cancelled_scope_does_not_start():
    started = []

    async def note():
        started.append(True)

    async with AsyncioThread.open() as bridge:
        with trio.CancelScope() as scope:
            scope.cancel()
            await bridge.run(note)
    assert scope.cancelled_caught
    assert started == []


async def test_a_closed_bridge_refuses_and_cuts_off():
    async def slow():
        await asyncio.sleep(60)

    outcomes = []

    async def call(bridge):
        try:
            await bridge.run(slow)
        except BridgeClosedError:
            outcomes.append("cut off")

    async with trio.open_nursery() as nursery, AsyncioThread.open() as bridge:
        nursery.start_soon(call, bridge)
        await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(BridgeClosedError):
        await bridge.run(slow)
    assert outcomes == ["cut off"]


async def test_random_cancellation_leaves_nothing_running():
    rng = random.Random(1)
    inside = 0

    async def work(turns):
        nonlocal inside
        inside += 1
        try:
            for _ in range(turns):
                await asyncio.sleep(0)
            return turns
        finally:
            inside -= 1

    async def caller(turns, patience):
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(cancel_after, scope, patience)
                assert await bridge.run(work, turns) == turns
                nursery.cancel_scope.cancel()

    async def cancel_after(scope, turns):
        for _ in range(turns):
            await trio.lowlevel.checkpoint()
        scope.cancel()

    async with AsyncioThread.open() as bridge:
        async with trio.open_nursery() as nursery:
            for _ in range(500):
                nursery.start_soon(caller, rng.randrange(30), rng.randrange(60))
        assert bridge.running == 0
        assert inside == 0
