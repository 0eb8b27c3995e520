"""Media that the integration posts are fetched and shown; what managers attach is hosted and told of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from quart import Response, request
from quart_trio import QuartTrio

from dealgram.sandbox.amocrm import AmoSimulator, Attachment
from dealgram.sandbox.serve import serve

PICTURE = b"\xff\xd8\xff a picture " * 100


@dataclass
class Shelf:
    """The integration's own file server: what stands at which name, and who asked."""

    url: str = ""
    files: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def app(self) -> QuartTrio:
        app = QuartTrio(__name__)

        @app.route("/<name>", methods=["GET", "HEAD"])
        async def file(name: str) -> Response:
            wanted = request.headers.get("Range", "")
            self.asked.append(f"{request.method} {name} {wanted}".strip())
            if name not in self.files:
                return Response(b"", status=404)
            data, content_type = self.files[name]
            if not wanted:
                return Response(data, content_type=content_type)
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part = data[int(first) : int(last) + 1 if last else len(data)]
            shown = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
            return Response(part, status=206, content_type=content_type, headers={"Content-Range": shown})

        return app

    def put(self, name: str, data: bytes, content_type: str) -> str:
        self.files[name] = (data, content_type)
        return f"{self.url}/{name}"


@pytest.fixture
async def shelf(amo: Any) -> AsyncIterator[Shelf]:
    amo.switch(media_fetch="at_once")
    shelf = Shelf()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve, shelf.app())
        shelf.url = f"http://127.0.0.1:{port}"
        yield shelf
        nursery.cancel_scope.cancel()


async def fetched(amo: Any) -> None:
    """Waits until everything was fetched that is to be."""
    with trio.fail_after(10):
        while amo.sim.downloads_pending:  # noqa: ASYNC110 - the simulator's watchers are tested below
            await trio.sleep(0.01)


def picture(url: str, **more: Any) -> dict[str, Any]:
    return {"type": "picture", "media": url, "file_name": "a.jpg", "file_size": len(PICTURE), **more}


async def shown(amo: Any, made: dict[str, Any]) -> Any:
    await fetched(amo)
    return amo.sim.message(amo.account, made["msgid"])


async def test_a_picture_is_fetched_and_shown(amo: Any, shelf: Shelf) -> None:
    url = shelf.put("a", PICTURE, "image/jpeg")
    with amo.sim.subscribe() as changes:
        made = await amo.send(message=picture(url, text="подпись"))
        with trio.fail_after(10):
            async for change in changes:
                if change.kind == "message_changed":
                    break
    item = await shown(amo, made)
    assert (item.type, item.text, item.data, item.file_name) == ("picture", "подпись", PICTURE, "a.jpg")
    assert item.file_size == len(PICTURE)
    assert shelf.asked == ["GET a"]
    amo.sim.assert_clean()


@pytest.mark.parametrize(
    ("kind", "content_type", "fits"),
    [
        ("picture", "image/png", True),
        ("picture", "application/octet-stream", False),
        ("video", "video/mp4", True),
        ("video", "image/gif", False),
        ("voice", "audio/ogg", True),
        ("voice", "video/mp4", False),
        ("audio", "audio/mpeg", True),
        ("audio", "text/plain", False),
        ("sticker", "image/webp", True),
        ("sticker", "application/x-tgsticker", False),
        ("file", "application/x-anything", True),
    ],
)
async def test_the_type_of_a_file_fits_its_message(
    amo: Any, shelf: Shelf, kind: str, content_type: str, fits: bool
) -> None:
    url = shelf.put("a", PICTURE, content_type)
    item = await shown(amo, await amo.send(message=picture(url, type=kind)))
    assert item.data == PICTURE
    assert len(amo.sim.violations) == (0 if fits else 1)
    assert fits or "content type" in amo.last_violation()


async def test_a_wrong_size_is_a_violation(amo: Any, shelf: Shelf) -> None:
    url = shelf.put("a", PICTURE, "image/jpeg")
    item = await shown(amo, await amo.send(message=picture(url, file_size=7)))
    assert item.data == PICTURE
    assert f"file_size is 7, the file has {len(PICTURE)} bytes" in amo.last_violation()
    assert url not in amo.last_violation()


