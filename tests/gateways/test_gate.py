"""The gate: what each answer of amoCRM does to the calls that come after it, on virtual time."""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import random

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from dealgram.gateways.errors import (
    Forbidden,
    GateClosed,
    Interrupted,
    NotFound,
    NotSent,
    OutcomeUnknown,
    PaymentRequired,
    RateLimited,
    Refused,
    ServiceFailed,
    Unauthorised,
)
from dealgram.gateways.gate_policy import GatePolicy, Service
from dealgram.gateways.gates import PLACES, Gates
from dealgram.gateways.places import Holder, Places
from dealgram.gateways.trouble import SENTENCES, TroubleKind

DAY_S = 86_400
HTML = Forbidden("blocked", is_html=True)
WHITE_LIST = Forbidden("not in the white list", code=113)
RIGHTS = Forbidden("no rights", code=244)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
FAST = GatePolicy(rest_rate_per_s=1e6, egress_rate_per_s=1e6)


def gates_of(policy: GatePolicy = FAST) -> Gates:
    return Gates(policy, rng=random.Random(1), now=lambda: START + dt.timedelta(seconds=trio.current_time()))


@pytest.fixture
def gates():
    return gates_of()


async def call(gate, outcome=None, service=Service.REST, operation="account") -> None:
    """One call that amoCRM answers at once."""
    async with gate.turn(service, operation):
        await trio.lowlevel.checkpoint()
        if outcome is not None:
            raise outcome


async def answered(gate, outcome, **more) -> None:
    with pytest.raises(type(outcome)) as caught:
        await call(gate, outcome, **more)
    assert caught.value is outcome, "amoCRM was not asked"


async def refused(gate, **more) -> NotSent:
    """The gate sends a call away without asking amoCRM."""
    with pytest.raises(NotSent) as caught:
        await call(gate, AssertionError("amoCRM was asked"), **more)
    return caught.value


@pytest.mark.parametrize(
    ("outcome", "kind", "least_s", "most_s"),
    [
        (PaymentRequired("unpaid"), TroubleKind.UNPAID, DAY_S, DAY_S * 1.05),
        (HTML, TroubleKind.BLOCKED, 600, 720),
        (WHITE_LIST, TroubleKind.IP_BLOCKED, 300, 360),
        (RIGHTS, TroubleKind.NO_RIGHTS, 300, 360),
        (RateLimited("slow down", retry_after_s=300), TroubleKind.RATE_LIMITED, 300, 301),
    ],
)
async def test_a_trouble_holds_calls_back_for_its_time_and_ends_with_a_success(
    gates, autojump_clock, outcome, kind, least_s, most_s
):
    told = []
    gates.on_trouble = lambda account_id, trouble: told.append((account_id, trouble and trouble.kind))
    gate = gates.of(7)
    await call(gate)
    await answered(gate, outcome)
    error = await refused(gate)
    assert 0 < error.retry_after_s <= 60 * 1.2 + 1, "those who wait look again now and then"
    if not isinstance(error, RateLimited):
        assert isinstance(error, GateClosed)
        assert error.kind == kind
    trouble = gate.trouble
    assert trouble.kind is kind
    assert least_s <= (trouble.until - trouble.since).total_seconds() <= most_s
    assert trouble.sentence == SENTENCES[kind]
    await trio.sleep(least_s - 10)
    await refused(gate)
    await trio.sleep(most_s - least_s + 11)
    assert gate.trouble.kind is kind, "nobody has asked yet"
    await call(gate)
    await call(gate)
    assert gate.trouble is None
    assert told == [(7, None), (7, kind), (7, None)]


@pytest.mark.parametrize(
    "outcome", [Unauthorised("401"), Refused("400"), NotFound("404")], ids=lambda error: type(error).__name__
)
async def test_refusals_of_single_calls_are_no_trouble(gates, autojump_clock, outcome):
    gate = gates.of(1)
    for _ in range(20):
        await answered(gate, outcome)
    await call(gate)
    assert gate.trouble is None


