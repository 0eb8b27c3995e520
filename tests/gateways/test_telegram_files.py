"""Downloads from Telegram and from the disk of a server of one's own: whole, from the middle, broken off, forbidden."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
import trio

from dealgram.gateways.errors import GatewayError, Interrupted, NotFound, NotSent, Refused, ServiceFailed
from dealgram.gateways.telegram import CLOUD, OWN_SERVER, TelegramFiles
from dealgram.gateways.telegram.local_files import PART_BYTES, LocalFiles
from dealgram.gateways.transport import HttpTransport, Upstream

TOKEN = "700:the-secret-token"
DATA = bytes(range(256)) * 2000


@pytest.fixture
async def files(server, transport):
    async with TelegramFiles.open(transport, server.base_url) as opened:
        yield opened


async def read(download) -> bytes:
    try:
        return b"".join([part async for part in download])
    finally:
        download.close()


async def collect(download, came: list[bytes]) -> None:
    async for part in download:
        came.append(part)


def test_the_limits_are_those_of_the_documentation():
    assert (CLOUD.download, CLOUD.upload, CLOUD.photo) == (20 * 1024**2, 50 * 1024**2, 10 * 1024**2)
    assert (OWN_SERVER.download, OWN_SERVER.upload, OWN_SERVER.photo) == (2000 * 1024**2, 2000 * 1024**2, 10 * 1024**2)


async def test_a_file_comes_in_parts_with_its_size(server, files):
    server.reply(DATA, content_type="application/octet-stream")
    download = await files.download(TOKEN, "photos/file_1.jpg")
    assert (download.size, download.start) == (len(DATA), 0)
    assert await read(download) == DATA
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("GET", f"/file/bot{TOKEN}/photos/file_1.jpg")
    assert "range" not in seen.headers
    assert seen.headers["accept-encoding"] == "identity"


async def test_a_server_that_can_begin_in_the_middle_does(server, files):
    server.reply(DATA[1000:], status=206, headers={"Content-Range": f"bytes 1000-{len(DATA) - 1}/{len(DATA)}"})
    download = await files.download(TOKEN, "photos/file_1.jpg", 1000)
    assert (download.size, download.start) == (len(DATA), 1000)
    assert await read(download) == DATA[1000:]
    assert server.seen[0].headers["range"] == "bytes=1000-"


async def test_a_server_that_cannot_sends_the_whole_and_that_is_said(server, files):
    server.reply(DATA)
    download = await files.download(TOKEN, "photos/file_1.jpg", 1000)
    assert (download.size, download.start) == (len(DATA), 0)
    assert await read(download) == DATA


@pytest.mark.parametrize("said", ["", "bytes 0-99/500", "bytes 1000-1999/*", "lines 1000-1999/5000"])
async def test_another_part_than_was_asked_for_is_no_answer(server, files, said):
    server.reply(DATA, status=206, headers={"Content-Range": said} if said else {})
    with pytest.raises(ServiceFailed):
        await files.download(TOKEN, "photos/file_1.jpg", 1000)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, NotFound), (404, NotFound), (416, NotFound), (500, ServiceFailed), (429, NotSent), (302, Refused)],
)
async def test_a_refusal_comes_before_the_download(server, files, status, kind):
    server.reply(b"no", status=status, headers={"Location": "https://elsewhere.example/"} if status == 302 else {})
    with pytest.raises(kind):
        await files.download(TOKEN, "photos/file_1.jpg", 10)
    assert len(server.seen) == 1


async def test_a_download_that_breaks_off_says_so_at_its_end(server, files):
    server.reply(DATA, cut=True)
    download = await files.download(TOKEN, "photos/file_1.jpg")
    came: list[bytes] = []
    with pytest.raises(Interrupted):
        await collect(download, came)
    assert DATA.startswith(b"".join(came))
    assert len(b"".join(came)) <= len(DATA) // 2


async def test_a_server_that_says_nothing_is_given_up(server, files, mock_clock):
    server.hang()
    mock_clock.rate = 200
    with pytest.raises(GatewayError):
        await files.download(TOKEN, "photos/file_1.jpg")


async def test_a_server_that_stands_still_in_the_middle_is_given_up(mock_clock):
    async def half(stream):
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
        await trio.sleep_forever()

    mock_clock.rate = 200
    async with trio.open_nursery() as nursery, HttpTransport.open(Upstream(name="files")) as transport:
        (listener,) = await nursery.start(partial(trio.serve_tcp, half, 0, host="127.0.0.1"))
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        async with TelegramFiles.open(transport, url) as files:
            download = await files.download(TOKEN, "a")
            assert await anext(aiter(download)) == b"half of it"
            with pytest.raises(Interrupted):
                await anext(aiter(download))
        nursery.cancel_scope.cancel()


async def test_a_reader_who_closes_frees_the_connection(server):
    async with (
        HttpTransport.open(Upstream(name="files", max_connections=1)) as transport,
        TelegramFiles.open(transport, server.base_url) as files,
    ):
        for _ in range(3):
            server.reply(bytes(4 * 1024 * 1024))
            download = await files.download(TOKEN, "large")
            await anext(aiter(download))
            download.close()
        with trio.fail_after(5):
            while transport.statistics().running:  # noqa: ASYNC110 - nobody tells when a connection is free
                await trio.sleep(0.01)


async def test_leaving_ends_what_nobody_reads(server, transport):
    server.reply(bytes(4 * 1024 * 1024))
    with trio.fail_after(5):
        async with TelegramFiles.open(transport, server.base_url) as files:
            download = await files.download(TOKEN, "large")
    download.close()
    assert transport.statistics().running == 0


async def test_the_token_is_in_no_error(server, files, told):
    for status in (400, 401, 403, 404, 500):
        server.reply(f"bad token {TOKEN}".encode(), status=status, content_type="text/plain")
        with pytest.raises(GatewayError) as caught:
            await files.download(TOKEN, "photos/file_1.jpg")
        assert "the-secret-token" not in told(caught.value), status


@pytest.mark.parametrize(
    "path", ["", "../a", "a/../../b", "a b", "a?b", "a#b", "a%2fb", "a\r\nb", "http://x/a", "a" * 600]
)
async def test_what_is_no_path_is_not_asked_for(server, files, path):
    with pytest.raises(Refused):
        await files.download(TOKEN, path)
    assert server.seen == []


# A server of one's own that runs with --local


@pytest.fixture
def folder(tmp_path):
    """The server's folder, as this service sees it."""
    (tmp_path / "shared" / TOKEN / "documents").mkdir(parents=True)
    (tmp_path / "shared" / "701:another-token").mkdir()
    (tmp_path / "shared" / "701:another-token" / "of-another.txt").write_bytes(b"not yours")
    (tmp_path / "outside.txt").write_bytes(b"outside")
    (tmp_path / "shared" / TOKEN / "documents" / "file_1.pdf").write_bytes(DATA)
    return tmp_path / "shared"


