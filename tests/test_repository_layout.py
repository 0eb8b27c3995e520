"""The layout that everything stands on: folders at the root, one import package, and the standard library's `http`."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("actors", "gateways", "http", "persistence", "runtime", "sandbox")


def from_the_root(*arguments: str) -> str:
    """Run Python in the repository's root, as developers do, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_http_stays_the_standard_librarys_when_python_runs_from_the_root():
    program = "import http, http.client, http.server; print(http.__file__); print(http.HTTPStatus.OK.value)"
    where, status = from_the_root("-c", program).splitlines()
    assert not Path(where).is_relative_to(ROOT)
    assert status == "200"


def test_modules_that_need_http_run_from_the_root():
    assert "pytest" in from_the_root("-m", "pytest", "--version")
    from_the_root("-c", "import httpx, quart_trio, hypercorn.trio")


def test_the_folder_http_has_no_init_and_our_parts_of_it_are_importable():
    assert not (ROOT / "http" / "__init__.py").exists()
    module = importlib.import_module("dealgram.http.app")
    assert Path(module.__file__).resolve() == ROOT / "http" / "app.py"


@pytest.mark.parametrize("part", PARTS)
def test_the_import_package_links_to_the_folder_at_the_root(part):
    link = ROOT / "src" / "dealgram" / part
    assert link.is_symlink()
    assert os.readlink(link) == f"../../{part}"  # relative: it must work in every clone
    assert link.resolve() == ROOT / part
    if part != "http":
        assert (ROOT / part / "__init__.py").is_file()


def test_no_package_at_the_root_hides_a_module_of_the_standard_library():
    hidden = {path.parent.name for path in ROOT.glob("*/__init__.py")} & sys.stdlib_module_names
    assert hidden == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """The names in a wheel that is built now."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: no wheel can be built")
    target = tmp_path_factory.mktemp("wheel")
    from_the_root("-m", "hatchling", "build", "-t", "wheel", "-d", str(target))
    (path,) = target.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("part", PARTS)
def test_the_wheel_holds_every_file_of_a_part(wheel, part):
    ours = {
        f"dealgram/{path.relative_to(ROOT).as_posix()}"
        for path in (ROOT / part).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert ours, f"{part} is empty"
    assert ours - wheel == set()


def test_the_wheel_holds_the_migrations_and_the_program_and_no_tests(wheel):
    assert any(name.startswith("dealgram/persistence/migrations/") and name.endswith(".sql") for name in wheel)
    assert {"dealgram/__init__.py", "dealgram/settings.py", "dealgram/logs.py"} <= wheel
    names = {Path(name).name for name in wheel if name.startswith("dealgram/")}
    assert not any(name.startswith(("test_", "conftest")) for name in names)
    assert not any(name.endswith((".env", ".key")) for name in wheel)


def test_the_commands_that_are_run_can_be_run():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for command in ("run", "test", "lint", "bench", "help"):
        assert f"make {command} " in listed
