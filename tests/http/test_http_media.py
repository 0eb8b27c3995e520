"""/media: ranges, conditions, types and names that strangers chose, refusals, and readers who stop reading."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote

import httpx
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from dealgram.actors.files.media_files import FoundFile, MediaRefusedError, Reason
from dealgram.actors.files.media_links import MediaLink
from dealgram.gateways.errors import Interrupted
from dealgram.http import connections, media
from dealgram.http.file_headers import OCTETS, file_headers, plain_name
from dealgram.http.ranges import OutsideError, Span, span_of

DATA = bytes(range(256)) * 40
NAME = "Договор № 5 «Ромашка».pdf"


@dataclass
class FakeDownload:
    """Parts of some bytes. ``breaks_at``: no byte beyond comes; ``gate``: waited for before every part."""

    data: bytes
    start: int
    size: int | None
    part: int
    breaks_at: int | None = None
    gate: trio.Event | None = None
    closed: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.at = self.start

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        end = len(self.data) if self.breaks_at is None else self.breaks_at
        if self.gate is not None:
            await self.gate.wait()
        await trio.lowlevel.checkpoint()
        if self.at < end:
            part = self.data[self.at : min(self.at + self.part, end)]
            self.at += len(part)
            return part
        if self.breaks_at is not None:
            raise Interrupted("the connection broke")
        raise StopAsyncIteration

    def close(self) -> None:
        self.closed.set()


@dataclass
class FakeMedia:
    """One file behind every name."""

    data: bytes = DATA
    content_type: str = "image/jpeg"
    file_name: str = ""
    known_size: bool = True
    told_size: bool = True
    seeks: bool = False  # Telegram's file server starts where it is asked to
    refuses: Reason | None = None
    refuses_to_open: Reason | None = None
    breaks_at: int | None = None
    gate: trio.Event | None = None
    part: int = 1000
    downloads: list[FakeDownload] = field(default_factory=list)

    async def find(self, name: str) -> FoundFile:
        await trio.lowlevel.checkpoint()
        if self.refuses is not None:
            raise MediaRefusedError(self.refuses)
        link = MediaLink(
            account_id=1, bot_id=700, file_id="AgACx", content_type=self.content_type, file_name=self.file_name
        )
        return FoundFile(link=link, size=len(self.data) if self.known_size else None)

    async def open(self, found: FoundFile, start: int = 0) -> FakeDownload:
        await trio.lowlevel.checkpoint()
        if self.refuses_to_open is not None:
            raise MediaRefusedError(self.refuses_to_open)
        size = len(self.data) if self.told_size else None
        self.downloads.append(
            FakeDownload(self.data, start if self.seeks else 0, size, self.part, self.breaks_at, self.gate)
        )
        return self.downloads[-1]


@pytest.fixture
def shown(serve_world, services):
    """``client, fake = await shown(…)``: a served application with one file."""

    async def show(**more) -> tuple[httpx.AsyncClient, FakeMedia]:
        fake = FakeMedia(**more)
        return (await serve_world(services, media=fake)).client, fake

    return show


# Whole files


async def test_a_file_comes_whole_with_its_type_and_its_length(shown):
    client, fake = await shown()
    got = await client.get("/media/x")
    assert (got.status_code, got.content) == (200, DATA)
    assert got.headers["content-type"] == "image/jpeg"
    assert got.headers["content-length"] == str(len(DATA))
    assert got.headers["accept-ranges"] == "bytes"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cross-origin-resource-policy"] == "cross-origin", "pages of amoCRM show pictures from here"
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["cache-control"] == "private, max-age=86400, immutable"
    assert fake.downloads[0].closed.is_set()


async def test_an_empty_file_is_a_file(shown):
    client, _ = await shown(data=b"")
    got = await client.get("/media/x")
    assert (got.status_code, got.headers["content-length"], got.content) == (200, "0", b"")


async def test_head_tells_the_same_and_fetches_nothing(shown):
    client, fake = await shown(file_name=NAME, content_type="application/pdf")
    got, head = await client.get("/media/x"), await client.head("/media/x", headers={"Range": "bytes=5-9"})
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) | {"date": ""} == dict(got.headers) | {"date": ""}
    assert len(fake.downloads) == 1


async def test_a_file_of_unknown_length_comes_to_its_end(shown):
    client, _ = await shown(known_size=False, told_size=False)
    got = await client.get("/media/x", headers={"Range": "bytes=5-9"})
    assert (got.status_code, got.content) == (200, DATA)
    assert "content-length" not in got.headers
    assert "accept-ranges" not in got.headers
    assert "content-length" not in (await client.head("/media/x")).headers


async def test_the_length_that_comes_with_the_file_counts_where_getfile_names_none(shown):
    client, _ = await shown(known_size=False)
    assert (await client.get("/media/x")).headers["content-length"] == str(len(DATA))


# Ranges


@pytest.mark.parametrize("seeks", [False, True])
@pytest.mark.parametrize("part", [1, 777, 100_000])
@pytest.mark.parametrize(
    ("header", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=999-1000", 999, 1000),
        ("bytes=10000-", 10_000, 10_239),
        ("bytes=-240", 10_000, 10_239),
        ("bytes=10000-99999999999", 10_000, 10_239),
        ("Bytes=0-", 0, 10_239),
    ],
)
async def test_a_range_is_a_part_of_the_file(shown, seeks, part, header, first, last):
    client, fake = await shown(seeks=seeks, part=part)
    got = await client.get("/media/x", headers={"Range": header})
    assert (got.status_code, got.content) == (206, DATA[first : last + 1])
    assert got.headers["content-range"] == f"bytes {first}-{last}/{len(DATA)}"
    assert got.headers["content-length"] == str(last - first + 1)
    assert fake.downloads[0].closed.is_set()


@pytest.mark.parametrize("header", ["bytes=0-1,5-9", "bytes=9-1", "bytes=-", "bytes=a-b", "lines=0-1", "bytes=--1", ""])
async def test_several_ranges_and_no_ranges_get_the_whole_file(shown, header):
    client, _ = await shown()
    got = await client.get("/media/x", headers={"Range": header})
    assert (got.status_code, got.content) == (200, DATA)
    assert "content-range" not in got.headers


@pytest.mark.parametrize("header", [f"bytes={len(DATA)}-", "bytes=99999999999999999999-", "bytes=-0"])
async def test_a_range_outside_of_the_file_is_refused_before_anything_is_fetched(shown, header):
    client, fake = await shown()
    got = await client.get("/media/x", headers={"Range": header})
    assert got.status_code == 416
    assert got.headers["content-range"] == f"bytes */{len(DATA)}"
    assert fake.downloads == []


@given(st.binary(max_size=300), st.integers(1, 400), st.integers(0, 400), st.integers(0, 400), st.booleans())
def test_any_range_of_any_file_in_any_parts_gives_its_bytes(data, part, one, other, seeks):
    first, last = min(one, other), max(one, other)
    try:
        span = span_of(f"bytes={first}-{last}", len(data))
    except OutsideError:
        assert first >= len(data)
        return
    assert span is not None
    assert data[span.first : span.last + 1] == data[first : last + 1] != b""

    async def read() -> bytes:
        download = FakeDownload(data, span.first if seeks else 0, len(data), part)
        async with media._Parts(download, span) as parts:
            return b"".join([chunk async for chunk in parts])

    assert trio.run(read) == data[first : last + 1]


@given(st.integers(0, 500), st.integers(0, 10**20))
def test_a_tail_is_the_end_of_the_file(size, length):
    if not size or not length:
        with pytest.raises(OutsideError):
            span_of(f"bytes=-{length}", size)
    else:
        assert span_of(f"bytes=-{length}", size) == Span(max(size - length, 0), size - 1)


@given(st.text(max_size=30), st.integers(0, 500))
def test_no_header_harms(header, size):
    try:
        span = span_of(header, size)
    except OutsideError:
        return
    assert span is None or 0 <= span.first <= span.last < size


# Conditions


async def test_who_has_the_file_gets_no_bytes(shown):
    client, fake = await shown()
    etag = (await client.head("/media/x")).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        got = await client.get("/media/x", headers={"If-None-Match": known, "Range": "bytes=0-1"})
        assert (got.status_code, got.content, got.headers["etag"]) == (304, b"", etag), known
    assert fake.downloads == []
    assert (await client.get("/media/x", headers={"If-None-Match": '"other"'})).status_code == 200


async def test_a_condition_opens_no_link_that_is_refused(shown):
    client, _ = await shown(refuses="disconnected")
    assert (await client.get("/media/x", headers={"If-None-Match": "*"})).status_code == 410


async def test_a_broken_off_download_goes_on_if_the_file_is_the_same(shown):
    client, _ = await shown()
    etag = (await client.head("/media/x")).headers["etag"]
    goes_on = await client.get("/media/x", headers={"Range": "bytes=10-", "If-Range": etag})
    assert (goes_on.status_code, goes_on.content) == (206, DATA[10:])
    for other in ('"other"', "Wed, 01 Jan 2025 00:00:00 GMT", f"W/{etag}"):
        anew = await client.get("/media/x", headers={"Range": "bytes=10-", "If-Range": other})
        assert (anew.status_code, anew.content) == (200, DATA), other


# Types and names, as strangers chose them


@pytest.mark.parametrize(
    "content_type", ["image/png", "image/webp", "image/gif", "audio/ogg", "audio/mpeg", "video/mp4", "video/quicktime"]
)
async def test_pictures_sounds_and_films_are_shown_in_place(shown, content_type):
    client, _ = await shown(content_type=content_type, file_name="a.bin")
    got = await client.get("/media/x")
    assert got.headers["content-type"] == content_type
    assert got.headers["content-disposition"].startswith("inline")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/html",
        "image/svg+xml",
        "application/xhtml+xml",
        "text/xml",
        "application/javascript",
        "application/x-javascript",
        "application/x-shockwave-flash",
        "audio/x+xml",
        "video/a+xml",
        "application/vnd.wap.xhtml+xml",
        "multipart/x-mixed-replace",
        "text/html; charset=utf-8",
        "image/jpeg\r\nX: y",
        "nonsense",
        "",
    ],
)
async def test_what_could_run_is_an_octet_stream_to_be_saved(shown, content_type):
    client, _ = await shown(content_type=content_type)
    got = await client.get("/media/x")
    assert got.headers["content-type"] == OCTETS
    assert got.headers["content-disposition"].startswith("attachment")
    assert "x" not in got.headers


@pytest.mark.parametrize("content_type", ["application/pdf", "application/zip", "text/plain", "application/msword"])
async def test_a_document_keeps_its_type_and_is_saved(shown, content_type):
    client, _ = await shown(content_type=content_type, file_name="Смета.doc")
    got = await client.get("/media/x")
    assert got.headers["content-type"] == content_type
    assert got.headers["content-disposition"].startswith("attachment")


async def test_a_russian_name_arrives_and_leaves_something_readable_for_old_clients(shown):
    client, _ = await shown(content_type="application/pdf", file_name=NAME)
    said = (await client.get("/media/x")).headers["content-disposition"]
    assert unquote(said.partition("filename*=UTF-8''")[2]) == NAME
    assert re.search(r'; filename="[^"\\]+\.pdf";', said)


@pytest.mark.parametrize(
    ("given_name", "plain"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\Windows\\cmd.exe", "C__Windows_cmd.exe"),
        ('a"; filename="b.exe', "a_; filename=_b.exe"),
        ("a\r\nSet-Cookie: b", "a__Set-Cookie_ b"),
        ("\u202egpj.exe", "_gpj.exe"),
        (".htaccess", "htaccess"),
        ("photo.jpg. . ", "photo.jpg"),
        ("   ", ""),
        ("a\x00b", "a_b"),
        ("a\ud800b", "a_b"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_a_name_is_a_name_and_nothing_else(given_name, plain):
    assert plain_name(given_name) == plain


@given(st.text(max_size=200), st.text(max_size=60))
def test_headers_are_one_line_of_ascii_whatever_is_in_a_file(content_type, file_name):
    for name, value in file_headers(content_type, file_name).items():
        assert re.fullmatch(r"[ -~]+", value), (name, value)


# Refusals

REFUSALS = [
    ("unknown", 404),
    ("forged", 403),
    ("expired", 410),
    ("disconnected", 410),
    ("gone", 404),
    ("too_large", 413),
    ("unavailable", 503),
    ("busy", 503),
]


@pytest.mark.parametrize(("reason", "status"), REFUSALS)
@pytest.mark.parametrize("when", ["refuses", "refuses_to_open"])
async def test_a_refusal_is_clear_to_programs_and_to_people(shown, reason, status, when):
    client, _ = await shown(**{when: reason})
    for_programs = await client.get("/media/x")
    assert for_programs.status_code == status
    assert for_programs.json()["error"]["message"]
    for_people = await client.get("/media/x", headers={"Accept": "text/html,*/*;q=0.8"})
    assert for_people.status_code == status
    assert for_people.headers["content-type"] == "text/html; charset=utf-8"
    assert re.search("[а-я]{4}", for_people.text)
    for answer in (for_programs, for_people):
        assert answer.headers["cache-control"] == "no-store"
        assert ("retry-after" in answer.headers) == (status == 503)
        assert "AgACx" not in answer.text


async def test_a_name_that_is_too_long_is_not_looked_at(shown):
    client, fake = await shown(refuses="forged")
    assert (await client.get("/media/" + "A" * 2049)).status_code == 404
    assert (await client.get("/media/" + "A" * 2048)).status_code == 403
    assert fake.downloads == []


# Ends


async def test_a_file_that_breaks_off_is_not_taken_for_a_whole_one(shown):
    for known in (True, False):
        client, fake = await shown(breaks_at=5000, known_size=known, told_size=known)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get("/media/x")
        with trio.fail_after(5):
            await fake.downloads[0].closed.wait()


async def test_a_file_that_ends_early_is_not_taken_for_a_whole_one(shown):
    client, fake = await shown()
    fake.open = _shorter(fake.open)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/media/x")


def _shorter(original):
    async def opened(found, start=0):
        download = await original(found, start)
        download.data = download.data[:5000]
        return download

    return opened


async def test_a_client_that_goes_lets_go_of_its_file(serve_world, services):
    fake = FakeMedia(gate=trio.Event())
    world = await serve_world(services, media=fake)
    stream = await world.connect()
    await stream.send_all(b"GET /media/x HTTP/1.1\r\nHost: x\r\n\r\n")
    with trio.fail_after(5):
        assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 200")  # the file stands still after this
        await stream.aclose()
        await fake.downloads[0].closed.wait()


async def test_a_client_that_goes_before_the_first_byte_lets_go_as_well(serve_world, services):
    """The answer's body is never looked at, so nothing in it can close the file."""
    fake = FakeMedia()
    opened, go_on = trio.Event(), trio.Event()
    original = fake.open

    async def slow(found, start=0):
        download = await original(found, start)
        opened.set()
        with trio.CancelScope(shield=True):
            await go_on.wait()
        return download

    fake.open = slow
    world = await serve_world(services, media=fake)
    stream = await world.connect()
    with trio.fail_after(5):
        await stream.send_all(b"GET /media/x HTTP/1.1\r\nHost: x\r\n\r\n")
        await opened.wait()
        await stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.05)
        go_on.set()
        await fake.downloads[0].closed.wait()


