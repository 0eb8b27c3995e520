"""Files on the disk of a Bot API server that runs with ``--local``: getFile answers with their absolute paths.

Owns the way from such a path to its bytes. Promises:
- only what lies in the bot's own folder below the configured one is opened: every step of the path is opened by
  itself, and none may be a link, so there is nothing to be swapped in between;
- the folder may be mounted elsewhere than the server has it: what counts is the path from the bot's folder on, which
  has the token for its name;
- the disk is read in threads of its own, a bounded number at once, never in the event loop;
- no error holds a path: it would hold the token.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path, PurePosixPath
from typing import Self

import trio

from dealgram.gateways.errors import NotFound, Refused, ServiceFailed
from dealgram.gateways.telegram.errors import SERVICE

PART_BYTES = 256 * 1024
_READERS = 8
_OPERATION = "read a local file"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK  # opening a pipe must not wait for its other end


def path_within(token: str, path: str) -> tuple[str, ...]:
    """The steps from the bot's folder to the file.

    The server calls a bot's folder by its token (tdlib/telegram-bot-api, Client.cpp: ``dir_``), on Windows with ``~``
    for the colon.

    Raises:
        Refused: the path leads elsewhere.
    """
    steps = PurePosixPath(path).parts[1:]
    at = next((at for at, step in enumerate(steps) if step in (token, token.replace(":", "~"))), None)
    if at is None or at + 1 >= len(steps) or ".." in steps or "\0" in path:
        raise Refused("no path of a file", service=SERVICE, operation=_OPERATION)
    return steps[at + 1 :]


class LocalFiles:
    """Reads below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = trio.CapacityLimiter(_READERS)

    async def open(self, token: str, path: str, start: int = 0) -> LocalDownload:
        """Open what getFile gave this absolute path for, at byte ``start``.

        Raises:
            Refused: it is not below the bot's folder, or no plain file.
            NotFound: it is not there (any more), or has no byte ``start``.
            ServiceFailed: the disk does not give it.
        """
        steps = path_within(token, path)
        number, size = await trio.to_thread.run_sync(self._open, token, steps, limiter=self._threads)
        download = LocalDownload(number, size, start, self._threads)
        if start and start >= size:
            download.close()
            raise NotFound("the file is shorter", service=SERVICE, operation=_OPERATION)
        return download

    def _open(self, token: str, steps: tuple[str, ...]) -> tuple[int, int]:
        """File descriptor and size; in a thread."""
        try:
            with _Folder(os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)) as folder:
                for step in (folder.of_bot(token), *steps[:-1]):
                    folder.enter(step)
                number = os.open(steps[-1], _FILE, dir_fd=folder.number)
            facts = os.fstat(number)
        except FileNotFoundError:
            raise NotFound("no such file", service=SERVICE, operation=_OPERATION) from None
        except (NotADirectoryError, IsADirectoryError, ValueError):
            raise Refused("no path of a file", service=SERVICE, operation=_OPERATION) from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK):  # a link
                raise Refused("no path of a file", service=SERVICE, operation=_OPERATION) from None
            raise _failed(error) from None
        if not stat.S_ISREG(facts.st_mode):
            os.close(number)
            raise Refused("no plain file", service=SERVICE, operation=_OPERATION)
        return number, facts.st_size


class _Folder:
    """An open folder from which one goes deeper, never through a link."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.number)

    def of_bot(self, token: str) -> str:
        """The name of a bot's folder."""
        other = token.replace(":", "~")
        try:
            os.stat(other, dir_fd=self.number, follow_symlinks=False)
        except OSError:
            return token
        return other

    def enter(self, name: str) -> None:
        """Go into a folder of this one."""
        deeper = os.open(name, _FOLDER, dir_fd=self.number)
        os.close(self.number)
        self.number = deeper


class LocalDownload:
    """A file on the disk, read as it is asked for."""

    def __init__(self, number: int, size: int, start: int, threads: trio.CapacityLimiter) -> None:
        self.size = size
        self.start = start
        self._number: int | None = number
        self._at = start
        self._threads = threads

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """The next part. Not cancelled while the disk works: the descriptor must outlive the thread.

        Raises:
            ServiceFailed: the disk fails, or the file became shorter.
        """
        if self._number is None or self._at >= self.size:
            raise StopAsyncIteration
        wanted = min(PART_BYTES, self.size - self._at)
        try:
            part = await trio.to_thread.run_sync(os.pread, self._number, wanted, self._at, limiter=self._threads)
        except OSError as error:
            raise _failed(error) from None
        if not part:
            raise ServiceFailed("the file became shorter", service=SERVICE, operation=_OPERATION)
        self._at += len(part)
        return part

    def close(self) -> None:
        """Let go of the file; a second time does nothing."""
        number, self._number = self._number, None
        if number is not None:
            os.close(number)


def _failed(error: OSError) -> ServiceFailed:
    said = os.strerror(error.errno) if error.errno else "the system refused"
    return ServiceFailed(said, service=SERVICE, operation=_OPERATION)
