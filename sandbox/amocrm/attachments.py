"""Files that managers attach, as the tests and the page hand them to the simulator.

Owns `Attachment` and how its bytes are read: given ones, or ones made on the way, so that a file of two gigabytes costs
no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass, field
from pathlib import PurePosixPath
from typing import Literal, get_args

FileType = Literal["picture", "video", "file", "voice", "audio", "sticker"]
FILE_TYPES: tuple[str, ...] = get_args(FileType)
CHUNK = 65_536
_PATTERN = bytes(range(256)) * (CHUNK // 256)
_BY_TYPE: dict[str, tuple[str, str]] = {
    "picture": ("image/jpeg", "image.jpg"),
    "video": ("video/mp4", "video.mp4"),
    "file": ("application/octet-stream", "file.bin"),
    "voice": ("audio/ogg", "voice.ogg"),
    "audio": ("audio/mpeg", "audio.mp3"),
    "sticker": ("image/webp", "sticker.webp"),
}
_BY_SUFFIX = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".heic": "image/heic",
    ".mp4": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".m4a": "audio/mp4",
    ".wav": "audio/wav",
    ".pdf": "application/pdf",
    ".zip": "application/zip",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that a manager attaches (the types of amoCRM contract §9).

    The simulator hosts `data`; without any, `size` bytes of a pattern. `claimed_size` is what the hook says instead of
    the true length. A `url` is passed on as it is: the file stands elsewhere, or nowhere. `thumbnail` are the bytes of
    the preview; a picture without one is its own. Raises ValueError for a type that managers cannot send.
    """

    type: str
    data: bytes = field(default=b"", repr=False)
    name: str = ""
    _: KW_ONLY
    content_type: str = ""
    size: int | None = None
    claimed_size: int | None = None
    thumbnail: bytes = field(default=b"", repr=False)
    url: str = ""

    def __post_init__(self) -> None:
        if self.type not in FILE_TYPES:
            raise ValueError(f"{self.type!r} is not one of {', '.join(FILE_TYPES)}")
        if self.size is not None and self.data:
            raise ValueError("bytes have a size of their own")

    @property
    def length(self) -> int:
        """What a download gives, in bytes."""
        return len(self.data) if self.size is None else self.size

    @property
    def told_size(self) -> int:
        """What the hook says, in bytes."""
        return self.length if self.claimed_size is None else self.claimed_size

    @property
    def file_name(self) -> str:
        return self.name or ("" if self.url else _BY_TYPE[self.type][1])

    @property
    def served_type(self) -> str:
        """The Content-Type that the file host answers."""
        suffix = PurePosixPath(self.file_name.lower()).suffix
        return self.content_type or _BY_SUFFIX.get(suffix) or _BY_TYPE[self.type][0]

    def read(self, start: int, stop: int, step: int = CHUNK) -> Iterator[bytes]:
        """The bytes from `start` to before `stop`, in pieces of at most `step`."""
        for first in range(start, stop, step):
            last = min(first + step, stop)
            yield self.data[first:last] if self.size is None else _generated(first, last)


def _generated(start: int, stop: int) -> bytes:
    first = start % len(_PATTERN)
    piece = _PATTERN[first : first + stop - start]
    while len(piece) < stop - start:
        piece += _PATTERN[: stop - start - len(piece)]
    return piece
