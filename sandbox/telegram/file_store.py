"""The bytes that Telegram keeps, and the names by which bots know them.

Owns `SimFile`. A file id is good for one bot only and names the same file for ever (Bot API: Sending files), the unique
id is the same for all. Promises: memory is bounded; the oldest files of messages are forgotten first, and their ids are
unknown from then on.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dealgram.sandbox.telegram.world import SimBot

if TYPE_CHECKING:
    from dealgram.sandbox.telegram.media import Media

_KEPT_BYTES = 1024 * 1024 * 1024
_NUMBER_DIGITS = 8
_PREFIXES = {
    "photos": ("AgAC", "AQAD"),
    "thumbnails": ("AAMC", "AQAD"),
    "videos": ("BAAC", "AgAD"),
    "documents": ("BQAC", "AgAD"),
    "music": ("CQAC", "AgAD"),
    "voice": ("AwAC", "AgAD"),
    "video_notes": ("DQAC", "AgAD"),
    "stickers": ("CAAC", "AgAD"),
    "animations": ("CgAC", "AgAD"),
}


@dataclass(slots=True, eq=False)
class SimFile:
    """A file; `size` may say more than `data` holds, for those that are too big to be served.

    `folder` is where getFile says it lies, which is also what kind of file its id is. `media` is what the file was
    sent as, if it can be sent again.
    """

    number: int
    data: bytes
    size: int
    extension: str
    folder: str = "photos"
    media: Media | None = None

    @property
    def unique_id(self) -> str:
        return f"{_PREFIXES[self.folder][1]}{_digest(str(self.number))[:12]}"

    def id_for(self, viewer: SimBot | None) -> str:
        """The id under which a bot knows it; people (None) have one that is good for no bot."""
        owner = 0 if viewer is None else viewer.id
        return f"{_PREFIXES[self.folder][0]}{_digest(f'{owner}-{self.number}')[:44]}{self.number:0{_NUMBER_DIGITS}x}"

    @property
    def path(self) -> str:
        return f"{self.folder}/file_{self.number}{'.' if self.extension else ''}{self.extension}"


class FileStore:
    def __init__(self, *, kept_bytes: int = _KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._bytes = 0
        self._files: dict[int, SimFile] = {}
        self._of_messages: OrderedDict[int, SimFile] = OrderedDict()
        self._last_number = 0

    def add(
        self,
        data: bytes,
        *,
        extension: str = "jpg",
        size: int | None = None,
        folder: str = "photos",
        lasting: bool = True,
    ) -> SimFile:
        """A new file; one that is not `lasting` may be forgotten when there are too many."""
        self._last_number += 1
        file = SimFile(self._last_number, data, len(data) if size is None else size, extension, folder)
        self._files[file.number] = file
        if not lasting:
            self._of_messages[file.number] = file
            self._bytes += len(data)
            while self._bytes > self._kept_bytes and len(self._of_messages) > 1:
                self.forget(next(iter(self._of_messages.values())))
        return file

    def forget(self, file: SimFile) -> None:
        self._files.pop(file.number, None)
        if self._of_messages.pop(file.number, None) is not None:
            self._bytes -= len(file.data)

    def named(self, viewer: SimBot | None, file_id: str) -> SimFile | None:
        """The file that `viewer` (None: people) knows by this id."""
        file = self._numbered(file_id)
        return file if file is not None and file.id_for(viewer) == file_id else None

    def known_to_anybody(self, file_id: str) -> SimFile | None:
        """The file of an id, whoever it was given to."""
        file = self._numbered(file_id)
        same_kind = file is not None and file_id.startswith(_PREFIXES[file.folder][0])
        return file if same_kind else None

    def _numbered(self, file_id: str) -> SimFile | None:
        try:
            return self._files.get(int(file_id[-_NUMBER_DIGITS:], 16))
        except ValueError:
            return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
