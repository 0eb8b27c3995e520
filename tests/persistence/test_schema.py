"""Migrations: once each, by one of many starters, and never onto a database they do not fit."""

from __future__ import annotations

import pytest
import trio

from dealgram.persistence import Database, MigrationError, migrate
from dealgram.persistence.schema import Migration, missing_migrations, read_migrations


@pytest.fixture
async def empty(empty_database_url):
    async with Database.open(empty_database_url, min_size=1, max_size=8) as opened:
        yield opened


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "0001_one.sql").write_text("CREATE TABLE one (n int); INSERT INTO one VALUES (1);")
    (tmp_path / "0002_two.sql").write_text("CREATE TABLE two (n int);")
    return tmp_path


async def test_migrating_twice_applies_once(empty):
    names = [migration.name for migration in read_migrations()]
    assert await migrate(empty) == names
    assert await migrate(empty) == []
    assert await empty.fetchval("SELECT count(*) FROM schema_migrations") == len(names)


async def test_later_files_are_applied_to_an_older_database(empty, folder):
    (folder / "0003_three.sql").write_text("ALTER TABLE one ADD m int;")
    two = {"0001_one", "0002_two"}
    assert set(await migrate(empty, folder=folder)) == two | {"0003_three"}
    (folder / "0004_four.sql").write_text("INSERT INTO one VALUES (2, 2);")
    assert await migrate(empty, folder=folder) == ["0004_four"]
    assert await empty.fetchval("SELECT count(*) FROM one") == 2


async def test_concurrent_starters_apply_each_file_once(empty, folder):
    applied = []

    async def starter():
        applied.extend(await migrate(empty, folder=folder))

    async with trio.open_nursery() as nursery:
        for _ in range(8):
            nursery.start_soon(starter)
    assert sorted(applied) == ["0001_one", "0002_two"]
    assert await empty.fetchval("SELECT count(*) FROM one") == 1


async def test_a_changed_file_is_refused(empty, folder):
    await migrate(empty, folder=folder)
    (folder / "0001_one.sql").write_text("CREATE TABLE one (n bigint);")
    with pytest.raises(MigrationError, match=r"0001_one.*changed"):
        await migrate(empty, folder=folder)


async def test_line_endings_are_no_change(empty, folder):
    await migrate(empty, folder=folder)
    path = folder / "0002_two.sql"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert await migrate(empty, folder=folder) == []


async def test_a_newer_database_is_refused(empty, folder):
    await migrate(empty, folder=folder)
    (folder / "0002_two.sql").unlink()
    with pytest.raises(MigrationError, match="newer"):
        await migrate(empty, folder=folder)


async def test_a_failing_file_leaves_no_trace_and_can_be_mended(empty, folder):
    (folder / "0003_three.sql").write_text("CREATE TABLE three (n int); SELECT 1/0;")
    with pytest.raises(Exception, match="division by zero"):
        await migrate(empty, folder=folder)
    assert await empty.fetchval("SELECT to_regclass('three')") is None
    (folder / "0003_three.sql").write_text("CREATE TABLE three (n int);")
    assert await migrate(empty, folder=folder) == ["0003_three"]


def test_a_file_slipped_in_before_an_applied_one_is_refused():
    one, two = Migration("0001_one", ""), Migration("0002_two", "")
    with pytest.raises(MigrationError, match="comes before"):
        missing_migrations([one, two], [(two.name, two.checksum)])
    assert missing_migrations([one, two], [(one.name, one.checksum)]) == [two]
