"""MediaCalls: files stream out as the Bot API wants them, and a broken upload is never called a failed one."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP

import orjson
import pytest
import trio

from dealgram.gateways.errors import NotSent, OutcomeUnknown, RateLimited, Refused, ServiceFailed
from dealgram.gateways.spool import MEMORY_BYTES, Spool
from dealgram.gateways.telegram import (
    BotBlocked,
    Caption,
    ChatMigrated,
    Key,
    Keyboard,
    OutFile,
    ReplyTo,
    Sent,
    TelegramGateway,
)
from dealgram.gateways.transport import HttpTransport, Upstream

TOKEN = "7000001:AAsecretSecretSecret"
SENT = {"ok": True, "result": {"message_id": 5, "date": 1, "chat": {"id": 1, "type": "private"}}}


@pytest.fixture
def media(server, transport):
    return TelegramGateway(transport, server.base_url).bot(TOKEN).media


def form(seen) -> dict[str, tuple[str | None, bytes]]:
    message = BytesParser(policy=HTTP).parsebytes(
        f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode() + seen.body
    )
    return {
        part.get_param("name", header="content-disposition"): (part.get_filename(), part.get_payload(decode=True))
        for part in message.iter_parts()
    }


def values(seen) -> dict[str, str]:
    return {name: data.decode() for name, (file, data) in form(seen).items() if file is None}


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("photo", "sendPhoto"),
        ("video", "sendVideo"),
        ("animation", "sendAnimation"),
        ("audio", "sendAudio"),
        ("voice", "sendVoice"),
        ("sticker", "sendSticker"),
        ("document", "sendDocument"),
    ],
)
async def test_each_kind_has_its_method(server, media, kind, method):
    server.reply(SENT)
    file = OutFile(kind=kind, name="a.bin", data=Spool.of(b"bytes"))
    assert await media.send(1, file, caption=Caption(text="Подпись")) == Sent(message_id=5, kind=kind)
    seen = server.seen[0]
    assert seen.path == f"/bot{TOKEN}/{method}"
    assert form(seen)[kind] == ("a.bin", b"bytes")
    assert values(seen) == {"chat_id": "1"} | ({} if kind == "sticker" else {"caption": "Подпись"})
    assert seen.headers["content-length"] == str(len(seen.body))
    assert "transfer-encoding" not in seen.headers


async def test_everything_that_can_stand_beside_a_file(server, media):
    server.reply(SENT)
    await media.send(
        -100,
        OutFile(kind="video", name="v.mp4", data=Spool.of(b"v"), mime="video/mp4", facts={"width": 3, "height": 2}),
        caption=Caption(text="Ольга: смотрите", bold=6),
        reply=ReplyTo(message_id=9, quote="кусок", must_exist=True),
        keyboard=Keyboard(rows=((Key(text="Да", data="say:0"), Key(text="Сайт", url="https://example.com")),)),
        thread=7,
        silent=True,
    )
    seen = values(server.seen[0])
    assert orjson.loads(seen.pop("caption_entities")) == [{"type": "bold", "offset": 0, "length": 6}]
    assert orjson.loads(seen.pop("reply_parameters")) == {"message_id": 9, "quote": "кусок"}
    assert orjson.loads(seen.pop("reply_markup")) == {
        "inline_keyboard": [[{"text": "Да", "callback_data": "say:0"}, {"text": "Сайт", "url": "https://example.com"}]]
    }
    assert seen == {
        "chat_id": "-100",
        "caption": "Ольга: смотрите",
        "message_thread_id": "7",
        "disable_notification": "true",
        "width": "3",
        "height": "2",
    }


async def test_the_general_topic_is_no_thread_and_a_reply_may_be_gone(server, media):
    server.reply(SENT)
    await media.send(-100, OutFile(kind="photo", name="p", data=Spool.of(b"p")), reply=ReplyTo(message_id=9), thread=1)
    seen = values(server.seen[0])
    assert "message_thread_id" not in seen
    assert orjson.loads(seen["reply_parameters"]) == {"message_id": 9, "allow_sending_without_reply": True}


async def test_an_album_goes_out_in_order_with_its_captions(server, media):
    server.reply({"ok": True, "result": [{"message_id": number} for number in (11, 12)]})
    files = [
        (OutFile(kind="photo", name="a.jpg", data=Spool.of(b"a")), Caption(text="Обе", bold=0)),
        (OutFile(kind="video", name="Видео.mp4", data=Spool.of(b"b"), facts={"duration": 4}), Caption()),
    ]
    sent = await media.send_album(-1, files, reply=ReplyTo(message_id=3), thread=4)
    assert [one.message_id for one in sent] == [11, 12]
    seen = server.seen[0]
    assert seen.path.endswith("/sendMediaGroup")
    assert orjson.loads(values(seen)["media"]) == [
        {"type": "photo", "media": "attach://file0", "caption": "Обе"},
        {"type": "video", "media": "attach://file1", "duration": 4},
    ]
    found = form(seen)
    assert (found["file0"][1], found["file1"][1]) == (b"a", b"b")


async def test_an_album_of_another_length_is_of_unknown_outcome(server, media):
    server.reply({"ok": True, "result": [{"message_id": 1}]})
    files = [(OutFile(kind="photo", name=name, data=Spool.of(b"x")), Caption()) for name in "ab"]
    with pytest.raises(OutcomeUnknown):
        await media.send_album(1, files)


@pytest.mark.parametrize("body", [b"{}", b"<html>", b'{"ok":true,"result":{"date":1}}', b'{"ok":true,"result":[]}'])
async def test_a_success_that_cannot_be_read_is_of_unknown_outcome(server, media, body):
    server.reply(body)
    with pytest.raises(OutcomeUnknown):
        await media.send(1, OutFile(kind="photo", name="p", data=Spool.of(b"p")))


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"ok": False, "error_code": 400, "description": "Bad Request: IMAGE_PROCESS_FAILED"}, Refused),
        (403, {"ok": False, "description": "Forbidden: bot was blocked by the user"}, BotBlocked),
        (429, {"ok": False, "error_code": 429, "parameters": {"retry_after": 3}}, RateLimited),
        (502, b"<html>Bad Gateway</html>", ServiceFailed),
        (400, {"ok": False, "parameters": {"migrate_to_chat_id": -1005}}, ChatMigrated),
        (413, b"<html>413 Request Entity Too Large</html>", Refused),
    ],
)
async def test_what_telegram_refuses_is_told_as_with_any_other_method(server, media, status, body, error):
    server.reply(body, status=status)
    with pytest.raises(error) as caught:
        await media.send(1, OutFile(kind="photo", name="p", data=Spool.of(b"p")))
    assert TOKEN not in str(caught.value) + repr(caught.value) + repr(media)


async def test_an_upload_that_breaks_off_may_have_arrived(server, media, transport, dead_url):
    file = OutFile(kind="document", name="d", data=Spool.of(b"d" * 1000))
    server.close()
    with pytest.raises(OutcomeUnknown):
        await media.send(1, file)
    assert server.seen[-1].headers["content-length"] == str(len(server.seen[-1].body))
    dead = TelegramGateway(transport, dead_url).bot(TOKEN).media
    with pytest.raises(NotSent):
        await dead.send(1, file)


async def test_a_connection_that_ends_in_the_middle_of_an_upload_leaves_the_outcome_unknown():
    async def hang_up(stream):
        async with stream:
            await stream.receive_some(1000)

    async with trio.open_nursery() as nursery, HttpTransport.open(Upstream(name="t")) as transport:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, hang_up, [listener])
        url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        with Spool() as spool:
            for _ in range(64):
                await spool.write(b"x" * (MEMORY_BYTES // 4))
            with pytest.raises(OutcomeUnknown):
                await (
                    TelegramGateway(transport, url)
                    .bot(TOKEN)
                    .media.send(1, OutFile(kind="document", name="d", data=spool))
                )
        assert transport.statistics().running == 0
        nursery.cancel_scope.cancel()


async def test_a_large_file_is_never_in_memory_as_a_whole(server, media, monkeypatch):
    server.reply(SENT)
    most = 0
    read = Spool.read

    async def watched(self, at, count=64 * 1024):
        nonlocal most
        part = await read(self, at, count)
        most = max(most, len(part))
        return part

    monkeypatch.setattr(Spool, "read", watched)
    with Spool() as spool:
        for number in range(12):
            await spool.write(bytes([number]) * MEMORY_BYTES)
        await media.send(1, OutFile(kind="video", name="v", data=spool))
    assert 0 < most <= 64 * 1024
    assert len(form(server.seen[0])["video"][1]) == 12 * MEMORY_BYTES


async def test_uploads_have_connections_of_their_own(server):
    async with (
        HttpTransport.open(Upstream(name="messages", max_connections=1)) as messages,
        HttpTransport.open(Upstream(name="uploads", max_connections=1)) as uploads,
        trio.open_nursery() as nursery,
    ):
        bot = TelegramGateway(messages, server.base_url, uploads=uploads).bot(TOKEN)
        server.hang()
        nursery.start_soon(bot.media.send, 1, OutFile(kind="photo", name="p", data=Spool.of(b"p")))
        await server.arrived(1)
        server.reply(SENT)
        assert await bot.send_text(1, "не ждёт файла") == 5
        nursery.cancel_scope.cancel()


async def test_a_text_can_quote_and_insist_on_what_it_answers(server, transport):
    server.reply(SENT)
    bot = TelegramGateway(transport, server.base_url).bot(TOKEN)
    await bot.send_text(1, "Да", reply_to=ReplyTo(message_id=4, quote="вопрос", must_exist=True))
    assert server.seen[0].json["reply_parameters"] == {"message_id": 4, "quote": "вопрос"}