async def test_what_cannot_be_fetched_is_a_violation_and_shows_nothing(amo: Any, shelf: Shelf) -> None:
    item = await shown(amo, await amo.send(message=picture(f"{shelf.url}/nothing")))
    assert item.data is None
    assert "GET is answered 404" in amo.last_violation()
    with trio.socket.socket() as unused:
        await unused.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{unused.getsockname()[1]}/a"
        item = await shown(amo, await amo.send(message=picture(nowhere)))
    assert item.data is None
    assert "ConnectError" in amo.last_violation()
    assert len(amo.sim.violations) == 2


async def test_a_file_that_breaks_off_is_a_violation(amo: Any, shelf: Shelf) -> None:
    chat = await amo.open_chat()
    amo_id = amo.sim.answer(amo.account, chat, amo.account.owner, "", attachments=[Attachment("file", size=300_000)])
    url = amo.sim.message(amo.account, amo_id).media
    amo.sim.files.die(after=100_000)
    item = await shown(amo, await amo.send(message=picture(url, type="file", file_size=300_000)))
    assert item.data is None
    assert "RemoteProtocolError" in amo.last_violation()


@pytest.mark.parametrize(
    ("first", "asked"),
    [
        ("get", ["GET a"]),
        ("head", ["HEAD a", "GET a"]),
        ("range", ["GET a bytes=0-1023", "GET a bytes=1024-"]),
    ],
)
async def test_the_first_request_is_a_switch(amo: Any, shelf: Shelf, first: str, asked: list[str]) -> None:
    amo.switch(media_first=first)
    item = await shown(amo, await amo.send(message=picture(shelf.put("a", PICTURE, "image/jpeg"))))
    assert item.data == PICTURE
    assert shelf.asked == asked
    amo.sim.assert_clean()


async def test_when_and_how_often_is_a_switch(amo: Any, shelf: Shelf) -> None:
    url = shelf.put("a", PICTURE, "image/jpeg")
    amo.switch(media_fetch="twice", media_late_s=0.05)
    assert (await shown(amo, await amo.send(message=picture(url)))).data == PICTURE
    assert shelf.asked == ["GET a", "GET a"]
    amo.switch(media_fetch="late", media_late_s=0.3)
    made = await amo.send(message=picture(url))
    assert amo.sim.message(amo.account, made["msgid"]).data is None
    assert (await shown(amo, made)).data == PICTURE
    amo.sim.assert_clean()
    amo.switch(media_fetch="never")
    assert (await shown(amo, await amo.send(message=picture(url)))).data is None
    assert len(shelf.asked) == 3


async def test_a_second_fetch_must_give_the_same(amo: Any, shelf: Shelf) -> None:
    amo.switch(media_fetch="twice", media_late_s=0.3)
    made = await amo.send(message=picture(shelf.put("a", PICTURE, "image/jpeg")))
    with trio.fail_after(10):
        while amo.sim.message(amo.account, made["msgid"]).data is None:  # noqa: ASYNC110
            await trio.sleep(0.01)
    del shelf.files["a"]
    assert (await shown(amo, made)).data == PICTURE
    assert "GET is answered 404" in amo.last_violation()


async def test_an_edit_keeps_the_file_or_brings_another(amo: Any, shelf: Shelf) -> None:
    made = await amo.send(msgid="e1", message=picture(shelf.put("a", PICTURE, "image/jpeg"), text="было"))
    edit = {"conversation_id": "p1-9001", "msgid": "e1", "message": {"type": "picture", "text": "стало"}}
    assert (await amo.event(edit, "edit_message")).status_code == 200
    item = await shown(amo, made)
    assert (item.text, item.data, item.is_edited) == ("стало", PICTURE, True)
    assert shelf.asked == ["GET a"]
    other = shelf.put("b", b"other", "image/png")
    edit["message"] = {"type": "picture", "media": other, "file_name": "b.png", "file_size": 5}
    assert (await amo.event(edit, "edit_message")).status_code == 200
    item = await shown(amo, made)
    assert (item.data, item.file_name) == (b"other", "b.png")
    amo.sim.assert_clean()
    text = await amo.send(msgid="e2")
    edit |= {"msgid": "e2", "message": {"type": "picture", "text": "без файла"}}
    assert (await amo.event(edit, "edit_message")).status_code == 400
    assert amo.sim.message(amo.account, text["msgid"]).type == "text"


