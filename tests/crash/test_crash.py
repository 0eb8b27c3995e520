"""Killing the service at any moment loses nothing.

The service runs as a process under load from the simulators and is ended in every way there is. Afterwards every
person's message stands in every deal that it belongs to exactly once and in order; every answer is in its chat exactly
once and mirrored into the group's other deals, or was reported to the manager as of unknown outcome and is there at
most once. Answers whose hooks got their 200 are in order.

While the service is down, Telegram keeps its updates. amoCRM sends a chat hook once: an answer whose hook met nobody,
or whose 200 was cut off by a kill, is found when the next life compares the chats with what was taken in.

Kills are tied to calls that the service makes (the n-th request, before it is carried out, after it, or some steps
later), chosen by a seeded generator. ``CRASH_SEEDS=1,2,3`` runs the tests with other seeds.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Mapping
from functools import partial
from typing import Any

import httpx
import pytest
import trio
from crash_service import HOOK, WORD, Moment

from dealgram.persistence import embedded

SEEDS = [int(seed) for seed in os.environ.get("CRASH_SEEDS", "1").split(",")]
pytestmark = [pytest.mark.crash, pytest.mark.parametrize("seed", SEEDS)]

SENDS = frozenset({"sendMessage"})
POSTS = frozenset({"amojo.send"})
OPENINGS = frozenset({"contacts.list", "contacts.create", "amojo.chats", "contacts.link_chats", "leads.link"})
STEPS = 800  # of the scheduler after a moment: up to some ten milliseconds
MIXED = 8
MOST_BURSTS = 150  # in one life; usually the moment comes after a dozen


def kills(rng: random.Random) -> list[Moment]:
    """The moments of all kills: every kind of step is met, in no particular order."""

    def later(most: int, calls: frozenset[str]) -> Moment:
        return Moment(rng.randint(1, most), calls, "later", rng.randint(0, STEPS))

    moments = [
        *(Moment(rng.randint(1, 60), how=rng.choice(("before", "after"))) for _ in range(2)),
        *(later(60, frozenset()) for _ in range(3)),
        Moment(rng.randint(1, 4), SENDS, "before"),
        Moment(rng.randint(1, 4), SENDS, "after"),
        later(4, SENDS),
        Moment(rng.randint(1, 30), POSTS, "after"),
        later(3, OPENINGS),
        *(later(20, frozenset({WORD})) for _ in range(4)),
        *(later(4, frozenset({HOOK})) for _ in range(3)),
    ]
    rng.shuffle(moments)
    return moments


async def load_until(stage, over, *, calm: bool = False, openings: bool = False) -> None:
    """People and managers write until ``over()``; in a calm life each burst is worked off before the next."""
    watch, cast = stage.watch, stage.cast
    cast.newcomer(reserve=0 if openings else 2)
    for _ in range(MOST_BURSTS):
        burst = stage.rng.choice((1, 2, 3, 12))
        for _ in range(burst):
            cast.act(answers=True)
        target = watch.calls + burst  # every act leads to one call at least
        await stage.until(
            lambda: over() or (cast.all_arrived() if calm else watch.calls >= target),  # noqa: B023
            "the load is worked off",
        )
        if over():
            return
    raise AssertionError("the moment never came")


def order_faults(stage) -> None:
    """Both sides have a bad day as well: answers that never come, refusals in passing."""
    amo, telegram = stage.playground.amo.faults, stage.playground.telegram.faults
    amo.drop_after("amojo.send", times=3)
    amo.answer("amojo.send", status=502, times=2)
    amo.drop_after("leads.link", times=1)
    amo.answer("contacts.list", status=503, times=1)
    telegram.answer("sendMessage", status=502, times=1)
    telegram.answer("getUpdates", status=502, times=1)


def note_text(texts: set[str], facts: Mapping[str, Any]) -> bool:
    """Note what the send that a fault is ordered for was to say."""
    texts.add(facts["params"]["text"])
    return True


async def test_killed_again_and_again(open_stage, seed):
    async with open_stage(seed) as stage:
        cast, service, rng = stage.cast, stage.service, stage.rng
        doubtful: set[str] = set()
        may_be_doubtful: set[str] = set()
        moments = kills(rng)
        power_cut = rng.randrange(len(moments))
        order_faults(stage)
        stage.playground.telegram.faults.drop_after("sendMessage", when=partial(note_text, doubtful))
        for number, moment in enumerate(moments):
            stage.watch.strike_at(moment, partial(service.signal, signal.SIGKILL))
            await load_until(
                stage,
                lambda: not service.is_running,
                calm=number % 2 == 1,
                openings=moment.calls == OPENINGS,
            )
            assert await service.ended() == -signal.SIGKILL
            if number == power_cut:
                may_be_doubtful = {reply.text for reply in cast.replies if cast.status(reply) == "sent"}
                stage.kill_database(signal.SIGKILL)
            else:
                doubtful |= await stage.begun()
                if rng.random() < 0.2:
                    await stage.start_in_vain(rng.randint(1, 4))
            for _ in range(rng.randint(0, 3)):
                cast.act(answers=False)
            if rng.random() < 0.3:
                cast.answer()
            await stage.start()
        for _ in range(MIXED):
            cast.act(answers=True)
        await stage.settle()
        await stage.assert_nothing_lost()
        reported = {reply.text for reply in cast.unknown()}
        assert doubtful <= reported <= doubtful | may_be_doubtful
        assert len(doubtful) > 1, "no kill hit a send: the test has lost its teeth"


async def test_stops_in_order_when_asked(open_stage, seed):
    async with open_stage(seed) as stage:
        cast, service = stage.cast, stage.service
        order_faults(stage)
        stage.watch.strike_at(Moment(stage.rng.randint(20, 60)), partial(service.signal, signal.SIGTERM))
        await load_until(stage, lambda: not service.is_running)
        assert await service.ended() == 0, service.log_tail()
        assert await stage.begun() == set()

        await stage.start()
        await stage.settle()
        await stage.assert_nothing_lost()
        assert cast.unknown() == []


async def test_a_second_signal_ends_it_at_once(open_stage, seed):
    async with open_stage(seed) as stage:
        cast, service = stage.cast, stage.service
        stuck = stage.playground.amo.faults.delay("amojo.send", seconds=3600)
        cast.act(answers=False)
        await stage.until(lambda: stuck.hits, "a post that is not answered")
        service.signal(signal.SIGTERM)
        await stage.not_ready("draining")
        assert service.is_running
        service.signal(signal.SIGTERM)
        # A stop in order would wait for the post first, give up after its grace time and end with 0.
        assert await service.ended() == 1

        await stage.start()
        await stage.settle()
        await stage.assert_nothing_lost()


async def test_waits_for_a_database_that_was_killed(open_stage, seed):
    async with open_stage(seed) as stage:
        cast, service, watch = stage.cast, stage.service, stage.watch
        died = trio.Event()
        watch.strike_at(Moment(stage.rng.randint(15, 40)), died.set)
        await load_until(stage, died.is_set)
        stage.kill_database()
        for _ in range(6):
            cast.act(answers=False)
        cast.answer()
        ready = await stage.not_ready("database", "journal")
        assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert (await stage.health("live")).status_code == httpx.codes.OK

        server = await embedded.start(stage.data / "postgres")
        try:
            await stage.settle()
            assert (await stage.health("ready")).status_code == httpx.codes.OK
            assert service.is_running
            await stage.assert_nothing_lost()
            assert cast.unknown() == []
        finally:
            await server.stop()