@pytest.mark.parametrize(
    "outcome",
    [NotSent("no connection"), OutcomeUnknown("lost"), Interrupted("no answer in time"), ServiceFailed("502")],
    ids=lambda error: type(error).__name__,
)
async def test_failures_in_a_row_open_the_breaker_for_growing_pauses(gates, autojump_clock, outcome):
    gate = gates.of(1)
    for _ in range(4):
        await answered(gate, outcome)
    await call(gate)
    for _ in range(5):
        await answered(gate, outcome)
    pauses = []
    for _ in range(8):
        assert gate.trouble.kind is TroubleKind.UNAVAILABLE
        began = trio.current_time()
        await refused(gate)
        left_s = gate.figures().services[Service.REST].left_s
        pauses.append(left_s)
        await trio.sleep(left_s)
        assert trio.current_time() - began == pytest.approx(left_s)
        await answered(gate, outcome)  # a probe that fails opens at once
    for n, pause_s in enumerate(pauses):
        plain = min(60, 2 * 2**n)
        assert plain <= pause_s <= plain * 1.2
    await trio.sleep(100)
    await call(gate)
    assert gate.trouble is None
    for _ in range(4):
        await answered(gate, outcome)
    await call(gate)


async def test_only_one_probe_finds_out(gates, autojump_clock):
    gate = gates.of(1)
    await answered(gate, HTML)
    await trio.sleep(1000)
    release = trio.Event()

    async def probe():
        async with gate.turn(Service.REST, "account"):
            await release.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(probe)
        await wait_all_tasks_blocked()
        assert gate.figures().services[Service.REST].state == "half_open"
        for _ in range(3):
            await refused(gate)
        release.set()
    await call(gate)
    assert gate.figures().services[Service.REST].state == "closed"


async def test_a_cancelled_probe_lets_the_next_one_try(gates, autojump_clock):
    gate = gates.of(1)
    await answered(gate, HTML)
    await trio.sleep(1000)
    with trio.move_on_after(1):
        async with gate.turn(Service.REST, "account"):
            await trio.sleep_forever()
    await call(gate)
    assert gate.trouble is None


async def test_a_verdict_from_before_the_opening_does_not_close(gates, autojump_clock):
    gate = gates.of(1)
    release = trio.Event()

    async def slow():
        async with gate.turn(Service.REST, "account"):
            await release.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(slow)
        await wait_all_tasks_blocked()
        await answered(gate, HTML)
        release.set()
    await refused(gate)


async def test_an_unpaid_account_parks_both_services_and_others_neither(gates, autojump_clock):
    gate = gates.of(1)
    await answered(gate, PaymentRequired("unpaid"))
    await refused(gate, service=Service.CHATS)
    gate.retry_now()
    await call(gate, service=Service.CHATS)
    await answered(gate, WHITE_LIST)
    await call(gate, service=Service.CHATS)
    await answered(gates.of(2), HTML, service=Service.CHATS)
    await call(gates.of(2))
    await refused(gates.of(2), service=Service.CHATS)


async def test_missing_rights_hold_back_only_what_lacks_them(gates, autojump_clock):
    gate = gates.of(1)
    await answered(gate, RIGHTS, operation="create_sources")
    await refused(gate, operation="create_sources")
    await call(gate, operation="contacts")
    assert gate.trouble.kind is TroubleKind.NO_RIGHTS
    gate.retry_now()
    await call(gate, operation="create_sources")
    assert gate.trouble is None


async def test_an_operator_has_it_tried_at_once_but_not_what_that_would_prolong(gates, autojump_clock):
    gate = gates.of(1)
    await answered(gate, PaymentRequired("unpaid"))
    gate.retry_now()
    await answered(gate, PaymentRequired("still unpaid"))
    await refused(gate)
    gate.retry_now()
    await call(gate)
    await answered(gate, HTML)
    gate.retry_now()
    await refused(gate)


async def test_a_429_without_a_time_pauses_for_a_second_and_then_longer(gates, autojump_clock):
    gate = gates.of(1)
    waits = []
    for _ in range(3):
        await answered(gate, RateLimited("slow down"))
        began = trio.current_time()
        with pytest.raises(RateLimited):
            await call(gate, RateLimited("slow down"))  # short pauses are waited out in line
        waits.append(trio.current_time() - began)
        await trio.sleep(1000)
    assert 1 <= waits[0] <= 1.2
    assert 4 <= waits[1] <= 4.8
    assert waits[2] == 0, "longer ones are not: the call was sent away"
    assert gate.trouble.kind is TroubleKind.RATE_LIMITED
    await call(gate)
    assert gate.trouble is None


