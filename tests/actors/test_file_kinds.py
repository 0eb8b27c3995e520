"""As what a file goes to Telegram: what amoCRM calls it, what it is, and Telegram's limits."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.answering.file_kinds import Kind, name_in, sort_file
from dealgram.actors.answering.image_size import image_size
from dealgram.gateways.telegram import CLOUD
from dealgram.sandbox import samples

MB = 1024 * 1024


def kind(declared, data, name="", size=None):
    return sort_file(declared, name, data, len(data) if size is None else size, CLOUD).kind


def png(width, height):
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\0\0\0"


SAMPLES = {
    "jpeg": samples.jpeg(),
    "png": samples.png(),
    "webp": samples.webp(),
    "gif": samples.gif(),
    "mp4": samples.mp4(),
    "opus": samples.ogg_opus(),
    "mp3": samples.mp3(),
    "m4a": samples.m4a(),
    "webm": samples.webm(),
    "tgs": samples.tgs(),
    "pdf": samples.pdf(),
    "zip": samples.zip_file(),
    "text": samples.text_file(),
}
DOCUMENTS = dict.fromkeys(SAMPLES, Kind.DOCUMENT)
SEEN = DOCUMENTS | {
    "jpeg": Kind.PHOTO,
    "png": Kind.PHOTO,
    "webp": Kind.PHOTO,
    "gif": Kind.ANIMATION,
    "mp4": Kind.VIDEO,
}
HEARD = DOCUMENTS | {"opus": Kind.VOICE, "mp3": Kind.AUDIO, "m4a": Kind.AUDIO, "mp4": Kind.AUDIO}
EXPECTED = {
    "picture": SEEN,
    "video": SEEN,
    "file": DOCUMENTS,
    "audio": HEARD,
    "voice": HEARD | {"mp3": Kind.VOICE, "m4a": Kind.VOICE, "mp4": Kind.VOICE},
    "sticker": SEEN | {"webp": Kind.STICKER, "webm": Kind.STICKER, "tgs": Kind.STICKER},
}


@pytest.mark.parametrize("declared", EXPECTED)
@pytest.mark.parametrize("form", SAMPLES)
def test_every_form_under_every_name_of_amocrm(declared, form):
    name = "x.tgs" if form == "tgs" else "x.bin"
    assert kind(declared, SAMPLES[form], name) is EXPECTED[declared][form]


@pytest.mark.parametrize(
    ("size", "sides", "expected"),
    [
        (10 * MB, (100, 100), Kind.PHOTO),
        (10 * MB + 1, (100, 100), Kind.DOCUMENT),
        (1000, (5000, 5000), Kind.PHOTO),
        (1000, (5001, 5000), Kind.DOCUMENT),
        (1000, (2000, 100), Kind.PHOTO),
        (1000, (2001, 100), Kind.DOCUMENT),
        (1000, (100, 2001), Kind.DOCUMENT),
        (1000, (0, 10), Kind.DOCUMENT),
    ],
)
def test_pictures_beyond_the_limits_of_photos_go_as_files(size, sides, expected):
    assert kind("picture", png(*sides), size=size) is expected


def test_a_picture_whose_header_is_cut_off_is_left_for_telegram_to_judge():
    assert kind("picture", samples.jpeg()[:20], size=5000) is Kind.PHOTO


@pytest.mark.parametrize(("form", "limit"), [("webp", 512 * 1024), ("tgs", 64 * 1024), ("webm", 256 * 1024)])
def test_stickers_have_limits_of_their_own(form, limit):
    assert kind("sticker", SAMPLES[form], "s.tgs", size=limit) is Kind.STICKER
    assert kind("sticker", SAMPLES[form], "s.tgs", size=limit + 1) is not Kind.STICKER


@pytest.mark.parametrize(
    ("head", "declared"),
    [
        (b"\0\0\0\x14ftypqt  \0\0\0\0", "video"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "picture"),
        (b"OggS" + bytes(24) + b"\x01vorbis", "voice"),
        (b"RIFF\0\0\0\0WAVEfmt ", "voice"),
        (b"fLaC\0\0\0\x22", "audio"),
        (b"BM" + bytes(40), "picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "picture"),
        (b"\xff\xf1\x50\x80", "audio"),  # AAC without a container
    ],
)
def test_what_telegram_does_not_play_or_show_goes_as_a_file(head, declared):
    assert kind(declared, head) is Kind.DOCUMENT


@pytest.mark.parametrize("data", [b"\xff\xfb\x90\x64", b"\xff\xf3\x40\xc4", b"ID3\x04"])
def test_mp3_is_known_with_a_tag_and_without(data):
    assert kind("audio", data) is Kind.AUDIO


def test_names_are_kept_and_made_up_only_where_there_is_none():
    pdf = sort_file("file", "Смета на окна.pdf", samples.pdf(), 100, CLOUD)
    assert (pdf.name, pdf.mime) == ("Смета на окна.pdf", "application/pdf")
    assert sort_file("picture", "", samples.jpeg(), 100, CLOUD).name == "photo.jpg"
    assert sort_file("voice", "", samples.ogg_opus(), 100, CLOUD).name == "voice.ogg"
    assert sort_file("file", "", b"?", 1, CLOUD).name == "file"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://amojo.amocrm.ru/attachments/a/b/AbC12_Smeta.pdf?x=1", "Smeta.pdf"),
        ("https://amojo.amocrm.ru/attachments/a/b/AbC12_%D0%A1%D0%BC%D0%B5%D1%82%D0%B0.pdf", "Смета.pdf"),
        ("https://drive.amocrm.ru/download/photo.jpg", "photo.jpg"),
        ("https://drive.amocrm.ru/download/5e0a1c2d", ""),
        ("https://drive.amocrm.ru/.pdf", ""),
        ("https://drive.amocrm.ru", ""),
    ],
)
def test_a_name_that_no_hook_tells_is_read_from_the_address(url, name):
    assert name_in(url) == name


def test_what_stands_together_in_an_album():
    assert Kind.PHOTO.album == Kind.VIDEO.album != Kind.DOCUMENT.album != Kind.AUDIO.album
    assert {kind for kind in Kind if not kind.album} == {Kind.VOICE, Kind.STICKER, Kind.ANIMATION}


@pytest.mark.parametrize("side", [(1, 1), (320, 240), (640, 480)])
def test_sizes_of_pictures_are_read_from_their_headers(side):
    assert image_size(samples.png(width=side[0], height=side[1])) == side
    assert image_size(samples.jpeg()) is not None
    assert image_size(samples.webp()) is not None


def test_a_jpeg_with_a_camera_full_of_data_before_its_frame():
    data = samples.jpeg()
    filled = data[:2] + b"\xff\xff" + (b"\xff\xe1" + struct.pack(">H", 60_000) + bytes(59_998)) * 3 + data[2:]
    assert image_size(filled) == image_size(data)


@pytest.mark.parametrize(
    ("chunk", "size"),
    [
        (
            b"VP8X" + struct.pack("<I", 10) + b"\0" * 4 + (799).to_bytes(3, "little") + (599).to_bytes(3, "little"),
            (800, 600),
        ),
        (b"VP8L" + struct.pack("<I", 10) + b"\x2f" + struct.pack("<I", 99 | 49 << 14), (100, 50)),
        (b"VP8 " + struct.pack("<I", 10) + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 320, 200), (320, 200)),
    ],
)
def test_the_three_forms_of_webp(chunk, size):
    assert image_size(b"RIFF\0\0\0\0WEBP" + chunk) == size


@given(
    st.sampled_from(list(SAMPLES.values())),
    st.integers(0, 400),
    st.binary(max_size=40),
    st.sampled_from(list(EXPECTED)),
)
def test_no_bytes_break_it(data, cut, noise, declared):
    head = data[:cut] + noise + data[cut + len(noise) :]
    sort_file(declared, "имя.jpg", head, len(head), CLOUD)
    image_size(head)
    image_size(data[:cut])
