"""What bots send as files: uploads, ids, limits, what Telegram makes of formats."""

from __future__ import annotations

import struct
import zlib

import orjson
import pytest

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served
from dealgram.sandbox.telegram.uploads import FILE_BYTES, PHOTO_BYTES

SCHEMA = ApiSchema.load()
needs_schema = pytest.mark.skipif(SCHEMA is None, reason="no description of the Bot API beside the repository")


class Stage:
    """A bot that uploads by multipart, and Anna, who has started it."""

    def __init__(self, telegram):
        self.telegram, self.sim = telegram, telegram.simulator
        self.bot = self.sim.add_bot("Мост", "bridge_bot")
        self.ann = self.sim.add_person("Анна")
        self.sim.write(self.ann, self.bot, "/start")
        self.chat = self.sim.private_chat(self.ann, self.bot)

    async def call(self, method, bot=None, **params):
        return await self.telegram.call(bot or self.bot, method, **{"chat_id": self.ann.id, **params})

    async def upload(self, method, files, **params):
        fields = {"chat_id": self.ann.id, **params}
        form = {
            name: value if isinstance(value, str) else orjson.dumps(value).decode() for name, value in fields.items()
        }
        answer = await self.telegram.client.post(
            f"{self.telegram.url}/bot{self.bot.token}/{method}", data=form, files=files
        )
        return answer.json()

    async def photo(self, data=None, **params):
        return await self.upload("sendPhoto", {"photo": ("a.jpg", data or samples.jpeg())}, **params)

    async def fetched(self, file_id, bot=None):
        bot = bot or self.bot
        answer = await self.telegram.call(bot, "getFile", file_id=file_id)
        url = f"{self.telegram.url}/file/bot{bot.token}/{answer['result']['file_path']}"
        return (await self.telegram.client.get(url)).content


@pytest.fixture
async def stage():
    async with served(TelegramSimulator(schema=SCHEMA)) as telegram:
        yield Stage(telegram)


SENT = {
    "sendPhoto": ("photo", "a.png", samples.png(), "photo"),
    "sendVideo": ("video", "a.mp4", samples.mp4(), "video"),
    "sendAnimation": ("animation", "a.gif", samples.gif(), "animation"),
    "sendDocument": ("document", "a.pdf", samples.pdf(), "document"),
    "sendAudio": ("audio", "a.mp3", samples.mp3(), "audio"),
    "sendVoice": ("voice", "a.ogg", samples.ogg_opus(seconds=2), "voice"),
    "sendVideoNote": ("video_note", "a.mp4", samples.mp4(width=96, height=96), "video_note"),
    "sendSticker": ("sticker", "a.tgs", samples.tgs(), "sticker"),
}


@pytest.mark.parametrize("method", SENT)
async def test_every_method_sends_its_kind_and_the_file_can_be_sent_again(stage, method):
    field, name, data, kind = SENT[method]
    sent = (await stage.upload(method, {field: (name, data)}))["result"]
    file = sent["photo"][-1] if kind == "photo" else sent[kind]
    assert await stage.fetched(file["file_id"]) == data
    assert file["file_size"] == len(data)
    again = (await stage.call(method, **{field: file["file_id"]}))["result"]
    assert (again["photo"][-1] if kind == "photo" else again[kind]) == file
    shown = stage.sim.history(stage.chat)[-1]
    seen = shown["photo"][-1] if kind == "photo" else shown[kind]
    assert stage.sim.file_bytes(seen["file_id"]) == data
    stage.sim.assert_clean()


async def test_a_file_named_by_another_parameter_is_found_and_an_unused_one_is_a_violation(stage):
    sent = await stage.upload("sendPhoto", {"x": ("a.jpg", samples.jpeg())}, photo="attach://x")
    assert sent["ok"]
    stage.sim.assert_clean()
    lost = await stage.upload("sendPhoto", {"x": ("a.jpg", samples.jpeg())}, photo="attach://y")
    assert lost["error_code"] == 400
    assert len(stage.sim.violations) == 1
    missing = await stage.call("sendPhoto", photo="attach://y")
    assert missing["description"] == "Bad Request: there is no photo in the request"
    assert len(stage.sim.violations) == 2