async def _drained(stream) -> int:
    """How many bytes still come before the end or the reset."""
    count = 0
    with suppress(trio.BrokenResourceError):
        while part := await stream.receive_some(1024 * 1024):
            count += len(part)
    return count


async def test_a_client_that_stops_reading_loses_its_connection(serve_world, services, monkeypatch):
    monkeypatch.setattr(connections, "_WRITE_S", 0.1)
    monkeypatch.setattr(connections, "_WRITE_BYTES_PER_S", 10 * 1024 * 1024)
    fake = FakeMedia(data=bytes(64 * 1024 * 1024), part=256 * 1024)
    world = await serve_world(services, media=fake)
    stream = await world.connect()
    await stream.send_all(b"GET /media/x HTTP/1.1\r\nHost: x\r\n\r\n")
    with trio.fail_after(10):
        await stream.receive_some(100)
        await fake.downloads[0].closed.wait()
        assert await _drained(stream) < len(fake.data)
    await stream.aclose()


async def test_a_file_that_does_not_come_forward_ends_at_last(shown, monkeypatch):
    monkeypatch.setattr(media, "START_PATIENCE_S", 0.1)
    monkeypatch.setattr(media, "SLOWEST_BYTES_PER_S", 10**9)
    client, fake = await shown(gate=trio.Event())
    with trio.fail_after(5), pytest.raises(httpx.RemoteProtocolError):
        await client.get("/media/x")
    assert fake.downloads[0].closed.is_set()


async def test_what_is_broken_off_is_a_line_in_the_log_and_no_failure(shown, caplog):
    caplog.set_level("INFO")
    client, _ = await shown(breaks_at=5000)
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/media/x")
    assert [record.getMessage() for record in caplog.records if record.name == "dealgram.http"] == [
        "an answer was broken off: the connection broke"
    ]
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
