"""The sample files are what their names say, differ by their seeds, and last or measure what was asked for."""

from __future__ import annotations

import gzip
import io
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator

import orjson
import pytest

from dealgram.sandbox import samples
from dealgram.sandbox.sample_media import OPUS_PRE_SKIP, ogg_checksum

MAGIC = {
    "gif": (0, b"GIF89a"),
    "jpeg": (0, b"\xff\xd8\xff"),
    "m4a": (4, b"ftypM4A "),
    "mp3": (0, b"ID3\x03"),
    "mp4": (4, b"ftypisom"),
    "ogg_opus": (0, b"OggS"),
    "pdf": (0, b"%PDF-1."),
    "png": (0, b"\x89PNG\r\n\x1a\n"),
    "text_file": (0, "Пример".encode()),
    "tgs": (0, b"\x1f\x8b"),
    "webm": (0, b"\x1a\x45\xdf\xa3"),
    "webp": (8, b"WEBPVP8L"),
    "zip_file": (0, b"PK\x03\x04"),
}


@pytest.mark.parametrize("kind", sorted(samples.__all__))
def test_a_sample_is_of_its_kind_small_and_always_the_same(kind: str) -> None:
    make: Callable[..., bytes] = getattr(samples, kind)
    at, magic = MAGIC[kind]
    data = make()
    assert data[at : at + len(magic)] == magic
    assert data == make(seed=0)
    assert len({make(seed=seed) for seed in range(20)}) == 20
    assert len(data) < 150_000


def test_a_png_has_its_size_and_every_pixel() -> None:
    data = samples.png(width=33, height=7, seed=4)
    chunks, at = {}, 8
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + body) == int.from_bytes(data[at + 8 + length : at + 12 + length], "big")
        chunks[kind] = body
        at += 12 + length
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (33, 7)
    assert len(zlib.decompress(chunks[b"IDAT"])) == 7 * (1 + 3 * 33)


def test_a_jpeg_has_its_size_and_decodes_to_its_last_block() -> None:
    data = samples.jpeg(width=50, height=30, seed=2)
    at, segments = 2, {}
    while True:
        marker, length = struct.unpack(">HH", data[at : at + 4])
        segments.setdefault(marker, []).append(data[at + 4 : at + 2 + length])
        at += 2 + length
        if marker == 0xFFDA:
            break
    assert struct.unpack(">HH", segments[0xFFC0][0][1:5]) == (30, 50)
    assert data[-2:] == b"\xff\xd9"
    assert len(_jpeg_means(data[at:-2].replace(b"\xff\0", b"\xff"), segments[0xFFC4], 7 * 4 * 3)) == 7 * 4 * 3


def _jpeg_means(scan: bytes, tables: list[bytes], blocks: int) -> list[int]:
    """The means of the blocks: a decoder of Huffman codes, written from ITU T.81 Annex F by itself."""
    codes = [_huffman(table[1:17], table[17:]) for table in tables]
    bits = iter("".join(format(byte, "08b") for byte in scan))
    means = []
    for _ in range(blocks):
        size = _next_code(bits, codes[0])
        means.append(_amplitude(bits, size))
        at = 1
        while at < 64:
            symbol = _next_code(bits, codes[1])
            if symbol == 0:
                break
            at += (symbol >> 4) + 1
            _amplitude(bits, symbol & 15)
    assert set(bits) <= {"1"}  # only what fills up the last byte is left
    return means


def _huffman(counts: bytes, values: bytes) -> dict[str, int]:
    table, code, at = {}, 0, 0
    for width, count in enumerate(counts, start=1):
        for value in values[at : at + count]:
            table[format(code, f"0{width}b")] = value
            code += 1
        at += count
        code <<= 1
    return table


def _next_code(bits: Iterator[str], codes: dict[str, int]) -> int:
    text = ""
    while text not in codes:
        text += next(bits)
    return codes[text]


def _amplitude(bits: Iterator[str], size: int) -> int:
    text = "".join(next(bits) for _ in range(size))
    if not text:
        return 0
    return int(text, 2) if text[0] == "1" else int(text, 2) - (1 << size) + 1


def test_a_webp_has_its_size() -> None:
    data = samples.webp(width=65, height=31)
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    packed = int.from_bytes(data[21:25], "little")
    assert (packed & 0x3FFF, packed >> 14 & 0x3FFF) == (64, 30)


def test_a_gif_has_its_size_and_its_pictures() -> None:
    data = samples.gif(width=40, height=20, frames=3)
    assert struct.unpack("<HH", data[6:10]) == (40, 20)
    assert data.count(b"!\xf9\x04") == 3
    assert data[-1:] == b";"


