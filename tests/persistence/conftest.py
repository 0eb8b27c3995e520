"""Every test of this folder runs on the embedded server and on a packaged one (PostgreSQL 14 or later), if installed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dealgram.persistence import embedded
from dealgram.runtime.address import Address


@pytest.fixture(scope="session", params=["embedded", "packaged"])
def postgres_url(request, run_postgres):
    if request.param == "embedded":
        return run_postgres()
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not folders:
        pytest.skip("no packaged PostgreSQL in /usr/lib/postgresql")
    if int(folders[-1].parent.name) < 14:
        pytest.skip(f"the packaged PostgreSQL is {folders[-1].parent.name}, dealgram needs 14")
    return run_postgres(embedded.PostgresBinaries(folders[-1], embedded.SYSTEM_USER if os.geteuid() == 0 else None))


@pytest.fixture
def group():
    return Address("group", "1")