async def test_many_429_at_once_are_one_pause(gates, autojump_clock):
    gate = gates.of(1)
    release = trio.Event()

    async def slow_down() -> None:
        async with gate.turn(Service.REST, "account"):
            await release.wait()
            raise RateLimited("slow down")

    async def hasty() -> None:
        with pytest.raises(RateLimited):
            await slow_down()

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(hasty)
        await wait_all_tasks_blocked()
        await trio.sleep(1)
        release.set()
    assert gate.figures().services[Service.REST].left_s <= 1.2
    assert gate.figures().services[Service.REST].state == "paused"
    assert gate.trouble is None, "a moment's pause is not worth showing"


async def test_calls_are_spread_over_the_second_in_their_order(autojump_clock):
    gate = gates_of(GatePolicy(rest_rate_per_s=6)).of(1)
    went: list[tuple[float, int]] = []

    async def one(number: int) -> None:
        async with gate.turn(Service.REST, "account"):
            went.append((trio.current_time(), number))

    async with trio.open_nursery() as nursery:
        for number in range(20):
            nursery.start_soon(one, number)
            await wait_all_tasks_blocked()
    assert [number for _, number in went] == list(range(20))
    times = [at for at, _ in went]
    assert all(later - earlier >= 1 / 6 - 1e-6 for earlier, later in itertools.pairwise(times))
    assert times[-1] - times[0] == pytest.approx(19 / 6)


async def test_a_line_that_is_too_long_sends_away_with_a_time(autojump_clock):
    gate = gates_of(GatePolicy(rest_rate_per_s=1, patience_s=10)).of(1)
    outcomes: list[object] = []

    async def one() -> None:
        try:
            await call(gate)
        except NotSent as error:
            outcomes.append(error.retry_after_s)
        else:
            outcomes.append("went")

    async with trio.open_nursery() as nursery:
        for _ in range(30):
            nursery.start_soon(one)
    assert 10 <= outcomes.count("went") <= 11
    waits = [wait_s for wait_s in outcomes if wait_s != "went"]
    assert all(1 < wait_s < 15 for wait_s in waits)


async def test_a_refresh_of_tokens_passes_the_line_but_no_block(gates, autojump_clock):
    gate = gates_of(GatePolicy(rest_rate_per_s=0.1)).of(1)
    await call(gate)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(call, gate)
        await wait_all_tasks_blocked()
        began = trio.current_time()
        async with gate.express("refresh"):
            pass
        assert trio.current_time() == began
    with pytest.raises(Forbidden):
        async with gate.express("refresh"):
            raise HTML
    with pytest.raises(GateClosed):
        async with gate.express("refresh"):
            raise AssertionError("amoCRM was asked")
    await refused(gate)
    await trio.sleep(1000)
    async with gate.express("refresh"):  # the probe will need its token
        pass
    assert gate.trouble.kind is TroubleKind.BLOCKED, "OAuth answers, which says nothing of the API"
    await call(gate)
    assert gate.trouble is None


async def test_no_more_than_the_cap_in_flight_and_the_own_trouble_only(gates, autojump_clock):
    release = trio.Event()
    inside = {1: 0, 2: 0}

    async def hang(account_id: int) -> None:
        async with gates.of(account_id).turn(Service.REST, "account"):
            inside[account_id] += 1
            await release.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(hang, 1)
        await trio.sleep(1)
        assert inside == {1: FAST.calls_at_once, 2: 0}
        assert gates.of(1).figures().services[Service.REST].waiting == 50 - FAST.calls_at_once
        await call(gates.of(2))
        await call(gates.of(1), service=Service.CHATS)
        release.set()


async def test_however_many_accounts_hang_one_more_is_served_at_once(gates, autojump_clock):
    """Every account that hangs takes less than the one before, so that places are left."""

    async def hang(account_id: int) -> None:
        async with gates.of(account_id).turn(Service.CHATS, "send"):
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        for account_id in range(60):
            for _ in range(20):
                nursery.start_soon(hang, account_id)
        await wait_all_tasks_blocked()
        assert gates.figures().in_flight[Service.CHATS] < PLACES
        began = trio.current_time()
        for _ in range(10):
            await call(gates.of(1000), service=Service.CHATS)
        assert trio.current_time() == began
        nursery.cancel_scope.cancel()
    assert gates.figures().in_flight[Service.CHATS] == 0


