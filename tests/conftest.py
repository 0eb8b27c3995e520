"""Fixtures that every test folder shares."""

from __future__ import annotations

import asyncio
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

# Tests throw their databases away: nothing is gained by waiting for the disk.
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
_numbers = itertools.count(1)


# Files that take longest: whoever begins one of them last keeps everybody waiting for its end.
_LONGEST = ("tests/crash/", "tests/test_cli.py", "tests/browser/", "tests/integration/test_outgoing_")


def pytest_collection_modifyitems(items):
    """The longest files first; the others in the order of their names, as collected."""

    def place(item) -> int:
        return next((number for number, one in enumerate(_LONGEST) if item.nodeid.startswith(one)), len(_LONGEST))

    items.sort(key=place)


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
def migrated_templates():
    """Names of migrated databases to be copied, by the URL of their server."""
    return {}


@pytest.fixture
def empty_database_url(postgres_url):
    """The URL of a fresh database without a schema."""
    yield from _fresh_database(postgres_url, "template1")


@pytest.fixture
def database_url(postgres_url, migrated_templates):
    """The URL of a fresh migrated database."""
    if postgres_url not in migrated_templates:
        migrated_templates[postgres_url] = _migrated(postgres_url)
    yield from _fresh_database(postgres_url, migrated_templates[postgres_url])


@pytest.fixture
async def db(database_url):
    """A fresh migrated database, open."""
    async with Database.open(database_url) as opened:
        yield opened


def in_database(url: str, name: str) -> str:
    """The URL of another database on the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _migrated(url: str) -> str:
    name = f"dealgram_template_{next(_numbers)}"

    async def make() -> None:
        async with Database.open(in_database(url, name), min_size=1, max_size=1) as db:
            await migrate(db)

    _administer(url, f"CREATE DATABASE {name}")
    trio.run(make)
    return name


def _fresh_database(url, template):
    name = f"test_{next(_numbers)}"
    _administer(url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield in_database(url, name)
    _administer(url, f"DROP DATABASE {name} WITH (FORCE)")


def _administer(url: str, sql: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    asyncio.run(run())
