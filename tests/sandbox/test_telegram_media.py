"""What people send as files, and how bots see and fetch it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served
from dealgram.sandbox.telegram.file_store import FileStore
from dealgram.sandbox.telegram.sniffing import look

SCHEMA = ApiSchema.load()


class Stage:
    def __init__(self, telegram):
        self.telegram = telegram
        self.sim = telegram.simulator
        self.bot = self.sim.add_bot("Мост", "bridge_bot")
        self.ann, self.bob = self.sim.add_person("Анна", "Иванова"), self.sim.add_person("Борис")

    async def call(self, method, bot=None, **params):
        return await self.telegram.call(bot or self.bot, method, **params)

    async def taken(self, bot=None):
        """The updates that wait, confirmed."""
        found = (await self.call("getUpdates", bot))["result"]
        if found:
            await self.call("getUpdates", bot, offset=found[-1]["update_id"] + 1)
        return found

    async def messages(self, bot=None):
        return [update["message"] for update in await self.taken(bot) if "message" in update]

    async def download(self, file_id, bot=None):
        bot = bot or self.bot
        path = (await self.call("getFile", bot, file_id=file_id))["result"]["file_path"]
        return (await self.telegram.client.get(f"{self.telegram.url}/file/bot{bot.token}/{path}")).content

    def group(self, *bots, kind="supergroup"):
        group = self.sim.create_group("Стройка", self.ann, kind)
        self.sim.add_member(group, self.bob)
        for bot in bots or (self.bot,):
            self.sim.add_member(group, bot)
        return group


@pytest.fixture
async def stage():
    async with served(TelegramSimulator(schema=SCHEMA)) as telegram:
        found = Stage(telegram)
        yield found
        found.sim.assert_clean()


SENT = {
    "photo": samples.jpeg(),
    "video": samples.mp4(),
    "animation": samples.mp4(),
    "document": samples.pdf(),
    "audio": samples.mp3(),
    "voice": samples.ogg_opus(seconds=3),
    "video_note": samples.mp4(),
    "sticker": samples.webp(),
}


@pytest.mark.parametrize("kind", SENT)
async def test_every_kind_of_file_arrives_and_can_be_fetched(stage, kind):
    sent = stage.sim.send_media(stage.ann, stage.bot, kind, SENT[kind], duration=3)
    [seen] = await stage.messages()
    file = seen["photo"][-1] if kind == "photo" else seen[kind]
    assert file["file_size"] == len(SENT[kind])
    assert await stage.download(file["file_id"]) == SENT[kind]
    mine = sent["photo"][-1] if kind == "photo" else sent[kind]
    assert stage.sim.file_bytes(mine["file_id"]) == SENT[kind]
    assert mine["file_id"] != file["file_id"]
    assert mine["file_unique_id"] == file["file_unique_id"]


async def test_a_photo_comes_in_sizes_of_different_files(stage):
    stage.sim.send_media(stage.ann, stage.bot, "photo", samples.jpeg(width=1600, height=400))
    [seen] = await stage.messages()
    sizes = seen["photo"]
    assert [(one["width"], one["height"]) for one in sizes] == [(90, 22), (320, 80), (800, 200), (1280, 320)]
    assert len({one["file_unique_id"] for one in sizes}) == 4
    assert await stage.download(sizes[0]["file_id"]) != await stage.download(sizes[-1]["file_id"])


@pytest.mark.parametrize(
    ("data", "animated", "video"),
    [(samples.webp(), False, False), (samples.tgs(), True, False), (samples.webm(), False, True)],
)
async def test_stickers_tell_what_they_are(stage, data, animated, video):
    stage.sim.send_media(stage.ann, stage.bot, "sticker", data, emoji="😀")
    [seen] = await stage.messages()
    sticker = seen["sticker"]
    assert (sticker["is_animated"], sticker["is_video"], sticker["emoji"]) == (animated, video, "😀")
    assert "thumbnail" in sticker


async def test_an_animation_is_a_document_too(stage):
    stage.sim.send_media(stage.ann, stage.bot, "animation", samples.mp4(), spoiler=True)
    [seen] = await stage.messages()
    assert seen["document"]["file_id"] == seen["animation"]["file_id"]
    assert seen["has_media_spoiler"] is True


async def test_names_types_and_lengths_are_those_of_the_sender_or_the_bytes(stage):
    send = stage.sim.send_media
    send(stage.ann, stage.bot, "document", samples.pdf(), file_name="Смета «июль».pdf", mime_type="application/x-mine")
    send(stage.ann, stage.bot, "document", samples.zip_file(), file_name="")
    send(stage.ann, stage.bot, "voice", samples.ogg_opus(seconds=5))
    send(stage.ann, stage.bot, "video", samples.mp4(width=64, height=48, seconds=3), duration=77)
    named, nameless, voice, video = await stage.messages()
    assert (named["document"]["file_name"], named["document"]["mime_type"]) == (
        "Смета «июль».pdf",
        "application/x-mine",
    )
    assert "file_name" not in nameless["document"]
    assert nameless["document"]["mime_type"] == "application/zip"
    assert (voice["voice"]["duration"], voice["voice"]["mime_type"]) == (5, "audio/ogg")
    assert [video["video"][name] for name in ("width", "height", "duration")] == [64, 48, 77]


async def test_a_file_may_claim_to_be_too_big(stage):
    stage.sim.send_media(stage.ann, stage.bot, "video", samples.mp4(), size=25 * 1024 * 1024)
    [seen] = await stage.messages()
    assert seen["video"]["file_size"] == 25 * 1024 * 1024
    refused = await stage.call("getFile", file_id=seen["video"]["file_id"])
    assert (refused["error_code"], refused["description"]) == (400, "Bad Request: file is too big")


async def test_an_id_is_good_for_one_bot_only(stage):
    other = stage.sim.add_bot("Другой", "other_bot")
    stage.group(stage.bot, other)
    group = stage.sim.chats[0]
    await stage.taken()
    await stage.taken(other)
    stage.sim.send_media(stage.bob, group, "document", samples.pdf())
    [mine], [theirs] = await stage.messages(), await stage.messages(other)
    assert mine["document"]["file_unique_id"] == theirs["document"]["file_unique_id"]
    refused = await stage.call("getFile", other, file_id=mine["document"]["file_id"])
    assert refused["description"] == "Bad Request: wrong file_id or the file is temporarily unavailable"
    assert await stage.download(theirs["document"]["file_id"], other) == samples.pdf()


async def test_captions_and_files_are_edited(stage):
    sent = stage.sim.send_media(stage.ann, stage.bot, "photo", samples.jpeg(), caption="до @bridge_bot")
    stage.sim.edit(stage.ann, stage.bot, sent["message_id"], "после")
    stage.sim.edit_media(stage.ann, stage.bot, sent["message_id"], "photo", samples.jpeg(seed=1))
    stage.sim.edit_media(stage.ann, stage.bot, sent["message_id"], "video", samples.mp4(), caption="видео")
    first, *edits = await stage.taken()
    captions = [update["edited_message"]["caption"] for update in edits]
    assert (first["message"]["caption"], captions) == ("до @bridge_bot", ["после", "после", "видео"])
    assert "caption_entities" not in edits[0]["edited_message"]
    assert edits[0]["edited_message"]["photo"] == first["message"]["photo"]
    assert edits[1]["edited_message"]["photo"][-1]["file_unique_id"] != first["message"]["photo"][-1]["file_unique_id"]
    assert ("photo" in edits[2]["edited_message"], "video" in edits[2]["edited_message"]) == (False, True)


async def test_an_album_is_messages_of_one_group(stage):
    items = [("photo", samples.jpeg()), ("video", samples.mp4()), ("photo", samples.jpeg(seed=2))]
    stage.sim.send_album(stage.ann, stage.bot, items, caption="три")
    seen = await stage.messages()
    assert len({one["media_group_id"] for one in seen}) == 1
    assert [one.get("caption") for one in seen] == ["три", None, None]
    assert [
        await stage.download((one.get("photo") or [one["video"]])[-1]["file_id"]) for one in (seen[0], seen[1])
    ] == [
        items[0][1],
        items[1][1],
    ]


def test_impossible_files_are_mistakes_of_the_caller():
    simulator = TelegramSimulator(schema=SCHEMA)
    bot, ann = simulator.add_bot("Мост", "bridge_bot"), simulator.add_person("Анна")
    text = simulator.write(ann, bot, "слова")["message_id"]
    for act in (
        lambda: simulator.send_media(ann, bot, "hologram", b""),
        lambda: simulator.send_media(ann, bot, "sticker", samples.webp(), caption="нет"),
        lambda: simulator.send_media(ann, bot, "voice", samples.ogg_opus(), spoiler=True),
        lambda: simulator.send_album(ann, bot, [("photo", samples.jpeg())]),
        lambda: simulator.send_album(ann, bot, [("photo", samples.jpeg()), ("document", b"x")]),
        lambda: simulator.send_album(ann, bot, [("voice", samples.ogg_opus())] * 2),
        lambda: simulator.edit_media(ann, bot, text, "photo", samples.jpeg()),
        lambda: simulator.file_bytes("nobody-ever-got-this"),
    ):
        with pytest.raises(ValueError, match=r"."):
            act()


def test_the_oldest_files_of_messages_are_forgotten_when_there_are_too_many():
    store = FileStore(kept_bytes=10)
    lasting = store.add(b"12345678")
    first, second, third = (store.add(b"12345", lasting=False) for _ in range(3))
    ids = [file.id_for(None) for file in (lasting, first, second, third)]
    assert [store.named(None, one) is not None for one in ids] == [True, False, True, True]
    assert store.named(None, "x") is None


@given(st.sampled_from([*SENT.values(), samples.gif(), samples.m4a(), samples.webm(), samples.tgs()]), st.data())
def test_looking_at_broken_files_never_fails(data, draw):
    cut = draw.draw(st.integers(0, min(len(data), 400)))
    junk = draw.draw(st.binary(max_size=40))
    seen = look(data[:cut] + junk)
    assert min(seen.width, seen.height, seen.duration) >= 0