async def test_the_egress_bucket_goes_round_among_accounts(autojump_clock):
    gates = gates_of(GatePolicy(rest_rate_per_s=1000, egress_rate_per_s=10, patience_s=1000))
    went: list[int] = []

    async def one(account_id: int) -> None:
        async with gates.of(account_id).turn(Service.REST, "account"):
            went.append(account_id)

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(one, 1)
        await wait_all_tasks_blocked()
        for account_id in (2, 3):
            for _ in range(5):
                nursery.start_soon(one, account_id)
    assert trio.current_time() - began == pytest.approx(49 / 10, abs=0.3)
    last = max(index for index, account_id in enumerate(went) if account_id != 1)
    assert last < 20, "a backlog of 40 has one turn in three"


async def test_a_refused_signature_is_one_alarm_however_many_accounts_meet_it(gates, autojump_clock, caplog):
    caplog.set_level(logging.WARNING)
    unsigned = Forbidden("invalid signature", reason="ORIGIN_INVALID_SIGNATURE")
    for account_id in range(20):
        await answered(gates.of(account_id), unsigned, service=Service.CHATS)
        await refused(gates.of(account_id), service=Service.CHATS)
        await call(gates.of(account_id))
    assert len(caplog.records) == 1
    assert caplog.records[0].levelno == logging.CRITICAL
    assert gates.figures().troubles == {TroubleKind.BAD_SIGNATURE: 20}
    await trio.sleep(100)
    for account_id in range(20):
        await call(gates.of(account_id), service=Service.CHATS)
    assert len(caplog.records) == 2
    assert gates.figures().troubles == {}


async def test_the_worst_trouble_is_shown_and_then_the_next(gates, autojump_clock):
    told = []
    gates.on_trouble = lambda account_id, trouble: told.append(trouble and trouble.kind)
    gate = gates.of(1)
    await answered(gate, RIGHTS, operation="create_sources")
    await answered(gate, WHITE_LIST)
    await trio.sleep(1000)
    await call(gate)
    await call(gate, operation="create_sources")
    assert told == [TroubleKind.NO_RIGHTS, TroubleKind.IP_BLOCKED, TroubleKind.NO_RIGHTS, None]


async def test_a_newcomers_gate_becomes_the_accounts(gates, autojump_clock):
    newcomer = gates.of_host("https://sever.amocrm.ru/")
    assert gates.of_host("https://SEVER.amocrm.ru") is newcomer
    assert gates.of(1, "https://sever.amocrm.ru") is newcomer
    assert gates.of(1) is newcomer
    assert gates.of(2, "https://sever.amocrm.ru") is not newcomer, "a gate is an account's, not a host's"
    gates.account_of_scope = {"channel_a": 1}.get
    assert gates.of_scope("channel_a") is newcomer
    assert gates.of_scope("channel_b") is gates.of_scope("channel_b")
    gates.forget(1)
    assert gates.of(1) is not newcomer


async def test_strangers_cannot_fill_the_memory_with_gates(gates, autojump_clock):
    for number in range(2000):
        gates.of_host(f"https://{number}.amocrm.ru")
    assert sum(gates.figures().states.values()) <= 2 * 256


async def test_what_fails_in_our_own_code_is_no_trouble_of_amocrm(gates, autojump_clock):
    gate = gates.of(1)
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            await call(gate, ZeroDivisionError())
    await call(gate)


async def test_places_are_handed_on_and_lost_by_nobody(autojump_clock):
    places = Places(4, 4)
    greedy, modest = Holder(), Holder()
    await places.acquire(greedy)
    with trio.move_on_after(1):
        await places.acquire(greedy)  # more than a share of what is free
    assert (greedy.held, places.free, places.waiting) == (1, 3, 0)
    await places.acquire(modest)
    got: list[str] = []

    async def more(holder: Holder, name: str) -> None:
        await places.acquire(holder)
        got.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(more, greedy, "greedy")
        await wait_all_tasks_blocked()
        places.check_invariants()
        assert got == []
        places.release(greedy)
    assert got == ["greedy"]
    places.release(greedy)
    places.release(modest)
    assert places.free == 4
    with pytest.raises(ValueError, match="cap"):
        Places(4, 5)
