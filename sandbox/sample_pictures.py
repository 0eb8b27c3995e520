"""Small pictures made by code: PNG, JPEG, WebP and GIF, each a diagonal gradient between two colours.

Owns the four encoders, each as small as a gradient lets it be. Promises: the same arguments give the same bytes,
another ``seed`` gives other colours, and every picture can be shown by a browser.
"""

from __future__ import annotations

import colorsys
import functools
import math
import struct
import zlib
from collections.abc import Iterator

Colour = tuple[int, int, int]

_GOLDEN = 0.618033988749895
"""Hues that are this far apart are told apart well, however many follow each other."""


def colours(seed: int) -> tuple[Colour, Colour]:
    """The two colours of a seed: where the gradient begins and where it ends."""
    hue = (0.58 + seed * _GOLDEN) % 1
    first, last = colorsys.hsv_to_rgb(hue, 0.75, 0.75), colorsys.hsv_to_rgb((hue + 0.22) % 1, 0.45, 1.0)
    return _bytes(first), _bytes(last)


def _bytes(colour: tuple[float, float, float]) -> Colour:
    red, green, blue = (round(255 * part) for part in colour)
    return red, green, blue


def ramp(seed: int, steps: int) -> list[Colour]:
    """The gradient as that many colours, from the first to the last."""
    (r0, g0, b0), (r1, g1, b1) = colours(seed)
    last = max(steps - 1, 1)
    return [
        (r0 + (r1 - r0) * at // last, g0 + (g1 - g0) * at // last, b0 + (b1 - b0) * at // last) for at in range(steps)
    ]


def png(*, width: int = 320, height: int = 200, seed: int = 0) -> bytes:
    """A PNG with 8 bits per colour, no alpha (W3C PNG §11)."""
    line = bytes(part for colour in ramp(seed, width + height - 1) for part in colour)
    rows = b"".join(b"\0" + line[3 * y : 3 * (y + width)] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def gif(*, width: int = 160, height: int = 120, seed: int = 0, frames: int = 6) -> bytes:
    """An animated GIF89a: the gradient moves through the picture and repeats for ever."""
    palette = ramp(seed, 64) + ramp(seed, 64)[::-1]
    parts = [
        b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF6, 0, 0),
        bytes(part for colour in palette for part in colour),
        b"!\xff\x0bNETSCAPE2.0\x03\x01\0\0\0",
    ]
    for frame in range(frames):
        shift = 128 * frame // frames
        pixels = bytes((128 * (x + y) // (width + height) + shift) % 128 for y in range(height) for x in range(width))
        # Codes of 8 bits and a "clear" before they would grow: LZW that compresses nothing and needs no table.
        codes = b"".join(b"\x80" + pixels[at : at + 100] for at in range(0, len(pixels), 100)) + b"\x81"
        parts.append(b"!\xf9\x04\x04" + struct.pack("<H", 12) + b"\0\0")
        parts.append(b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x07")
        parts.extend(bytes([len(codes[at : at + 255])]) + codes[at : at + 255] for at in range(0, len(codes), 255))
        parts.append(b"\0")
    return b"".join(parts) + b";"


class Bits:
    """Bits put one after another into bytes, the first bit highest (JPEG, H.264) or lowest (VP8L)."""

    def __init__(self) -> None:
        self._bits: list[str] = []

    def put(self, value: int, width: int) -> None:
        """``width`` bits of a number, highest first."""
        if width:
            self._bits.append(format(value, f"0{width}b"))

    def put_low_first(self, value: int, width: int) -> None:
        """``width`` bits of a number, lowest first."""
        if width:
            self._bits.append(format(value, f"0{width}b")[::-1])

    def bytes(self, *, fill: str = "0", low_first: bool = False) -> bytes:
        """All of it, the last byte filled up."""
        text = "".join(self._bits)
        text += fill * (-len(text) % 8)
        groups = (text[at : at + 8] for at in range(0, len(text), 8))
        return bytes(int(group[::-1] if low_first else group, 2) for group in groups)


def webp(*, width: int = 128, height: int = 128, seed: int = 0) -> bytes:
    """A lossless WebP (VP8L, RFC 9649 §3): literal pixels, 8 bits per colour, opaque."""
    bits = Bits()
    bits.put_low_first(0x2F, 8)
    bits.put_low_first(width - 1, 14)
    bits.put_low_first(height - 1, 14)
    bits.put_low_first(0, 1 + 3)  # no alpha, version 0
    bits.put_low_first(0, 1 + 1 + 1)  # no transform, no colour cache, no meta prefix codes
    for alphabet in (256 + 24, 256, 256):  # green with the lengths of copies, red, blue
        # A prefix code in which every byte has 8 bits: its lengths are 0 or 8, and these two have 1 bit each.
        bits.put_low_first(0, 1)
        bits.put_low_first(12 - 4, 4)
        for symbol in (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8):
            bits.put_low_first(1 if symbol in (0, 8) else 0, 3)
        bits.put_low_first(0, 1)  # lengths for the whole alphabet follow
        for symbol in range(alphabet):
            bits.put_low_first(1 if symbol < 256 else 0, 1)
    bits.put_low_first(0b101, 3)  # alpha: a simple code of one symbol that has 8 bits
    bits.put_low_first(255, 8)
    bits.put_low_first(0b0001, 4)  # distances: a simple code of one symbol, 0
    # Codes stand highest bit first.
    coded = ["".join(format(part, "08b") for part in (g, r, b)) for r, g, b in ramp(seed, width + height - 1)]
    for y in range(height):
        text = "".join(coded[y : y + width])
        bits.put(int(text, 2), len(text))
    data = bits.bytes(low_first=True)
    chunk = b"VP8L" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


# Prefix codes in the form of ITU T.81 C.2, for the few values that a gradient needs: how many codes there are of each
# length, and their values.
_DC_COUNTS = bytes([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
_DC_VALUES = bytes(range(12))
_AC_COUNTS = bytes([0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
_AC_VALUES = bytes([0x00, *range(0x01, 0x0C), *range(0x11, 0x14), 0x21])
_QUANTUM = 4
_SLOPE = math.sqrt(2) * sum((x - 3.5) * math.cos((2 * x + 1) * math.pi / 16) for x in range(8))
"""What a rise of 1 per sample gives in the first cosine of a block (ITU T.81 A.3.3)."""


@functools.lru_cache(maxsize=64)  # the people of the sample world have one each
def jpeg(*, width: int = 320, height: int = 200, seed: int = 0) -> bytes:
    """A baseline JPEG (ITU T.81) in JFIF: three components, none of them reduced.

    Within a block of 8×8 a gradient is a plane, so its mean and its two first cosines say nearly everything.
    """
    first, last = (_ycc(colour) for colour in colours(seed))
    bits = Bits()
    before = [0, 0, 0]
    codes = {"dc": _codes(_DC_COUNTS, _DC_VALUES), "ac": _codes(_AC_COUNTS, _AC_VALUES)}
    for y in range(0, height, 8):
        for x in range(0, width, 8):
            at = (x + y + 7) / (width + height - 2) if width + height > 2 else 0.5
            for which, (start, end) in enumerate(zip(first, last, strict=True)):
                rise = (end - start) / max(width + height - 2, 1)
                dc = round(8 * (start + (end - start) * min(at, 1.0) - 128) / _QUANTUM)
                ac = round(_SLOPE * rise / _QUANTUM)
                _block(bits, codes, dc - before[which], ac)
                before[which] = dc
    scan = bits.bytes(fill="1").replace(b"\xff", b"\xff\0")
    frame = struct.pack(">BHHB", 8, height, width, 3) + bytes([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0])
    segments = (
        (0xE0, b"JFIF\0\x01\x01\0" + struct.pack(">HHBB", 1, 1, 0, 0)),
        (0xDB, b"\0" + bytes([_QUANTUM]) * 64),
        (0xC0, frame),
        (0xC4, b"\x00" + _DC_COUNTS + _DC_VALUES),
        (0xC4, b"\x10" + _AC_COUNTS + _AC_VALUES),
        (0xDA, bytes([3, 1, 0, 2, 0, 3, 0, 0, 63, 0])),
    )
    head = b"".join(struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data for kind, data in segments)
    return b"\xff\xd8" + head + scan + b"\xff\xd9"


def _ycc(colour: Colour) -> tuple[float, float, float]:
    """Brightness and two colour differences (JFIF 1.02)."""
    r, g, b = colour
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return y, 128 + (b - y) / 1.772, 128 + (r - y) / 1.402


def _codes(counts: bytes, values: bytes) -> dict[int, tuple[int, int]]:
    """The code and its width of each value (ITU T.81 C.2)."""

    def walk() -> Iterator[tuple[int, tuple[int, int]]]:
        code, at = 0, 0
        for width, count in enumerate(counts, start=1):
            for value in values[at : at + count]:
                yield value, (code, width)
                code += 1
            at += count
            code <<= 1

    return dict(walk())


def _block(bits: Bits, codes: dict[str, dict[int, tuple[int, int]]], dc: int, ac: int) -> None:
    size = abs(dc).bit_length()
    bits.put(*codes["dc"][size])
    _amplitude(bits, dc, size)
    if ac:
        size = abs(ac).bit_length()
        for _ in range(2):  # in zigzag order the first cosine across, then the first one down
            bits.put(*codes["ac"][size])
            _amplitude(bits, ac, size)
    bits.put(*codes["ac"][0])


def _amplitude(bits: Bits, value: int, size: int) -> None:
    bits.put(value if value >= 0 else value + (1 << size) - 1, size)