@pytest.mark.parametrize(
    ("method", "field", "data", "becomes"),
    [
        ("sendVoice", "voice", samples.mp3(), "voice"),
        ("sendVoice", "voice", samples.m4a(), "voice"),
        ("sendVoice", "voice", b"RIFF....WAVEfmt ", "document"),
        ("sendAudio", "audio", samples.ogg_opus(), "document"),
        ("sendVideo", "video", samples.webm(), "document"),
        ("sendAnimation", "animation", samples.mp4(), "animation"),
        ("sendVideoNote", "video_note", samples.mp4(), "video"),
        ("sendVideoNote", "video_note", samples.mp4(width=64, height=64, seconds=61), "video"),
        ("sendSticker", "sticker", samples.jpeg(), "document"),
        ("sendSticker", "sticker", samples.webm(), "sticker"),
        ("sendDocument", "document", samples.gif(), "animation"),
        ("sendDocument", "document", samples.mp3(), "audio"),
        ("sendDocument", "document", samples.jpeg(), "document"),
    ],
)
async def test_telegram_looks_at_the_bytes(stage, method, field, data, becomes):
    sent = (await stage.upload(method, {field: ("file", data)}))["result"]
    assert becomes in sent
    kept = await stage.upload("sendDocument", {"document": ("f", data)}, disable_content_type_detection="true")
    assert "document" in kept["result"]
    assert "animation" not in kept["result"]
    stage.sim.assert_clean()


