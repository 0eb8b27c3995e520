"""A form with files as the body of a request, part by part: no file is ever in memory as a whole (RFC 7578).

Names of files go out as UTF-8, which is what browsers do and what the Bot API reads; what could end the quoted name, or
the line, is replaced.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from dealgram.gateways.spool import PART_BYTES, Spool

_UNSAFE = {ord('"'): "'", ord("\\"): "_", ord("/"): "_"}
_NAME_BYTES = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePart:
    """A file of a form: under which field, what it is called, and its bytes."""

    field: str
    name: str
    data: Spool
    mime: str = "application/octet-stream"


class Multipart:
    """The body of one request; read it once."""

    def __init__(self, fields: Mapping[str, str], files: Sequence[FilePart], *, boundary: str | None = None) -> None:
        self._boundary = boundary or secrets.token_hex(16)
        head = b"".join(self._field(name, value) for name, value in fields.items())
        self._pieces: list[bytes | Spool] = [head] if head else []
        for file in files:
            self._pieces += [self._file_head(file), file.data, b"\r\n"]
        self._pieces.append(f"--{self._boundary}--\r\n".encode())
        self._length = sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in self._pieces)
        self._at = 0

    @property
    def content_type(self) -> str:
        """The request's Content-Type."""
        return f"multipart/form-data; boundary={self._boundary}"

    @property
    def length(self) -> int:
        """Bytes of the whole body."""
        return self._length

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while self._pieces:
            piece = self._pieces[0]
            if isinstance(piece, bytes):
                del self._pieces[0]
                return piece
            if self._at < piece.size:
                part = await piece.read(self._at, PART_BYTES)
                if not part:
                    raise OSError("the spooled file is shorter than it was")
                self._at += len(part)
                return part
            del self._pieces[0]
            self._at = 0
        raise StopAsyncIteration

    def _field(self, name: str, value: str) -> bytes:
        return f'--{self._boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()

    def _file_head(self, file: FilePart) -> bytes:
        names = f'name="{file.field}"; filename="{safe_name(file.name)}"'
        return (
            f"--{self._boundary}\r\nContent-Disposition: form-data; {names}\r\nContent-Type: {file.mime}\r\n\r\n"
        ).encode()


def safe_name(name: str) -> str:
    """A file's name as it can stand in a header: one line, no quotes, no folders, at most 255 bytes with its ending."""
    clean = "".join(char if char.isprintable() else "_" for char in name.translate(_UNSAFE)).strip() or "file"
    if len(clean.encode()) <= _NAME_BYTES:
        return clean
    stem, dot, ending = clean.rpartition(".")
    if not dot or len(ending) > 16:
        stem, dot, ending = clean, "", ""
    room = _NAME_BYTES - len(f"{dot}{ending}".encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + ending
