"""What a file is by its own bytes: as Telegram looks at it before it believes a name.

Owns the headers of the formats that the Bot API treats in a special way: pictures with their sides, MP4 and M4A with
sides, length and sound, OGG with OPUS, MP3, WEBM, Lottie stickers. Promises: never raises on bytes of any kind; what
is not recognized is `application/octet-stream` with nothing known.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

_UNKNOWN = "application/octet-stream"
_BIGGEST_LOTTIE = 4 * 1024 * 1024
_MP3_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_SIMPLE = ((b"%PDF-", "application/pdf"), (b"PK\x03\x04", "application/zip"), (b"PK\x05\x06", "application/zip"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Sides in pixels (0: none or not known), `duration` in seconds; `has_sound` only for MP4."""

    mime: str = _UNKNOWN
    width: int = 0
    height: int = 0
    duration: int = 0
    has_sound: bool = False

    @property
    def is_picture(self) -> bool:
        return self.mime in ("image/jpeg", "image/png", "image/webp", "image/gif") and self.width > 0


def look(data: bytes) -> Look:
    """See the module."""
    for reader in (_jpeg, _png, _gif, _webp, _iso_media, _ogg, _matroska, _lottie, _mp3):
        try:
            found = reader(data)
        except (struct.error, IndexError):
            continue
        if found is not None:
            return found
    return next((Look(mime=mime) for start, mime in _SIMPLE if data.startswith(start)), Look())


def _jpeg(data: bytes) -> Look | None:
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    index = 2
    while index + 9 <= len(data):
        marker = data[index + 1]
        if data[index] != 0xFF:
            break
        if marker == 0xFF:
            index += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, index + 5)
            return Look(mime="image/jpeg", width=width, height=height)
        index += 2 + int(struct.unpack_from(">H", data, index + 2)[0])
    return Look(mime="image/jpeg")


def _png(data: bytes) -> Look | None:
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return Look(mime="image/png", width=width, height=height)


def _gif(data: bytes) -> Look | None:
    if data[:6] not in (b"GIF87a", b"GIF89a"):
        return None
    width, height = struct.unpack_from("<HH", data, 6)
    return Look(mime="image/gif", width=width, height=height)


def _webp(data: bytes) -> Look | None:
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    width = height = 0
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    elif kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    elif kind == b"VP8 ":
        raw = struct.unpack_from("<HH", data, 26)
        width, height = raw[0] & 0x3FFF, raw[1] & 0x3FFF
    return Look(mime="image/webp", width=width, height=height)


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, start)
        head = 8
        if size == 1:
            size, head = struct.unpack_from(">Q", data, start + 8)[0], 16
        if size == 0:
            size = end - start
        if size < head:
            return
        yield name, start + head, min(start + size, end)
        start += size


def _iso_media(data: bytes) -> Look | None:
    if data[4:8] != b"ftyp":
        return None
    brand = data[8:12]
    width = height = duration = 0
    handlers: set[bytes] = set()
    queue = [(0, len(data))]
    while queue:
        for name, start, end in _boxes(data, *queue.pop()):
            if name in (b"moov", b"trak", b"mdia"):
                queue.append((start, end))
            elif name == b"mvhd":
                duration = _movie_length(data, start)
            elif name == b"tkhd":
                sides = struct.unpack_from(">II", data, end - 8)
                width, height = max(width, sides[0] >> 16), max(height, sides[1] >> 16)
            elif name == b"hdlr":
                handlers.add(data[start + 8 : start + 12])
    sound_only = brand in (b"M4A ", b"M4B ") or handlers == {b"soun"}
    if sound_only:
        return Look(mime="audio/mp4", duration=duration, has_sound=True)
    mime = "video/quicktime" if brand == b"qt  " else "video/mp4"
    return Look(mime=mime, width=width, height=height, duration=duration, has_sound=b"soun" in handlers)


def _movie_length(data: bytes, start: int) -> int:
    if data[start] == 1:
        scale, length = struct.unpack_from(">IQ", data, start + 20)
    else:
        scale, length = struct.unpack_from(">II", data, start + 12)
    return round(length / scale) if scale else 0


def _ogg(data: bytes) -> Look | None:
    if not data.startswith(b"OggS"):
        return None
    if b"OpusHead" not in data[:512]:
        return Look(mime="application/ogg")
    last = data.rfind(b"OggS")
    granule = max(0, struct.unpack_from("<q", data, last + 6)[0])
    return Look(mime="audio/ogg", duration=round(granule / 48_000))


def _matroska(data: bytes) -> Look | None:
    if not data.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return Look(mime="video/webm" if b"webm" in data[:256] else "video/x-matroska")


def _lottie(data: bytes) -> Look | None:
    if not data.startswith(b"\x1f\x8b"):
        return None
    try:
        text = zlib.decompressobj(wbits=31).decompress(data, _BIGGEST_LOTTIE).lstrip()
    except zlib.error:
        return None
    is_lottie = text.startswith(b"{") and b'"layers"' in text
    return Look(mime="application/x-tgsticker", width=512, height=512) if is_lottie else Look(mime="application/gzip")


def _mp3(data: bytes) -> Look | None:
    start = 0
    if data.startswith(b"ID3"):
        size = 0
        for byte in data[6:10]:
            size = size << 7 | byte & 0x7F
        start = 10 + size
    elif not (len(data) > 3 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2):
        return None
    kbps = _MP3_KBPS[data[start + 2] >> 4] if len(data) > start + 2 and data[start] == 0xFF else 0
    return Look(mime="audio/mpeg", duration=round((len(data) - start) * 8 / (kbps * 1000)) if kbps else 0)
