"""Waiting for an account's page to change: one looks for all, nobody looks for nobody, everybody is let go."""

from __future__ import annotations

import pytest
import trio

from dealgram.actors.accounts import page_watch
from dealgram.actors.accounts.page_watch import LOOK_EVERY_S, PageWatch, TooManyWaitingError
from dealgram.runtime import Transient


class Page:
    """Versions by account, and how often each was looked at."""

    def __init__(self) -> None:
        self.versions: dict[int, str] = {}
        self.looks: list[int] = []
        self.error: Exception | None = None
        self.slow_s = 0.0

    async def version(self, account_id: int) -> str:
        self.looks.append(account_id)
        found = self.versions.get(account_id, "v1")
        await trio.sleep(self.slow_s)
        if self.error is not None:
            raise self.error
        return found


@pytest.fixture
async def page():
    return Page()


@pytest.fixture
async def watch(page, nursery):
    watch = PageWatch(page.version)
    await nursery.start(watch.run)
    return watch


async def test_a_change_is_heard_within_seconds_and_at_once_when_somebody_says_so(autojump_clock, watch, page):
    async def change_later(wake: bool) -> None:
        await trio.sleep(5.1)
        page.versions[1] = f"after {trio.current_time()}"
        if wake:
            watch.wake()

    for wake, most_s in ((False, LOOK_EVERY_S), (True, 0.5)):
        since = page.versions.get(1, "v1")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(change_later, wake)
            begun = trio.current_time()
            found = await watch.wait(1, since, timeout_s=25)
        assert found == page.versions[1]
        assert 5.1 <= trio.current_time() - begun <= 5.1 + most_s


async def test_nothing_happens_for_the_whole_time(autojump_clock, watch):
    begun = trio.current_time()
    assert await watch.wait(1, "v1", timeout_s=25) == "v1"
    assert trio.current_time() - begun == 25


async def test_who_comes_with_another_version_is_answered_at_once(autojump_clock, watch):
    begun = trio.current_time()
    assert await watch.wait(1, "v0", timeout_s=25) == "v1"
    assert trio.current_time() == begun


async def test_what_was_seen_before_somebody_came_is_not_taken_for_news(autojump_clock, watch, page):
    """They may have read the page after it was looked at last."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: watch.wait(1, "v1", timeout_s=60))
        await trio.sleep(1)  # looked at, and the next look is a second away
        page.versions[1] = "v2"
        found = []

        async def newcomer() -> None:
            found.append(await watch.wait(1, "v2", timeout_s=10))

        begun = trio.current_time()
        nursery.start_soon(newcomer)
        await trio.sleep(20)
        assert found == ["v2"]
        assert trio.current_time() - begun == 20
        nursery.cancel_scope.cancel()


async def test_one_looks_for_all_of_an_account_and_nobody_for_nobody(autojump_clock, watch, page):
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(lambda: watch.wait(1, "v1", timeout_s=10))
        nursery.start_soon(lambda: watch.wait(2, "v1", timeout_s=10))
        await trio.sleep(1)
        assert watch.accounts == 2
    assert watch.accounts == 0
    assert page.looks.count(1) <= 10 / LOOK_EVERY_S + 2
    seen = len(page.looks)
    await trio.sleep(60)
    assert len(page.looks) == seen
    with trio.move_on_after(1):
        await watch.wait(1, "v1", timeout_s=25)  # whoever is cut off leaves nothing behind
    assert watch.accounts == 0


async def test_waking_all_the_time_does_not_make_it_look_all_the_time(autojump_clock, watch, page):
    async def shout() -> None:
        for _ in range(1000):
            watch.wake()
            await trio.sleep(0.01)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(shout)
        await watch.wait(1, "v1", timeout_s=10)
    assert len(page.looks) <= 10 / page_watch.AT_MOST_EVERY_S + 1


async def test_an_account_can_only_have_so_many_pages(autojump_clock, watch, monkeypatch):
    monkeypatch.setattr(page_watch, "MOST_WAITING", 3)
    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(lambda: watch.wait(1, "v1", timeout_s=5))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(TooManyWaitingError):
            await watch.wait(1, "v1", timeout_s=5)
        await watch.wait(2, "v0", timeout_s=5)
    await watch.wait(1, "v0", timeout_s=5)


@pytest.mark.parametrize("error", [Transient("the database is away"), ValueError("a mistake of ours")])
async def test_a_look_that_fails_ends_nothing(autojump_clock, watch, page, error):
    page.error = error

    async def mend() -> None:
        await trio.sleep(7)
        page.error, page.versions[1] = None, "v2"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(mend)
        assert await watch.wait(1, "v1", timeout_s=25) == "v2"
    page.error = error
    assert await watch.wait(1, "v2", timeout_s=5) == "v2", "it cannot be known: nothing is said to have changed"


async def test_the_end_lets_everybody_go_at_once(page, autojump_clock):
    watch, found = PageWatch(page.version), []

    async def wait() -> None:
        found.append(await watch.wait(1, "v1", timeout_s=25))

    async with trio.open_nursery() as outer, trio.open_nursery() as nursery:
        await nursery.start(watch.run)
        for _ in range(3):
            outer.start_soon(wait)
        await trio.sleep(1)
        begun = trio.current_time()
        nursery.cancel_scope.cancel()
    assert found == ["v1"] * 3
    assert trio.current_time() == begun
    assert await watch.wait(1, "v1", timeout_s=25) == "v1", "nor does it begin again"
    assert trio.current_time() == begun
