"""A file on its way through dealgram: the first megabyte in memory, what is more on disk.

Written once, then read from any place. The disk is touched in worker threads only. Close it, whatever happens; what is
on disk has no name there and is gone with the process in any case.
"""

from __future__ import annotations

import hashlib
import tempfile
from types import TracebackType
from typing import IO, Self

import trio

MEMORY_BYTES = 1024 * 1024
HEAD_BYTES = 256 * 1024
"""So much of the beginning is at hand without waiting: what a file is, is written there."""
PART_BYTES = 64 * 1024


class Spool:
    """The bytes of one file."""

    # Invariant: all bytes are in `_memory`, or all are in `_file`.

    def __init__(self) -> None:
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._head = b""
        self._hash = hashlib.sha256()
        self._size = 0
        self._closed = False

    @classmethod
    def of(cls, data: bytes) -> Self:
        """A small file that is whole already."""
        spool = cls()
        spool._memory += data
        spool._hash.update(data)
        spool._size = len(data)
        return spool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._size

    @property
    def head(self) -> bytes:
        """The first bytes, at most `HEAD_BYTES`."""
        return self._head or bytes(self._memory[:HEAD_BYTES])

    @property
    def digest(self) -> str:
        """SHA-256 of what was written so far."""
        return self._hash.hexdigest()

    @property
    def is_on_disk(self) -> bool:
        """Whether the file outgrew the memory."""
        return self._file is not None

    async def write(self, part: bytes) -> None:
        """Append a part. Raises OSError: the disk is full."""
        self._check()
        self._hash.update(part)
        if self._file is None and self._size + len(part) <= MEMORY_BYTES:
            self._memory += part
            self._size += len(part)
            await trio.lowlevel.checkpoint()
            return
        if self._file is None:
            self._head = bytes(self._memory[:HEAD_BYTES]) or part[:HEAD_BYTES]
            await trio.to_thread.run_sync(self._move_to_disk)
        assert self._file is not None
        await trio.to_thread.run_sync(self._append, self._file, part)
        self._size += len(part)

    async def read(self, at: int, count: int = PART_BYTES) -> bytes:
        """At most ``count`` bytes from the place ``at``; fewer only at the end."""
        self._check()
        if self._file is None:
            await trio.lowlevel.checkpoint()
            return bytes(self._memory[at : at + count])
        return await trio.to_thread.run_sync(self._read, self._file, at, count)

    def close(self) -> None:
        """Forget the bytes. May be called again."""
        self._closed = True
        self._memory.clear()
        if self._file is not None:
            self._file.close()

    def _check(self) -> None:
        if self._closed:
            raise ValueError("the file is closed")

    def _move_to_disk(self) -> None:
        file = tempfile.TemporaryFile(prefix="dealgram-")  # noqa: SIM115 - `close` does it
        try:
            file.write(self._memory)
        except OSError:
            file.close()
            raise
        self._file = file
        self._memory = bytearray()

    @staticmethod
    def _append(file: IO[bytes], part: bytes) -> None:
        file.seek(0, 2)
        file.write(part)

    @staticmethod
    def _read(file: IO[bytes], at: int, count: int) -> bytes:
        file.seek(at)
        return file.read(count)
