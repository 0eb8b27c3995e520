"""Files on the page: what people choose to send, samples for those who have none at hand, and what is shown of others.

Owns `PageFiles`: bytes that a browser uploaded wait here until the action that sends them names them; the oldest give
way. Promises: a file is shown in the page only as what it is (the first bytes say so), and never as a document that
could act; everything else is a download.
"""

from __future__ import annotations

import itertools
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from dealgram.sandbox import samples
from dealgram.sandbox.page.refusal import Refusal

LARGEST_UPLOAD = 20 * 1024 * 1024
TOO_LARGE = "Файл больше 20 МБ: песочница таких не принимает. Попробуйте образец «Большой файл»."
_KEPT = 40
_KEPT_BYTES = 128 * 1024 * 1024
BIG_FILE_BYTES = 25 * 1024 * 1024

_SHOWN: tuple[tuple[bytes, int, str], ...] = (
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"ftypM4A", 4, "audio/mp4"),
    (b"ftyp", 4, "video/mp4"),
    (b"\x1aE\xdf\xa3", 0, "video/webm"),
    (b"OggS", 0, "audio/ogg"),
    (b"ID3", 0, "audio/mpeg"),
    (b"\xff\xfb", 0, "audio/mpeg"),
)


def shown_as(data: bytes) -> str:
    """The content type under which a browser may show bytes; a plain download for anything else."""
    return next((kind for mark, at, kind in _SHOWN if data[at : at + len(mark)] == mark), "application/octet-stream")


class Chosen(msgspec.Struct, forbid_unknown_fields=True):
    """A file that somebody sends: an upload, or a sample by its name."""

    upload: str | None = None
    sample: str | None = None


@dataclass(frozen=True, slots=True)
class PageFile:
    """Bytes with a name. `size` may claim more than there is: a file too large to be passed on."""

    name: str
    data: bytes
    size: int | None = None

    @property
    def content_type(self) -> str:
        return shown_as(self.data)


_seeds = itertools.count(1)

SAMPLES: Mapping[str, tuple[str, Callable[[int], bytes]]] = {
    "photo": ("Фото.jpg", lambda seed: samples.jpeg(seed=seed)),
    "video": ("Обзор.mp4", lambda seed: samples.mp4(seed=seed)),
    "video_note": ("Кружок.mp4", lambda seed: samples.mp4(seed=seed, width=96, height=96)),
    "animation": ("Анимация.mp4", lambda seed: samples.mp4(seed=seed)),
    "voice": ("Голосовое.ogg", lambda seed: samples.ogg_opus(seed=seed, seconds=3)),
    "audio": ("Песня.mp3", lambda seed: samples.mp3(seed=seed)),
    "sticker": ("Стикер.webp", lambda seed: samples.webp(seed=seed)),
    "document": ("Договор.pdf", lambda seed: samples.pdf(seed=seed)),
    "big": ("Архив.zip", lambda seed: samples.zip_file(seed=seed)),
}
"""What is offered to those who have no file at hand; `big` claims to be larger than Telegram passes on."""


class PageFiles:
    """See the module. One for the page."""

    def __init__(self) -> None:
        self._uploads: OrderedDict[str, PageFile] = OrderedDict()

    def keep(self, name: str, data: bytes) -> str:
        """Keeps an upload until it is sent; returns the word that names it.

        Raises:
            Refusal: there is nothing in it, or too much.
        """
        if not data:
            raise Refusal("Файл пустой: Telegram и amoCRM таких не принимают.")
        if len(data) > LARGEST_UPLOAD:
            raise Refusal(TOO_LARGE, 413)
        key = secrets.token_urlsafe(12)
        self._uploads[key] = PageFile(_plain(name), data)
        while len(self._uploads) > _KEPT or sum(len(one.data) for one in self._uploads.values()) > _KEPT_BYTES:
            self._uploads.popitem(last=False)
        return key

    def chosen(self, choice: Chosen) -> PageFile:
        """The file that is meant; every sample is a new one.

        Raises:
            Refusal: there is no such file (any more).
        """
        if choice.upload is not None:
            file = self._uploads.get(choice.upload)
            if file is None:
                raise Refusal("Этого файла песочница уже не помнит. Выберите его ещё раз.", 404)
            return file
        if choice.sample is None or choice.sample not in SAMPLES:
            raise Refusal("Такого образца в песочнице нет.", 404)
        name, make = SAMPLES[choice.sample]
        size = BIG_FILE_BYTES if choice.sample == "big" else None
        return PageFile(name, make(next(_seeds)), size)


def _plain(name: str) -> str:
    """The last part of a path, printable and of a sensible length."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(sign for sign in last if sign.isprintable()).strip()[:120] or "file"
