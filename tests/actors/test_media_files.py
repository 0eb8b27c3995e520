"""From a link to a download: whose file it is, where Telegram has it now, how many at once, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
import trio
import trio.testing

from dealgram.actors.files.media_files import PATH_GOOD_FOR_S, MediaFiles, MediaRefusedError
from dealgram.actors.files.media_links import MediaLink, MediaLinks
from dealgram.actors.files.media_slots import BusyError, MediaSlots
from dealgram.gateways.errors import Interrupted, NotFound, NotSent, Refused, ServiceFailed, Unauthorised
from dealgram.gateways.telegram import CLOUD, OWN_SERVER
from dealgram.gateways.telegram.replies import File

LINKS = MediaLinks.of(["a key"], lambda: "https://us.example", days=30)
MINE, OTHER = 1, 2
NOW_S = 1_790_000_000.0


@dataclass
class FakeDownload:
    size: int | None
    start: int
    closed: int = 0

    def close(self) -> None:
        self.closed += 1


@dataclass
class FakeTelegram:
    """getFile and the file server: ``paths`` are good there."""

    size: int | None = 100
    told_size: int | None = 100
    path: str | None = "photos/file_1.jpg"
    paths: set[str] = field(default_factory=lambda: {"photos/file_1.jpg"})
    failure: Exception | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)
    fetched: list[tuple[str, str, int]] = field(default_factory=list)
    downloads: list[FakeDownload] = field(default_factory=list)
    go_on: trio.Event | None = None

    def bot(self, token: str):
        return SimpleNamespace(get_file=lambda file_id: self._get_file(token, file_id))

    async def _get_file(self, token: str, file_id: str) -> File:
        self.asked.append((token, file_id))
        await trio.lowlevel.checkpoint()
        if self.go_on is not None:
            await self.go_on.wait()
        if self.failure is not None:
            raise self.failure
        return File(file_id=file_id, file_size=self.size, file_path=self.path)

    async def download(self, token: str, path: str, start: int = 0) -> FakeDownload:
        await trio.lowlevel.checkpoint()
        self.fetched.append((token, path, start))
        if path not in self.paths:
            raise NotFound("no such file")
        self.downloads.append(FakeDownload(self.told_size, start))
        return self.downloads[-1]


class FakeRegistry:
    """Two accounts with a bot each."""

    def __init__(self) -> None:
        self.status = {MINE: "active", OTHER: "active"}
        self.owners = {700: MINE, 701: OTHER}

    def bot(self, bot_id: int):
        owner = self.owners.get(bot_id)
        return owner and SimpleNamespace(bot_id=bot_id, account_id=owner, token=f"{bot_id}:token")

    def account(self, account_id: int):
        status = self.status.get(account_id)
        return status and SimpleNamespace(row=SimpleNamespace(status=status))


@pytest.fixture
def telegram():
    return FakeTelegram()


@pytest.fixture
def registry():
    return FakeRegistry()


@pytest.fixture
def slots():
    return MediaSlots(at_once=2, patience_s=10)


@pytest.fixture
def media(telegram, registry, slots):
    return MediaFiles(LINKS, registry, telegram, telegram, CLOUD, lambda: NOW_S, slots)


def link(file_id: str = "AgACx", bot_id: int = 700, account_id: int = MINE, expires_at: int = 0) -> str:
    return LINKS.sign(MediaLink(account_id=account_id, bot_id=bot_id, file_id=file_id, expires_at=expires_at))


async def reason_of(awaitable) -> str:
    with pytest.raises(MediaRefusedError) as caught:
        await awaitable
    return caught.value.reason


async def test_a_link_opens_the_file_of_its_bot(media, telegram):
    found = await media.find(link())
    assert (found.size, found.link.file_id) == (100, "AgACx")
    download = await media.open(found, 10)
    assert (download.size, download.start) == (100, 10)
    assert telegram.asked == [("700:token", "AgACx")]
    assert telegram.fetched == [("700:token", "photos/file_1.jpg", 10)]


async def test_what_getfile_said_is_remembered_for_less_than_its_hour(media, telegram, autojump_clock):
    for _ in range(3):
        (await media.open(await media.find(link()))).close()
    assert len(telegram.asked) == 1
    await trio.sleep(PATH_GOOD_FOR_S + 1)
    (await media.open(await media.find(link()))).close()
    assert len(telegram.asked) == 2
    assert PATH_GOOD_FOR_S < 3600


async def test_a_path_that_ended_early_is_asked_for_anew(media, telegram):
    found = await media.find(link())
    telegram.path, telegram.paths = "photos/file_9.jpg", {"photos/file_9.jpg"}
    (await media.open(found)).close()
    assert [path for _, path, _ in telegram.fetched] == ["photos/file_1.jpg", "photos/file_9.jpg"]
    telegram.paths = set()
    assert await reason_of(media.open(found)) == "gone"


async def test_no_bot_opens_the_file_of_another_account(media, registry, telegram):
    assert await reason_of(media.find(link(bot_id=701))) == "disconnected"
    assert await reason_of(media.find(link(bot_id=700, account_id=OTHER))) == "disconnected"
    assert await reason_of(media.find(link(bot_id=999))) == "disconnected"
    assert telegram.asked == []


async def test_a_link_rests_with_its_bot_and_its_account(media, registry):
    found = await media.find(link())
    registry.status[MINE] = "uninstalled"
    assert await reason_of(media.find(link())) == "disconnected"
    assert await reason_of(media.open(found)) == "disconnected"
    registry.status[MINE] = "active"
    (await media.open(found)).close()
    del registry.owners[700]
    assert await reason_of(media.open(found)) == "disconnected"


async def test_a_link_of_yesterday_is_told_apart_from_a_forged_one(media):
    assert await reason_of(media.find(link(expires_at=int(NOW_S)))) == "expired"
    await media.find(link(expires_at=int(NOW_S) + 1))
    assert await reason_of(media.find(link()[:-3] + "AAA")) == "forged"
    assert await reason_of(media.find("nonsense")) == "unknown"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Refused("Bad Request: file is too big", reason="file_too_big"), "too_large"),
        (Refused("Bad Request: wrong file_id"), "gone"),
        (NotSent("nobody there"), "unavailable"),
        (Interrupted("the connection broke"), "unavailable"),
        (ServiceFailed("Bad Gateway"), "unavailable"),
        (Unauthorised("Unauthorized"), "unavailable"),
    ],
)
async def test_what_telegram_says_becomes_a_reason(media, telegram, slots, failure, reason):
    telegram.failure = failure
    assert await reason_of(media.find(link())) == reason
    assert slots.in_use(MINE) == 0
    telegram.failure = None
    await media.find(link())


async def test_a_file_over_the_limit_is_not_served_wherever_its_size_is_told(media, telegram, registry):
    telegram.size = CLOUD.download + 1
    assert await reason_of(media.find(link("one"))) == "too_large"
    telegram.size, telegram.told_size = None, CLOUD.download + 1
    assert await reason_of(media.open(await media.find(link("two")))) == "too_large"
    assert telegram.downloads[-1].closed == 1
    telegram.size = telegram.told_size = CLOUD.download
    (await media.open(await media.find(link("three")))).close()
    own = MediaFiles(LINKS, registry, telegram, telegram, OWN_SERVER, lambda: NOW_S)
    telegram.size = telegram.told_size = 10 * CLOUD.download
    (await own.open(await own.find(link("four")))).close()


async def test_a_server_without_local_names_no_path_for_a_large_file(media, telegram):
    telegram.path = None
    assert await reason_of(media.find(link("one"))) == "gone"
    telegram.size = CLOUD.download + 1
    assert await reason_of(media.find(link("two"))) == "too_large"


async def test_a_part_of_another_file_is_not_served(media, telegram, slots):
    """The range was made for the size that getFile told; the file that comes has another one."""
    found = await media.find(link())
    telegram.told_size = 120
    assert await reason_of(media.open(found, 10)) == "unavailable"
    assert telegram.downloads[-1].closed == 1
    assert slots.in_use(MINE) == 0
    telegram.size = 120
    again = await media.find(link())
    assert again.size == 120
    (await media.open(again, 10)).close()


async def test_an_account_has_its_own_files_on_their_way_and_no_more(media, slots, autojump_clock):
    found, theirs = await media.find(link()), await media.find(link(bot_id=701, account_id=OTHER))
    first, second = await media.open(found), await media.open(found)
    began = trio.current_time()
    assert await reason_of(media.open(found)) == "busy"
    assert trio.current_time() - began == pytest.approx(10)
    assert await reason_of(media.find(link("another"))) == "busy"
    (await media.open(theirs)).close()
    first.close()
    first.close()
    third = await media.open(found)
    assert slots.in_use(MINE) == 2
    second.close()
    third.close()
    assert slots.in_use(MINE) == 0


async def test_who_waits_gets_the_slot_that_is_given_back(media, autojump_clock):
    found = await media.find(link())
    held = [await media.open(found), await media.open(found)]
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            (await media.open(found)).close()

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        held[0].close()
    held[1].close()


async def test_a_request_that_is_cancelled_leaves_no_slot_behind(media, telegram, slots):
    telegram.go_on = trio.Event()
    with trio.move_on_after(0):
        await media.find(link())
    assert slots.in_use(MINE) == 0
    telegram.go_on = None
    found = await media.find(link())
    with trio.move_on_after(0):
        await media.open(found)
    assert slots.in_use(MINE) == 0


async def test_slots_forget_accounts_that_have_none(slots, autojump_clock):
    taken = [await slots.take(MINE), await slots.take(MINE)]
    with pytest.raises(BusyError):
        await slots.take(MINE)
    for slot in taken:
        slot.give_back()
    assert slots._limiters == {}