@pytest.mark.parametrize("seconds", [0.02, 1.0, 2.5, 61.0])
def test_a_voice_message_is_opus_with_right_checksums_and_duration(seconds: float) -> None:
    data, at, pages = samples.ogg_opus(seconds=seconds, seed=7), 0, []
    while at < len(data):
        magic, _, flags, granule, serial, number, checksum, count = struct.unpack("<4sBBqIIIB", data[at : at + 27])
        lacing = data[at + 27 : at + 27 + count]
        size = 27 + count + sum(lacing)
        page = data[at : at + size]
        assert magic == b"OggS"
        assert ogg_checksum(page[:22] + bytes(4) + page[26:]) == checksum
        assert (serial, number) == (7, len(pages))
        pages.append((flags, granule, len(lacing), page[27 + count :]))
        at += size
    assert pages[0][0] == 2
    assert pages[0][3].startswith(b"OpusHead\1\1")
    assert pages[1][3].startswith(b"OpusTags")
    assert pages[-1][0] == 4
    assert pages[-1][1] == OPUS_PRE_SKIP + round(seconds * 48_000)
    assert sum(count for _, _, count, _ in pages[2:]) == math.ceil(pages[-1][1] / 960)


def test_the_checksum_of_ogg_is_the_known_one() -> None:
    assert ogg_checksum(b"123456789") == 0x89A1897F


def test_an_mp3_is_whole_frames_after_its_title() -> None:
    data = samples.mp3(seconds=3)
    frames = data[10 + (data[8] << 7 | data[9]) :]
    assert len(frames) == round(3 * 44_100 / 1152) * 104
    assert all(frames[at : at + 2] == b"\xff\xfb" for at in range(0, len(frames), 104))


def _boxes(data: bytes, at: int = 0) -> dict[bytes, tuple[int, bytes]]:
    found = {}
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        assert length >= 8
        found[kind] = (at + 8, data[at + 8 : at + length])
        at += length
    assert at == len(data)
    return found


@pytest.mark.parametrize(
    ("data", "handler", "seconds"),
    [(samples.mp4(seconds=3, width=64, height=64), b"vide", 3.0), (samples.m4a(seconds=4), b"soun", 4.0)],
)
def test_a_film_and_a_sound_are_mpeg_4_with_every_sample_in_its_place(
    data: bytes, handler: bytes, seconds: float
) -> None:
    outer = _boxes(data)
    assert list(outer) == [b"ftyp", b"mdat", b"moov"]
    moov = _boxes(outer[b"moov"][1])
    scale, duration = struct.unpack(">II", moov[b"mvhd"][1][12:20])
    assert duration / scale == pytest.approx(seconds, abs=0.03)
    media = _boxes(_boxes(moov[b"trak"][1])[b"mdia"][1])
    assert media[b"hdlr"][1][8:12] == handler
    tables = _boxes(_boxes(media[b"minf"][1])[b"stbl"][1])
    place = struct.unpack(">III", tables[b"stco"][1])[2]
    sizes = struct.unpack(f">{len(tables[b'stsz'][1]) // 4}I", tables[b"stsz"][1])[3:]
    assert place == outer[b"mdat"][0]
    assert sum(sizes) == len(outer[b"mdat"][1])


def test_a_film_has_no_start_code_inside_its_pictures() -> None:
    data = _boxes(samples.mp4(seed=3))[b"mdat"][1]
    at, pictures = 0, 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        unit = data[at + 4 : at + 4 + length]
        assert unit[0] == 0x65
        assert not re.search(rb"\0\0[\0-\2]", unit)
        at, pictures = at + 4 + length, pictures + 1
    assert pictures == 4


def test_the_sides_of_a_film_are_whole_macroblocks() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        samples.mp4(width=100)


def test_a_video_sticker_is_a_webm_with_its_size() -> None:
    data = samples.webm(width=512, height=300)
    assert b"\x42\x82\x01\0\0\0\0\0\0\x04webm" in data
    assert b"V_VP9" in data
    assert (300).to_bytes(2, "big") in data
    segment = data.index(b"\x18\x53\x80\x67")
    assert int.from_bytes(data[segment + 5 : segment + 12], "big") == len(data) - segment - 12


def test_an_animated_sticker_is_a_lottie_of_three_seconds() -> None:
    film = orjson.loads(gzip.decompress(samples.tgs(seed=5)))
    assert (film["tgs"], film["w"], film["h"], film["op"] / film["fr"]) == (1, 512, 512, 3)


def test_a_document_leads_a_reader_to_its_objects() -> None:
    data = samples.pdf(seed=1, size=5000)
    assert len(data) >= 5000
    table = int(data.rsplit(b"startxref\n", 1)[1].split()[0])
    assert data[table:].startswith(b"xref\n0 6\n")
    for number, entry in enumerate(data[table:].splitlines()[3:8], start=1):
        assert data[int(entry[:10]) :].startswith(b"%d 0 obj" % number)


def test_an_archive_holds_a_text_with_a_russian_name() -> None:
    with zipfile.ZipFile(io.BytesIO(samples.zip_file(seed=3, size=2000))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["Договор 3.txt"]
        assert len(archive.read("Договор 3.txt")) >= 2000


def test_a_text_is_as_long_as_was_asked_for() -> None:
    assert 10_000 <= len(samples.text_file(size=10_000)) < 10_020
    assert samples.text_file(size=10_000).decode().endswith("Привет!\n")
