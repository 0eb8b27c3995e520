"""What people send as files, and how bots see and fetch it."""

from __future__ import annotations

import pytest

from dealgram.sandbox import samples
from dealgram.sandbox.schema import ApiSchema
from dealgram.sandbox.telegram import TelegramSimulator, served

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
