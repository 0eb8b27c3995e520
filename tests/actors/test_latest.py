"""What is remembered is bounded, and it is the oldest that is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.latest import Latest


@given(st.lists(st.tuples(st.sampled_from(["set", "default", "renew"]), st.integers(0, 9))), st.integers(1, 6))
def test_it_holds_the_keys_that_were_written_last(steps: list[tuple[str, int]], limit: int) -> None:
    latest: Latest[int, int] = Latest(limit)
    expected: list[int] = []
    for number, (step, key) in enumerate(steps):
        if step == "renew":
            if key in latest:
                latest.move_to_end(key)
                expected.remove(key)
                expected.append(key)
        elif step == "set" or key not in expected:
            if step == "set":
                latest[key] = number
            else:
                latest.setdefault(key, number)
            expected = [one for one in expected if one != key] + [key]
        expected = expected[-limit:]
        assert list(latest) == expected


def test_a_default_changes_nothing_that_is_known() -> None:
    latest: Latest[str, int] = Latest(2)
    latest["a"] = 1
    assert latest.setdefault("a", 2) == 1
    assert latest == {"a": 1}
