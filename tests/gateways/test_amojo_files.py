"""AmoFiles: only amoCRM's hosts are asked, within limits, and every way in which it fails has a name."""

from __future__ import annotations

import pytest
import trio

from dealgram.gateways.amo_hosts import AmoHosts
from dealgram.gateways.amojo import AmoFiles, FileTooLarge, ForeignFile
from dealgram.gateways.errors import Interrupted, NotFound, NotSent, Refused, ServiceFailed
from dealgram.gateways.spool import HEAD_BYTES, MEMORY_BYTES, Spool
from dealgram.gateways.transport import HttpTransport, Upstream
from dealgram.runtime import Transient

LIMIT = 3 * MEMORY_BYTES


class NoTransport:
    """Stands for the network where nothing may reach it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def download(self, operation, url, **more):
        self.asked.append(url)
        await trio.lowlevel.checkpoint()
        raise NotSent("asked")


@pytest.fixture
def files(transport):
    return AmoFiles(transport, AmoHosts(("127.0.0.1",)))


async def whole(spool: Spool) -> bytes:
    data = b""
    while part := await spool.read(len(data)):
        data += part
    return data


@pytest.mark.parametrize(
    "url",
    [
        "",
        "drive.amocrm.ru/x",
        "http://drive.amocrm.ru/x",  # no TLS
        "ftp://drive.amocrm.ru/x",
        "file:///etc/passwd",
        "https:///x",
        "https://evil.example/x",
        "https://amocrm.ru.evil.example/x",
        "https://evilamocrm.ru/x",
        "https://drive.amocrm.ru@evil.example/x",
        "https://user:word@drive.amocrm.ru/x",
        "https://drive.amocrm.ru:8443/x",
        "https://drive.amocrm.ru:443@evil.example/x",
        "https://drive.amocrm.ru\\@evil.example/x",
        "https://evil.example\\.amocrm.ru/x",
        "https://drive.amocrm.ru%2eevil.example/x",
        "https://evil.example%00.amocrm.ru/x",
        "https://evil.example\n.amocrm.ru/x",
        "https://drive.amocrm.ru\t.evil.example/x",
        "https://127.0.0.1/x",
        "https://127.1/x",
        "https://2130706433/x",
        "https://0x7f000001/x",
        "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/x",
        "https://xn--amocrm-cua.ru/x",
        "https://аmocrm.ru/x",  # the first letter is Cyrillic
        "https://drive.amocrm.ru。evil.example/x",
        "https://drive.amocrm.ru./x",
        "https://-.amocrm.ru/x",
        "//drive.amocrm.ru/x",
    ],
)
async def test_no_other_host_is_ever_asked(url):
    transport = NoTransport()
    real = AmoFiles(transport, AmoHosts(("amocrm.ru", "kommo.com")))
    with pytest.raises(ForeignFile) as caught:
        await real.fetch(url, LIMIT)
    assert transport.asked == []
    assert caught.value.reason == "foreign_host"
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://drive-b.amocrm.ru/d/1", "https://drive-b.amocrm.ru/d/1"),
        ("HTTPS://Drive-B.amoCRM.ru/D/1?x=%20y#part", "https://drive-b.amocrm.ru/D/1?x=%20y"),
        (" https://amojo.kommo.com/a/Смета на окна.pdf ", "https://amojo.kommo.com/a/Смета%20на%20окна.pdf"),
        ("https://amojo.kommo.com", "https://amojo.kommo.com/"),
        ("https://amojo.kommo.com/a@b:c/..//x", "https://amojo.kommo.com/a@b:c/..//x"),
    ],
)
async def test_hosts_of_amocrm_are_asked_over_tls(url, asked):
    transport = NoTransport()
    with pytest.raises(NotSent):
        await AmoFiles(transport, AmoHosts(("amocrm.ru", "kommo.com"))).fetch(url, LIMIT)
    assert transport.asked == [asked]


async def test_loopback_is_asked_only_where_it_is_configured(server, transport):
    with pytest.raises(ForeignFile):
        await AmoFiles(transport, AmoHosts(("amocrm.ru",))).fetch(f"{server.base_url}/x", LIMIT)
    assert server.seen == []


@pytest.mark.parametrize("size", [0, 1, MEMORY_BYTES, MEMORY_BYTES + 1, LIMIT])
async def test_a_file_arrives_byte_for_byte_large_ones_on_disk(server, files, size):
    data = bytes(index * 7 % 251 for index in range(1000)) * (size // 1000 + 1)
    server.reply(data[:size], content_type="image/png")
    with await files.fetch(f"{server.base_url}/x", LIMIT) as spool:
        assert (spool.size, spool.is_on_disk) == (size, size > MEMORY_BYTES)
        assert spool.head == data[: min(size, HEAD_BYTES)]
        assert await whole(spool) == data[:size]
    request = server.seen[0]
    assert {"authorization", "cookie"}.isdisjoint(request.headers)
    assert request.headers["accept-encoding"] == "identity"


async def test_a_file_that_says_that_it_is_too_large_is_not_taken(server, files):
    server.reply(b"x" * 1001)
    with pytest.raises(FileTooLarge) as caught:
        await files.fetch(f"{server.base_url}/x", 1000)
    assert caught.value.size == 1001


async def test_a_file_that_grows_too_large_is_left(server, files):
    server.reply(b"x" * 200_000, headers={"Content-Length": "200000"})
    limit = 200_000
    with await files.fetch(f"{server.base_url}/x", limit) as spool:
        assert spool.size == limit

    async def endless(stream):
        async with stream:
            await stream.receive_some()
            await stream.send_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            try:
                while True:
                    await stream.send_all(b"400\r\n" + b"x" * 1024 + b"\r\n")
            except trio.BrokenResourceError:
                pass

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        nursery.start_soon(trio.serve_listeners, endless, [listener])
        with pytest.raises(FileTooLarge) as caught:
            await files.fetch(f"http://127.0.0.1:{port}/x", 100_000)
        assert caught.value.size is None
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
async def test_a_file_that_is_not_given_out_is_gone_and_no_trouble_of_the_account(server, files, status):
    server.reply(b"<html>no</html>", status=status, content_type="text/html")
    with pytest.raises(NotFound):
        await files.fetch(f"{server.base_url}/x", LIMIT)


async def test_what_may_be_there_the_next_time_is_transient(server, files, dead_url):
    server.reply(b"", status=503)
    with pytest.raises(ServiceFailed):
        await files.fetch(f"{server.base_url}/x", LIMIT)
    server.reply(b"0123456789" * 100, cut=True)
    with pytest.raises(Interrupted) as caught:
        await files.fetch(f"{server.base_url}/x", LIMIT)
    assert isinstance(caught.value, Transient)
    with pytest.raises(NotSent):
        await files.fetch(f"{dead_url}/x", LIMIT)


async def test_a_packed_file_is_not_taken_for_the_file(server, files):
    server.reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    with pytest.raises(ServiceFailed):
        await files.fetch(f"{server.base_url}/x", LIMIT)


def redirection(to: str, status: int = 302) -> dict:
    return {"body": b"elsewhere", "status": status, "headers": {"Location": to}}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirections_within_amocrm_are_followed(server, files, status):
    server.reply(**redirection("/two", status))
    server.reply(**redirection(f"{server.base_url}/three", status))
    server.reply(**redirection("four?x=1", status))
    server.reply(b"here")
    with await files.fetch(f"{server.base_url}/one", LIMIT) as spool:
        assert await whole(spool) == b"here"
    assert [seen.target for seen in server.seen] == ["/one", "/two", "/three", "/four?x=1"]


async def test_a_chain_of_redirections_ends(server, files):
    for number in range(5):
        server.reply(**redirection(f"/{number}"))
    with pytest.raises(NotFound):
        await files.fetch(f"{server.base_url}/one", LIMIT)
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    "to",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "http://169.254.169.254/latest",
        "http://127.0.0.1@evil.example/",
        "http://127.0.0.2/",
        "https://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
    ],
)
async def test_a_redirection_to_any_other_host_is_not_followed(server, files, to):
    server.reply(**redirection(to))
    with pytest.raises(ForeignFile):
        await files.fetch(f"{server.base_url}/one", LIMIT)
    assert len(server.seen) == 1


async def test_a_file_that_trickles_for_ever_is_broken_off(autojump_clock):
    class Trickle:
        async def download(self, operation, url, *, begin, write, deadline_s, idle_s):
            while True:
                await trio.sleep(idle_s / 2)
                await write(b"x")

    began = trio.current_time()
    with pytest.raises(Interrupted):
        await AmoFiles(Trickle(), AmoHosts(("amocrm.ru",))).fetch("https://drive.amocrm.ru/x", MEMORY_BYTES)
    assert trio.current_time() - began < 200


async def test_a_full_disk_is_no_riddle(monkeypatch, server, files):
    def full(*_args, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dealgram.gateways.spool.tempfile.TemporaryFile", full)
    server.reply(b"x" * (MEMORY_BYTES + 1))
    with pytest.raises(ServiceFailed):
        await files.fetch(f"{server.base_url}/x", LIMIT)


async def test_cancelling_a_fetch_leaves_no_slot_taken(server):
    async with HttpTransport.open(Upstream(name="one", max_connections=1)) as transport:
        files = AmoFiles(transport, AmoHosts(("127.0.0.1",)))
        server.hang()
        with trio.move_on_after(0.2):
            await files.fetch(f"{server.base_url}/x", LIMIT)
        server.reply(b"fine")
        with await files.fetch(f"{server.base_url}/x", LIMIT) as spool:
            assert spool.size == 4
    with pytest.raises(ValueError, match="closed"):
        await spool.read(0)


def test_a_refusal_is_final():
    assert issubclass(ForeignFile, Refused)
    assert issubclass(FileTooLarge, Refused)