@pytest.fixture
def local(folder):
    return LocalFiles(folder)


async def test_a_file_on_the_shared_disk_is_read_there(server, transport, folder):
    async with TelegramFiles.open(transport, server.base_url, folder) as files:
        download = await files.download(TOKEN, str(folder / TOKEN / "documents/file_1.pdf"))
        assert (download.size, download.start) == (len(DATA), 0)
        assert await read(download) == DATA
        middle = await files.download(TOKEN, str(folder / TOKEN / "documents/file_1.pdf"), 1000)
        assert (middle.size, middle.start) == (len(DATA), 1000)
        assert await read(middle) == DATA[1000:]
    assert server.seen == []


async def test_the_folder_may_be_mounted_elsewhere(local):
    download = await local.open(TOKEN, f"/var/lib/telegram-bot-api/{TOKEN}/documents/file_1.pdf")
    assert await read(download) == DATA


async def test_a_folder_from_windows_has_another_sign_in_its_name(folder, local):
    (folder / TOKEN).rename(folder / TOKEN.replace(":", "~"))
    download = await local.open(TOKEN, f"/srv/{TOKEN.replace(':', '~')}/documents/file_1.pdf")
    assert await read(download) == DATA


async def test_without_a_shared_disk_the_file_is_fetched_by_its_path_in_the_bots_folder(server, files):
    server.reply(DATA)
    download = await files.download(TOKEN, f"/var/lib/telegram-bot-api/{TOKEN}/documents/file_1.pdf")
    assert await read(download) == DATA
    assert server.seen[0].target == f"/file/bot{TOKEN}/documents/file_1.pdf"


