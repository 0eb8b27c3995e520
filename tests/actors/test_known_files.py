"""What is known of files that Telegram has: by their bytes, by their address, for a while, and no more than some."""

from __future__ import annotations

import trio

from dealgram.actors.answering.file_kinds import Kind
from dealgram.actors.answering.known_files import FRESH_S, REMEMBERED, KnownFile, KnownFiles
from dealgram.actors.body_parts import AmoFile

FILE = AmoFile(type="picture", url="https://a.ru/1", name="1.jpg")
KNOWN = KnownFile(kind=Kind.PHOTO, file_id="F", name="1.jpg", size=5)


async def test_a_file_is_known_by_its_bytes_under_any_address(autojump_clock):
    files = KnownFiles()
    files.keep(FILE, "digest", KNOWN)
    elsewhere = AmoFile(type="picture", url="https://a.ru/2", name="1.jpg")
    assert files.at(elsewhere) is None
    assert files.like(elsewhere, "digest") == KNOWN
    assert files.at(elsewhere) == KNOWN, "from now on without fetching"
    assert files.like(AmoFile(type="picture", url="https://a.ru/1", name="2.jpg"), "digest") is None
    assert files.like(AmoFile(type="file", url="https://a.ru/1", name="1.jpg"), "digest") is None


async def test_an_address_is_believed_for_an_hour(autojump_clock):
    files = KnownFiles()
    files.keep(FILE, "digest", KNOWN)
    assert files.at(FILE) == KNOWN
    await trio.sleep(FRESH_S + 1)
    assert files.at(FILE) is None
    assert files.like(FILE, "digest") == KNOWN


async def test_an_id_that_telegram_does_not_take_is_forgotten_everywhere(autojump_clock):
    files = KnownFiles()
    files.keep(FILE, "digest", KNOWN)
    files.forget("F")
    assert files.at(FILE) is None
    assert files.like(FILE, "digest") is None


async def test_only_the_latest_are_kept(autojump_clock):
    files = KnownFiles()
    for number in range(REMEMBERED + 1):
        files.keep(AmoFile(type="file", url=f"https://a.ru/{number}"), str(number), KNOWN)
    assert files.at(AmoFile(type="file", url="https://a.ru/0")) is None
    assert files.like(AmoFile(type="file", url="https://a.ru/0"), "0") is None
    assert files.at(AmoFile(type="file", url="https://a.ru/1")) == KNOWN
