"""How long and how large recordings are, read from their files."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.answering.file_kinds import Kind
from dealgram.actors.answering.media_facts import media_facts, mp4_facts, opus_s
from dealgram.gateways.spool import Spool
from dealgram.sandbox import samples
from dealgram.sandbox.telegram.sniffing import look


@pytest.mark.parametrize("seconds", [1, 3, 65])
async def test_the_length_of_a_voice_message(seconds):
    with Spool.of(samples.ogg_opus(seconds=seconds)) as data:
        assert await media_facts(Kind.VOICE, data) == {"duration": seconds}


async def test_a_video_says_how_long_and_how_large_it_is():
    data = samples.mp4()
    seen = look(data)
    with Spool.of(data) as spool:
        facts = await media_facts(Kind.VIDEO, spool)
    assert facts.pop("supports_streaming") is True
    assert (facts.get("width"), facts.get("height")) == (seen.width, seen.height)
    assert facts["duration"] == max(1, seen.duration)


async def test_other_kinds_say_nothing():
    for kind in (Kind.PHOTO, Kind.DOCUMENT, Kind.STICKER, Kind.ANIMATION):
        with Spool.of(samples.mp4()) as data:
            assert await media_facts(kind, data) == {}


def tkhd(width: int, height: int, matrix: tuple[int, ...]) -> bytes:
    body = bytes(40) + struct.pack(">9i", *matrix) + struct.pack(">II", width << 16, height << 16)
    return box(b"tkhd", body)


def box(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(body), name) + body


STRAIGHT = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
TURNED = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)


def test_a_video_from_a_telephone_held_upright_is_high():
    def film(matrix):
        return box(b"ftyp", b"isom") + box(b"moov", box(b"trak", tkhd(1920, 1080, matrix)))

    assert mp4_facts(film(STRAIGHT)) == {"width": 1920, "height": 1080}
    assert mp4_facts(film(TURNED)) == {"width": 1080, "height": 1920}


def test_an_impossible_length_is_left_out():
    header = bytes(12) + struct.pack(">II", 1, 0xFFFFFFFF)
    assert mp4_facts(box(b"moov", box(b"mvhd", header))) == {}
    assert mp4_facts(box(b"moov", box(b"mvhd", bytes(20)))) == {}


@given(st.sampled_from([samples.mp4(), samples.ogg_opus(seconds=2)]), st.integers(0, 600), st.binary(max_size=30))
def test_no_bytes_break_it(data, cut, noise):
    broken = data[:cut] + noise + data[cut + len(noise) :]
    mp4_facts(broken)
    opus_s(broken, broken)
    mp4_facts(data[:cut])
    opus_s(data[:cut], data[:cut])