async def test_places_contacts_and_lengths_are_shown(amo: Any, shelf: Shelf) -> None:
    place = await shown(amo, await amo.send(message={"type": "location", "location": {"lon": 37.6, "lat": 55.7}}))
    assert (place.type, place.location, place.data) == ("location", {"lon": 37.6, "lat": 55.7}, None)
    card = {"name": "Олег", "phone": "+79990000000"}
    assert (await shown(amo, await amo.send(message={"type": "contact", "contact": card}))).contact == card
    voice = {"type": "voice", "media": shelf.put("v", b"OggS", "audio/ogg"), "media_duration": 7}
    item = await shown(amo, await amo.send(message=voice))
    assert (item.type, item.duration, item.data) == ("voice", 7, b"OggS")
    amo.sim.assert_clean()


async def test_a_limit_of_file_sizes_is_a_switch(amo: Any, shelf: Shelf) -> None:
    amo.switch(file_limit=10)
    assert "payload.message.file_size" in await amo.refused(message=picture(f"{shelf.url}/a", file_size=11))
    assert shelf.asked == []


async def test_pictures_of_people_by_the_switch(amo: Any, shelf: Shelf) -> None:
    amo.switch(fetch_avatars=True)
    url = shelf.put("face", PICTURE, "image/jpeg")
    person = {"id": "tgu-9001", "name": "Анна", "avatar": url}
    await amo.send(sender=person)
    await amo.send(sender=person)
    await fetched(amo)
    assert amo.sim.world.pictures.fetched[url].body == PICTURE
    assert shelf.asked == ["GET face"]
    amo.sim.assert_clean()
    await amo.send(sender={**person, "avatar": shelf.put("page", b"<html>", "text/html")})
    await fetched(amo)
    assert "the picture of tgu-9001" in amo.last_violation()


async def test_a_slow_file_holds_up_no_answer(amo: Any) -> None:
    amo.switch(media_fetch="at_once")
    chat = await amo.open_chat()
    amo_id = amo.sim.answer(amo.account, chat, amo.account.owner, "", attachments=[Attachment("picture", PICTURE)])
    hold = amo.sim.files.faults.hold("file")
    made = await amo.send(message=picture(amo.sim.message(amo.account, amo_id).media))
    with trio.fail_after(10):
        await hold.taken()
    await amo.send()
    assert amo.sim.downloads_pending == 1
    assert amo.sim.message(amo.account, made["msgid"]).data is None
    hold.release()
    assert (await shown(amo, made)).data == PICTURE


async def test_fetches_end_with_the_simulator() -> None:
    sim = AmoSimulator()
    hold = sim.files.faults.hold("file")
    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            await nursery.start(sim.run)
            url, _ = sim.files.host("a", Attachment("picture", PICTURE))
            sim.world.downloads.ask(url, lambda _: pytest.fail("nobody answered"))
            await hold.taken()
            nursery.cancel_scope.cancel()
    assert sim.downloads_pending == 1


# -- what managers attach ---------------------------------------------------------------------------------------------


async def hooks(amo: Any, count: int) -> list[dict[str, Any]]:
    await amo.receiver.wait(count)
    return [one["message"]["message"] for one in amo.receiver.bodies()]


async def attached(amo: Any, *files: Attachment, text: str = "") -> list[dict[str, Any]]:
    chat = await amo.open_chat()
    amo.sim.answer(amo.account, chat, amo.account.owner, text, attachments=files)
    return await hooks(amo, len(files))


