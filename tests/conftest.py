"""Fixtures that every test folder shares."""

from __future__ import annotations

import asyncio
import gc
import itertools
import shutil
import tempfile
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import trio
from hypothesis import HealthCheck, settings

from dealgram.persistence import Database, embedded, migrate

settings.register_profile(
    "dealgram",
    deadline=None,  # time is measured in benchmarks, never asserted in tests
    derandomize=True,  # a red run must be red again on the next machine
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("dealgram")

# Tests throw their databases away: nothing is gained by waiting for the disk, or by tidying up.
_FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "60",
}
_MOST_BYTES = 2_000_000  # of a database that is emptied and used again: what is deleted still takes room
_numbers = itertools.count(1)


# Files that take longest: whoever begins one of them last keeps everybody waiting for its end.
_LONGEST = ("tests/crash/", "tests/test_cli.py", "tests/browser/", "tests/integration/test_outgoing_")


def pytest_collection_modifyitems(items):
    """The longest files first; the others in the order of their names, as collected."""

    def place(item) -> int:
        return next((number for number, one in enumerate(_LONGEST) if item.nodeid.startswith(one)), len(_LONGEST))

    items.sort(key=place)


def pytest_collection_finish(session):
    """Look for garbage less often, and not among what was imported: by default it takes a sixth of all the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(scope="session")
def run_postgres():
    """Start private PostgreSQL servers, one per installation: ``run_postgres(binaries=None) -> url``."""
    servers: dict[embedded.PostgresBinaries | None, embedded.EmbeddedPostgres] = {}
    folders: list[Path] = []

    def run(binaries: embedded.PostgresBinaries | None = None) -> str:
        if binaries not in servers:
            folder = Path(tempfile.mkdtemp(prefix="dealgram-tests-"))
            folders.append(folder)
            servers[binaries] = trio.run(partial(embedded.start, folder, settings=_FAST, binaries=binaries))
        return servers[binaries].url

    yield run
    for server in servers.values():
        trio.run(server.stop)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url(run_postgres):
    """The URL of one embedded server for the whole session."""
    return run_postgres()


@pytest.fixture(scope="session")
def migrated_databases():
    """The migrated databases of each server, by its URL."""
    return {}


@pytest.fixture
def empty_database_url(postgres_url):
    """The URL of a fresh database without a schema."""
    name = f"test_{next(_numbers)}"
    _administer(postgres_url, f"CREATE DATABASE {name}")
    yield in_database(postgres_url, name)
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(postgres_url, migrated_databases):
    """The URL of a migrated database in which there is nothing."""
    if postgres_url not in migrated_databases:
        migrated_databases[postgres_url] = _MigratedDatabases(postgres_url)
    databases = migrated_databases[postgres_url]
    name = databases.take()
    yield in_database(postgres_url, name)
    databases.give_back(name)


@pytest.fixture
async def db(database_url):
    """A fresh migrated database, open."""
    async with Database.open(database_url) as opened:
        yield opened


def in_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


class _MigratedDatabases:
    """Databases of one server that tests use one after another.

    To empty one takes a tenth of the time that it takes to make one. What a test has changed about the schema, or
    filled with much, is thrown away.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._template = f"dealgram_template_{next(_numbers)}"
        self._spare: list[str] = []
        _administer(url, f"CREATE DATABASE {self._template}")
        trio.run(self._migrate)
        self._shape = asyncio.run(self._emptied(self._template))

    def take(self) -> str:
        if self._spare:
            return self._spare.pop()
        name = f"test_{next(_numbers)}"
        _administer(self._url, f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    def give_back(self, name: str) -> None:
        if asyncio.run(self._emptied(name)) == self._shape:
            self._spare.append(name)
        else:
            _administer(self._url, f"DROP DATABASE {name} WITH (FORCE)")

    async def _migrate(self) -> None:
        async with Database.open(in_database(self._url, self._template), min_size=1, max_size=1) as db:
            await migrate(db)

    async def _emptied(self, name: str) -> tuple[object, ...]:
        """Empty a database; gives what shows whether it is as it was made."""
        connection = await asyncpg.connect(in_database(self._url, name))
        try:
            await connection.execute(_EMPTY)
            return tuple(await connection.fetchrow(_SHAPE, _MOST_BYTES))
        finally:
            await connection.close()


_EMPTY = """
DO $$
DECLARE it record;
BEGIN
    -- Whoever was killed may not have left yet.
    PERFORM pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid();
    FOR it IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND relname <> 'schema_migrations'
    LOOP
        EXECUTE format('DELETE FROM public.%I', it.relname);
    END LOOP;
    PERFORM setval(oid, 1, false) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S';
END $$
"""
_SHAPE = """
SELECT md5(string_agg(concat(a.attrelid::regclass, a.attname, a.atttypid, a.attnotnull, a.atthasdef), ','
        ORDER BY a.attrelid::regclass::text, a.attnum)),
    (SELECT md5(string_agg(concat(name, checksum), ',' ORDER BY name)) FROM schema_migrations),
    (SELECT md5(string_agg(pg_get_constraintdef(oid), ',' ORDER BY conname)) FROM pg_constraint),
    (SELECT sum(pg_relation_size(oid)) < $1 FROM pg_class WHERE relnamespace = 'public'::regnamespace)
FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid AND c.relnamespace = 'public'::regnamespace
"""


def _administer(url: str, sql: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(run())
