"""The benchmark of the whole path, with a handful of updates: it measures what it says, and it notices a loss."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE_S = 150.0


@pytest.mark.slow
def test_mirror_reports_both_phases_and_loses_nothing():
    """It checks by itself that every post arrives exactly once, in order and signed, and fails otherwise."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "mirror.py"), "--quick", "--deals", "3"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)

    assert report["machine"].keys() >= {"cpu", "cores", "python", "trio", "httpx", "asyncpg"}
    (result,) = report["results"].values()
    assert result["database"]["fsync"] == result["database"]["synchronous_commit"] == "on"
    assert result["memory_mb"]["peak"] >= result["memory_mb"]["rss"] * 0.99 > 0
    for phase in (result["saturated"], result["moderate"]):
        assert phase["posts"] == 3 * phase["updates"] > 0
        assert phase["posts_per_s"] > phase["updates_per_s"] > 0
        assert phase["cpu_us_per_update"] > 0
        assert phase["commits_per_update"] > 0
        assert 0 < phase["update_to_post_ms"]["p50"] <= phase["update_to_post_ms"]["p99"]
    assert result["saturated"]["new_connections_per_post"] < 0.5


@pytest.mark.slow
def test_burst_accepts_every_hook_and_delivers_the_managers_answer():
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "burst.py"), "--quick"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["hooks"] == 61
    assert report["accepted_per_s"] > 0
    assert 0 < report["answer_ms"]["p50"] <= report["answer_ms"]["p99"]
    assert report["manager"]["hooks_before_it"] == 30
    assert 0 <= report["manager"]["delivered_before_it"] <= 61


@pytest.fixture
def stubs(monkeypatch):
    """The module of the stubs, which is a script and no part of the package."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import stubs

    yield stubs
    del sys.modules["stubs"]


def test_the_ledger_counts_what_is_missing_doubled_unknown_and_out_of_order(stubs):
    world = stubs.World(groups=2, people=1, bots=1, deals=2)
    ledger = stubs.Stubs(world).ledger
    first, second = ledger.make([(1, 0), (1, 0)])
    one, other = world.deal_ids(1)

    def post(update, deal, text=None):
        ledger.arrived(
            stubs._Payload(
                msgid=f"tg-{world.bot_id(1)}-{world.chat_id(1)}-{update.number}-d{deal}",
                conversation_id=f"g7-d{deal}-u{update.user_id}",
                sender=stubs._Person(id=f"tgu-{update.user_id}"),
                message=stubs._Content(text=text or update.text),
            )
        )

    post(first, one)
    post(first, one)  # doubled
    post(second, other)
    post(first, other)  # after the second, in the same conversation
    post(second, one, text="something else")
    post(second, world.deal_ids(0)[0])  # a deal of another group

    assert ledger.outstanding == 1
    assert ledger.wrong == {
        "doubled": 1,
        "unknown": 2,
        "out_of_order": 1,
        "badly_signed": 0,
        "unexpected_calls": 0,
    }


def test_a_signature_over_another_body_is_noticed(stubs):
    """The vector is made here, from the documented scheme, not by the product's own code."""
    import hashlib
    import hmac

    date = "Thu, 01 Jan 2026 00:00:00 +0000"
    md5 = hashlib.md5(b"{}").hexdigest()
    text = f"POST\n{md5}\napplication/json\n{date}\n{stubs.SCOPE}"
    signature = hmac.new(stubs.CHANNEL_SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()
    headers = {"date": date, "content-md5": md5, "x-signature": signature}

    assert stubs._signed("POST", stubs.SCOPE, headers, b"{}")
    assert not stubs._signed("POST", stubs.SCOPE, headers, b"{ }")
    assert not stubs._signed("POST", stubs.SCOPE, headers | {"x-signature": signature[::-1]}, b"{}")
