"""Sample files of every kind that Telegram and amoCRM know, made by code: nobody's file is kept in the repository.

Tests send them and the sandbox's page offers them. Promises: every function is pure, what it makes is a valid file of
its kind, small and pleasant to look at, and two seeds make two files with different bytes.
"""

from __future__ import annotations

import gzip
import io
import zipfile

import orjson

from dealgram.sandbox.sample_media import m4a, mp3, mp4, ogg_opus, webm
from dealgram.sandbox.sample_pictures import colours, gif, jpeg, png, webp

__all__ = [
    "gif",
    "jpeg",
    "m4a",
    "mp3",
    "mp4",
    "ogg_opus",
    "pdf",
    "png",
    "text_file",
    "tgs",
    "webm",
    "webp",
    "zip_file",
]


def tgs(*, seed: int = 0) -> bytes:
    """An animated sticker: a ball that grows and shrinks for three seconds (Lottie, packed with gzip)."""
    (r, g, b), _ = colours(seed)
    ease = {"i": {"x": [0.5], "y": [1]}, "o": {"x": [0.5], "y": [0]}}
    size = [{"t": at, "s": [side, side], **ease} for at, side in ((0, 180), (90, 360), (180, 180))]
    shapes = [
        {"ty": "el", "p": {"a": 0, "k": [0, 0]}, "s": {"a": 1, "k": size}},
        {"ty": "fl", "c": {"a": 0, "k": [r / 255, g / 255, b / 255, 1]}, "o": {"a": 0, "k": 100}},
        {
            "ty": "tr",
            "p": {"a": 0, "k": [0, 0]},
            "a": {"a": 0, "k": [0, 0]},
            "s": {"a": 0, "k": [100, 100]},
            "r": {"a": 0, "k": 0},
            "o": {"a": 0, "k": 100},
        },
    ]
    moves = {
        "o": {"a": 0, "k": 100},
        "r": {"a": 0, "k": 0},
        "p": {"a": 0, "k": [256, 256, 0]},
        "a": {"a": 0, "k": [0, 0, 0]},
        "s": {"a": 0, "k": [100, 100, 100]},
    }
    layer = {
        "ddd": 0,
        "ind": 1,
        "ty": 4,
        "nm": f"Sample {seed}",
        "sr": 1,
        "ks": moves,
        "ao": 0,
        "shapes": [{"ty": "gr", "it": shapes}],
        "ip": 0,
        "op": 180,
        "st": 0,
        "bm": 0,
    }
    film = {
        "tgs": 1,
        "v": "5.5.2",
        "fr": 60,
        "ip": 0,
        "op": 180,
        "w": 512,
        "h": 512,
        "nm": f"Sample {seed}",
        "ddd": 0,
        "assets": [],
        "layers": [layer],
    }
    return gzip.compress(orjson.dumps(film), mtime=0)


def pdf(*, seed: int = 0, size: int = 0) -> bytes:
    """One page A6 with a coloured field and a line of text (ISO 32000-1 §7.5); ``size``: at least so many bytes."""
    (r, g, b), _ = colours(seed)
    field = f"{r / 255:.3f} {g / 255:.3f} {b / 255:.3f} rg 30 240 237 140 re f"
    drawn = f"{field} BT 0 g /F 20 Tf 30 200 Td (Sample {seed}) Tj ET"
    page = (
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 297 420] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> >> >>"
    )
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page,
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    data = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    if size:
        data += b"%" + b"." * size + b"\n"
    places = []
    for number, text in enumerate(objects, start=1):
        places.append(len(data))
        data += f"{number} 0 obj\n{text}\nendobj\n".encode()
    table = len(data)
    count = len(objects) + 1
    data += f"xref\n0 {count}\n0000000000 65535 f \n".encode()
    data += "".join(f"{at:010} 00000 n \n" for at in places).encode()
    return bytes(data) + f"trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n".encode()


def zip_file(*, seed: int = 0, size: int = 0) -> bytes:
    """An archive with a Russian file name; ``size``: at least so many bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        # A date is given: without it the archive would hold the time at which it was made.
        archive.writestr(
            zipfile.ZipInfo(f"Договор {seed}.txt", (2026, 1, 1, 12, 0, 0)), text_file(seed=seed, size=size)
        )
    return packed.getvalue()


def text_file(*, seed: int = 0, size: int = 0) -> bytes:
    """A few lines in UTF-8; ``size``: at least so many bytes, by repeating the last line."""
    lines = [f"Пример файла № {seed}", "Его сделала песочница.", "Привет!"]
    text = ("\n".join(lines) + "\n").encode()
    line = "Привет!\n".encode()
    return text + line * max(-(-(size - len(text)) // len(line)), 0)