def huge_png(width, height):
    """The header of a picture of these sides; nobody looks further."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    crc = zlib.crc32(b"IHDR" + head)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + b"IHDR" + head + struct.pack(">I", crc)


@pytest.mark.parametrize(
    ("width", "height", "fits"), [(5000, 5000, True), (5001, 5000, False), (2000, 100, True), (2001, 100, False)]
)
async def test_the_sides_of_photos_are_limited(stage, width, height, fits):
    answer = await stage.photo(huge_png(width, height))
    assert answer["ok"] is fits
    if not fits:
        assert answer["description"] == "Bad Request: PHOTO_INVALID_DIMENSIONS"
    stage.sim.assert_clean()


async def test_what_is_no_picture_is_no_photo(stage):
    answer = await stage.photo(b"no picture at all")
    assert answer["description"] == "Bad Request: IMAGE_PROCESS_FAILED"
    stage.sim.assert_clean()


async def test_sizes_are_limited(stage):
    big = samples.jpeg() + bytes(PHOTO_BYTES)
    answer = await stage.photo(big)
    assert answer["description"].endswith(f"is too big for a photo; the maximum size is {PHOTO_BYTES} bytes")
    as_document = await stage.upload("sendDocument", {"document": ("a.jpg", big)})
    assert as_document["result"]["document"]["file_size"] == len(big)
    too_big = await stage.upload("sendDocument", {"document": ("a.bin", bytes(FILE_BYTES + 1))})
    assert (too_big["error_code"], too_big["description"]) == (413, "Request Entity Too Large")
    empty = await stage.upload("sendDocument", {"document": ("a.bin", b"")})
    assert empty["description"] == "Bad Request: file must be non-empty"
    assert len(stage.sim.violations) == 3


async def test_a_server_of_ones_own_takes_and_names_big_files(stage, tmp_path):
    stage.sim.switches.local_files = tmp_path
    sent = await stage.upload("sendDocument", {"document": ("a.bin", bytes(FILE_BYTES + 1))})
    assert sent["ok"]
    huge = stage.sim.send_media(stage.ann, stage.bot, "video", samples.mp4(), size=30 * 1024 * 1024)
    update = (await stage.call("getUpdates", chat_id=None))["result"][-1]
    file_id = update["message"]["video"]["file_id"]
    path = (await stage.telegram.call(stage.bot, "getFile", file_id=file_id))["result"]["file_path"]
    assert path.startswith(str(tmp_path))
    with open(path, "rb") as file:  # noqa: ASYNC230 - a test
        content = file.read()
    assert content.startswith(samples.mp4())
    assert len(content) == huge["video"]["file_size"] == 30 * 1024 * 1024
    by_path = await stage.call("sendVideo", video=f"file://{path}")
    assert by_path["ok"]


async def test_ids_belong_to_one_bot_and_one_class_of_files(stage):
    other = stage.sim.add_bot("Другой", "other_bot")
    stage.sim.write(stage.ann, other, "/start")
    photo = (await stage.photo())["result"]["photo"]
    small = await stage.call("sendPhoto", photo=photo[0]["file_id"])
    assert small["result"]["photo"][-1]["file_id"] == photo[-1]["file_id"]
    stage.sim.assert_clean()
    foreign = await stage.call("sendPhoto", other, photo=photo[-1]["file_id"])
    assert foreign["description"] == "Bad Request: wrong file identifier/HTTP URL specified"
    as_document = await stage.call("sendDocument", document=photo[-1]["file_id"])
    assert as_document["description"] == "Bad Request: can't use file of type Photo as Document"
    assert len(stage.sim.violations) == 2


async def test_captions_are_counted_after_parsing(stage):
    fits = await stage.photo(caption="<b>" + "я" * 1024 + "</b>", parse_mode="HTML", show_caption_above_media="true")
    assert len(fits["result"]["caption"]) == 1024
    assert fits["result"]["caption_entities"] == [{"type": "bold", "offset": 0, "length": 1024}]
    assert fits["result"]["show_caption_above_media"] is True
    stage.sim.assert_clean()
    over = await stage.photo(caption="<b>" + "я" * 1025 + "</b>", parse_mode="HTML")
    assert over["description"] == "Bad Request: message caption is too long"
    assert len(stage.sim.violations) == 1


async def test_the_log_keeps_no_bytes(stage):
    await stage.photo()
    [call] = stage.sim.requests
    assert (call.params["photo"].name, call.params["photo"].size, call.params["photo"].data) == (
        "a.jpg",
        len(samples.jpeg()),
        b"",
    )


async def test_thumbnails_are_jpegs_of_limited_size_or_ignored(stage):
    good = {"document": ("a.pdf", samples.pdf()), "thumbnail": ("t.jpg", samples.jpeg())}
    sent = (await stage.upload("sendDocument", good))["result"]["document"]
    assert await stage.fetched(sent["thumbnail"]["file_id"]) == samples.jpeg()
    bad = {"document": ("a.pdf", samples.pdf()), "thumbnail": ("t.png", samples.png())}
    assert "thumbnail" not in (await stage.upload("sendDocument", bad))["result"]["document"]


async def test_a_person_may_take_no_voice(stage):
    stage.sim.refuse_voice(stage.ann)
    refused = await stage.upload("sendVoice", {"voice": ("a.ogg", samples.ogg_opus())})
    assert refused["description"] == "Bad Request: VOICE_MESSAGES_FORBIDDEN"
    assert (await stage.photo())["ok"]


async def test_points_and_cards(stage):
    location = (await stage.call("sendLocation", latitude=55.75, longitude=37.62))["result"]["location"]
    assert location == {"latitude": 55.75, "longitude": 37.62}
    venue = (await stage.call("sendVenue", latitude=1.5, longitude=2.5, title="Кафе", address="Мира, 1"))["result"]
    assert (venue["venue"]["title"], venue["location"]["latitude"]) == ("Кафе", 1.5)
    contact = (await stage.call("sendContact", phone_number="+79990001122", first_name="Анна"))["result"]["contact"]
    assert contact == {"phone_number": "+79990001122", "first_name": "Анна"}
    stage.sim.assert_clean()
