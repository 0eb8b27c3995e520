"""How long a recording is and how large a video: what clients show before anybody has opened the file.

Telegram takes these numbers from whoever sends (Bot API: sendVideo, sendVoice). Read from MP4's header and from the
last page of an OGG; what cannot be read is left out, and Telegram does without. Pure but for the reading of the end.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from dealgram.actors.answering.file_kinds import Kind
from dealgram.gateways.spool import Spool

_TAIL = 64 * 1024
_OPUS_RATE = 48_000
_LONGEST_S = 7 * 86_400
_WIDEST = 16_384
_BOXES = 64  # looked at, at each level


async def media_facts(kind: Kind, data: Spool) -> dict[str, int | bool]:
    """The further fields of the method that sends the file."""
    match kind:
        case Kind.VIDEO:
            return {**mp4_facts(data.head), "supports_streaming": True}
        case Kind.VOICE | Kind.AUDIO:
            head = data.head
            if head.startswith(b"OggS"):
                length = opus_s(head, await data.read(max(0, data.size - _TAIL), _TAIL))
                return {"duration": length} if length else {}
            found = mp4_facts(head)
            return {"duration": found["duration"]} if "duration" in found else {}
        case _:
            return {}


def opus_s(head: bytes, tail: bytes) -> int:
    """Whole seconds of an OGG with OPUS (RFC 7845: 48,000 positions a second, less what is skipped at the start)."""
    at = tail.rfind(b"OggS")
    start = head.find(b"OpusHead")
    if at < 0 or start < 0 or len(tail) < at + 14 or len(head) < start + 12:
        return 0
    position = struct.unpack_from("<q", tail, at + 6)[0]
    skipped = struct.unpack_from("<H", head, start + 10)[0]
    return _sensible((position - skipped) / _OPUS_RATE)


def mp4_facts(head: bytes) -> dict[str, int]:
    """Length, width and height of an MP4, as far as its header stands at the beginning of the file."""
    moov = next((body for name, body in _boxes(head) if name == b"moov"), b"")
    facts: dict[str, int] = {}
    for name, body in _boxes(moov):
        if name == b"mvhd":
            length = _sensible(_mvhd_s(body))
            facts |= {"duration": length} if length else {}
        elif name == b"trak" and "width" not in facts:
            tkhd = next((inner for inner_name, inner in _boxes(body) if inner_name == b"tkhd"), b"")
            facts |= _sides(tkhd)
    return facts


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    for _ in range(_BOXES):
        if len(data) < at + 8:
            return
        size, name = struct.unpack_from(">I4s", data, at)
        start = 8
        if size == 1 and len(data) >= at + 16:
            size, start = struct.unpack_from(">Q", data, at + 8)[0], 16
        elif size == 0:
            size = len(data) - at
        if size < start:
            return
        yield name, data[at + start : at + size]
        at += size


def _mvhd_s(body: bytes) -> float:
    try:
        if body[:1] == b"\x01":
            scale, length = struct.unpack_from(">IQ", body, 20)
        else:
            scale, length = struct.unpack_from(">II", body, 12)
    except struct.error:
        return 0.0
    return length / scale if scale else 0.0


def _sides(tkhd: bytes) -> dict[str, int]:
    at = 88 if tkhd[:1] == b"\x01" else 76
    try:
        matrix = struct.unpack_from(">9i", tkhd, at - 36)
        width, height = (side >> 16 for side in struct.unpack_from(">II", tkhd, at))
    except struct.error:
        return {}
    if not (0 < width <= _WIDEST and 0 < height <= _WIDEST):
        return {}
    if matrix[0] == 0 and matrix[4] == 0:  # turned by a quarter: a telephone held upright
        width, height = height, width
    return {"width": width, "height": height}


def _sensible(seconds: float) -> int:
    return max(1, round(seconds)) if 0 < seconds <= _LONGEST_S else 0
