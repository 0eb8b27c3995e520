"""Small sounds and films made by code: Ogg Opus, MP3, M4A, MP4 and WebM.

Owns the containers (pages, frames, boxes, elements) and just enough of the codecs: silence for sounds, uncompressed
macroblocks for films. Promises: structure, checksums and durations are right; all but WebM can be played by a browser
(a WebM has the container of a video sticker and no decodable frame: VP9 needs an encoder). Another ``seed`` gives other
bytes.
"""

from __future__ import annotations

import re
import struct

from dealgram.sandbox.sample_pictures import Bits, Colour, ramp

OPUS_PRE_SKIP = 312
_OPUS_SILENCE = b"\xf8\xff\xfe"
"""20 ms of silence, mono, full band (RFC 6716 §3)."""
_AAC_SILENCE = bytes([0x00, 0xC8, 0x00, 0x80, 0x23, 0x80])
"""1024 samples of silence, AAC-LC, mono."""
_RATE = 44_100


def ogg_opus(*, seconds: float = 2.0, seed: int = 0) -> bytes:
    """A voice message: silence in Opus, mono (RFC 7845)."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 1, OPUS_PRE_SKIP, 48_000, 0, 0)
    vendor, comment = b"dealgram sandbox", f"TITLE=Sample {seed}".encode()
    tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor
    tags += struct.pack("<II", 1, len(comment)) + comment
    samples = OPUS_PRE_SKIP + round(seconds * 48_000)
    packets = max(-(-samples // 960), 1)
    pages = [_ogg_page([head], 0, serial=seed, number=0, flags=2), _ogg_page([tags], 0, serial=seed, number=1)]
    for first in range(0, packets, 50):
        count = min(50, packets - first)
        is_last = first + count == packets
        granule = samples if is_last else 960 * (first + count)
        pages.append(
            _ogg_page([_OPUS_SILENCE] * count, granule, serial=seed, number=len(pages), flags=4 if is_last else 0)
        )
    return b"".join(pages)


def _ogg_page(packets: list[bytes], granule: int, *, serial: int, number: int, flags: int = 0) -> bytes:
    """One page of whole packets, each shorter than 255 bytes (RFC 3533 §6)."""
    lacing = bytes(len(packet) for packet in packets)
    head = struct.pack("<4sBBqII", b"OggS", 0, flags, granule, serial & 0xFFFFFFFF, number)
    rest = bytes([len(lacing)]) + lacing + b"".join(packets)
    return head + struct.pack("<I", ogg_checksum(head + bytes(4) + rest)) + rest


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = ((value << 1) ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(value)
    return tuple(table)


_CRC_TABLE = _crc_table()


def ogg_checksum(page: bytes) -> int:
    """The checksum of a page whose own field for it is zero (RFC 3533 §6: CRC-32 unreflected, from 0)."""
    value = 0
    for byte in page:
        value = ((value << 8) & 0xFFFFFFFF) ^ _CRC_TABLE[(value >> 24) ^ byte]
    return value


def mp3(*, seconds: float = 2.0, seed: int = 0) -> bytes:
    """Silence as MPEG-1 Layer III, 32 kbit/s, 44.1 kHz, mono, with a title in ID3v2.3."""
    title = b"\0" + f"Sample {seed}".encode()
    tag = b"TIT2" + struct.pack(">IH", len(title), 0) + title
    size = bytes([0, 0, len(tag) >> 7, len(tag) & 0x7F])
    frame = b"\xff\xfb\x10\xc4" + bytes(144 * 32_000 // _RATE - 4)
    return b"ID3\x03\0\0" + size + tag + frame * max(round(seconds * _RATE / 1152), 1)


def m4a(*, seconds: float = 2.0, seed: int = 0) -> bytes:
    """Silence as AAC-LC in an MPEG-4 file (ISO 14496-12, -14)."""
    frames = max(round(seconds * _RATE / 1024), 1)
    config = b"\x05\x02\x12\x08"  # AudioSpecificConfig: AAC-LC, 44.1 kHz, mono
    decoder = b"\x04" + bytes([13 + len(config)]) + b"\x40\x15" + bytes(3) + struct.pack(">II", 0, 0) + config
    stream = b"\x03" + bytes([3 + len(decoder) + 3]) + struct.pack(">HB", 1, 0) + decoder + b"\x06\x01\x02"
    entry = _box(
        b"mp4a",
        bytes(6) + struct.pack(">H8xHHHHI", 1, 1, 16, 0, 0, _RATE << 16),
        _box(b"esds", bytes(4), stream),
    )
    samples = [_AAC_SILENCE] * frames
    return _film(b"M4A ", samples, entry, scale=_RATE, step=1024, size=(0, 0), title=f"Sample {seed}")


def mp4(*, seconds: float = 2.0, width: int = 96, height: int = 64, seed: int = 0) -> bytes:
    """A film of two pictures a second, H.264 baseline with uncompressed macroblocks; sides are multiples of 16.

    A square one is a video note.
    """
    if width % 16 or height % 16:
        raise ValueError("the sides of the film must be multiples of 16")
    frames = max(round(2 * seconds), 1)
    head, picture = _parameter_sets(width, height)
    config = bytes([1, head[1], head[2], head[3], 0xFF, 0xE1]) + struct.pack(">H", len(head)) + head
    config += b"\x01" + struct.pack(">H", len(picture)) + picture
    shape = struct.pack(">6xH16xHHIIIH32sHh", 1, width, height, 0x480000, 0x480000, 0, 1, b"", 24, -1)
    entry = _box(b"avc1", shape, _box(b"avcC", config))
    colours = ramp(seed, width // 16 + height // 16 + frames)
    samples = [_picture(colours[at:], width // 16, height // 16, at) for at in range(frames)]
    return _film(b"isom", samples, entry, scale=1000, step=500, size=(width, height), title=f"Sample {seed}")


def _box(kind: bytes, *parts: bytes) -> bytes:
    data = b"".join(parts)
    return struct.pack(">I", 8 + len(data)) + kind + data


_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)


def _film(
    brand: bytes, samples: list[bytes], entry: bytes, *, scale: int, step: int, size: tuple[int, int], title: str
) -> bytes:
    """A file of one track whose samples all last ``step / scale`` seconds; the media stand before the index."""
    is_sound = size == (0, 0)
    duration = len(samples) * step
    start = _box(b"ftyp", brand, struct.pack(">I", 512), brand, b"isom", b"mp42")
    head = struct.pack(">IIIIIIH10x", 0, 0, 0, scale, duration, 0x10000, 0x100) + _MATRIX + bytes(24)
    track = struct.pack(">IIIIII8xHHHH", 7, 0, 0, 1, 0, duration, 0, 0, 0x100 if is_sound else 0, 0) + _MATRIX
    tables = (
        _box(b"stsd", struct.pack(">II", 0, 1), entry),
        _box(b"stts", struct.pack(">IIII", 0, 1, len(samples), step)),
        _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, len(samples), 1)),
        _box(b"stsz", struct.pack(">III", 0, 0, len(samples)), b"".join(struct.pack(">I", len(s)) for s in samples)),
        _box(b"stco", struct.pack(">III", 0, 1, len(start) + 8)),
    )
    media = _box(
        b"mdia",
        _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, scale, duration, 0x55C4, 0)),
        _box(b"hdlr", bytes(8), b"soun" if is_sound else b"vide", bytes(12), b"Sample\0"),
        _box(
            b"minf",
            _box(b"smhd", bytes(8)) if is_sound else _box(b"vmhd", struct.pack(">I", 1), bytes(8)),
            _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", struct.pack(">I", 1)))),
            _box(b"stbl", *tables),
        ),
    )
    trak = _box(b"trak", _box(b"tkhd", track, struct.pack(">II", size[0] << 16, size[1] << 16)), media)
    named = title.encode()
    note = _box(b"udta", _box(b"\xa9nam", struct.pack(">HH", len(named), 0x55C4), named))
    moov = _box(b"moov", _box(b"mvhd", head, struct.pack(">I", 2)), trak, note)
    return start + _box(b"mdat", *samples) + moov


class _Coded(Bits):
    """Bits with the numbers of H.264 (ITU H.264 §9.1)."""

    def number(self, value: int) -> None:
        """An unsigned number in Exp-Golomb code."""
        width = (value + 1).bit_length()
        self.put(value + 1, 2 * width - 1)

    def unit(self, kind: int) -> bytes:
        """A NAL unit with a stop bit at its end and no start code inside (§7.4.1)."""
        self.put(1, 1)
        return bytes([kind]) + _escaped(self.bytes())


def _escaped(data: bytes) -> bytes:
    return re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data, flags=re.DOTALL)


def _parameter_sets(width: int, height: int) -> tuple[bytes, bytes]:
    """What a decoder must know before the first picture (§7.3.2.1, §7.3.2.2)."""
    head = _Coded()
    for value in (66, 0xC0, 30):  # baseline, level 3
        head.put(value, 8)
    for number in (0, 0, 2, 0):  # its id, frame numbers of 4 bits, order as decoded, nothing is referred to
        head.number(number)
    head.put(0, 1)
    head.number(width // 16 - 1)
    head.number(height // 16 - 1)
    head.put(0b1100, 4)  # whole frames, direct 8×8, no cropping, no more
    picture = _Coded()
    picture.number(0)
    picture.number(0)
    picture.put(0b00, 2)
    for _ in range(3):
        picture.number(0)
    picture.put(0b000, 3)
    for _ in range(3):
        picture.number(0)
    picture.put(0b100, 3)  # slices say how edges are smoothed
    return head.unit(0x67), picture.unit(0x68)


def _picture(colours: list[Colour], across: int, down: int, number: int) -> bytes:
    """One picture that needs no other: macroblocks of one colour each, uncompressed (§7.3.5: I_PCM)."""
    bits = _Coded()
    for value in (0, 7, 0):  # the first macroblock, an I slice, its parameters
        bits.number(value)
    bits.put(0, 4)
    bits.number(number % 2)  # neighbours must differ
    bits.put(0b00, 2)
    bits.number(0)
    bits.number(1)  # edges stay as they are
    bits.number(25)
    data = bytearray(bits.bytes())
    for y in range(down):
        for x in range(across):
            if x or y:
                data += b"\x0d\0"  # I_PCM again, filled up to a byte
            brightness, blue, red = _ycc(colours[x + y])
            data += bytes([brightness]) * 256 + bytes([blue]) * 64 + bytes([red]) * 64
    unit = b"\x65" + _escaped(bytes(data) + b"\x80")
    return struct.pack(">I", len(unit)) + unit


def _ycc(colour: Colour) -> tuple[int, int, int]:
    """Brightness and colour differences in their narrow range (ITU BT.601)."""
    r, g, b = colour
    return (
        round(16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255),
        round(128 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255),
        round(128 + (112.0 * r - 93.786 * g - 18.214 * b) / 255),
    )


def webm(*, seconds: float = 2.0, width: int = 512, height: int = 512, seed: int = 0) -> bytes:
    """The container of a video sticker: one VP9 track, without sound (RFC 9559)."""
    head = _element(
        0x1A45DFA3,
        *(_element(name, bytes([value])) for name, value in ((0x4286, 1), (0x42F7, 1), (0x42F2, 4), (0x42F3, 8))),
        _element(0x4282, b"webm"),
        *(_element(name, bytes([value])) for name, value in ((0x4287, 4), (0x4285, 2))),
    )
    info = _element(
        0x1549A966,
        _element(0x2AD7B1, (1_000_000).to_bytes(3, "big")),
        _element(0x4489, struct.pack(">d", seconds * 1000)),
        _element(0x4D80, b"dealgram sandbox"),
        _element(0x5741, f"Sample {seed}".encode()),
    )
    shape = (_element(0xB0, width.to_bytes(2, "big")), _element(0xBA, height.to_bytes(2, "big")))
    track = _element(
        0xAE,
        _element(0xD7, b"\1"),
        _element(0x73C5, (seed + 1).to_bytes(8, "big")),
        _element(0x83, b"\1"),
        _element(0x86, b"V_VP9"),
        _element(0xE0, *shape),
    )
    frame = b"\x82\x49\x83\x42\0" + bytes(32)  # a key frame's marker and sync code, and no picture
    cluster = _element(0x1F43B675, _element(0xE7, b"\0"), _element(0xA3, b"\x81\0\0\x80" + frame))
    return head + _element(0x18538067, info, _element(0x1654AE6B, track), cluster)


def _element(name: int, *parts: bytes) -> bytes:
    """An EBML element with a length of eight bytes (RFC 8794 §4)."""
    data = b"".join(parts)
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + (1 << 56 | len(data)).to_bytes(8, "big") + data