async def test_large_files_are_read_in_parts(folder, local):
    (folder / TOKEN / "large").write_bytes(bytes(3 * PART_BYTES + 1))
    download = await local.open(TOKEN, f"/{TOKEN}/large", 1)
    assert [len(part) async for part in download] == [PART_BYTES] * 3
    download.close()


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        f"/{TOKEN}",
        f"/{TOKEN}/",
        f"/{TOKEN}/documents",
        f"/{TOKEN}/../701:another-token/of-another.txt",
        f"/{TOKEN}/documents/../../../outside.txt",
        "/701:another-token/of-another.txt",
        f"/701:another-token/../{TOKEN}/documents/file_1.pdf",
        f"/{TOKEN}/link-to-file",
        f"/{TOKEN}/link-to-folder/of-another.txt",
        f"/{TOKEN}/pipe",
        f"/{TOKEN}/documents/file_1.pdf/more",
        f"/{TOKEN}/a\0b",
        "/",
    ],
)
async def test_only_plain_files_in_the_bots_own_folder_are_opened(folder, local, told, path):
    own = folder / TOKEN
    (own / "link-to-file").symlink_to(folder.parent / "outside.txt")
    (own / "link-to-folder").symlink_to(folder / "701:another-token")
    os.mkfifo(own / "pipe")
    with pytest.raises(Refused) as caught:
        await local.open(TOKEN, path)
    assert not isinstance(caught.value, NotFound)
    assert "the-secret-token" not in told(caught.value)


async def test_a_bots_folder_that_is_a_link_is_not_entered(folder, local):
    (folder / TOKEN).rename(folder.parent / "moved")
    (folder / TOKEN).symlink_to(folder.parent / "moved")
    with pytest.raises(Refused):
        await local.open(TOKEN, f"/{TOKEN}/documents/file_1.pdf")


async def test_what_is_not_there_is_not_found(local, told):
    for path, start in ((f"/{TOKEN}/documents/file_2.pdf", 0), (f"/{TOKEN}/documents/file_1.pdf", len(DATA))):
        with pytest.raises(NotFound) as caught:
            await local.open(TOKEN, path, start)
        assert "the-secret-token" not in told(caught.value)


async def test_a_folder_that_is_gone_is_not_found():
    with pytest.raises(NotFound):
        await LocalFiles(Path("/nonexistent")).open(TOKEN, f"/{TOKEN}/a")


async def test_a_file_that_becomes_shorter_breaks_off(folder, local):
    path = folder / TOKEN / "documents" / "file_1.pdf"
    download = await local.open(TOKEN, f"/{TOKEN}/documents/file_1.pdf")
    await anext(aiter(download))
    os.truncate(path, 10)
    with pytest.raises(ServiceFailed):
        await anext(aiter(download))
    download.close()


async def test_a_file_that_grows_keeps_the_size_that_was_told(folder, local):
    path = folder / TOKEN / "documents" / "file_1.pdf"
    download = await local.open(TOKEN, f"/{TOKEN}/documents/file_1.pdf")
    path.write_bytes(DATA + b"more")
    assert await read(download) == DATA


async def test_closing_lets_go_of_the_file(local):
    before = len(os.listdir("/proc/self/fd"))
    download = await local.open(TOKEN, f"/{TOKEN}/documents/file_1.pdf")
    assert len(os.listdir("/proc/self/fd")) == before + 1
    download.close()
    download.close()
    assert len(os.listdir("/proc/self/fd")) == before
    for path in (f"/{TOKEN}/documents", f"/{TOKEN}/documents/none", f"/{TOKEN}/none/none"):
        with pytest.raises(Refused):
            await local.open(TOKEN, path)
    assert len(os.listdir("/proc/self/fd")) == before
