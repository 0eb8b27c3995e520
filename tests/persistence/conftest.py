"""What depends on the server is tested on the embedded PostgreSQL and, where installed, on a packaged one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dealgram.persistence import embedded
from dealgram.runtime import Address

ON_BOTH = ("test_journal", "test_journal_property", "test_schema")


def pytest_generate_tests(metafunc):
    if "postgres_url" in metafunc.fixturenames and metafunc.module.__name__.rpartition(".")[2] in ON_BOTH:
        metafunc.parametrize("postgres_url", ["embedded", "packaged"], indirect=True, scope="session")


@pytest.fixture(scope="session")
def postgres_url(request, run_postgres):
    if getattr(request, "param", "embedded") == "embedded":
        return run_postgres()
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not folders:
        pytest.skip("no packaged PostgreSQL in /usr/lib/postgresql")
    if int(folders[-1].parent.name) < 14:
        pytest.skip(f"the packaged PostgreSQL is {folders[-1].parent.name}, dealgram needs 14")
    user = embedded.SYSTEM_USER if os.geteuid() == 0 else None  # PostgreSQL does not run as root
    return run_postgres(embedded.PostgresBinaries(folders[-1], user))


@pytest.fixture
def group():
    return Address("group", "1")
