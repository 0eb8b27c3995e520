"""Whom a request comes from, and how often anybody may send what anybody may send."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from dealgram.http.arrivals import REMEMBERED, Arrivals
from dealgram.http.senders import sender

PUBLIC, PROXY = "93.184.216.34", "10.0.0.7"


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "known"),
    [
        (PUBLIC, (), 0, PUBLIC),
        (PUBLIC, ("8.8.8.8",), 0, PUBLIC),  # anybody can write that
        (PROXY, ("8.8.8.8",), 0, None),
        ("127.0.0.1", (), 0, None),
        ("::1", (), 0, None),
        (None, (), 0, None),
        ("not an address", (), 0, None),
        (PROXY, ("8.8.8.8",), 1, "8.8.8.8"),
        (PROXY, ("1.2.3.4, 8.8.8.8",), 1, "8.8.8.8"),
        (PROXY, ("1.2.3.4", "8.8.8.8"), 1, "8.8.8.8"),
        (PROXY, ("1.2.3.4, 8.8.8.8, 10.0.0.8",), 2, "8.8.8.8"),
        (PROXY, ("8.8.8.8",), 2, None),  # not by way of both: the peer counts, a proxy
        (PROXY, ("8.8.8.8, nonsense",), 1, None),
        (PROXY, ("8.8.8.8, 192.168.1.5",), 1, None),
        ("2a00:1450:4010:c05::8a", (), 0, "2a00:1450:4010:c05::/64"),
        ("2a00:1450:4010:c05:1:2:3:4", (), 0, "2a00:1450:4010:c05::/64"),
        ("::ffff:93.184.216.34", (), 0, PUBLIC),
        ("::ffff:10.0.0.7", (), 0, None),
    ],
)
def test_a_sender(peer, forwarded, proxies, known):
    assert sender(peer, forwarded, proxies) == known


@given(st.text(max_size=60), st.lists(st.text(max_size=60), max_size=3), st.integers(0, 4))
def test_whatever_a_header_holds_is_read(peer, forwarded, proxies):
    sender(peer, forwarded, proxies)


def arrivals() -> Arrivals:
    return Arrivals(rate_per_s=0.5, burst=3, total_rate_per_s=1, total_burst=5)


async def test_one_sender_is_held_back_and_another_is_not(autojump_clock):
    pace = arrivals()
    assert [pace.wait_s("a") for _ in range(3)] == [0, 0, 0]
    assert pace.wait_s("a") == pytest.approx(2)
    assert pace.wait_s("b") == 0
    await trio.sleep(2)
    assert pace.wait_s("a") == 0
    assert pace.wait_s("a") > 0


async def test_all_together_are_held_back_and_a_refusal_takes_nothing(autojump_clock):
    pace = arrivals()
    assert [pace.wait_s(None) for _ in range(5)] == [0] * 5
    assert [pace.wait_s(one) for one in ("a", None, "a", "a", "a", "a")] == [pytest.approx(1)] * 6
    await trio.sleep(3)
    # Had the refusals taken something of its own, the sender would be held back now.
    assert [pace.wait_s("a") for _ in range(3)] == [0, 0, 0]


async def test_memory_is_bounded(autojump_clock):
    pace = Arrivals(rate_per_s=1, burst=1, total_rate_per_s=1e9, total_burst=1e9)
    for number in range(REMEMBERED + 100):
        assert pace.wait_s(str(number)) == 0
    assert len(pace) == REMEMBERED
    assert pace.wait_s(str(REMEMBERED + 99)) > 0
