"""The embedded server: starts from nothing, is shared, and survives whatever a SIGKILL leaves behind."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import trio

from dealgram.persistence import Database, DatabaseUnavailable, EmbeddedPostgresError, embedded

pytestmark = pytest.mark.slow

OWNER = """
import pathlib, sys, trio
from dealgram.persistence import embedded
async def main():
    server = await embedded.start(pathlib.Path(sys.argv[1]))
    print(server.url, flush=True)
    await trio.to_thread.run_sync(sys.stdin.read)
    await server.stop()
trio.run(main)
"""


@pytest.fixture
def folder():
    # not pytest's own: its folders are closed to other users, and as root the server runs as another user
    base = Path(tempfile.mkdtemp(prefix="dealgram-embedded-"))
    yield base / "not" / "there yet"
    shutil.rmtree(base, ignore_errors=True)


async def answers(url):
    try:
        async with Database.open(url, min_size=1, max_size=1) as db:
            return await db.fetchval("SELECT 1") == 1
    except DatabaseUnavailable:
        return False


def server_pid(folder):
    return int((folder / "cluster" / "postmaster.pid").read_text().split("\n")[0])


async def test_it_starts_from_nothing_keeps_data_and_stops(folder):
    server = await embedded.start(folder, settings={"work_mem": "5MB"})
    async with Database.open(server.url) as db:
        await db.execute("CREATE TABLE kept (n int)")
        assert await db.fetchval("SHOW work_mem") == "5MB"
        assert await db.fetchval("SHOW listen_addresses") == ""
        assert await db.fetchval("SHOW server_encoding") == "UTF8"
    await server.stop()
    await server.stop()
    assert not await answers(server.url)
    assert not (folder / "cluster" / "postmaster.pid").exists()
    server = await embedded.start(folder)
    async with Database.open(server.url) as db:
        assert await db.fetchval("SELECT count(*) FROM kept") == 0
    await server.stop()


async def test_the_last_user_stops_it(folder):
    async with trio.open_nursery() as nursery:
        shares = []

        async def join():
            shares.append(await embedded.start(folder))

        for _ in range(3):
            nursery.start_soon(join)
    pid = server_pid(folder)
    for share in shares[:2]:
        await share.stop()
        assert await answers(share.url)
    assert server_pid(folder) == pid
    await shares[2].stop()
    assert not await answers(shares[0].url)


async def test_a_killed_owner_leaves_a_server_that_the_next_one_uses_and_stops(folder):
    owner = start_owner(folder)
    url = owner.stdout.readline().strip()
    pid = server_pid(folder)
    os.kill(owner.pid, signal.SIGKILL)
    finish(owner)
    assert await answers(url)
    server = await embedded.start(folder)
    assert server_pid(folder) == pid
    await server.stop()
    assert not await answers(url)


async def test_another_process_holds_its_share(folder):
    server = await embedded.start(folder)
    owner = start_owner(folder)
    assert owner.stdout.readline().strip() == server.url
    await server.stop()
    assert await answers(server.url)
    finish(owner)
    assert owner.returncode == 0
    assert not await answers(server.url)


async def test_data_that_somebody_uses_is_not_discarded(folder):
    server = await embedded.start(folder)
    with pytest.raises(embedded.InUseError):
        await trio.to_thread.run_sync(embedded.discard, folder)
    assert await answers(server.url)
    await server.stop()
    await trio.to_thread.run_sync(embedded.discard, folder)
    assert not (folder / "cluster").exists()
    await trio.to_thread.run_sync(embedded.discard, folder)


async def test_a_server_without_an_owner_is_stopped_before_its_data_is_discarded(folder):
    owner = start_owner(folder)
    url = owner.stdout.readline().strip()
    os.kill(owner.pid, signal.SIGKILL)
    finish(owner)
    await trio.to_thread.run_sync(embedded.discard, folder)
    assert not await answers(url)
    assert not (folder / "cluster").exists()


def start_owner(folder):
    command = [sys.executable, "-c", OWNER, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def finish(owner):
    with owner:  # closes its input, upon which it stops, and waits
        pass


async def test_a_killed_server_starts_again(folder):
    server = await embedded.start(folder)
    os.kill(server_pid(folder), signal.SIGKILL)
    again = await embedded.start(folder)
    assert await answers(again.url)
    await again.stop()
    assert await answers(server.url)  # the first share is still held
    await server.stop()


@pytest.mark.parametrize("content", ["{pid}\n/elsewhere\n", "", "12"])
async def test_a_stale_pid_file_does_not_stop_the_start(folder, content):
    """The machine went down; the process id is somebody else's now (ours), or the file was cut short."""
    server = await embedded.start(folder)
    await server.stop()
    pid_file = folder / "cluster" / "postmaster.pid"
    pid_file.write_text(content.format(pid=os.getpid()))
    server = await embedded.start(folder)
    assert await answers(server.url)
    await server.stop()


async def test_a_half_made_cluster_is_replaced(folder):
    left = folder / "cluster.new-00000000"
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    server = await embedded.start(folder)
    assert await answers(server.url)
    assert not left.exists()
    await server.stop()


async def test_data_of_another_version_is_refused_with_a_clear_error(folder):
    (folder / "cluster").mkdir(parents=True)
    (folder / "cluster" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 9\.6"):
        await embedded.start(folder)


async def test_a_refused_setting_is_told_at_once(folder):
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        await embedded.start(folder, settings={"no_such_setting": "1"})
    server = await embedded.start(folder)
    await server.stop()


async def test_a_long_path_has_its_socket_elsewhere(folder):
    long = folder / ("x" * 120)
    server = await embedded.start(long)
    assert "x" * 120 not in server.url
    assert await answers(server.url)
    await server.stop()


async def test_nobody_else_can_enter_the_socket_folder(folder):
    server = await embedded.start(folder)
    assert (folder / "cluster").stat().st_mode & 0o077 == 0
    await server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="not root: the other tests run as an ordinary user already")
async def test_an_ordinary_user_starts_it_too(folder):
    await (await embedded.start(folder / "warm")).stop()  # the system user exists and its binaries are within reach
    user = pwd.getpwnam(embedded.SYSTEM_USER)
    home = folder / "home"
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)
    # the interpreter may be where only root can read, so it changes the user after its imports
    become = f"import os; os.setgroups([]); os.setgid({user.pw_gid}); os.setuid({user.pw_uid})"
    done = await trio.run_process(
        [sys.executable, "-c", OWNER.replace("async def", f"{become}\nasync def", 1), str(home / "data")],
        cwd="/",
        capture_stdout=True,
        capture_stderr=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (home / "data" / "cluster").stat().st_uid == user.pw_uid
