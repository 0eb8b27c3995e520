"""Files that Telegram has already: sent once, they go again by the id that Telegram gave them, without an upload.

A mass sending has one picture and ten thousand recipients, and Telegram spaces out uploads of one bot that are alike
(telegram-facts §1.1). Owns what is known of the latest files, in memory only: forgetting costs an upload. A file is
known by its bytes, its name and what amoCRM calls it; its address spares even the fetching, for as long as it is fresh.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from dealgram.actors.answering.file_kinds import Kind
from dealgram.actors.body_parts import AmoFile
from dealgram.actors.latest import Latest

REMEMBERED = 256
FRESH_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFile:
    """A file as Telegram has it: its kind there, its id for this bot; ``name`` and ``size`` (bytes) as it was sent."""

    kind: Kind
    file_id: str
    name: str
    size: int


class KnownFiles:
    """The latest files of one bot."""

    def __init__(self) -> None:
        self._by_bytes: Latest[tuple[str, str, str], KnownFile] = Latest(REMEMBERED)
        self._by_address: Latest[tuple[str, str, str], tuple[float, KnownFile]] = Latest(REMEMBERED)

    def at(self, file: AmoFile) -> KnownFile | None:
        """The file at an address, if it was fetched a short while ago."""
        found = self._by_address.get(_address(file))
        return found[1] if found is not None and found[0] > trio.current_time() else None

    def like(self, file: AmoFile, digest: str) -> KnownFile | None:
        """A file with the same bytes, name and type."""
        found = self._by_bytes.get((digest, file.type, file.name))
        if found is not None:
            self._keep_address(file, found)
        return found

    def keep(self, file: AmoFile, digest: str, known: KnownFile) -> None:
        """A file was uploaded."""
        self._by_bytes[digest, file.type, file.name] = known
        self._keep_address(file, known)

    def forget(self, file_id: str) -> None:
        """Telegram does not take this id (any more)."""
        for key in [key for key, known in self._by_bytes.items() if known.file_id == file_id]:
            del self._by_bytes[key]
        for address in [key for key, (_, known) in self._by_address.items() if known.file_id == file_id]:
            del self._by_address[address]

    def _keep_address(self, file: AmoFile, known: KnownFile) -> None:
        self._by_address[_address(file)] = (trio.current_time() + FRESH_S, known)


def _address(file: AmoFile) -> tuple[str, str, str]:
    return file.url, file.type, file.name