async def test_an_attachment_stands_on_the_file_host(amo: Any) -> None:
    [hook] = await attached(amo, Attachment("picture", PICTURE, "Макет №1.png"), text="смотрите")
    assert (hook["type"], hook["text"], hook["file_name"]) == ("picture", "смотрите", "Макет №1.png")
    assert hook["file_size"] == len(PICTURE)
    url = hook["media"]
    assert url.startswith(f"{amo.sim.files.base_url}/attachments/{amo.account.amojo_id}/")
    assert url.isascii()
    async with httpx.AsyncClient() as client:
        whole = await client.get(url)
        assert (whole.status_code, whole.headers["content-type"], whole.content) == (200, "image/png", PICTURE)
        head = await client.head(url)
        assert (head.status_code, head.headers["content-length"], head.content) == (200, str(len(PICTURE)), b"")
        part = await client.get(url, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, PICTURE[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(PICTURE)}"
        tail = await client.get(url, headers={"Range": "bytes=-5"})
        assert tail.content == PICTURE[-5:]
        beyond = await client.get(url, headers={"Range": "bytes=999999-"})
        assert beyond.status_code == 416
        preview = await client.get(hook["thumbnail"])
        assert (preview.status_code, preview.content) == (200, PICTURE)
        assert (await client.get(f"{amo.sim.files.base_url}/attachments/nothing")).status_code == 404
        amo.sim.files.forget(url)
        assert (await client.get(url)).status_code == 404
    [item] = amo.sim.history(amo.account, amo.sim.chat(amo.account, "p1-9001").uuid)
    assert (item.type, item.media, item.file_name) == ("picture", url, "Макет №1.png")
    assert (amo.sim.files.requests[0].method, amo.sim.files.requests[0].status) == ("GET", 200)


@pytest.mark.parametrize(
    ("file", "content_type", "name"),
    [
        (Attachment("voice", b"OggS"), "audio/ogg", "voice.ogg"),
        (Attachment("audio", b"ID3", "песня.mp3"), "audio/mpeg", "песня.mp3"),
        (Attachment("video", b"ftyp", "a.mp4", thumbnail=PICTURE), "video/mp4", "a.mp4"),
        (Attachment("sticker", b"RIFF"), "image/webp", "sticker.webp"),
        (Attachment("file", b"%PDF", "Договор.pdf"), "application/pdf", "Договор.pdf"),
        (Attachment("file", b"", "пусто.txt"), "text/plain; charset=utf-8", "пусто.txt"),
        (Attachment("picture", b"a", content_type="text/html"), "text/html", "image.jpg"),
    ],
)
async def test_every_type_of_a_file(amo: Any, file: Attachment, content_type: str, name: str) -> None:
    [hook] = await attached(amo, file)
    assert (hook["type"], hook["file_name"], hook["file_size"]) == (file.type, name, len(file.data))
    assert bool(hook["thumbnail"]) == (file.type in ("picture", "video"))
    async with httpx.AsyncClient() as client:
        found = await client.get(hook["media"])
        assert (found.headers["content-type"], found.content) == (content_type, file.data)
        if file.thumbnail:
            assert (await client.get(hook["thumbnail"])).content == PICTURE
    assert amo.sim.message(amo.account, hook["id"]).data == file.data


async def test_managers_cannot_attach_places_and_contacts() -> None:
    with pytest.raises(ValueError, match="location"):
        Attachment("location")


async def test_a_large_file_costs_no_memory_and_may_lie(amo: Any) -> None:
    large, liar = Attachment("video", size=3_000_000_000), Attachment("file", b"abc", claimed_size=2_000_000_000)
    first, second = await attached(amo, large, liar)
    assert (first["file_size"], second["file_size"]) == (3_000_000_000, 2_000_000_000)
    async with httpx.AsyncClient() as client:
        assert (await client.head(first["media"])).headers["content-length"] == "3000000000"
        far = await client.get(first["media"], headers={"Range": "bytes=2999999990-"})
        assert far.content == bytes((2_999_999_990 + index) % 256 for index in range(10))
        piece = await client.get(first["media"], headers={"Range": "bytes=65530-131080"})
        assert piece.content == bytes((65_530 + index) % 256 for index in range(65_551))
        assert (await client.get(second["media"])).content == b"abc"
    assert amo.sim.message(amo.account, first["id"]).data is None


@given(
    size=st.integers(1, 200_000), first=st.integers(0, 200_000), length=st.integers(0, 200_000), step=st.integers(1000)
)
def test_a_made_file_is_the_same_in_any_pieces(size: int, first: int, length: int, step: int) -> None:
    start = min(first, size)
    stop = min(start + length, size)
    whole = bytes(index % 256 for index in range(256)) * (size // 256 + 1)
    made, given_ = Attachment("file", size=size), Attachment("file", whole[:size])
    assert b"".join(made.read(start, stop, step)) == whole[start:stop]
    assert b"".join(given_.read(start, stop, step)) == whole[start:stop]


async def test_an_album_is_several_hooks_of_one_group(amo: Any) -> None:
    files = [Attachment("picture", bytes([number])) for number in range(3)]
    inner = await attached(amo, *files, text="альбом")
    assert [one["text"] for one in inner] == ["альбом", "", ""]
    assert len({one["media_group_id"] for one in inner}) == 1
    items = amo.sim.history(amo.account, amo.sim.chat(amo.account, "p1-9001").uuid)
    assert [one.data for one in items] == [b"\0", b"\1", b"\2"]
    assert {one.media_group for one in items} == {inner[0]["media_group_id"]}
    assert items[0].at < items[1].at < items[2].at
    history = await amo.signed("GET", f"{amo.scope}/chats/{items[0].chat_uuid}/history")
    assert {one["message"]["media_group_id"] for one in history.json()["messages"]} == {inner[0]["media_group_id"]}


async def test_where_the_group_stands_and_where_the_text_are_switches(amo: Any) -> None:
    files = [Attachment("picture", b"a"), Attachment("file", b"b")]
    amo.switch(media_group="beside", album_text="each")
    inner = await attached(amo, *files, text="два")
    assert [one["text"] for one in inner] == ["два", "два"]
    assert not any("media_group_id" in one for one in inner)
    assert len({one["message"]["media_group_id"] for one in amo.receiver.bodies()}) == 1


async def test_hooks_of_an_album_come_in_any_order_by_a_switch(amo: Any) -> None:
    amo.switch(album_order="shuffled")
    names = [f"{number}.jpg" for number in range(4)]
    inner = await attached(amo, *(Attachment("picture", b"a", name) for name in names))
    assert [one["file_name"] for one in inner] != names
    assert sorted(one["file_name"] for one in inner) == names
    times = [one["message"] for one in amo.receiver.bodies()]
    by_time = sorted(times, key=lambda one: one["msec_timestamp"])
    assert [one["message"]["file_name"] for one in by_time] == names


async def test_a_hook_may_know_neither_name_nor_size(amo: Any) -> None:
    amo.switch(file_facts="empty")
    [hook] = await attached(amo, Attachment("file", b"abc", "a.txt"))
    assert (hook["file_name"], hook["file_size"]) == ("", 0)
    assert amo.sim.message(amo.account, hook["id"]).file_name == "a.txt"


async def test_text_media_and_buttons_in_one_hook(amo: Any) -> None:
    chat = await amo.open_chat()
    buttons = [[{"text": "Да"}, {"text": "Нет"}]]
    file = Attachment("picture", PICTURE)
    amo.sim.answer(amo.account, chat, amo.account.owner, "берём?", attachments=[file], buttons=buttons)
    [hook] = await hooks(amo, 1)
    assert (hook["type"], hook["text"], hook["markup"]["buttons"]) == ("picture", "берём?", buttons)


async def test_what_goes_wrong_on_the_file_host(amo: Any) -> None:
    [hook] = await attached(amo, Attachment("file", bytes(300_000)))
    url, files = hook["media"], amo.sim.files
    async with httpx.AsyncClient() as client:
        files.redirect("https://elsewhere.example/a")
        moved = await client.get(url)
        assert (moved.status_code, moved.headers["location"]) == (302, "https://elsewhere.example/a")
        files.faults.answer("file", status=503)
        assert (await client.get(url)).status_code == 503
        died = files.die(after=70_000)
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url)
        assert died.hits == 1
        files.faults.drop_before("file")
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(url)
        files.hide_length()
        unmeasured = await client.get(url)
        assert "content-length" not in unmeasured.headers
        assert len(unmeasured.content) == 300_000
        slow = files.trickle(50_000, 0.01)
        assert len((await client.get(url)).content) == 300_000
        assert slow.hits == 1
        assert (await client.get(url)).content == bytes(300_000)


async def test_a_file_elsewhere_is_passed_on(amo: Any) -> None:
    [hook] = await attached(amo, Attachment("picture", url="https://drive.example/a.png", name="a.png", claimed_size=9))
    assert (hook["media"], hook["file_name"], hook["file_size"]) == ("https://drive.example/a.png", "a.png", 9)
